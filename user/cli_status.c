/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `status`, `service list` and `service show` for people: one screen, what is wrong
 * in colour.
 */
#include "cli.h"

#include <string.h>

#include "cli_doc.h"

#define LIST_MAX 1024

static void head_view(struct cli *cli, const json_t *doc)
{
	bool is_ok = doc_is_true(doc, "config.ok");
	const char *loaded = doc_text(doc, "config.loaded");
	char age[OUT_FORMAT_MAX];

	out_text(&cli->out, OUT_HEAD, "mxlb %s", doc_text(doc, "version"));
	out_text(&cli->out, OUT_PLAIN, "  up %s\nconfig: %s ",
		 out_age(doc_number(doc, "uptime_seconds"), age), doc_text(doc, "config.path"));
	out_text(&cli->out, is_ok ? OUT_GOOD : OUT_BAD, "%s",
		 is_ok ? "ok" : "refused at the last reload");
	out_text(&cli->out, OUT_PLAIN, "%s%s\n", *loaded ? ", in force since " : "", loaded);
}

static void interfaces_view(struct cli *cli, const json_t *interfaces)
{
	const json_t *item;
	size_t i;

	json_array_foreach (interfaces, i, item) {
		const char *note = doc_text(item, "note");

		out_text(&cli->out, OUT_PLAIN, "interface: %s %s%s%s%s\n", doc_text(item, "name"),
			 doc_text(item, "datapath"), *note ? " (" : "", note, *note ? ")" : "");
	}
}

/* "mx-in  up  192.0.2.25:25, [2001:db8::25]:25" and what it does and has, below. */
static void service_head(struct cli *cli, const json_t *service)
{
	const char *state = doc_text(service, "state");
	char vips[LIST_MAX];

	out_text(&cli->out, OUT_HEAD, "%s", doc_text(service, "name"));
	out_text(&cli->out, OUT_PLAIN, "  ");
	out_text(&cli->out, doc_colour(state), "%s", state);
	out_text(&cli->out, OUT_PLAIN, "  %s\n",
		 doc_join(service, "vips", ", ", vips, sizeof(vips)));
	out_text(&cli->out, OUT_PLAIN, "%s, %s; %lld open, %lld total, %lld refused\n",
		 doc_text(service, "forward"), doc_text(service, "scheduler"),
		 doc_integer(service, "connections.open"),
		 doc_integer(service, "connections.total"),
		 doc_integer(service, "connections.refused"));
	if (doc_is_true(service, "fail_open"))
		out_text(&cli->out, OUT_WARN,
			 "fail-open: all backends are down, so all are tried\n");
}

void cli_view_service(struct cli *cli, const json_t *doc)
{
	service_head(cli, doc);
	cli_backend_table(cli, doc_get(doc, "backends"), false);
}

void cli_view_status(struct cli *cli, const json_t *doc)
{
	const json_t *service;
	size_t i;

	head_view(cli, doc);
	interfaces_view(cli, doc_get(doc, "interfaces"));
	out_text(&cli->out, OUT_PLAIN, "flows: %lld established, %lld half open, room for %lld\n",
		 doc_integer(doc, "flows.established"), doc_integer(doc, "flows.half_open"),
		 doc_integer(doc, "flows.max"));
	json_array_foreach (doc_get(doc, "services"), i, service) {
		out_text(&cli->out, OUT_PLAIN, "\n");
		cli_view_service(cli, service);
	}
}

static size_t serving_count(const json_t *service)
{
	const json_t *backend;
	size_t i, n = 0;

	json_array_foreach (doc_get(service, "backends"), i, backend)
		n += doc_is_true(backend, "serving");
	return n;
}

void cli_view_services(struct cli *cli, const json_t *doc)
{
	static const struct out_column columns[] = {
		{"SERVICE", false}, {"VIP", false}, {"STATE", false}, {"SERVING", true},
		{"PREF", true},	    {"OPEN", true}, {"TOTAL", true},  {"REFUSED", true}};
	struct out_table *table = out_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	const json_t *service;
	char vips[LIST_MAX];
	size_t i;

	json_array_foreach (doc, i, service) {
		const char *state = doc_text(service, "state");

		out_cell(table, OUT_HEAD, "%s", doc_text(service, "name"));
		out_cell(table, OUT_PLAIN, "%s",
			 doc_join(service, "vips", "\n", vips, sizeof(vips)));
		out_cell(table, doc_colour(state), "%s%s", state,
			 doc_is_true(service, "fail_open") ? "\nfail-open" : "");
		out_cell(table, OUT_PLAIN, "%zu/%zu", serving_count(service),
			 json_array_size(doc_get(service, "backends")));
		if (doc_has_number(service, "active_preference"))
			out_cell(table, OUT_PLAIN, "%lld",
				 doc_integer(service, "active_preference"));
		else
			out_cell(table, OUT_PLAIN, "-");
		out_cell(table, OUT_PLAIN, "%lld", doc_integer(service, "connections.open"));
		out_cell(table, OUT_PLAIN, "%lld", doc_integer(service, "connections.total"));
		out_cell(table, OUT_PLAIN, "%lld", doc_integer(service, "connections.refused"));
	}
	out_table_end(table, &cli->out);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backends for people: as a table, one in full, and what a change of the operator
 * means.
 */
#include "cli.h"

#include <string.h>

#include "cli_doc.h"

#define LIST_MAX 256

/* Like the head of cli_backend_table. */
static const struct out_column columns[] = {
	{"SERVICE", false}, {"BACKEND", false}, {"ADDRESS", false}, {"PREF", true},
	{"WEIGHT", true},   {"ADMIN", false},	{"HEALTH", false},  {"OPEN", true},
	{"TOTAL", true},    {"GREETING", true},
};

/* "100", or "0/100" where it is not what the configuration says. */
static void weight_cell(struct out_table *table, const json_t *backend)
{
	long long effective = doc_integer(backend, "weight.effective");
	long long configured = doc_integer(backend, "weight.configured");

	if (effective == configured)
		out_cell(table, OUT_PLAIN, "%lld", effective);
	else
		out_cell(table, OUT_WARN, "%lld/%lld", effective, configured);
}

static void health_cell(struct out_table *table, const json_t *backend)
{
	const char *state = doc_text(backend, "health.state");
	const char *reason = doc_text(backend, "health.reason");
	bool is_ok = !strcmp(reason, "ok");

	out_cell(table, doc_colour(state), "%s%s%s", state, is_ok ? "" : "\n", is_ok ? "" : reason);
}

static void open_cell(struct out_table *table, const json_t *backend)
{
	long long open = doc_integer(backend, "connections.open");
	long long limit = doc_integer(backend, "connections.limit");

	if (limit > 0)
		out_cell(table, open >= limit ? OUT_WARN : OUT_PLAIN, "%lld/%lld", open, limit);
	else
		out_cell(table, OUT_PLAIN, "%lld", open);
}

static void greeting_cell(struct out_table *table, const json_t *backend)
{
	char delay[OUT_FORMAT_MAX];

	if (doc_has_number(backend, "probe.greeting_seconds"))
		out_cell(table, OUT_PLAIN, "%s",
			 out_delay(doc_number(backend, "probe.greeting_seconds"), delay));
	else
		out_cell(table, OUT_PLAIN, "-");
}

void cli_backend_table(struct cli *cli, const json_t *backends, bool with_service)
{
	struct out_table *table = out_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	const json_t *backend;
	char addresses[LIST_MAX];
	size_t i;

	json_array_foreach (backends, i, backend) {
		const char *admin = doc_text(backend, "admin.state");

		out_cell(table, OUT_PLAIN, "%s", with_service ? doc_text(backend, "service") : "");
		out_cell(table, OUT_HEAD, "%s", doc_text(backend, "name"));
		out_cell(table, OUT_PLAIN, "%s",
			 doc_join(backend, "addresses", "\n", addresses, sizeof(addresses)));
		out_cell(table, OUT_PLAIN, "%lld", doc_integer(backend, "preference"));
		weight_cell(table, backend);
		out_cell(table, doc_colour(admin), "%s", admin);
		health_cell(table, backend);
		open_cell(table, backend);
		out_cell(table, OUT_PLAIN, "%lld", doc_integer(backend, "connections.total"));
		greeting_cell(table, backend);
	}
	out_table_end(table, &cli->out);
}

void cli_view_backends(struct cli *cli, const json_t *doc)
{
	const char *first = doc_text(json_array_get(doc, 0), "service");
	bool is_mixed = false;
	const json_t *backend;
	size_t i;

	json_array_foreach (doc, i, backend)
		is_mixed |= strcmp(doc_text(backend, "service"), first) != 0;
	cli_backend_table(cli, doc, is_mixed);
}

/* ---- backend show ---------------------------------------------------------- */

static void state_rows(struct out_table *table, const json_t *backend)
{
	const char *health = doc_text(backend, "health.state");
	const char *admin = doc_text(backend, "admin.state"), *by = doc_text(backend, "admin.by");
	const char *since = doc_text(backend, "admin.since");
	const char *message = doc_text(backend, "admin.message");

	out_cell(table, OUT_PLAIN, "admin");
	out_cell(table, doc_colour(admin), "%s%s%s%s%s%s%s", admin, *by ? " by " : "", by,
		 *since ? " since " : "", since, *message ? ": " : "", message);
	out_cell(table, OUT_PLAIN, "health");
	out_cell(table, doc_colour(health), "%s (%s) since %s", health,
		 doc_text(backend, "health.reason"), doc_text(backend, "health.since"));
	out_cell(table, OUT_PLAIN, "serving");
	out_cell(table, OUT_PLAIN, "%s", doc_is_true(backend, "serving") ? "yes" : "no");
}

static void family_rows(struct out_table *table, const json_t *families)
{
	const char *family;
	json_t *item;

	json_object_foreach ((json_t *)families, family, item) {
		const char *state = doc_text(item, "state");

		out_cell(table, OUT_PLAIN, "IPv%s", family);
		out_cell(table, doc_colour(state), "%s (%s), %sserving, %lld open", state,
			 doc_text(item, "reason"), doc_is_true(item, "serving") ? "" : "not ",
			 doc_integer(item, "open"));
	}
}

static void probe_row(struct out_table *table, const json_t *backend)
{
	char delay[OUT_FORMAT_MAX] = "none";

	out_cell(table, OUT_PLAIN, "last probe");
	if (!*doc_text(backend, "probe.last")) {
		out_cell(table, OUT_PLAIN, "none yet");
		return;
	}
	if (doc_has_number(backend, "probe.greeting_seconds"))
		out_delay(doc_number(backend, "probe.greeting_seconds"), delay);
	out_cell(table, OUT_PLAIN, "%s at %s, code %lld, greeting %s",
		 doc_is_true(backend, "probe.ok") ? "ok" : "failed",
		 doc_text(backend, "probe.last"), doc_integer(backend, "probe.code"), delay);
}

static void backend_view(struct cli *cli, const json_t *backend)
{
	static const struct out_column pairs[2];
	struct out_table *table = out_table_new(pairs, 2);
	char text[LIST_MAX];

	out_text(&cli->out, OUT_HEAD, "%s/%s\n", doc_text(backend, "service"),
		 doc_text(backend, "name"));
	out_cell(table, OUT_PLAIN, "address");
	out_cell(table, OUT_PLAIN, "%s", doc_join(backend, "addresses", ", ", text, sizeof(text)));
	out_cell(table, OUT_PLAIN, "preference");
	out_cell(table, OUT_PLAIN, "%lld", doc_integer(backend, "preference"));
	out_cell(table, OUT_PLAIN, "weight");
	out_cell(table, OUT_PLAIN, "%lld, configured %lld",
		 doc_integer(backend, "weight.effective"),
		 doc_integer(backend, "weight.configured"));
	state_rows(table, backend);
	family_rows(table, doc_get(backend, "families"));
	out_cell(table, OUT_PLAIN, "connections");
	if (doc_integer(backend, "connections.limit") > 0)
		(void)snprintf(text, sizeof(text), "%lld",
			       doc_integer(backend, "connections.limit"));
	else
		(void)snprintf(text, sizeof(text), "none");
	out_cell(table, OUT_PLAIN, "%lld open, limit %s, %lld total",
		 doc_integer(backend, "connections.open"), text,
		 doc_integer(backend, "connections.total"));
	probe_row(table, backend);
	out_table_end(table, &cli->out);
}

void cli_view_backend(struct cli *cli, const json_t *doc)
{
	const json_t *backend;
	size_t i;

	json_array_foreach (doc, i, backend) {
		if (i)
			out_text(&cli->out, OUT_PLAIN, "\n");
		backend_view(cli, backend);
	}
}

/* ---- drain, maint, ready, weight ------------------------------------------- */

/* People mix up drain and maint: say what happens. */
static const char *admin_meaning(const char *admin, long long weight)
{
	if (!strcmp(admin, "drain"))
		return "no new connections; open ones go on, probes go on";
	if (!strcmp(admin, "maint"))
		return "no new connections; open ones go on, probes stop";
	if (!strcmp(admin, "removed"))
		return "no longer in the configuration; open connections go on";
	return weight ? "takes new connections when its turn comes"
		      : "takes no new connections now";
}

static void dry_view(struct cli *cli, const json_t *doc)
{
	const json_t *change;
	size_t i;

	json_array_foreach (doc_get(doc, "changes"), i, change)
		out_text(&cli->out, OUT_PLAIN, "dry run: %s/%s: %s\n", doc_text(change, "service"),
			 doc_text(change, "backend"), doc_text(change, "text"));
}

void cli_view_changed(struct cli *cli, const json_t *doc)
{
	const json_t *backend;
	size_t i;

	if (doc_is_true(doc, "dry_run"))
		dry_view(cli, doc);
	json_array_foreach (doc, i, backend) {
		const char *admin = doc_text(backend, "admin.state");
		long long weight = doc_integer(backend, "weight.effective");

		out_text(&cli->out, OUT_PLAIN, "%s/%s: ", doc_text(backend, "service"),
			 doc_text(backend, "name"));
		out_text(&cli->out, doc_colour(admin), "%s", admin);
		out_text(&cli->out, OUT_PLAIN, ", weight %lld of %lld, %lld open: %s\n", weight,
			 doc_integer(backend, "weight.configured"),
			 doc_integer(backend, "connections.open"), admin_meaning(admin, weight));
	}
}

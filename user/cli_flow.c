/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows for people: who is connected to which backend, and for how long.
 */
#include "cli.h"

#include <string.h>

#include "cli_doc.h"

static const struct out_column columns[] = {
	{"SERVICE", false}, {"CLIENT", false}, {"VIP", false}, {"BACKEND", false}, {"STATE", false},
	{"AGE", true},	    {"IDLE", true},    {"IN", true},   {"OUT", true},	   {"CODE", true},
};

static void flow_row(struct out_table *table, const json_t *flow, bool with_service)
{
	char text[OUT_FORMAT_MAX];

	out_cell(table, OUT_PLAIN, "%s", with_service ? doc_text(flow, "service") : "");
	out_cell(table, OUT_PLAIN, "%s", doc_text(flow, "client"));
	out_cell(table, OUT_PLAIN, "%s", doc_text(flow, "vip"));
	out_cell(table, OUT_HEAD, "%s", doc_text(flow, "backend"));
	out_cell(table, OUT_PLAIN, "%s", doc_text(flow, "state"));
	out_cell(table, OUT_PLAIN, "%s", out_age(doc_number(flow, "age_seconds"), text));
	out_cell(table, OUT_PLAIN, "%s", out_age(doc_number(flow, "idle_seconds"), text));
	out_cell(table, OUT_PLAIN, "%s", out_bytes(doc_number(flow, "bytes_in"), text));
	out_cell(table, OUT_PLAIN, "%s", out_bytes(doc_number(flow, "bytes_out"), text));
	if (doc_integer(flow, "greeting") > 0)
		out_cell(table, OUT_PLAIN, "%lld", doc_integer(flow, "greeting"));
	else
		out_cell(table, OUT_PLAIN, "%s", "");
}

void cli_view_flows(struct cli *cli, const json_t *doc)
{
	struct out_table *table = out_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	const char *first = doc_text(json_array_get(doc, 0), "service");
	bool is_mixed = false;
	const json_t *flow;
	size_t i;

	json_array_foreach (doc, i, flow)
		is_mixed |= strcmp(doc_text(flow, "service"), first) != 0;
	json_array_foreach (doc, i, flow)
		flow_row(table, flow, is_mixed);
	out_table_end(table, &cli->out);
}

void cli_view_count(struct cli *cli, const json_t *doc)
{
	out_text(&cli->out, OUT_PLAIN, "%lld\n", doc_integer(doc, "count"));
}

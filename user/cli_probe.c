/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes for people: the dialogue where -v asks for it, then the outcome.
 */
#include "cli.h"

#include <string.h>

#include "cli_doc.h"

static void dialogue_view(struct cli *cli, const json_t *dialogue)
{
	const json_t *line;
	size_t i;

	json_array_foreach (dialogue, i, line) {
		const char *from = doc_text(line, "from");
		const char *arrow = !strcmp(from, "server")   ? "<"
				    : !strcmp(from, "client") ? ">"
							      : from;

		out_text(&cli->out, OUT_PLAIN, "  %.3f  %s %s\n", doc_number(line, "seconds"),
			 arrow, doc_text(line, "text"));
	}
}

/* "mx-in/mx1 10.0.0.11:25: ok, code 220, greeting 1.6 ms, all 4.1 ms" */
static void probe_view(struct cli *cli, const json_t *probe)
{
	bool is_ok = doc_is_true(probe, "ok");
	char delay[OUT_FORMAT_MAX];

	if (cli->args.option[OPTION_VERBOSE].is_set)
		dialogue_view(cli, doc_get(probe, "dialogue"));
	out_text(&cli->out, OUT_PLAIN, "%s/%s %s: ", doc_text(probe, "service"),
		 doc_text(probe, "backend"), doc_text(probe, "address"));
	out_text(&cli->out, is_ok ? OUT_GOOD : OUT_BAD, "%s%s",
		 is_ok ? "" : "failed: ", doc_text(probe, "reason"));
	if (doc_integer(probe, "code") > 0)
		out_text(&cli->out, OUT_PLAIN, ", code %lld", doc_integer(probe, "code"));
	if (doc_has_number(probe, "greeting_seconds"))
		out_text(&cli->out, OUT_PLAIN, ", greeting %s",
			 out_delay(doc_number(probe, "greeting_seconds"), delay));
	out_text(&cli->out, OUT_PLAIN, ", all %s\n",
		 out_delay(doc_number(probe, "duration_seconds"), delay));
}

void cli_view_probes(struct cli *cli, const json_t *doc)
{
	const json_t *probe;
	size_t i;

	if (json_is_object(doc))
		probe_view(cli, doc);
	json_array_foreach (doc, i, probe)
		probe_view(cli, probe);
}

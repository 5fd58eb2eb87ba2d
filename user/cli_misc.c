/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `metrics` and `version`.
 */
#include "cli.h"

#include "cli_doc.h"

/* Prometheus' text goes out as it is: {"text": "..."} or the string alone. */
void cli_view_metrics(struct cli *cli, const json_t *doc)
{
	const char *text = json_is_string(doc) ? json_string_value(doc) : doc_text(doc, "text");

	out_text(&cli->out, OUT_PLAIN, "%s", text);
}

static void version_view(struct cli *cli, const json_t *doc)
{
	out_text(&cli->out, OUT_PLAIN, "mxlbd %s, ABI %lld, kernel %s, libbpf %s\n",
		 doc_text(doc, "version"), doc_integer(doc, "abi"), doc_text(doc, "kernel"),
		 doc_text(doc, "libbpf"));
}

/* Own version first, so that it is there when the daemon is not. */
enum mxlb_exit cli_version(struct cli *cli)
{
	json_t *request = cli_request(&cli->args), *own;
	struct ctl_answer reply = {0};
	enum mxlb_exit code;

	if (!cli->is_json && !cli->is_quiet)
		out_text(&cli->out, OUT_PLAIN, "mxlbctl %s\n", MXLB_VERSION);
	code = cli_ask(cli, request, false, &reply);
	cli_print(cli, reply.data, version_view);
	if (cli->is_json && code == MXLB_EXIT_UNREACHABLE) {
		own = json_pack("{s:s}", "version", MXLB_VERSION);
		cli_print(cli, own, NULL);
		json_decref(own);
	}
	ctl_answer_free(&reply);
	json_decref(request);
	return code;
}

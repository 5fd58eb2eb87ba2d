/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands of mxlbctl share: the parsed line, where to print, whom to ask.
 * cli_run finds a command's functions in one table; most have only a view, which
 * says for people what the JSON document says for programs.
 */
#ifndef CLI_H
#define CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "cli_args.h"
#include "ctl_client.h"
#include "mxlb/ctl.h"
#include "out.h"

#define CLI_CONFIG "/etc/mxlb/mxlb.yaml"

struct cli {
	struct cli_args args;
	struct ctl_client client;
	struct out out;
	bool is_json, is_quiet;
};

/* Does what the parsed line says; the exit code is main's. */
enum mxlb_exit cli_run(struct cli *cli);
/* The request of a line: its words, arguments and options. NULL: not UTF-8. */
json_t *cli_request(const struct cli_args *args);
/* Asks, and prints what goes wrong; a reply must be freed. A verb that is slow by nature
 * is preceded by a quick request, so that a dead daemon is noticed at once. */
enum mxlb_exit cli_ask(struct cli *cli, const json_t *request, bool is_slow,
		       struct ctl_answer *reply);
/* Prints the document: as JSON with -j, through `view` without, not at all with -q. */
void cli_print(struct cli *cli, const json_t *doc, void (*view)(struct cli *, const json_t *));
/* "mxlbctl: ..." on stderr; lines that name a place in a file go without the prefix. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Views. `doc` is what the daemon says and may lack anything. */
void cli_view_status(struct cli *cli, const json_t *doc);
void cli_view_services(struct cli *cli, const json_t *doc);
void cli_view_service(struct cli *cli, const json_t *doc);
void cli_view_backends(struct cli *cli, const json_t *doc);
void cli_view_backend(struct cli *cli, const json_t *doc);
void cli_view_changed(struct cli *cli, const json_t *doc);
void cli_view_flows(struct cli *cli, const json_t *doc);
void cli_view_count(struct cli *cli, const json_t *doc);
void cli_view_probes(struct cli *cli, const json_t *doc);
void cli_view_diff(struct cli *cli, const json_t *doc);
void cli_view_reload(struct cli *cli, const json_t *doc);
void cli_view_metrics(struct cli *cli, const json_t *doc);
void cli_view_tree(struct cli *cli, const json_t *doc);

/* Commands that are more than a request and its view. */
enum mxlb_exit cli_drain(struct cli *cli);
enum mxlb_exit cli_config_check(struct cli *cli);
enum mxlb_exit cli_config_diff(struct cli *cli);
enum mxlb_exit cli_version(struct cli *cli);

/* With the service's name where `with_service`. */
void cli_backend_table(struct cli *cli, const json_t *backends, bool with_service);

#endif

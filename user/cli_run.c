/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a parsed line to what is done: most commands are a request to the daemon
 * and a view of its answer. Errors of the daemon and of the way to it end here.
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* Probes may be configured to take 5 minutes, and a backend may have two addresses. */
#define SLOW_ANSWER_MS (11u * 60 * 1000)

/* `run` where there is one, else a request and `view`. */
static const struct {
	enum mxlb_exit (*run)(struct cli *cli);
	void (*view)(struct cli *cli, const json_t *doc);
} commands[VERB_COUNT] = {
	[VERB_STATUS] = {NULL, cli_view_status},
	[VERB_SERVICE_LIST] = {NULL, cli_view_services},
	[VERB_SERVICE_SHOW] = {NULL, cli_view_service},
	[VERB_BACKEND_LIST] = {NULL, cli_view_backends},
	[VERB_BACKEND_SHOW] = {NULL, cli_view_backend},
	[VERB_BACKEND_DRAIN] = {cli_drain, NULL},
	[VERB_BACKEND_MAINT] = {NULL, cli_view_changed},
	[VERB_BACKEND_READY] = {NULL, cli_view_changed},
	[VERB_BACKEND_WEIGHT] = {NULL, cli_view_changed},
	[VERB_FLOW_LIST] = {NULL, cli_view_flows},
	[VERB_FLOW_COUNT] = {NULL, cli_view_count},
	[VERB_PROBE] = {NULL, cli_view_probes},
	[VERB_CONFIG_CHECK] = {cli_config_check, NULL},
	[VERB_CONFIG_SHOW] = {NULL, cli_view_tree},
	[VERB_CONFIG_DIFF] = {cli_config_diff, NULL},
	[VERB_CONFIG_RELOAD] = {NULL, cli_view_reload},
	[VERB_METRICS] = {NULL, cli_view_metrics},
	[VERB_VERSION] = {cli_version, NULL},
};

/* "FILE:LINE:COLUMN: " is how it begins. */
static bool is_fault(const char *line)
{
	for (const char *colon = strchr(line, ':'); colon; colon = strchr(colon + 1, ':')) {
		const char *at = colon + 1;
		size_t first = strspn(at, "0123456789"), second;

		if (!first || at[first] != ':')
			continue;
		second = strspn(at + first + 1, "0123456789");
		if (second && !strncmp(at + first + 1 + second, ": ", 2))
			return true;
	}
	return false;
}

void cli_error(const char *fmt, ...)
{
	struct out err;
	char *text, *rest, *line;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	rest = mem_check(text);
	out_setup(&err, stderr, true);
	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			out_text(&err, OUT_PLAIN, "%s%s\n",
				 is_fault(line) ? "" : "mxlbctl: ", line);
	}
	free(text);
}

/* Values go as they were given: the daemon judges them. */
static void options_pack(const struct cli_args *args, json_t *options, bool *is_bad)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct cli_setting *setting = &args->option[i];
		json_t *value = NULL;

		if (!setting->is_set || !cli_options[i].is_sent)
			continue;
		if (cli_options[i].value == VALUE_NONE)
			value = json_true();
		else
			value = json_string(setting->text);
		*is_bad |= json_object_set_new(options, cli_options[i].name, value) != 0;
	}
}

json_t *cli_request(const struct cli_args *args)
{
	json_t *argv = json_array(), *options = json_object();
	bool is_bad = json_array_append_new(argv, json_string(args->verb->noun)) != 0;

	if (args->verb->verb)
		is_bad |= json_array_append_new(argv, json_string(args->verb->verb)) != 0;
	for (size_t i = 0; i < args->n_args; i++)
		is_bad |= json_array_append_new(argv, json_string(args->arg[i])) != 0;
	options_pack(args, options, &is_bad);
	if (is_bad) {
		json_decref(argv);
		json_decref(options);
		return NULL;
	}
	return json_pack("{s:o, s:o}", "argv", argv, "options", options);
}

static int ping(const struct ctl_client *client)
{
	json_t *request = json_pack("{s:[s], s:{}}", "argv", "version", "options");
	struct ctl_answer reply = {0};
	int err = ctl_client_ask(client, 0, request, &reply);

	ctl_answer_free(&reply);
	json_decref(request);
	return err;
}

enum mxlb_exit cli_ask(struct cli *cli, const json_t *request, bool is_slow,
		       struct ctl_answer *reply)
{
	char why[256];
	int err;

	if (!request) {
		cli_error("arguments: not UTF-8; give names as the configuration has them");
		return MXLB_EXIT_REFUSED;
	}
	err = is_slow ? ping(&cli->client) : 0;
	if (!err)
		err = ctl_client_ask(&cli->client, is_slow ? SLOW_ANSWER_MS : 0, request, reply);
	if (err) {
		cli_error("%s: %s", cli->client.path, ctl_client_why(err, why, sizeof(why)));
		return err == -E2BIG ? MXLB_EXIT_REFUSED : MXLB_EXIT_UNREACHABLE;
	}
	if (reply->error)
		cli_error("%s", reply->error);
	return (enum mxlb_exit)reply->exit;
}

void cli_print(struct cli *cli, const json_t *doc, void (*view)(struct cli *, const json_t *))
{
	if (!doc || cli->is_quiet)
		return;
	if (cli->is_json)
		out_json(&cli->out, doc);
	else
		view(cli, doc);
}

enum mxlb_exit cli_run(struct cli *cli)
{
	enum cli_verb verb = cli_verb_id(cli->args.verb);
	struct ctl_answer reply = {0};
	enum mxlb_exit code;
	json_t *request;

	if (commands[verb].run)
		return commands[verb].run(cli);
	request = cli_request(&cli->args);
	code = cli_ask(cli, request, cli->args.verb->is_slow, &reply);
	cli_print(cli, reply.data, commands[verb].view);
	ctl_answer_free(&reply);
	json_decref(request);
	return code;
}

void cli_view_tree(struct cli *cli, const json_t *doc)
{
	out_tree(&cli->out, doc);
}

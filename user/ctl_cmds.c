/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of commands, how a request finds its entry, and the commands that only
 * show. Each other object has a file of its own.
 */
#include "ctl_cmds.h"

#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "ctl_reply.h"
#include "ctl_request.h"
#include "daemon.h"
#include "mem.h"
#include "metrics_text.h"
#include "model.h"
#include "observe.h"
#include "snapshot.h"
#include "view.h"

struct command {
	const char *object, *verb; /* verb NULL: the object is the whole command */
	const char *args;	   /* for messages */
	size_t min, max;	   /* how many arguments */
	const char *options;
	void (*run)(const struct ctl_call *call);
};

/* `wait` and `timeout` are the client's affair: it waits by asking again. */
#define ADMIN_OPTIONS "service force dry-run message wait timeout"
#define FLOW_OPTIONS  "client backend service state"

static const struct command commands[] = {
	{"status", NULL, "", 0, 0, "", ctl_status},
	{"service", "list", "", 0, 0, "", ctl_service_list},
	{"service", "show", "NAME", 1, 1, "", ctl_service_show},
	{"backend", "list", "[SERVICE]", 0, 1, "service", ctl_backend_list},
	{"backend", "show", "NAME", 1, 1, "service", ctl_backend_show},
	{"backend", "drain", "NAME", 1, 1, ADMIN_OPTIONS, ctl_backend_admin},
	{"backend", "maint", "NAME", 1, 1, ADMIN_OPTIONS, ctl_backend_admin},
	{"backend", "ready", "NAME", 1, 1, ADMIN_OPTIONS, ctl_backend_admin},
	{"backend", "weight", "NAME N|N%|reset", 2, 2, ADMIN_OPTIONS, ctl_backend_admin},
	{"flow", "list", "", 0, 0, FLOW_OPTIONS " limit", ctl_flow_list},
	{"flow", "count", "", 0, 0, FLOW_OPTIONS " limit", ctl_flow_count},
	{"probe", NULL, "BACKEND", 1, 1, "service verbose", ctl_probe},
	{"config", "show", "", 0, 0, "", ctl_config_show},
	{"config", "diff", "[FILE]", 0, 1, "", ctl_config_diff},
	{"config", "reload", "", 0, 0, "", ctl_config_reload},
	{"metrics", NULL, "", 0, 0, "", ctl_metrics},
	{"version", NULL, "", 0, 0, "", ctl_version},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *command_find(const struct ctl_request *request)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *command = &commands[i];

		if (strcmp(request->words[0], command->object) != 0)
			continue;
		if (!command->verb ||
		    (request->n_words > 1 && !strcmp(request->words[1], command->verb)))
			return command;
	}
	return NULL;
}

static void command_unknown(const struct ctl_request *request, struct ctl_reply *reply)
{
	const char *second = request->n_words > 1 ? request->words[1] : "";
	char *known = NULL;
	size_t len = 0;
	FILE *out = mem_check(open_memstream(&known, &len));

	for (size_t i = 0; i < N_COMMANDS; i++)
		(void)fprintf(out, "%s%s%s%s", i ? ", " : "", commands[i].object,
			      commands[i].verb ? " " : "",
			      commands[i].verb ? commands[i].verb : "");
	(void)fclose(out);
	ctl_reply_error(reply, MXLB_EXIT_REFUSED, "%s%s%s: unknown command; known are: %s",
			request->words[0], *second ? " " : "", second, known);
	free(known);
}

/* The words fit the entry, its arguments and options too; else the reply is given. */
static bool command_check(const struct command *command, const struct ctl_call *call)
{
	const char *option = ctl_request_unknown(call->request, command->options);
	const char *verb = command->verb ? command->verb : "";
	const char *blank = command->verb ? " " : "";

	if (call->n_args < command->min || call->n_args > command->max)
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED, "%s%s%s: wrong arguments; give: %s",
				command->object, blank, verb,
				*command->args ? command->args : "none");
	else if (option)
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"%s%s%s: unknown option --%s; it takes: %s", command->object, blank,
				verb, option, *command->options ? command->options : "none");
	else
		return true;
	return false;
}

void ctl_run(struct daemon *daemon, const struct ctl_peer *peer, const struct ctl_request *request,
	     struct ctl_reply *reply)
{
	const struct command *command = command_find(request);
	size_t skip = command && command->verb ? 2 : 1;
	const char *args[CTL_WORDS_MAX + 1] = {NULL};
	struct ctl_call call = {daemon, peer, request, reply, .args = args};

	if (!command) {
		command_unknown(request, reply);
		return;
	}
	call.verb = command->verb ? command->verb : command->object;
	call.n_args = request->n_words - skip;
	memcpy(args, &request->words[skip], call.n_args * sizeof(*args));
	if (command_check(command, &call))
		command->run(&call);
}

void ctl_status(const struct ctl_call *call)
{
	struct snapshot snap;

	observe_snapshot(call->daemon, &snap);
	ctl_reply_data(call->reply, view_is_well(&snap) ? MXLB_EXIT_OK : MXLB_EXIT_WARN,
		       view_status(&snap));
	snapshot_free(&snap);
}

void ctl_service_list(const struct ctl_call *call)
{
	struct snapshot snap;

	observe_snapshot(call->daemon, &snap);
	ctl_reply_data(call->reply, MXLB_EXIT_OK, view_services(&snap));
	snapshot_free(&snap);
}

void ctl_service_show(const struct ctl_call *call)
{
	struct snapshot snap;
	json_t *data = NULL;

	observe_snapshot(call->daemon, &snap);
	for (size_t i = 0; i < snap.model->n_services && !data; i++)
		if (!strcmp(snap.model->services[i]->name, call->args[0]))
			data = view_service(&snap.services[i]);
	snapshot_free(&snap);
	if (data)
		ctl_reply_data(call->reply, MXLB_EXIT_OK, data);
	else
		ctl_reply_error(call->reply, MXLB_EXIT_NO_SUCH,
				"%s: no such service; see mxlbctl service list", call->args[0]);
}

void ctl_metrics(const struct ctl_call *call)
{
	struct snapshot snap;
	char *text;

	observe_snapshot(call->daemon, &snap);
	text = metrics_text(&snap);
	snapshot_free(&snap);
	ctl_reply_data(call->reply, MXLB_EXIT_OK, view_text(text));
	free(text);
}

void ctl_version(const struct ctl_call *call)
{
	const char *libbpf = libbpf_version_string();
	struct utsname host = {0};

	(void)uname(&host); /* does not fail with a good pointer */
	ctl_reply_data(call->reply, MXLB_EXIT_OK,
		       json_pack("{s:s, s:i, s:s, s:s}", "version", MXLB_VERSION, "abi", MXLB_ABI,
				 "kernel", host.release, "libbpf",
				 libbpf + (libbpf[0] == 'v' ? 1 : 0)));
}

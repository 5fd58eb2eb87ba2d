/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: the one in force, what the file would change, and its reload.
 */
#include "ctl_cmds.h"

#include <string.h>

#include "apply.h"
#include "conf.h"
#include "conf_diff.h"
#include "ctl_peer.h"
#include "ctl_reply.h"
#include "daemon.h"
#include "mem.h"
#include "model.h"
#include "view.h"

void ctl_config_show(const struct ctl_call *call)
{
	ctl_reply_data(call->reply, MXLB_EXIT_OK, view_conf(call->daemon->model->conf));
}

static void answer_errors(const struct ctl_call *call, const struct conf_errors *errors)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = mem_check(open_memstream(&text, &len));

	for (size_t i = 0; i < errors->n; i++)
		(void)fprintf(out, "\n%s", errors->lines[i]);
	(void)fclose(out);
	ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
			"config diff: the file has %zu errors; correct them:%s", errors->n, text);
	free(text);
}

static void answer_diff(const struct ctl_call *call, const struct conf *old, const struct conf *new)
{
	struct conf_changes changes = {0};
	char *restart;

	if (conf_diff(old, new, &changes)) {
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"config diff: no memory; try again");
		return;
	}
	restart = conf_needs_restart(old, new);
	ctl_reply_data(call->reply, changes.n ? MXLB_EXIT_WARN : MXLB_EXIT_OK,
		       view_changes(&changes, restart != NULL));
	free(restart);
	conf_changes_free(&changes);
}

/* We read as root, and errors quote the file: a member of the group must not learn by
 * them what it may not read itself. */
static bool may_read(const struct ctl_call *call, const char *path)
{
	return call->peer->uid == 0 || !strcmp(path, call->daemon->config_path);
}

void ctl_config_diff(const struct ctl_call *call)
{
	const char *path = call->n_args ? call->args[0] : call->daemon->config_path;
	struct conf_errors errors = {0};
	struct conf *conf;

	if (call->n_args && path[0] != '/' && strcmp(path, call->daemon->config_path) != 0) {
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"config diff: %s: not an absolute path; give one", path);
		return;
	}
	if (!may_read(call, path)) {
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"config diff: %s: only root may have mxlbd read another file; use "
				"root, or mxlbctl config check",
				path);
		return;
	}
	if (conf_load(path, &conf, &errors)) {
		answer_errors(call, &errors);
		conf_errors_free(&errors);
		return;
	}
	answer_diff(call, call->daemon->model->conf, conf);
	conf_free(conf);
}

/* The faults come one a line, each with its place, below what they led to. */
void ctl_config_reload(const struct ctl_call *call)
{
	char *why = NULL;

	if (apply_reload(call->daemon, &why))
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"config reload: refused, the config before it stays in force; "
				"correct what follows:\n%s",
				why ? why : "unknown fault; see the log of mxlbd");
	else
		ctl_reply_data(call->reply, MXLB_EXIT_OK,
			       json_pack("{s:b, s:s, s:o}", "reloaded", 1, "path",
					 call->daemon->config_path, "loaded",
					 view_time(call->daemon->config_loaded)));
	free(why);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backends: shown, and changed as the operator wants them. A change is made to
 * all backends that it means or to none, and not where it would leave a service
 * without a usable backend, unless forced.
 */
#include "ctl_cmds.h"

#include <errno.h>
#include <string.h>

#include "apply.h"
#include "clock.h"
#include "ctl_admin.h"
#include "ctl_peer.h"
#include "ctl_reply.h"
#include "ctl_request.h"
#include "ctl_targets.h"
#include "daemon.h"
#include "mem.h"
#include "model.h"
#include "observe.h"
#include "snapshot.h"
#include "view.h"

/* All backends of the snapshot, or those of one service or of one name. */
static json_t *backends_view(const struct snapshot *snap, const char *service, const char *name)
{
	json_t *list = json_array();

	for (size_t i = 0; i < snap->model->n_services; i++) {
		const struct model_service *of = snap->model->services[i];

		for (size_t j = 0; j < of->n_backends; j++)
			if ((!service || !strcmp(service, of->name)) &&
			    (!name || model_backend_find(of, name) == of->backends[j]))
				json_array_append_new(list,
						      view_backend(&snap->services[i].backends[j]));
	}
	return list;
}

void ctl_backend_list(const struct ctl_call *call)
{
	const char *service =
		call->n_args ? call->args[0] : ctl_request_text(call->request, "service");
	struct snapshot snap;

	if (ctl_service_check(call, service))
		return;
	observe_snapshot(call->daemon, &snap);
	ctl_reply_data(call->reply, MXLB_EXIT_OK, backends_view(&snap, service, NULL));
	snapshot_free(&snap);
}

static void show(const struct ctl_call *call, enum mxlb_exit code)
{
	const char *service = ctl_request_text(call->request, "service");
	struct snapshot snap;

	observe_snapshot(call->daemon, &snap);
	ctl_reply_data(call->reply, code, backends_view(&snap, service, call->args[0]));
	snapshot_free(&snap);
}

void ctl_backend_show(const struct ctl_call *call)
{
	struct ctl_targets targets;

	if (!ctl_targets_find(call, call->args[0], &targets))
		show(call, MXLB_EXIT_OK);
}

static int targets_check(const struct ctl_call *call, const struct ctl_targets *targets,
			 const struct admin *wanted)
{
	bool is_forced = ctl_request_flag(call->request, "force");
	uint64_t now = clock_now_ms();

	for (size_t i = 0; i < targets->n; i++) {
		const struct model_backend *backend = targets->items[i];

		if (backend->admin.state == ADMIN_REMOVED) {
			ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
					"%s/%s: has left the config and ends with its last flow; "
					"put it back into the config to change it",
					backend->service->name, backend->conf.name);
			return -EINVAL;
		}
		if (is_forced || !admin_takes_last(backend, &wanted[i], now))
			continue;
		ctl_reply_error(call->reply, MXLB_EXIT_LAST_BACKEND,
				"%s/%s: is the last usable backend of its service; make another "
				"one ready, or use --force",
				backend->service->name, backend->conf.name);
		return -EBUSY;
	}
	return 0;
}

static void answer_dry_run(const struct ctl_call *call, const struct ctl_targets *targets,
			   const struct admin *wanted)
{
	json_t *changes = json_array();

	for (size_t i = 0; i < targets->n; i++) {
		const struct model_backend *backend = targets->items[i];
		char text[ADMIN_TEXT_MAX];

		json_array_append_new(
			changes, json_pack("{s:s, s:s, s:s}", "service", backend->service->name,
					   "backend", backend->conf.name, "text",
					   admin_change_text(backend, &wanted[i], text)));
	}
	ctl_reply_data(call->reply, MXLB_EXIT_OK,
		       json_pack("{s:b, s:o}", "dry_run", 1, "changes", changes));
}

/* -EIO is of the state file: the change is in force, and better so than not. */
static int targets_apply(const struct ctl_call *call, const struct ctl_targets *targets,
			 const struct admin *wanted)
{
	struct admin *before = mem_zero(targets->n, sizeof(*before));
	int result = 0;
	size_t i;

	for (i = 0; i < targets->n; i++) {
		int err;

		before[i] = targets->items[i]->admin;
		err = apply_admin(call->daemon, targets->items[i], &wanted[i]);
		result = err ? err : result;
		if (err && err != -EIO)
			break;
	}
	if (i < targets->n)
		for (i++; i-- > 0;)
			(void)apply_admin(call->daemon, targets->items[i], &before[i]);
	free(before);
	return result;
}

static void admin_targets(const struct ctl_call *call, const struct ctl_targets *targets,
			  const struct admin *wanted)
{
	int err;

	if (targets_check(call, targets, wanted))
		return;
	if (ctl_request_flag(call->request, "dry-run")) {
		answer_dry_run(call, targets, wanted);
		return;
	}
	err = targets_apply(call, targets, wanted);
	if (!err)
		show(call, MXLB_EXIT_OK);
	else if (err == -EIO)
		ctl_reply_error(call->reply, MXLB_EXIT_WARN,
				"%s: in force, but not saved: it ends with mxlbd; see its log",
				call->args[0]);
	else
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"%s: the data path refused the change: %s; nothing was changed, "
				"see the log of mxlbd",
				call->args[0], strerror(-err));
}

void ctl_backend_admin(const struct ctl_call *call)
{
	const char *message = ctl_request_text(call->request, "message");
	struct ctl_targets targets;
	struct admin *wanted;
	char why[256];
	int err = 0;

	if (ctl_targets_find(call, call->args[0], &targets))
		return;
	wanted = mem_zero(targets.n, sizeof(*wanted));
	for (size_t i = 0; i < targets.n && !err; i++)
		err = admin_wanted(targets.items[i], call->verb, call->args[1], message,
				   call->peer->name, &wanted[i], why, sizeof(why));
	if (err)
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED, "%s", why);
	else
		admin_targets(call, &targets, wanted);
	free(wanted);
}

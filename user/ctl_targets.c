/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backends that a command means.
 */
#include "ctl_targets.h"

#include <errno.h>
#include <string.h>

#include "ctl_cmds.h"
#include "ctl_reply.h"
#include "ctl_request.h"
#include "daemon.h"
#include "model.h"

int ctl_service_check(const struct ctl_call *call, const char *name)
{
	if (!name || model_service_find(call->daemon->model, name))
		return 0;
	ctl_reply_error(call->reply, MXLB_EXIT_NO_SUCH,
			"%s: no such service; see mxlbctl service list", name);
	return -ENOENT;
}

int ctl_targets_find(const struct ctl_call *call, const char *name, struct ctl_targets *targets)
{
	const char *only = ctl_request_text(call->request, "service");
	const struct model *model = call->daemon->model;
	int err = ctl_service_check(call, only);

	if (err)
		return err;
	targets->n = 0;
	for (size_t i = 0; i < model->n_services; i++) {
		struct model_service *service = model->services[i];
		struct model_backend *backend = model_backend_find(service, name);

		if (backend && (!only || !strcmp(only, service->name)))
			targets->items[targets->n++] = backend;
	}
	if (targets->n)
		return 0;
	ctl_reply_error(call->reply, MXLB_EXIT_NO_SUCH, "%s: no such backend%s%s; see %s", name,
			only ? " in service " : "", only ? only : "", "mxlbctl backend list");
	return -ENOENT;
}

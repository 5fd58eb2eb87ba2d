/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `probe`: checks each address of a backend now, beside the checks of health, which
 * it does not disturb, and answers when the last of them has ended.
 */
#include "ctl_cmds.h"

#include <errno.h>
#include <string.h>

#include "ctl_reply.h"
#include "ctl_targets.h"
#include "daemon.h"
#include "health.h"
#include "mem.h"
#include "model.h"
#include "probe.h"
#include "view.h"

struct probing;

/* One address. Names and config are copies, for a reload may come in between. */
struct part {
	struct daemon *daemon;
	struct probing *probing;
	struct probe *probe; /* NULL: has ended */
	struct model_service service;
	struct model_backend backend;
	enum mxlb_family family;
	uint32_t vip, mark; /* dsr, tunnel: the way of the probe */
	struct conf_probe conf;
	json_t *document;
};

struct probing {
	struct ctl_reply *reply;
	struct part *parts;
	size_t n_parts, n_running;
	bool has_failed;
};

static void part_copy(struct part *part, const struct model_backend *backend,
		      enum mxlb_family family)
{
	const struct conf_probe *conf = backend->service->conf->probe;

	part->family = family;
	part->vip = model_probe_vip(backend, family);
	part->mark = model_probe_mark(backend, family);
	part->service.name = mem_dup(backend->service->name);
	part->backend = *backend;
	part->backend.service = &part->service;
	part->backend.conf.name = mem_dup(backend->conf.name);
	part->conf = *conf;
	part->conf.name = mem_dup(conf->name);
	part->conf.helo = mem_dup(conf->helo);
	part->conf.tls_name = mem_dup(conf->tls_name);
	part->conf.tls_ca = mem_dup(conf->tls_ca);
	part->conf.rcpt = mem_dup(conf->rcpt);
}

static void part_end(struct part *part)
{
	probe_cancel(part->probe);
	json_decref(part->document);
	free(part->service.name);
	free(part->backend.conf.name);
	free(part->conf.name);
	free(part->conf.helo);
	free(part->conf.tls_name);
	free(part->conf.tls_ca);
	free(part->conf.rcpt);
}

static void probing_free(struct probing *probing)
{
	for (size_t i = 0; i < probing->n_parts; i++)
		part_end(&probing->parts[i]);
	free(probing->parts);
	free(probing);
}

static void cancel(void *arg)
{
	probing_free(arg);
}

static json_t *documents(const struct probing *probing)
{
	json_t *list;

	if (probing->n_parts == 1)
		return json_incref(probing->parts[0].document);
	list = json_array();
	for (size_t i = 0; i < probing->n_parts; i++)
		json_array_append(list, probing->parts[i].document);
	return list;
}

static void probe_ended(const struct probe_result *result, void *arg)
{
	struct part *part = arg;
	struct probing *probing = part->probing;

	part->probe = NULL;
	part->document = mem_check(view_probe(&part->backend, part->family, result));
	probing->has_failed |= result->reason != HEALTH_OK;
	if (--probing->n_running)
		return;
	ctl_reply_data(probing->reply, probing->has_failed ? MXLB_EXIT_WARN : MXLB_EXIT_OK,
		       documents(probing));
	probing_free(probing);
}

static bool probe_connects(const struct mxlb_endpoint *local, void *arg)
{
	const struct part *part = arg;

	return health_probe_is_on_way(part->daemon, part->vip, local);
}

static int part_start(struct part *part, struct daemon *daemon)
{
	struct probe_spec spec = {
		.addr = part->backend.conf.addr[part->family],
		.port = __builtin_bswap16((__u16)part->backend.conf.port),
		.mark = part->mark,
		.conf = &part->conf,
		.helo = daemon->helo,
		.on_connect = probe_connects,
		.on_done = probe_ended,
		.arg = part,
	};
	int err;

	part->daemon = daemon;
	err = probe_start(daemon->base, &spec, &part->probe);
	if (!err)
		part->probing->n_running++;
	return err;
}

static void parts_add(struct probing *probing, const struct model_backend *backend)
{
	for (int family = 0; family < MXLB_FAMILIES; family++)
		if (backend->conf.has_addr[family]) {
			probing->parts = mem_append(probing->parts, &probing->n_parts,
						    sizeof(*probing->parts));
			part_copy(&probing->parts[probing->n_parts - 1], backend, family);
		}
}

static int targets_check(const struct ctl_call *call, const struct ctl_targets *targets)
{
	for (size_t i = 0; i < targets->n; i++) {
		const struct model_backend *backend = targets->items[i];

		if (backend->service->conf &&
		    backend->service->conf->probe->type != CONF_PROBE_NONE)
			continue;
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"%s/%s: its service has no probe; set one of type smtp or tcp",
				backend->service->name, backend->conf.name);
		return -EINVAL;
	}
	return 0;
}

void ctl_probe(const struct ctl_call *call)
{
	struct ctl_targets targets;
	struct probing *probing;
	int err = 0;

	if (ctl_targets_find(call, call->args[0], &targets) || targets_check(call, &targets))
		return;
	probing = mem_zero(1, sizeof(*probing));
	probing->reply = call->reply;
	for (size_t i = 0; i < targets.n; i++)
		parts_add(probing, targets.items[i]);
	for (size_t i = 0; i < probing->n_parts && !err; i++) {
		struct part *part = &probing->parts[i];

		part->backend.service = &part->service; /* the array may have moved */
		part->probing = probing;
		err = part_start(part, call->daemon);
	}
	if (err || !probing->n_running) {
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"probe: %s: can't be started: %s; see probes.source in the config",
				call->args[0], strerror(err ? -err : ENOENT));
		probing_free(probing);
		return;
	}
	call->reply->cancel = cancel;
	call->reply->cancel_arg = probing;
}

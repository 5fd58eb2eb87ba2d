/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flows, listed or counted through filters: one walk of the table each.
 */
#include "ctl_cmds.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "ctl_reply.h"
#include "ctl_request.h"
#include "ctl_targets.h"
#include "daemon.h"
#include "dpmaps.h"
#include "mem.h"
#include "model.h"
#include "view.h"

#define STATE_ANY UINT32_MAX

/* What a flow must be; ids as marks, so that a walk compares no names. */
struct filter {
	bool has_client;
	struct mxlb_addr client;
	unsigned prefix;
	bool has_backend;
	uint8_t backends[MXLB_MAX_BACKENDS];
	uint32_t service; /* MXLB_MAX_SERVICES: any */
	uint32_t state;
	unsigned long limit;
};

struct walk {
	struct filter filter;
	const struct model *model;
	uint64_t now_ns;
	FILE *list; /* NULL: only count */
	unsigned long n;
};

static bool filter_takes(const struct filter *filter, const struct mxlb_flow_key *key,
			 const struct mxlb_flow *flow)
{
	if (filter->state != STATE_ANY && flow->state != filter->state)
		return false;
	if (filter->service != MXLB_MAX_SERVICES && flow->service != filter->service)
		return false;
	if (filter->has_backend &&
	    (flow->backend >= MXLB_MAX_BACKENDS || !filter->backends[flow->backend]))
		return false;
	return !filter->has_client || addr_in_prefix(&key->client, &filter->client, filter->prefix);
}

static bool flow_take(const struct mxlb_flow_key *key, const struct mxlb_flow *flow, void *arg)
{
	struct walk *walk = arg;

	if (!filter_takes(&walk->filter, key, flow))
		return true;
	if (walk->list) {
		(void)fputs(walk->n ? "," : "", walk->list);
		view_flow(walk->list, walk->model, key, flow, walk->now_ns);
	}
	walk->n++;
	return walk->n < walk->filter.limit;
}

static int refuse(const struct ctl_call *call, const char *option, const char *text,
		  const char *wants)
{
	ctl_reply_error(call->reply, MXLB_EXIT_REFUSED, "--%s %s: is not accepted; give %s", option,
			text, wants);
	return -EINVAL;
}

static int filter_client(const struct ctl_call *call, struct filter *filter)
{
	const char *text = ctl_request_text(call->request, "client");

	filter->has_client = text != NULL;
	if (text && cidr_parse(text, &filter->client, &filter->prefix))
		return refuse(call, "client", text, "an address, or one with a prefix length");
	return 0;
}

static int filter_state(const struct ctl_call *call, struct filter *filter)
{
	const char *text = ctl_request_text(call->request, "state");

	filter->state = STATE_ANY;
	for (uint32_t state = 0; text && state <= MXLB_FLOW_CLOSING; state++)
		if (!strcmp(text, view_flow_state(state)))
			filter->state = state;
	if (text && filter->state == STATE_ANY)
		return refuse(call, "state", text, "half_open, established or closing");
	return 0;
}

static int filter_limit(const struct ctl_call *call, struct filter *filter)
{
	const char *text = ctl_request_text(call->request, "limit");

	filter->limit = UINT32_MAX;
	if (text && ctl_number(text, 1, UINT32_MAX, &filter->limit))
		return refuse(call, "limit", text, "a number from 1");
	return 0;
}

/* A removed backend may still have flows, beside a live one of the same name. */
static void mark_named(const struct model_service *service, const char *name, uint8_t *marks)
{
	for (size_t i = 0; i < service->n_backends; i++)
		if (!strcmp(service->backends[i]->conf.name, name))
			marks[service->backends[i]->id] = 1;
}

static int filter_names(const struct ctl_call *call, struct filter *filter)
{
	const char *backend = ctl_request_text(call->request, "backend");
	const char *service = ctl_request_text(call->request, "service");
	struct ctl_targets targets;

	if (ctl_service_check(call, service))
		return -ENOENT;
	filter->service =
		service ? model_service_find(call->daemon->model, service)->id : MXLB_MAX_SERVICES;
	filter->has_backend = backend != NULL;
	if (!backend)
		return 0;
	if (ctl_targets_find(call, backend, &targets))
		return -ENOENT;
	for (size_t i = 0; i < targets.n; i++)
		mark_named(targets.items[i]->service, backend, filter->backends);
	return 0;
}

/* 0, or the reply has been given. */
static int walk_flows(const struct ctl_call *call, struct walk *walk)
{
	struct filter *filter = &walk->filter;
	struct timespec now;
	int err;

	if (filter_names(call, filter) || filter_client(call, filter) ||
	    filter_state(call, filter) || filter_limit(call, filter))
		return -EINVAL;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	walk->now_ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
	walk->model = call->daemon->model;
	err = dpmaps_flows(call->daemon->maps, flow_take, walk);
	if (err)
		ctl_reply_error(call->reply, MXLB_EXIT_REFUSED,
				"flow table: can't be read: %s; see the log of mxlbd",
				strerror(-err));
	return err;
}

void ctl_flow_list(const struct ctl_call *call)
{
	char *text = NULL;
	size_t len = 0;
	struct walk walk = {.list = mem_check(open_memstream(&text, &len))};
	int err;

	(void)fputc('[', walk.list);
	err = walk_flows(call, &walk);
	(void)fputc(']', walk.list);
	(void)fclose(walk.list);
	if (!err)
		ctl_reply_text(call->reply, MXLB_EXIT_OK, mem_check(text));
	free(text);
}

void ctl_flow_count(const struct ctl_call *call)
{
	struct walk walk = {0};

	if (!walk_flows(call, &walk))
		ctl_reply_data(call->reply, MXLB_EXIT_OK,
			       json_pack("{s:I}", "count", (json_int_t)walk.n));
}

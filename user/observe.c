/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Something is seen: counters and ring buffer -> snapshot -> metrics, events,
 * connection log. The event loop is woken by the ring buffer; counters are read
 * when somebody asks.
 */
#include "observe.h"

#include <errno.h>
#include <event2/event.h>

#include "clock.h"
#include "daemon.h"
#include "dpmaps.h"
#include "log.h"
#include "mem.h"
#include "snapshot.h"

/* A flood fills the table for each of its SYNs; one line a minute tells it all. */
#define TABLE_FULL_WARN_MS 60000

struct observe {
	struct daemon *daemon;
	struct event *readable;
	uint64_t sessions, table_full; /* events seen */
	uint64_t table_full_told;      /* of these in the last warning */
	uint64_t warned_ms;	       /* 0: never */
};

static void table_full_warn(struct observe *observe)
{
	uint64_t now = clock_now_ms();

	observe->table_full++;
	if (observe->warned_ms && now - observe->warned_ms < TABLE_FULL_WARN_MS)
		return;
	log_warn("flow table: full, %llu connections served without a flow since the last "
		 "warning; raise flows.max or flows.half_open",
		 (unsigned long long)(observe->table_full - observe->table_full_told));
	observe->table_full_told = observe->table_full;
	observe->warned_ms = now;
}

static void event_take(const struct mxlb_event *event, void *arg)
{
	struct observe *observe = arg;

	switch (event->type) {
	case MXLB_EVENT_SESSION:
		observe->sessions++;
		log_debug("session of backend %u ended, how %u", event->flow.backend, event->end);
		break;
	case MXLB_EVENT_TABLE_FULL:
		table_full_warn(observe);
		break;
	default:
		log_debug("event of unknown type %u", event->type);
	}
}

static void events_readable(evutil_socket_t fd, short what, void *arg)
{
	struct observe *observe = arg;

	(void)fd;
	(void)what;
	/* A failure leaves the events there, and the loop calls again. */
	(void)dpmaps_events_drain(observe->daemon->maps, event_take, observe);
}

int observe_new(struct daemon *daemon, struct observe **observe)
{
	int fd = dpmaps_events_fd(daemon->maps);
	struct observe *o;

	if (fd < 0)
		return fd;
	o = mem_zero(1, sizeof(*o));
	o->daemon = daemon;
	o->readable = event_new(daemon->base, fd, EV_READ | EV_PERSIST, events_readable, o);
	if (!o->readable || event_add(o->readable, NULL)) {
		observe_free(o);
		return -ENOMEM;
	}
	*observe = o;
	return 0;
}

void observe_free(struct observe *observe)
{
	if (!observe)
		return;
	if (observe->readable)
		event_free(observe->readable);
	free(observe);
}

static void backend_collect(const struct daemon *daemon, const struct model_backend *backend,
			    struct snapshot_backend *to)
{
	to->backend = backend;
	if (dpmaps_load(daemon->maps, backend->id, &to->load))
		to->load = (struct mxlb_load){0};
	for (enum mxlb_family family = 0; family < MXLB_FAMILIES; family++) {
		if (!backend->leg[family].exists)
			continue;
		if (dpmaps_backend_count(daemon->maps, backend->id, family, &to->count[family]))
			to->count[family] = (struct mxlb_backend_count){0};
		to->stats[family] = health_count(daemon->health, backend, family);
	}
}

static void service_collect(const struct daemon *daemon, const struct model_service *service,
			    struct snapshot_service *to)
{
	to->service = service;
	for (enum mxlb_family family = 0; family < MXLB_FAMILIES; family++)
		if (dpmaps_service_count(daemon->maps, service->id, family, &to->count[family]))
			to->count[family] = (struct mxlb_service_count){0};
	to->backends = mem_zero(service->n_backends, sizeof(*to->backends));
	for (size_t i = 0; i < service->n_backends; i++)
		backend_collect(daemon, service->backends[i], &to->backends[i]);
}

static void interfaces_collect(const struct daemon *daemon, struct snapshot *snap)
{
	const struct dataplane_interface *interfaces;

	interfaces = dataplane_interfaces(daemon->plane, &snap->n_interfaces);
	snap->interfaces = mem_zero(snap->n_interfaces, sizeof(*snap->interfaces));
	for (size_t i = 0; i < snap->n_interfaces; i++) {
		struct snapshot_interface *to = &snap->interfaces[i];

		to->interface = &interfaces[i];
		if (interfaces[i].ifindex &&
		    dpmaps_interface_count(daemon->maps, interfaces[i].ifindex, &to->count))
			to->count = (struct mxlb_interface_count){0};
	}
}

void observe_snapshot(const struct daemon *daemon, struct snapshot *snap)
{
	const struct model *model = daemon->model;

	*snap = (struct snapshot){
		.model = model,
		.uptime_seconds = (double)(clock_now_ms() - daemon->started_ms) / 1000,
		.config_path = daemon->config_path,
		.config_loaded = daemon->config_loaded,
		.config_ok = daemon->config_ok,
	};
	if (dpmaps_tallies(daemon->maps, &snap->tallies))
		snap->tallies = (struct mxlb_tallies){0};
	for (__u32 reason = 0; reason < MXLB_REASON_COUNT; reason++)
		if (dpmaps_drops(daemon->maps, reason, &snap->drops[reason]))
			snap->drops[reason] = 0;
	snap->services = mem_zero(model->n_services, sizeof(*snap->services));
	for (size_t i = 0; i < model->n_services; i++)
		service_collect(daemon, model->services[i], &snap->services[i]);
	interfaces_collect(daemon, snap);
}

void snapshot_free(struct snapshot *snap)
{
	for (size_t i = 0; snap->services && i < snap->model->n_services; i++)
		free(snap->services[i].backends);
	free(snap->services);
	free(snap->interfaces);
	*snap = (struct snapshot){0};
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a model is made: of a config and the model before it. What goes on keeps its id,
 * health and admin state, by name and address; what has left is kept as removed, for
 * its open flows.
 */
#include "model_adopt.h"

#include <errno.h>
#include <string.h>

#include "addr.h"
#include "mem.h"

/* Which ids are taken, by the old model and by the new one so far. */
struct ids {
	uint8_t backend[MXLB_MAX_BACKENDS];
	uint8_t service[MXLB_MAX_SERVICES];
	uint8_t vip[MXLB_MAX_VIPS + 1];
};

static long id_take(uint8_t *taken, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		if (taken[i])
			continue;
		taken[i] = 1;
		return (long)i;
	}
	return -1;
}

static void ids_mark(struct ids *ids, const struct model *old)
{
	for (size_t i = 0; old && i < old->n_services; i++) {
		const struct model_service *service = old->services[i];

		ids->service[service->id] = 1;
		for (size_t j = 0; j < service->n_vips; j++)
			ids->vip[service->vips[j].id] = 1;
		for (size_t j = 0; j < service->n_backends; j++)
			ids->backend[service->backends[j]->id] = 1;
	}
}

/* The same host still, for the flows it has: no address of it has changed or gone, nor
 * the way in which packets get there. */
static bool backend_goes_on(const struct model_backend *old, const struct conf_backend *conf,
			    enum mxlb_forward forward)
{
	if (strcmp(old->conf.name, conf->name) != 0 || old->conf.port != conf->port ||
	    old->forward != forward)
		return false;
	for (int family = 0; family < MXLB_FAMILIES; family++)
		if (old->conf.has_addr[family] &&
		    (!conf->has_addr[family] ||
		     !addr_equal(&old->conf.addr[family], &conf->addr[family])))
			return false;
	return true;
}

static struct model_backend *backend_match(const struct model_service *old,
					   const struct conf_backend *conf,
					   enum mxlb_forward forward)
{
	for (size_t i = 0; old && i < old->n_backends; i++)
		if (backend_goes_on(old->backends[i], conf, forward))
			return old->backends[i];
	return NULL;
}

static struct model_backend *service_add_backend(struct model_service *service,
						 const struct conf_backend *conf,
						 enum mxlb_forward forward)
{
	struct model_backend *backend = mem_zero(1, sizeof(*backend));

	backend->service = service;
	backend->conf = *conf;
	backend->conf.name = mem_dup(conf->name);
	backend->forward = forward;
	service->backends =
		mem_append(service->backends, &service->n_backends, sizeof(*service->backends));
	service->backends[service->n_backends - 1] = backend;
	return backend;
}

static void leg_begin(struct model_leg *leg, bool is_probed, uint64_t now_ms)
{
	leg->exists = true;
	leg->since = time(NULL);
	leg->probe.greeting_seconds = -1;
	verdict_init(&leg->verdict, is_probed ? HEALTH_CHECKING : HEALTH_UP, now_ms);
}

/* What the operator wants of a host outlives a change of its address or mode. */
static void backend_inherit_admin(struct model_backend *backend, const struct model_service *old)
{
	const struct model_backend *namesake =
		old ? model_backend_find(old, backend->conf.name) : NULL;

	if (namesake && namesake->admin.state != ADMIN_REMOVED)
		backend->admin = namesake->admin;
	else
		backend->admin.since = time(NULL);
}

static bool service_has_vip(const struct model_service *service, enum mxlb_family family)
{
	for (size_t i = 0; i < service->n_vips; i++)
		if (addr_family(&service->vips[i].endpoint.addr) == family)
			return true;
	return false;
}

/* A tunnel carries either family in either. Once borrowed a leg stays: a VIP that leaves
 * has flows by it. */
static bool leg_may_borrow(const struct model_backend *backend, enum mxlb_family family)
{
	return backend->forward == MXLB_TUNNEL && backend->conf.has_addr[!family] &&
	       (backend->leg[family].is_borrowed || service_has_vip(backend->service, family));
}

static void backend_legs(struct model_backend *backend, uint64_t now_ms)
{
	bool is_probed = backend->service->conf->probe->type != CONF_PROBE_NONE;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		struct model_leg *leg = &backend->leg[family];
		bool is_own = backend->conf.has_addr[family];

		if (is_own && leg->is_borrowed)
			*leg = (struct model_leg){0};
		leg->is_borrowed = !is_own && leg_may_borrow(backend, family);
		if ((is_own || leg->is_borrowed) &&
		    (!leg->exists || (!is_probed && leg->verdict.state != HEALTH_UP)))
			leg_begin(leg, is_probed, now_ms);
	}
	model_legs_lend(backend);
}

static int backend_from_conf(struct model_service *service, const struct conf_backend *conf,
			     const struct model_service *old, struct ids *ids, uint64_t now_ms)
{
	enum mxlb_forward forward = service->conf->forward;
	const struct model_backend *before = backend_match(old, conf, forward);
	struct model_backend *backend = service_add_backend(service, conf, forward);
	long id = before ? (long)before->id : id_take(ids->backend, 1, MXLB_MAX_BACKENDS);

	if (id < 0)
		return -ENOSPC;
	backend->id = id;
	backend_inherit_admin(backend, old);
	if (before)
		memcpy(backend->leg, before->leg, sizeof(backend->leg));
	backend_legs(backend, now_ms);
	return 0;
}

static bool model_has_backend(const struct model *model, uint32_t id)
{
	return model_backend_by_id(model, id) != NULL;
}

static bool model_has_vip(const struct model *model, uint32_t id)
{
	for (size_t i = 0; i < model->n_services; i++)
		for (size_t j = 0; j < model->services[i]->n_vips; j++)
			if (model->services[i]->vips[j].id == id)
				return true;
	return false;
}

static const struct model_vip *vip_match(const struct model *old,
					 const struct mxlb_endpoint *endpoint)
{
	for (size_t i = 0; old && i < old->n_services; i++)
		for (size_t j = 0; j < old->services[i]->n_vips; j++)
			if (!memcmp(&old->services[i]->vips[j].endpoint, endpoint,
				    sizeof(*endpoint)))
				return &old->services[i]->vips[j];
	return NULL;
}

static void service_add_vip(struct model_service *service, const struct model_vip *vip)
{
	service->vips = mem_append(service->vips, &service->n_vips, sizeof(*service->vips));
	service->vips[service->n_vips - 1] = *vip;
}

static int service_vips(struct model_service *service, const struct model *old, struct ids *ids)
{
	for (size_t i = 0; i < service->conf->n_addresses; i++) {
		struct model_vip vip = {
			.endpoint = {.addr = service->conf->addresses[i],
				     .port = __builtin_bswap16(service->conf->port)},
		};
		const struct model_vip *before = vip_match(old, &vip.endpoint);
		long id = before ? (long)before->id : id_take(ids->vip, 1, MXLB_MAX_VIPS + 1);

		if (id < 0)
			return -ENOSPC;
		vip.id = id;
		service_add_vip(service, &vip);
	}
	return 0;
}

static struct model_service *model_add_service(struct model *model, const char *name)
{
	struct model_service *service = mem_zero(1, sizeof(*service));

	service->name = mem_dup(name);
	service->active_preference[MXLB_V4] = service->active_preference[MXLB_V6] = -1;
	model->services = mem_append(model->services, &model->n_services, sizeof(*model->services));
	model->services[model->n_services - 1] = service;
	return service;
}

static int service_from_conf(struct model *model, const struct conf_service *conf,
			     const struct model *old, struct ids *ids, uint64_t now_ms)
{
	const struct model_service *before = old ? model_service_find(old, conf->name) : NULL;
	struct model_service *service = model_add_service(model, conf->name);
	long id = before ? (long)before->id : id_take(ids->service, 0, MXLB_MAX_SERVICES);
	int err = id < 0 ? -ENOSPC : 0;

	service->id = id < 0 ? 0 : id;
	service->conf = conf;
	if (!err)
		err = service_vips(service, old, ids);
	for (size_t i = 0; !err && i < conf->n_backends; i++)
		err = backend_from_conf(service, &conf->backends[i], before, ids, now_ms);
	return err;
}

/* Backends and VIPs of `before` that the new model has not taken over. */
static void service_keep_rest(struct model *model, struct model_service *service,
			      const struct model_service *before)
{
	for (size_t i = 0; i < before->n_backends; i++) {
		const struct model_backend *old = before->backends[i];
		struct model_backend *kept;

		if (model_has_backend(model, old->id))
			continue;
		kept = service_add_backend(service, &old->conf, old->forward);
		kept->id = old->id;
		kept->admin = old->admin;
		memcpy(kept->leg, old->leg, sizeof(kept->leg));
		if (kept->admin.state != ADMIN_REMOVED)
			kept->admin = (struct admin){.state = ADMIN_REMOVED, .since = time(NULL)};
	}
	for (size_t i = 0; i < before->n_vips; i++) {
		struct model_vip vip = before->vips[i];

		vip.is_leaving = true;
		if (!model_has_vip(model, vip.id))
			service_add_vip(service, &vip);
	}
}

static void model_keep_rest(struct model *model, const struct model *old)
{
	for (size_t i = 0; old && i < old->n_services; i++) {
		const struct model_service *before = old->services[i];
		struct model_service *service = model_service_find(model, before->name);

		if (!service) {
			service = model_add_service(model, before->name);
			service->id = before->id;
			service->last = before->conf ? *before->conf : before->last;
		}
		service_keep_rest(model, service, before);
	}
}

struct model *model_new(struct conf *conf, const struct model *old, uint64_t now_ms)
{
	struct model *model = mem_zero(1, sizeof(*model));
	struct ids *ids = mem_zero(1, sizeof(*ids));
	int err = 0;

	ids_mark(ids, old);
	for (size_t i = 0; !err && i < conf->n_services; i++)
		err = service_from_conf(model, &conf->services[i], old, ids, now_ms);
	free(ids);
	if (err) {
		model_free(model); /* model->conf is not set yet: conf stays the caller's */
		return NULL;
	}
	model_keep_rest(model, old);
	model->conf = conf;
	return model;
}

static struct model_service *adopt_service(struct model *model, const struct dp_service *from)
{
	struct model_service *service = model_add_service(model, from->name);

	service->id = from->id;
	service->last.scheduler = from->value.scheduler;
	service->last.forward = from->value.forward;
	service->last.unavailable = from->value.unavailable;
	service->last.prefix[MXLB_V4] = 24;
	service->last.prefix[MXLB_V6] = 64;
	return service;
}

static void adopt_leg(struct model_backend *backend, enum mxlb_family family,
		      const struct mxlb_leg *from, uint64_t now_ms)
{
	struct model_leg *leg = &backend->leg[family];

	if (from->state == MXLB_LEG_ABSENT)
		return;
	leg_begin(leg, true, now_ms);
	if (from->judged == MXLB_LEG_UP || from->judged == MXLB_LEG_DOWN)
		verdict_init(&leg->verdict, from->judged == MXLB_LEG_UP ? HEALTH_UP : HEALTH_DOWN,
			     now_ms);
	leg->source = from->source;
	leg->is_borrowed = addr_family(&from->addr) != family;
	backend->conf.port = __builtin_bswap16(from->port);
	if (leg->is_borrowed)
		return;
	backend->conf.has_addr[family] = true;
	backend->conf.addr[family] = from->addr;
}

static void adopt_backend(struct model *model, const struct dp_backend *from, uint64_t now_ms)
{
	struct model_service *service = model_service_by_id(model, from->value.service);
	char *name = strchr(from->name, '/');
	struct conf_backend conf = {.name = name ? name + 1 : from->name,
				    .max_connections = from->value.max_connections,
				    .weight = from->value.weight};
	struct model_backend *backend;

	if (!service)
		return; /* its flows end by time-out */
	backend = service_add_backend(service, &conf, from->value.forward);
	backend->id = from->id;
	for (int family = 0; family < MXLB_FAMILIES; family++)
		adopt_leg(backend, family, &from->value.leg[family], now_ms);
}

struct model *model_adopt(const struct dp_state *state, uint64_t now_ms)
{
	struct model *model = mem_zero(1, sizeof(*model));

	for (size_t i = 0; i < state->n_services; i++)
		(void)adopt_service(model, &state->services[i]);
	for (size_t i = 0; i < state->n_backends; i++)
		adopt_backend(model, &state->backends[i], now_ms);
	for (size_t i = 0; i < state->n_vips; i++) {
		struct model_service *service =
			model_service_by_id(model, state->vips[i].value.service);
		struct model_vip vip = {.id = state->vips[i].value.id,
					.endpoint = state->vips[i].key,
					.is_leaving = state->vips[i].value.is_leaving};

		if (service)
			service_add_vip(service, &vip);
	}
	return model;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions that a model answers, and its end. How one is made stands in model_new.c.
 */
#include "model.h"

#include <errno.h>
#include <string.h>

#include "addr.h"
#include "mem.h"
#include "mxlb/knobs.h"

struct model_service *model_service_find(const struct model *model, const char *name)
{
	for (size_t i = 0; i < model->n_services; i++)
		if (!strcmp(model->services[i]->name, name))
			return model->services[i];
	return NULL;
}

struct model_service *model_service_by_id(const struct model *model, uint32_t id)
{
	for (size_t i = 0; i < model->n_services; i++)
		if (model->services[i]->id == id)
			return model->services[i];
	return NULL;
}

/* A removed backend may carry the name of its successor: the live one is meant. */
struct model_backend *model_backend_find(const struct model_service *service, const char *name)
{
	struct model_backend *removed = NULL;

	for (size_t i = 0; i < service->n_backends; i++) {
		struct model_backend *backend = service->backends[i];

		if (strcmp(backend->conf.name, name) != 0)
			continue;
		if (backend->admin.state != ADMIN_REMOVED)
			return backend;
		removed = backend;
	}
	return removed;
}

struct model_backend *model_backend_by_id(const struct model *model, uint32_t id)
{
	for (size_t i = 0; i < model->n_services; i++)
		for (size_t j = 0; j < model->services[i]->n_backends; j++)
			if (model->services[i]->backends[j]->id == id)
				return model->services[i]->backends[j];
	return NULL;
}

static void backend_free(struct model_backend *backend)
{
	free(backend->conf.name);
	free(backend);
}

static void service_free(struct model_service *service)
{
	for (size_t i = 0; i < service->n_backends; i++)
		backend_free(service->backends[i]);
	free(service->backends);
	free(service->vips);
	free(service->name);
	free(service);
}

void model_free(struct model *model)
{
	if (!model)
		return;
	for (size_t i = 0; i < model->n_services; i++)
		service_free(model->services[i]);
	free(model->services);
	conf_free(model->conf);
	free(model);
}

static void service_forget(struct model *model, struct model_service *service)
{
	if (service->conf || service->n_backends || service->n_vips)
		return;
	for (size_t i = 0; i < model->n_services; i++) {
		if (model->services[i] != service)
			continue;
		model->n_services--;
		memmove(&model->services[i], &model->services[i + 1],
			(model->n_services - i) * sizeof(*model->services));
		service_free(service);
		return;
	}
}

void model_backend_forget(struct model *model, struct model_backend *backend)
{
	struct model_service *service = backend->service;

	for (size_t i = 0; i < service->n_backends; i++) {
		if (service->backends[i] != backend)
			continue;
		service->n_backends--;
		memmove(&service->backends[i], &service->backends[i + 1],
			(service->n_backends - i) * sizeof(*service->backends));
		backend_free(backend);
		service_forget(model, service);
		return;
	}
}

void model_vip_forget(struct model *model, struct model_service *service, uint32_t vip_id)
{
	for (size_t i = 0; i < service->n_vips; i++) {
		if (service->vips[i].id != vip_id)
			continue;
		service->n_vips--;
		memmove(&service->vips[i], &service->vips[i + 1],
			(service->n_vips - i) * sizeof(*service->vips));
		service_forget(model, service);
		return;
	}
}

unsigned model_backend_weight(const struct model_backend *backend)
{
	const struct admin *admin = &backend->admin;

	if (admin->weight_kind == WEIGHT_ABSOLUTE)
		return admin->weight;
	if (admin->weight_kind == WEIGHT_PERCENT)
		return (backend->conf.weight * admin->weight + 99) / 100;
	return backend->conf.weight;
}

const struct mxlb_addr *model_leg_addr(const struct model_backend *backend, enum mxlb_family family)
{
	return &backend->conf.addr[backend->leg[family].is_borrowed ? !family : family];
}

/* Without an own address there is no outer header to write. */
bool model_leg_has_way(const struct model_backend *backend, enum mxlb_family family)
{
	return backend->forward != MXLB_TUNNEL || !addr_is_zero(&backend->leg[family].source);
}

void model_legs_lend(struct model_backend *backend)
{
	for (int family = 0; family < MXLB_FAMILIES; family++) {
		struct model_leg *leg = &backend->leg[family];
		const struct model_leg *own = &backend->leg[!family];

		if (!leg->is_borrowed)
			continue;
		leg->verdict = own->verdict;
		leg->since = own->since;
		leg->connected = own->connected;
		leg->probe = own->probe;
	}
}

/* Where nothing is probed, the way there is all that is known. */
static bool leg_judge_way(struct model_backend *backend, struct model_leg *leg, bool has_way,
			  uint64_t now_ms)
{
	static const struct verdict_policy at_once = {.rise = 1, .fall = 1};
	enum health_state before = leg->verdict.state;

	if (backend->service->conf->probe->type != CONF_PROBE_NONE)
		return false;
	(void)verdict_outcome(&leg->verdict, &at_once, has_way ? HEALTH_OK : HEALTH_UNREACHABLE,
			      now_ms);
	if (leg->verdict.state == before)
		return false;
	leg->since = time(NULL);
	return true;
}

bool model_leg_source(struct model_backend *backend, enum mxlb_family family,
		      const struct mxlb_addr *source, uint64_t now_ms)
{
	struct model_leg *leg = &backend->leg[family];
	bool has_changed = false;

	if (!addr_is_zero(source) && !addr_equal(&leg->source, source)) {
		leg->source = *source;
		has_changed = true;
	}
	if (backend->service->conf)
		has_changed |=
			leg_judge_way(backend, leg, model_leg_has_way(backend, family), now_ms);
	return has_changed;
}

uint32_t model_probe_vip(const struct model_backend *backend, enum mxlb_family family)
{
	const struct model_service *service = backend->service;

	if (backend->forward == MXLB_NAT)
		return 0;
	for (size_t i = 0; i < service->n_vips; i++)
		if (!service->vips[i].is_leaving &&
		    addr_family(&service->vips[i].endpoint.addr) == family)
			return service->vips[i].id;
	return 0;
}

uint32_t model_probe_mark(const struct model_backend *backend, enum mxlb_family family)
{
	uint32_t vip = model_probe_vip(backend, family);

	return vip ? MXLB_PROBE_MARK | vip : 0;
}

bool model_leg_usable(const struct model_backend *backend, enum mxlb_family family, uint64_t now_ms)
{
	const struct model_leg *leg = &backend->leg[family];

	if (!leg->exists || backend->admin.state != ADMIN_READY || !model_backend_weight(backend) ||
	    !model_leg_has_way(backend, family))
		return false;
	if (leg->verdict.state == HEALTH_CHECKING)
		return leg->connected;
	return verdict_serves(&leg->verdict, now_ms);
}

static const struct model_leg *leg_worst(const struct model_backend *backend)
{
	static const int rank[HEALTH_STATE_COUNT] = {
		[HEALTH_UP] = 0, [HEALTH_CHECKING] = 1, [HEALTH_DOWN] = 2};
	const struct model_leg *worst = NULL;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		const struct model_leg *leg = &backend->leg[family];

		if (leg->exists &&
		    (!worst || rank[leg->verdict.state] > rank[worst->verdict.state]))
			worst = leg;
	}
	return worst;
}

const char *model_backend_health(const struct model_backend *backend, enum health_reason *reason,
				 time_t *since)
{
	const struct model_leg *worst = leg_worst(backend);
	unsigned up = 0, all = 0;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		all += backend->leg[family].exists;
		up += backend->leg[family].exists &&
		      backend->leg[family].verdict.state == HEALTH_UP;
	}
	*reason = worst ? worst->verdict.reason : HEALTH_OK;
	*since = worst ? worst->since : 0;
	if (!worst)
		return "checking";
	if (worst->verdict.state == HEALTH_DOWN && up && up < all)
		return "degraded";
	return health_state_name(worst->verdict.state);
}

/* Is this backend as the operator wants it? Drained, in maintenance or removed counts
 * as wanted; a backend at weight 0 too. */
static bool backend_is_well(const struct model_backend *backend)
{
	if (backend->admin.state != ADMIN_READY || !model_backend_weight(backend))
		return true;
	for (int family = 0; family < MXLB_FAMILIES; family++)
		if (backend->leg[family].exists && backend->leg[family].verdict.state != HEALTH_UP)
			return false;
	return true;
}

const char *model_service_state(const struct model_service *service)
{
	bool degraded = service->fail_open;
	unsigned served = 0, wanted = 0;

	for (size_t i = 0; i < service->n_vips; i++) {
		bool is_v4 = !memcmp(service->vips[i].endpoint.addr.b,
				     "\0\0\0\0\0\0\0\0\0\0\377\377", 12);

		if (service->vips[i].is_leaving)
			continue;
		wanted++;
		served += service->active_preference[is_v4 ? MXLB_V4 : MXLB_V6] >= 0;
	}
	if (wanted && !served)
		return "down";
	for (size_t i = 0; i < service->n_backends; i++)
		degraded |= !backend_is_well(service->backends[i]);
	return degraded || served < wanted ? "degraded" : "up";
}

static const char *const admin_names[ADMIN_STATE_COUNT] = {
	[ADMIN_READY] = "ready",
	[ADMIN_DRAIN] = "drain",
	[ADMIN_MAINT] = "maint",
	[ADMIN_REMOVED] = "removed",
};

const char *admin_state_name(enum admin_state state)
{
	return state < ADMIN_STATE_COUNT ? admin_names[state] : "?";
}

int admin_state_parse(const char *name, enum admin_state *state)
{
	for (int i = 0; i < ADMIN_STATE_COUNT; i++) {
		if (strcmp(admin_names[i], name) != 0)
			continue;
		*state = i;
		return 0;
	}
	return -EINVAL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a model to the wanted content of the maps. The tiers are chosen here: the
 * lowest preference with a usable address serves, the next one stands by.
 */
#include "plan.h"

#include <limits.h>

#include "addr.h"
#include "mem.h"
#include "model.h"

/* A protocol fault on every backend is more likely ours, or a certificate's, than the
 * end of all mail: then they serve although down. A closed or dead port is none. */
static bool leg_may_fail_open(const struct model_backend *backend, enum mxlb_family family)
{
	const struct model_leg *leg = &backend->leg[family];

	return leg->exists && backend->admin.state == ADMIN_READY &&
	       model_backend_weight(backend) && model_leg_has_way(backend, family) &&
	       leg->verdict.state == HEALTH_DOWN &&
	       leg->verdict.reason != HEALTH_OK /* adopted: not known why */ &&
	       leg->verdict.reason != HEALTH_CONNECT_REFUSED &&
	       !health_reason_is_unreachable(leg->verdict.reason);
}

static bool leg_is_usable(const struct model_service *service, const struct model_backend *backend,
			  enum mxlb_family family, bool fail_open, uint64_t now_ms)
{
	if (!service->conf)
		return false;
	return fail_open ? leg_may_fail_open(backend, family)
			 : model_leg_usable(backend, family, now_ms);
}

/* The lowest preference above `above` that has a usable address; -1: none. */
static int tier_next(const struct model_service *service, enum mxlb_family family, int above,
		     bool fail_open, uint64_t now_ms)
{
	int best = -1;

	for (size_t i = 0; i < service->n_backends; i++) {
		const struct model_backend *backend = service->backends[i];
		int preference = (int)backend->conf.preference;

		if (preference > above && (best < 0 || preference < best) &&
		    leg_is_usable(service, backend, family, fail_open, now_ms))
			best = preference;
	}
	return best;
}

static void ring_add(struct dp_ring *ring, const struct model_backend *backend)
{
	ring->members = mem_append(ring->members, &ring->n_members, sizeof(*ring->members));
	ring->members[ring->n_members - 1] = (struct ring_member){
		.name = mem_dup(backend->conf.name),
		.id = backend->id,
		.weight = model_backend_weight(backend),
	};
}

static void tier_ring(const struct model_service *service, enum mxlb_family family, int preference,
		      bool fail_open, uint64_t now_ms, uint32_t seed, struct dp_ring **rings,
		      size_t *n_rings)
{
	struct dp_ring ring = {.index = service->id * MXLB_FAMILIES + family, .seed = seed};

	if (preference < 0)
		return;
	for (size_t i = 0; i < service->n_backends; i++) {
		const struct model_backend *backend = service->backends[i];

		if ((int)backend->conf.preference == preference &&
		    leg_is_usable(service, backend, family, fail_open, now_ms))
			ring_add(&ring, backend);
	}
	*rings = mem_append(*rings, n_rings, sizeof(**rings));
	(*rings)[*n_rings - 1] = ring;
}

static void service_tiers(struct model_service *service, enum mxlb_family family, uint32_t seed,
			  uint64_t now_ms, struct dp_state *want)
{
	int active = tier_next(service, family, -1, false, now_ms), standby;
	bool fail_open = false;

	if (active < 0) {
		active = tier_next(service, family, -1, true, now_ms);
		fail_open = active >= 0;
	}
	standby = active < 0 ? -1 : tier_next(service, family, active, fail_open, now_ms);
	service->active_preference[family] = active;
	service->fail_open |= fail_open;
	for (size_t i = 0; i < service->n_backends; i++) {
		struct model_backend *backend = service->backends[i];
		struct model_leg *leg = &backend->leg[family];

		leg->is_fail_open =
			leg_is_usable(service, backend, family, true, now_ms) && fail_open;
		leg->serving = active >= 0 && (int)backend->conf.preference == active &&
			       leg_is_usable(service, backend, family, fail_open, now_ms);
	}
	tier_ring(service, family, active, fail_open, now_ms, seed, &want->rings, &want->n_rings);
	tier_ring(service, family, standby, fail_open, now_ms, seed, &want->standbys,
		  &want->n_standbys);
}

static enum mxlb_leg_state leg_judged(const struct model_leg *leg)
{
	if (!leg->exists || leg->verdict.state == HEALTH_CHECKING)
		return MXLB_LEG_ABSENT;
	return leg->verdict.state == HEALTH_UP ? MXLB_LEG_UP : MXLB_LEG_DOWN;
}

static struct mxlb_leg leg_want(const struct model_service *service,
				const struct model_backend *backend, enum mxlb_family family,
				uint64_t now_ms)
{
	const struct model_leg *leg = &backend->leg[family];
	struct mxlb_leg want = {.judged = leg_judged(leg)};

	if (!leg->exists)
		return want;
	want.addr = *model_leg_addr(backend, family);
	want.source = leg->source;
	want.port = __builtin_bswap16(backend->conf.port);
	if (leg->is_fail_open || leg_is_usable(service, backend, family, false, now_ms))
		want.state = MXLB_LEG_UP;
	else if (backend->admin.state == ADMIN_READY &&
		 (leg->verdict.state == HEALTH_DOWN || !model_leg_has_way(backend, family)))
		want.state = MXLB_LEG_DOWN;
	else
		want.state = MXLB_LEG_WITHHELD;
	return want;
}

static void backend_want(struct model_service *service, struct model_backend *backend,
			 uint64_t now_ms, struct dp_state *want)
{
	struct dp_backend *to;
	size_t len = strlen(service->name) + strlen(backend->conf.name) + 2;

	backend->weight_effective = 0;
	if (backend->leg[MXLB_V4].serving || backend->leg[MXLB_V6].serving)
		backend->weight_effective = model_backend_weight(backend);
	want->backends = mem_append(want->backends, &want->n_backends, sizeof(*want->backends));
	to = &want->backends[want->n_backends - 1];
	to->id = backend->id;
	to->name = mem_zero(len, 1);
	(void)snprintf(to->name, len, "%s/%s", service->name, backend->conf.name);
	to->value = (struct mxlb_backend){
		.exists = 1,
		.forward = backend->forward,
		.service = service->id,
		.max_connections = backend->conf.max_connections,
		.weight = model_backend_weight(backend),
	};
	for (int family = 0; family < MXLB_FAMILIES; family++)
		to->value.leg[family] = leg_want(service, backend, family, now_ms);
}

static struct dp_origin *origin_at(struct dp_state *want, const struct mxlb_endpoint *key)
{
	for (size_t i = 0; i < want->n_origins; i++)
		if (!memcmp(&want->origins[i].key, key, sizeof(*key)))
			return &want->origins[i];
	want->origins = mem_append(want->origins, &want->n_origins, sizeof(*want->origins));
	want->origins[want->n_origins - 1].key = *key;
	return &want->origins[want->n_origins - 1];
}

/* Beyond the eighth pair there is no room: the config check has refused that for live
 * VIPs, which come first; a leaving one then goes without its replies. */
static void origin_add(struct mxlb_origin *origin, uint32_t vip, uint32_t backend)
{
	for (int i = 0; i < MXLB_MAX_ORIGIN_VIPS; i++) {
		if (origin->of[i].vip)
			continue;
		origin->of[i].vip = vip;
		origin->of[i].backend = backend;
		return;
	}
}

/* Replies in dsr and tunnel mode come from the VIP itself. */
static void backend_origins(const struct model_service *service,
			    const struct model_backend *backend, bool leaving,
			    struct dp_state *want)
{
	if (backend->forward != MXLB_NAT)
		return;
	for (size_t i = 0; i < service->n_vips; i++) {
		const struct model_vip *vip = &service->vips[i];
		enum mxlb_family family = addr_family(&vip->endpoint.addr);
		struct mxlb_endpoint key = {.addr = backend->conf.addr[family],
					    .port = __builtin_bswap16(backend->conf.port)};

		if (backend->leg[family].exists && vip->is_leaving == leaving)
			origin_add(&origin_at(want, &key)->value, vip->id, backend->id);
	}
}

static void service_want(struct model_service *service, uint32_t seed, struct dp_state *want)
{
	const struct conf_service *conf = service->conf ? service->conf : &service->last;
	struct dp_service *to;

	want->services = mem_append(want->services, &want->n_services, sizeof(*want->services));
	to = &want->services[want->n_services - 1];
	to->id = service->id;
	to->name = mem_dup(service->name);
	to->value = (struct mxlb_service){
		.exists = 1,
		.scheduler = conf->scheduler,
		.forward = conf->forward,
		.unavailable = conf->unavailable,
		.hash_seed = seed,
	};
	for (int family = 0; family < MXLB_FAMILIES; family++)
		to->value.mask[family] = addr_mask(family, conf->prefix[family]);
	for (size_t i = 0; i < service->n_vips; i++) {
		const struct model_vip *vip = &service->vips[i];

		want->vips = mem_append(want->vips, &want->n_vips, sizeof(*want->vips));
		want->vips[want->n_vips - 1] = (struct dp_vip){
			.key = vip->endpoint,
			.value = {.id = vip->id,
				  .service = service->id,
				  .is_leaving = vip->is_leaving},
		};
	}
}

void plan_want(struct model *model, uint64_t now_ms, struct dp_state *want)
{
	uint32_t seed = model->conf->hash_seed;

	*want = (struct dp_state){0};
	for (size_t i = 0; i < model->n_services; i++) {
		struct model_service *service = model->services[i];

		service->fail_open = false;
		service_want(service, seed, want);
		for (int family = 0; family < MXLB_FAMILIES; family++)
			service_tiers(service, family, seed, now_ms, want);
		for (size_t j = 0; j < service->n_backends; j++)
			backend_want(service, service->backends[j], now_ms, want);
	}
	for (int leaving = 0; leaving <= 1; leaving++)
		for (size_t i = 0; i < model->n_services; i++)
			for (size_t j = 0; j < model->services[i]->n_backends; j++)
				backend_origins(model->services[i], model->services[i]->backends[j],
						leaving, want);
	dp_state_sort(want);
}

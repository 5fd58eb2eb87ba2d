/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which backend? One ring, indexed as the scheduler says, then walked (bounded)
 * past candidates that can't serve; then the standby ring. Writes nothing but
 * p->backend, since XDP may yet leave the packet to TC.
 *
 * choose_backend is a global function: the verifier looks at its loops once, instead
 * of once for each way that leads there, which would go beyond its limit.
 */
#ifndef CHOOSE_H
#define CHOOSE_H

#include "maps.h"
#include "mxlb/hash.h"
#include "pkt.h"

static __always_inline int choose_can_serve(__u32 id, __u32 family)
{
	const struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &id);
	const struct mxlb_load *load;

	if (!backend || !backend->exists || backend->leg[family & 1].state != MXLB_LEG_UP)
		return 0;
	if (!backend->max_connections)
		return 1;
	load = bpf_map_lookup_elem(&backend_load, &id);
	return load && load->flows < backend->max_connections;
}

static __always_inline __u32 choose_hash(const struct mxlb_addr *client,
					 const struct mxlb_service *service, __u32 family)
{
	struct mxlb_addr prefix = *client;

#pragma unroll
	for (int i = 0; i < 4; i++)
		prefix.w[i] &= service->mask[family & 1].w[i];
	return mxlb_hash(&prefix, service->hash_seed);
}

static __always_inline __u32 choose_index(const struct mxlb_addr *client,
					  const struct mxlb_service *service, __u32 table)
{
	const struct mxlb_service_count *count;

	switch (service->scheduler) {
	case MXLB_SOURCE:
		return choose_hash(client, service, table % MXLB_FAMILIES);
	case MXLB_ROUND_ROBIN:
		/* Per CPU, so each starts elsewhere; neighbouring slots differ. */
		count = bpf_map_lookup_elem(&service_counts, &table);
		return (count ? (__u32)count->syns : 0) + bpf_get_smp_processor_id() * 4099;
	default:
		return bpf_get_prandom_u32();
	}
}

/* A walk along a ring, from slot to slot, until one can serve. */
struct choose_walk {
	void *ring;
	__u32 index, size, family;
	__u32 found; /* 0: none so far */
};

static long choose_step(__u32 i, struct choose_walk *walk)
{
	__u32 slot = 1 + (walk->index + i) % walk->size;
	__u32 *id = bpf_map_lookup_elem(walk->ring, &slot);

	if (!id || !choose_can_serve(*id, walk->family))
		return 0;
	walk->found = *id;
	return 1; /* ends bpf_loop */
}

/* The first of a ring, from `index` on, that can serve; 0: none within the walk. */
static __always_inline __u32 choose_first(void *ring, __u32 index, __u32 family)
{
	struct choose_walk walk = {.ring = ring, .index = index, .family = family};
	__u32 zero = 0, *size = bpf_map_lookup_elem(ring, &zero);

	if (!size || !*size)
		return 0;
	walk.size = *size;
	bpf_loop(knobs.ring_walk, choose_step, &walk, 0);
	return walk.found;
}

static __always_inline __u32 choose_score(__u32 id, __u64 *weight)
{
	const struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &id);
	const struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &id);

	*weight = backend && backend->weight ? backend->weight : 1;
	return load ? load->flows : 0;
}

/* Power of two choices: the less loaded, by weight, of two random ones. */
static __always_inline __u32 choose_less(void *ring, __u32 first, __u32 family)
{
	__u32 second = choose_first(ring, bpf_get_prandom_u32(), family);
	__u64 weight_first, weight_second;
	__u64 load_first = choose_score(first, &weight_first);
	__u64 load_second = choose_score(second, &weight_second);

	return load_first * weight_second <= load_second * weight_first ? first : second;
}

static __always_inline __u32 choose_from(void *ring, const struct mxlb_service *service,
					 __u32 index, __u32 family)
{
	__u32 id;

	if (!ring)
		return 0;
	id = choose_first(ring, index, family);
	if (id && service->scheduler == MXLB_LEAST_CONNECTIONS)
		id = choose_less(ring, id, family);
	return id;
}

/* The id of a backend, 0 when none can serve, or minus a reason. */
__noinline int choose_backend(struct mxlb_addr *client, __u32 service_id, __u32 family)
{
	__u32 table = service_id * MXLB_FAMILIES + (family & 1), index, id;
	const struct mxlb_service *service;

	service = bpf_map_lookup_elem(&services, &service_id);
	if (!client || !service || !service->exists)
		return -MXLB_REASON_NO_SERVICE;
	index = choose_index(client, service, table);
	id = choose_from(bpf_map_lookup_elem(&rings, &table), service, index, family);
	if (!id)
		id = choose_from(bpf_map_lookup_elem(&standby_rings, &table), service, index,
				 family);
	return id < MXLB_MAX_BACKENDS ? (int)id : 0;
}

static __always_inline int choose(struct pkt *p)
{
	int id = choose_backend(&p->src.addr, p->service, p->family);

	if (id < 0)
		return id;
	p->backend = id;
	return id ? VERDICT_GO_ON : -MXLB_REASON_NO_BACKEND;
}

#endif

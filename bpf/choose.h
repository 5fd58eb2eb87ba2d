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

/* How to choose, beyond what the service says. */
#define CHOOSE_STEADY 1u /* no memory will be kept: the same answer for each packet */
#define CHOOSE_STRAY  2u /* a connection that is there already: limits don't matter */

static __always_inline __u32 choose_hash(const struct mxlb_endpoint *client,
					 const struct mxlb_service *service, __u32 family)
{
	struct mxlb_addr prefix = client->addr;

#pragma unroll
	for (int i = 0; i < 4; i++)
		prefix.w[i] &= service->mask[family & 1].w[i];
	return mxlb_hash(&prefix, service->hash_seed);
}

/* What schedulers without a hash use where nothing is remembered: each connection its own. */
static __always_inline __u32 choose_hash_all(const struct mxlb_endpoint *client,
					     const struct mxlb_service *service)
{
	struct mxlb_addr addr = client->addr;

	addr.w[0] ^= client->port;
	return mxlb_hash(&addr, service->hash_seed);
}

static __always_inline __u32 choose_index(const struct mxlb_endpoint *client,
					  const struct mxlb_service *service, __u32 table,
					  __u32 how)
{
	const struct mxlb_service_count *count;

	if (service->scheduler == MXLB_SOURCE)
		return choose_hash(client, service, table % MXLB_FAMILIES);
	if (how & CHOOSE_STEADY)
		return choose_hash_all(client, service);
	if (service->scheduler != MXLB_ROUND_ROBIN)
		return bpf_get_prandom_u32();
	/* Per CPU, so each starts elsewhere; neighbouring slots differ. */
	count = bpf_map_lookup_elem(&service_counts, &table);
	return (count ? (__u32)count->syns : 0) + bpf_get_smp_processor_id() * 4099;
}

/* A walk along a ring, from slot to slot, until one can serve. */
struct choose_walk {
	void *ring;
	const struct mxlb_addr *client;
	__u32 index, size, family, how;
	__u32 found;   /* 0: none so far */
	__u32 is_self; /* the client itself would have been one */
};

static __always_inline int choose_can_serve(struct choose_walk *walk, __u32 id)
{
	const struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &id);
	const struct mxlb_load *load;
	const struct mxlb_leg *leg;

	if (!backend || !backend->exists)
		return 0;
	leg = &backend->leg[walk->family & 1];
	if (leg->state != MXLB_LEG_UP)
		return 0;
	/* It would get a packet from its own address, and drop it. */
	if (pkt_same_addr(&leg->addr, walk->client)) {
		walk->is_self = 1;
		return 0;
	}
	if (!backend->max_connections || (walk->how & CHOOSE_STRAY))
		return 1;
	load = bpf_map_lookup_elem(&backend_load, &id);
	return load && load->flows < backend->max_connections;
}

static long choose_step(__u32 i, struct choose_walk *walk)
{
	__u32 slot = 1 + (walk->index + i) % walk->size;
	__u32 *id = bpf_map_lookup_elem(walk->ring, &slot);

	if (!id || !choose_can_serve(walk, *id))
		return 0;
	walk->found = *id;
	return 1; /* ends bpf_loop */
}

/* The first of a ring, from `index` on, that can serve; 0: none within the walk. */
static __always_inline __u32 choose_first(struct choose_walk *walk, __u32 index)
{
	__u32 zero = 0, *size = bpf_map_lookup_elem(walk->ring, &zero);

	walk->found = 0;
	if (!size || !*size)
		return 0;
	walk->index = index;
	walk->size = *size;
	/* Nearly always the first can; a loop in the kernel's hands costs as much again. */
	if (!choose_step(0, walk))
		bpf_loop(knobs.ring_walk, choose_step, walk, 0);
	return walk->found;
}

static __always_inline __u32 choose_score(__u32 id, __u64 *weight)
{
	const struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &id);
	const struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &id);

	*weight = backend && backend->weight ? backend->weight : 1;
	return load ? load->flows : 0;
}

/* Power of two choices: the less loaded, by weight, of two random ones. */
static __always_inline __u32 choose_less(struct choose_walk *walk, __u32 first)
{
	__u32 second = choose_first(walk, bpf_get_prandom_u32());
	__u64 weight_first, weight_second;
	__u64 load_first = choose_score(first, &weight_first);
	__u64 load_second = choose_score(second, &weight_second);

	return load_first * weight_second <= load_second * weight_first ? first : second;
}

static __always_inline __u32 choose_from(void *ring, struct choose_walk *walk, __u32 index,
					 __u32 scheduler)
{
	__u32 id;

	if (!ring)
		return 0;
	walk->ring = ring;
	id = choose_first(walk, index);
	if (id && scheduler == MXLB_LEAST_CONNECTIONS && !(walk->how & CHOOSE_STEADY))
		id = choose_less(walk, id);
	return id;
}

/* The id of a backend, or minus a reason; `how`: CHOOSE_*. */
__noinline int choose_backend(struct mxlb_endpoint *client, __u32 service_id, __u32 family,
			      __u32 how)
{
	__u32 table = service_id * MXLB_FAMILIES + (family & 1), index, id;
	const struct mxlb_service *service;
	struct choose_walk walk = {.family = family, .how = how};

	service = bpf_map_lookup_elem(&services, &service_id);
	if (!client || !service || !service->exists)
		return -MXLB_REASON_NO_SERVICE;
	walk.client = &client->addr;
	index = choose_index(client, service, table, how);
	id = choose_from(bpf_map_lookup_elem(&rings, &table), &walk, index, service->scheduler);
	if (!id)
		id = choose_from(bpf_map_lookup_elem(&standby_rings, &table), &walk, index,
				 service->scheduler);
	if (!id || id >= MXLB_MAX_BACKENDS)
		return walk.is_self ? -MXLB_REASON_HAIRPIN : -MXLB_REASON_NO_BACKEND;
	return id;
}

static __always_inline int choose(struct pkt *p)
{
	__u32 how = pkt_is_syn(p) ? 0 : CHOOSE_STEADY | CHOOSE_STRAY;
	int id;

	if (!p->remember)
		how |= CHOOSE_STEADY;
	id = choose_backend(&p->src, p->service, p->family, how);
	if (id < 0)
		return id;
	p->backend = id;
	return VERDICT_GO_ON;
}

#endif

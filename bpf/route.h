/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the packet will be sent: the addresses it will carry, and the next hop,
 * from the flow's cache or by asking the kernel. The last station that may pass a
 * packet untouched; after it, things change.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <linux/in.h>

#include "maps.h"
#include "pkt.h"

#define ROUTE_AF_INET  2
#define ROUTE_AF_INET6 10

/* What rewrite will put in the place of pkt_from. */
static __always_inline int route_translate(struct pkt *p)
{
	__u32 vip = p->vip;

	if (p->direction == MXLB_IN) {
		const struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &p->backend);
		const struct mxlb_leg *leg;

		/* One that is gone has its address still, for flows that are closing. */
		if (!backend)
			return -MXLB_REASON_FLOW_GONE;
		leg = &backend->leg[p->family & 1];
		if (!leg->port)
			return -MXLB_REASON_FLOW_GONE;
		p->to.addr = leg->addr;
		p->to.port = leg->port;
		p->to.zero = 0;
	} else {
		const struct mxlb_endpoint *end = bpf_map_lookup_elem(&vip_endpoints, &vip);

		if (!end || !end->port)
			return -MXLB_REASON_FLOW_GONE;
		p->to = *end;
	}
	return VERDICT_GO_ON;
}

static __always_inline int route_is_fresh(const struct pkt *p, const struct mxlb_hop *hop)
{
	const struct mxlb_settings *set;
	__u32 zero = 0;

	set = bpf_map_lookup_elem(&settings, &zero);
	return set && hop->until > p->now && hop->generation == set->hop_generation;
}

static __always_inline void route_ask(const struct pkt *p, struct bpf_fib_lookup *fib)
{
	const struct mxlb_addr *src = p->direction == MXLB_IN ? &p->src.addr : &p->to.addr;
	const struct mxlb_addr *dst = p->direction == MXLB_IN ? &p->to.addr : &p->dst.addr;

	fib->ifindex = hook_ifindex(p);
	fib->l4_protocol = IPPROTO_TCP;
	/* One byte always fits: it makes the kernel tell the MTU, and the check is
	 * ours, since the length of a packet glued by GRO is not its segments'. */
	fib->tot_len = 1;
	if (p->family == MXLB_V4) {
		fib->family = ROUTE_AF_INET;
		fib->ipv4_src = src->w[3];
		fib->ipv4_dst = dst->w[3];
	} else {
		fib->family = ROUTE_AF_INET6;
		__builtin_memcpy(fib->ipv6_src, src->b, 16);
		__builtin_memcpy(fib->ipv6_dst, dst->b, 16);
	}
}

static __always_inline void route_keep(struct pkt *p, const struct bpf_fib_lookup *fib)
{
	const struct mxlb_settings *set;
	__u32 zero = 0;

	set = bpf_map_lookup_elem(&settings, &zero);
	p->hop.ifindex = fib->ifindex;
	/* Without a neighbour the kernel has not come to the MTU. */
	p->hop.mtu = p->has_neighbour ? fib->mtu_result : 0;
	__builtin_memcpy(p->hop.dst, fib->dmac, 6);
	__builtin_memcpy(p->hop.src, fib->smac, 6);
	if (!p->has_neighbour || !set)
		return;
	p->hop.generation = set->hop_generation;
	p->hop.until = p->now + knobs.hop_max_age;
}

static __always_inline void route_gateway(struct pkt *p, const struct bpf_fib_lookup *fib)
{
	p->gateway_family = fib->family;
	if (fib->family == ROUTE_AF_INET)
		p->gateway.w[3] = fib->ipv4_dst;
	else
		__builtin_memcpy(p->gateway.b, fib->ipv6_dst, 16);
}

static __always_inline int route_lookup(struct pkt *p)
{
	struct bpf_fib_lookup fib = {};
	long found;

	route_ask(p, &fib);
	found = hook_fib_lookup(p, &fib);
	switch (found) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		p->has_neighbour = found == BPF_FIB_LKUP_RET_SUCCESS;
		route_gateway(p, &fib);
		route_keep(p, &fib);
		return VERDICT_GO_ON;
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		/* A reply to the router itself, such as to our own probe: not ours. */
		return p->direction == MXLB_OUT ? VERDICT_PASS : -MXLB_REASON_NO_ROUTE;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return -MXLB_REASON_FORWARDING_OFF;
	default:
		return -MXLB_REASON_NO_ROUTE;
	}
}

static __always_inline int route_fits(const struct pkt *p)
{
	__u32 size = hook_segment_size(p);
	__u32 len = size ? size + p->l4 - ETH_HLEN + p->tcp_len : p->len;

	return !p->hop.mtu || len <= p->hop.mtu;
}

static __always_inline int route_find(struct pkt *p)
{
	int verdict = route_translate(p);

	if (verdict)
		return verdict;
	if (p->cache && !p->is_opening && route_is_fresh(p, p->cache)) {
		p->hop = *p->cache;
		p->has_neighbour = 1;
	} else {
		verdict = route_lookup(p);
		if (verdict)
			return verdict;
	}
	if (!hook_can_forward(p))
		return VERDICT_PASS;
	return route_fits(p) ? VERDICT_GO_ON : -MXLB_REASON_TOO_BIG;
}

/* Keeps a hop that was just looked up. Another processor may read it half written:
 * at worst one packet goes to a stale address, and TCP repeats it. */
static __always_inline void route_store(struct pkt *p)
{
	if (p->flow && p->cache && p->has_neighbour && p->cache->until != p->hop.until)
		*p->cache = p->hop;
}

#endif

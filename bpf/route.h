/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the packet will be sent: the addresses it will carry, and the next hop,
 * from the flow's cache or by asking the kernel. The last station that may pass a
 * packet untouched; after it, things change.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "maps.h"
#include "parse_ext.h"
#include "pkt.h"

#define ROUTE_AF_INET  2
#define ROUTE_AF_INET6 10

/* To the backend: what rewrite will put in the place of the VIP. */
static __always_inline int route_in(struct pkt *p)
{
	const struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &p->backend);
	const struct mxlb_leg *leg;

	/* One that is gone has its address still, for flows that are closing. */
	if (!backend)
		return -MXLB_REASON_FLOW_GONE;
	leg = &backend->leg[p->family & 1];
	if (!leg->port)
		return -MXLB_REASON_FLOW_GONE;
	p->forward = backend->forward;
	p->via_family = p->family;
	if (p->forward == MXLB_NAT) {
		p->to = (struct mxlb_endpoint){leg->addr, leg->port, 0};
		return VERDICT_GO_ON;
	}
	p->to = p->dst;
	if (p->forward == MXLB_TUNNEL)
		p->via_family = pkt_is_mapped(&leg->addr) ? MXLB_V4 : MXLB_V6;
	return VERDICT_GO_ON;
}

/* To the client. A reply that a backend sends as the VIP stays as it is. */
static __always_inline int route_out(struct pkt *p)
{
	__u32 vip = p->vip;
	const struct mxlb_endpoint *end;

	p->via_family = p->family;
	if (p->forward != MXLB_NAT) {
		p->to = p->src;
		return VERDICT_GO_ON;
	}
	end = bpf_map_lookup_elem(&vip_endpoints, &vip);
	if (!end || !end->port)
		return -MXLB_REASON_FLOW_GONE;
	p->to = *end;
	return VERDICT_GO_ON;
}

/* The 15 bits of the present generation that a hop keeps; more than they hold: none. */
static __always_inline __u32 route_generation(void)
{
	const struct mxlb_settings *set;
	__u32 zero = 0;

	set = bpf_map_lookup_elem(&settings, &zero);
	return set ? set->hop_generation & 0x7fff : 0x8000;
}

static __always_inline int route_is_fresh(const struct pkt *p, const struct mxlb_hop *hop)
{
	return hop->ifindex && hop->until - p->tick - 1 < knobs.hop_max_age &&
	       hop->generation == route_generation();
}

/* Whom the packet is to reach next: NULL, if it has gone meanwhile. */
static __always_inline const struct mxlb_addr *route_via(const struct pkt *p)
{
	const struct mxlb_backend *backend;

	if (p->direction == MXLB_OUT)
		return &p->dst.addr;
	backend = bpf_map_lookup_elem(&backends, &p->backend);
	return backend ? &backend->leg[p->family & 1].addr : NULL;
}

static __always_inline void route_ask(const struct pkt *p, const struct mxlb_addr *via,
				      struct bpf_fib_lookup *fib)
{
	const struct mxlb_addr *src = p->direction == MXLB_IN ? &p->src.addr : &p->to.addr;

	fib->ifindex = hook_ifindex(p);
	fib->l4_protocol = IPPROTO_TCP;
	/* One byte always fits: it makes the kernel tell the MTU, and the check is
	 * ours, since the length of a packet glued by GRO is not its segments'. */
	fib->tot_len = 1;
	if (p->via_family == MXLB_V4) {
		fib->family = ROUTE_AF_INET;
		fib->ipv4_src = p->family == MXLB_V4 ? src->w[3] : 0;
		fib->ipv4_dst = via->w[3];
	} else {
		fib->family = ROUTE_AF_INET6;
		if (p->family == MXLB_V6)
			__builtin_memcpy(fib->ipv6_src, src->b, 16);
		__builtin_memcpy(fib->ipv6_dst, via->b, 16);
	}
}

static __always_inline void route_keep(struct pkt *p, const struct bpf_fib_lookup *fib)
{
	p->hop.ifindex = fib->ifindex;
	/* Without a neighbour the kernel has not come to the MTU. */
	p->hop.mtu = p->has_neighbour ? fib->mtu_result : 0;
	__builtin_memcpy(p->hop.dst, fib->dmac, 6);
	__builtin_memcpy(p->hop.src, fib->smac, 6);
	p->hop.generation = route_generation();
	p->hop.until = p->tick + knobs.hop_max_age;
	p->hop.by_xdp = 0;
}

static __always_inline void route_gateway(struct pkt *p, const struct bpf_fib_lookup *fib)
{
	p->gateway_family = fib->family;
	if (fib->family == ROUTE_AF_INET)
		p->gateway = parse_from_v4(fib->ipv4_dst);
	else
		__builtin_memcpy(p->gateway.b, fib->ipv6_dst, 16);
}

/* In dsr mode the frame must reach the backend itself: a gateway would send it back here. */
static __always_inline int route_take(struct pkt *p, const struct mxlb_addr *via,
				      const struct bpf_fib_lookup *fib)
{
	route_gateway(p, fib);
	route_keep(p, fib);
	if (p->forward == MXLB_DSR && p->direction == MXLB_IN && !pkt_same_addr(&p->gateway, via))
		return -MXLB_REASON_NOT_ON_LINK;
	return VERDICT_GO_ON;
}

static __always_inline int route_lookup(struct pkt *p, const struct mxlb_addr *via)
{
	struct bpf_fib_lookup fib = {};
	long found;

	if (!via)
		return -MXLB_REASON_FLOW_GONE;
	route_ask(p, via, &fib);
	found = hook_fib_lookup(p, &fib);
	switch (found) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		p->has_neighbour = found == BPF_FIB_LKUP_RET_SUCCESS;
		return route_take(p, via, &fib);
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		/* A reply to the router itself, such as to our own probe: not ours. */
		return p->direction == MXLB_OUT ? VERDICT_PASS : -MXLB_REASON_NO_ROUTE;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return -MXLB_REASON_FORWARDING_OFF;
	default:
		return -MXLB_REASON_NO_ROUTE;
	}
}

/* A header in front takes this much of the MTU. */
static __always_inline __u32 route_overhead(const struct pkt *p)
{
	if (p->forward != MXLB_TUNNEL || p->direction == MXLB_OUT)
		return 0;
	return p->via_family == MXLB_V4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static __always_inline int route_fits(const struct pkt *p)
{
	__u32 size = p->segments > 1 ? hook_segment_size(p) : 0;
	__u32 len = size ? size + p->l4 - p->l3 + p->tcp_len : p->len;

	return !p->hop.mtu || len + route_overhead(p) <= p->hop.mtu;
}

/* New connections need not ask for the way to a backend each time. It is taken to be the
 * same for all clients that come in by one interface. */
static __always_inline struct backend_hop *route_backend_hop(const struct pkt *p)
{
	__u32 index = p->backend * MXLB_FAMILIES + p->family;

	return bpf_map_lookup_elem(&backend_hops, &index);
}

static __always_inline int route_recall(struct pkt *p)
{
	const struct backend_hop *known;

	if (p->cache) {
		if (!route_is_fresh(p, p->cache))
			return 0;
		p->hop = *p->cache;
		return 1;
	}
	if (p->direction != MXLB_IN)
		return 0;
	known = route_backend_hop(p);
	if (!known || known->from != hook_ifindex(p) || !route_is_fresh(p, &known->hop))
		return 0;
	p->hop = known->hop;
	return 1;
}

static __always_inline int route_find(struct pkt *p)
{
	int verdict = p->direction == MXLB_IN ? route_in(p) : route_out(p);

	if (verdict)
		return verdict;
	p->has_neighbour = route_recall(p);
	if (!p->has_neighbour) {
		verdict = route_lookup(p, route_via(p));
		if (verdict)
			return verdict;
	}
	return hook_can_forward(p) ? VERDICT_GO_ON : VERDICT_PASS;
}

/* Keeps a hop that was just looked up. Another processor may read it half written:
 * at worst one packet goes to a stale address, and TCP repeats it. */
static __always_inline void route_store(struct pkt *p)
{
	struct backend_hop *known;

	if (!p->has_neighbour)
		return;
	if (p->cache) {
		if (p->cache->until != p->hop.until || p->cache->by_xdp != p->hop.by_xdp)
			*p->cache = p->hop;
		return;
	}
	known = p->direction == MXLB_IN ? route_backend_hop(p) : NULL;
	if (known && known->hop.until != p->hop.until) {
		known->hop = p->hop;
		known->from = hook_ifindex(p);
	}
}

#endif

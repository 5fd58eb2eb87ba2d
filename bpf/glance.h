/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Before the first station: most packets of a router are neither to a VIP nor from a
 * backend, and should cost next to nothing. One look at the headers and two bits of
 * `door_bits` tell them, before a record is begun. Whatever is not plain goes on to parse.
 */
#ifndef GLANCE_H
#define GLANCE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "maps.h"
#include "mxlb/hash.h"
#include "parse_ext.h"
#include "parse_tag.h"
#include "pkt.h"

/* Is there a door? False for nearly all endpoints that are none of ours. */
static __always_inline int glance_has_door(__u32 slot)
{
	__u32 word = slot / 64;
	const __u64 *bits = bpf_map_lookup_elem(&door_bits, &word);

	return bits && (*bits >> (slot % 64) & 1);
}

/* Source, and destination port, as they stand at the head of TCP. */
struct glance_ports {
	__be16 source, dest;
};

/* Notes the door found; the source's only where the destination has none. */
static __always_inline int glance_ends(const struct mxlb_endpoint *src,
				       const struct mxlb_endpoint *dst, struct pkt_glance *found)
{
	__u32 slot = mxlb_door(dst);

	found->is_plain = 1;
	if (glance_has_door(slot)) {
		found->dst = slot + 1;
		return 1;
	}
	slot = mxlb_door(src);
	if (!glance_has_door(slot))
		return 0;
	found->src = slot + 1;
	return 1;
}

static __always_inline int glance_ipv4(const void *l3, const void *end, struct pkt_glance *found)
{
	const struct iphdr *ip = l3;
	const struct glance_ports *tcp = (const void *)(ip + 1);
	struct mxlb_endpoint src, dst;

	if ((const void *)(tcp + 1) > end || ip->protocol == IPPROTO_ICMP)
		return 1;
	if (ip->protocol != IPPROTO_TCP)
		return 0;
	if (ip->ihl != 5 || (ip->frag_off & bpf_htons(0x3fff)))
		return 1;
	src = (struct mxlb_endpoint){parse_from_v4(ip->saddr), tcp->source, 0};
	dst = (struct mxlb_endpoint){parse_from_v4(ip->daddr), tcp->dest, 0};
	return glance_ends(&src, &dst, found);
}

static __always_inline int glance_ipv6(const void *l3, const void *end, struct pkt_glance *found)
{
	const struct ipv6hdr *ip = l3;
	const struct glance_ports *tcp = (const void *)(ip + 1);
	struct mxlb_endpoint src = {}, dst = {};

	if ((const void *)(tcp + 1) > end || ip->nexthdr == IPPROTO_ICMPV6)
		return 1;
	if (ip->nexthdr != IPPROTO_TCP)
		return parse_is_ext(ip->nexthdr);
	__builtin_memcpy(&src.addr, &ip->saddr, 16);
	__builtin_memcpy(&dst.addr, &ip->daddr, 16);
	src.port = tcp->source;
	dst.port = tcp->dest;
	return glance_ends(&src, &dst, found);
}

/* 0: not ours, for sure. */
static __always_inline int glance(const struct pkt *p, struct pkt_glance *found)
{
	const void *data = hook_data(p), *end = hook_end(p);
	const struct ethhdr *eth = data;

	if ((const void *)(eth + 1) > end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return glance_ipv4(eth + 1, end, found);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return glance_ipv6(eth + 1, end, found);
	return parse_is_tag(eth->h_proto);
}

#endif

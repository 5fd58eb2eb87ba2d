/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnel mode: an outer header of either family in front of the packet (RFC 2003,
 * RFC 2473, RFC 4213). The backend takes it off and answers the client directly.
 */
#ifndef ENCAP_H
#define ENCAP_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "pkt.h"

#define ENCAP_TTL 64

struct encap {
	struct mxlb_addr src, dst; /* of the outer header */
	__u32 is_v6;		   /* the outer header */
	__u32 protocol;		   /* IPPROTO_IPIP or IPPROTO_IPV6: what it carries */
	__u32 tos;		   /* copied: it carries ECN (RFC 6040) */
	__u32 len;		   /* of the inner packet */
	__u32 l3;
};

static __always_inline int encap_write_v4(struct pkt *p, const struct encap *outer)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = outer->tos,
		.tot_len = bpf_htons(outer->len + sizeof(ip)),
		.frag_off = bpf_htons(0x4000), /* don't fragment */
		.ttl = ENCAP_TTL,
		.protocol = outer->protocol,
		.saddr = outer->src.w[3],
		.daddr = outer->dst.w[3],
	};
	__s64 sum = bpf_csum_diff(NULL, 0, (__be32 *)&ip, sizeof(ip), 0);

	ip.check = ~csum_fold16(csum_fold32(sum));
	return hook_store(p, outer->l3 & 0x1f, &ip, sizeof(ip)) ? -1 : 0;
}

static __always_inline int encap_write_v6(struct pkt *p, const struct encap *outer)
{
	struct ipv6hdr ip = {
		.version = 6,
		.priority = outer->tos >> 4,
		.flow_lbl = {(outer->tos & 0xf) << 4},
		.payload_len = bpf_htons(outer->len),
		.nexthdr = outer->protocol,
		.hop_limit = ENCAP_TTL,
	};

	__builtin_memcpy(&ip.saddr, &outer->src, 16);
	__builtin_memcpy(&ip.daddr, &outer->dst, 16);
	return hook_store(p, outer->l3 & 0x1f, &ip, sizeof(ip)) ? -1 : 0;
}

/* Puts the outer header in; the link's header keeps its place in front. -1: the kernel has
 * no room. A global function, for a stack of its own. */
__noinline int encap_push(HOOK_CTX *ctx, struct encap *outer)
{
	struct pkt p = {.ctx = ctx};
	__be16 proto;

	if (!outer)
		return -1;
	proto = outer->is_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	if (hook_grow(&p, outer->l3, outer->is_v6) ||
	    hook_store(&p, (outer->l3 - 2) & 0x1f, &proto, sizeof(proto)))
		return -1;
	return outer->is_v6 ? encap_write_v6(&p, outer) : encap_write_v4(&p, outer);
}

static __always_inline __u8 encap_tos(const struct pkt *p)
{
	void *l3 = hook_data(p) + (p->l3 & 0x1f);
	struct iphdr *ip4 = l3;
	struct ipv6hdr *ip6 = l3;

	if (p->family == MXLB_V4)
		return (void *)(ip4 + 1) <= hook_end(p) ? ip4->tos : 0;
	return (void *)(ip6 + 1) <= hook_end(p) ? ip6->priority << 4 | ip6->flow_lbl[0] >> 4 : 0;
}

static __always_inline int encap(struct pkt *p)
{
	const struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &p->backend);
	struct encap outer = {
		.is_v6 = p->via_family == MXLB_V6,
		.protocol = p->family == MXLB_V6 ? IPPROTO_IPV6 : IPPROTO_IPIP,
		.tos = encap_tos(p),
		.len = p->len,
		.l3 = p->l3,
	};

	if (!backend)
		return -MXLB_REASON_FLOW_GONE;
	outer.src = backend->leg[p->family & 1].source;
	outer.dst = backend->leg[p->family & 1].addr;
	return encap_push(p->ctx, &outer) ? -MXLB_REASON_REWRITE_FAILED : VERDICT_GO_ON;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * NAT: destination to the backend on the way in, source to the VIP on the way out. In the
 * other modes the packet keeps its addresses. TTL down by one, the next hop's addresses
 * into the Ethernet header. Checksums incrementally; after the helper every packet pointer
 * is stale.
 */
#ifndef REWRITE_H
#define REWRITE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "csum.h"
#include "encap.h"
#include "icmp.h"
#include "pkt.h"
#include "route.h"

#define TCP_CSUM_OFFSET 16
#define REWRITE_L3_MASK 0x1f
#define REWRITE_L4_MASK 0xff

static __always_inline int rewrite_ttl_is_over(const struct pkt *p)
{
	void *l3 = hook_data(p) + (p->l3 & REWRITE_L3_MASK);
	struct iphdr *ip4 = l3;
	struct ipv6hdr *ip6 = l3;

	/* Parse has seen the headers: the bounds are for the verifier. */
	if (p->family == MXLB_V4)
		return (void *)(ip4 + 1) <= hook_end(p) && ip4->ttl <= 1;
	return (void *)(ip6 + 1) <= hook_end(p) && ip6->hop_limit <= 1;
}

/* The address that is there and not pkt_from's: an error may come from any router, and
 * leaves as the VIP's, which is all that the client has heard of. */
static __always_inline int rewrite_ipv4(const struct pkt *p, struct iphdr *ip)
{
	__be16 *ttl = (__be16 *)&ip->ttl; /* with the protocol: one 16-bit word */
	__be32 *addr = p->direction == MXLB_IN ? &ip->daddr : &ip->saddr;
	__be16 before, after;
	__u64 diff;

	if ((void *)(ip + 1) > hook_end(p))
		return -MXLB_REASON_REWRITE_FAILED;
	before = *ttl;
	after = bpf_htons(bpf_ntohs(before) - 0x100);
	*ttl = after;
	diff = csum_diff16(before, after);
	if (p->forward == MXLB_NAT) {
		diff += (__u64)(__u32) ~*addr + p->to.addr.w[3];
		*addr = p->to.addr.w[3];
	}
	ip->check = csum_apply(ip->check, diff);
	return VERDICT_GO_ON;
}

static __always_inline int rewrite_ipv6(const struct pkt *p, struct ipv6hdr *ip)
{
	if ((void *)(ip + 1) > hook_end(p))
		return -MXLB_REASON_REWRITE_FAILED;
	ip->hop_limit--;
	if (p->forward != MXLB_NAT)
		return VERDICT_GO_ON;
	if (p->direction == MXLB_IN)
		__builtin_memcpy(&ip->daddr, &p->to.addr, 16);
	else
		__builtin_memcpy(&ip->saddr, &p->to.addr, 16);
	return VERDICT_GO_ON;
}

static __always_inline int rewrite_port(const struct pkt *p)
{
	struct tcphdr *tcp = hook_data(p) + (p->l4 & REWRITE_L4_MASK);

	if ((void *)(tcp + 1) > hook_end(p))
		return -MXLB_REASON_REWRITE_FAILED;
	if (p->direction == MXLB_IN)
		tcp->dest = p->to.port;
	else
		tcp->source = p->to.port;
	return VERDICT_GO_ON;
}

static __always_inline int rewrite_macs(const struct pkt *p)
{
	struct ethhdr *eth = hook_data(p);

	if ((void *)(eth + 1) > hook_end(p))
		return -MXLB_REASON_REWRITE_FAILED;
	__builtin_memcpy(eth->h_dest, p->hop.dst, ETH_ALEN);
	__builtin_memcpy(eth->h_source, p->hop.src, ETH_ALEN);
	return VERDICT_GO_ON;
}

static __always_inline int rewrite_headers(const struct pkt *p)
{
	void *l3 = hook_data(p) + (p->l3 & REWRITE_L3_MASK);
	int verdict = p->family == MXLB_V4 ? rewrite_ipv4(p, l3) : rewrite_ipv6(p, l3);

	if (!verdict && p->kind == PKT_TCP && p->forward == MXLB_NAT)
		verdict = rewrite_port(p);
	if (!verdict && p->has_neighbour)
		verdict = rewrite_macs(p);
	return verdict;
}

/* Of an IPv4 address the rest is the same on both sides. */
static __always_inline __u32 rewrite_addr_diff(const struct pkt *p)
{
	const struct mxlb_addr *from = &pkt_from(p)->addr;

	if (p->family == MXLB_V4)
		return csum_fold32((__u64)(__u32)~from->w[3] + p->to.addr.w[3]);
	return csum_diff_addr(from, &p->to.addr);
}

static __always_inline int rewrite_tcp_sum(struct pkt *p)
{
	__u32 pseudo = csum_diff_addr(&pkt_from(p)->addr, &p->to.addr);
	__u32 port = csum_diff16(pkt_from(p)->port, p->to.port);

	if (pkt_from(p)->port == p->to.port)
		port = 0;
	return hook_l4_csum(p, p->l4 + TCP_CSUM_OFFSET, pseudo, port) ? -MXLB_REASON_REWRITE_FAILED
								      : VERDICT_GO_ON;
}

/* ICMPv6 sums the outer addresses as well. */
static __always_inline __u32 rewrite_outer_diff(struct pkt *p)
{
	__u32 at = (p->l3 & REWRITE_L3_MASK) + (p->direction == MXLB_IN ? 24 : 8);
	struct mxlb_addr old;

	if (p->family == MXLB_V4 || hook_load(p, at, &old, sizeof(old)))
		return 0;
	return csum_fold16(csum_diff_addr(&old, &p->to.addr));
}

static __always_inline int rewrite_icmp(struct pkt *p)
{
	struct icmp_edit edit = {
		.from = *pkt_from(p),
		.to = p->to,
		.is_v6 = p->family == MXLB_V6,
		.is_source = p->direction == MXLB_IN,
		.ip = p->icmp + ICMP_HLEN,
		.tcp = p->l4,
		.end = p->l3 + p->len,
	};
	__u32 diff = rewrite_outer_diff(p);
	int inner = icmp_translate(p->ctx, &edit);
	__be16 *sum;

	if (inner < 0)
		return -MXLB_REASON_REWRITE_FAILED;
	sum = hook_data(p) + (p->icmp & REWRITE_L4_MASK) + ICMP_CSUM;
	if ((void *)(sum + 1) > hook_end(p))
		return -MXLB_REASON_REWRITE_FAILED;
	*sum = csum_apply(*sum, (__u64)diff + inner);
	return VERDICT_GO_ON;
}

static __always_inline int rewrite(struct pkt *p)
{
	int verdict = VERDICT_GO_ON;

	if (p->forward == MXLB_NAT && p->kind == PKT_TCP)
		verdict = rewrite_tcp_sum(p);
	else if (p->forward == MXLB_NAT && p->kind == PKT_ICMP)
		verdict = rewrite_icmp(p);
	if (!verdict)
		verdict = rewrite_headers(p);
	if (!verdict && p->forward == MXLB_TUNNEL && p->direction == MXLB_IN)
		verdict = encap(p);
	return verdict;
}

#endif

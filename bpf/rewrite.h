/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * NAT: destination to the backend on the way in, source to the VIP on the way out.
 * Checksums incrementally, TTL down by one, the next hop's addresses into the
 * Ethernet header. After the checksum helper every packet pointer is stale.
 */
#ifndef REWRITE_H
#define REWRITE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "csum.h"
#include "parse.h"
#include "pkt.h"

#define TCP_CSUM_OFFSET 16

static __always_inline int rewrite_ttl_is_over(const struct pkt *p)
{
	void *l3 = hook_data(p) + ETH_HLEN;

	if (l3 + sizeof(struct ipv6hdr) > hook_end(p))
		return 0; /* parse has seen the headers: can't be */
	return p->family == MXLB_V4 ? ((struct iphdr *)l3)->ttl <= 1
				    : ((struct ipv6hdr *)l3)->hop_limit <= 1;
}

static __always_inline void rewrite_ipv4(const struct pkt *p, struct iphdr *ip)
{
	__be16 *ttl = (__be16 *)&ip->ttl; /* with the protocol: one 16-bit word */
	__be16 before = *ttl;
	__u64 diff;

	ip->ttl--;
	diff = csum_diff_addr(&pkt_from(p)->addr, &p->to.addr) + (__u64)csum_diff16(before, *ttl);
	ip->check = csum_apply(ip->check, diff);
	if (p->direction == MXLB_IN)
		ip->daddr = p->to.addr.w[3];
	else
		ip->saddr = p->to.addr.w[3];
}

static __always_inline void rewrite_ipv6(const struct pkt *p, struct ipv6hdr *ip)
{
	ip->hop_limit--;
	if (p->direction == MXLB_IN)
		__builtin_memcpy(&ip->daddr, &p->to.addr, 16);
	else
		__builtin_memcpy(&ip->saddr, &p->to.addr, 16);
}

static __always_inline int rewrite_headers(const struct pkt *p)
{
	void *data = hook_data(p), *end = hook_end(p);
	struct tcphdr *tcp = data + (p->l4 & PARSE_L4_MAX);
	struct ethhdr *eth = data;

	if (data + ETH_HLEN + sizeof(struct ipv6hdr) > end || (void *)(tcp + 1) > end)
		return -MXLB_REASON_REWRITE_FAILED;
	if (p->family == MXLB_V4)
		rewrite_ipv4(p, data + ETH_HLEN);
	else
		rewrite_ipv6(p, data + ETH_HLEN);
	if (p->direction == MXLB_IN)
		tcp->dest = p->to.port;
	else
		tcp->source = p->to.port;
	if (p->has_neighbour) {
		__builtin_memcpy(eth->h_dest, p->hop.dst, ETH_ALEN);
		__builtin_memcpy(eth->h_source, p->hop.src, ETH_ALEN);
	}
	return VERDICT_GO_ON;
}

static __always_inline int rewrite(struct pkt *p)
{
	__u32 pseudo = csum_diff_addr(&pkt_from(p)->addr, &p->to.addr);
	__u32 ports = csum_diff16(pkt_from(p)->port, p->to.port);

	if (pkt_from(p)->port == p->to.port)
		ports = 0;
	if (hook_l4_csum(p, p->l4 + TCP_CSUM_OFFSET, pseudo, ports))
		return -MXLB_REASON_REWRITE_FAILED;
	return rewrite_headers(p);
}

#endif

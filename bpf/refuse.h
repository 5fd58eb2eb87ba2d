/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When no backend can serve: turn the SYN into the RST that a closed port would
 * answer (RFC 9293, 3.10.7.1), so that the sender tries its next MX at once; silence
 * would cost it 30 s or more. Only a bare SYN is answered: anything else is dropped,
 * which also keeps two balancers from answering each other.
 */
#ifndef REFUSE_H
#define REFUSE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "count.h"
#include "csum.h"
#include "pkt.h"
#include "rewrite.h"

#define TCP_HLEN     20
#define TCP_HLEN_MAX 60

static __always_inline void refuse_swap(__u8 *a, __u8 *b, __u32 len)
{
	for (__u32 i = 0; i < len; i++) {
		__u8 keep = a[i];

		a[i] = b[i];
		b[i] = keep;
	}
}

/* The header of the answer, but for its checksum. */
static __always_inline void refuse_header(const struct tcphdr *syn, struct tcphdr *rst)
{
	rst->source = syn->dest;
	rst->dest = syn->source;
	rst->ack_seq = bpf_htonl(bpf_ntohl(syn->seq) + 1);
	rst->doff = TCP_HLEN / 4;
	rst->rst = 1;
	rst->ack = 1;
	rst->check = syn->check; /* hook_l4_csum goes on from here */
}

static __always_inline void refuse_ip(const struct pkt *p, void *l3)
{
	if (p->family == MXLB_V4) {
		struct iphdr *ip = l3;
		__be16 len = bpf_htons(sizeof(*ip) + TCP_HLEN), ttl_before, ttl_after;
		__be16 *ttl = (__be16 *)&ip->ttl;

		refuse_swap((__u8 *)&ip->saddr, (__u8 *)&ip->daddr, 4);
		ttl_before = *ttl;
		ip->ttl = 64;
		ttl_after = *ttl;
		ip->check = csum_apply(ip->check, (__u64)csum_diff16(ip->tot_len, len) +
							  csum_diff16(ttl_before, ttl_after));
		ip->tot_len = len;
	} else {
		struct ipv6hdr *ip = l3;

		refuse_swap((__u8 *)&ip->saddr, (__u8 *)&ip->daddr, 16);
		ip->payload_len = bpf_htons(p->l4 + TCP_HLEN - p->l3 - sizeof(*ip));
		ip->hop_limit = 64;
	}
}

static __always_inline int refuse_write(struct pkt *p, const struct tcphdr *rst)
{
	void *data = hook_data(p), *end = hook_end(p), *l3 = data + (p->l3 & REWRITE_L3_MASK);
	struct tcphdr *tcp = data + (p->l4 & REWRITE_L4_MASK);
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end || l3 + sizeof(struct ipv6hdr) > end || (void *)(tcp + 1) > end)
		return -MXLB_REASON_REWRITE_FAILED;
	refuse_swap(eth->h_dest, eth->h_source, ETH_ALEN);
	refuse_ip(p, l3);
	*tcp = *rst;
	return 0;
}

/* The old header is read whole, since its options leave the sum with it. The
 * addresses change places, which no sum notices; of the pseudo header the length
 * changes. A global function, for a stack of its own. -1: the kernel has refused. */
__noinline int refuse_with_rst(HOOK_CTX *ctx, __u32 l3, __u32 l4, __u32 len, __u32 family)
{
	struct pkt p = {.ctx = ctx, .family = family, .l3 = l3, .l4 = l4};
	__u32 pseudo = csum_diff16(bpf_htons(len), bpf_htons(TCP_HLEN));
	__u8 old[TCP_HLEN_MAX] = {};
	struct tcphdr rst = {};
	__s64 segment;

	if (len < TCP_HLEN || len > TCP_HLEN_MAX || hook_load(&p, l4 & REWRITE_L4_MASK, old, len))
		return -1;
	refuse_header((const struct tcphdr *)old, &rst);
	segment = bpf_csum_diff((__be32 *)old, len, (__be32 *)&rst, TCP_HLEN, 0);
	if (segment < 0 || refuse_write(&p, &rst) ||
	    hook_l4_csum(&p, (l4 & REWRITE_L4_MASK) + 16, pseudo, segment) ||
	    hook_resize(&p, (l4 & REWRITE_L4_MASK) + TCP_HLEN))
		return -1;
	return 0;
}

/* `why`: minus the reason, should it be dropped. */
static __always_inline int refuse(struct pkt *p, int why)
{
	const struct mxlb_service *service = bpf_map_lookup_elem(&services, &p->service);
	int is_bare_syn = pkt_is_syn(p) && !pkt_payload(p) && !p->is_fragment;

	if (!hook_can_bounce(p))
		return VERDICT_PASS;
	if (pkt_is_syn(p))
		count_refused(p);
	if (!service || service->unavailable != MXLB_RESET || !is_bare_syn)
		return why;
	if (refuse_with_rst(p->ctx, p->l3, p->l4, p->tcp_len, p->family))
		return -MXLB_REASON_REWRITE_FAILED;
	return hook_bounce(p);
}

#endif

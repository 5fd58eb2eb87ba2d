/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a router must tell a sender (RFC 1812, 4.3; RFC 4443, 3.2 and 3.3): that its packet
 * is too big for the next hop, or that its TTL is over. The kernel can't: with the VIP at a
 * local interface it takes such packets for its own. The error speaks as the VIP and quotes
 * the headers. Limited in rate, and never about an error (RFC 1122, 3.2.2).
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "icmp.h"
#include "maps.h"
#include "pkt.h"
#include "route.h"

#define ANSWER_TTL 64
#define ANSWER_TCP 20 /* how much of TCP is quoted */
/* A budget for each processor and (nearly) second: a flood must not be answered in kind. */
static __always_inline int answer_is_allowed(struct answer_room *room, __u64 now)
{
	__u32 second = now >> 30;

	if (room->second != second) {
		room->second = second;
		room->used = 0;
	}
	return room->used++ < knobs.icmp_rate;
}

static __always_inline struct answer_room *answer_room(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&answer_rooms, &zero);
}

/* The sum of the quoted packet. Under TC its TCP checksum may still be completed by a
 * device on the way out, which makes the sum of that header the negative of what the field
 * held. So the field gets the value with which both are the same: half of what is missing.
 * Nobody can use the field of a quote that is cut. */
static __always_inline int answer_quote(struct pkt *p, struct answer_room *a, __u32 *sum)
{
	__u32 offset = a->l3 & 0x1f, head = (a->l4 - a->l3) & 0xfc, missing;
	__be32 tcp[ANSWER_TCP / 4];
	__be16 *field = (__be16 *)tcp + 8;

	/* The verifier of 6.1 wants to see both bounds on the very register. */
	asm volatile("" : "+r"(head));
	if (head < sizeof(struct iphdr) || head > sizeof(a->quote) - 4)
		return -1;
	if (hook_load(p, a->l4 & 0xff, tcp, sizeof(tcp)) || hook_load(p, offset, a->quote, head))
		return -1;
	*field = 0;
	missing = (__u16)~csum_fold16(csum_fold32(bpf_csum_diff(NULL, 0, tcp, sizeof(tcp), 0)));
	*field = missing & 1 ? (missing + 0xffff) / 2 : missing / 2;
	*sum = csum_fold16(csum_fold32(bpf_csum_diff(NULL, 0, tcp, sizeof(tcp), 0)));
	*sum += csum_fold16(csum_fold32(bpf_csum_diff(NULL, 0, (__be32 *)a->quote, head, 0)));
	return hook_store(p, (a->l4 & 0xff) + 16, field, sizeof(*field)) ? -1 : 0;
}

static __always_inline int answer_write_v4(struct pkt *p, const struct answer_room *a, __u32 len,
					   __u32 sum)
{
	struct {
		struct iphdr ip;
		__u8 type, code;
		__be16 check;
		__be32 mtu;
	} head = {
		.ip = {.version = 4,
		       .ihl = 5,
		       .frag_off = bpf_htons(0x4000),
		       .ttl = ANSWER_TTL,
		       .protocol = IPPROTO_ICMP},
		.type = a->type,
		.code = a->mtu ? ICMP_FRAG_NEEDED : 0,
		.mtu = bpf_htonl(a->mtu),
	};

	head.ip.tot_len = bpf_htons(len + sizeof(head));
	head.ip.saddr = a->src.w[3];
	head.ip.daddr = a->dst.w[3];
	head.ip.check = ~csum_fold16(
		csum_fold32(bpf_csum_diff(NULL, 0, (__be32 *)&head.ip, sizeof(head.ip), 0)));
	sum += csum_fold16(csum_fold32(bpf_csum_diff(NULL, 0, (__be32 *)&head.type, 8, 0)));
	head.check = ~csum_fold16(sum);
	return hook_store(p, a->l3 & 0x1f, &head, sizeof(head)) ? -1 : 0;
}

static __always_inline int answer_write_v6(struct pkt *p, const struct answer_room *a, __u32 len,
					   __u32 sum)
{
	struct {
		struct ipv6hdr ip;
		__u8 type, code;
		__be16 check;
		__be32 mtu;
	} head = {
		.ip = {.version = 6, .nexthdr = IPPROTO_ICMPV6, .hop_limit = ANSWER_TTL},
		.type = a->type,
		.mtu = bpf_htonl(a->mtu),
	};

	head.ip.payload_len = bpf_htons(len + 8);
	__builtin_memcpy(&head.ip.saddr, &a->src, 16);
	__builtin_memcpy(&head.ip.daddr, &a->dst, 16);
	sum += csum_fold16(csum_sum_addr(&a->src)) + csum_fold16(csum_sum_addr(&a->dst)) +
	       bpf_htons(len + 8) + bpf_htons(IPPROTO_ICMPV6);
	sum += csum_fold16(csum_fold32(bpf_csum_diff(NULL, 0, (__be32 *)&head.type, 8, 0)));
	head.check = ~csum_fold16(sum);
	return hook_store(p, a->l3 & 0x1f, &head, sizeof(head)) ? -1 : 0;
}

static __always_inline int answer_swap_macs(struct pkt *p)
{
	__u8 macs[2 * ETH_ALEN];

	if (hook_load(p, 0, macs, sizeof(macs)) || hook_store(p, 0, macs + ETH_ALEN, ETH_ALEN) ||
	    hook_store(p, ETH_ALEN, macs, ETH_ALEN))
		return -1;
	return 0;
}

/* Makes the frame the answer to itself. A global function, for a stack of its own. */
__noinline int answer_write(HOOK_CTX *ctx)
{
	struct pkt p = {.ctx = ctx};
	struct answer_room *a = answer_room();
	__u32 sum = 0, len;

	if (!a)
		return -1;
	len = a->l4 + ANSWER_TCP - a->l3;
	if (answer_quote(&p, a, &sum) || answer_swap_macs(&p) ||
	    hook_resize(&p, a->l4 + ANSWER_TCP) || hook_grow_plain(&p, a->l3, a->is_v6))
		return -1;
	return a->is_v6 ? answer_write_v6(&p, a, len, sum) : answer_write_v4(&p, a, len, sum);
}

static __always_inline int answer(struct pkt *p, int verdict)
{
	int is_too_big = verdict == -MXLB_REASON_TOO_BIG;
	struct answer_room *room = answer_room();

	if (!room || p->kind != PKT_TCP || !hook_can_answer(p) ||
	    p->l4 - p->l3 > sizeof(room->quote) - 4)
		return verdict;
	if (!hook_can_bounce(p))
		return VERDICT_PASS;
	if (!answer_is_allowed(room, p->now))
		return verdict;
	room->src = p->direction == MXLB_IN ? p->dst.addr : p->to.addr;
	room->dst = p->src.addr;
	room->is_v6 = p->family == MXLB_V6;
	room->l3 = p->l3;
	room->l4 = p->l4;
	if (room->is_v6)
		room->type = is_too_big ? ICMPV6_TOO_BIG : ICMPV6_TIME_EXCEEDED;
	else
		room->type = is_too_big ? ICMP_UNREACHABLE : ICMP_TIME_EXCEEDED;
	room->mtu = is_too_big ? p->hop.mtu - route_overhead(p) : 0;
	p->segments = 1; /* one answer to all that were glued together */
	return answer_write(p->ctx) ? -MXLB_REASON_REWRITE_FAILED : hook_bounce(p);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors about balanced connections (RFC 792, RFC 4443): path MTU discovery lives on
 * them. An error quotes the packet that caused it; its addresses turned round are those of
 * a packet that goes the error's own way. So the stations treat it as such a packet, and
 * only here is it known to be quoted.
 */
#ifndef ICMP_H
#define ICMP_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "parse_ext.h"
#include "pkt.h"

#define ICMP_HLEN	     8
#define ICMP_UNREACHABLE     3
#define ICMP_FRAG_NEEDED     4 /* a code of it */
#define ICMP_TIME_EXCEEDED   11
#define ICMP_PARAMETER	     12
#define ICMPV6_TOO_BIG	     2
#define ICMPV6_TIME_EXCEEDED 3
#define ICMPV6_PARAMETER     4
/* Ports and sequence number: all of TCP that a router must quote. */
#define ICMP_QUOTED_TCP 8
#define ICMP_TCP_CSUM	16
#define ICMP_CSUM	2

/* The quoted packet. */
struct icmp_quote {
	__u32 family;
	__u32 offset; /* in: of its IP header; out: of its TCP header */
	struct mxlb_endpoint src, dst;
};

/* Unreachable, time exceeded, parameter problem; for IPv6 packet too big as well. */
static __always_inline int icmp_is_error(__u32 family, __u8 type)
{
	if (family == MXLB_V6)
		return type >= 1 && type <= ICMPV6_PARAMETER;
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
}

static __always_inline int icmp_quote_v4(struct pkt *p, struct icmp_quote *quote)
{
	struct iphdr ip;

	if (hook_load(p, quote->offset & 0xfff, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    ip.protocol != IPPROTO_TCP || (ip.frag_off & bpf_htons(0x1fff)))
		return 1;
	quote->src.addr = parse_from_v4(ip.saddr);
	quote->dst.addr = parse_from_v4(ip.daddr);
	quote->offset += ip.ihl * 4;
	return 0;
}

static __always_inline int icmp_quote_v6(struct pkt *p, struct icmp_quote *quote)
{
	struct parse_chain chain = {};
	struct ipv6hdr ip;

	if (hook_load(p, quote->offset & 0xfff, &ip, sizeof(ip)) || ip.version != 6)
		return 1;
	__builtin_memcpy(&quote->src.addr, &ip.saddr, 16);
	__builtin_memcpy(&quote->dst.addr, &ip.daddr, 16);
	chain.offset = quote->offset + sizeof(ip);
	chain.next = ip.nexthdr;
	if (parse_is_ext(chain.next) && parse_ext_headers(p->ctx, &chain))
		return 1;
	quote->offset = chain.offset;
	return chain.next != IPPROTO_TCP || chain.begin;
}

/* Fills in `quote`; 1: no segment is quoted. A global function: see parse_ext.h. */
__noinline int icmp_read_quote(HOOK_CTX *ctx, struct icmp_quote *quote)
{
	struct pkt p = {.ctx = ctx};
	__be16 head[ICMP_QUOTED_TCP / 2];

	if (!quote)
		return 1;
	if (quote->family == MXLB_V4 ? icmp_quote_v4(&p, quote) : icmp_quote_v6(&p, quote))
		return 1;
	if (hook_load(&p, quote->offset & 0xfff, head, sizeof(head)))
		return 1;
	quote->src.port = head[0];
	quote->dst.port = head[1];
	return 0;
}

/* In: the outer header's addresses are parsed, and p->l4 is where ICMP begins. */
static __always_inline int icmp_parse(struct pkt *p, void *data, void *end)
{
	struct icmp_quote quote = {.family = p->family, .offset = p->l4 + ICMP_HLEN};
	__u8 *type = data + (p->l4 & 0xff);

	if (p->l4 > 0xff || (void *)(type + 1) > end || !icmp_is_error(p->family, *type))
		return VERDICT_PASS;
	if (icmp_read_quote(p->ctx, &quote))
		return VERDICT_PASS;
	/* The error must go to whoever sent what it quotes. */
	if (!pkt_same_addr(&quote.src.addr, &p->dst.addr) ||
	    quote.offset + ICMP_QUOTED_TCP > p->l3 + p->len)
		return VERDICT_PASS;
	p->kind = PKT_ICMP;
	p->icmp = p->l4;
	p->l4 = quote.offset;
	p->src = quote.dst;
	p->dst = quote.src;
	return VERDICT_GO_ON;
}

/* One change within the quote, kept in the running difference of the ICMP checksum. */
static __always_inline int icmp_put16(struct pkt *p, __u32 offset, __be16 value, __u32 *diff)
{
	__be16 old;

	if (hook_load(p, offset & 0xfff, &old, sizeof(old)) ||
	    hook_store(p, offset & 0xfff, &value, sizeof(value)))
		return 1;
	*diff += csum_diff16(old, value);
	return 0;
}

static __always_inline int icmp_patch_sum(struct pkt *p, __u32 offset, __u32 change, __u32 *diff)
{
	__be16 old;

	if (hook_load(p, offset & 0xfff, &old, sizeof(old)))
		return 1;
	return icmp_put16(p, offset, csum_apply(old, change), diff);
}

/* What icmp_translate changes: of the quoted packet its source (an error on the way in) or
 * its destination. Offsets are within the frame. */
struct icmp_edit {
	struct mxlb_endpoint from, to;
	__u32 is_v6;
	__u32 is_source;
	__u32 ip, tcp; /* of the quoted headers */
	__u32 end;     /* of the packet */
};

static __always_inline int icmp_put_addr(struct pkt *p, const struct icmp_edit *edit, __u32 *diff)
{
	__u32 change = csum_diff_addr(&edit->from.addr, &edit->to.addr);
	__u32 at;

	if (edit->is_v6) {
		at = edit->ip + (edit->is_source ? 8 : 24);
		*diff += csum_fold16(change);
		return hook_store(p, at & 0xfff, (void *)edit->to.addr.b, 16) != 0;
	}
	at = edit->ip + (edit->is_source ? 12 : 16);
	*diff += csum_fold16(change);
	if (hook_store(p, at & 0xfff, (void *)&edit->to.addr.w[3], 4))
		return 1;
	return icmp_patch_sum(p, edit->ip + 10, change, diff);
}

/* Translates the quoted packet. The change of the ICMP checksum, or -1. */
__noinline int icmp_translate(HOOK_CTX *ctx, struct icmp_edit *edit)
{
	struct pkt p = {.ctx = ctx};
	__u32 port, diff = 0;

	if (!edit)
		return -1;
	port = csum_diff16(edit->from.port, edit->to.port);
	if (icmp_put_addr(&p, edit, &diff) ||
	    icmp_put16(&p, edit->tcp + (edit->is_source ? 0 : 2), edit->to.port, &diff))
		return -1;
	/* A router may quote less than the checksum; what it quotes must be right. */
	if (edit->tcp + ICMP_TCP_CSUM + 2 <= edit->end &&
	    icmp_patch_sum(&p, edit->tcp + ICMP_TCP_CSUM,
			   csum_fold16(csum_diff_addr(&edit->from.addr, &edit->to.addr)) + port,
			   &diff))
		return -1;
	return csum_fold16(diff);
}

#endif

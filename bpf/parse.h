/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * First station: from bytes to addresses, ports and flags. Nothing is known yet of
 * whose packet it is, so whatever is not plain TCP passes; a fault in what may be
 * ours is noted, and vip_match turns it into a drop once the packet is known to be.
 */
#ifndef PARSE_H
#define PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "pkt.h"

#define PARSE_L3 ETH_HLEN
/* RFC 8200, 4.1 names six in a sensible chain; more is noise. */
#define PARSE_MAX_EXT 6
/* The verifier wants a bound on offsets; a mask is the cheapest. */
#define PARSE_L4_MAX 0xff

#define IP_OFFSET_MASK 0x1fff
#define IP_MORE_FRAGS  0x2000

static __always_inline struct mxlb_addr addr_from_v4(__be32 v4)
{
	struct mxlb_addr addr = {.w = {0, 0, bpf_htonl(0xffff), v4}};

	return addr;
}

static __always_inline int parse_ipv4(struct pkt *p, void *data, void *end)
{
	struct iphdr *ip = data + PARSE_L3;
	__u16 frag;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->protocol != IPPROTO_TCP)
		return VERDICT_PASS;
	frag = bpf_ntohs(ip->frag_off);
	if (frag & IP_OFFSET_MASK)
		return VERDICT_PASS; /* no ports: the first fragment has been refused */
	if (frag & IP_MORE_FRAGS)
		p->fault = MXLB_REASON_FRAGMENT;
	p->family = MXLB_V4;
	p->src.addr = addr_from_v4(ip->saddr);
	p->dst.addr = addr_from_v4(ip->daddr);
	p->len = bpf_ntohs(ip->tot_len);
	p->l4 = PARSE_L3 + ip->ihl * 4;
	if (ip->ihl < 5)
		return VERDICT_PASS;
	if (ip->ihl > 5)
		p->fault = MXLB_REASON_IP_OPTIONS;
	return VERDICT_GO_ON;
}

static __always_inline int parse_is_ext(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_FRAGMENT;
}

/* Flags of what parse_ext_headers returns, above the offset of the TCP header. */
#define PARSE_EXT_FRAGMENT 0x10000
#define PARSE_EXT_OFFSET   0xffff

/* The offset of the TCP header behind extension headers, or 0: not TCP, too long a
 * chain, or a later fragment. Rare, hence a global function that loads bytes: its loop
 * would multiply what the verifier has to look at. */
__noinline int parse_ext_headers(HOOK_CTX *ctx, __u32 next)
{
	struct pkt p = {.ctx = ctx};
	__u32 offset = PARSE_L3 + sizeof(struct ipv6hdr), flags = 0;

	for (int i = 0; i < PARSE_MAX_EXT && parse_is_ext(next); i++) {
		__u8 head[4]; /* next header, length in 8 bytes less one; or a fragment's offset */

		if (hook_load(&p, offset, head, sizeof(head)))
			return 0;
		if (next != IPPROTO_FRAGMENT) {
			offset += (head[1] + 1) * 8;
		} else if (head[2] || (head[3] & 0xf8)) {
			return 0;
		} else {
			flags = PARSE_EXT_FRAGMENT;
			offset += 8;
		}
		next = head[0];
	}
	return next == IPPROTO_TCP && offset <= PARSE_EXT_OFFSET ? (int)(offset | flags) : 0;
}

/* Such an address must not be on a wire (RFC 6890); taken for an IPv4 one it could reach
 * a VIP by a header of the wrong family. */
static __always_inline int parse_is_mapped(const struct mxlb_addr *addr)
{
	return !addr->w[0] && !addr->w[1] && addr->w[2] == bpf_htonl(0xffff);
}

static __always_inline int parse_ipv6(struct pkt *p, void *data, void *end)
{
	struct ipv6hdr *ip = data + PARSE_L3;
	int found;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return VERDICT_PASS;
	p->family = MXLB_V6;
	__builtin_memcpy(&p->src.addr, &ip->saddr, sizeof(p->src.addr));
	__builtin_memcpy(&p->dst.addr, &ip->daddr, sizeof(p->dst.addr));
	if (parse_is_mapped(&p->src.addr) || parse_is_mapped(&p->dst.addr))
		return VERDICT_PASS;
	p->len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	p->l4 = PARSE_L3 + sizeof(*ip);
	if (ip->nexthdr == IPPROTO_TCP)
		return VERDICT_GO_ON;
	if (!parse_is_ext(ip->nexthdr))
		return VERDICT_PASS;
	found = parse_ext_headers(p->ctx, ip->nexthdr);
	if (found <= 0)
		return VERDICT_PASS;
	p->l4 = found & PARSE_EXT_OFFSET;
	if (found & PARSE_EXT_FRAGMENT)
		p->fault = MXLB_REASON_FRAGMENT;
	return VERDICT_GO_ON;
}

/* GRO can glue more than the 16-bit length fields can say (BIG TCP): then they are
 * zero, or the frame's own length is the truth. */
static __always_inline void parse_len(struct pkt *p)
{
	if (hook_segments(p) > 1)
		p->len = hook_len(p) - PARSE_L3;
}

static __always_inline int parse_tcp(struct pkt *p, void *data, void *end)
{
	struct tcphdr *tcp = data + (p->l4 & PARSE_L4_MAX);

	if (p->l4 > PARSE_L4_MAX || (void *)(tcp + 1) > end)
		return VERDICT_PASS;
	p->src.port = tcp->source;
	p->dst.port = tcp->dest;
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack_seq);
	p->tcp_len = tcp->doff * 4;
	p->tcp_flags = ((__u8 *)tcp)[13];
	if (p->fault)
		return VERDICT_GO_ON;
	if (p->tcp_len < sizeof(*tcp) || p->l4 - PARSE_L3 + p->tcp_len > p->len ||
	    p->len > hook_len(p) - PARSE_L3)
		p->fault = MXLB_REASON_BAD_LENGTH;
	else if (!(p->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) ||
		 ((p->tcp_flags & TCP_SYN) && (p->tcp_flags & (TCP_FIN | TCP_RST))))
		p->fault = MXLB_REASON_BAD_FLAGS;
	return VERDICT_GO_ON;
}

static __always_inline int parse_packet(struct pkt *p)
{
	void *data, *end;
	struct ethhdr *eth;
	int verdict;

	if (!hook_prepare(p))
		return VERDICT_PASS;
	data = hook_data(p);
	end = hook_end(p);
	eth = data;
	if ((void *)(eth + 1) > end)
		return VERDICT_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		verdict = parse_ipv4(p, data, end);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		verdict = parse_ipv6(p, data, end);
	else
		return VERDICT_PASS;
	if (verdict)
		return verdict;
	parse_len(p);
	return parse_tcp(p, data, end);
}

#endif

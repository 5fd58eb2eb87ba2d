/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * First station: from bytes to addresses, ports and flags. Nothing is known yet of
 * whose packet it is, so whatever is not TCP, nor an error about TCP, passes; a fault
 * in what may be ours is noted, and vip_match makes it a drop once the packet is known
 * to be.
 */
#ifndef PARSE_H
#define PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "fragment.h"
#include "icmp.h"
#include "parse_ext.h"
#include "parse_tag.h"
#include "pkt.h"

/* The verifier wants a bound on offsets; a mask is the cheapest. */
#define PARSE_L4_MAX 0xff

#define IP_OFFSET_MASK 0x1fff
#define IP_MORE_FRAGS  0x2000

/* A fragment of a TCP segment: only the first one has ports. */
static __always_inline int parse_fragment(struct pkt *p, __u32 begin, __u32 id, __u32 start)
{
	p->is_fragment = 1;
	p->frag_id = id;
	if (!begin) {
		p->frag_end = p->len - (start - p->l3);
		return VERDICT_GO_ON;
	}
	p->kind = PKT_LATER;
	p->frag_end = begin;
	return fragment_find(p);
}

static __always_inline int parse_ipv4(struct pkt *p, void *data, void *end)
{
	struct iphdr *ip = data + (p->l3 & PARSE_L3_MASK);
	__u16 frag;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return VERDICT_PASS;
	p->family = MXLB_V4;
	p->src.zero = p->dst.zero = 0;
	p->src.addr = parse_from_v4(ip->saddr);
	p->dst.addr = parse_from_v4(ip->daddr);
	p->len = bpf_ntohs(ip->tot_len);
	p->l4 = p->l3 + ip->ihl * 4;
	frag = bpf_ntohs(ip->frag_off) & (IP_OFFSET_MASK | IP_MORE_FRAGS);
	if (ip->protocol == IPPROTO_ICMP)
		return frag ? VERDICT_PASS : icmp_parse(p, data, end);
	if (ip->protocol != IPPROTO_TCP)
		return VERDICT_PASS;
	if (ip->ihl > 5)
		p->fault = MXLB_REASON_IP_OPTIONS;
	if (!frag)
		return VERDICT_GO_ON;
	return parse_fragment(p, (frag & IP_OFFSET_MASK) * 8, ip->id, p->l4);
}

/* What stands behind the fixed header of IPv6, where that is not TCP itself. */
static __always_inline int parse_ipv6_rest(struct pkt *p, __u8 next, void *data, void *end)
{
	struct parse_chain chain = {.next = next, .offset = p->l4};

	if (parse_is_ext(next) && parse_ext_headers(p->ctx, &chain))
		return VERDICT_PASS;
	p->l4 = chain.offset;
	if (chain.next == IPPROTO_ICMPV6)
		return chain.is_fragment ? VERDICT_PASS : icmp_parse(p, data, end);
	if (chain.next != IPPROTO_TCP && !chain.begin)
		return VERDICT_PASS;
	if (!chain.is_fragment)
		return VERDICT_GO_ON;
	return parse_fragment(p, chain.begin, chain.id, chain.start);
}

static __always_inline int parse_ipv6(struct pkt *p, void *data, void *end)
{
	struct ipv6hdr *ip = data + (p->l3 & PARSE_L3_MASK);

	if ((void *)(ip + 1) > end || ip->version != 6)
		return VERDICT_PASS;
	p->family = MXLB_V6;
	p->src.zero = p->dst.zero = 0;
	__builtin_memcpy(&p->src.addr, &ip->saddr, sizeof(p->src.addr));
	__builtin_memcpy(&p->dst.addr, &ip->daddr, sizeof(p->dst.addr));
	/* Such an address must not be on a wire (RFC 6890); taken for an IPv4 one it
	 * could reach a VIP by a header of the wrong family. */
	if (pkt_is_mapped(&p->src.addr) || pkt_is_mapped(&p->dst.addr))
		return VERDICT_PASS;
	p->len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	p->l4 = p->l3 + sizeof(*ip);
	if (ip->nexthdr == IPPROTO_TCP)
		return VERDICT_GO_ON;
	return parse_ipv6_rest(p, ip->nexthdr, data, end);
}

/* GRO can glue more than the 16-bit length fields can say (BIG TCP): then they are
 * zero, or the frame's own length is the truth. */
static __always_inline int parse_len(struct pkt *p)
{
	__u32 len = hook_len(p) - p->l3;

	if (p->segments > 1)
		p->len = len;
	if (p->len <= len)
		return VERDICT_GO_ON;
	if (!hook_is_linear(p))
		return VERDICT_PASS;
	p->fault = MXLB_REASON_BAD_LENGTH;
	return VERDICT_GO_ON;
}

static __always_inline __u8 parse_fault(const struct pkt *p)
{
	__u8 flags = p->tcp_flags;
	__u32 header = p->l4 - p->l3;

	if (p->is_fragment &&
	    (p->len < header + sizeof(struct tcphdr) || p->len < header + p->tcp_len))
		return MXLB_REASON_FRAGMENT_TINY;
	if (p->tcp_len < sizeof(struct tcphdr) || p->len < header + p->tcp_len)
		return MXLB_REASON_BAD_LENGTH;
	if (!(flags & (TCP_SYN | TCP_RST | TCP_ACK)) ||
	    ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST))) ||
	    (flags & (TCP_FIN | TCP_RST)) == (TCP_FIN | TCP_RST))
		return MXLB_REASON_BAD_FLAGS;
	return 0;
}

/* The first eight bytes tell whose it is; the rest may be missing. */
static __always_inline int parse_tcp(struct pkt *p, void *data, void *end)
{
	struct tcphdr *tcp = data + (p->l4 & PARSE_L4_MAX);

	if (p->l4 > PARSE_L4_MAX || (void *)tcp + 8 > end)
		return VERDICT_PASS;
	p->src.port = tcp->source;
	p->dst.port = tcp->dest;
	p->seq = bpf_ntohl(tcp->seq);
	if ((void *)(tcp + 1) > end) {
		if (!hook_is_linear(p))
			return VERDICT_PASS;
		p->fault = p->is_fragment ? MXLB_REASON_FRAGMENT_TINY : MXLB_REASON_BAD_LENGTH;
		return VERDICT_GO_ON;
	}
	p->ack = bpf_ntohl(tcp->ack_seq);
	p->tcp_len = tcp->doff * 4;
	p->tcp_flags = ((__u8 *)tcp)[13];
	if (!p->fault)
		p->fault = parse_fault(p);
	return VERDICT_GO_ON;
}

static __always_inline int parse_packet(struct pkt *p)
{
	void *data = hook_data(p), *end = hook_end(p);
	__be16 proto = 0;
	int verdict;

	verdict = parse_ethernet(p, data, end, &proto);
	if (verdict)
		return verdict;
	if (proto == bpf_htons(ETH_P_IP))
		verdict = parse_ipv4(p, data, end);
	else if (proto == bpf_htons(ETH_P_IPV6))
		verdict = parse_ipv6(p, data, end);
	else
		return VERDICT_PASS;
	if (!verdict)
		verdict = parse_len(p);
	if (verdict || p->kind != PKT_TCP)
		return verdict;
	return parse_tcp(p, data, end);
}

#endif

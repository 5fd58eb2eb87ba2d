/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record that travels from station to station, and the currency of verdicts.
 * A station reads what earlier ones wrote and writes its own fields only.
 */
#ifndef PKT_H
#define PKT_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "mxlb/abi.h"
#include "mxlb/reasons.h"

/* 0 go on, > 0 a final action, < 0 minus an mxlb_reason. Turned into XDP_* or
 * TC_ACT_* by the hook, in one place. */
enum verdict {
	VERDICT_GO_ON = 0,
	VERDICT_PASS = 1 + MXLB_ACTION_PASS,
	VERDICT_REDIRECT = 1 + MXLB_ACTION_REDIRECT,
	VERDICT_TX = 1 + MXLB_ACTION_TX,
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

enum pkt_kind {
	PKT_TCP,   /* whole, or the first fragment */
	PKT_LATER, /* a later fragment: no ports of its own */
	PKT_ICMP,  /* an error about a segment: src, dst are that segment's, turned round */
};

/* Doors that the first glance has found: slot + 1. */
struct pkt_glance {
	__u16 dst, src;
	__u8 is_plain; /* it could look: TCP without tags, options, fragments */
	__u8 zero;
};

/* Pointers stand first, since pkt_forget_* may not touch them; then what is zero from the
 * start; last what stations write before anybody reads it. */
struct pkt {
	HOOK_CTX *ctx;
	const struct mxlb_origin *origin; /* vip: of a reply that NAT changes, else NULL */
	struct mxlb_flow *flow;		  /* flow: NULL: none, and then see is_opening */
	struct mxlb_hop *cache;		  /* flow: where the hop may be kept */

	__u64 now;
	__u32 tick;	/* now, in the table's unit */
	__u32 segments; /* packets that GRO has glued to this one */

	struct pkt_glance glance;

	/* parse */
	__u32 family; /* enum mxlb_family */
	__u32 l3;     /* offset of the IP header */
	__u32 l4;     /* of the TCP header; of an error, the quoted one */
	__u32 icmp;   /* of the ICMP header */
	__u32 len;    /* IP length of this packet, or of all its segments with GRO */
	__u32 seq, ack;
	__u32 frag_id;
	__u16 frag_end; /* first fragment: where it ends; later: where it begins */
	__u8 kind;	/* enum pkt_kind */
	__u8 is_fragment;
	__u8 tcp_flags;
	__u8 tcp_len; /* of the TCP header */
	__u8 fault;   /* an mxlb_reason: what to drop it with, should it be ours */

	/* vip */
	__u8 direction; /* enum mxlb_direction */
	__u32 service;
	__u16 vip;
	__u8 is_leaving;

	/* flow */
	__u8 is_opening; /* to be chosen and, if `remember`, inserted */
	__u8 remember;
	__u8 is_denied; /* no room to remember it */
	__u8 is_whole;	/* its checksum has been seen to be right */

	/* route */
	__u8 forward; /* enum mxlb_forward; of replies, MXLB_NAT or not */

	__u32 backend; /* choose, or from the flow */

	/* route */
	__u8 via_family; /* enum mxlb_family: of what leaves */
	__u8 has_neighbour;
	__u8 gateway_family; /* AF_*: an IPv4 route may go through an IPv6 gateway */

	struct mxlb_addr gateway; /* route: whom to resolve, without a neighbour */

	struct mxlb_endpoint src, dst; /* parse */

	struct mxlb_hop hop;	 /* route: the next hop */
	struct mxlb_endpoint to; /* route: what rewrite puts in the place of pkt_from */
};

/* What is zero from the start; and what all ways out of parse have written. */
#define PKT_ZERO __builtin_offsetof(struct pkt, src)
#define PKT_HEAD __builtin_offsetof(struct pkt, hop)
#define PKT_SKIP __builtin_offsetof(struct pkt, now)

/* A border for the verifier: it forgets what it knows of the scalars, and so looks at the
 * stations behind it once, instead of once for each way that leads there. */
struct pkt_parsed {
	__u8 bytes[PKT_HEAD - PKT_SKIP];
};
struct pkt_decided {
	__u8 bytes[sizeof(struct pkt) - PKT_SKIP];
};

__noinline int pkt_forget_parsed(struct pkt_parsed *p)
{
	asm volatile("" : "+r"(p) : : "memory");
	return p ? 0 : 1;
}

__noinline int pkt_forget_decided(struct pkt_decided *p)
{
	asm volatile("" : "+r"(p) : : "memory");
	return p ? 0 : 1;
}

/* The flow's key: the client's end, with the VIP's id in its spare half word, so that no
 * copy stands between the packet and the look-up. The last word is written as one, as it
 * will be read: a processor waits where it has to put a word together. */
static __always_inline struct mxlb_flow_key *pkt_make_key(struct mxlb_endpoint *client, __u16 vip)
{
	__u32 last = client->port | (__u32)vip << 16;

	__builtin_memcpy(&client->port, &last, sizeof(last));
	return (struct mxlb_flow_key *)client;
}

static __always_inline struct mxlb_flow_key *pkt_key(struct pkt *p)
{
	return (struct mxlb_flow_key *)(p->direction == MXLB_IN ? &p->src : &p->dst);
}

/* The endpoint that NAT changes: the VIP on the way in, the backend on the way out. */
static __always_inline const struct mxlb_endpoint *pkt_from(const struct pkt *p)
{
	return p->direction == MXLB_IN ? &p->dst : &p->src;
}

static __always_inline int pkt_is_syn(const struct pkt *p)
{
	return p->kind == PKT_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Bytes of payload; of a packet glued by GRO, of all its segments. */
static __always_inline __u32 pkt_payload(const struct pkt *p)
{
	return p->len - (p->l4 - p->l3) - p->tcp_len;
}

static __always_inline int pkt_is_mapped(const struct mxlb_addr *addr)
{
	return !addr->w[0] && !addr->w[1] && addr->w[2] == bpf_htonl(0xffff);
}

static __always_inline int pkt_same_addr(const struct mxlb_addr *a, const struct mxlb_addr *b)
{
	return a->w[3] == b->w[3] && a->w[2] == b->w[2] && a->w[1] == b->w[1] && a->w[0] == b->w[0];
}

#endif

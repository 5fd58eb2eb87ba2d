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

struct pkt {
	HOOK_CTX *ctx;
	__u64 now;

	/* parse */
	struct mxlb_endpoint src, dst;
	__u32 family; /* enum mxlb_family */
	__u32 l4;     /* offset of the TCP header */
	__u32 len;    /* IP length of this packet, or of all its segments with GRO */
	__u32 seq, ack;
	__u8 tcp_flags;
	__u8 tcp_len; /* of the TCP header */
	__u8 fault;   /* an mxlb_reason: what to drop it with, should it be ours */

	/* vip */
	__u8 direction; /* enum mxlb_direction */
	__u8 is_leaving;
	__u16 vip;
	__u32 service;
	const struct mxlb_origin *origin; /* for a packet to the client */

	/* flow */
	struct mxlb_flow_key key;
	struct mxlb_flow *flow; /* NULL: none, and then: */
	__u8 is_opening;	/* to be chosen and, if `remember`, inserted */
	__u8 remember;
	__u16 whole; /* MXLB_FLOW_WHOLE_* that this packet has shown */

	/* choose, or from the flow */
	__u32 backend;

	/* route */
	struct mxlb_hop hop;
	struct mxlb_hop *cache; /* where the hop came from, or may be kept */
	__u8 has_neighbour;
	__u8 gateway_family;	  /* AF_*: an IPv4 route may go through an IPv6 gateway */
	struct mxlb_addr gateway; /* without a neighbour: whom to resolve */

	struct mxlb_endpoint to; /* what rewrite puts in the place of pkt_from */
};

/* The endpoint that NAT changes: the VIP on the way in, the backend on the way out. */
static __always_inline const struct mxlb_endpoint *pkt_from(const struct pkt *p)
{
	return p->direction == MXLB_IN ? &p->dst : &p->src;
}

static __always_inline int pkt_is_syn(const struct pkt *p)
{
	return (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

#endif

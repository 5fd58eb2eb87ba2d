/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life of a flow as its segments tell it: half-open, established, closing. What ends
 * one must lie where its receiver would take it (RFC 9293, 3.10.7.4; RFC 5961): a RST made
 * up by somebody else must not shorten the time-out of a silent session.
 *
 * A packet and its answer may run on two processors at once: `state` changes by
 * compare-and-swap only, so each change is counted once.
 */
#ifndef FLOW_TCP_H
#define FLOW_TCP_H

#include "count.h"
#include "flow_end.h"
#include "pkt.h"

/* A segment that claims to be further ahead than this is not believed. */
#define FLOW_WINDOW_MAX 0x1000000u
/* How far back a RST may lie when the other side has not been heard. */
#define FLOW_WINDOW_BLIND 0xffffu

/* The sequence number after this segment. */
static __always_inline __u32 flow_segment_end(const struct pkt *p)
{
	return p->seq + pkt_payload(p) + !!(p->tcp_flags & TCP_SYN) + !!(p->tcp_flags & TCP_FIN);
}

static __always_inline void flow_side_begin(const struct pkt *p, struct mxlb_side *side)
{
	side->end = flow_segment_end(p);
	side->acked = p->ack;
	__sync_fetch_and_or(&side->flags, MXLB_SIDE_SEEN);
}

static __always_inline void flow_side_track(const struct pkt *p, struct mxlb_side *side)
{
	__u32 end = flow_segment_end(p);

	if (p->tcp_flags & TCP_RST)
		return;
	if (!(side->flags & MXLB_SIDE_SEEN)) {
		flow_side_begin(p, side);
		return;
	}
	if (p->tcp_flags & TCP_SYN)
		return;
	if (end - side->end < FLOW_WINDOW_MAX)
		side->end = end;
	if ((p->tcp_flags & TCP_ACK) && p->ack - side->acked < FLOW_WINDOW_MAX)
		side->acked = p->ack;
}

/* Would the receiver take a RST, or a FIN, that stands at `seq`? */
static __always_inline int flow_is_in_window(const struct pkt *p, __u32 seq)
{
	const struct mxlb_flow *flow = p->flow;
	const struct mxlb_side *own, *other;
	__u32 span;

	own = p->direction == MXLB_IN ? &flow->side[MXLB_IN] : &flow->side[MXLB_OUT];
	other = p->direction == MXLB_IN ? &flow->side[MXLB_OUT] : &flow->side[MXLB_IN];
	if (!(own->flags & MXLB_SIDE_SEEN)) /* refused: the first that the backend says */
		return seq == other->acked ||
		       ((p->tcp_flags & TCP_ACK) &&
			p->ack - flow->client_isn - 1 <= other->end - flow->client_isn - 1);
	if (!(other->flags & MXLB_SIDE_SEEN))
		return own->end - seq <= FLOW_WINDOW_BLIND;
	span = own->end - other->acked;
	return seq - other->acked <= (span < FLOW_WINDOW_MAX ? span : 0);
}

static __always_inline void flow_promote(struct pkt *p)
{
	struct mxlb_tallies *tally = tallies_get();

	if (__sync_val_compare_and_swap(&p->flow->state, MXLB_FLOW_HALF_OPEN,
					MXLB_FLOW_ESTABLISHED) != MXLB_FLOW_HALF_OPEN)
		return;
	flow_count_open(p->flow, p->family, 1);
	if (tally)
		__sync_fetch_and_add(&tally->half_open, -1);
	if (!(p->flow->side[MXLB_IN].flags & MXLB_SIDE_ADOPTED))
		count_connection(p);
	else if (tally)
		__sync_fetch_and_add(&tally->adopted, 1);
}

/* A half-open flow hears its client. Its ACK completes the handshake only if it answers the
 * SYN-ACK: a blind one must not take the flow out of what is capped. Where replies go by
 * another way (dsr, tunnel) nothing better can be known. */
static __always_inline void flow_open_in(struct pkt *p)
{
	struct mxlb_flow *flow = p->flow;
	struct mxlb_side *in = &flow->side[MXLB_IN];

	if (pkt_is_syn(p)) {
		if (p->seq == flow->client_isn)
			return;
		flow->client_isn = p->seq; /* the client has begun anew on this port */
		flow_side_begin(p, in);
		__sync_fetch_and_and(&flow->side[MXLB_OUT].flags, ~MXLB_SIDE_SYN);
		return;
	}
	if ((in->flags & MXLB_SIDE_ADOPTED) || (p->tcp_flags & (TCP_RST | TCP_ACK)) != TCP_ACK)
		return;
	if (flow->side[MXLB_OUT].flags & MXLB_SIDE_SYN) {
		if (p->ack - flow->server_isn - 1 < 0x40000000)
			flow_promote(p);
	} else if (p->forward != MXLB_NAT && p->seq == in->end) {
		flow_promote(p);
	}
}

/* A half-open flow hears its backend. It may have acknowledged data that came with the SYN
 * (TCP Fast Open, RFC 7413). An adopted flow wants no more than an answer. */
static __always_inline void flow_open_out(struct pkt *p)
{
	struct mxlb_flow *flow = p->flow;
	struct mxlb_side *in = &flow->side[MXLB_IN];

	if (p->tcp_flags & TCP_RST)
		return;
	if (in->flags & MXLB_SIDE_ADOPTED) {
		flow_promote(p);
		return;
	}
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK) ||
	    p->ack - flow->client_isn - 1 > in->end - flow->client_isn - 1)
		return;
	flow->server_isn = p->seq;
	in->acked = p->seq + 1; /* what the client will acknowledge first */
	flow_side_begin(p, &flow->side[MXLB_OUT]);
	__sync_fetch_and_or(&flow->side[MXLB_OUT].flags, MXLB_SIDE_SYN);
}

/* FIN from both sides, or RST from one: short time-out from here on. Without replies the
 * client's FIN must do. */
static __always_inline void flow_see_end(struct pkt *p, struct mxlb_side *side)
{
	struct mxlb_flow *flow = p->flow;
	__u32 flags;

	if (p->tcp_flags & TCP_RST) {
		if (!flow_is_in_window(p, p->seq))
			return;
		__sync_fetch_and_or(&side->flags, MXLB_SIDE_RST);
		flow_close(pkt_key(p), flow, p->now,
			   p->direction == MXLB_IN ? MXLB_END_CLIENT_RESET
						   : MXLB_END_BACKEND_RESET);
		return;
	}
	if (!flow_is_in_window(p, flow_segment_end(p) - 1))
		return;
	__sync_fetch_and_or(&side->flags, MXLB_SIDE_FIN);
	flags = flow->side[MXLB_IN].flags & flow->side[MXLB_OUT].flags;
	if ((flags & MXLB_SIDE_FIN) ||
	    (p->forward != MXLB_NAT && !(flow->side[MXLB_OUT].flags & MXLB_SIDE_SEEN)))
		flow_close(pkt_key(p), flow, p->now, MXLB_END_FIN);
}

static __always_inline void flow_hear(struct pkt *p)
{
	struct mxlb_flow *flow = p->flow;
	struct mxlb_side *side =
		p->direction == MXLB_IN ? &flow->side[MXLB_IN] : &flow->side[MXLB_OUT];

	if (flow->state == MXLB_FLOW_HALF_OPEN) {
		if (p->direction == MXLB_IN)
			flow_open_in(p);
		else
			flow_open_out(p);
	}
	/* What a half-open flow's backend says counts once it has answered the SYN. */
	if (p->direction == MXLB_IN || flow->state != MXLB_FLOW_HALF_OPEN)
		flow_side_track(p, side);
	if (p->tcp_flags & (TCP_FIN | TCP_RST))
		flow_see_end(p, side);
}

#endif

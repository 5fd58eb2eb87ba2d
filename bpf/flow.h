/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Third station, and the life of a flow: found by either direction, inserted once,
 * promoted in place, closed. A packet and its answer may run on two processors at
 * once: `state` changes by compare-and-swap only, so each change is counted once.
 */
#ifndef FLOW_H
#define FLOW_H

#include "count.h"
#include "flow_end.h"
#include "maps.h"
#include "pkt.h"

static __always_inline void flow_use(struct pkt *p, struct mxlb_flow *flow)
{
	p->flow = flow;
	p->backend = flow->backend;
	p->service = flow->service;
	p->cache = &flow->hop[p->direction & 1];
}

/* A packet to a VIP that belongs to no flow, or opens a new one on a finished one. */
static __always_inline void flow_open(struct pkt *p)
{
	p->is_opening = 1;
	/* A RST or FIN without a flow is the echo of one that ended: not to be kept. */
	p->remember = !(p->tcp_flags & (TCP_RST | TCP_FIN));
}

static __always_inline int flow_find_in(struct pkt *p)
{
	struct mxlb_flow *flow;

	p->key.client = p->src.addr;
	p->key.client_port = p->src.port;
	p->key.vip = p->vip;
	flow = bpf_map_lookup_elem(&flows, &p->key);
	/* Busy senders reuse ports: a SYN on a finished flow starts a new one. */
	if (!flow || (pkt_is_syn(p) && flow->state == MXLB_FLOW_CLOSING)) {
		if (p->is_leaving)
			return VERDICT_PASS;
		flow_open(p);
		p->flow = flow; /* to be replaced: service and backend are of today */
		return VERDICT_GO_ON;
	}
	flow_use(p, flow);
	return VERDICT_GO_ON;
}

/* While connections are served without memory, a reply is known by its origin
 * alone, where that names one VIP. */
static __always_inline int flow_guess(struct pkt *p)
{
	const struct mxlb_tallies *tally = tallies_get();

	if (!tally || tally->stateless_until < p->now || p->origin->of[1].vip)
		return VERDICT_PASS;
	p->vip = p->origin->of[0].vip;
	p->backend = p->origin->of[0].backend;
	return VERDICT_GO_ON;
}

static __always_inline int flow_find_out(struct pkt *p)
{
	p->key.client = p->dst.addr;
	p->key.client_port = p->dst.port;
	for (int i = 0; i < MXLB_MAX_ORIGIN_VIPS; i++) {
		__u16 vip = p->origin->of[i].vip;
		struct mxlb_flow *flow;

		if (!vip)
			break;
		p->key.vip = vip;
		flow = bpf_map_lookup_elem(&flows, &p->key);
		if (flow && flow->backend == p->origin->of[i].backend) {
			p->vip = vip;
			flow_use(p, flow);
			return VERDICT_GO_ON;
		}
	}
	return flow_guess(p);
}

static __always_inline int flow_find(struct pkt *p)
{
	return p->direction == MXLB_IN ? flow_find_in(p) : flow_find_out(p);
}

/* Takes one place at the backend. Exact over all processors: never above the limit. */
static __always_inline int flow_take_place(struct pkt *p)
{
	struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &p->backend);
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &p->backend);
	__u64 before;

	if (!backend || !load)
		return -MXLB_REASON_FLOW_GONE;
	before = __sync_fetch_and_add(&load->flows, 1);
	if (backend->max_connections && before >= backend->max_connections) {
		__sync_fetch_and_add(&load->flows, -1);
		return -MXLB_REASON_NO_BACKEND;
	}
	return 0;
}

static __always_inline void flow_leave_place(struct pkt *p)
{
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &p->backend);

	if (load)
		__sync_fetch_and_add(&load->flows, -1);
}

static __always_inline void flow_count_new(struct pkt *p, const struct mxlb_flow *flow)
{
	struct mxlb_tallies *tally = tallies_get();

	if (!tally)
		return;
	if (flow->state == MXLB_FLOW_HALF_OPEN) {
		__sync_fetch_and_add(&tally->half_open, 1);
		return;
	}
	__sync_fetch_and_add(&tally->adopted, 1);
	flow_count_open(flow->backend, p->family, 1);
}

/* A SYN that gets no memory: for a while replies are known by their origin alone.
 * One event a period, not one a SYN: this is what a flood looks like. */
static __always_inline void flow_go_stateless(struct pkt *p)
{
	struct mxlb_tallies *tally = tallies_get();
	__u64 until;

	if (!tally || !pkt_is_syn(p))
		return;
	until = tally->stateless_until;
	tally->stateless_until = p->now + knobs.stateless_for;
	__sync_fetch_and_add(&tally->table_full, 1);
	if (until < p->now)
		emit_table_full(&p->key, p->now);
}

/* A flow as this packet begins it, in the scratch space. */
static __always_inline struct mxlb_flow *flow_begin(const struct pkt *p)
{
	__u32 zero = 0;
	struct mxlb_flow *flow = bpf_map_lookup_elem(&scratch, &zero);

	if (!flow)
		return NULL;
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->created = p->now;
	flow->seen = p->now;
	flow->state = MXLB_FLOW_HALF_OPEN;
	flow->client_isn = p->seq;
	if (!pkt_is_syn(p)) {
		flow->state = MXLB_FLOW_ESTABLISHED;
		flow->flags = MXLB_FLOW_ADOPTED;
		flow->client_isn = 0;
	}
	flow->flags |= p->whole;
	flow->backend = p->backend;
	flow->service = p->service;
	flow->bytes[MXLB_IN] = p->len;
	flow->hop[MXLB_IN] = p->hop;
	return flow;
}

static __always_inline int flow_insert(struct pkt *p)
{
	__u64 how = p->flow ? BPF_ANY : BPF_NOEXIST;
	struct mxlb_flow *flow;
	int err;

	if (!p->remember) {
		if (p->flow) /* or later packets would follow the finished flow */
			(void)bpf_map_delete_elem(&flows, &p->key);
		p->flow = NULL;
		flow_go_stateless(p);
		return VERDICT_GO_ON;
	}
	p->flow = NULL;
	err = flow_take_place(p);
	if (err)
		return err;
	flow = flow_begin(p);
	if (!flow)
		return -MXLB_REASON_FLOW_GONE;
	err = bpf_map_update_elem(&flows, &p->key, flow, how);
	if (!err) {
		flow_count_new(p, flow);
		return VERDICT_GO_ON;
	}
	flow_leave_place(p);
	if (err != -17) /* EEXIST: another processor was first, nothing is full */
		flow_go_stateless(p);
	return VERDICT_GO_ON;
}

static __always_inline void flow_promote(struct pkt *p)
{
	struct mxlb_tallies *tally = tallies_get();

	if (__sync_val_compare_and_swap(&p->flow->state, MXLB_FLOW_HALF_OPEN,
					MXLB_FLOW_ESTABLISHED) != MXLB_FLOW_HALF_OPEN)
		return;
	if (tally)
		__sync_fetch_and_add(&tally->half_open, -1);
	flow_count_open(p->backend, p->family, 1);
	count_connection(p);
}

/* The client's ACK completes the handshake only if it answers the SYN-ACK: a blind
 * one must not turn a half-open flow, which is capped, into an established one. */
static __always_inline int flow_is_answered(const struct pkt *p)
{
	const struct mxlb_flow *flow = p->flow;

	return flow->state == MXLB_FLOW_HALF_OPEN && (flow->flags & MXLB_FLOW_SYNACK) &&
	       (p->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK &&
	       p->ack - flow->server_isn - 1 < 0x40000000;
}

static __always_inline void flow_see_out(struct pkt *p)
{
	struct mxlb_flow *flow = p->flow;

	if (flow->state == MXLB_FLOW_HALF_OPEN &&
	    (p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
	    p->ack == flow->client_isn + 1) {
		flow->server_isn = p->seq;
		__sync_fetch_and_or(&flow->flags, MXLB_FLOW_SYNACK);
	}
}

/* FIN from both sides, or RST from one: short time-out from here on. */
static __always_inline void flow_see_end(struct pkt *p)
{
	const __u32 both = MXLB_FLOW_FIN_IN | MXLB_FLOW_FIN_OUT;
	__u32 fin = p->direction == MXLB_IN ? MXLB_FLOW_FIN_IN : MXLB_FLOW_FIN_OUT;

	if (p->tcp_flags & TCP_RST) {
		__sync_fetch_and_or(&p->flow->flags,
				    p->direction == MXLB_IN ? MXLB_FLOW_RST_IN : MXLB_FLOW_RST_OUT);
		flow_close(&p->key, p->flow, p->now,
			   p->direction == MXLB_IN ? MXLB_END_CLIENT_RESET
						   : MXLB_END_BACKEND_RESET);
	} else if (p->tcp_flags & TCP_FIN) {
		__sync_fetch_and_or(&p->flow->flags, fin);
		if ((p->flow->flags & both) == both)
			flow_close(&p->key, p->flow, p->now, MXLB_END_FIN);
	}
}

/* What this packet does to its flow. Called once its way is known to be open. */
static __always_inline int flow_advance(struct pkt *p)
{
	struct mxlb_flow *flow = p->flow;

	if (!flow)
		return VERDICT_GO_ON;
	flow->seen = p->now;
	if (p->whole)
		__sync_fetch_and_or(&flow->flags, p->whole);
	__sync_fetch_and_add(&flow->bytes[p->direction & 1], p->len);
	if (p->direction == MXLB_OUT)
		flow_see_out(p);
	else if (flow_is_answered(p))
		flow_promote(p);
	else if (pkt_is_syn(p) && flow->state == MXLB_FLOW_HALF_OPEN)
		flow->client_isn = p->seq; /* the client has begun anew on this port */
	if (p->tcp_flags & (TCP_FIN | TCP_RST))
		flow_see_end(p);
	return VERDICT_GO_ON;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Third station: the flow, found by either direction, inserted once. What segments do to
 * it is flow_tcp.h's.
 */
#ifndef FLOW_H
#define FLOW_H

#include "flow_end.h"
#include "flow_tcp.h"
#include "maps.h"
#include "pkt.h"
#include "probe_path.h"

#define FLOW_E2BIG 7 /* errno of a table that is full */

static __always_inline void flow_use(struct pkt *p, struct mxlb_flow *flow)
{
	p->flow = flow;
	p->backend = flow->backend;
	p->service = flow->service;
	p->cache = p->direction == MXLB_IN ? &flow->side[MXLB_IN].hop : &flow->side[MXLB_OUT].hop;
}

/* While connections are served without memory, packets without a flow may be of these. */
static __always_inline int flow_is_stateless(const struct pkt *p)
{
	const struct mxlb_tallies *tally = tallies_get();

	return tally && tally->stateless_until >= p->now;
}

/* A packet to a VIP that belongs to no flow, or opens a new one on a finished one. A RST or
 * FIN without a flow is the echo of one that ended, and what is no segment has not enough
 * to remember. */
static __always_inline int flow_open(struct pkt *p)
{
	if (p->is_leaving || (p->kind == PKT_ICMP && !flow_is_stateless(p)))
		return VERDICT_PASS;
	p->is_opening = 1;
	p->remember = p->kind == PKT_TCP && !(p->tcp_flags & (TCP_RST | TCP_FIN));
	return VERDICT_GO_ON;
}

static __always_inline int flow_find_in(struct pkt *p)
{
	struct mxlb_flow *flow;

	flow = bpf_map_lookup_elem(&flows, pkt_make_key(&p->src, p->vip));
	/* Busy senders reuse ports: a SYN on a finished flow starts a new one. */
	if (!flow || (pkt_is_syn(p) && flow->state == MXLB_FLOW_CLOSING)) {
		p->flow = flow; /* to be replaced: service and backend are of today */
		return flow_open(p);
	}
	flow_use(p, flow);
	return VERDICT_GO_ON;
}

/* A reply without a flow is known by its origin alone, where that names one VIP. */
static __always_inline int flow_guess(struct pkt *p)
{
	if (!p->origin || p->origin->of[1].vip || !flow_is_stateless(p))
		return VERDICT_PASS;
	p->vip = p->origin->of[0].vip;
	p->backend = p->origin->of[0].backend;
	return VERDICT_GO_ON;
}

/* Which of an origin's VIPs, from the second on, has a flow with this client? Few backends
 * have more than one; a global function, for the verifier's sake. 0: none. */
__noinline int flow_search(struct mxlb_flow_key *client, struct mxlb_origin *origin)
{
	struct mxlb_flow_key key;

	if (!client || !origin)
		return 0;
	key = *client;
	for (int i = 1; i < MXLB_MAX_ORIGIN_VIPS; i++) {
		const struct mxlb_flow *flow;

		if (!origin->of[i].vip)
			break;
		key.vip = origin->of[i].vip;
		flow = bpf_map_lookup_elem(&flows, &key);
		if (flow && flow->backend == origin->of[i].backend)
			return key.vip;
	}
	return 0;
}

static __always_inline int flow_find_other(struct pkt *p)
{
	struct mxlb_origin origin = *p->origin;
	struct mxlb_flow *flow;
	int vip = flow_search(pkt_key(p), &origin);

	if (!vip)
		return flow_guess(p);
	p->vip = vip;
	flow = bpf_map_lookup_elem(&flows, pkt_make_key(&p->dst, vip));
	if (!flow)
		return VERDICT_PASS;
	flow_use(p, flow);
	return VERDICT_GO_ON;
}

static __always_inline int flow_find_out(struct pkt *p)
{
	struct mxlb_flow *flow;

	if (p->origin)
		p->vip = p->origin->of[0].vip;
	flow = bpf_map_lookup_elem(&flows, pkt_make_key(&p->dst, p->vip));
	if (flow && (!p->origin || flow->backend == p->origin->of[0].backend)) {
		flow_use(p, flow);
		return VERDICT_GO_ON;
	}
	if (!p->origin)
		return p->kind == PKT_TCP ? probe_path_back(p) : VERDICT_PASS;
	return p->origin->of[1].vip ? flow_find_other(p) : flow_guess(p);
}

static __always_inline int flow_find(struct pkt *p)
{
	return p->direction == MXLB_IN ? flow_find_in(p) : flow_find_out(p);
}

/* Takes one place at the backend. Exact over all processors: never above the limit. A
 * connection that is already there has its place. */
static __always_inline int flow_take_place(struct pkt *p)
{
	struct mxlb_backend *backend = bpf_map_lookup_elem(&backends, &p->backend);
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &p->backend);
	__u64 before;

	if (!backend || !load)
		return -MXLB_REASON_FLOW_GONE;
	before = __sync_fetch_and_add(&load->flows, 1);
	if (pkt_is_syn(p) && backend->max_connections && before >= backend->max_connections) {
		__sync_fetch_and_add(&load->flows, -1);
		return -MXLB_REASON_NO_BACKEND;
	}
	return 0;
}

static __always_inline void flow_give_place(const struct pkt *p)
{
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &p->backend);

	if (load)
		__sync_fetch_and_add(&load->flows, -1);
}

static __always_inline void flow_count_new(const struct mxlb_flow *flow, int is_replaced)
{
	struct mxlb_tallies *tally = tallies_get();
	struct mxlb_load *recount = flow_recount(flow);

	if (recount)
		__sync_fetch_and_add(&recount->flows, 1);
	if (!tally)
		return;
	__sync_fetch_and_add(&tally->half_open, 1);
	if (!is_replaced)
		__sync_fetch_and_add(&tally->entries, 1);
}

/* No memory for this one: for a while replies are known by their origin alone. One event a
 * period, not one a SYN: this is what a flood looks like. The time is written when it has
 * moved on by a second, or processors would fight for the line. */
static __always_inline void flow_go_stateless(struct pkt *p)
{
	struct mxlb_tallies *tally = tallies_get();
	__u64 until;

	if (!tally || !p->is_denied)
		return;
	until = tally->stateless_until;
	if (until < p->now + knobs.stateless_for - 1000000000ull)
		tally->stateless_until = p->now + knobs.stateless_for;
	if (!pkt_is_syn(p))
		return;
	__sync_fetch_and_add(&tally->table_full, 1);
	if (until < p->now)
		emit_table_full(pkt_key(p), p->now);
}

/* A flow as this packet begins it, in the scratch space. */
static __always_inline struct mxlb_flow *flow_begin(const struct pkt *p)
{
	__u32 zero = 0;
	struct mxlb_flow *flow = bpf_map_lookup_elem(&scratch, &zero);
	const struct mxlb_tallies *tally = tallies_get();
	struct mxlb_side *in;

	if (!flow || !tally)
		return NULL;
	__builtin_memset(flow, 0, sizeof(*flow));
	in = &flow->side[MXLB_IN];
	flow->created = p->now;
	flow->seen = p->tick;
	flow->state = MXLB_FLOW_HALF_OPEN;
	/* In a finished flow's place: counted where that one was. */
	flow->epoch = p->flow ? p->flow->epoch : (__u32)tally->epoch;
	flow->backend = p->backend;
	flow->service = p->service;
	flow->bytes_in = p->len;
	in->flags = MXLB_SIDE_SEEN | (p->is_whole ? MXLB_SIDE_WHOLE : 0);
	if (pkt_is_syn(p))
		flow->client_isn = p->seq;
	else
		in->flags |= MXLB_SIDE_ADOPTED;
	in->end = flow_segment_end(p);
	in->acked = p->ack;
	if (p->has_neighbour)
		in->hop = p->hop;
	return flow;
}

/* Where it is not remembered, a finished flow must go: later packets would follow it. */
static __always_inline int flow_forget(struct pkt *p)
{
	if (p->flow && pkt_is_syn(p) && !bpf_map_delete_elem(&flows, pkt_key(p)))
		flow_count_gone();
	p->flow = NULL;
	flow_go_stateless(p);
	return VERDICT_GO_ON;
}

static __always_inline int flow_insert(struct pkt *p)
{
	int is_replaced = p->flow != NULL, err;
	struct mxlb_flow *flow;

	if (!p->remember)
		return flow_forget(p);
	err = flow_take_place(p);
	if (err)
		return err;
	flow = flow_begin(p);
	p->flow = NULL;
	if (!flow)
		return -MXLB_REASON_FLOW_GONE;
	err = bpf_map_update_elem(&flows, pkt_key(p), flow, is_replaced ? BPF_ANY : BPF_NOEXIST);
	if (!err) {
		flow_count_new(flow, is_replaced);
		return VERDICT_GO_ON;
	}
	flow_give_place(p);
	/* Else another processor was first, or holds the bucket: nothing is full. */
	p->is_denied = err == -FLOW_E2BIG;
	flow_go_stateless(p);
	return VERDICT_GO_ON;
}

/* What this packet does to its flow. Called once its way is known to be open. */
static __always_inline int flow_advance(struct pkt *p)
{
	struct mxlb_flow *flow = p->flow;

	if (!flow)
		return VERDICT_GO_ON;
	flow->seen = p->tick;
	/* Not atomic: packets of one direction come by one queue, and it is for display. */
	if (p->direction == MXLB_IN)
		flow->bytes_in += p->len;
	else
		flow->bytes_out += p->len;
	if (p->is_whole)
		__sync_fetch_and_or(p->direction == MXLB_IN ? &flow->side[MXLB_IN].flags
							    : &flow->side[MXLB_OUT].flags,
				    MXLB_SIDE_WHOLE);
	if (p->kind == PKT_TCP)
		flow_hear(p);
	return VERDICT_GO_ON;
}

#endif

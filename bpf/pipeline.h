/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet arrives: the sentence. The first half decides and changes nothing, so
 * that XDP can leave a packet to TC at any point of it; the second half acts.
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "admit.h"
#include "answer.h"
#include "choose.h"
#include "count.h"
#include "flow.h"
#include "glance.h"
#include "parse.h"
#include "refuse.h"
#include "rewrite.h"
#include "route.h"
#include "vip.h"

/* A connection may begin here: who gets it? */
static __always_inline int mxlb_open(struct pkt *p)
{
	int verdict = hook_is_to_us(p) ? admit(p) : VERDICT_PASS;

	return verdict ? verdict : choose(p);
}

static __always_inline int mxlb_decide(struct pkt *p)
{
	int verdict = parse_packet(p);

	if (verdict)
		return verdict;
	/* Plain packets are of few kinds, and most: they can do without. */
	if (!p->glance.is_plain)
		pkt_forget_parsed((struct pkt_parsed *)&p->now);
	verdict = vip_match(p);
	if (!verdict)
		verdict = flow_find(p);
	if (!verdict && !hook_takes(p))
		verdict = VERDICT_PASS;
	if (!verdict && p->is_opening)
		verdict = mxlb_open(p);
	if (!verdict)
		verdict = route_find(p);
	if (!verdict && rewrite_ttl_is_over(p))
		verdict = -MXLB_REASON_TTL_EXPIRED;
	if (!verdict && !route_fits(p))
		verdict = -MXLB_REASON_TOO_BIG;
	return verdict;
}

static __always_inline int mxlb_act(struct pkt *p)
{
	int verdict;

	if (p->is_opening || !p->glance.is_plain)
		pkt_forget_decided((struct pkt_decided *)&p->now);
	verdict = p->is_opening ? flow_insert(p) : flow_advance(p);
	if (verdict)
		return verdict;
	if (p->direction == MXLB_IN && pkt_is_syn(p))
		count_syn(p);
	if (p->is_fragment && p->kind == PKT_TCP)
		fragment_keep(p);
	route_store(p);
	verdict = rewrite(p);
	return verdict ? verdict : hook_forward(p);
}

/* Senders are told what they can act upon. A frame in several buffers can't be cut here. */
static __always_inline int mxlb_tell(struct pkt *p, int verdict)
{
	switch (verdict) {
	case -MXLB_REASON_NO_BACKEND:
	case -MXLB_REASON_HAIRPIN:
		return hook_is_linear(p) ? refuse(p, verdict) : VERDICT_PASS;
	case -MXLB_REASON_TOO_BIG:
	case -MXLB_REASON_TTL_EXPIRED:
		return hook_is_linear(p) ? answer(p, verdict) : VERDICT_PASS;
	default:
		return verdict;
	}
}

static __always_inline void mxlb_begin(struct pkt *p)
{
	HOOK_CTX *ctx = p->ctx;

	__builtin_memset(p, 0, PKT_ZERO);
	p->ctx = ctx;
	p->now = bpf_ktime_get_coarse_ns();
	p->tick = p->now >> MXLB_TICK_SHIFT;
	p->segments = hook_segments(p);
}

static __always_inline int mxlb_run(HOOK_CTX *ctx)
{
	struct pkt_glance found = {};
	struct pkt p;
	int verdict;

	p.ctx = ctx;
	if (!hook_prepare(&p) || !glance(&p, &found))
		return hook_action(count_pass(&p));
	mxlb_begin(&p);
	p.glance = found;
	verdict = mxlb_decide(&p);
	if (!verdict)
		verdict = mxlb_act(&p);
	if (verdict < 0)
		verdict = mxlb_tell(&p, verdict);
	return hook_action(count_verdict(&p, verdict));
}

#endif

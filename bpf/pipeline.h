/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet arrives: the sentence. The first half decides and changes nothing, so
 * that XDP can leave a packet to TC at any point of it; the second half acts.
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "admit.h"
#include "choose.h"
#include "count.h"
#include "flow.h"
#include "parse.h"
#include "refuse.h"
#include "rewrite.h"
#include "route.h"
#include "vip.h"

static __always_inline int mxlb_decide(struct pkt *p)
{
	int verdict = parse_packet(p);

	if (!verdict)
		verdict = vip_match(p);
	if (!verdict)
		verdict = flow_find(p);
	if (!verdict && !hook_takes(p))
		verdict = VERDICT_PASS;
	if (!verdict && p->is_opening)
		verdict = admit(p);
	if (!verdict && p->is_opening)
		verdict = choose(p);
	if (!verdict)
		verdict = route_find(p);
	if (!verdict && rewrite_ttl_is_over(p))
		verdict = -MXLB_REASON_TTL_EXPIRED;
	return verdict;
}

static __always_inline int mxlb_act(struct pkt *p)
{
	int verdict = p->is_opening ? flow_insert(p) : flow_advance(p);

	if (verdict)
		return verdict;
	if (p->direction == MXLB_IN && pkt_is_syn(p))
		count_syn(p);
	route_store(p);
	verdict = rewrite(p);
	return verdict ? verdict : hook_forward(p);
}

static __always_inline int mxlb_run(HOOK_CTX *ctx)
{
	struct pkt p = {.ctx = ctx, .now = bpf_ktime_get_coarse_ns()};
	int verdict = mxlb_decide(&p);

	if (!verdict)
		verdict = mxlb_act(&p);
	if (verdict == -MXLB_REASON_NO_BACKEND)
		verdict = refuse(&p);
	return hook_action(count_verdict(&p, verdict));
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How flows are counted, and how one leaves the count of the living: shared by the
 * pipeline (FIN, RST) and the sweeper (time-outs). A flow is closed once, whoever comes
 * first. What the sweeper has counted in its present pass is kept right as well.
 */
#ifndef FLOW_END_H
#define FLOW_END_H

#include <bpf/bpf_endian.h>

#include "emit.h"
#include "maps.h"

static __always_inline enum mxlb_family flow_family(const struct mxlb_flow_key *key)
{
	int is_v4 = !key->client.w[0] && !key->client.w[1] && key->client.w[2] == bpf_htonl(0xffff);

	return is_v4 ? MXLB_V4 : MXLB_V6;
}

/* Where the sweeper counts this flow; NULL: it has not come to it yet. */
static __always_inline struct mxlb_load *flow_recount(const struct mxlb_flow *flow)
{
	const struct mxlb_tallies *tally = tallies_get();
	struct mxlb_recount *recount;
	__u32 backend = flow->backend;

	if (!tally || flow->epoch != (__u32)tally->epoch)
		return NULL;
	recount = bpf_map_lookup_elem(&recounts, &backend);
	return recount ? &recount->load : NULL;
}

/* One established flow more, or less. */
static __always_inline void flow_count_open(const struct mxlb_flow *flow, __u32 family, __s64 delta)
{
	__u32 backend = flow->backend;
	struct mxlb_tallies *tally = tallies_get();
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &backend);
	struct mxlb_load *recount = flow_recount(flow);

	if (tally)
		__sync_fetch_and_add(&tally->established, delta);
	if (load)
		__sync_fetch_and_add(&load->open[family & 1], delta);
	if (recount)
		__sync_fetch_and_add(&recount->open[family & 1], delta);
}

static __always_inline void flow_count_end(__u32 backend, __u32 family, enum mxlb_flow_end how)
{
	__u32 index = backend * MXLB_FAMILIES + family;
	struct mxlb_backend_count *count = bpf_map_lookup_elem(&backend_counts, &index);

	if (count && how < MXLB_FLOW_ENDS)
		__sync_fetch_and_add(&count->ended[how], 1); /* the sweeper may be interrupted */
}

static __always_inline void flow_leave_backend(const struct mxlb_flow *flow)
{
	__u32 backend = flow->backend;
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &backend);
	struct mxlb_load *recount = flow_recount(flow);

	if (load)
		__sync_fetch_and_add(&load->flows, -1);
	if (recount)
		__sync_fetch_and_add(&recount->flows, -1);
}

static __always_inline void flow_close(const struct mxlb_flow_key *key, struct mxlb_flow *flow,
				       __u64 now, enum mxlb_flow_end how)
{
	__u32 was = flow->state, family = flow_family(key);
	struct mxlb_tallies *tally = tallies_get();

	if (was == MXLB_FLOW_CLOSING ||
	    __sync_val_compare_and_swap(&flow->state, was, MXLB_FLOW_CLOSING) != was)
		return;
	flow_leave_backend(flow);
	if (was == MXLB_FLOW_HALF_OPEN) {
		if (tally)
			__sync_fetch_and_add(&tally->half_open, -1);
		return;
	}
	flow_count_open(flow, family, -1);
	flow_count_end(flow->backend, family, how);
	if (knobs.sessions)
		emit_session(key, flow, now, how);
}

/* An entry has left the table. */
static __always_inline void flow_count_gone(void)
{
	struct mxlb_tallies *tally = tallies_get();

	if (tally)
		__sync_fetch_and_add(&tally->entries, -1);
}

#endif

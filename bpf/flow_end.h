/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a flow leaves the count of the living: shared by the pipeline (FIN, RST) and
 * the sweeper (time-outs). A flow is closed once, whoever comes first.
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

/* One established flow more, or less. */
static __always_inline void flow_count_open(__u32 backend, __u32 family, __s64 delta)
{
	struct mxlb_tallies *tally = tallies_get();
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &backend);

	if (tally)
		__sync_fetch_and_add(&tally->established, delta);
	if (load)
		__sync_fetch_and_add(&load->open[family & 1], delta);
}

static __always_inline void flow_count_end(__u32 backend, __u32 family, enum mxlb_flow_end how)
{
	__u32 index = backend * MXLB_FAMILIES + family;
	struct mxlb_backend_count *count = bpf_map_lookup_elem(&backend_counts, &index);

	if (count && how < MXLB_FLOW_ENDS)
		count->ended[how]++;
}

static __always_inline void flow_close(const struct mxlb_flow_key *key, struct mxlb_flow *flow,
				       __u64 now, enum mxlb_flow_end how)
{
	__u32 was = flow->state, backend = flow->backend, family = flow_family(key);
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &backend);
	struct mxlb_tallies *tally = tallies_get();

	if (was == MXLB_FLOW_CLOSING ||
	    __sync_val_compare_and_swap(&flow->state, was, MXLB_FLOW_CLOSING) != was)
		return;
	if (load)
		__sync_fetch_and_add(&load->flows, -1);
	if (was == MXLB_FLOW_HALF_OPEN) {
		if (tally)
			__sync_fetch_and_add(&tally->half_open, -1);
		return;
	}
	flow_count_open(backend, family, -1);
	flow_count_end(backend, family, how);
	if (knobs.sessions)
		emit_session(key, flow, now, how);
}

#endif

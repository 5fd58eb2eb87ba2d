/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events to the daemon. Never waits: what does not fit is counted and gone.
 */
#ifndef EMIT_H
#define EMIT_H

#include "maps.h"

static __always_inline struct mxlb_event *emit_begin(__u32 type, __u64 now)
{
	struct mxlb_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		struct mxlb_tallies *tally = tallies_get();

		if (tally)
			__sync_fetch_and_add(&tally->events_lost, 1);
		return NULL;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->type = type;
	event->time = now;
	return event;
}

static __always_inline void emit_session(const struct mxlb_flow_key *key,
					 const struct mxlb_flow *flow, __u64 now,
					 enum mxlb_flow_end how)
{
	struct mxlb_event *event = emit_begin(MXLB_EVENT_SESSION, now);

	if (!event)
		return;
	event->end = how;
	event->key = *key;
	event->flow = *flow;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void emit_table_full(const struct mxlb_flow_key *key, __u64 now)
{
	struct mxlb_event *event = emit_begin(MXLB_EVENT_TABLE_FULL, now);

	if (!event)
		return;
	event->key = *key;
	bpf_ringbuf_submit(event, 0);
}

#endif

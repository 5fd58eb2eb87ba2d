/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the data path tells the daemon through ring buffer `events`. Lossy: a
 * full buffer counts in tallies.events_lost, and nothing waits for a reader.
 * Byte order and units are those of abi.h.
 */
#ifndef MXLB_EVENT_H
#define MXLB_EVENT_H

#include "mxlb/abi.h"

enum mxlb_event_type {
	MXLB_EVENT_SESSION = 1, /* a flow ended; `flow` is its last state */
	MXLB_EVENT_TABLE_FULL,	/* a SYN was served without a flow */
};

struct mxlb_event {
	__u32 type; /* enum mxlb_event_type */
	__u32 end;  /* enum mxlb_flow_end, for a session */
	__u64 time;
	struct mxlb_flow_key key;
	__u32 zero;
	struct mxlb_flow flow;
};
MXLB_ASSERT_SIZE(mxlb_event, 160);

#endif

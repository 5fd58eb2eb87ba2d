/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants of the data path that the loader may set before load (rodata, so the
 * verifier prunes what is switched off). Why `const volatile` works is told best
 * in xdp-tools' lib/libxdp/xdp-dispatcher.c.in.
 */
#ifndef MXLB_KNOBS_H
#define MXLB_KNOBS_H

#include <linux/types.h>

/* "mx": a mark that nobody else sets by accident; the lower half is the VIP's id. */
#define MXLB_PROBE_MARK 0x6d780000

struct mxlb_knobs {
	__u64 stateless_for; /* ns replies are translated by origin after a stateless packet */
	__u64 fragment_for;  /* ns the ports of a first fragment are kept for the others */
	__u32 hop_max_age;   /* ticks a cached next hop is trusted without asking the kernel */
	__u32 ring_walk;     /* candidates looked at before a ring counts as empty */
	__u32 sessions;	     /* 1: emit an event when a flow ends */
	__u32 icmp_rate;     /* errors that each processor may send a second */
	__u32 probe_mark;    /* upper half of the mark of probes on the forwarded path */
};

#define MXLB_KNOBS_DEFAULT                                                                         \
	{                                                                                          \
		.stateless_for = 120000000000ull, .fragment_for = 30000000000ull,                  \
		.hop_max_age = 954, .ring_walk = 256, .sessions = 0, .icmp_rate = 1000,            \
		.probe_mark = MXLB_PROBE_MARK,                                                     \
	}

#endif

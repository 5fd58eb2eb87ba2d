/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants of the data path that the loader may set before load (rodata, so the
 * verifier prunes what is switched off). Why `const volatile` works is told best
 * in xdp-tools' lib/libxdp/xdp-dispatcher.c.in.
 */
#ifndef MXLB_KNOBS_H
#define MXLB_KNOBS_H

#include <linux/types.h>

struct mxlb_knobs {
	__u64 hop_max_age;   /* ns a cached next hop is trusted without asking the kernel */
	__u64 stateless_for; /* ns replies are translated by origin after a stateless SYN */
	__u32 ring_walk;     /* candidates looked at before a ring counts as empty */
	__u32 sessions;	     /* 1: emit an event when a flow ends */
};

#define MXLB_KNOBS_DEFAULT                                                                         \
	{                                                                                          \
		.hop_max_age = 1000000000ull, .stateless_for = 120000000000ull, .ring_walk = 256,  \
		.sessions = 0,                                                                     \
	}

#endif

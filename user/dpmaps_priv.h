/* SPDX-License-Identifier: BSD-2-Clause */
/* What the dpmaps*.c files share; nobody else includes it. */
#ifndef DPMAPS_PRIV_H
#define DPMAPS_PRIV_H

#include "dpmaps.h"

struct doors;
struct ring_buffer;

struct dpmaps {
	__u64 door_bits[MXLB_DOORS / 64]; /* as in the map */
	struct dpmaps_fds fds;
	int n_cpus;
	struct doors *doors;	    /* the order in which that map changes */
	struct ring_buffer *events; /* made at the first call that needs it */
	dpmaps_event_fn on_event;   /* of the drain under way */
	void *on_event_arg;
};

#endif

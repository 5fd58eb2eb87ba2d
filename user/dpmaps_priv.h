/* SPDX-License-Identifier: BSD-2-Clause */
/* What dpmaps.c and dpmaps_read.c share; nobody else includes it. */
#ifndef DPMAPS_PRIV_H
#define DPMAPS_PRIV_H

#include "dpmaps.h"

struct ring_buffer;

struct dpmaps {
	struct dpmaps_fds fds;
	int n_cpus;
	struct ring_buffer *events; /* made at the first call that needs it */
	dpmaps_event_fn on_event;   /* of the drain under way */
	void *on_event_arg;
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every number that a packet may change, read from the maps at once, and the text
 * of the difference between two readings.
 */
#ifndef STATE_H
#define STATE_H

#include "lab.h"

#define STATE_MAX  320
#define STATE_TEXT 512

struct state {
	unsigned count;
	struct gauge {
		char name[24];
		__u64 value;
	} of[STATE_MAX];
	__u64 bytes; /* of all backends, both directions */
};

/* What a walk over the table finds. */
struct census {
	__u64 flows, half_open, established;
	struct mxlb_load load[BACKENDS + 1]; /* of each backend: its live flows, and of these */
	struct mxlb_load seen[BACKENDS + 1]; /* those that the sweeper's pass has counted */
};
void census_take(struct census *census, __u64 epoch);

void state_read(struct state *state, enum side side);
/* "name+1 name-1 ...": what `after` holds more, or less, than `before`. */
void state_diff(const struct state *before, const struct state *after, char *text, size_t len);
/* "established mx1 synack"; an empty text: there is none. */
void state_flow(enum who client, __u16 vip, char *text, size_t len);

#endif

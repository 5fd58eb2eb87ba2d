/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the packet fuzzer share: chance, the world of an episode, and one
 * packet's way through a hook with all that was seen of it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "lab.h"
#include "mxlb/reasons.h"

/* The same seed, the same numbers. */
struct chance {
	__u64 state;
};
__u64 chance_next(struct chance *chance);
/* 0 to n - 1. */
unsigned chance_below(struct chance *chance, unsigned n);
/* True in one of n cases. */
bool chance_of(struct chance *chance, unsigned n);

/* How the lab is set up for some hundred packets. */
struct world {
	enum mxlb_forward forward;
	bool is_crossed; /* tunnel: the backends' addresses are of the other family */
	bool can_split;	 /* the kernel builds frames in two buffers */
};

struct trial {
	const struct world *world;
	struct lab_run run;
	struct frame in, out;
	enum mxlb_action action; /* by the interface's counters */
	enum mxlb_reason reason; /* of a drop */
};

/* fuzz_make.c: a world, a change in it, a packet. */
void world_begin(struct world *world, struct chance *chance);
void world_disturb(struct chance *chance);
void trial_make(struct trial *trial, const struct world *world, struct chance *chance);

/* fuzz_check.c: what is wrong with what became of the packet; NULL: nothing. */
const char *trial_check(const struct trial *trial);

#endif

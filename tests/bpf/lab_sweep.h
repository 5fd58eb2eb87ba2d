/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sweeper over the lab's tables: its object, loaded at first use over the lab's pins,
 * and the steps of a pass, which are the daemon's own (user/dpmaps_sweep.c).
 */
#ifndef LAB_SWEEP_H
#define LAB_SWEEP_H

#include "lab.h"

struct dpmaps_sweep;

/* What the judgement of a pass has mended: the last of `count`. */
struct mended {
	unsigned count;
	__u32 of;
	__s64 by[3];
};

struct dpmaps_sweep *lab_sweeper(void);
/* After lab_reset: no pass has found anything yet. */
void lab_sweep_reset(void);
/* The steps of a pass. A slice takes the keys given, not those of the table. */
void lab_sweep_begin(struct mxlb_sweep_args *args);
void lab_sweep_slice(struct mxlb_sweep_args *args, const struct mxlb_flow_key *keys, unsigned n);
struct mended lab_sweep_judge(struct mxlb_sweep_args *args);
/* A whole pass over the table. */
struct mended lab_sweep(struct mxlb_sweep_args *args);

#endif

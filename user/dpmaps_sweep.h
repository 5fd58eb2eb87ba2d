/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sweeper as the daemon runs it, a slice at a time: lists the keys of `flows`, and has
 * the programs of mxlb_sweep.bpf.c do the rest in the kernel. Part of dpmaps.
 *
 * A pass is dpmaps_sweep_begin, then dpmaps_sweep_slice while it returns 1, then
 * dpmaps_sweep_judge while it returns 1; all with the same `args`, of which the caller sets
 * `now` and `timeout`. A pass that is given up does no harm: the next counts anew.
 */
#ifndef DPMAPS_SWEEP_H
#define DPMAPS_SWEEP_H

struct dpmaps;
struct dpmaps_sweep;
struct mxlb_sweep_args;

/* Borrows `maps`. */
struct dpmaps_sweep *dpmaps_sweep_new(struct dpmaps *maps);
void dpmaps_sweep_free(struct dpmaps_sweep *sweep);

/* 0, or a negative errno. */
int dpmaps_sweep_begin(struct dpmaps_sweep *sweep, struct mxlb_sweep_args *args);
/* Ages and recounts up to MXLB_SWEEP_SLICE flows. 1: there are more; 0: that was the last
 * slice; or a negative errno, and the pass is over. */
int dpmaps_sweep_slice(struct dpmaps_sweep *sweep, struct mxlb_sweep_args *args);
/* Mends what has drifted. 1: args->mended was added to the figures of backend args->judged
 * (0: to the tallies); 0: nothing more to mend; or a negative errno. */
int dpmaps_sweep_judge(struct dpmaps_sweep *sweep, struct mxlb_sweep_args *args);

#endif

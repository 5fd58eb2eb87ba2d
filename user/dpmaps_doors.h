/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `doors`, the copy of `vips` and `origins` that packets are served from: what each slot
 * holds, and in which order it changes. Pure: the kernel's array is reached through two
 * functions of the caller, which is dpmaps.
 */
#ifndef DPMAPS_DOORS_H
#define DPMAPS_DOORS_H

#include "mxlb/abi.h"

struct dp_state;
struct doors;

struct doors_ops {
	/* Writes a slot of the kernel's array. 0 or a negative errno. */
	int (*write)(__u32 slot, const struct mxlb_door *door, void *arg);
	/* Returns once no packet is under way that has read a slot before. */
	void (*wait)(void *arg);
};

/* `now` is what the array holds, MXLB_DOORS of them, and is copied. Nothing of it is relied
 * on before the first doors_fill: an earlier daemon may have been killed in mid-write. */
struct doors *doors_new(const struct doors_ops *ops, void *arg, const struct mxlb_door *now);
/* Takes NULL. */
void doors_free(struct doors *doors);

/* To be called before the endpoint's entry in `vips` or `origins` changes: from now on
 * its slot has the hashes asked. 0 or a negative errno. */
int doors_crowd(struct doors *doors, const struct mxlb_endpoint *endpoint);
/* The hashes hold what `state` does: each slot with one endpoint serves by itself again.
 * 0 or a negative errno; what failed stays with the hashes, and the next call mends it. */
int doors_fill(struct doors *doors, const struct dp_state *state);

#endif

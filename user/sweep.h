/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sweeps the flow table, again and again: ages flows, has the live ones recounted, says
 * what was mended. A pass is spread over a time, a slice at each turn of the event loop,
 * so that neither the loop nor the machine waits for a large table.
 */
#ifndef SWEEP_H
#define SWEEP_H

struct daemon;
struct sweep;

/* Begins with the first turn of the loop. */
struct sweep *sweep_new(struct daemon *daemon);
void sweep_free(struct sweep *sweep);

#endif

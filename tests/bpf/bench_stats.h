/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line of the report: one kind of packet under one hook, of one family, with so many
 * flows. Nanoseconds.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include "bench.h"

/* The median, and what lies a quarter from either end. */
struct bench_spread {
	double low, median, high;
};

struct bench_line {
	enum hook hook;
	enum mxlb_family family;
	unsigned size;
	enum bench_kind kind;
	struct bench_spread nothing, floor, mxlb; /* with all that is around them */
	struct bench_spread net_floor, net_mxlb;  /* without the prologue and a bare return */
	struct bench_spread ratio;
	struct bench_spread ratio_all; /* of mxlb to floor, nothing taken off */
	bool is_met;
};

/* What each kind is measured against. A packet of ours is by what it takes beyond `nothing`;
 * one that is not, which has no prologue, by what it takes in all. */
extern const struct bench_aim {
	const char *name;
	enum bench_stage floor;
	double limit; /* 0: none */
} bench_aims[BENCH_KINDS];

/* How many rounds there have been. */
unsigned bench_rounds(void);
/* By how much a median may be off: twice its standard error. */
double bench_margin(const struct bench_spread *spread);
void bench_line_read(struct bench_line *line, enum hook hook, enum mxlb_family family,
		     unsigned size, enum bench_kind kind);

#endif

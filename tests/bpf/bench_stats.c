/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the samples of all rounds to a line of the report. A ratio is taken within each
 * round, between runs that follow each other: what disturbs one disturbs the other.
 */
#include "bench_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct samples {
	unsigned count;
	double ns[BENCH_ROUNDS];
};

static struct samples samples[HOOKS][MXLB_FAMILIES][BENCH_SIZES][BENCH_KINDS][BENCH_STAGES];

const struct bench_aim bench_aims[BENCH_KINDS] = {
	[BENCH_REQUEST] = {"request", BENCH_FLOOR, 1.5},
	[BENCH_REPLY] = {"reply", BENCH_FLOOR, 1.5},
	[BENCH_OPENING] = {"new connection", BENCH_INSERT, 1.3},
	[BENCH_ERROR] = {"icmp error", BENCH_NOTHING, 0},
	[BENCH_OTHER_PORT] = {"tcp, elsewhere", BENCH_NOTHING, 2},
	[BENCH_OTHER_MAIL] = {"mail, elsewhere", BENCH_NOTHING, 2},
	[BENCH_UDP] = {"udp", BENCH_NOTHING, 2},
};

void bench_sample(enum hook hook, enum bench_kind kind, enum bench_stage stage, unsigned size,
		  double ns)
{
	struct samples *of = &samples[hook][lab_family][size][kind][stage];

	if (of->count == BENCH_ROUNDS)
		abort();
	of->ns[of->count++] = ns;
}

unsigned bench_rounds(void)
{
	return samples[XDP][MXLB_V4][0][BENCH_REQUEST][BENCH_MXLB].count;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct bench_spread spread_of(const struct samples *of)
{
	struct samples sorted = *of;
	struct bench_spread spread = {0, 0, 0};

	if (!of->count)
		return spread;
	qsort(sorted.ns, sorted.count, sizeof(sorted.ns[0]), compare);
	spread.low = sorted.ns[sorted.count / 4];
	spread.median = sorted.ns[sorted.count / 2];
	spread.high = sorted.ns[sorted.count * 3 / 4];
	return spread;
}

/* For a normal distribution, whose quartiles are 1.349 deviations apart. */
double bench_margin(const struct bench_spread *spread)
{
	double deviation = (spread->high - spread->low) / 1.349;

	return 2 * 1.253 * deviation / sqrt(bench_rounds());
}

/* What a stage takes of each round, without the prologue and the bare return. */
static struct samples net_of(const struct samples *stages, enum bench_stage stage)
{
	struct samples net = stages[stage];

	for (unsigned i = 0; i < net.count; i++)
		net.ns[i] -= stages[BENCH_NOTHING].ns[i];
	return net;
}

static struct samples divide(const struct samples *a, const struct samples *b)
{
	struct samples ratio = *a;

	if (!b->count)
		ratio.count = 0;
	for (unsigned i = 0; i < ratio.count; i++)
		ratio.ns[i] /= b->ns[i];
	return ratio;
}

void bench_line_read(struct bench_line *line, enum hook hook, enum mxlb_family family,
		     unsigned size, enum bench_kind kind)
{
	const struct samples *stages = samples[hook][family][size][kind];
	enum bench_stage floor = bench_aims[kind].floor;
	struct samples mxlb = net_of(stages, BENCH_MXLB), base = net_of(stages, floor);
	struct samples all = divide(&stages[BENCH_MXLB], &stages[floor]);
	struct samples net = floor == BENCH_NOTHING ? all : divide(&mxlb, &base);

	memset(line, 0, sizeof(*line));
	line->hook = hook;
	line->family = family;
	line->size = size;
	line->kind = kind;
	line->nothing = spread_of(&stages[BENCH_NOTHING]);
	line->floor = spread_of(&stages[floor]);
	line->mxlb = spread_of(&stages[BENCH_MXLB]);
	line->net_floor = spread_of(&base);
	line->net_mxlb = spread_of(&mxlb);
	line->ratio = spread_of(&net);
	line->ratio_all = spread_of(&all);
	line->is_met = !bench_aims[kind].limit || line->ratio.median <= bench_aims[kind].limit;
}

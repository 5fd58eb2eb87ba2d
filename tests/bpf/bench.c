/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one packet costs, against floors that a machine sets: a program that returns at
 * once, the least that translates, and that with one insertion. All measurements take
 * turns, so that whatever else the machine does disturbs all of them alike. A figure
 * that misses its aim is printed as missed; it is no failure.
 *
 *   run bench [--json FILE]
 */
#include "bench_stats.h"

#include <stdio.h>
#include <string.h>

static struct bench_packet packets[BENCH_KINDS];

/* Forth and back: nothing is always the first to meet what another has left. */
static void measure(enum hook hook, enum bench_kind kind, unsigned size, bool is_back)
{
	for (int i = 0; i < BENCH_STAGES; i++) {
		enum bench_stage stage = is_back ? BENCH_STAGES - 1 - i : i;

		if (stage == BENCH_NOTHING || stage == BENCH_MXLB ||
		    stage == bench_aims[kind].floor)
			bench_sample(hook, kind, stage, size,
				     bench_run(&packets[kind], hook, stage));
	}
}

/* The tables are filled for several rounds at a time. All kinds of one hook come before
 * those of the other: else the second would find the first's memory in the cache. */
static void measure_filled(enum mxlb_family family, unsigned size)
{
	bench_fill(family, bench_flows[size]);
	for (int kind = 0; kind < BENCH_KINDS; kind++)
		bench_packet_make(&packets[kind], kind, bench_flows[size]);
	for (unsigned round = 0; round < BENCH_PER_FILL; round++)
		for (int hook = 0; hook < HOOKS; hook++)
			for (int kind = 0; kind < BENCH_KINDS; kind++)
				measure(hook, kind, size, round % 2);
}

static void measure_all(void)
{
	__u64 begun = lab_now();

	for (unsigned round = 0; round < BENCH_ROUNDS; round += BENCH_PER_FILL) {
		if (round >= BENCH_LEAST && lab_now() - begun > BENCH_SECONDS * SECOND)
			return;
		for (int family = 0; family < MXLB_FAMILIES; family++)
			for (unsigned size = 0; size < BENCH_SIZES; size++)
				measure_filled(family, size);
	}
}

int bench_main(int argc, char **argv)
{
	const char *json = NULL;

	if (argc == 3 && !strcmp(argv[1], "--json")) {
		json = argv[2];
	} else if (argc != 1) {
		fprintf(stderr, "usage: run bench [--json FILE]\n");
		return 2;
	}
	bench_open();
	measure_all();
	bench_close();
	return bench_report(json);
}

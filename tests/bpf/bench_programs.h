/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs that the benchmark runs, by hook and stage. All that can go wrong ends it.
 */
#ifndef BENCH_PROGRAMS_H
#define BENCH_PROGRAMS_H

#include "bench.h"

void programs_open(void);
void programs_close(void);
/* Its descriptor; is_made: behind the prologue that makes each packet. */
int programs_get(enum hook hook, enum bench_stage stage, bool is_made);
/* What the prologue works from. */
struct bench_state *programs_state(enum hook hook);
/* The floors' tables: floor4, floor6, inserts. */
int programs_table(const char *name);

#endif

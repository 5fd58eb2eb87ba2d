/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables with so many flows: mxlb's, that of the floors, and the one that is
 * inserted into.
 */
#ifndef BENCH_TABLES_H
#define BENCH_TABLES_H

#include <stdbool.h>

#include "bench_abi.h"

void tables_open(void);
/* Takes away the connections that a stage has opened. */
void tables_forget(enum bench_stage stage);

/* bench_ground.c: prints, with errno's text, and exits unless it is fine. */
void bench_need(bool is_fine, const char *what);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one clock that services ask. Pure code gets the time as an argument instead.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t clock_now_ms(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of build/bench-load, the benchmark's own traffic: a mail server, a crowd of
 * mail clients, a source of raw frames. tools/bench_net.py runs each in a network
 * namespace of its own. All end by themselves or at SIGTERM; all die with their parent.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

/* Each takes its own arguments, name first, and returns an exit code. */
int sink_main(int argc, char **argv);
int smtp_main(int argc, char **argv);
int frames_main(int argc, char **argv);
int drop_main(int argc, char **argv);

/* Says what is wrong, on stderr, and ends the program with 1; with errno's text if that is set. */
__attribute__((noreturn, format(printf, 1, 2))) void load_die(const char *format, ...);

/* A decimal number from the command line within limits; dies otherwise. */
uint64_t load_number(const char *name, const char *text, uint64_t min, uint64_t max);

uint64_t load_now(void); /* CLOCK_MONOTONIC in nanoseconds */

#endif

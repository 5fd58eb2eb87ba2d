/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processor time by the clocks of the tasks that may have spent it: exact to the nanosecond,
 * and blind to what else runs on the machine, which /proc/stat is not. A softirq counts for
 * the task that it interrupts or follows, and a veth's runs right after the send that made
 * it; so the router's work is in these clocks.
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdint.h>

/* One more task, all its threads included; at most 4096. */
void cpu_watch(int pid);

/* Every kernel thread whose name begins so. */
void cpu_watch_kernel(const char *prefix);

/* From here on; and what all watched tasks have spent since, in nanoseconds. */
void cpu_begin(void);
uint64_t cpu_spent(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot as Prometheus text, exposition format 0.0.4. Pure. Callers: metrics
 * (HTTP) and the command `metrics`.
 */
#ifndef METRICS_TEXT_H
#define METRICS_TEXT_H

struct snapshot;

/* The whole text, to free. */
char *metrics_text(const struct snapshot *snap);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot as a status page for people: one HTML document that needs nothing else.
 * Pure. Caller: metrics.
 */
#ifndef METRICS_PAGE_H
#define METRICS_PAGE_H

struct snapshot;

/* The whole document, to free. */
char *metrics_page(const struct snapshot *snap);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metrics as tables: name, type, help, and a writer that is called for each
 * object of the scope and gives its samples. metrics_text walks; the tables stand in
 * metrics_daemon, metrics_service and metrics_backend.
 */
#ifndef METRICS_SAMPLE_H
#define METRICS_SAMPLE_H

#include <stdint.h>
#include <stdio.h>

#include "snapshot.h"

enum metric_scope {
	METRIC_DAEMON,
	METRIC_INTERFACE,
	METRIC_SERVICE,
	METRIC_SERVICE_FAMILY, /* that it has a VIP of */
	METRIC_BACKEND,
	METRIC_BACKEND_FAMILY, /* that it has an address of */
};

/* Where the walk is. What the scope does not have is NULL. */
struct sample {
	FILE *out;
	const struct metric *metric;
	const char *suffix; /* of the name, for the parts of a histogram */
	const struct snapshot *snap;
	const struct snapshot_interface *interface;
	const struct snapshot_service *service;
	const struct snapshot_backend *backend;
	enum mxlb_family family;
};

struct metric {
	const char *name, *type, *help;
	enum metric_scope scope;
	void (*write)(const struct sample *at);
};

/* Tables end with a metric without a name. */
extern const struct metric metrics_daemon[];
extern const struct metric metrics_service[];
extern const struct metric metrics_backend[];

/* One line. The scope's labels come by themselves; `key` (may be NULL) is one more. */
void sample_count(const struct sample *at, const char *key, const char *value, uint64_t count);
void sample_real(const struct sample *at, const char *key, const char *value, double real);

#endif

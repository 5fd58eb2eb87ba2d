/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend is judged: schedule -> probe -> verdict -> model -> plan -> maps. Owns a
 * timer and at most one probe in flight for each backend address.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdint.h>

#include "model.h"

struct daemon;
struct health;
struct probe_result;

/* Probe counts of one backend address, for metrics. Bounds are those of
 * health_buckets; the last bucket is +Inf. */
#define HEALTH_BUCKETS 12
extern const double health_buckets[HEALTH_BUCKETS - 1]; /* seconds */
struct health_histogram {
	uint64_t bucket[HEALTH_BUCKETS];
	double sum;
	uint64_t count;
};
struct health_stats {
	uint64_t attempts[HEALTH_REASON_COUNT];
	uint64_t changes[HEALTH_STATE_COUNT]; /* entered states */
	struct health_histogram duration, greeting;
};

int health_new(struct daemon *daemon, struct health **health);
void health_free(struct health *health);
/* The model was replaced: starts and stops schedules, keeps those that go on. */
void health_sync(struct health *health);
/* Never NULL for an existing leg after health_sync; else NULL. */
const struct health_stats *health_stats(const struct health *health,
					const struct model_backend *backend,
					enum mxlb_family family);

#endif

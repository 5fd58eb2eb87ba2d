/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend is judged: schedule -> probe -> verdict -> model -> plan -> maps. Owns a
 * timer and at most one probe in flight for each backend address.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"

struct daemon;
struct health;
struct probe_result;

/* Upper bounds, in seconds, of the buckets in struct mxlb_probe_count; the last one has
 * none. */
extern const double health_buckets[MXLB_PROBE_BUCKETS - 1];

int health_new(struct daemon *daemon, struct health **health);
void health_free(struct health *health);
/* The model was replaced: starts and stops schedules, keeps those that go on. */
void health_sync(struct health *health);
/* Is a probe that has connected from `local` on the forwarded path to that VIP (id; 0: it
 * need not be)? */
bool health_probe_is_on_way(struct daemon *daemon, uint32_t vip, const struct mxlb_endpoint *local);
/* Counts of one address: never NULL for a leg of the backend's own after health_sync; else
 * NULL. */
const struct mxlb_probe_count *health_count(const struct health *health,
					    const struct model_backend *backend,
					    enum mxlb_family family);

#endif

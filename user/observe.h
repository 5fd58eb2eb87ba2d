/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Something is seen: counters and ring buffer -> snapshot -> metrics, events,
 * connection log. Reads the maps through dpmaps and changes nothing. Callers:
 * mxlbd (start and end), ctl and metrics (snapshots).
 */
#ifndef OBSERVE_H
#define OBSERVE_H

struct daemon;
struct observe;
struct snapshot;

/* Waits for the data path's events from now on. 0 or a negative errno. */
int observe_new(struct daemon *daemon, struct observe **observe);
/* Takes NULL. */
void observe_free(struct observe *observe);

/* Collects all counters now; what can't be read is 0. To free by snapshot_free, before
 * the model may change. */
void observe_snapshot(const struct daemon *daemon, struct snapshot *snap);
void snapshot_free(struct snapshot *snap);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metrics listeners: GET /metrics, /healthz and /, for Prometheus and for people.
 * Adapter of evhttp. What is said there is made by metrics_text and metrics_page.
 */
#ifndef METRICS_H
#define METRICS_H

struct daemon;
struct metrics;

/* Listens on the config's metrics.listen, which may be nothing. Logs why not; a
 * negative errno. daemon->model must be there. */
int metrics_new(struct daemon *daemon, struct metrics **metrics);
/* The config was replaced: opens what is new, then closes what is gone. What can't be
 * opened is a warning, and then the old listeners stay too. Takes NULL. */
void metrics_sync(struct metrics *metrics);
/* Takes NULL. */
void metrics_free(struct metrics *metrics);

#endif

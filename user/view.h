/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is so at run time as the JSON documents of INTERFACES.md, section 4. Pure:
 * all that is shown comes from the arguments. Each returns a new reference; NULL for
 * want of memory. Callers: the commands of ctl.
 */
#ifndef VIEW_H
#define VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "mxlb/abi.h"

struct conf;
struct conf_changes;
struct model;
struct model_backend;
struct probe_result;
struct snapshot;
struct snapshot_backend;
struct snapshot_service;

json_t *view_status(const struct snapshot *snap);
json_t *view_services(const struct snapshot *snap);
json_t *view_service(const struct snapshot_service *service);
json_t *view_backend(const struct snapshot_backend *backend);
/* No service is degraded or down. */
bool view_is_well(const struct snapshot *snap);

/* Writes the document as text. `now_ns` is CLOCK_MONOTONIC's, as the flow's own times. */
void view_flow(FILE *out, const struct model *model, const struct mxlb_flow_key *key,
	       const struct mxlb_flow *flow, uint64_t now_ns);
const char *view_flow_state(uint32_t state);

json_t *view_probe(const struct model_backend *backend, enum mxlb_family family,
		   const struct probe_result *result);

/* The whole configuration with its defaults, keys as in the file. */
json_t *view_conf(const struct conf *conf);
json_t *view_changes(const struct conf_changes *changes, bool needs_restart);

/* RFC 3339 in UTC; null for 0. */
json_t *view_time(time_t time);
/* A string whatever the bytes: what is not UTF-8 becomes '?'. */
json_t *view_text(const char *text);
/* "192.0.2.1:25" of an address and a port in host order. */
json_t *view_endpoint(const struct mxlb_addr *addr, unsigned port);

#endif

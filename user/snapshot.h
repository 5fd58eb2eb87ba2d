/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that there is to see at one moment: the model, borrowed, with the counters of
 * its parts beside it. Filled by observe, read by the views and the metrics, which
 * therefore ask no one else. Valid until the loop goes on.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "dataplane.h"
#include "health.h"
#include "mxlb/abi.h"
#include "mxlb/reasons.h"

struct snapshot_backend {
	const struct model_backend *backend;
	struct mxlb_backend_count count[MXLB_FAMILIES];
	struct mxlb_load load;
	const struct mxlb_probe_count *stats[MXLB_FAMILIES]; /* NULL: nothing probed yet */
};

struct snapshot_service {
	const struct model_service *service;
	struct mxlb_service_count count[MXLB_FAMILIES];
	struct snapshot_backend *backends; /* as many as the model's, in its order */
};

struct snapshot_interface {
	const struct dataplane_interface *interface;
	struct mxlb_interface_count count;
};

struct snapshot {
	const struct model *model;
	double uptime_seconds;
	const char *config_path;
	time_t config_loaded;
	bool config_ok;
	struct mxlb_tallies tallies;
	__u64 drops[MXLB_REASON_COUNT];
	struct snapshot_service *services; /* as many as the model's, in its order */
	struct snapshot_interface *interfaces;
	size_t n_interfaces;
};

#endif

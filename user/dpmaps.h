/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only module that writes (and reads) BPF maps: carries out plan steps, sums
 * counters, walks flows. Adapter of libbpf's map calls; file descriptors come from
 * dataplane. Maps about interfaces are in dpmaps_links.h, the sweeper in dpmaps_sweep.h.
 */
#ifndef DPMAPS_H
#define DPMAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "mxlb/abi.h"
#include "mxlb/event.h"

struct dpmaps;
struct dp_state;
struct plan;

/* Descriptors of the loaded maps, borrowed; all must be valid. */
struct dpmaps_fds {
	int doors, door_bits, vips, vip_endpoints, services, backends, origins, rings,
		standby_rings, flows;
	int backend_load, tallies, settings, devices, ports, vlans, names;
	int service_counts, backend_counts, drops, interface_counts, probe_counts, events,
		probe_flows;
	int sweep_begin, sweep_slice, sweep_judge; /* programs */
	int sweep_keys;
};

/* 0, or a negative errno. */
int dpmaps_new(const struct dpmaps_fds *fds, struct dpmaps **maps);
void dpmaps_free(struct dpmaps *maps);

/* Carries out all steps in order, and has `doors` follow them; `want` is the state that they
 * index. 0, or a negative errno with *what naming the step that failed (static text). */
int dpmaps_apply(struct dpmaps *maps, const struct plan *plan, const struct dp_state *want,
		 const char **what);
/* What the pinned maps hold, for an adopting start; rings are left unknown. */
void dpmaps_read(struct dpmaps *maps, struct dp_state *state);

/* Sums over all processors; 0 or a negative errno. */
int dpmaps_service_count(struct dpmaps *maps, uint32_t service, enum mxlb_family family,
			 struct mxlb_service_count *sum);
int dpmaps_backend_count(struct dpmaps *maps, uint32_t backend, enum mxlb_family family,
			 struct mxlb_backend_count *sum);
int dpmaps_drops(struct dpmaps *maps, __u32 reason, __u64 *sum);
int dpmaps_interface_count(struct dpmaps *maps, unsigned ifindex, struct mxlb_interface_count *sum);
/* Probe counts outlive the daemon; none kept yet: zeros. */
int dpmaps_probe_count(struct dpmaps *maps, uint32_t backend, enum mxlb_family family,
		       struct mxlb_probe_count *count);
int dpmaps_probe_count_set(struct dpmaps *maps, uint32_t backend, enum mxlb_family family,
			   const struct mxlb_probe_count *count);
/* Has the egress filter put this probe on the forwarded path? */
bool dpmaps_probe_is_on_way(struct dpmaps *maps, const struct mxlb_flow_key *key);
int dpmaps_load(struct dpmaps *maps, uint32_t backend, struct mxlb_load *load);
int dpmaps_tallies(struct dpmaps *maps, struct mxlb_tallies *tallies);
/* Bumps the hop generation: every cached next hop is asked for anew. */
int dpmaps_hops_changed(struct dpmaps *maps);
int dpmaps_set_limits(struct dpmaps *maps, uint32_t half_open_max, uint32_t flows_max);

/* Calls fn for each flow until it returns false. The walk is not a snapshot: flows
 * that come or go meanwhile may be missed. 0 or a negative errno. */
typedef bool (*dpmaps_flow_fn)(const struct mxlb_flow_key *key, const struct mxlb_flow *flow,
			       void *arg);
int dpmaps_flows(struct dpmaps *maps, dpmaps_flow_fn fn, void *arg);
/* Copies all flows from another table (a restart with another flows.max). */
int dpmaps_flows_copy(int from_fd, struct dpmaps *to, unsigned *lost);

/* The ring buffer of events: a descriptor to wait on, and a call to drain it. */
int dpmaps_events_fd(struct dpmaps *maps);
typedef void (*dpmaps_event_fn)(const struct mxlb_event *event, void *arg);
int dpmaps_events_drain(struct dpmaps *maps, dpmaps_event_fn fn, void *arg);

#endif

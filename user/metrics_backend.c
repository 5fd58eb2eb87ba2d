/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics of backends and of the probes that judge them.
 */
#include "metrics_sample.h"

static const char *const directions[MXLB_DIRECTIONS] = {[MXLB_IN] = "in", [MXLB_OUT] = "out"};

static const struct mxlb_backend_count *count_of(const struct sample *at)
{
	return &at->backend->count[at->family];
}

/* Where nothing has been probed yet, all is 0. */
static const struct mxlb_probe_count *stats_of(const struct sample *at, enum mxlb_family family)
{
	static const struct mxlb_probe_count none;
	const struct mxlb_probe_count *stats = at->backend->stats[family];

	return stats ? stats : &none;
}

static void up(const struct sample *at)
{
	const struct model_leg *leg = &at->backend->backend->leg[at->family];

	sample_count(at, NULL, NULL, leg->verdict.state == HEALTH_UP);
}

static void connections_total(const struct sample *at)
{
	sample_count(at, NULL, NULL, count_of(at)->connections);
}

static void connections(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->backend->load.open[at->family]);
}

static void connections_limit(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->backend->backend->conf.max_connections);
}

static void weight(const struct sample *at)
{
	sample_count(at, "kind", "configured", at->backend->backend->conf.weight);
	sample_count(at, "kind", "effective", at->backend->backend->weight_effective);
}

static void bytes(const struct sample *at)
{
	for (int direction = 0; direction < MXLB_DIRECTIONS; direction++)
		sample_count(at, "direction", directions[direction],
			     count_of(at)->bytes[direction]);
}

static void packets(const struct sample *at)
{
	for (int direction = 0; direction < MXLB_DIRECTIONS; direction++)
		sample_count(at, "direction", directions[direction],
			     count_of(at)->packets[direction]);
}

static void state_changes(const struct sample *at)
{
	for (int state = 0; state < HEALTH_STATE_COUNT; state++)
		sample_count(at, "to", health_state_name(state),
			     stats_of(at, MXLB_V4)->changes[state] +
				     stats_of(at, MXLB_V6)->changes[state]);
}

static void sessions_ended(const struct sample *at)
{
	static const char *const ends[MXLB_FLOW_ENDS] = {
		[MXLB_END_FIN] = "fin",
		[MXLB_END_CLIENT_RESET] = "client_reset",
		[MXLB_END_BACKEND_RESET] = "backend_reset",
		[MXLB_END_IDLE] = "idle",
		[MXLB_END_LB_RESET] = "lb_reset",
	};
	const struct mxlb_backend_count *count = at->backend->count;

	for (int end = 0; end < MXLB_FLOW_ENDS; end++)
		sample_count(at, "how", ends[end],
			     count[MXLB_V4].ended[end] + count[MXLB_V6].ended[end]);
}

static void probe_attempts(const struct sample *at)
{
	for (int reason = 0; reason < HEALTH_REASON_COUNT; reason++)
		sample_count(at, "reason", health_reason_name(reason),
			     stats_of(at, at->family)->attempts[reason]);
}

/* Prometheus' buckets hold all that is not above their bound. */
static void histogram(const struct sample *at, const struct mxlb_probe_histogram *values)
{
	struct sample part = *at;
	uint64_t below = 0;
	char bound[32];

	part.suffix = "_bucket";
	for (int i = 0; i < MXLB_PROBE_BUCKETS; i++) {
		below += values->bucket[i];
		if (i < MXLB_PROBE_BUCKETS - 1)
			(void)snprintf(bound, sizeof(bound), "%g", health_buckets[i]);
		sample_count(&part, "le", i < MXLB_PROBE_BUCKETS - 1 ? bound : "+Inf", below);
	}
	part.suffix = "_sum";
	sample_real(&part, NULL, NULL, values->sum / 1e9);
	part.suffix = "_count";
	sample_count(&part, NULL, NULL, values->count);
}

static void probe_duration(const struct sample *at)
{
	histogram(at, &stats_of(at, at->family)->duration);
}

static void probe_greeting(const struct sample *at)
{
	histogram(at, &stats_of(at, at->family)->greeting);
}

const struct metric metrics_backend[] = {
	{"mxlb_backend_up", "gauge", "Whether health judges the address good.",
	 METRIC_BACKEND_FAMILY, up},
	{"mxlb_backend_connections_total", "counter", "Connections with a completed handshake.",
	 METRIC_BACKEND_FAMILY, connections_total},
	{"mxlb_backend_connections", "gauge", "Open connections.", METRIC_BACKEND_FAMILY,
	 connections},
	{"mxlb_backend_connections_limit", "gauge",
	 "How many connections the backend takes at once; 0: no limit.", METRIC_BACKEND,
	 connections_limit},
	{"mxlb_backend_weight", "gauge",
	 "Share of new connections: as configured, and as it is now.", METRIC_BACKEND, weight},
	{"mxlb_backend_bytes_total", "counter", "IP bytes to (in) and from (out) the backend.",
	 METRIC_BACKEND_FAMILY, bytes},
	{"mxlb_backend_packets_total", "counter", "Packets to (in) and from (out) the backend.",
	 METRIC_BACKEND_FAMILY, packets},
	{"mxlb_backend_state_changes_total", "counter",
	 "How often an address of the backend entered a state.", METRIC_BACKEND, state_changes},
	{"mxlb_backend_sessions_ended_total", "counter", "Connections ended, by how.",
	 METRIC_BACKEND, sessions_ended},
	{"mxlb_probe_attempts_total", "counter", "Probes, by outcome.", METRIC_BACKEND_FAMILY,
	 probe_attempts},
	{"mxlb_probe_duration_seconds", "histogram", "How long probes took.", METRIC_BACKEND_FAMILY,
	 probe_duration},
	{"mxlb_probe_greeting_seconds", "histogram", "How long probes waited for the greeting.",
	 METRIC_BACKEND_FAMILY, probe_greeting},
	{0},
};

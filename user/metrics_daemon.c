/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics of the daemon, its interfaces and the flow table.
 */
#include "metrics_sample.h"

static void build_info(const struct sample *at)
{
	sample_count(at, "version", MXLB_VERSION, 1);
}

static void reload_successful(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->snap->config_ok);
}

static void reload_timestamp(const struct sample *at)
{
	sample_count(at, NULL, NULL, (uint64_t)at->snap->config_loaded);
}

/* TC stands behind XDP on each interface. */
static void attached(const struct sample *at)
{
	const struct dataplane_interface *interface = at->interface->interface;

	if (interface->datapath != CONF_DATAPATH_TC)
		sample_count(at, "mode", conf_datapath_name(interface->datapath),
			     interface->ifindex != 0);
	sample_count(at, "mode", conf_datapath_name(CONF_DATAPATH_TC), interface->ifindex != 0);
}

static void packets(const struct sample *at)
{
	static const char *const names[MXLB_ACTIONS] = {
		[MXLB_ACTION_PASS] = "pass",
		[MXLB_ACTION_REDIRECT] = "redirect",
		[MXLB_ACTION_TX] = "tx",
		[MXLB_ACTION_DROP] = "drop",
	};

	for (int action = 0; action < MXLB_ACTIONS; action++)
		sample_count(at, "action", names[action], at->interface->count.packets[action]);
}

static void dropped(const struct sample *at)
{
	static const char *const names[MXLB_REASON_COUNT] = {
#define REASON_NAME(id, name, text) name,
		MXLB_REASONS(REASON_NAME)
#undef REASON_NAME
	};

	for (int reason = MXLB_REASON_NONE + 1; reason < MXLB_REASON_COUNT; reason++)
		sample_count(at, "reason", names[reason], at->snap->drops[reason]);
}

static void flows(const struct sample *at)
{
	sample_count(at, "table", "established", at->snap->tallies.established);
	sample_count(at, "table", "half_open", at->snap->tallies.half_open);
}

static void entries(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->snap->tallies.entries);
}

static void flows_max(const struct sample *at)
{
	sample_count(at, "table", "established", at->snap->model->conf->flows.max);
	sample_count(at, "table", "half_open", at->snap->model->conf->flows.half_open);
}

static void table_full(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->snap->tallies.table_full);
}

static void adopted(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->snap->tallies.adopted);
}

static void events_lost(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->snap->tallies.events_lost);
}

const struct metric metrics_daemon[] = {
	{"mxlb_build_info", "gauge", "Always 1; the version is in the label.", METRIC_DAEMON,
	 build_info},
	{"mxlb_config_last_reload_successful", "gauge",
	 "Whether the last attempt to load the configuration succeeded.", METRIC_DAEMON,
	 reload_successful},
	{"mxlb_config_last_reload_success_timestamp_seconds", "gauge",
	 "When the configuration in force was loaded.", METRIC_DAEMON, reload_timestamp},
	{"mxlb_interface_attached", "gauge",
	 "Whether a program is attached to the interface, for each hook in use.", METRIC_INTERFACE,
	 attached},
	{"mxlb_packets_total", "counter", "Packets seen, by what was done with them.",
	 METRIC_INTERFACE, packets},
	{"mxlb_dropped_packets_total", "counter", "Packets of ours dropped, by reason.",
	 METRIC_DAEMON, dropped},
	{"mxlb_flows", "gauge", "Tracked connections.", METRIC_DAEMON, flows},
	{"mxlb_flows_max", "gauge", "How many connections can be tracked.", METRIC_DAEMON,
	 flows_max},
	{"mxlb_flow_table_entries", "gauge",
	 "Entries of the flow table, those of connections that are closing included.",
	 METRIC_DAEMON, entries},
	{"mxlb_flow_table_full_total", "counter",
	 "New connections served without a flow, for want of room.", METRIC_DAEMON, table_full},
	{"mxlb_flows_adopted_total", "counter", "Connections met in their middle and taken over.",
	 METRIC_DAEMON, adopted},
	{"mxlb_events_lost_total", "counter",
	 "Events that the data path could not hand to the daemon.", METRIC_DAEMON, events_lost},
	{0},
};

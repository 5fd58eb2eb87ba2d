/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map: who writes it, who reads it, what happens when it is full. Layouts
 * are in mxlb/abi.h. Nearly all are pinned by name, so that the XDP, TC and sweeper
 * objects, and the next daemon, share them.
 */
#ifndef MAPS_H
#define MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "mxlb/abi.h"
#include "mxlb/event.h"
#include "mxlb/knobs.h"
#include "mxlb/reasons.h"

const volatile struct mxlb_knobs knobs = MXLB_KNOBS_DEFAULT;

/* The only test that a packet is ours. Daemon writes; full: the daemon's config
 * check has refused it before. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MXLB_MAX_VIPS);
	__type(key, struct mxlb_endpoint);
	__type(value, struct mxlb_vip);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} vips SEC(".maps");

/* Where a reply must seem to come from. Daemon writes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXLB_MAX_VIPS + 1);
	__type(key, __u32);
	__type(value, struct mxlb_endpoint);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} vip_endpoints SEC(".maps");

/* Policy of each service. Daemon writes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXLB_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct mxlb_service);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} services SEC(".maps");

/* Backends by id. Daemon writes, in an order that never leaves a service empty. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXLB_MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct mxlb_backend);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} backends SEC(".maps");

/* Recognises replies. Daemon writes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MXLB_MAX_BACKENDS *MXLB_FAMILIES);
	__type(key, struct mxlb_endpoint);
	__type(value, struct mxlb_origin);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} origins SEC(".maps");

/* The inner map of both ring tables; its size may differ from ring to ring. */
struct ring {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, MXLB_RING_DEFAULT + 1);
	__type(key, __u32);
	__type(value, __u32);
};

/* The serving tier of each service and family. Daemon swaps whole rings. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MXLB_MAX_SERVICES *MXLB_FAMILIES);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct ring);
} rings SEC(".maps");

/* The next tier: taken by the data path before the controller has noticed. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MXLB_MAX_SERVICES *MXLB_FAMILIES);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct ring);
} standby_rings SEC(".maps");

/* Connections. The data path inserts, the sweeper deletes. A plain hash, so that
 * nothing is ever evicted: when full, a SYN is served without a flow. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct mxlb_flow_key);
	__type(value, struct mxlb_flow);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} flows SEC(".maps");

/* Where a new flow is put together: the stack has no room for it. Per CPU, and both
 * hooks run in softirq, so nobody else writes to it meanwhile. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxlb_flow);
} scratch SEC(".maps");

/* Live flows per backend: atomic, not per CPU, since limits need the true sum. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXLB_MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct mxlb_load);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} backend_load SEC(".maps");

/* Totals the data path changes; apart from `settings`, which every packet reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxlb_tallies);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} tallies SEC(".maps");

/* What the daemon tells the data path while it runs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxlb_settings);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} settings SEC(".maps");

/* Interfaces that XDP may redirect to: those that mxlbd has attached in native or
 * generic XDP. A packet for any other is left to TC. Not pinned: libbpf 1.1 can't
 * reuse a devmap (the kernel adds a flag of its own), and each daemon fills its own. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

/* Names of ids, for a daemon that adopts. No packet reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MXLB_MAX_BACKENDS + MXLB_MAX_SERVICES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mxlb_name_key);
	__type(value, struct mxlb_name);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} names SEC(".maps");

/* Counters of the daemon's probes, kept here to outlive it. No packet reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MXLB_MAX_BACKENDS *MXLB_FAMILIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct mxlb_probe_count);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} probe_counts SEC(".maps");

/* Counters per CPU: the data path adds, the daemon sums. Never reset. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MXLB_MAX_SERVICES *MXLB_FAMILIES);
	__type(key, __u32);
	__type(value, struct mxlb_service_count);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} service_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MXLB_MAX_BACKENDS *MXLB_FAMILIES);
	__type(key, __u32);
	__type(value, struct mxlb_backend_count);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} backend_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MXLB_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MXLB_IFINDEX_SLOTS);
	__type(key, __u32);
	__type(value, struct mxlb_interface_count);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} interface_counts SEC(".maps");

/* To the daemon. Lossy: when full, tallies.events_lost goes up. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

static __always_inline struct mxlb_tallies *tallies_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&tallies, &zero);
}

#endif

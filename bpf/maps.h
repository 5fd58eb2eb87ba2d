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

/* What most packets ask: is one of its ends a VIP, or a backend? A copy of `vips` and
 * `origins`. Daemon writes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXLB_DOORS);
	__type(key, __u32);
	__type(value, struct mxlb_door);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} doors SEC(".maps");

/* Which doors there are, a bit each: two kilobytes that stay in the processor's nearest
 * cache, while clients' addresses fall all over `doors`. Daemon writes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXLB_DOORS / 64);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} door_bits SEC(".maps");

/* The only test that a packet is ours, where `doors` is crowded. Daemon writes; full: the daemon's
 * config check has refused it before. */
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

/* The next hop to each backend, for new connections. Per CPU: never read half written. */
struct backend_hop {
	struct mxlb_hop hop;
	__u32 from; /* ifindex that the packet came in by: rules may ask for it */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MXLB_MAX_BACKENDS *MXLB_FAMILIES);
	__type(key, __u32);
	__type(value, struct backend_hop);
} backend_hops SEC(".maps");

/* Where headers are put together: the stack has no room. Orders for the global functions
 * that do it stand here as well. */
struct answer_room {
	struct mxlb_addr src, dst;
	__u32 is_v6;
	__u32 l3, l4; /* offsets in the packet that it is about */
	__u32 type;
	__u32 mtu;	    /* 0: time exceeded */
	__u32 second, used; /* how many this processor has sent lately */
	__u8 quote[256];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer_room);
} answer_rooms SEC(".maps");

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

/* Own MAC address of each attached interface, for XDP. Daemon writes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXLB_IFINDEX_SLOTS);
	__type(key, __u32);
	__type(value, struct mxlb_port);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ports SEC(".maps");

/* Tags that a VLAN device takes. Only tagged frames ask. Daemon writes; full: the tags left
 * out are looked through, like those of no device. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MXLB_MAX_VLANS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mxlb_vlan);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} vlans SEC(".maps");

/* What a first fragment has told of those that follow. The data path inserts; LRU, since
 * mail sends no fragments: those of a flood push each other out. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct mxlb_fragment_key);
	__type(value, struct mxlb_fragment);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} fragments SEC(".maps");

/* Probes on the forwarded path. The TC program inserts as they leave; LRU: one that is
 * pushed out fails, and there are fewer probes at a time than places. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct mxlb_flow_key);
	__type(value, struct mxlb_endpoint);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} probe_flows SEC(".maps");

/* The sweeper's own count of live flows per backend. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXLB_MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct mxlb_recount);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} recounts SEC(".maps");

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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout of every BPF map: what kernel and user space share. No functions.
 * Padding is explicit and zero; sizes are asserted at the end, for both sides.
 * Addresses are 16 bytes, v4-mapped (RFC 4291, 2.5.5.2) for IPv4; `__be` types
 * are network byte order, all else is the host's. Times are CLOCK_MONOTONIC in
 * nanoseconds. Any change of a layout raises MXLB_ABI.
 */
#ifndef MXLB_ABI_H
#define MXLB_ABI_H

#include <linux/types.h>

#define MXLB_ABI 2

#define MXLB_MAX_SERVICES	      256
#define MXLB_MAX_VIPS_PER_SERVICE     16
#define MXLB_MAX_VIPS		      (MXLB_MAX_SERVICES * MXLB_MAX_VIPS_PER_SERVICE)
#define MXLB_MAX_BACKENDS_PER_SERVICE 512
/* Per-CPU counters are sized by this; 16 of the largest services fit. */
#define MXLB_MAX_BACKENDS    8192
#define MXLB_MAX_ORIGIN_VIPS 8
/* Interface counters are an array indexed by ifindex modulo this: a hash would
 * cost each packet a look-up. mxlbd warns when two of its interfaces collide. */
#define MXLB_IFINDEX_SLOTS 1024
#define MXLB_NAME_MAX	   320
/* A tick is 2^20 ns, about a millisecond: times that each packet writes or reads are kept
 * in 32 bits of these, which go round in 52 days. Compare differences only. */
#define MXLB_TICK_SHIFT 20

/* The index of a family's part in every pair of this file. */
enum mxlb_family { MXLB_V4, MXLB_V6, MXLB_FAMILIES };

struct mxlb_addr {
	union {
		__u8 b[16];
		__be32 w[4];
	};
};

/* An address with a port: key of `vips` and `origins`. */
struct mxlb_endpoint {
	struct mxlb_addr addr;
	__be16 port;
	__u16 zero;
};

/* vips: endpoint -> this. */
struct mxlb_vip {
	__u16 id; /* 1 to MXLB_MAX_VIPS */
	__u16 service;
	__u8 is_leaving; /* out of the config: keeps its flows, gets no new ones */
	__u8 zero[3];
};

enum mxlb_scheduler { MXLB_SOURCE, MXLB_ROUND_ROBIN, MXLB_RANDOM, MXLB_LEAST_CONNECTIONS };
enum mxlb_forward { MXLB_NAT, MXLB_DSR, MXLB_TUNNEL };
enum mxlb_unavailable { MXLB_RESET, MXLB_DROP };

/* vip_endpoints: vip id -> struct mxlb_endpoint; the way back from an id. */

/* services: id -> this. A zeroed record is "no service". */
struct mxlb_service {
	__u8 exists;
	__u8 scheduler;	  /* enum mxlb_scheduler */
	__u8 forward;	  /* enum mxlb_forward */
	__u8 unavailable; /* enum mxlb_unavailable */
	__u32 hash_seed;
	struct mxlb_addr mask[MXLB_FAMILIES]; /* affinity prefix, over the v4-mapped form */
};

/* Whether a backend's address may get new connections. */
enum mxlb_leg_state {
	MXLB_LEG_ABSENT, /* no address of this family */
	MXLB_LEG_UP,
	MXLB_LEG_DOWN,	  /* judged bad by health */
	MXLB_LEG_WITHHELD /* wanted so: drain, maint, weight 0, removed, hold-down */
};

/* What serves the clients of one family. In tunnel mode its address may be of the other. */
struct mxlb_leg {
	struct mxlb_addr addr;
	__be16 port;
	__u8 state;		 /* enum mxlb_leg_state: what the data path obeys */
	__u8 judged;		 /* enum mxlb_leg_state: health's own view, for an adopting start */
	struct mxlb_addr source; /* tunnel: the router's own address on the way there */
};

/* backends: id -> this. Ids are stable across reload and restart; 0 is none. */
struct mxlb_backend {
	__u8 exists;
	__u8 forward; /* enum mxlb_forward: its service's */
	__u16 service;
	__u32 max_connections; /* 0: no limit; over both families */
	__u32 weight;	       /* effective; for least-connections, the ring has its own copy */
	struct mxlb_leg leg[MXLB_FAMILIES];
};

/* origins: a backend's endpoint -> the VIPs that it answers for. Unused slots are
 * zero and come last. The same address may serve several services, hence pairs. */
struct mxlb_origin {
	struct {
		__u16 vip;
		__u16 backend;
	} of[MXLB_MAX_ORIGIN_VIPS];
};

/* doors: a copy of `vips` and `origins` that most packets are served from, since an array is
 * read in place where a hash is a call. The index is mxlb_door() of mxlb/hash.h. A slot that
 * two endpoints share is crowded: there the hashes are asked. The kernel copies an array's
 * value byte by byte, so a writer sets `kind` to crowded first, then the rest, then `kind`. */
#define MXLB_DOORS 16384
enum mxlb_door_kind { MXLB_DOOR_NONE, MXLB_DOOR_VIP, MXLB_DOOR_ORIGIN, MXLB_DOOR_CROWDED };
struct mxlb_door {
	struct mxlb_endpoint key;
	__u32 kind; /* enum mxlb_door_kind */
	union {
		struct mxlb_vip vip;
		struct mxlb_origin origin;
	};
	__u8 zero[8];
};

/* door_bits: a bit for each slot of `doors`, 64 a value: is anything in it? Set before the slot
 * is filled, cleared after it is empty. */

/* ports: ifindex % MXLB_IFINDEX_SLOTS -> an interface that mxlb is attached to. XDP opens no
 * connection for a frame that is to another MAC address. */
struct mxlb_port {
	__u32 ifindex;
	__u8 mac[6];
	__u8 zero[2];
};

/* vlans: a tag that an interface's VLAN device (eth0.25) takes -> that device's ifindex. Such
 * frames are left to the device; other tags are looked through, and kept. */
#define MXLB_MAX_VLANS 4096
struct mxlb_vlan {
	__u32 ifindex; /* of the interface below */
	__u16 id;
	__be16 proto; /* ETH_P_8021Q or ETH_P_8021AD */
};

/* rings, standby_rings: service * MXLB_FAMILIES + family -> inner array of __u32.
 * Index 0 holds the number of slots, slot i stands at index i + 1: size and
 * content are swapped as one. A missing ring means that the tier is empty. */
#define MXLB_RING_DEFAULT 16381

/* names: (kind, id) -> name. Not read by packets: it lets a restarted daemon
 * tell which service and backend the ids in the pinned maps belong to. */
enum mxlb_name_kind { MXLB_NAME_SERVICE = 1, MXLB_NAME_BACKEND };
struct mxlb_name_key {
	__u32 kind;
	__u32 id;
};
struct mxlb_name {
	char text[MXLB_NAME_MAX]; /* NUL-terminated; a backend's is "service/backend" */
};

/* flows: one entry per connection, for both directions. The key is laid out as the client's
 * endpoint, with the VIP's id in the place of its zero. */
struct mxlb_flow_key {
	struct mxlb_addr client;
	__be16 client_port;
	__u16 vip;
};

/* A flow that was met in mid-connection is half-open until its backend has answered. */
enum mxlb_flow_state { MXLB_FLOW_HALF_OPEN, MXLB_FLOW_ESTABLISHED, MXLB_FLOW_CLOSING };

enum mxlb_direction { MXLB_IN, MXLB_OUT, MXLB_DIRECTIONS }; /* to the backend, to the client */

/* Of one side of a flow. */
#define MXLB_SIDE_SYN	  0x01u /* SYN seen: from the backend, its SYN-ACK */
#define MXLB_SIDE_FIN	  0x02u
#define MXLB_SIDE_RST	  0x04u
#define MXLB_SIDE_SEEN	  0x08u /* `end` and `acked` are known */
#define MXLB_SIDE_WHOLE	  0x10u /* XDP has seen a right checksum: it may change packets */
#define MXLB_SIDE_ADOPTED 0x20u /* the client's: met in mid-connection */

/* A cached next hop. Stale once the tick `until` has passed or `generation` has moved on. */
struct mxlb_hop {
	__u32 until; /* tick; 0: empty */
	__u32 ifindex;
	__u16 generation : 15; /* the low bits of settings.hop_generation */
	__u16 by_xdp : 1;      /* XDP has found that it may send there */
	__u16 mtu;	       /* 0: unknown */
	__u8 dst[6];
	__u8 src[6];
};

struct mxlb_side {
	__u32 flags; /* MXLB_SIDE_*; set atomically */
	__u32 end;   /* sequence number after the last byte sent */
	__u32 acked; /* the last acknowledgement sent */
	struct mxlb_hop hop;
};

/* Ordered by what packets touch: with the table's own header of 48 bytes and the key, one
 * to the backend stays within two cache lines, one to the client within three. */
struct mxlb_flow {
	__u64 bytes_in; /* IP lengths */
	__u32 seen;	/* tick of the last packet */
	__u32 state;	/* enum mxlb_flow_state; changed by compare-and-swap only */
	__u16 backend;
	__u16 service;
	struct mxlb_side side[MXLB_DIRECTIONS];
	__u32 epoch; /* tallies.epoch of the pass that has counted it */
	__u64 bytes_out;
	__u64 created;	  /* ns */
	__u32 client_isn; /* sequence number of the SYN; 0 when adopted */
	__u32 server_isn; /* of the SYN-ACK, once seen */
};

/* backend_load: id -> live flows (half-open and established). */
struct mxlb_load {
	__u64 flows;
	__u64 open[MXLB_FAMILIES]; /* of these the established */
};

/* tallies[0]: changed by the data path, recounted by the sweeper. */
struct mxlb_tallies {
	__u64 half_open;
	__u64 established;
	__u64 entries;	  /* of `flows`, those that are closing included */
	__u64 adopted;	  /* flows met in mid-connection, ever */
	__u64 table_full; /* SYNs served without a flow, ever */
	__u64 events_lost;
	__u64 stateless_until; /* replies without a flow are translated till then */
	__u64 epoch;	       /* which pass of the sweeper is the latest */
};

/* recounts: backend id -> the sweeper's own count of live flows. Flows with the present
 * epoch are in it, and whoever changes such a flow changes both. When two passes in a row
 * find the same difference to backend_load, it is a fault, and mended. */
struct mxlb_recount {
	struct mxlb_load load;
	__s64 drift[1 + MXLB_FAMILIES]; /* of flows and open[], at the last pass's end */
};

/* settings[0]: written by the daemon, read by the data path per packet. */
struct mxlb_settings {
	__u32 hop_generation; /* bumped whenever links, routes or neighbours change */
	__u32 half_open_max;
	__u32 flows_max; /* size of `flows` */
	__u32 zero;
};

/* fragments: a datagram whose first fragment has passed -> what only that one carries. */
struct mxlb_fragment_key {
	struct mxlb_addr src, dst;
	__u32 id; /* as in the packet */
};
struct mxlb_fragment {
	__be16 sport, dport;
	__u16 end; /* where the first fragment ends; one that begins before it overlaps */
	__u16 zero;
	__u64 until; /* ns */
};

/* probe_flows: a probe on its way to a VIP at one backend (dsr, tunnel) -> the endpoint that
 * the prober has connected to; key: the router's own address and port, the VIP. */

/* Per-CPU counters. */
struct mxlb_service_count { /* service * MXLB_FAMILIES + family */
	__u64 syns;
	__u64 connections;
	__u64 refused;
	__u64 zero;
};
struct mxlb_backend_count { /* backend * MXLB_FAMILIES + family */
	__u64 connections;
	__u64 packets[MXLB_DIRECTIONS];
	__u64 bytes[MXLB_DIRECTIONS];
	__u64 ended[5]; /* enum mxlb_flow_end */
};
enum mxlb_action {
	MXLB_ACTION_PASS,
	MXLB_ACTION_REDIRECT,
	MXLB_ACTION_TX,
	MXLB_ACTION_DROP,
	MXLB_ACTIONS
};
struct mxlb_interface_count { /* ifindex % MXLB_IFINDEX_SLOTS */
	__u64 packets[MXLB_ACTIONS];
};

enum mxlb_flow_end {
	MXLB_END_FIN,
	MXLB_END_CLIENT_RESET,
	MXLB_END_BACKEND_RESET,
	MXLB_END_IDLE,
	MXLB_END_LB_RESET,
	MXLB_FLOW_ENDS
};

/* probe_counts: backend * MXLB_FAMILIES + family -> what the daemon's probes counted. No
 * packet reads it; it is a map so that the counters outlive the daemon. */
#define MXLB_PROBE_REASONS 32
#define MXLB_PROBE_STATES  4
#define MXLB_PROBE_BUCKETS 12
struct mxlb_probe_histogram {
	__u64 bucket[MXLB_PROBE_BUCKETS];
	__u64 sum; /* nanoseconds */
	__u64 count;
};
struct mxlb_probe_count {
	__u64 attempts[MXLB_PROBE_REASONS]; /* by user/verdict.h's enum health_reason */
	__u64 changes[MXLB_PROBE_STATES];   /* by its enum health_state */
	struct mxlb_probe_histogram duration, greeting;
};

/* sweep_keys[0]: the flows of the sweeper's next slice. */
#define MXLB_SWEEP_SLICE 2048 /* a power of two; takes about a millisecond */
struct mxlb_sweep_keys {
	struct mxlb_flow_key of[MXLB_SWEEP_SLICE];
};

/* Argument and result of the sweeper's programs (a syscall program's context); kept by the
 * caller from the begin of a pass to its end. Time-outs are arguments, not knobs: the
 * daemon that sweeps has them in its own config. */
#define MXLB_FLOW_STATES (MXLB_FLOW_CLOSING + 1)
struct mxlb_sweep_args {
	__u64 now;
	__u32 timeout[MXLB_FLOW_STATES]; /* ticks */
	__u32 keys;			 /* how many of sweep_keys are to be looked at */
	__u64 seen;			 /* out: flows looked at in this pass */
	__u64 removed;			 /* out: of these */
	__u64 entries;			 /* out: tallies.entries when the pass began */
	__u64 counted;			 /* out: flows met that were there then */
	__u32 backend;			 /* in and out: the next to be judged; 0: tallies */
	__u32 judged;			 /* out: whose figures were mended */
	__s64 mended[3]; /* out: added to flows and open[]; half_open, established, entries */
};

#ifdef __cplusplus
#define MXLB_ASSERT_SIZE(type, size) static_assert(sizeof(struct type) == (size), #type)
#else
#define MXLB_ASSERT_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#endif
MXLB_ASSERT_SIZE(mxlb_endpoint, 20);
MXLB_ASSERT_SIZE(mxlb_vip, 8);
MXLB_ASSERT_SIZE(mxlb_service, 40);
MXLB_ASSERT_SIZE(mxlb_leg, 36);
MXLB_ASSERT_SIZE(mxlb_backend, 84);
MXLB_ASSERT_SIZE(mxlb_door, 64);
MXLB_ASSERT_SIZE(mxlb_port, 12);
MXLB_ASSERT_SIZE(mxlb_vlan, 8);
MXLB_ASSERT_SIZE(mxlb_origin, 32);
MXLB_ASSERT_SIZE(mxlb_flow_key, 20);
MXLB_ASSERT_SIZE(mxlb_hop, 24);
MXLB_ASSERT_SIZE(mxlb_side, 36);
MXLB_ASSERT_SIZE(mxlb_flow, 120);
MXLB_ASSERT_SIZE(mxlb_load, 24);
MXLB_ASSERT_SIZE(mxlb_tallies, 64);
MXLB_ASSERT_SIZE(mxlb_recount, 48);
MXLB_ASSERT_SIZE(mxlb_settings, 16);
MXLB_ASSERT_SIZE(mxlb_fragment_key, 36);
MXLB_ASSERT_SIZE(mxlb_fragment, 16);
MXLB_ASSERT_SIZE(mxlb_backend_count, 80);
MXLB_ASSERT_SIZE(mxlb_probe_count, 512);
MXLB_ASSERT_SIZE(mxlb_sweep_args, 88);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lab's maps: the configuration every row starts from, and what a row may
 * change in it. Written from mxlb/abi.h alone, not by the daemon's code.
 *
 * One service, one VIP, MX1 to MX3 in the ring; the client's prefix falls on MX1,
 * the stranger's on MX2 (the slots were computed by hand from mxlb/hash.h).
 */
#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum mxlb_family lab_family;
enum hook lab_hook;
struct mxlb_event lab_event;
__u64 lab_events[3];

/* XDP has seen right checksums from both sides, and so takes payload too. */
#define WHOLE (MXLB_FLOW_WHOLE_IN | MXLB_FLOW_WHOLE_OUT)

static const __u32 default_ring[] = {MX2, MX2, MX3, MX1, MX2, MX3, MX1};
static int ring_fd[TIERS][MXLB_FAMILIES];

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "tests/bpf: map %s: %s\n", what, strerror(errno));
	exit(1);
}

void lab_get(const char *map, __u32 key, void *value)
{
	must(bpf_map_lookup_elem(lab_map(map), &key, value), map);
}

void lab_set(const char *map, __u32 key, const void *value)
{
	must(bpf_map_update_elem(lab_map(map), &key, value, BPF_ANY), map);
}

/* Rings are made once and refilled: to swap one costs a grace period of the kernel. */
static int ring_get(enum tier tier)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP);
	int fd = ring_fd[tier][lab_family];

	if (fd)
		return fd;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ring", 4, 4, LAB_RING_MAX + 1, &opts);
	must(fd < 0, "ring");
	lab_set(tier == SERVING ? "rings" : "standby_rings",
		SERVICE * MXLB_FAMILIES + (__u32)lab_family, &fd);
	ring_fd[tier][lab_family] = fd;
	return fd;
}

void lab_ring(enum tier tier, const __u32 *ids, __u32 count)
{
	int fd = ring_get(tier);

	must(bpf_map_update_elem(fd, &(__u32){0}, &count, BPF_ANY), "ring");
	for (__u32 slot = 1; slot <= count; slot++)
		must(bpf_map_update_elem(fd, &slot, &ids[slot - 1], BPF_ANY), "ring");
}

void lab_ring_all(enum tier tier, __u32 id)
{
	lab_ring(tier, &id, id ? 1 : 0);
}

/* No ring at all in the table; the next lab_ring makes a new one. */
void lab_ring_remove(enum tier tier)
{
	const char *table = tier == SERVING ? "rings" : "standby_rings";
	__u32 key = SERVICE * MXLB_FAMILIES + (__u32)lab_family;

	must(bpf_map_delete_elem(lab_map(table), &key), table);
	close(ring_fd[tier][lab_family]);
	ring_fd[tier][lab_family] = 0;
}

void lab_backend(enum who who, enum mxlb_leg_state state)
{
	struct mxlb_backend backend;

	lab_get("backends", who, &backend);
	backend.leg[lab_family].state = state;
	lab_set("backends", who, &backend);
}

void lab_limit(enum who who, __u32 max_connections, __u64 live)
{
	struct mxlb_load load = {.flows = live};
	struct mxlb_backend backend;

	lab_get("backends", who, &backend);
	backend.max_connections = max_connections;
	lab_set("backends", who, &backend);
	lab_set("backend_load", who, &load);
}

void lab_service(enum mxlb_scheduler scheduler, enum mxlb_unavailable unavailable)
{
	struct mxlb_service service = {
		.exists = 1,
		.scheduler = (__u8)scheduler,
		.unavailable = (__u8)unavailable,
		.hash_seed = 7,
	};

	memset(service.mask[MXLB_V4].b, 0xff, 12 + 3); /* /24 */
	memset(service.mask[MXLB_V6].b, 0xff, 8);      /* /64 */
	lab_set("services", SERVICE, &service);
}

void lab_vip(enum who who, __u16 id)
{
	struct mxlb_endpoint end = who_endpoint(who, lab_family);
	struct mxlb_vip vip = {.id = id, .service = SERVICE};

	must(bpf_map_update_elem(lab_map("vips"), &end, &vip, BPF_ANY), "vips");
	lab_set("vip_endpoints", id, &end);
}

void lab_origin(enum who who, __u16 vip, unsigned slot)
{
	struct mxlb_endpoint end = who_endpoint(who, lab_family);
	struct mxlb_origin origin = {0};

	/* The first slot makes the record. */
	if (slot)
		must(bpf_map_lookup_elem(lab_map("origins"), &end, &origin), "origins");
	origin.of[slot].vip = vip;
	origin.of[slot].backend = (__u16)who;
	must(bpf_map_update_elem(lab_map("origins"), &end, &origin, BPF_ANY), "origins");
}

void lab_tallies(__u64 half_open, bool is_stateless)
{
	struct mxlb_tallies tallies = {
		.half_open = half_open,
		.stateless_until = is_stateless ? lab_now() + 1000 * SECOND : 0,
	};

	lab_set("tallies", 0, &tallies);
}

struct mxlb_flow_key lab_key(enum who client, __u16 vip)
{
	struct mxlb_endpoint end = who_endpoint(client, lab_family);
	struct mxlb_flow_key key = {.client = end.addr, .client_port = end.port, .vip = vip};

	return key;
}

bool lab_flow_get(const struct mxlb_flow_key *key, struct mxlb_flow *flow)
{
	return !bpf_map_lookup_elem(lab_map("flows"), key, flow);
}

void lab_flow_put(const struct mxlb_flow_key *key, const struct mxlb_flow *flow)
{
	must(bpf_map_update_elem(lab_map("flows"), key, flow, BPF_ANY), "flows");
}

void lab_flow(enum who backend, enum mxlb_flow_state state, __u32 flags)
{
	struct mxlb_flow flow = {
		.created = lab_now() - SECOND,
		.seen = lab_now() - SECOND,
		.state = state,
		.flags = flags | WHOLE,
		.backend = (__u16)backend,
		.service = SERVICE,
		.client_isn = CLIENT_ISN,
		.server_isn = flags & MXLB_FLOW_SYNACK ? SERVER_ISN : 0,
	};
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_tallies tallies;
	struct mxlb_load load;

	lab_flow_put(&key, &flow);
	lab_get("tallies", 0, &tallies);
	lab_get("backend_load", backend, &load);
	load.flows += state != MXLB_FLOW_CLOSING;
	load.open[lab_family] += state == MXLB_FLOW_ESTABLISHED;
	tallies.half_open += state == MXLB_FLOW_HALF_OPEN;
	tallies.established += state == MXLB_FLOW_ESTABLISHED;
	lab_set("tallies", 0, &tallies);
	lab_set("backend_load", backend, &load);
}

unsigned lab_flow_count(void)
{
	struct mxlb_flow_key key, *last = NULL;
	unsigned count = 0;

	for (; !bpf_map_get_next_key(lab_map("flows"), last, &key); last = &key)
		count++;
	return count;
}

/* Other clients' flows, until the table takes no more. */
void lab_fill(void)
{
	struct mxlb_flow flow = {
		.state = MXLB_FLOW_ESTABLISHED, .backend = MX3, .service = SERVICE};
	struct mxlb_flow_key key = lab_key(STRANGER, VIP_ID);

	for (key.client_port = 1; lab_flow_count() < LAB_FLOWS; key.client_port++)
		lab_flow_put(&key, &flow);
}

struct mxlb_hop lab_hop(enum who neighbour, __u64 until, __u32 generation)
{
	struct mxlb_hop hop = {
		.until = until,
		.generation = generation,
		.ifindex = lab_ifindex(people[neighbour].side),
		.mtu = 1500,
	};
	struct frame mac;

	frame_hex(&mac, people[neighbour].mac);
	memcpy(hop.dst, mac.b, 6);
	frame_hex(&mac, side_mac[people[neighbour].side]);
	memcpy(hop.src, mac.b, 6);
	return hop;
}

static int event_read(void *arg, void *data, size_t len)
{
	memcpy(&lab_event, data, sizeof(lab_event));
	if (lab_event.type < 3)
		lab_events[lab_event.type]++;
	return 0;
}

void lab_events_read(void)
{
	static struct ring_buffer *events;

	if (!events)
		events = ring_buffer__new(lab_map("events"), event_read, NULL, NULL);
	must(!events, "events");
	(void)ring_buffer__consume(events); /* how many is in lab_events */
}

static void reset_hash(const char *map, void *key)
{
	while (!bpf_map_get_next_key(lab_map(map), NULL, key))
		must(bpf_map_delete_elem(lab_map(map), key), map);
}

static void reset_backends(void)
{
	const struct mxlb_load none = {0};

	for (__u32 id = 1; id <= BACKENDS; id++) {
		struct mxlb_backend backend = {.exists = 1, .service = SERVICE, .weight = 100};

		for (int family = 0; family < MXLB_FAMILIES; family++) {
			struct mxlb_endpoint end = who_endpoint(id, (enum mxlb_family)family);

			backend.leg[family].addr = end.addr;
			backend.leg[family].port = end.port;
			backend.leg[family].state = MXLB_LEG_UP;
			backend.leg[family].judged = MXLB_LEG_UP;
		}
		lab_set("backends", id, &backend);
		lab_set("backend_load", id, &none);
		lab_origin(id, VIP_ID, 0);
	}
}

void lab_reset(enum mxlb_family family)
{
	struct mxlb_settings settings = {GENERATION, HALF_OPEN_MAX};
	struct mxlb_endpoint end;
	struct mxlb_flow_key key;

	lab_family = family;
	reset_hash("flows", &key);
	reset_hash("vips", &end);
	reset_hash("origins", &end);
	lab_set("settings", 0, &settings);
	lab_tallies(0, false);
	lab_service(MXLB_SOURCE, MXLB_RESET);
	lab_vip(VIP, VIP_ID);
	reset_backends();
	lab_ring(SERVING, default_ring, 7);
	lab_ring_all(STANDBY, NOBODY);
	lab_events_read();
	memset(lab_events, 0, sizeof(lab_events));
}

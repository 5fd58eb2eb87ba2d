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

#include "mxlb/hash.h"

enum mxlb_family lab_family;
enum hook lab_hook;
__u32 lab_generation;
struct mxlb_event lab_event;
__u64 lab_events[3];

#define ROOM_MAX 512 /* of struct answer_room, in bpf/maps.h */

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

void lab_settings(__u32 generation)
{
	struct mxlb_settings settings = {
		.hop_generation = generation,
		.half_open_max = HALF_OPEN_MAX,
		.flows_max = lab_flows,
	};

	lab_set("settings", 0, &settings);
}

/* Slots that the rows have filled, to be emptied before the next one. */
static __u32 doors_used[64];
static unsigned door_count;

static void door_bit(__u32 slot, bool is_set)
{
	__u64 bits, bit = 1ull << slot % 64;

	lab_get("door_bits", slot / 64, &bits);
	bits = is_set ? bits | bit : bits & ~bit;
	lab_set("door_bits", slot / 64, &bits);
}

void lab_door(const struct mxlb_endpoint *end, const struct mxlb_door *door)
{
	__u32 slot = mxlb_door(end);

	lab_set("doors", slot, door);
	door_bit(slot, true);
	if (door_count == sizeof(doors_used) / sizeof(doors_used[0]))
		must(-1, "doors");
	doors_used[door_count++] = slot;
}

/* A slot taken by another endpoint becomes a crowd's. */
static void door_put(const struct mxlb_endpoint *end, struct mxlb_door door)
{
	struct mxlb_door before;

	lab_get("doors", mxlb_door(end), &before);
	door.key = *end;
	if (before.kind != MXLB_DOOR_NONE && memcmp(&before.key, end, sizeof(*end)))
		door.kind = MXLB_DOOR_CROWDED;
	lab_door(end, &door);
}

static void door_clear(__u32 slot)
{
	const struct mxlb_door none = {0};

	lab_set("doors", slot, &none);
	door_bit(slot, false);
}

static void reset_doors(void)
{
	while (door_count)
		door_clear(doors_used[--door_count]);
}

void lab_vip_put(const struct mxlb_endpoint *end, const struct mxlb_vip *vip)
{
	must(bpf_map_update_elem(lab_map("vips"), end, vip, BPF_ANY), "vips");
	door_put(end, (struct mxlb_door){.kind = MXLB_DOOR_VIP, .vip = *vip});
}

void lab_vip(enum who who, __u16 id)
{
	struct mxlb_endpoint end = who_endpoint(who, lab_family);
	struct mxlb_vip vip = {.id = id, .service = SERVICE};

	lab_vip_put(&end, &vip);
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
	door_put(&end, (struct mxlb_door){.kind = MXLB_DOOR_ORIGIN, .origin = origin});
}

/* Only nat has origins: a reply that is not translated comes from the VIP. */
static void origin_remove(enum who who)
{
	struct mxlb_endpoint end = who_endpoint(who, lab_family);

	must(bpf_map_delete_elem(lab_map("origins"), &end), "origins");
	door_clear(mxlb_door(&end));
}

void lab_forward(enum mxlb_forward forward)
{
	struct mxlb_service service;
	struct mxlb_backend backend;

	lab_get("services", SERVICE, &service);
	service.forward = (__u8)forward;
	lab_set("services", SERVICE, &service);
	for (__u32 id = 1; id <= BACKENDS; id++) {
		lab_get("backends", id, &backend);
		backend.forward = (__u8)forward;
		backend.leg[lab_family].port = htons(people[VIP].port);
		backend.leg[lab_family].source = who_addr(ROUTER, lab_family);
		lab_set("backends", id, &backend);
		if (forward != MXLB_NAT)
			origin_remove(id);
	}
}

void lab_vlan(const struct mxlb_vlan *vlan)
{
	__u32 device = 99;

	must(bpf_map_update_elem(lab_map("vlans"), vlan, &device, BPF_ANY), "vlans");
}

void lab_port(enum side side, const char *mac)
{
	struct mxlb_port port = {.ifindex = lab_ifindex(side)};
	struct frame bytes;

	frame_hex(&bytes, mac);
	memcpy(port.mac, bytes.b, sizeof(port.mac));
	lab_set("ports", port.ifindex % MXLB_IFINDEX_SLOTS, &port);
}

/* As many entries as there are; nothing else counted. */
void lab_tallies(__u64 half_open, bool is_stateless)
{
	struct mxlb_tallies tallies = {
		.half_open = half_open,
		.entries = lab_flow_count(),
		.stateless_until = is_stateless ? lab_now() + 1000 * SECOND : 0,
	};

	lab_set("tallies", 0, &tallies);
}

/* Of the id that the assembler gives its packets. */
struct mxlb_fragment_key lab_fragment_key(void)
{
	struct mxlb_fragment_key key = {
		.src = who_addr(CLIENT, lab_family),
		.dst = who_addr(VIP, lab_family),
		.id = lab_family == MXLB_V4 ? htons(0x1234) : htonl(0x1234),
	};

	return key;
}

void lab_fragment(__u16 end, __s64 left)
{
	struct mxlb_fragment_key key = lab_fragment_key();
	struct mxlb_fragment first = {
		.sport = htons(people[CLIENT].port),
		.dport = htons(people[VIP].port),
		.end = end,
		.until = lab_now() + (__u64)left,
	};

	must(bpf_map_update_elem(lab_map("fragments"), &key, &first, BPF_ANY), "fragments");
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

struct mxlb_flow lab_flow_now(void)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow = {0};

	must(!lab_flow_get(&key, &flow), "flows");
	return flow;
}

/* Both sides have spoken as far as the flow has come, and XDP has seen right checksums. */
static void flow_sides(struct mxlb_flow *flow, __u32 marks)
{
	struct mxlb_side *in = &flow->side[MXLB_IN], *out = &flow->side[MXLB_OUT];

	in->flags = MXLB_SIDE_WHOLE | MXLB_SIDE_SEEN;
	in->flags |= marks & MARK_ADOPTED ? MXLB_SIDE_ADOPTED : MXLB_SIDE_SYN;
	in->flags |= marks & MARK_FIN_IN ? MXLB_SIDE_FIN : 0;
	in->flags |= marks & MARK_RST_IN ? MXLB_SIDE_RST : 0;
	in->end = CLIENT_ISN + 1;
	out->flags = MXLB_SIDE_WHOLE;
	out->flags |= marks & MARK_FIN_OUT ? MXLB_SIDE_FIN : 0;
	out->flags |= marks & MARK_RST_OUT ? MXLB_SIDE_RST : 0;
	if (!(marks & (MARK_SYNACK | MARK_ADOPTED)))
		return;
	out->flags |= MXLB_SIDE_SEEN;
	out->flags |= marks & MARK_SYNACK ? MXLB_SIDE_SYN : 0;
	out->end = SERVER_ISN + 1;
	out->acked = CLIENT_ISN + 1;
	in->acked = flow->state == MXLB_FLOW_HALF_OPEN ? 0 : SERVER_ISN + 1;
}

static void load_count(struct mxlb_load *load, const struct mxlb_flow *flow)
{
	load->flows += flow->state != MXLB_FLOW_CLOSING;
	load->open[lab_family] += flow->state == MXLB_FLOW_ESTABLISHED;
}

/* The flow's part in what the maps count; the sweeper's pass has seen it too. */
static void flow_count(const struct mxlb_flow *flow)
{
	struct mxlb_recount recount;
	struct mxlb_tallies tallies;
	struct mxlb_load load;

	lab_get("tallies", 0, &tallies);
	lab_get("backend_load", flow->backend, &load);
	lab_get("recounts", flow->backend, &recount);
	load_count(&load, flow);
	load_count(&recount.load, flow);
	lab_set("recounts", flow->backend, &recount);
	tallies.half_open += flow->state == MXLB_FLOW_HALF_OPEN;
	tallies.established += flow->state == MXLB_FLOW_ESTABLISHED;
	tallies.entries++;
	lab_set("tallies", 0, &tallies);
	lab_set("backend_load", flow->backend, &load);
}

void lab_flow(enum who backend, enum mxlb_flow_state state, __u32 marks)
{
	struct mxlb_flow flow = {
		.created = lab_now() - SECOND,
		.seen = lab_tick() - LAB_SECOND,
		.state = state,
		.backend = (__u16)backend,
		.service = SERVICE,
		.client_isn = marks & MARK_ADOPTED ? 0 : CLIENT_ISN,
		.server_isn = marks & MARK_SYNACK ? SERVER_ISN : 0,
	};
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);

	flow_sides(&flow, marks);
	lab_flow_put(&key, &flow);
	flow_count(&flow);
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

	for (key.client_port = 1; lab_flow_count() < LAB_FLOWS; key.client_port++) {
		lab_flow_put(&key, &flow);
		flow_count(&flow);
	}
}

struct mxlb_hop lab_hop(enum who neighbour, __u32 until, __u32 generation)
{
	struct mxlb_hop hop = {
		.until = until,
		.generation = generation & 0x7fff,
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

static void reset_hashes(void)
{
	struct mxlb_fragment_key fragment;
	struct mxlb_flow_key flow;
	struct mxlb_endpoint end;
	struct mxlb_vlan vlan;

	reset_hash("flows", &flow);
	reset_hash("vips", &end);
	reset_hash("origins", &end);
	reset_hash("vlans", &vlan);
	reset_hash("fragments", &fragment);
	reset_hash("probe_flows", &flow);
	reset_doors();
}

static void room_set(__u8 *room, const char *member, __u32 value)
{
	memcpy(room + lab_own_offset("answer_room", member), &value, sizeof(value));
}

void lab_budget(__u32 second, __u32 used)
{
	static __u8 rooms[CPUS_MAX * ROOM_MAX];
	int fd = lab_own_map("answer_rooms"), cpus = libbpf_num_possible_cpus();
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info), size;

	must(bpf_obj_get_info_by_fd(fd, &info, &len), "answer_rooms");
	size = (info.value_size + 7) & ~7u;
	must(cpus > CPUS_MAX || size > ROOM_MAX, "answer_rooms");
	for (int cpu = 0; cpu < cpus; cpu++) {
		room_set(rooms + (unsigned)cpu * size, "second", second);
		room_set(rooms + (unsigned)cpu * size, "used", used);
	}
	must(bpf_map_update_elem(fd, &(__u32){0}, rooms, 0), "answer_rooms");
}

static void reset_backends(void)
{
	const struct mxlb_recount no_recount = {0};
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
		lab_set("recounts", id, &no_recount);
		lab_origin(id, VIP_ID, 0);
	}
}

void lab_reset(enum mxlb_family family)
{
	lab_family = family;
	reset_hashes();
	lab_settings(++lab_generation);
	lab_tallies(0, false);
	lab_service(MXLB_SOURCE, MXLB_RESET);
	lab_vip(VIP, VIP_ID);
	reset_backends();
	lab_budget(0, 0);
	for (int side = 0; side < SIDES; side++)
		lab_port(side, side_mac[side]);
	lab_ring(SERVING, default_ring, 7);
	lab_ring_all(STANDBY, NOBODY);
	lab_events_read();
	memset(lab_events, 0, sizeof(lab_events));
}

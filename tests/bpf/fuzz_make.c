/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets and worlds for the fuzzer. A packet begins as a right one of some kind, and then
 * has bytes changed where headers are; often its checksums are made right again, or most
 * would be tried on the same few tests.
 */
#include <arpa/inet.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_view.h"

#define CHOOSE(chance, table) ((table)[chance_below(chance, sizeof(table) / sizeof((table)[0]))])
#define HEADERS		      140 /* bytes of a frame in which most changes are made */

/* ---- worlds ---- */

static void world_cross(void)
{
	enum mxlb_family other = lab_family == MXLB_V4 ? MXLB_V6 : MXLB_V4;

	for (enum who id = MX1; id <= BACKENDS; id++) {
		struct mxlb_backend backend;

		lab_get("backends", id, &backend);
		backend.leg[lab_family].addr = who_addr(id, other);
		backend.leg[lab_family].source = who_addr(ROUTER, other);
		lab_set("backends", id, &backend);
	}
}

static void world_ring(struct chance *chance)
{
	__u32 ids[16];

	for (unsigned i = 0; i < 16; i++)
		ids[i] = chance_of(chance, 8) ? chance_below(chance, 11)
					      : MX1 + chance_below(chance, 3);
	lab_ring(SERVING, ids, chance_of(chance, 20) ? 0 : 16);
	lab_ring_all(STANDBY, chance_below(chance, 4));
}

static void world_service(struct chance *chance)
{
	struct mxlb_service service;

	lab_get("services", SERVICE, &service);
	service.scheduler = (__u8)chance_below(chance, 4);
	service.unavailable = chance_of(chance, 3) ? MXLB_DROP : MXLB_RESET;
	lab_set("services", SERVICE, &service);
}

/* Room for few flows, or for none. */
static void world_limits(struct chance *chance)
{
	struct mxlb_settings settings;

	lab_get("settings", 0, &settings);
	settings.half_open_max = chance_of(chance, 6) ? chance_below(chance, 3) : HALF_OPEN_MAX;
	settings.flows_max = chance_of(chance, 6) ? chance_below(chance, 5) : lab_flows;
	lab_set("settings", 0, &settings);
}

static void world_vlans(struct chance *chance)
{
	struct mxlb_vlan vlan = {.ifindex = lab_ifindex(WAN), .id = 0x64, .proto = htons(0x8100)};

	if (chance_of(chance, 4))
		lab_vlan(&vlan);
}

void world_begin(struct world *world, struct chance *chance)
{
	static const enum mxlb_forward forwards[] = {MXLB_NAT, MXLB_NAT, MXLB_DSR, MXLB_TUNNEL};

	*world = (struct world){.forward = CHOOSE(chance, forwards), .can_split = lab_can_split()};
	lab_reset(chance_of(chance, 2) ? MXLB_V4 : MXLB_V6);
	world_service(chance);
	if (world->forward != MXLB_NAT)
		lab_forward(world->forward);
	if (world->forward == MXLB_TUNNEL && chance_of(chance, 2)) {
		world->is_crossed = true;
		world_cross();
	}
	world_ring(chance);
	world_limits(chance);
	world_vlans(chance);
	if (!chance_of(chance, 4))
		lab_flow(MX1 + chance_below(chance, 3), chance_below(chance, 3),
			 chance_below(chance, 64));
}

static void disturb_backend(struct chance *chance)
{
	enum who who = MX1 + chance_below(chance, 4);
	struct mxlb_backend backend;

	lab_get("backends", who, &backend);
	backend.leg[lab_family].state = (__u8)(1 + chance_below(chance, 3));
	backend.max_connections = chance_of(chance, 3) ? 1 + chance_below(chance, 3) : 0;
	lab_set("backends", who, &backend);
}

static void disturb_stateless(struct chance *chance)
{
	struct mxlb_tallies tallies;

	lab_get("tallies", 0, &tallies);
	tallies.stateless_until = chance_of(chance, 2) ? 0 : lab_now() + SECOND * 1000;
	lab_set("tallies", 0, &tallies);
}

void world_disturb(struct chance *chance)
{
	switch (chance_below(chance, 5)) {
	case 0:
		disturb_backend(chance);
		break;
	case 1:
		world_ring(chance);
		break;
	case 2:
		world_limits(chance);
		break;
	case 3:
		disturb_stateless(chance);
		break;
	default:
		world_service(chance);
	}
}

/* ---- packets ---- */

/* IPv6: what stands before TCP, before ICMP, or makes a fragment. */
struct chain {
	__u8 next;
	const char *tcp, *icmp;
};

static const struct chain chains[] = {
	{60, "0600010400000000", "3a00010400000000"},
	{0, "0600010400000000", "3a00010400000000"},
	{0, "3c00010400000000 0600010400000000", "3c00010400000000 3a00010400000000"},
	{43, "0602040000000000 00000000000000000000000000000000",
	 "3a02040000000000 00000000000000000000000000000000"},
	{43, "0602040100000000 00000000000000000000000000000000",
	 "3a02040100000000 00000000000000000000000000000000"},
	{44, "0600000000001234", "3a00000000001234"},
	{51, "0604000000000000 00000000 00000000 00000000 00000000",
	 "3a04000000000000 00000000 00000000 00000000 00000000"},
	{60,
	 "3c00010400000000 3c00010400000000 3c00010400000000 3c00010400000000 "
	 "3c00010400000000 0600010400000000",
	 "3c00010400000000 3a00010400000000"},
};

static const struct {
	__u16 frag;
	const char *ext;
	bool is_later;
} fragments[] = {
	{0x2000, "06000001 00001234", false}, {0x2000, "06000001 00001234", false},
	{0x2006, "06000031 00001234", true},  {0x0006, "06000030 00001234", true},
	{0x2002, "06000011 00001234", true},  {0x0009, "06000048 00001234", true},
	{0x1fff, "0600fff8 00001234", true},
};

static const char *const tags[] = {"81000064", "88a80064 81000065",	     "8100e000",
				   "81000065", "81000064 81000065 81000066", "88a80064"};
static const char *const macs[] = {"020000000aff", "01005e000005", "ffffffffffff"};
static const __u8 flags_in[] = {S, S,	  S,	 A, A, P | A, P | A, F | A,
				R, R | A, S | A, F, 0, 0x3f,  S | F};
static const enum who clients[] = {CLIENT, CLIENT, CLIENT, SIBLING, STRANGER, MX1};

static __u32 near(struct chance *chance, __u32 number)
{
	static const __u32 steps[] = {0,  0,	      1,     1,		 1,	    2,
				      22, 0xffffffff, 70000, 0x40000000, 0x80000000};

	return number + CHOOSE(chance, steps);
}

static void make_fragment(struct seg *seg, struct chance *chance)
{
	unsigned i = chance_below(chance, sizeof(fragments) / sizeof(fragments[0]));

	seg->frag = fragments[i].frag;
	seg->next = 44;
	seg->ext = fragments[i].ext;
	if (fragments[i].is_later)
		seg->later = 1 + chance_below(chance, 100);
	else
		seg->data = 28;
}

/* What any packet may have besides. */
static void make_extras(struct seg *seg, struct chance *chance)
{
	static const char *const options[] = {"01010100", "0101010194040000"};
	static const __u8 ttls[] = {1, 2, 255, 3};

	if (chance_of(chance, 6))
		seg->tags = CHOOSE(chance, tags);
	if (chance_of(chance, 16))
		seg->mac = CHOOSE(chance, macs);
	if (chance_of(chance, 12))
		seg->ip_opts = CHOOSE(chance, options);
	if (chance_of(chance, 8))
		seg->ttl = CHOOSE(chance, ttls);
	if (chance_of(chance, 8))
		seg->pad = chance_below(chance, 20);
	if (chance_of(chance, 30))
		seg->sum_off = (__u16)chance_next(chance);
	if (!seg->ext && chance_of(chance, 6)) {
		const struct chain *chain = &CHOOSE(chance, chains);

		seg->next = chain->next;
		seg->ext = seg->error ? chain->icmp : chain->tcp;
	}
}

static unsigned some_data(struct chance *chance)
{
	static const unsigned sizes[] = {0, 0, 0, 1, 21, 64, 536, 1440, 1460, 1461, 1441, 2920};

	return CHOOSE(chance, sizes);
}

static struct seg make_in(struct chance *chance)
{
	struct seg seg = {
		.from = CHOOSE(chance, clients),
		.to = chance_of(chance, 20) ? VIP2 : VIP,
		.sport = (__u16)(40000 + chance_below(chance, 3)),
		.flags = CHOOSE(chance, flags_in),
		.data = some_data(chance),
		.opts = (__u8)(4 * chance_below(chance, 11)),
		.seq = near(chance, CLIENT_ISN),
		.ack = near(chance, SERVER_ISN),
	};

	if (seg.flags == S)
		seg.data = chance_of(chance, 8) ? 9 : 0;
	if (chance_of(chance, 40))
		seg.dport = 587;
	return seg;
}

static struct seg make_out(const struct world *world, struct chance *chance)
{
	struct seg seg = {
		.from = MX1 + chance_below(chance, 4),
		.to = CHOOSE(chance, clients),
		.dport = (__u16)(40000 + chance_below(chance, 3)),
		.flags = CHOOSE(chance, flags_in),
		.data = some_data(chance),
		.opts = (__u8)(4 * chance_below(chance, 11)),
		.seq = near(chance, SERVER_ISN),
		.ack = near(chance, CLIENT_ISN),
	};

	if (world->forward != MXLB_NAT && !chance_of(chance, 4)) {
		seg.by = seg.from;
		seg.from = VIP;
	}
	return seg;
}

/* An error about a segment of the one direction or the other. */
static struct seg make_error(const struct world *world, struct chance *chance)
{
	static const __u8 types4[] = {3, 3, 3, 11, 12, 0, 8, 5},
			  types6[] = {1, 2, 3, 4, 128, 135, 0};
	static const unsigned quotes[] = {8, 8, 7, 12, 18, 20, 28, 200};
	static struct seg about;
	static struct error error;
	bool is_in = chance_of(chance, 2);
	struct seg seg = {.from = is_in ? FAR : NEAR, .error = &error};

	if (is_in) {
		about = make_out(world, chance);
		about.from = VIP;
		about.by = NOBODY;
	} else {
		about = make_in(chance);
		about.to = MX1 + chance_below(chance, 4);
		if (chance_of(chance, 4))
			seg.from = about.to;
	}
	if (chance_of(chance, 6))
		make_extras(&about, chance);
	about.tags = NULL;
	seg.to = chance_of(chance, 30) ? STRANGER : about.from;
	error = (struct error){
		.type = {CHOOSE(chance, types4), CHOOSE(chance, types6)},
		.code = {(__u8)chance_below(chance, 6), (__u8)chance_below(chance, 3)},
		.rest = chance_below(chance, 1600),
		.quoted = CHOOSE(chance, quotes),
		.about = &about,
	};
	return seg;
}

static struct seg make_seg(const struct world *world, struct chance *chance)
{
	struct seg seg;

	switch (chance_below(chance, 8)) {
	case 0:
	case 1:
	case 2:
		seg = make_in(chance);
		break;
	case 3:
	case 4:
		seg = make_out(world, chance);
		break;
	case 5:
	case 6:
		seg = make_error(world, chance);
		break;
	default:
		seg = chance_of(chance, 2) ? make_in(chance) : make_out(world, chance);
		make_fragment(&seg, chance);
	}
	make_extras(&seg, chance);
	return seg;
}

/* ---- changes ---- */

static void mutate_bytes(struct frame *frame, struct chance *chance)
{
	static const __u8 values[] = {0, 1, 4, 5, 6, 0x7f, 0x80, 0xff};
	unsigned reach = frame->len < HEADERS ? frame->len : HEADERS;
	unsigned at = chance_below(chance, chance_of(chance, 10) ? frame->len : reach);

	switch (chance_below(chance, 4)) {
	case 0:
		frame->b[at] ^= (__u8)(1u << chance_below(chance, 8));
		break;
	case 1:
		frame->b[at] = CHOOSE(chance, values);
		break;
	case 2:
		frame->b[at] = (__u8)chance_next(chance);
		break;
	default:
		frame->b[at] = (__u8)(frame->b[at] + 1 - 2 * chance_below(chance, 2));
	}
}

static void mutate_length(struct frame *frame, struct chance *chance)
{
	unsigned by = chance_below(chance, chance_of(chance, 3) ? 200 : 24);

	if (chance_of(chance, 2) && frame->len > by + 14) {
		frame->len -= by;
	} else if (frame->len + by < 3000) {
		memset(frame->b + frame->len, (int)chance_next(chance), by);
		frame->len += by;
	}
}

/* Cuts some bytes out, or puts some in, so that all behind them moves. */
static void mutate_shift(struct frame *frame, struct chance *chance)
{
	unsigned reach = frame->len < HEADERS ? frame->len : HEADERS;
	unsigned at = 12 + chance_below(chance, reach - 12), by = 4 * (1 + chance_below(chance, 4));

	if (chance_of(chance, 2) && at + by < frame->len && frame->len - by >= 14) {
		memmove(frame->b + at, frame->b + at + by, frame->len - at - by);
		frame->len -= by;
	} else if (frame->len + by < 3000) {
		memmove(frame->b + at + by, frame->b + at, frame->len - at);
		frame->len += by;
	}
}

static void mutate(struct frame *frame, struct chance *chance)
{
	unsigned times = 1 + chance_below(chance, 3);

	while (times--) {
		if (chance_of(chance, 8))
			mutate_length(frame, chance);
		else if (chance_of(chance, 8))
			mutate_shift(frame, chance);
		else
			mutate_bytes(frame, chance);
	}
	if (!chance_of(chance, 3))
		view_fix(frame, 2);
}

/* Not in tunnels: the kernel takes such test frames to be of no protocol that fits in. */
static void make_gso(struct trial *trial, struct chance *chance)
{
	unsigned payload = trial->in.len > 100 ? trial->in.len - 100 : 0;

	if (trial->run.hook != TC || payload < 600 || chance_of(chance, 2) ||
	    trial->world->forward == MXLB_TUNNEL)
		return;
	trial->run.gso_size = 500 + chance_below(chance, 1000);
	trial->run.gso_segs = 1 + payload / trial->run.gso_size;
}

/* XDP may meet a frame in two buffers, cut anywhere. */
static void make_split(struct trial *trial, struct chance *chance)
{
	bool is_wanted = chance_of(chance, 12);
	unsigned at = 14 + chance_below(chance, trial->in.len - 14);

	if (is_wanted && trial->run.hook == XDP && trial->world->can_split)
		trial->run.linear = at;
}

void trial_make(struct trial *trial, const struct world *world, struct chance *chance)
{
	struct seg seg = make_seg(world, chance);

	trial->world = world;
	trial->run = (struct lab_run){.hook = chance_below(chance, HOOKS)};
	trial->run.side = people[seg_sender(&seg)].side;
	frame_build(&trial->in, &seg, lab_family);
	if (chance_of(chance, 2))
		mutate(&trial->in, chance);
	if (seg.data > 1000)
		make_gso(trial, chance);
	if (trial->in.len > 14)
		make_split(trial, chance);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a packet is sent: the kernel's answers, each with its reason; what XDP
 * leaves to TC; MTU, also of segments glued by GRO; the cache of next hops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

#define RING_OF(n)                                                                                 \
	static void ring_is_mx##n(void)                                                            \
	{                                                                                          \
		lab_ring_all(SERVING, MX##n);                                                      \
	}
RING_OF(1)
RING_OF(4)
RING_OF(5)
RING_OF(6)
RING_OF(7)
RING_OF(8)

static void forwarding_off(void)
{
	lab_sysctl("ipv4/conf/wan/forwarding", "0");
	lab_sysctl("ipv6/conf/wan/forwarding", "0");
}

static void forwarding_on(void)
{
	lab_sysctl("ipv4/conf/wan/forwarding", "1");
	lab_sysctl("ipv6/conf/wan/forwarding", "1");
}

static void client_unreachable(void)
{
	established();
	lab_ip("route add unreachable 198.51.100.0/24\n"
	       "route add unreachable 2001:db8:c::/64\n");
}

static void client_reachable(void)
{
	lab_ip("route del unreachable 198.51.100.0/24\n"
	       "route del unreachable 2001:db8:c::/64\n");
}

/* The client's flow with MX1, and what its cache says of the way. */
static void cached(enum mxlb_direction direction, enum who neighbour, __u32 until, __u32 generation)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow;

	established();
	(void)lab_flow_get(&key, &flow); /* it has just been put there */
	flow.side[direction].hop = lab_hop(neighbour, until, generation);
	lab_flow_put(&key, &flow);
}

/* The cache says MX3's address, where the kernel would say MX1's. */
static void cache_fresh(void)
{
	cached(MXLB_IN, MX3, lab_tick() + LAB_HOP_AGE, lab_generation);
}

static void cache_fresh_out(void)
{
	cached(MXLB_OUT, MX3, lab_tick() + LAB_HOP_AGE, lab_generation);
}

static void cache_old(void)
{
	cached(MXLB_IN, MX3, lab_tick() - 1, lab_generation);
}

static void cache_of_last_generation(void)
{
	cached(MXLB_IN, MX3, lab_tick() + 60 * LAB_SECOND, lab_generation - 1);
}

static void cache_of_last_generation_out(void)
{
	cached(MXLB_OUT, MX3, lab_tick() + 60 * LAB_SECOND, lab_generation - 1);
}

/* XDP may not send there: asked or remembered, it makes no difference. */
static void cache_of_dmz(void)
{
	cached(MXLB_IN, MX4, lab_tick() + LAB_HOP_AGE, lab_generation);
}

static bool hop_is(enum mxlb_direction direction, enum who neighbour)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_hop want = lab_hop(neighbour, 0, lab_generation);
	struct mxlb_flow flow;

	if (!lab_flow_get(&key, &flow))
		return false;
	want.until = flow.side[direction].hop.until;
	want.by_xdp = lab_hook == XDP; /* which has looked whether it may send there */
	return !memcmp(&want, &flow.side[direction].hop, sizeof(want)) &&
	       want.until > lab_tick() + LAB_HOP_AGE / 2 && want.until <= lab_tick() + LAB_HOP_AGE;
}

static bool keeps_mx1(void)
{
	return hop_is(MXLB_IN, MX1);
}

static bool keeps_gateway(void)
{
	return hop_is(MXLB_OUT, CLIENT);
}

static bool keeps_mx3(void)
{
	return hop_is(MXLB_IN, MX3);
}

/* A hop without a neighbour must be asked for again. */
static bool keeps_nothing(void)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow;

	return lab_flow_get(&key, &flow) && !flow.side[MXLB_IN].hop.until;
}

static void mx1_has_new_card(void)
{
	lab_ip("neigh replace 10.0.0.11 lladdr 02:00:00:00:0b:13 nud permanent dev lan\n"
	       "neigh replace 2001:db8:b::11 lladdr 02:00:00:00:0b:13 nud permanent dev lan\n");
}

static void generation_moves(void)
{
	lab_settings(lab_generation + 1);
}

static void mx1_has_old_card(void)
{
	lab_ip("neigh replace 10.0.0.11 lladdr 02:00:00:00:0b:11 nud permanent dev lan\n"
	       "neigh replace 2001:db8:b::11 lladdr 02:00:00:00:0b:11 nud permanent dev lan\n");
	lab_settings(lab_generation);
}

#define NEW(n) "half_open+1 flows+1 load" #n "+1 in" #n "+1 syns+1"
#define EST    "established mx1 synack"

static const struct row answers[] = {
	{.name = "TTL 1, not to the VIP", .in = {.from = CLIENT, .to = MX1, .flags = S, .ttl = 1}},
	{.name = "TTL 1 of a reply without a flow",
	 .in = {.from = MX1, .to = CLIENT, .flags = A, .ttl = 1}},
	{.name = "no route to the backend",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NO_ROUTE,
	 .setup = ring_is_mx6,
	 .in = SYN_IN},
	{.name = "the backend's address is the router's own",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NO_ROUTE,
	 .setup = ring_is_mx7,
	 .in = SYN_IN},
	{.name = "no route to the client",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NO_ROUTE,
	 .setup = client_unreachable,
	 .in = SEG_OUT(MX1, A),
	 .flow = EST},
	{.name = "and back again",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = client_reachable,
	 .in = SEG_OUT(MX1, A),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = EST,
	 .check = keeps_gateway},
	{.name = "forwarding is off",
	 .verdict = DROP,
	 .reason = MXLB_REASON_FORWARDING_OFF,
	 .setup = forwarding_off,
	 .in = SYN_IN},
	{.name = "and on again",
	 .verdict = REDIRECT,
	 .setup = forwarding_on,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = NEW(1),
	 .flow = "half_open mx1",
	 .check = keeps_mx1},
	{.name = "the neighbour is not known",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = ring_is_mx5,
	 .in = SYN_IN,
	 .to = MX5,
	 .unsolved = true,
	 .after = NEW(5),
	 .flow = "half_open mx5",
	 .check = keeps_nothing},
	{.name = "XDP may not send there",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = ring_is_mx4,
	 .in = SYN_IN,
	 .to = MX4,
	 .after = NEW(4),
	 .flow = "half_open mx4"},
	{.name = "an IPv4 route by way of an IPv6 gateway",
	 .verdict = REDIRECT,
	 .setup = ring_is_mx8,
	 .in = SYN_IN,
	 .to = MX8,
	 .after = NEW(8),
	 .flow = "half_open mx8"},
};

/* Payload that fills 1500 bytes: 1460 for IPv4, 1440 for IPv6. */
#define SIZED(text, family, bytes)                                                                 \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .families = ONLY(family), .setup = established, \
		.in = {.from = CLIENT, .to = VIP, .flags = A, .data = (bytes)}, .to = MX1,         \
		.after = "in1+1", .flow = EST                                                      \
	}
static const struct row sizes[] = {
	SIZED("as large as the MTU", MXLB_V4, 1460),
	SIZED("as large as the MTU", MXLB_V6, 1440),
	{.name = "two segments glued by GRO, each fits",
	 .verdict = REDIRECT,
	 .hooks = ONLY(TC),
	 .families = ONLY(MXLB_V4),
	 .setup = established,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .data = 2920},
	 .gso_size = 1460,
	 .gso_segs = 2,
	 .to = MX1,
	 .after = "in1+2",
	 .bytes = 2920 + 2 * 40,
	 .flow = EST},
	{.name = "three glued segments, the last one short, out",
	 .verdict = REDIRECT,
	 .hooks = ONLY(TC),
	 .setup = established,
	 .in = {.from = MX1, .to = CLIENT, .flags = A, .opts = 12, .data = 2500},
	 .families = ONLY(MXLB_V6),
	 .gso_size = 1000,
	 .gso_segs = 3,
	 .as = VIP,
	 .after = "out1+3",
	 .bytes = 2500 + 3 * 72,
	 .flow = EST},
};

#define CACHED(text, prepare, neighbour, what)                                                     \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .setup = (prepare), .in = SEG_IN(P | A),        \
		.to = MX1, .via = (neighbour), .after = "in1+1", .flow = EST, .check = (what)      \
	}

static const struct row cache[] = {
	CACHED("no hop yet: asked for, and kept", established, MX1, keeps_mx1),
	CACHED("a fresh hop is believed", cache_fresh, MX3, keeps_mx3),
	CACHED("an old hop is not", cache_old, MX1, keeps_mx1),
	CACHED("a hop of another generation is not", cache_of_last_generation, MX1, keeps_mx1),
	{.name = "a fresh hop out is believed",
	 .verdict = REDIRECT,
	 .setup = cache_fresh_out,
	 .in = SEG_OUT(MX1, A),
	 .as = VIP,
	 .via = MX3,
	 .after = "out1+1",
	 .flow = EST},
	{.name = "a hop out of another generation is not",
	 .verdict = REDIRECT,
	 .setup = cache_of_last_generation_out,
	 .in = SEG_OUT(MX1, A),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = EST,
	 .check = keeps_gateway},
	{.name = "a hop that XDP may not use",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = cache_of_dmz,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .via = MX4,
	 .after = "in1+1",
	 .flow = EST},
	/* A story: the neighbour changes, and then the generation. */
	CACHED("before the backend's card changes", established, MX1, keeps_mx1),
	{.name = "the card has changed, nobody has told",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = mx1_has_new_card,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = EST},
	{.name = "the generation has moved",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = generation_moves,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .via = MX3,
	 .after = "in1+1",
	 .flow = EST},
	{.name = "and back",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = mx1_has_old_card,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = EST,
	 .check = keeps_mx1},
};

/* The way to a backend is remembered for new connections, by the interface they come by. */
#define NEXT_SYN(text, prepare, from_who, neighbour)                                               \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .goes_on = true, .setup = (prepare),            \
		.in = {.from = (from_who), .to = VIP, .sport = 41000, .flags = S}, .to = MX1,      \
		.via = (neighbour), .after = NEW(1), .flow = "half_open mx1"                       \
	}

static const struct row remembered[] = {
	{.name = "the first connection to a backend",
	 .verdict = REDIRECT,
	 .setup = ring_is_mx1,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = NEW(1),
	 .flow = "half_open mx1"},
	NEXT_SYN("the next goes the same way, the card has changed meanwhile", mx1_has_new_card,
		 SIBLING, MX1),
	NEXT_SYN("one by another interface asks for its own", NULL, MX2, MX3),
	NEXT_SYN("the generation has moved on, and all ask", generation_moves, STRANGER, MX3),
	NEXT_SYN("and back to the old card", mx1_has_old_card, CLIENT, MX1),
};

void test_route(void **state)
{
	unsigned failed = rows_run("route, answers", answers, COUNT(answers));

	failed += rows_run("route, sizes", sizes, COUNT(sizes));
	failed += rows_run("route, cache", cache, COUNT(cache));
	failed += rows_run("route, remembered", remembered, COUNT(remembered));
	assert_int_equal(failed, 0);
}

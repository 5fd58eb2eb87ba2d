/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which backend gets a new flow: by the ring, past those that can't serve, then by
 * the standby ring; and how each scheduler spreads many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "harness.h"
#include "stations.h"

static void mx1_down(void)
{
	lab_backend(MX1, MXLB_LEG_DOWN);
}

static void mx1_withheld(void)
{
	lab_backend(MX1, MXLB_LEG_WITHHELD);
}

static void mx1_absent(void)
{
	lab_backend(MX1, MXLB_LEG_ABSENT);
}

/* Of the other family alone: no matter. */
static void mx1_down_elsewhere(void)
{
	lab_family ^= 1;
	lab_backend(MX1, MXLB_LEG_DOWN);
	lab_family ^= 1;
}

static void mx1_removed(void)
{
	const struct mxlb_backend none = {0};

	lab_set("backends", MX1, &none);
}

static void mx1_full(void)
{
	lab_limit(MX1, 3, 3);
}

static void mx1_nearly_full(void)
{
	lab_limit(MX1, 3, 2);
}

static void mx1_mx2_down(void)
{
	mx1_down();
	lab_backend(MX2, MXLB_LEG_DOWN);
}

static void standby_is_mx3(void)
{
	lab_ring_all(SERVING, MX1);
	lab_ring_all(STANDBY, MX3);
}

static void standby_needed(void)
{
	standby_is_mx3();
	mx1_down();
}

static void serving_is_empty(void)
{
	standby_is_mx3();
	lab_ring_all(SERVING, NOBODY);
}

static void serving_is_missing(void)
{
	standby_is_mx3();
	lab_ring_remove(SERVING);
}

static void standby_too_is_down(void)
{
	standby_needed();
	lab_backend(MX3, MXLB_LEG_DOWN);
	lab_service(MXLB_SOURCE, MXLB_DROP);
}

/* From the client's slot on `before` slots of a backend that is down, then MX2. Its
 * slot of 512 is 162 (IPv4) or 221 (IPv6). */
static void long_walk(__u32 before)
{
	__u32 ids[512], first = lab_family == MXLB_V4 ? 162 : 221;

	for (__u32 i = 0; i < 512; i++)
		ids[(first + i) % 512] = i < before ? MX1 : MX2;
	lab_ring(SERVING, ids, 512);
	lab_ring_all(STANDBY, MX3);
	mx1_down();
}

static void walk_of_255(void)
{
	long_walk(255);
}

static void walk_of_256(void)
{
	long_walk(256);
}

static void unknown_ids(void)
{
	const __u32 ids[] = {0, 4000000000u, MXLB_MAX_BACKENDS, MX2, MX2, 0, 7777};

	lab_ring(SERVING, ids, 7);
}

#define CHOSEN(n) "half_open+1 flows+1 load" #n "+1 in" #n "+1 syns+1"
#define CHOOSES(text, prepare, n)                                                                  \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .setup = (prepare), .in = SYN_IN, .to = MX##n,  \
		.after = CHOSEN(n), .flow = "half_open mx" #n                                      \
	}

static const struct row rows[] = {
	{.name = "another of the client's prefix",
	 .verdict = REDIRECT,
	 .in = {.from = SIBLING, .to = VIP, .flags = S},
	 .to = MX1,
	 .after = CHOSEN(1)},
	{.name = "a client of another prefix",
	 .verdict = REDIRECT,
	 .in = {.from = STRANGER, .to = VIP, .flags = S},
	 .to = MX2,
	 .after = CHOSEN(2)},
	CHOOSES("down", mx1_down, 2),
	CHOOSES("withheld", mx1_withheld, 2),
	CHOOSES("of the other family only", mx1_absent, 2),
	CHOOSES("down in the other family", mx1_down_elsewhere, 1),
	CHOOSES("removed", mx1_removed, 2),
	CHOOSES("at max_connections", mx1_full, 2),
	CHOOSES("one below max_connections", mx1_nearly_full, 1),
	CHOOSES("two down", mx1_mx2_down, 3),
	CHOOSES("ids that are no backend's", unknown_ids, 2),
	CHOOSES("the standby is not asked", standby_is_mx3, 1),
	CHOOSES("the standby is asked", standby_needed, 3),
	CHOOSES("the serving ring is empty", serving_is_empty, 3),
	CHOOSES("the serving ring is missing", serving_is_missing, 3),
	CHOOSES("the last slot of the walk", walk_of_255, 2),
	CHOOSES("beyond the walk", walk_of_256, 3),
	{.name = "the standby is down too",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NO_BACKEND,
	 .setup = standby_too_is_down,
	 .in = SYN_IN,
	 .after = "refused+1"},
	{.name = "a flow stays with a backend that is withheld",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = SEG_IN(P | A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack"},
	{.name = "even as its ring is empty",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = no_backend,
	 .in = SEG_IN(P | A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack"},
	{.name = "even as its backend is down",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = mx1_down,
	 .in = SEG_IN(P | A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack"},
	{.name = "even as its backend is full",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = mx1_full,
	 .in = SEG_IN(P | A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack"},
};

void test_choose(void **state)
{
	assert_int_equal(rows_run("choose", rows, COUNT(rows)), 0);
}

/* ---- many SYNs, each flow gone before the next, so that only counters remain ---- */

#define MANY 1200u

struct spread {
	const char *name;
	enum mxlb_scheduler scheduler;
	__u32 ring[4];
	__u64 load[4]; /* of MX1, MX2, MX3 */
	__u32 weight[4];
	unsigned low[4], high[4]; /* of MANY, how many each may get */
};

static const struct spread spreads[] = {
	/* The client's slot of 4 is the third. */
	{"source", MXLB_SOURCE, {1, 2, 3, 1}, {0}, {0}, {0, 0, MANY}, {0, 0, MANY}},
	{"round-robin",
	 MXLB_ROUND_ROBIN,
	 {1, 2, 3, 2},
	 {0},
	 {0},
	 {MANY / 4, MANY / 2, MANY / 4},
	 {MANY / 4, MANY / 2, MANY / 4}},
	{"random", MXLB_RANDOM, {1, 2, 3, 2}, {0}, {0}, {220, 500, 220}, {380, 700, 380}},
	/* The loaded one is taken where both draws fall on it: 1 in 4. */
	{"least-connections",
	 MXLB_LEAST_CONNECTIONS,
	 {1, 2, 1, 2},
	 {10, 3},
	 {100, 100},
	 {220, 820},
	 {380, 980}},
	{"least-connections, by weight",
	 MXLB_LEAST_CONNECTIONS,
	 {1, 2, 1, 2},
	 {10, 3},
	 {100, 20},
	 {820, 220},
	 {980, 380}},
};

static void spread_prepare(const struct spread *spread)
{
	for (__u32 id = MX1; id <= MX3; id++) {
		struct mxlb_backend backend;

		lab_get("backends", id, &backend);
		backend.weight = spread->weight[id - 1];
		lab_set("backends", id, &backend);
	}
	lab_service(spread->scheduler, MXLB_RESET);
	lab_ring(SERVING, spread->ring, 4);
}

static void spread_begin(const struct spread *spread)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);

	(void)bpf_map_delete_elem(lab_map("flows"), &key); /* the first time there is none */
	lab_tallies(0, false);
	for (__u32 id = MX1; id <= MX3; id++) {
		struct mxlb_load load = {.flows = spread->load[id - 1]};

		lab_set("backend_load", id, &load);
	}
}

/* Which backend a frame was sent to, by the last byte of its Ethernet address. */
static unsigned spread_one(enum hook hook)
{
	static const struct seg syn = SYN_IN;
	static struct frame in, out;
	struct lab_run run = {.hook = hook, .side = WAN};

	frame_build(&in, &syn, lab_family);
	if (lab_packet(&run, &in, &out) || out.b[4] != 0x0b)
		return 0;
	return out.b[5] - 0x10u;
}

static unsigned spread_run(const struct spread *spread, enum hook hook)
{
	unsigned got[4] = {0}, failed = 0;

	spread_prepare(spread);
	for (unsigned i = 0; i < MANY; i++) {
		spread_begin(spread);
		got[spread_one(hook) & 3]++;
	}
	for (unsigned id = MX1; id <= MX3; id++)
		failed |= got[id] < spread->low[id - 1] || got[id] > spread->high[id - 1];
	failed |= got[0] != 0;
	printf("  %s: %u %u %u of %u%s\n", spread->name, got[1], got[2], got[3], MANY,
	       failed ? ", FAILED" : "");
	return failed;
}

void test_spread(void **state)
{
	unsigned failed = 0;

	for (int hook = 0; hook < HOOKS; hook++) {
		for (size_t i = 0; i < COUNT(spreads); i++) {
			lab_reset(MXLB_V4);
			failed += spread_run(&spreads[i], hook);
		}
	}
	assert_int_equal(failed, 0);
}

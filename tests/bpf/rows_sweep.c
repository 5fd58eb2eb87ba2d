/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sweeper: each state's time-out to the tick, what a removed flow takes with it, and
 * the recount: what it mends, and that packets between two slices don't mislead it. Time is
 * an argument, so nothing sleeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "lab_sweep.h"
#include "stations.h"

#include "state.h"

/* Ticks; time-outs of 60, 900 and 10 seconds. */
#define NOW	  1000000u
#define HALF_OPEN 57221u
#define IDLE	  858307u
#define CLOSED	  9537u

struct sweep_row {
	const char *name;
	enum mxlb_flow_state state;
	__u32 marks; /* of enum mark */
	__u32 now;   /* 0: NOW */
	__u32 age;   /* of the last packet */
	bool goes;
	const char *after; /* as in struct row, without a verdict */
};

static const struct sweep_row rows[] = {
	{"half-open, young", MXLB_FLOW_HALF_OPEN, 0, 0, HALF_OPEN, false, ""},
	{"half-open, over", MXLB_FLOW_HALF_OPEN, 0, 0, HALF_OPEN + 1, true,
	 "half_open-1 flows-1 load1-1"},
	{"adopted, young", MXLB_FLOW_HALF_OPEN, MARK_ADOPTED, 0, HALF_OPEN, false, ""},
	{"adopted, over", MXLB_FLOW_HALF_OPEN, MARK_ADOPTED, 0, HALF_OPEN + 1, true,
	 "half_open-1 flows-1 load1-1"},
	{"established, as old as a half-open may not be", MXLB_FLOW_ESTABLISHED, MARK_SYNACK, 0,
	 HALF_OPEN + 1, false, ""},
	{"established, at the limit", MXLB_FLOW_ESTABLISHED, MARK_SYNACK, 0, IDLE, false, ""},
	{"established, over", MXLB_FLOW_ESTABLISHED, MARK_SYNACK, 0, IDLE + 1, true,
	 "established-1 flows-1 load1-1 open1-1 idle1+1 session+1"},
	{"closing, young", MXLB_FLOW_CLOSING, MARK_FIN_IN | MARK_FIN_OUT, 0, CLOSED, false, ""},
	{"closing, over", MXLB_FLOW_CLOSING, MARK_FIN_IN | MARK_FIN_OUT, 0, CLOSED + 1, true,
	 "flows-1"},
	{"closing, since the clock began", MXLB_FLOW_CLOSING, MARK_RST_IN, 0, NOW, true, "flows-1"},
	/* A packet may come while the sweeper is under way: later than its `now`. */
	{"seen a tick after now", MXLB_FLOW_CLOSING, MARK_RST_IN, 0, -1u, false, ""},
	{"seen long after now", MXLB_FLOW_CLOSING, MARK_RST_IN, 0, -IDLE, false, ""},
	/* Ticks go round every 52 days. */
	{"the clock went round, at the limit", MXLB_FLOW_HALF_OPEN, 0, 7, HALF_OPEN, false, ""},
	{"the clock went round, over", MXLB_FLOW_HALF_OPEN, 0, 7, HALF_OPEN + 1, true,
	 "half_open-1 flows-1 load1-1"},
	{"before the clock goes round, seen after", MXLB_FLOW_HALF_OPEN, 0, -3u, -5u, false, ""},
	{"idle for half a round less one", MXLB_FLOW_HALF_OPEN, 0, 0, 0x7fffffff, true,
	 "half_open-1 flows-1 load1-1"},
};

static struct mxlb_sweep_args args_at(__u32 now)
{
	/* The clock has gone round three times; the last tick is not yet over. */
	return (struct mxlb_sweep_args){
		.now = (3ull << 32 | now) << MXLB_TICK_SHIFT | ((1u << MXLB_TICK_SHIFT) - 1),
		.timeout = {HALF_OPEN, IDLE, CLOSED},
	};
}

static void reset(enum mxlb_family family)
{
	lab_reset(family);
	lab_sweep_reset();
}

/* The client's flow with MX1 was last seen at `seen`. */
static void put_flow(enum mxlb_flow_state state, __u32 marks, __u32 seen)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow;

	lab_flow(MX1, state, marks);
	flow = lab_flow_now();
	flow.seen = seen;
	lab_flow_put(&key, &flow);
}

static unsigned sweep_row_run(const struct sweep_row *row)
{
	static struct state before, after;
	__u32 now = row->now ? row->now : NOW;
	struct mxlb_sweep_args args = args_at(now);
	struct mended mended;
	char got[STATE_TEXT];

	put_flow(row->state, row->marks, now - row->age);
	state_read(&before, WAN);
	mended = lab_sweep(&args);
	state_read(&after, WAN);
	state_diff(&before, &after, got, sizeof(got));
	if (!strcmp(got, row->after) && args.seen == 1 && args.removed == row->goes &&
	    !mended.count)
		return 0;
	printf("  FAILED sweep: %s\n    changed [%s], wanted [%s]; seen %llu removed %llu "
	       "mended %u\n",
	       row->name, got, row->after, args.seen, args.removed, mended.count);
	return 1;
}

/* A full table of every state and age: only what is over goes. */
static void sweep_many(void)
{
	static const __u32 timeouts[] = {HALF_OPEN, IDLE, CLOSED};
	struct mxlb_sweep_args args = args_at(NOW);
	struct mxlb_flow_key key;

	reset(MXLB_V6);
	key = lab_key(STRANGER, VIP_ID);
	for (__u16 i = 0; i < 12; i++) {
		struct mxlb_flow flow = {.state = i % 3, .backend = MX2, .service = SERVICE};

		flow.seen = NOW - timeouts[i % 3] - (i < 6);
		key.client_port = i;
		lab_flow_put(&key, &flow);
	}
	(void)lab_sweep(&args); /* these were put past the counters, whose drift it finds */
	assert_int_equal(args.seen, 12);
	assert_int_equal(args.counted, 12);
	assert_int_equal(args.removed, 6);
	for (__u16 i = 0; i < 12; i++) {
		struct mxlb_flow flow;

		key.client_port = i;
		assert_int_equal(lab_flow_get(&key, &flow), i >= 6);
	}
}

static void sweep_none(void)
{
	struct mxlb_sweep_args args = args_at(NOW);

	reset(MXLB_V4);
	assert_int_equal(lab_sweep(&args).count, 0);
	assert_int_equal(args.seen, 0);
}

static void sweep_tells(void)
{
	struct mxlb_sweep_args args = args_at(NOW);
	struct mxlb_flow_key key;

	reset(MXLB_V6);
	put_flow(MXLB_FLOW_ESTABLISHED, MARK_SYNACK, 1);
	assert_int_equal(lab_sweep(&args).count, 0);
	lab_events_read();
	key = lab_key(CLIENT, VIP_ID);
	assert_int_equal(lab_event.type, MXLB_EVENT_SESSION);
	assert_int_equal(lab_event.end, MXLB_END_IDLE);
	assert_int_equal(lab_event.flow.backend, MX1);
	assert_memory_equal(&lab_event.key, &key, sizeof(key));
}

/* ---- the recount ---------------------------------------------------------------- */

static struct mended pass(void)
{
	struct mxlb_sweep_args args = args_at(NOW);

	return lab_sweep(&args);
}

static void load_off(enum who who, int flows, int open)
{
	struct mxlb_load load;

	lab_get("backend_load", who, &load);
	load.flows += (__u64)flows;
	load.open[lab_family] += (__u64)open;
	lab_set("backend_load", who, &load);
}

static void assert_load(enum who who, __u64 flows, __u64 open)
{
	struct mxlb_load load;

	lab_get("backend_load", who, &load);
	assert_int_equal(load.flows, flows);
	assert_int_equal(load.open[lab_family], open);
	assert_int_equal(load.open[!lab_family], 0);
}

static void assert_mended(struct mended got, __u32 of, __s64 by0, __s64 by1, __s64 by2)
{
	assert_int_equal(got.count, 1);
	assert_int_equal(got.of, of);
	assert_int_equal(got.by[0], by0);
	assert_int_equal(got.by[1], by1);
	assert_int_equal(got.by[2], by2);
}

/* Two passes that find the same mend it; the count of another backend is left alone. */
static void recount_backend(void)
{
	bool is_v4 = lab_family == MXLB_V4;

	put_flow(MXLB_FLOW_ESTABLISHED, MARK_SYNACK, NOW);
	load_off(MX2, 5, 3);
	load_off(MX3, -2, 0);
	assert_int_equal(pass().count, 0);
	assert_load(MX2, 5, 3);
	load_off(MX3, 1, 0); /* another fault than the one just found */
	assert_mended(pass(), MX2, -5, is_v4 ? -3 : 0, is_v4 ? 0 : -3);
	assert_load(MX1, 1, 1);
	assert_load(MX2, 0, 0);
	assert_load(MX3, -1ull, 0);
	load_off(MX2, 5, 3); /* the same again must be found twice again */
	assert_mended(pass(), MX3, 1, 0, 0);
	assert_mended(pass(), MX2, -5, is_v4 ? -3 : 0, is_v4 ? 0 : -3);
	assert_int_equal(pass().count, 0);
	assert_load(MX1, 1, 1);
	assert_load(MX2, 0, 0);
	assert_load(MX3, 0, 0);
}

static void recount_tallies(void)
{
	struct mxlb_tallies tallies;

	put_flow(MXLB_FLOW_CLOSING, MARK_RST_IN, NOW);
	lab_get("tallies", 0, &tallies);
	tallies.half_open += 3;
	tallies.established -= 1;
	tallies.entries += 4;
	lab_set("tallies", 0, &tallies);
	assert_int_equal(pass().count, 0);
	assert_mended(pass(), 0, -3, 1, -4);
	assert_int_equal(pass().count, 0);
	lab_get("tallies", 0, &tallies);
	assert_int_equal(tallies.half_open, 0);
	assert_int_equal(tallies.established, 0);
	assert_int_equal(tallies.entries, 1);
}

static void packet(struct seg seg)
{
	struct lab_run run = {.hook = lab_hook, .side = people[seg.from].side, .repeat = 1};
	static struct frame in, out;

	frame_build(&in, &seg, lab_family);
	assert_int_equal(lab_packet(&run, &in, &out), 0);
}

static __u32 flow_state(const struct mxlb_flow_key *key)
{
	struct mxlb_flow flow = {0};

	assert_true(lab_flow_get(key, &flow));
	return flow.state;
}

/* At a pass's end the recounts are what the loads are, and no difference is kept, from this
 * id on; 0: of the tallies neither. */
static void assert_counted(struct mxlb_sweep_args *args, __u32 first)
{
	static const __s64 none[3];

	assert_int_equal(lab_sweep_judge(args).count, 0);
	for (__u32 id = first; id <= BACKENDS; id++) {
		struct mxlb_recount recount;
		struct mxlb_load load;

		lab_get("backend_load", id, &load);
		lab_get("recounts", id, &recount);
		assert_memory_equal(&recount.load, &load, sizeof(load));
		assert_memory_equal(recount.drift, none, sizeof(none));
	}
}

/* Opens a flow of each, with the ring's backend: MX1, MX2. */
static void open_two(void)
{
	packet((struct seg)SYN_IN);
	packet((struct seg)SYNACK_OUT(MX1));
	packet((struct seg)SEG_IN(A));
	packet((struct seg){.from = STRANGER, .to = VIP, .flags = S, .seq = CLIENT_ISN});
}

/* A flow that the pass has counted closes; one that it hasn't is established; a third comes
 * and is met although it is counted already. */
static void recount_between(void)
{
	const struct mxlb_flow_key client = lab_key(CLIENT, VIP_ID),
				   stranger = lab_key(STRANGER, VIP_ID),
				   sibling = lab_key(SIBLING, VIP_ID);
	struct mxlb_sweep_args args = args_at(lab_tick());

	open_two();
	assert_int_equal(flow_state(&client), MXLB_FLOW_ESTABLISHED);
	lab_sweep_begin(&args);
	lab_sweep_slice(&args, &client, 1);
	packet((struct seg)SEG_IN(R | A));
	assert_int_equal(flow_state(&client), MXLB_FLOW_CLOSING);
	packet((struct seg){.from = MX2,
			    .to = STRANGER,
			    .flags = S | A,
			    .seq = SERVER_ISN,
			    .ack = CLIENT_ISN + 1});
	packet((struct seg){.from = STRANGER,
			    .to = VIP,
			    .flags = A,
			    .seq = CLIENT_ISN + 1,
			    .ack = SERVER_ISN + 1});
	assert_int_equal(flow_state(&stranger), MXLB_FLOW_ESTABLISHED);
	packet((struct seg){.from = SIBLING, .to = VIP, .flags = S, .seq = CLIENT_ISN});
	assert_int_equal(flow_state(&sibling), MXLB_FLOW_HALF_OPEN);
	lab_sweep_slice(&args, &sibling, 1);
	lab_sweep_slice(&args, &stranger, 1);
	assert_int_equal(args.seen, 3);
	assert_int_equal(args.counted, 2); /* as many as there were at its begin */
	assert_counted(&args, 0);
	assert_load(MX1, 1, 0);
	assert_load(MX2, 1, 1);
}

/* One that closes before the pass comes to it, and a key whose flow is gone. */
static void recount_gone(void)
{
	const struct mxlb_flow_key keys[] = {lab_key(CLIENT, VIP_ID), lab_key(STRANGER, VIP_ID),
					     lab_key(SIBLING, VIP_ID)};
	struct mxlb_sweep_args args = args_at(lab_tick());

	open_two();
	lab_sweep_begin(&args);
	packet((struct seg)SEG_IN(R | A));
	packet((struct seg)SYN_IN); /* a new one in the place of the finished */
	lab_sweep_slice(&args, keys, 3);
	assert_int_equal(args.seen, 2);
	assert_counted(&args, MX1); /* the count of entries is short of the one replaced */
	assert_load(MX1, 1, 0);
	assert_load(MX2, 1, 0);
}

/* The daemon was killed in mid-pass; the next begins anew. */
static void recount_cut_off(void)
{
	const struct mxlb_flow_key client = lab_key(CLIENT, VIP_ID);
	struct mxlb_sweep_args args = args_at(lab_tick());

	open_two();
	lab_sweep_begin(&args);
	lab_sweep_slice(&args, &client, 1);
	args = args_at(lab_tick());
	assert_int_equal(lab_sweep(&args).count, 0);
	assert_int_equal(args.counted, 2);
	assert_counted(&args, 0);
}

typedef void (*recount_fn)(void);

static void recounts(void)
{
	static const recount_fn tests[] = {recount_backend, recount_tallies, recount_between,
					   recount_gone, recount_cut_off};

	for (size_t i = 0; i < COUNT(tests); i++)
		for (int run = 0; run < HOOKS * MXLB_FAMILIES; run++) {
			lab_hook = run % HOOKS;
			reset(run / HOOKS);
			tests[i]();
		}
}

void test_sweep(void **state)
{
	unsigned failed = 0;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		for (size_t i = 0; i < COUNT(rows); i++) {
			reset(family);
			failed += sweep_row_run(&rows[i]);
		}
	}
	printf("  sweep: %zu rows, %zu runs, %u failed\n", COUNT(rows), COUNT(rows) * 2, failed);
	assert_int_equal(failed, 0);
	sweep_many();
	sweep_none();
	sweep_tells();
	recounts();
}

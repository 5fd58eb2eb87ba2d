/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sweeper: each state's time-out to the nanosecond, what a removed flow takes
 * with it, and the recount. Time is an argument, so nothing sleeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

#include "state.h"

#define NOW	  (1000 * SECOND)
#define HALF_OPEN (60 * SECOND)
#define IDLE	  (900 * SECOND)
#define CLOSED	  (10 * SECOND)

struct sweep_row {
	const char *name;
	enum mxlb_flow_state state;
	__u64 age; /* of the last packet, at NOW */
	bool goes;
	const char *after; /* as in struct row, without a verdict */
};

static const struct sweep_row rows[] = {
	{"half-open, young", MXLB_FLOW_HALF_OPEN, HALF_OPEN, false, ""},
	{"half-open, over", MXLB_FLOW_HALF_OPEN, HALF_OPEN + 1, true,
	 "half_open-1 flows-1 load1-1"},
	{"established, as old as a half-open may not be", MXLB_FLOW_ESTABLISHED, HALF_OPEN + 1,
	 false, ""},
	{"established, at the limit", MXLB_FLOW_ESTABLISHED, IDLE, false, ""},
	{"established, over", MXLB_FLOW_ESTABLISHED, IDLE + 1, true,
	 "established-1 flows-1 load1-1 open1-1 idle1+1 session+1"},
	{"closing, young", MXLB_FLOW_CLOSING, CLOSED, false, ""},
	{"closing, over", MXLB_FLOW_CLOSING, CLOSED + 1, true, "flows-1"},
	{"closing, long over", MXLB_FLOW_CLOSING, NOW - 1, true, "flows-1"},
};

static struct mxlb_sweep_args sweep_now(void)
{
	struct mxlb_sweep_args arg = {
		.now = NOW,
		.half_open_timeout = HALF_OPEN,
		.idle_timeout = IDLE,
		.closed_timeout = CLOSED,
	};

	lab_sweep(&arg);
	return arg;
}

/* The client's flow was last seen at `seen`. */
static void put_flow(enum mxlb_flow_state state, __u64 seen)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow;

	lab_flow(MX1, state, 0);
	(void)lab_flow_get(&key, &flow); /* it has just been put there */
	flow.seen = seen;
	lab_flow_put(&key, &flow);
}

static bool result_is(const struct mxlb_sweep_args *arg, const struct sweep_row *row)
{
	__u64 stays = !row->goes;

	return arg->seen == 1 && arg->removed == row->goes &&
	       arg->half_open == (row->state == MXLB_FLOW_HALF_OPEN ? stays : 0) &&
	       arg->established == (row->state == MXLB_FLOW_ESTABLISHED ? stays : 0) &&
	       arg->now == NOW;
}

static unsigned sweep_row_run(const struct sweep_row *row)
{
	static struct state before, after;
	struct mxlb_sweep_args arg;
	char got[STATE_TEXT];

	put_flow(row->state, NOW - row->age);
	state_read(&before, WAN);
	arg = sweep_now();
	state_read(&after, WAN);
	state_diff(&before, &after, got, sizeof(got));
	if (!strcmp(got, row->after) && result_is(&arg, row))
		return 0;
	printf("  FAILED sweep: %s\n    changed [%s], wanted [%s]; seen %llu removed %llu "
	       "half_open %llu established %llu\n",
	       row->name, got, row->after, (unsigned long long)arg.seen,
	       (unsigned long long)arg.removed, (unsigned long long)arg.half_open,
	       (unsigned long long)arg.established);
	return 1;
}

/* A packet may come while the sweeper walks: later than its `now`. */
static void sweep_future(void)
{
	struct mxlb_sweep_args arg;

	lab_reset(MXLB_V4);
	put_flow(MXLB_FLOW_ESTABLISHED, NOW + HALF_OPEN);
	arg = sweep_now();
	assert_int_equal(arg.removed, 0);
	assert_int_equal(arg.established, 1);
}

/* A full table of every state and age: only what is over goes. */
static void sweep_many(void)
{
	static const __u64 timeouts[] = {HALF_OPEN, IDLE, CLOSED};
	struct mxlb_flow_key key;
	struct mxlb_sweep_args arg;

	lab_reset(MXLB_V6);
	key = lab_key(STRANGER, VIP_ID);
	for (__u16 i = 0; i < 12; i++) {
		struct mxlb_flow flow = {.state = i % 3, .backend = MX2, .service = SERVICE};

		flow.seen = NOW - timeouts[i % 3] - (i < 6);
		key.client_port = i;
		lab_flow_put(&key, &flow);
	}
	arg = sweep_now();
	assert_int_equal(arg.seen, 12);
	assert_int_equal(arg.removed, 6);
	assert_int_equal(arg.half_open, 2);
	assert_int_equal(arg.established, 2);
	assert_int_equal(lab_flow_count(), 6);
}

static void sweep_tells(void)
{
	struct mxlb_flow_key key;

	lab_reset(MXLB_V6);
	put_flow(MXLB_FLOW_ESTABLISHED, 1);
	(void)sweep_now(); /* its event is what counts here */
	lab_events_read();
	key = lab_key(CLIENT, VIP_ID);
	assert_int_equal(lab_event.type, MXLB_EVENT_SESSION);
	assert_int_equal(lab_event.end, MXLB_END_IDLE);
	assert_int_equal(lab_event.flow.backend, MX1);
	assert_memory_equal(&lab_event.key, &key, sizeof(key));
}

void test_sweep(void **state)
{
	unsigned failed = 0;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		for (size_t i = 0; i < COUNT(rows); i++) {
			lab_reset(family);
			failed += sweep_row_run(&rows[i]);
		}
	}
	printf("  sweep: %zu rows, %zu runs, %u failed\n", COUNT(rows), COUNT(rows) * 2, failed);
	assert_int_equal(failed, 0);
	sweep_future();
	sweep_many();
	sweep_tells();
}

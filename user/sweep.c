/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass after the other, and what follows from each: backends and VIPs whose last flow
 * has ended are forgotten.
 */
#include "sweep.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply.h"
#include "clock.h"
#include "conf.h"
#include "daemon.h"
#include "dpmaps_sweep.h"
#include "log.h"
#include "mem.h"
#include "model.h"
#include "mxlb/abi.h"

#define PASS_MS 2000 /* from the begin of a pass to that of the next */
/* A slice takes about 1 ms, so the sweeper takes at most a fortieth of a processor. A table of
 * more than PASS_MS / TURN_MS slices (100 000 flows) has longer passes: 20 s for a million,
 * by which a time-out may come late. */
#define TURN_MS 40

struct sweep {
	struct daemon *daemon;
	struct event *timer;
	struct dpmaps_sweep *slices;
	struct mxlb_sweep_args args;
	uint64_t begun_ms;
	unsigned turn_ms; /* between two slices of this pass */
	__u64 expected;	  /* slices to come, if the count of entries is right */
	bool is_under_way;
	int failed; /* what was logged last: a fault is told once */
};

/* Rounded up: a flow may be kept a millisecond too long, never less than it was promised. */
static __u32 ticks(unsigned ms)
{
	return (__u32)((ms * 1000000ull + (1ull << MXLB_TICK_SHIFT) - 1) >> MXLB_TICK_SHIFT);
}

static void args_refresh(struct sweep *sweep)
{
	const struct conf_flows *flows = &sweep->daemon->model->conf->flows;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail */
	sweep->args.now = (__u64)now.tv_sec * 1000000000ull + (__u64)now.tv_nsec;
	sweep->args.timeout[MXLB_FLOW_HALF_OPEN] = ticks(flows->half_open_timeout_ms);
	sweep->args.timeout[MXLB_FLOW_ESTABLISHED] = ticks(flows->idle_timeout_ms);
	sweep->args.timeout[MXLB_FLOW_CLOSING] = ticks(flows->closed_timeout_ms);
}

static int pass_begin(struct sweep *sweep)
{
	int err = dpmaps_sweep_begin(sweep->slices, &sweep->args);

	sweep->expected = sweep->args.entries / MXLB_SWEEP_SLICE + 1;
	sweep->begun_ms = clock_now_ms();
	sweep->turn_ms = TURN_MS;
	if (sweep->expected < PASS_MS / TURN_MS)
		sweep->turn_ms = (unsigned)(PASS_MS / sweep->expected);
	sweep->is_under_way = !err;
	return err;
}

static void mended_log(const struct sweep *sweep)
{
	const struct mxlb_sweep_args *args = &sweep->args;
	const long long *n = args->mended;
	const struct model_backend *backend =
		model_backend_by_id(sweep->daemon->model, args->judged);

	if (!args->judged)
		log_warn("flow table: counts were wrong: half-open by %+lld, established by "
			 "%+lld, entries by %+lld: corrected; no connection is touched, but "
			 "please report it",
			 -n[0], -n[1], -n[2]);
	else
		log_warn("%s/%s (id %u): count of live flows, by which max_connections is kept, "
			 "was wrong by %+lld (established: IPv4 %+lld, IPv6 %+lld): corrected; no "
			 "connection is touched, but please report it",
			 backend ? backend->service->name : "removed",
			 backend ? backend->conf.name : "backend", args->judged, -n[0], -n[1],
			 -n[2]);
}

static int pass_end(struct sweep *sweep)
{
	int more;

	sweep->is_under_way = false;
	while ((more = dpmaps_sweep_judge(sweep->slices, &sweep->args)) > 0)
		mended_log(sweep);
	if (sweep->args.removed)
		log_debug("sweep: %llu flows, %llu removed", sweep->args.seen, sweep->args.removed);
	apply_collect(sweep->daemon);
	return more;
}

/* 0, or a negative errno, and the pass is given up. */
static int turn(struct sweep *sweep)
{
	int err = 0, more;

	args_refresh(sweep);
	if (!sweep->is_under_way)
		err = pass_begin(sweep);
	if (err)
		return err;
	more = dpmaps_sweep_slice(sweep->slices, &sweep->args);
	sweep->expected -= sweep->expected > 0;
	return more ? (more < 0 ? more : 0) : pass_end(sweep);
}

static void failed_log(struct sweep *sweep, int err)
{
	if (err && err != sweep->failed)
		log_error("sweep: %s; until it works again flows are not aged, and the table may "
			  "fill; restart mxlbd if this stays",
			  strerror(-err));
	else if (!err && sweep->failed)
		log_info("sweep: works again");
	sweep->failed = err;
}

static uint64_t wait_ms(const struct sweep *sweep)
{
	uint64_t spent = clock_now_ms() - sweep->begun_ms;

	if (sweep->is_under_way)
		return sweep->expected ? sweep->turn_ms : TURN_MS;
	return spent + TURN_MS < PASS_MS ? PASS_MS - spent : TURN_MS;
}

static void timer_set(struct sweep *sweep, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	(void)event_add(sweep->timer, &tv); /* fails for want of memory only, and then aborts */
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct sweep *sweep = arg;
	int err = turn(sweep);

	if (err)
		sweep->is_under_way = false;
	failed_log(sweep, err);
	timer_set(sweep, wait_ms(sweep));
}

struct sweep *sweep_new(struct daemon *daemon)
{
	struct sweep *sweep = mem_zero(1, sizeof(*sweep));

	sweep->daemon = daemon;
	sweep->slices = dpmaps_sweep_new(daemon->maps);
	sweep->timer = mem_check(evtimer_new(daemon->base, on_turn, sweep));
	timer_set(sweep, PASS_MS);
	return sweep;
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	event_free(sweep->timer);
	dpmaps_sweep_free(sweep->slices);
	free(sweep);
}

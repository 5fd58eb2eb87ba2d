/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sweeper: ages flows and counts the living anew. The daemon lists the table's keys a
 * slice at a time and has each slice done here, in the kernel, where a flow can't change
 * between look and deed. (An iterator over the map would need no list, but some kernels,
 * locked down, refuse it; bpf_for_each_map_elem can't stop and go on.) With the daemon away
 * nothing is swept: the table then fills no further than its size, and connections go on
 * without memory.
 *
 * A pass begins with recounts of zero and a new epoch. Each flow that it comes to gets the
 * epoch and is counted; from then on the data path, which gives it to new flows at once, keeps
 * the recount right. So at the end every live flow is in it, whatever came and went meanwhile.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow_end.h"
#include "maps.h"

/* The sweeper's alone, hence not pinned. Daemon writes before each slice. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxlb_sweep_keys);
} sweep_keys SEC(".maps");

/* ---- a pass begins ------------------------------------------------------------ */

static long recount_find_used(void *map, __u32 *id, struct mxlb_recount *recount, __u32 *used)
{
	const struct mxlb_load *load = &recount->load;

	if (load->flows | load->open[MXLB_V4] | load->open[MXLB_V6])
		*used = *id + 1;
	return 0;
}

/* Ids from here on have no flows. */
static __u32 recounts_used(void)
{
	__u32 used = 0;

	bpf_for_each_map_elem(&recounts, recount_find_used, &used, 0);
	return used;
}

static long recount_zero(__u32 id, void *unused)
{
	struct mxlb_recount *recount = bpf_map_lookup_elem(&recounts, &id);

	if (recount)
		__builtin_memset(&recount->load, 0, sizeof(recount->load));
	return 0;
}

/* Until the new epoch is there, flows of the old one change the recounts: so there is as
 * little as can be between zero and epoch, and what takes long comes before. */
SEC("syscall")
int mxlb_sweep_begin(struct mxlb_sweep_args *arg)
{
	struct mxlb_tallies *tally = tallies_get();
	__u32 used = recounts_used();

	if (!tally)
		return 0;
	bpf_loop(used, recount_zero, NULL, 0);
	arg->entries = tally->entries;
	__sync_fetch_and_add(&tally->epoch, 1);
	arg->seen = arg->removed = arg->counted = 0;
	arg->backend = 0;
	return 0;
}

/* ---- a slice ------------------------------------------------------------------ */

/* For how long nothing was heard of it, in ticks. A packet may come after `now` was read. */
static __always_inline __u32 flow_idle(const struct mxlb_flow *flow, __u64 now)
{
	__u32 idle = (__u32)(now >> MXLB_TICK_SHIFT) - flow->seen;

	return idle >> 31 ? 0 : idle;
}

static __always_inline __u32 sweep_timeout(const struct mxlb_sweep_args *arg, __u32 state)
{
	if (state == MXLB_FLOW_HALF_OPEN)
		return arg->timeout[MXLB_FLOW_HALF_OPEN];
	return arg->timeout[state == MXLB_FLOW_ESTABLISHED ? MXLB_FLOW_ESTABLISHED
							   : MXLB_FLOW_CLOSING];
}

/* A packet that changes the state in this very moment may be counted twice, or not at all: hence
 * the rule of two equal drifts. */
static __always_inline void flow_recount_add(const struct mxlb_flow_key *key,
					     struct mxlb_flow *flow, struct mxlb_sweep_args *arg)
{
	const struct mxlb_tallies *tally = tallies_get();
	struct mxlb_load *recount;
	__u32 epoch, state;

	if (!tally)
		return;
	epoch = (__u32)tally->epoch;
	if (__sync_lock_test_and_set(&flow->epoch, epoch) == epoch)
		return;
	arg->counted++;
	state = *(volatile __u32 *)&flow->state;
	recount = flow_recount(flow);
	if (!recount || state == MXLB_FLOW_CLOSING)
		return;
	__sync_fetch_and_add(&recount->flows, 1);
	if (state == MXLB_FLOW_ESTABLISHED)
		__sync_fetch_and_add(&recount->open[flow_family(key)], 1);
}

/* The flow that the key stood for when it was listed may be gone or another one by now. */
static long sweep_one(__u32 i, struct mxlb_sweep_args *arg)
{
	struct mxlb_sweep_keys *keys;
	struct mxlb_flow_key key;
	struct mxlb_flow *flow;
	__u32 zero = 0;

	keys = bpf_map_lookup_elem(&sweep_keys, &zero);
	if (!keys)
		return 1;
	key = keys->of[i & (MXLB_SWEEP_SLICE - 1)];
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return 0;
	arg->seen++;
	flow_recount_add(&key, flow, arg);
	if (flow_idle(flow, arg->now) <= sweep_timeout(arg, flow->state))
		return 0;
	flow_close(&key, flow, arg->now, MXLB_END_IDLE);
	if (!bpf_map_delete_elem(&flows, &key)) {
		flow_count_gone();
		arg->removed++;
	}
	return 0;
}

SEC("syscall")
int mxlb_sweep_slice(struct mxlb_sweep_args *arg)
{
	struct mxlb_sweep_args sweep = *arg;

	bpf_loop(sweep.keys, sweep_one, &sweep, 0);
	*arg = sweep;
	return 0;
}

/* ---- a pass ends -------------------------------------------------------------- */

/* A difference is a fault when the last pass has found the same: it is added to what is
 * wrong. Found once, it may be a packet that came at the wrong moment. */
static __always_inline __s64 drift_mend(__s64 *last, __s64 drift, __u64 *wrong)
{
	if (!drift || drift != *last) {
		*last = drift;
		return 0;
	}
	*last = 0;
	__sync_fetch_and_add(wrong, drift);
	return drift;
}

static __always_inline void backend_judge(__u32 id, struct mxlb_sweep_args *arg)
{
	struct mxlb_recount *recount = bpf_map_lookup_elem(&recounts, &id);
	struct mxlb_load *load = bpf_map_lookup_elem(&backend_load, &id);

	if (!recount || !load)
		return;
	arg->mended[0] =
		drift_mend(&recount->drift[0], recount->load.flows - load->flows, &load->flows);
	arg->mended[1] = drift_mend(&recount->drift[1], recount->load.open[0] - load->open[0],
				    &load->open[0]);
	arg->mended[2] = drift_mend(&recount->drift[2], recount->load.open[1] - load->open[1],
				    &load->open[1]);
}

static long backend_add(__u32 id, struct mxlb_load *sum)
{
	const struct mxlb_recount *recount = bpf_map_lookup_elem(&recounts, &id);

	if (!recount)
		return 1;
	sum->flows += recount->load.flows;
	sum->open[0] += recount->load.open[MXLB_V4] + recount->load.open[MXLB_V6];
	return 0;
}

/* The totals; their drift stands at backend 0, which is none. Not judged where they have
 * changed while the backends were added up. */
static __always_inline void tallies_judge(struct mxlb_sweep_args *arg)
{
	struct mxlb_tallies *tally = tallies_get();
	__u64 half_open, established;
	struct mxlb_recount *recount;
	struct mxlb_load sum = {0};
	__u32 none = 0, used = recounts_used();

	recount = bpf_map_lookup_elem(&recounts, &none);
	if (!tally || !recount)
		return;
	half_open = *(volatile __u64 *)&tally->half_open;
	established = *(volatile __u64 *)&tally->established;
	bpf_loop(used, backend_add, &sum, 0);
	if (half_open == *(volatile __u64 *)&tally->half_open &&
	    established == *(volatile __u64 *)&tally->established) {
		arg->mended[0] = drift_mend(&recount->drift[0], sum.flows - sum.open[0] - half_open,
					    &tally->half_open);
		arg->mended[1] = drift_mend(&recount->drift[1], sum.open[0] - established,
					    &tally->established);
	}
	arg->mended[2] =
		drift_mend(&recount->drift[2], arg->counted - arg->entries, &tally->entries);
}

/* Judges one after the other, up to the first that had to be mended. */
static long judge_one(__u32 i, struct mxlb_sweep_args *arg)
{
	arg->judged = arg->backend++;
	if (arg->judged)
		backend_judge(arg->judged, arg);
	else
		tallies_judge(arg);
	return arg->mended[0] || arg->mended[1] || arg->mended[2];
}

SEC("syscall")
int mxlb_sweep_judge(struct mxlb_sweep_args *arg)
{
	struct mxlb_sweep_args sweep = *arg;

	__builtin_memset(sweep.mended, 0, sizeof(sweep.mended));
	if (sweep.backend < MXLB_MAX_BACKENDS)
		bpf_loop(MXLB_MAX_BACKENDS - sweep.backend, judge_one, &sweep, 0);
	*arg = sweep;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

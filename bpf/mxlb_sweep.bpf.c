/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sweeper: ages flows in the kernel, run by the daemon every few seconds. With
 * the daemon away nothing is swept: the table then fills no further than its size,
 * and connections go on without memory.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow_end.h"
#include "maps.h"

static __u64 sweep_timeout(const struct mxlb_sweep_args *arg, __u32 state)
{
	if (state == MXLB_FLOW_HALF_OPEN)
		return arg->half_open_timeout;
	return state == MXLB_FLOW_ESTABLISHED ? arg->idle_timeout : arg->closed_timeout;
}

static long sweep_one(void *map, struct mxlb_flow_key *key, struct mxlb_flow *flow,
		      struct mxlb_sweep_args *arg)
{
	__u64 seen = flow->seen;

	arg->seen++;
	/* `seen` may be later than `now`, which was read before the walk began. */
	if (arg->now > seen && arg->now - seen > sweep_timeout(arg, flow->state)) {
		flow_close(key, flow, arg->now, MXLB_END_IDLE);
		if (!bpf_map_delete_elem(map, key))
			arg->removed++;
		return 0;
	}
	if (flow->state == MXLB_FLOW_HALF_OPEN)
		arg->half_open++;
	else if (flow->state == MXLB_FLOW_ESTABLISHED)
		arg->established++;
	return 0;
}

SEC("syscall")
int mxlb_sweep(struct mxlb_sweep_args *arg)
{
	struct mxlb_sweep_args sweep = *arg;

	bpf_for_each_map_elem(&flows, sweep_one, &sweep, 0);
	*arg = sweep;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

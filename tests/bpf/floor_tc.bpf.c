/* SPDX-License-Identifier: BSD-2-Clause */
/* The benchmark's programs under TC; see floor.h. */
#include "floor.h"

#include <linux/pkt_cls.h>

SEC("tc")
int nothing(struct __sk_buff *ctx)
{
	return TC_ACT_UNSPEC;
}

/* A program for each stage: with a constant the kernel makes a plain jump of the call. */
#define PROLOGUE(name, stage)                                                                      \
	SEC("tc")                                                                                  \
	int name(struct __sk_buff *ctx)                                                            \
	{                                                                                          \
		if (!bench_restore((void *)(long)ctx->data, (void *)(long)ctx->data_end))          \
			bpf_tail_call_static(ctx, &stages, stage);                                 \
		return TC_ACT_SHOT;                                                                \
	}

PROLOGUE(to_nothing, BENCH_NOTHING)
PROLOGUE(to_floor, BENCH_FLOOR)
PROLOGUE(to_insert, BENCH_INSERT)
PROLOGUE(to_mxlb, BENCH_MXLB)

/* The sum of TCP by the kernel's helper, which knows of partial ones: the address is in
 * the pseudo header, the port is not. */
static __always_inline int floor_send(struct __sk_buff *ctx, const struct floor_packet *f)
{
	__u32 check = f->l4 + FLOOR_TCP_CHECK;

	if (bpf_l4_csum_replace(ctx, check, 0, f->addr_change, BPF_F_PSEUDO_HDR))
		return TC_ACT_SHOT;
	if (f->port_change && bpf_l4_csum_replace(ctx, check, 0, f->port_change, 0))
		return TC_ACT_SHOT;
	if (floor_write((void *)(long)ctx->data, (void *)(long)ctx->data_end, f))
		return TC_ACT_SHOT;
	return (int)bpf_redirect(f->to->ifindex, 0);
}

SEC("tc")
int floor_dnat(struct __sk_buff *ctx)
{
	struct floor_packet f = {};

	if (floor_find((void *)(long)ctx->data, (void *)(long)ctx->data_end, &f))
		return TC_ACT_UNSPEC;
	return floor_send(ctx, &f);
}

SEC("tc")
int floor_dnat_insert(struct __sk_buff *ctx)
{
	struct floor_packet f = {};

	if (floor_find((void *)(long)ctx->data, (void *)(long)ctx->data_end, &f))
		return TC_ACT_UNSPEC;
	if (floor_insert(&f))
		return TC_ACT_SHOT;
	return floor_send(ctx, &f);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

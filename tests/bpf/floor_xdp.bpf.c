/* SPDX-License-Identifier: BSD-2-Clause */
/* The benchmark's programs under XDP; see floor.h. */
#include "floor.h"

/* Where the floor may send, by ifindex. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} floor_devices SEC(".maps");

SEC("xdp.frags")
int nothing(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* A program for each stage: with a constant the kernel makes a plain jump of the call. */
#define PROLOGUE(name, stage)                                                                      \
	SEC("xdp.frags")                                                                           \
	int name(struct xdp_md *ctx)                                                               \
	{                                                                                          \
		if (!bench_restore((void *)(long)ctx->data, (void *)(long)ctx->data_end))          \
			bpf_tail_call_static(ctx, &stages, stage);                                 \
		return XDP_ABORTED;                                                                \
	}

PROLOGUE(to_nothing, BENCH_NOTHING)
PROLOGUE(to_floor, BENCH_FLOOR)
PROLOGUE(to_insert, BENCH_INSERT)
PROLOGUE(to_mxlb, BENCH_MXLB)

static __always_inline int floor_send(struct xdp_md *ctx, const struct floor_packet *f)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = data + (f->l4 & 0x3f);

	if ((void *)(tcp + 1) > end)
		return XDP_ABORTED;
	tcp->check = ~floor_fold16(
		floor_fold((__u64)(__u16)~tcp->check + f->addr_change + f->port_change));
	if (floor_write(data, end, f))
		return XDP_ABORTED;
	return bpf_redirect_map(&floor_devices, f->to->ifindex, 0);
}

SEC("xdp.frags")
int floor_dnat(struct xdp_md *ctx)
{
	struct floor_packet f = {};

	if (floor_find((void *)(long)ctx->data, (void *)(long)ctx->data_end, &f))
		return XDP_PASS;
	return floor_send(ctx, &f);
}

SEC("xdp.frags")
int floor_dnat_insert(struct xdp_md *ctx)
{
	struct floor_packet f = {};

	if (floor_find((void *)(long)ctx->data, (void *)(long)ctx->data_end, &f))
		return XDP_PASS;
	if (floor_insert(&f))
		return XDP_DROP;
	return floor_send(ctx, &f);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

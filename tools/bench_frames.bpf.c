/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A source of frames that costs next to nothing: run by BPF_PROG_TEST_RUN with live
 * frames, it writes the next flow's frame into the kernel's page and sends it out of the
 * interface. And the other end: a program that drops what arrives.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench_frames.h"

struct frame_plan plan;
__u32 at; /* the flow whose turn it is, less plan.first */

/* A page comes back as the last receiver has left it: hence all of it anew. */
static __always_inline __u16 checksum_add(__u16 check, __u32 sum)
{
	sum += (__u16)~check;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

SEC("xdp")
int frame_source(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;
	__u32 flow = plan.first + at;
	__be32 addr = bpf_htonl(plan.client + (flow & ((1 << CLIENT_BITS) - 1)));
	__be16 port = bpf_htons(CLIENT_PORT + (flow >> CLIENT_BITS));
	__u32 sum = (addr & 0xffff) + (addr >> 16);

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*f = plan.model;
	if (plan.is_to_client) {
		f->ip.daddr = addr;
		f->tcp.dest = port;
	} else {
		f->ip.saddr = addr;
		f->tcp.source = port;
	}
	f->ip.check = checksum_add(plan.model.ip.check, sum);
	f->tcp.check = checksum_add(plan.model.tcp.check, sum + port);
	at = (at + plan.stride) % plan.flows;
	return XDP_TX;
}

SEC("xdp")
int frame_drop(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	/* ARP is answered, for nobody can send a frame to a host that has no address. */
	return eth->h_proto == bpf_htons(ETH_P_IP) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int frame_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "BSD";

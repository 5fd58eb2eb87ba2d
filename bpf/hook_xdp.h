/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP's half of the vocabulary that the pipeline speaks; hook_tc.h is the other.
 * XDP is the shortcut: what it can't finish it passes untouched, to TC.
 */
#ifndef HOOK_XDP_H
#define HOOK_XDP_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#define HOOK_CTX struct xdp_md
/* A pass from XDP reaches the TC program, which counts it. */
#define HOOK_COUNTS_PASS 0

#include "csum.h"
#include "maps.h"
#include "pkt.h"

static __always_inline void *hook_data(const struct pkt *p)
{
	return (void *)(long)p->ctx->data;
}

static __always_inline void *hook_end(const struct pkt *p)
{
	return (void *)(long)p->ctx->data_end;
}

static __always_inline __u32 hook_ifindex(const struct pkt *p)
{
	return p->ctx->ingress_ifindex;
}

/* Is this a frame that is for us to look at? Frames to groups never are. */
static __always_inline int hook_prepare(struct pkt *p)
{
	__u8 *data = hook_data(p);

	return (void *)(data + 1) <= hook_end(p) && !(data[0] & 1);
}

/* Bytes of the frame. The barrier keeps the compiler from doing the pointers' part
 * of a longer expression in 32 bits, which the verifier refuses. */
static __always_inline __u32 hook_len(const struct pkt *p)
{
	__u64 len = hook_end(p) - hook_data(p);

	asm volatile("" : "+r"(len));
	return len;
}

static __always_inline __u32 hook_segments(const struct pkt *p)
{
	return 1;
}

static __always_inline __u32 hook_segment_size(const struct pkt *p)
{
	return 0;
}

static __always_inline long hook_load(struct pkt *p, __u32 offset, void *buf, __u32 len)
{
	return bpf_xdp_load_bytes(p->ctx, offset, buf, len);
}

static __always_inline long hook_resize(struct pkt *p, __u32 len)
{
	return bpf_xdp_adjust_tail(p->ctx, (int)len - (int)hook_len(p));
}

static __always_inline long hook_fib_lookup(struct pkt *p, struct bpf_fib_lookup *fib)
{
	return bpf_fib_lookup(p->ctx, fib, sizeof(*fib), 0);
}

#define HOOK_TCP_MAX 60

/* Is the checksum of this TCP header, which has no payload behind it, right? `sum` is
 * that of the pseudo header. A global function: it has a large stack of its own. */
__noinline int hook_csum_is_right(struct xdp_md *ctx, __u32 offset, __u32 len, __u32 sum)
{
	__be32 header[HOOK_TCP_MAX / 4] = {};
	__s64 whole;

	if (len < 20 || len > HOOK_TCP_MAX || bpf_xdp_load_bytes(ctx, offset, header, len))
		return 0;
	whole = bpf_csum_diff(NULL, 0, header, sizeof(header), sum);
	return whole >= 0 && csum_apply(0xffff, (__u32)whole) == 0;
}

/* A local sender, or a veth, may leave the checksum to be completed by a device that
 * never comes; XDP can't see which packets are of that kind, and would complete the
 * ruin. But it can see a wrong checksum where there is no payload: on the SYN, its
 * answer, and each bare ACK. Until a side has shown a right one, it is left to TC. */
static __always_inline int hook_takes(struct pkt *p)
{
	__u16 flag = p->direction == MXLB_IN ? MXLB_FLOW_WHOLE_IN : MXLB_FLOW_WHOLE_OUT;
	__u32 sum;

	if (p->flow && !p->is_opening && (p->flow->flags & flag))
		return 1;
	if (p->len != p->l4 - ETH_HLEN + p->tcp_len)
		return 0;
	sum = csum_fold32((__u64)csum_sum_addr(&p->src.addr) + csum_sum_addr(&p->dst.addr) +
			  bpf_htons(IPPROTO_TCP) + bpf_htons(p->tcp_len));
	if (!hook_csum_is_right(p->ctx, p->l4, p->tcp_len, sum))
		return 0;
	p->whole = flag;
	return 1;
}

/* Adds differences to the TCP checksum at `offset`: of the pseudo header, and of
 * the segment itself. Here both weigh the same: XDP can't see a partial checksum. */
static __always_inline long hook_l4_csum(struct pkt *p, __u32 offset, __u32 pseudo, __u32 segment)
{
	__u16 *field = hook_data(p) + (offset & 0x1ff);

	if ((void *)(field + 1) > hook_end(p))
		return -1;
	*field = csum_apply(*field, (__u64)pseudo + segment);
	return 0;
}

/* Can this hook send to the hop that route found? */
static __always_inline int hook_can_forward(struct pkt *p)
{
	return p->has_neighbour && bpf_map_lookup_elem(&devices, &p->hop.ifindex) != NULL;
}

static __always_inline int hook_forward(struct pkt *p)
{
	if (bpf_redirect_map(&devices, p->hop.ifindex, 0) != XDP_REDIRECT)
		return -MXLB_REASON_REDIRECT_FAILED;
	return VERDICT_REDIRECT;
}

/* Can it go back out of the interface it came in by? What can't take redirected
 * frames (a veth whose peer has no NAPI) can't send that way either. */
static __always_inline int hook_can_bounce(struct pkt *p)
{
	__u32 ifindex = hook_ifindex(p);

	return bpf_map_lookup_elem(&devices, &ifindex) != NULL;
}

/* By a redirect, not by XDP_TX: on a veth that one wants an XDP program at the peer,
 * while redirected frames need NAPI there only, which `devices` stands for. */
static __always_inline int hook_bounce(struct pkt *p)
{
	if (bpf_redirect_map(&devices, hook_ifindex(p), 0) != XDP_REDIRECT)
		return -MXLB_REASON_REDIRECT_FAILED;
	return VERDICT_TX;
}

static __always_inline int hook_action(int verdict)
{
	switch (verdict) {
	case VERDICT_PASS:
		return XDP_PASS;
	case VERDICT_REDIRECT:
	case VERDICT_TX:
		return XDP_REDIRECT;
	default:
		return XDP_DROP;
	}
}

#endif

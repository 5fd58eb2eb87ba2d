/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP's half of the vocabulary that the pipeline speaks; hook_tc.h is the other.
 * XDP is the shortcut: what it can't finish it passes untouched, to TC.
 */
#ifndef HOOK_XDP_H
#define HOOK_XDP_H

#include <linux/bpf.h>
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

/* Adds differences to the TCP checksum at `offset`: of the pseudo header, and of
 * the segment itself. Here both weigh the same: XDP can't see a partial checksum. */
static __always_inline long hook_l4_csum(struct pkt *p, __u32 offset, __u32 pseudo, __u32 segment)
{
	__u16 *field = hook_data(p) + (offset & 0xff);

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

/* Back out of the interface it came in by. */
static __always_inline int hook_bounce(struct pkt *p)
{
	return VERDICT_TX;
}

static __always_inline int hook_action(int verdict)
{
	switch (verdict) {
	case VERDICT_PASS:
		return XDP_PASS;
	case VERDICT_REDIRECT:
		return XDP_REDIRECT;
	case VERDICT_TX:
		return XDP_TX;
	default:
		return XDP_DROP;
	}
}

#endif

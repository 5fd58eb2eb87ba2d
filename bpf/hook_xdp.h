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

/* What can't be done here is left to TC. */
static __always_inline int hook_is_complete(void)
{
	return 0;
}

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

/* Is all of it in the first buffer? What is longer than its frame may lie in others. */
static __always_inline int hook_is_linear(const struct pkt *p)
{
	return bpf_xdp_get_buff_len(p->ctx) == hook_len(p);
}

/* A tag that the device has taken out of the frame can't be seen here. */
static __always_inline __be16 hook_outer_tag(const struct pkt *p, __u16 *control)
{
	return 0;
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

static __always_inline long hook_store(struct pkt *p, __u32 offset, void *buf, __u32 len)
{
	return bpf_xdp_store_bytes(p->ctx, offset, buf, len);
}

static __always_inline long hook_store_summed(struct pkt *p, __u32 offset, const void *buf,
					      __u32 len)
{
	return bpf_xdp_store_bytes(p->ctx, offset, (void *)buf, len);
}

#define HOOK_LINK_MAX 22 /* Ethernet and two tags */

/* Room for `by` bytes behind the link's header, which is `l3` bytes long. */
static __always_inline long hook_grow_by(struct pkt *p, __u32 l3, __u32 by)
{
	__u8 link[HOOK_LINK_MAX];

	if (l3 < ETH_HLEN || l3 > HOOK_LINK_MAX || bpf_xdp_adjust_head(p->ctx, -(int)by))
		return -1;
	if (bpf_xdp_load_bytes(p->ctx, by, link, l3))
		return -1;
	return bpf_xdp_store_bytes(p->ctx, 0, link, l3);
}

/* For an outer IP header, and for the headers of an ICMP error. */
static __always_inline long hook_grow(struct pkt *p, __u32 l3, int is_v6)
{
	return hook_grow_by(p, l3, is_v6 ? 40 : 20);
}

static __always_inline long hook_grow_plain(struct pkt *p, __u32 l3, int is_v6)
{
	return hook_grow_by(p, l3, is_v6 ? 48 : 28);
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
 * answer, and each bare ACK. Until a side has shown a right one, it is left to TC.
 * Fragments and errors are never of that kind. */
static __always_inline int hook_takes(struct pkt *p)
{
	const struct mxlb_flow *flow = p->is_opening ? NULL : p->flow;
	__u32 sum;

	if (flow &&
	    (flow->side[p->direction == MXLB_IN ? MXLB_IN : MXLB_OUT].flags & MXLB_SIDE_WHOLE))
		return 1;
	if (p->kind != PKT_TCP || p->is_fragment)
		return 1;
	if (pkt_payload(p))
		return 0;
	sum = csum_fold32((__u64)csum_sum_addr(&p->src.addr) + csum_sum_addr(&p->dst.addr) +
			  bpf_htons(IPPROTO_TCP) + bpf_htons(p->tcp_len));
	p->is_whole = hook_csum_is_right(p->ctx, p->l4, p->tcp_len, sum);
	return p->is_whole;
}

/* Is the frame to the interface's own address? A port that sees other hosts' frames must
 * not answer in their place. */
static __always_inline int hook_is_to_us(struct pkt *p)
{
	__u32 slot = hook_ifindex(p) % MXLB_IFINDEX_SLOTS;
	const struct mxlb_port *port = bpf_map_lookup_elem(&ports, &slot);
	const __u16 *frame = hook_data(p);
	const __u16 *mac;

	if (!port || port->ifindex != hook_ifindex(p) || (void *)(frame + 3) > hook_end(p))
		return 0;
	mac = (const __u16 *)port->mac;
	return frame[0] == mac[0] && frame[1] == mac[1] && frame[2] == mac[2];
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

/* Can this hook send to the hop that route found? A cached hop knows. */
static __always_inline int hook_can_forward(struct pkt *p)
{
	if (!p->has_neighbour)
		return 0;
	if (!p->hop.by_xdp && bpf_map_lookup_elem(&devices, &p->hop.ifindex))
		p->hop.by_xdp = 1;
	return p->hop.by_xdp;
}

static __always_inline int hook_forward(struct pkt *p)
{
	if (bpf_redirect_map(&devices, p->hop.ifindex, 0) != XDP_REDIRECT)
		return -MXLB_REASON_REDIRECT_FAILED;
	return VERDICT_REDIRECT;
}

static __always_inline int hook_can_answer(const struct pkt *p)
{
	return 1;
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

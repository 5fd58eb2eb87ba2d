/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TC's half of the vocabulary; hook_xdp.h is the other. TC is the complete
 * implementation: it meets offloads (segments glued by GRO, partial checksums) and
 * next hops whose neighbour is not resolved yet.
 */
#ifndef HOOK_TC_H
#define HOOK_TC_H

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define HOOK_CTX	 struct __sk_buff
#define HOOK_COUNTS_PASS 1
#define AF_INET		 2

#include "csum.h"
#include "maps.h"
#include "pkt.h"

/* Ethernet, IPv6, some extension headers and the longest TCP header. */
#define HOOK_TC_LINEAR 160u

/* Nobody is behind this hook to leave a packet to. */
static __always_inline int hook_is_complete(void)
{
	return 1;
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
	return p->ctx->ifindex;
}

/* Frames for other hosts and to groups are not ours. Headers may lie outside the linear
 * part: pull them in. */
static __always_inline int hook_prepare(struct pkt *p)
{
	__u32 want = p->ctx->len < HOOK_TC_LINEAR ? p->ctx->len : HOOK_TC_LINEAR;

	if (p->ctx->pkt_type != PACKET_HOST)
		return 0;
	if (hook_data(p) + want > hook_end(p))
		(void)bpf_skb_pull_data(p->ctx, want); /* failing, parse finds it short */
	return 1;
}

/* The outermost tag stands beside the frame, not in it. 0: there is none. */
static __always_inline __be16 hook_outer_tag(const struct pkt *p, __u16 *control)
{
	if (!p->ctx->vlan_present)
		return 0;
	*control = p->ctx->vlan_tci;
	return p->ctx->vlan_proto;
}

static __always_inline int hook_is_linear(const struct pkt *p)
{
	return 1;
}

static __always_inline int hook_is_to_us(struct pkt *p)
{
	return 1;
}

static __always_inline __u32 hook_len(const struct pkt *p)
{
	return p->ctx->len;
}

static __always_inline __u32 hook_segments(const struct pkt *p)
{
	return p->ctx->gso_segs > 1 ? p->ctx->gso_segs : 1;
}

/* Payload bytes of one segment of a packet glued by GRO; 0: it is one packet. */
static __always_inline __u32 hook_segment_size(const struct pkt *p)
{
	return p->ctx->gso_size;
}

static __always_inline long hook_load(struct pkt *p, __u32 offset, void *buf, __u32 len)
{
	return bpf_skb_load_bytes(p->ctx, offset, buf, len);
}

/* Without BPF_F_RECOMPUTE_CSUM: what is stored this way keeps the sum of the whole, as a
 * checksum beside it changes along. */
static __always_inline long hook_store(struct pkt *p, __u32 offset, void *buf, __u32 len)
{
	return bpf_skb_store_bytes(p->ctx, offset, buf, len, 0);
}

/* For what stays here, and whose sum a device may have told the kernel. */
static __always_inline long hook_store_summed(struct pkt *p, __u32 offset, const void *buf,
					      __u32 len)
{
	return bpf_skb_store_bytes(p->ctx, offset, buf, len, BPF_F_RECOMPUTE_CSUM);
}

/* Room for an outer IP header. Segments keep their size: whether they fit has been seen. */
static __always_inline long hook_grow(struct pkt *p, __u32 l3, int is_v6)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO |
		      (is_v6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);

	return bpf_skb_adjust_room(p->ctx, is_v6 ? 40 : 20, BPF_ADJ_ROOM_MAC, flags);
}

/* Room for the headers of an ICMP error. */
static __always_inline long hook_grow_plain(struct pkt *p, __u32 l3, int is_v6)
{
	return bpf_skb_adjust_room(p->ctx, is_v6 ? 48 : 28, BPF_ADJ_ROOM_MAC, 0);
}

static __always_inline long hook_resize(struct pkt *p, __u32 len)
{
	return bpf_skb_change_tail(p->ctx, len, 0);
}

static __always_inline long hook_fib_lookup(struct pkt *p, struct bpf_fib_lookup *fib)
{
	return bpf_fib_lookup(p->ctx, fib, sizeof(*fib), 0);
}

static __always_inline int hook_takes(struct pkt *p)
{
	return 1;
}

/* With a partial checksum the field holds the pseudo header's sum alone, and the
 * helper leaves out the segment's part. */
static __always_inline long hook_l4_csum(struct pkt *p, __u32 offset, __u32 pseudo, __u32 segment)
{
	long err = bpf_l4_csum_replace(p->ctx, offset, 0, pseudo, BPF_F_PSEUDO_HDR);

	if (!err && segment)
		err = bpf_l4_csum_replace(p->ctx, offset, 0, segment, 0);
	return err;
}

static __always_inline int hook_can_forward(struct pkt *p)
{
	return 1;
}

static __always_inline int hook_resolve_and_forward(struct pkt *p)
{
	struct bpf_redir_neigh hop = {
		.nh_family = p->gateway_family,
	};

	if (p->gateway_family == AF_INET)
		hop.ipv4_nh = p->gateway.w[3];
	else
		__builtin_memcpy(hop.ipv6_nh, p->gateway.b, sizeof(hop.ipv6_nh));
	return bpf_redirect_neigh(p->hop.ifindex, &hop, sizeof(hop), 0) == TC_ACT_REDIRECT
		       ? VERDICT_REDIRECT
		       : -MXLB_REASON_REDIRECT_FAILED;
}

static __always_inline int hook_forward(struct pkt *p)
{
	if (!p->has_neighbour)
		return hook_resolve_and_forward(p);
	return bpf_redirect(p->hop.ifindex, 0) == TC_ACT_REDIRECT ? VERDICT_REDIRECT
								  : -MXLB_REASON_REDIRECT_FAILED;
}

/* The kernel makes no room behind a tag that is within the frame: the inner of two. */
static __always_inline int hook_can_answer(const struct pkt *p)
{
	return p->l3 == ETH_HLEN;
}

static __always_inline int hook_can_bounce(struct pkt *p)
{
	return 1;
}

static __always_inline int hook_bounce(struct pkt *p)
{
	return bpf_redirect(p->ctx->ifindex, 0) == TC_ACT_REDIRECT ? VERDICT_TX
								   : -MXLB_REASON_REDIRECT_FAILED;
}

static __always_inline int hook_action(int verdict)
{
	switch (verdict) {
	case VERDICT_PASS:
		return TC_ACT_UNSPEC; /* let other filters have their say */
	case VERDICT_REDIRECT:
	case VERDICT_TX:
		return TC_ACT_REDIRECT;
	default:
		return TC_ACT_SHOT;
	}
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet's way in mxlb-decap: at TC ingress, the outer IP header is cut off packets
 * to this host whose inner destination is a VIP, and the kernel goes on with the inner one.
 *
 * TC, because there a packet carries what is known of it: a partial checksum (a local
 * peer, offload on) stays one, and what GRO or the sender's offload has glued together
 * stays in one piece. XDP sees neither, wants a driver that can, and turns segmentation
 * offload off on a veth's peer. A raw socket with a TUN takes each packet through user
 * space, and hands on checksums that nobody has computed as if they were there.
 *
 * From one family to the other bpf_skb_change_proto() comes first: it alone changes
 * skb->protocol on kernels before 6.3, and on all later ones still does.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "decap.h"
#include "mxlb/abi.h"

#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define ECN_CE	    3

struct addr_list {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DECAP_MAX_ADDRS);
	__type(key, struct mxlb_addr);
	__type(value, __u8);
};

/* Written by user space before the program is attached. `routers` is empty if any may send. */
struct addr_list vips SEC(".maps");
struct addr_list routers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECAP_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

const volatile _Bool is_router_checked;

/* What the program asks of an IP header. */
struct header {
	struct mxlb_addr src, dst;
	__u32 len;
	__u16 proto; /* ETH_P_IP or ETH_P_IPV6 */
	__u8 next;
	__u8 ecn;
};

static __always_inline int count(__u32 what, int action)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		(*n)++;
	return action;
}

static __always_inline void addr_from_v4(struct mxlb_addr *addr, __be32 v4)
{
	addr->w[0] = addr->w[1] = 0;
	addr->w[2] = bpf_htonl(0xffff);
	addr->w[3] = v4;
}

static __always_inline int header_read_v4(struct __sk_buff *skb, __u32 offset, struct header *h)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes_relative(skb, offset, &ip, sizeof(ip), BPF_HDR_START_NET) ||
	    ip.version != 4 || ip.ihl < 5)
		return -1;
	addr_from_v4(&h->src, ip.saddr);
	addr_from_v4(&h->dst, ip.daddr);
	h->len = ip.ihl * 4;
	h->proto = ETH_P_IP;
	h->ecn = ip.tos & 3;
	h->next = ip.frag_off & bpf_htons(IP_FRAGMENT) ? IPPROTO_FRAGMENT : ip.protocol;
	return 0;
}

static __always_inline int header_read_v6(struct __sk_buff *skb, __u32 offset, struct header *h)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes_relative(skb, offset, &ip, sizeof(ip), BPF_HDR_START_NET) ||
	    ip.version != 6)
		return -1;
	__builtin_memcpy(&h->src, &ip.saddr, sizeof(h->src));
	__builtin_memcpy(&h->dst, &ip.daddr, sizeof(h->dst));
	h->len = sizeof(ip);
	h->proto = ETH_P_IPV6;
	h->ecn = ip.flow_lbl[0] >> 4 & 3;
	h->next = ip.nexthdr;
	return 0;
}

/* An outer header with a whole packet in it. Fragments are left to the kernel, which puts
 * them together but has nobody to give them to: mxlb sends none. */
static __always_inline int outer_read(struct __sk_buff *skb, struct header *outer)
{
	int err = -1;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		err = header_read_v4(skb, 0, outer);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		err = header_read_v6(skb, 0, outer);
	return err ? err : outer->next == IPPROTO_IPIP || outer->next == IPPROTO_IPV6 ? 0 : -1;
}

/* Congestion that a router on the tunnel's way has marked is the inner packet's; one whose
 * sender does not know the mark has to be dropped (RFC 6040, 4.2). */
static __always_inline int ecn_copy(struct __sk_buff *skb, const struct header *outer)
{
	return outer->ecn != ECN_CE || bpf_skb_ecn_set_ce(skb) ? 0 : -1;
}

static __always_inline int outer_strip(struct __sk_buff *skb, const struct header *outer,
				       const struct header *inner)
{
	__s32 before = skb->len, surplus = outer->len;

	if (inner->proto != outer->proto) {
		if (bpf_skb_change_proto(skb, bpf_htons(inner->proto), 0))
			return -1;
		surplus += (__s32)skb->len - before;
	}
	if (bpf_skb_adjust_room(skb, -surplus, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return -1;
	return ecn_copy(skb, outer);
}

SEC("tc")
int mxlb_decap(struct __sk_buff *skb)
{
	struct header outer = {0}, inner = {0};
	int err;

	if (skb->pkt_type != PACKET_HOST || outer_read(skb, &outer))
		return TC_ACT_UNSPEC;
	if (outer.next == IPPROTO_IPIP)
		err = header_read_v4(skb, outer.len, &inner);
	else
		err = header_read_v6(skb, outer.len, &inner);
	if (err || !bpf_map_lookup_elem(&vips, &inner.dst))
		return count(DECAP_NOT_VIP, TC_ACT_UNSPEC);
	if (is_router_checked && !bpf_map_lookup_elem(&routers, &outer.src))
		return count(DECAP_NOT_FROM, TC_ACT_SHOT);
	if (outer_strip(skb, &outer, &inner))
		return count(DECAP_FAILED, TC_ACT_SHOT);
	return count(DECAP_TAKEN, TC_ACT_UNSPEC);
}

char _license[] SEC("license") = "BSD";

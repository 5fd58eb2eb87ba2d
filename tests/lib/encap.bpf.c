/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In mxlb's place at the router's eth1, for packets on their way out: puts an outer IP
 * header in front of what is for a VIP. forward.py compiles it with VIP_4 and VIP_6, and
 * with HEADER_4 and HEADER_6, the outer headers for an IPv4 and an IPv6 packet but for
 * their lengths and checksum; each is a list of bytes.
 */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

union addr {
	__u8 b[16];
	__u64 half[2];
};

static __always_inline int addr_is(struct __sk_buff *skb, __u32 offset, const union addr *vip,
				   __u32 len)
{
	union addr addr = {0};

	return !bpf_skb_load_bytes(skb, ETH_HLEN + offset, &addr, len) &&
	       addr.half[0] == vip->half[0] && addr.half[1] == vip->half[1];
}

static __always_inline int push(struct __sk_buff *skb, void *header, __u32 size, __be16 proto,
				__u64 flags)
{
	if (bpf_skb_adjust_room(skb, size, BPF_ADJ_ROOM_MAC, flags | BPF_F_ADJ_ROOM_FIXED_GSO) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, header, size, 0) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN - sizeof(proto), &proto, sizeof(proto), 0))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

static __always_inline int push_v4(struct __sk_buff *skb, struct iphdr *ip)
{
	__u16 *word = (__u16 *)ip;
	__u32 sum = 0;

	ip->tot_len = bpf_htons(skb->len - ETH_HLEN + sizeof(*ip));
	for (int i = 0; i < 10; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~(sum + (sum >> 16));
	return push(skb, ip, sizeof(*ip), bpf_htons(ETH_P_IP), BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
}

static __always_inline int push_v6(struct __sk_buff *skb, struct ipv6hdr *ip)
{
	ip->payload_len = bpf_htons(skb->len - ETH_HLEN);
	return push(skb, ip, sizeof(*ip), bpf_htons(ETH_P_IPV6), BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
}

static __always_inline int encap(struct __sk_buff *skb, const __u8 *bytes, __u32 size)
{
	union {
		__u8 b[sizeof(struct ipv6hdr)];
		struct iphdr v4;
		struct ipv6hdr v6;
	} header;

	__builtin_memcpy(&header, bytes, size);
	return size == sizeof(header.v4) ? push_v4(skb, &header.v4) : push_v6(skb, &header.v6);
}

SEC("tc")
int lab_encap(struct __sk_buff *skb)
{
	const union addr vip4 = {.b = {VIP_4}}, vip6 = {.b = {VIP_6}};
	const __u8 header4[] = {HEADER_4}, header6[] = {HEADER_6};

	if (skb->protocol == bpf_htons(ETH_P_IP) &&
	    addr_is(skb, offsetof(struct iphdr, daddr), &vip4, 4))
		return encap(skb, header4, sizeof(header4));
	if (skb->protocol == bpf_htons(ETH_P_IPV6) &&
	    addr_is(skb, offsetof(struct ipv6hdr, daddr), &vip6, 16))
		return encap(skb, header6, sizeof(header6));
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";

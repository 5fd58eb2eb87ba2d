/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs that mxlb is measured against, and the prologue that makes their
 * packets; what both hooks share. The floor is the least that a translating router
 * can do: parse, one look-up, checksums, TTL, addresses. Written to be fair: it knows
 * nothing in advance that a plain program would have to find out.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "bench_abi.h"

#define FLOOR_TCP_CHECK 16

struct bench_state bench;

/* Where the prologue goes on. The benchmark fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, BENCH_STAGES);
	__type(key, __u32);
	__type(value, __u32);
} stages SEC(".maps");

/* Two entries a connection, one for each direction. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct floor_key4);
	__type(value, struct floor_to);
} floor4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct floor_key6);
	__type(value, struct floor_to);
} floor6 SEC(".maps");

/* What a table of connections costs to write to: mxlb's own sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct mxlb_flow_key);
	__type(value, struct mxlb_flow);
} inserts SEC(".maps");

static __always_inline __u32 floor_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

static __always_inline __u16 floor_fold16(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* ---- the prologue ---------------------------------------------------------- */

static __always_inline int bench_copy(void *data, void *end, const int words)
{
	__u64 *to = data;

	if ((void *)(to + words) > end)
		return -1;
	for (int i = 0; i < words; i++)
		to[i] = bench.frame[i];
	return 0;
}

static __always_inline int bench_put16(void *data, void *end, __u32 offset, __u16 value)
{
	__u16 *at = data + (offset & 0x7f);

	if ((void *)(at + 1) > end)
		return -1;
	*at = value;
	return 0;
}

/* Puts the next client into the restored packet. */
static __always_inline int bench_client(void *data, void *end)
{
	__u32 next = bench.at + bench.step, *addr = data + (bench.addr & 0x7f);
	__u32 client, gone;

	if (next >= bench.clients)
		next -= bench.clients;
	bench.at = next;
	client = bpf_htonl(bench.first + next);
	if ((void *)(addr + 1) > end)
		return -1;
	*addr = client;
	gone = 0xffff ^ floor_fold16(client);
	if (bench_put16(data, end, bench.ip_word, floor_fold16(bench.ip_sum + gone)))
		return -1;
	return bench_put16(data, end, bench.l4_word, floor_fold16(bench.l4_sum + gone));
}

/* Undoes what the last run has done to the packet, for the next client. The atomic
 * at the end waits until all is written, so that what is measured neither overlaps
 * with this nor stumbles over stores that are on their way. */
static __always_inline int bench_restore(void *data, void *end)
{
	static __u64 barrier;
	int err;

	if (bench.words == BENCH_WORDS_TCP)
		err = bench_copy(data, end, BENCH_WORDS_TCP);
	else
		err = bench_copy(data, end, BENCH_WORDS);
	if (err || bench_client(data, end))
		return -1;
	__sync_fetch_and_add(&barrier, 1);
	return 0;
}

/* ---- the floor ------------------------------------------------------------- */

struct floor_packet {
	const struct floor_to *to;
	__u32 l4;			/* offset of the TCP header */
	__u32 addr_change, port_change; /* of the checksum */
	struct mxlb_flow_key key;	/* for the insertion */
};

static __always_inline __u32 floor_change(const __be32 *from, const __be32 *to, const int words)
{
	__u64 sum = 0;

	for (int i = 0; i < words; i++)
		sum += (__u64)(__u32)~from[i] + to[i];
	return floor_fold(sum);
}

static __always_inline void floor_ports(struct floor_packet *f, const struct tcphdr *tcp)
{
	__be16 from = f->to->is_source ? tcp->source : tcp->dest;

	f->port_change = from == f->to->port ? 0 : (__u32)(__u16)~from + f->to->port;
	f->key.client_port = tcp->source;
}

static __always_inline int floor_find4(void *data, void *end, struct floor_packet *f)
{
	struct iphdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	struct floor_key4 key;

	if ((void *)(tcp + 1) > end || ip->version != 4 || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_TCP || ip->frag_off & bpf_htons(0x3fff) || ip->ttl <= 1)
		return -1;
	key.src = ip->saddr;
	key.dst = ip->daddr;
	key.sport = tcp->source;
	key.dport = tcp->dest;
	key.protocol = IPPROTO_TCP;
	f->to = bpf_map_lookup_elem(&floor4, &key);
	if (!f->to)
		return -1;
	f->l4 = ETH_HLEN + sizeof(*ip);
	f->addr_change = floor_change(f->to->is_source ? &key.src : &key.dst, &f->to->addr[3], 1);
	f->key.client.w[2] = bpf_htonl(0xffff);
	f->key.client.w[3] = key.src;
	floor_ports(f, tcp);
	return 0;
}

static __always_inline int floor_find6(void *data, void *end, struct floor_packet *f)
{
	struct ipv6hdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	struct floor_key6 key;

	if ((void *)(tcp + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_TCP ||
	    ip->hop_limit <= 1)
		return -1;
	__builtin_memcpy(key.src, &ip->saddr, 16);
	__builtin_memcpy(key.dst, &ip->daddr, 16);
	key.sport = tcp->source;
	key.dport = tcp->dest;
	key.protocol = IPPROTO_TCP;
	f->to = bpf_map_lookup_elem(&floor6, &key);
	if (!f->to)
		return -1;
	f->l4 = ETH_HLEN + sizeof(*ip);
	f->addr_change = floor_change(f->to->is_source ? key.src : key.dst, f->to->addr, 4);
	__builtin_memcpy(f->key.client.w, key.src, 16);
	floor_ports(f, tcp);
	return 0;
}

static __always_inline int floor_find(void *data, void *end, struct floor_packet *f)
{
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return -1;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return floor_find4(data, end, f);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return floor_find6(data, end, f);
	return -1;
}

static __always_inline void floor_write4(const struct floor_packet *f, struct iphdr *ip)
{
	__be16 *ttl = (__be16 *)&ip->ttl; /* with the protocol: one word of the sum */
	__u16 before = ~*ttl;

	ip->ttl--;
	ip->check = ~floor_fold16(
		floor_fold((__u64)(__u16)~ip->check + f->addr_change + before + *ttl));
	if (f->to->is_source)
		ip->saddr = f->to->addr[3];
	else
		ip->daddr = f->to->addr[3];
}

static __always_inline void floor_write6(const struct floor_packet *f, struct ipv6hdr *ip)
{
	ip->hop_limit--;
	if (f->to->is_source)
		__builtin_memcpy(&ip->saddr, f->to->addr, 16);
	else
		__builtin_memcpy(&ip->daddr, f->to->addr, 16);
}

/* Everything but the checksum of TCP. */
static __always_inline int floor_write(void *data, void *end, const struct floor_packet *f)
{
	struct tcphdr *tcp = data + (f->l4 & 0x3f);

	if ((void *)(tcp + 1) > end || data + ETH_HLEN + sizeof(struct ipv6hdr) > end)
		return -1;
	if (f->l4 == ETH_HLEN + sizeof(struct iphdr))
		floor_write4(f, data + ETH_HLEN);
	else
		floor_write6(f, data + ETH_HLEN);
	if (f->to->is_source)
		tcp->source = f->to->port;
	else
		tcp->dest = f->to->port;
	__builtin_memcpy(data, f->to->macs, sizeof(f->to->macs));
	return 0;
}

static __always_inline int floor_insert(const struct floor_packet *f)
{
	struct mxlb_flow flow = {};

	return bpf_map_update_elem(&inserts, &f->key, &flow, BPF_NOEXIST);
}

#endif

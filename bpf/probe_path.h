/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way back of probes in dsr and tunnel mode. The prober has connected to a backend's
 * own address, the probe has travelled to the VIP (probe_out.h), so the answer comes from
 * the VIP: with the VIP on an interface of this router the kernel would drop it as
 * martian. It is made an answer of that backend, and left to the kernel.
 */
#ifndef PROBE_PATH_H
#define PROBE_PATH_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stddef.h>

#include "csum.h"
#include "maps.h"
#include "pkt.h"

#define PROBE_TCP_CHECK 16
#define PROBE_L3_MAX	0x3f

static __always_inline int probe_path_ipv4(struct pkt *p, __u32 diff, int is_source,
					   const struct mxlb_addr *to)
{
	struct iphdr *ip = hook_data(p) + (p->l3 & PROBE_L3_MAX);

	if ((void *)(ip + 1) > hook_end(p))
		return -1;
	ip->check = csum_apply(ip->check, diff);
	if (is_source)
		ip->saddr = to->w[3];
	else
		ip->daddr = to->w[3];
	return 0;
}

/* A device may have summed the whole packet up for the kernel, to which this one goes. The
 * helper for TCP's checksum has taken that along, as it must where the header before has a
 * checksum of its own to make up for the address. Here it has none. */
static __always_inline int probe_path_ipv6(struct pkt *p, int is_source, const struct mxlb_addr *to)
{
	__u32 at = is_source ? offsetof(struct ipv6hdr, saddr) : offsetof(struct ipv6hdr, daddr);

	return hook_store_summed(p, (p->l3 & PROBE_L3_MAX) + at, to, sizeof(*to)) ? -1 : 0;
}

/* Puts `to` in the place of the packet's source or destination address. */
static __always_inline int probe_path_readdress(struct pkt *p, int is_source,
						const struct mxlb_addr *to)
{
	__u32 diff = csum_diff_addr(is_source ? &p->src.addr : &p->dst.addr, to);

	if (hook_l4_csum(p, p->l4 + PROBE_TCP_CHECK, diff, 0))
		return -1;
	return p->family == MXLB_V4 ? probe_path_ipv4(p, diff, is_source, to)
				    : probe_path_ipv6(p, is_source, to);
}

struct probe_answer {
	struct mxlb_flow_key key;
	struct mxlb_addr vip;
	__u32 family, l3, l4;
};

/* Does a socket of ours talk to that backend from there? An entry may be older than its
 * port's present user, who perhaps talks to the VIP itself, where another router has it. */
static __always_inline int probe_path_is_awaited(HOOK_CTX *ctx, const struct probe_answer *answer,
						 const struct mxlb_endpoint *backend)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sock;
	__u32 len = sizeof(tuple.ipv6);
	int found;

	if (answer->family == MXLB_V4) {
		tuple.ipv4.saddr = backend->addr.w[3];
		tuple.ipv4.daddr = answer->key.client.w[3];
		tuple.ipv4.sport = backend->port;
		tuple.ipv4.dport = answer->key.client_port;
		len = sizeof(tuple.ipv4);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, &backend->addr, 16);
		__builtin_memcpy(tuple.ipv6.daddr, &answer->key.client, 16);
		tuple.ipv6.sport = backend->port;
		tuple.ipv6.dport = answer->key.client_port;
	}
	sock = bpf_skc_lookup_tcp(ctx, &tuple, len, BPF_F_CURRENT_NETNS, 0);
	if (!sock)
		return 0;
	found = sock->state != BPF_TCP_LISTEN;
	bpf_sk_release(sock);
	return found;
}

/* A global function, for the verifier's sake: it is looked at once. */
__noinline int probe_path_take(HOOK_CTX *ctx, struct probe_answer *answer)
{
	const struct mxlb_endpoint *backend;
	struct pkt p = {.ctx = ctx};
	struct mxlb_flow_key key;

	if (!answer)
		return 0;
	key = answer->key;
	p.src.addr = answer->vip;
	p.family = answer->family;
	p.l3 = answer->l3;
	p.l4 = answer->l4;
	backend = bpf_map_lookup_elem(&probe_flows, &key);
	if (!backend || !probe_path_is_awaited(ctx, answer, backend))
		return 0;
	return probe_path_readdress(&p, 1, &backend->addr);
}

/* A segment from a VIP that belongs to no flow. XDP leaves it to TC. */
static __always_inline int probe_path_back(struct pkt *p)
{
	struct probe_answer answer = {
		.key = *pkt_key(p),
		.vip = p->src.addr,
		.family = p->family,
		.l3 = p->l3,
		.l4 = p->l4,
	};

	if (!hook_is_complete())
		return VERDICT_PASS;
	return probe_path_take(p->ctx, &answer) ? -MXLB_REASON_REWRITE_FAILED : VERDICT_PASS;
}

#endif

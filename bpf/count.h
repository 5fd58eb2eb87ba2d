/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Per-CPU counters: what passed, by interface, service and backend, and why the
 * rest did not. Last station of every packet.
 */
#ifndef COUNT_H
#define COUNT_H

#include "maps.h"
#include "pkt.h"

static __always_inline struct mxlb_service_count *count_service(const struct pkt *p)
{
	__u32 index = p->service * MXLB_FAMILIES + p->family;

	return bpf_map_lookup_elem(&service_counts, &index);
}

static __always_inline struct mxlb_backend_count *count_backend(const struct pkt *p)
{
	__u32 index = p->backend * MXLB_FAMILIES + p->family;

	return bpf_map_lookup_elem(&backend_counts, &index);
}

static __always_inline void count_connection(const struct pkt *p)
{
	struct mxlb_service_count *service = count_service(p);
	struct mxlb_backend_count *backend = count_backend(p);

	if (service)
		service->connections++;
	if (backend)
		backend->connections++;
}

static __always_inline void count_refused(const struct pkt *p)
{
	struct mxlb_service_count *service = count_service(p);

	if (service)
		service->refused++;
}

static __always_inline void count_syn(const struct pkt *p)
{
	struct mxlb_service_count *service = count_service(p);

	if (service)
		service->syns++;
}

/* A packet glued by GRO counts as the packets it was on the wire. */
static __always_inline void count_forwarded(const struct pkt *p)
{
	struct mxlb_backend_count *backend = count_backend(p);
	__u32 segments = p->segments, headers = p->l4 - p->l3 + p->tcp_len;

	if (!backend)
		return;
	backend->packets[p->direction & 1] += segments;
	backend->bytes[p->direction & 1] += p->len + (segments - 1) * headers;
}

static __always_inline void count_drop(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&drops, &reason);

	if (count)
		(*count)++;
}

static __always_inline void count_action(const struct pkt *p, __u32 action, __u32 segments)
{
	__u32 slot = hook_ifindex(p) % MXLB_IFINDEX_SLOTS;
	struct mxlb_interface_count *count = bpf_map_lookup_elem(&interface_counts, &slot);

	if (count && action < MXLB_ACTIONS)
		count->packets[action] += segments;
}

static __always_inline int count_pass(const struct pkt *p)
{
	if (HOOK_COUNTS_PASS)
		count_action(p, MXLB_ACTION_PASS, hook_segments(p));
	return VERDICT_PASS;
}

static __always_inline int count_verdict(const struct pkt *p, int verdict)
{
	if (verdict == VERDICT_PASS)
		return count_pass(p);
	if (verdict <= 0)
		count_drop(-verdict);
	count_action(p, verdict > 0 ? verdict - 1 : MXLB_ACTION_DROP, p->segments);
	if (verdict == VERDICT_REDIRECT)
		count_forwarded(p);
	return verdict;
}

#endif

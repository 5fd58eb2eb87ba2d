/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments. The first one has the ports and is handled like any segment; it leaves them
 * here for the others. One that comes before its first passes untouched: nobody can tell
 * whose it is, and TCP repeats what is lost by that.
 */
#ifndef FRAGMENT_H
#define FRAGMENT_H

#include "maps.h"
#include "pkt.h"

static __always_inline struct mxlb_fragment_key fragment_key(const struct pkt *p)
{
	struct mxlb_fragment_key key = {
		.src = p->src.addr,
		.dst = p->dst.addr,
		.id = p->frag_id,
	};

	return key;
}

/* The ports of a later fragment. One that begins within the first could change the header
 * that has been judged (RFC 1858, RFC 5722). */
static __always_inline int fragment_find(struct pkt *p)
{
	struct mxlb_fragment_key key = fragment_key(p);
	const struct mxlb_fragment *first = bpf_map_lookup_elem(&fragments, &key);

	if (!first || first->until < p->now)
		return VERDICT_PASS;
	p->src.port = first->sport;
	p->dst.port = first->dport;
	if (p->frag_end < first->end)
		p->fault = MXLB_REASON_FRAGMENT_OVERLAP;
	return VERDICT_GO_ON;
}

/* Keeps the ports of a first fragment that is forwarded. */
static __always_inline void fragment_keep(const struct pkt *p)
{
	struct mxlb_fragment_key key = fragment_key(p);
	struct mxlb_fragment first = {
		.sport = p->src.port,
		.dport = p->dst.port,
		.end = p->frag_end,
		.until = p->now + knobs.fragment_for,
	};

	(void)bpf_map_update_elem(&fragments, &key, &first, BPF_ANY); /* LRU: finds room */
}

#endif

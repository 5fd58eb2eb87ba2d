/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv6 extension headers, bounded. Rare, hence a global function that loads bytes: the
 * verifier looks at its loop once, and not once for each way that leads there.
 */
#ifndef PARSE_EXT_H
#define PARSE_EXT_H

#include <linux/in.h>
#include <linux/in6.h>

#include "pkt.h"

/* RFC 8200, 4.1 names six in a sensible chain; more is noise. */
#define PARSE_MAX_EXT 6

struct parse_chain {
	__u32 next;   /* the protocol; in: of the first header */
	__u32 offset; /* of what is behind the headers; in: of the first */
	__u32 is_fragment;
	__u32 begin; /* of a fragment's data, in bytes of the datagram; 0: the first */
	__u32 id;
	__u32 start; /* offset of a fragment's data */
};

static __always_inline struct mxlb_addr parse_from_v4(__be32 v4)
{
	struct mxlb_addr addr = {.w = {0, 0, bpf_htonl(0xffff), v4}};

	return addr;
}

/* Authentication and encryption are the kernel's. */
static __always_inline int parse_is_ext(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_FRAGMENT;
}

/* A fragment header (RFC 8200, 4.5). One that is no fragment at all, "atomic", is a plain
 * packet (RFC 6946). 1: nothing of the rest can be read. */
static __always_inline int parse_fragment_header(struct parse_chain *chain, const __u8 *head)
{
	__u32 begin = (head[2] << 8 | head[3]) & 0xfff8;

	chain->start = chain->offset;
	chain->begin = begin;
	chain->is_fragment = begin || (head[3] & 1);
	__builtin_memcpy(&chain->id, head + 4, sizeof(chain->id));
	return begin != 0;
}

/* 0, or 1: too long a chain, a route not yet travelled, a header that is cut. */
__noinline int parse_ext_headers(HOOK_CTX *ctx, struct parse_chain *chain)
{
	struct pkt p = {.ctx = ctx};

	if (!chain)
		return 1;
	for (int i = 0; i < PARSE_MAX_EXT && parse_is_ext(chain->next); i++) {
		__u8 head[8], next = chain->next;

		if (hook_load(&p, chain->offset & 0xfff, head, sizeof(head)))
			return 1;
		chain->offset += next == IPPROTO_FRAGMENT ? 8 : (head[1] + 1) * 8;
		chain->next = head[0];
		if (next == IPPROTO_ROUTING && head[3])
			return 1;
		if (next == IPPROTO_FRAGMENT && parse_fragment_header(chain, head))
			return 0;
	}
	return parse_is_ext(chain->next);
}

#endif

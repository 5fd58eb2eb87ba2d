/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this packet open a flow, and will it be remembered? Half-open flows are capped, so
 * that a flood of SYNs costs no established flow and no insert per SYN: beyond the cap, as
 * when the table is full, it is served from the ring without memory.
 */
#ifndef ADMIT_H
#define ADMIT_H

#include "maps.h"
#include "pkt.h"

/* Addresses that no sender on a wire has (RFC 6890), those that no router forwards
 * (RFC 3927, 7; RFC 4291, 2.5.6), and the VIP's own. */
static __always_inline int admit_is_martian(const struct pkt *p)
{
	const struct mxlb_addr *src = &p->src.addr;

	if (pkt_same_addr(src, &p->dst.addr))
		return 1;
	if (p->family == MXLB_V4)
		return src->b[12] == 0 || src->b[12] == 127 || src->b[12] >= 224 ||
		       (src->b[12] == 169 && src->b[13] == 254);
	if (src->b[0] == 0xff || (src->b[0] == 0xfe && (src->b[1] & 0xc0) == 0x80))
		return 1;
	return !src->w[0] && !src->w[1] && !src->w[2] && bpf_ntohl(src->w[3]) <= 1;
}

static __always_inline int admit(struct pkt *p)
{
	const struct mxlb_settings *set;
	struct mxlb_tallies *tally = tallies_get();
	__u32 zero = 0;

	set = bpf_map_lookup_elem(&settings, &zero);
	if (!set || !tally)
		return -MXLB_REASON_NO_SERVICE;
	if (admit_is_martian(p))
		return -MXLB_REASON_MARTIAN;
	if (!p->src.port)
		return -MXLB_REASON_ZERO_PORT;
	/* A flow that takes the place of a finished one needs no room. */
	if (p->remember && (tally->half_open >= set->half_open_max ||
			    (!p->flow && tally->entries >= set->flows_max))) {
		p->remember = 0;
		p->is_denied = 1;
	}
	return VERDICT_GO_ON;
}

#endif

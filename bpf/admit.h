/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this packet open a flow? Half-open flows are capped, so that a flood of SYNs
 * costs no established flow and no insert per SYN: beyond the cap a SYN is served
 * from the ring without memory, and its flow is made when the client's ACK comes.
 */
#ifndef ADMIT_H
#define ADMIT_H

#include "maps.h"
#include "pkt.h"

static __always_inline int admit(struct pkt *p)
{
	const struct mxlb_settings *set;
	struct mxlb_tallies *tally = tallies_get();
	__u32 zero = 0;

	set = bpf_map_lookup_elem(&settings, &zero);
	if (!set || !tally)
		return -MXLB_REASON_NO_SERVICE;
	if (pkt_is_syn(p) && tally->half_open >= set->half_open_max)
		p->remember = 0;
	return VERDICT_GO_ON;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Second station: whose packet is it? To a VIP: ours, and from here on the default
 * is to drop with a reason. From a backend's mail port: perhaps a reply; flow_find
 * decides, for an operator may reach a backend directly through this router.
 */
#ifndef VIP_H
#define VIP_H

#include "maps.h"
#include "pkt.h"

static __always_inline int vip_match(struct pkt *p)
{
	const struct mxlb_vip *vip = bpf_map_lookup_elem(&vips, &p->dst);

	if (vip) {
		p->direction = MXLB_IN;
		p->vip = vip->id;
		p->service = vip->service;
		p->is_leaving = vip->is_leaving;
		return p->fault ? -(int)p->fault : VERDICT_GO_ON;
	}
	p->origin = bpf_map_lookup_elem(&origins, &p->src);
	if (!p->origin || p->fault)
		return VERDICT_PASS;
	p->direction = MXLB_OUT;
	return VERDICT_GO_ON;
}

#endif

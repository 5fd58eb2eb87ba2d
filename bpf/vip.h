/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Second station: whose packet is it? To a VIP: ours, and from here on the default
 * is to drop with a reason. From a backend's mail port: perhaps a reply; flow_find
 * decides, for an operator may reach a backend directly through this router. From a VIP:
 * a reply of a backend that holds the VIP itself (dsr, tunnel).
 */
#ifndef VIP_H
#define VIP_H

#include "glance.h"
#include "maps.h"
#include "pkt.h"

static __always_inline const struct mxlb_door *vip_door(const struct mxlb_endpoint *end)
{
	__u32 slot = mxlb_door(end);

	return glance_has_door(slot) ? bpf_map_lookup_elem(&doors, &slot) : NULL;
}

static __always_inline const struct mxlb_door *vip_door_at(__u32 found)
{
	__u32 slot = found - 1;

	return found ? bpf_map_lookup_elem(&doors, &slot) : NULL;
}

static __always_inline int vip_same(const struct mxlb_endpoint *a, const struct mxlb_endpoint *b)
{
	return a->port == b->port && pkt_same_addr(&a->addr, &b->addr);
}

/* Read once, and before the content: a writer counts on that order. */
static __always_inline __u32 door_kind(const struct mxlb_door *door)
{
	return *(const volatile __u32 *)&door->kind;
}

static __always_inline const struct mxlb_vip *vip_of(const struct mxlb_door *door,
						     const struct mxlb_endpoint *end)
{
	__u32 kind = door_kind(door);

	if (kind == MXLB_DOOR_CROWDED)
		return bpf_map_lookup_elem(&vips, end);
	return kind == MXLB_DOOR_VIP && vip_same(&door->key, end) ? &door->vip : NULL;
}

static __always_inline const struct mxlb_origin *origin_of(const struct mxlb_door *door,
							   const struct mxlb_endpoint *end)
{
	__u32 kind = door_kind(door);

	if (kind == MXLB_DOOR_CROWDED)
		return bpf_map_lookup_elem(&origins, end);
	return kind == MXLB_DOOR_ORIGIN && vip_same(&door->key, end) ? &door->origin : NULL;
}

static __always_inline int vip_match_source(struct pkt *p)
{
	int is_found = p->glance.is_plain && !p->glance.dst;
	const struct mxlb_door *door = is_found ? vip_door_at(p->glance.src) : vip_door(&p->src);
	const struct mxlb_vip *vip;

	/* A later fragment's ports are known from one that was ours. */
	if (!door || (p->fault && p->kind != PKT_LATER))
		return VERDICT_PASS;
	p->origin = origin_of(door, &p->src);
	if (p->origin) {
		p->direction = MXLB_OUT;
		return -(int)p->fault;
	}
	vip = vip_of(door, &p->src);
	if (!vip)
		return VERDICT_PASS;
	p->direction = MXLB_OUT;
	p->vip = vip->id;
	p->forward = MXLB_DSR; /* nothing to translate */
	return -(int)p->fault;
}

static __always_inline int vip_match(struct pkt *p)
{
	const struct mxlb_door *door =
		p->glance.is_plain ? vip_door_at(p->glance.dst) : vip_door(&p->dst);
	const struct mxlb_vip *vip;

	vip = door ? vip_of(door, &p->dst) : NULL;
	if (!vip)
		return vip_match_source(p);
	p->direction = MXLB_IN;
	p->vip = vip->id;
	p->service = vip->service;
	p->is_leaving = vip->is_leaving;
	if (!p->fault)
		return VERDICT_GO_ON;
	return hook_is_to_us(p) ? -(int)p->fault : VERDICT_PASS;
}

#endif

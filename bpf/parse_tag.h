/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ethernet and up to two VLAN tags (802.1Q, 802.1ad). A tag that a device of the kernel
 * takes (eth0.25) is left to that device, where mxlb may be attached; any other is looked
 * through and kept, as a switch would.
 */
#ifndef PARSE_TAG_H
#define PARSE_TAG_H

#include <linux/if_ether.h>

#include "maps.h"
#include "pkt.h"

#define PARSE_VLAN_ID 0xfff
#define PARSE_TAGS    2
#define PARSE_L3_MASK 0x1f /* for the verifier: at most 22 */

struct parse_tag {
	__be16 control;
	__be16 proto;
};

static __always_inline int parse_is_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* Does a device of the kernel take this tag, the outermost? */
static __always_inline int parse_tag_is_taken(const struct pkt *p, __u16 control, __be16 proto)
{
	struct mxlb_vlan key = {
		.ifindex = hook_ifindex(p),
		.id = control & PARSE_VLAN_ID,
		.proto = proto,
	};

	return bpf_map_lookup_elem(&vlans, &key) != NULL;
}

static __always_inline int parse_tags(struct pkt *p, void *data, void *end, __be16 *proto,
				      int is_outer)
{
#pragma unroll
	for (int i = 0; i < PARSE_TAGS; i++) {
		struct parse_tag *tag = data + (p->l3 & PARSE_L3_MASK);

		if (!parse_is_tag(*proto))
			break;
		if ((void *)(tag + 1) > end)
			return VERDICT_PASS;
		if (!i && is_outer && parse_tag_is_taken(p, bpf_ntohs(tag->control), *proto))
			return VERDICT_PASS;
		*proto = tag->proto;
		p->l3 += sizeof(*tag);
	}
	return VERDICT_GO_ON;
}

static __always_inline int parse_ethernet(struct pkt *p, void *data, void *end, __be16 *proto)
{
	struct ethhdr *eth = data;
	__u16 control = 0;
	__be16 tagged = hook_outer_tag(p, &control);

	if ((void *)(eth + 1) > end)
		return VERDICT_PASS;
	*proto = eth->h_proto;
	p->l3 = ETH_HLEN;
	if (tagged && parse_tag_is_taken(p, control, tagged))
		return VERDICT_PASS;
	return parse_is_tag(*proto) ? parse_tags(p, data, end, proto, !tagged) : VERDICT_GO_ON;
}

#endif

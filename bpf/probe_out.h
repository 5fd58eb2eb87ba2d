/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of probes in dsr and tunnel mode, at TC's egress: a marked segment to a
 * backend's own address becomes one to the VIP, sent as a client's would be. The mark
 * names the VIP. Attached only while some service has such a mode. A probe that can't
 * take the forwarded path is dropped: by the direct one it would prove the wrong thing.
 */
#ifndef PROBE_OUT_H
#define PROBE_OUT_H

#include <linux/in.h>

#include "count.h"
#include "encap.h"
#include "maps.h"
#include "parse.h"
#include "pkt.h"
#include "probe_path.h"
#include "route.h"

#define PROBE_MARK_VIP 0xffffu

/* The VIP that the mark names; NULL: not a probe of ours. */
static __always_inline const struct mxlb_endpoint *probe_out_vip(struct pkt *p, __u32 id)
{
	const struct mxlb_endpoint *end = bpf_map_lookup_elem(&vip_endpoints, &id);
	const struct mxlb_service *service;
	const struct mxlb_vip *vip;

	if (!end || !end->port || end->port != p->dst.port ||
	    pkt_is_mapped(&end->addr) != (p->family == MXLB_V4))
		return NULL;
	vip = bpf_map_lookup_elem(&vips, end);
	if (!vip)
		return NULL;
	p->vip = vip->id;
	p->service = vip->service;
	service = bpf_map_lookup_elem(&services, &p->service);
	if (!service || service->forward == MXLB_NAT)
		return NULL;
	p->forward = service->forward;
	return end;
}

/* What a connection needs once, at its SYN: for dsr, no gateway on the way; for its
 * answers, where it goes. */
static __always_inline int probe_out_open(struct pkt *p)
{
	struct mxlb_flow_key key = {
		.client = p->src.addr,
		.client_port = p->src.port,
		.vip = p->vip,
	};
	int verdict = VERDICT_GO_ON;

	p->direction = MXLB_IN;
	p->via_family = p->family;
	if (p->forward == MXLB_DSR)
		verdict = route_lookup(p, &p->dst.addr);
	if (verdict)
		return verdict;
	(void)bpf_map_update_elem(&probe_flows, &key, &p->dst, BPF_ANY); /* LRU: finds room */
	return VERDICT_GO_ON;
}

/* The outer header that a client's packet would get: both ends are of one family, since
 * the probe has been sent to the backend's own address. */
static __always_inline int probe_out_encap(struct pkt *p)
{
	struct encap outer = {
		.src = p->src.addr,
		.dst = p->dst.addr,
		.is_v6 = p->family == MXLB_V6,
		.protocol = p->family == MXLB_V6 ? IPPROTO_IPV6 : IPPROTO_IPIP,
		.tos = encap_tos(p),
		.len = p->len,
		.l3 = p->l3,
	};

	return encap_push(p->ctx, &outer) ? -MXLB_REASON_REWRITE_FAILED : VERDICT_GO_ON;
}

static __always_inline int probe_out_send(struct pkt *p, const struct mxlb_endpoint *vip)
{
	if (probe_path_readdress(p, 0, &vip->addr))
		return -MXLB_REASON_REWRITE_FAILED;
	return p->forward == MXLB_TUNNEL ? probe_out_encap(p) : VERDICT_GO_ON;
}

static __always_inline int probe_out_take(struct pkt *p, __u32 mark)
{
	const struct mxlb_endpoint *vip;
	int verdict = VERDICT_GO_ON;

	if (parse_packet(p) || p->kind != PKT_TCP)
		return VERDICT_PASS;
	vip = probe_out_vip(p, mark & PROBE_MARK_VIP);
	if (!vip)
		return VERDICT_PASS;
	if (pkt_is_syn(p))
		verdict = probe_out_open(p);
	if (!verdict)
		verdict = probe_out_send(p, vip);
	return verdict ? verdict : VERDICT_PASS;
}

/* `mark` is the packet's. */
static __always_inline int probe_out(HOOK_CTX *ctx, __u32 mark)
{
	struct pkt p = {.ctx = ctx, .now = bpf_ktime_get_coarse_ns()};
	int verdict = VERDICT_PASS;

	if (!((mark ^ knobs.probe_mark) & ~PROBE_MARK_VIP))
		verdict = probe_out_take(&p, mark);
	if (verdict < 0)
		count_drop(-verdict);
	return hook_action(verdict);
}

#endif

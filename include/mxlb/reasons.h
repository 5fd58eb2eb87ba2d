/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a packet of ours was dropped: ONE list, from which come the return code
 * of the data path (minus the reason), the index in map `drops`, the label of
 * mxlb_dropped_packets_total, the text of events and docs/reasons.md.
 * Append only: the numbers are part of the pinned state.
 */
#ifndef MXLB_REASONS_H
#define MXLB_REASONS_H

#define MXLB_REASONS(X)                                                                            \
	X(NONE, "none", "not a reason; keeps 0 free for \"go on\"")                                \
	X(IP_OPTIONS, "ip_options", "IPv4 options in a packet to a VIP")                           \
	X(BAD_LENGTH, "bad_length", "IP or TCP length contradicts the packet")                     \
	X(BAD_FLAGS, "bad_flags", "impossible TCP flags, such as SYN with FIN")                    \
	X(TTL_EXPIRED, "ttl_expired", "TTL or hop limit ends at this router")                      \
	X(NO_BACKEND, "no_backend", "no backend can take the packet, and no RST was due")          \
	X(NO_SERVICE, "no_service", "the VIP has no service record; should not happen")            \
	X(NO_ROUTE, "no_route", "the routing table has no way to the next hop")                    \
	X(FORWARDING_OFF, "forwarding_off",                                                        \
	  "the kernel does not forward on the ingress interface")                                  \
	X(TOO_BIG, "too_big", "larger than the MTU of the next hop")                               \
	X(REWRITE_FAILED, "rewrite_failed", "the kernel refused to change the packet")             \
	X(REDIRECT_FAILED, "redirect_failed", "the kernel refused to redirect the packet")         \
	X(FLOW_GONE, "flow_gone", "the flow's backend no longer exists")                           \
	X(FRAGMENT_TINY, "fragment_tiny", "first fragment that ends within the TCP header")        \
	X(FRAGMENT_OVERLAP, "fragment_overlap", "fragment that begins within the first one")       \
	X(MARTIAN, "martian", "source address that can't be on a wire, or is the VIP itself")      \
	X(ZERO_PORT, "zero_port", "source port 0")                                                 \
	X(HAIRPIN, "hairpin", "a backend's own connection to the VIP could go to itself only")     \
	X(NOT_ON_LINK, "not_on_link", "dsr: the backend is behind a gateway")

enum mxlb_reason {
#define MXLB_REASON_ENUM(id, name, text) MXLB_REASON_##id,
	MXLB_REASONS(MXLB_REASON_ENUM)
#undef MXLB_REASON_ENUM
		MXLB_REASON_COUNT
};

#endif

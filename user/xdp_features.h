/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an interface's driver can do for XDP, as the kernel tells since 6.3 (generic
 * netlink family "netdev"). Adapter of libnl-genl. Caller: dataplane.
 */
#ifndef XDP_FEATURES_H
#define XDP_FEATURES_H

enum xdp_redirect {
	XDP_REDIRECT_UNKNOWN, /* the kernel is too old to tell */
	XDP_REDIRECT_NO,      /* frames redirected to it would be lost */
	XDP_REDIRECT_YES
};

/* Does the interface take frames that XDP redirects to it? A veth does so only while
 * its peer has NAPI, that is, GRO or an XDP program: it may change at any time. */
enum xdp_redirect xdp_takes_redirect(unsigned ifindex);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's network configuration: watches links, addresses, routes and
 * neighbours, adds and removes addresses, keeps neighbours resolved. Adapter of
 * libnl. Callers: mxlbd (watching, neighbours), apply and purge (addresses).
 */
#ifndef NETLINK_H
#define NETLINK_H

#include <stdbool.h>
#include <stddef.h>

#include "mxlb/abi.h"

struct event_base;
struct netlink;

enum netlink_change { NETLINK_APPEARED, NETLINK_VANISHED, NETLINK_CHANGED };

struct netlink_link {
	const char *name;
	unsigned ifindex;
	bool is_up; /* administratively, and with a carrier */
};

/* A link of kind vlan: the tags that it takes, and itself. */
struct netlink_vlan {
	struct mxlb_vlan tag;
	unsigned ifindex;
};

/* Called from the loop, never from within a function of this header; they may call
 * all of these but netlink_free. Each may be NULL. */
struct netlink_ops {
	/* A renamed link vanishes under its old name and appears under the new one. Changed:
	 * is_up, or the MAC address. */
	void (*link)(enum netlink_change change, const struct netlink_link *link, void *arg);
	/* A VLAN device has appeared or vanished. */
	void (*vlan)(enum netlink_change change, const struct netlink_vlan *vlan, void *arg);
	/* Where packets go, or with which MAC addresses, may have changed: routes, our
	 * addresses, links, a neighbour's usable MAC. At most once in 50 ms. */
	void (*hops_changed)(void *arg);
};

/* Watches from now on; links that are there already are not reported. With `base` NULL
 * it watches nothing, and serves for the functions below only. 0 or a negative errno. */
int netlink_new(struct event_base *base, const struct netlink_ops *ops, void *arg,
		struct netlink **netlink);
/* Takes NULL. */
void netlink_free(struct netlink *netlink);

/* The link's ifindex (> 0), or -ENODEV. */
int netlink_link_index(const char *name);
/* All VLAN devices that there are now; the caller frees *vlans. 0 or a negative errno. */
int netlink_vlans(struct netlink *netlink, struct netlink_vlan **vlans, size_t *n);

/* Adds the address as /32 or /128, without duplicate address detection. 1 when it was
 * new, 0 when the link had it, or a negative errno (-ENODEV, -EPERM). */
int netlink_address_add(struct netlink *netlink, const char *link, const struct mxlb_addr *addr);
/* Removes such an address; 0 also when it, or its link, was not there. */
int netlink_address_del(struct netlink *netlink, const char *link, const struct mxlb_addr *addr);
/* 1 when some link of the host has the address, 0, or a negative errno. */
int netlink_address_exists(struct netlink *netlink, const struct mxlb_addr *addr);

/* Has the kernel resolve, or confirm, the next hop towards `addr`, without waiting. 0
 * also where there is nothing to resolve (local, no ARP); -ENETUNREACH, -EHOSTUNREACH
 * and the like when there is no route. */
int netlink_neighbour_resolve(struct netlink *netlink, const struct mxlb_addr *addr);
/* The same for a list, to call every 10 s or so; returns how many have no route. */
size_t netlink_neighbours_keep(struct netlink *netlink, const struct mxlb_addr *addrs, size_t n);

#endif

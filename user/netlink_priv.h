/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the netlink adapter: what netlink.c (watching), netlink_links.c (the
 * table of links) and netlink_request.c (questions and changes) share.
 */
#ifndef NETLINK_PRIV_H
#define NETLINK_PRIV_H

#include <net/if.h>
#include <stdint.h>

#include <netlink/netlink.h>

#include "netlink.h"

struct event;

#define LINK_MAC_MAX 32 /* MAX_ADDR_LEN of the kernel */

/* What we know of a link; hops depend on all of it. */
struct link {
	unsigned ifindex;
	char name[IFNAMSIZ];
	bool is_up;
	unsigned mtu;
	unsigned master; /* the bridge, bond or VRF that it belongs to; 0: none */
	unsigned mac_len;
	uint8_t mac[LINK_MAC_MAX];
	struct mxlb_vlan vlan; /* its tag, if it is a VLAN device; else zeros */
};

struct link_table {
	struct link *links;
	size_t n;
};

struct netlink {
	struct nl_sock *requests; /* blocking: the kernel answers at once */
	struct nl_sock *events;	  /* NULL where nothing is watched, as all below */
	struct event *readable, *hops_timer;
	struct netlink_ops ops;
	void *arg;
	struct nl_cache *neighbours;
	struct link_table links;
	uint64_t hops_last_ms; /* when hops_changed was called; 0: never */
	bool has_lost;	       /* messages were lost: what we know must be read anew */
};

/* Sends `msg`, which it takes over (NULL: -ENOMEM), and waits for the end of the answer,
 * whose messages go to `valid` (may be NULL). 0 or the kernel's negative errno. */
int netlink_request(struct netlink *netlink, struct nl_msg *msg, nl_recvmsg_msg_cb_t valid,
		    void *arg);

/* Links as they are now; the caller frees table->links. */
int netlink_links_dump(struct netlink *netlink, struct link_table *table);
/* Takes a new table and reports what differs from the old one. */
void netlink_links_replace(struct netlink *netlink, struct link_table *table);
/* Takes an RTM_NEWLINK or RTM_DELLINK and reports what it changes. */
void netlink_links_message(struct netlink *netlink, struct nlmsghdr *hdr);

/* Hops may have changed: hops_changed will be called. */
void netlink_hops_mark(struct netlink *netlink);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching: the kernel's notifications, turned into "this link changed" and "hops
 * changed". Routes are not kept, for a router may have a million of them: any change
 * of one counts. Neighbours are, since most messages about them change nothing.
 */
#include "netlink_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <netlink/cache.h>
#include <netlink/msg.h>
#include <netlink/route/neighbour.h>

/* Between two calls of hops_changed: each makes every flow look its hops up again. */
#define HOPS_GAP_MS 50
/* For bursts, as when a routing daemon reloads. Lost messages cost a resync, no more. */
#define RECEIVE_BUFFER (1024 * 1024)
/* Messages read before other events get their turn. */
#define MESSAGES_MAX 256

static const int groups[] = {
	RTNLGRP_LINK,	     RTNLGRP_NEIGH,	 RTNLGRP_NEXTHOP,
	RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE,
};

/* ---- hops changed ---- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void netlink_hops_mark(struct netlink *netlink)
{
	uint64_t now = now_ms(), next = netlink->hops_last_ms + HOPS_GAP_MS;
	struct timeval wait = {0, 0};

	if (evtimer_pending(netlink->hops_timer, NULL))
		return;
	if (netlink->hops_last_ms && next > now)
		wait.tv_usec = (suseconds_t)(next - now) * 1000;
	evtimer_add(netlink->hops_timer, &wait);
}

/* ---- neighbours ---- */

/* The MAC address that packets would be sent to; NULL: none for now. */
static struct nl_addr *neighbour_mac(struct nl_object *object)
{
	const int valid =
		NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
	struct rtnl_neigh *neighbour = (struct rtnl_neigh *)object;

	if (!neighbour || !(rtnl_neigh_get_state(neighbour) & valid))
		return NULL;
	return rtnl_neigh_get_lladdr(neighbour);
}

static void neighbour_compare(struct nl_cache *cache, struct nl_object *old_object,
			      struct nl_object *new_object, uint64_t diff, int action, void *arg)
{
	struct nl_addr *before = neighbour_mac(old_object), *after = neighbour_mac(new_object);

	if (!before && !after)
		return;
	if (!before || !after || nl_addr_cmp(before, after) != 0)
		netlink_hops_mark(arg);
}

static void neighbour_include(struct nl_object *object, void *arg)
{
	struct netlink *netlink = arg;

	/* Out of memory: the entry is missing, and counts as new the next time. */
	(void)nl_cache_include_v2(netlink->neighbours, object, neighbour_compare, netlink);
}

static void neighbour_message(struct netlink *netlink, struct nl_msg *msg)
{
	const struct ndmsg *neighbour = nlmsg_data(nlmsg_hdr(msg));

	/* AF_BRIDGE: an entry of a bridge's table; where the bridge sends is its affair. */
	if (nlmsg_datalen(nlmsg_hdr(msg)) < (int)sizeof(*neighbour) ||
	    (neighbour->ndm_family != AF_INET && neighbour->ndm_family != AF_INET6))
		return;
	(void)nl_msg_parse(msg, neighbour_include, netlink); /* broken: nothing to learn */
}

/* ---- messages ---- */

static void route_message(struct netlink *netlink, struct nlmsghdr *hdr)
{
	const struct rtmsg *route = nlmsg_data(hdr);

	/* Cloned: the kernel's own notes on one destination, as its path MTU. */
	if (nlmsg_datalen(hdr) >= (int)sizeof(*route) && !(route->rtm_flags & RTM_F_CLONED))
		netlink_hops_mark(netlink);
}

static int event_message(struct nl_msg *msg, void *arg)
{
	struct netlink *netlink = arg;
	struct nlmsghdr *hdr = nlmsg_hdr(msg);

	switch (hdr->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		netlink_links_message(netlink, hdr);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_message(netlink, msg);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		route_message(netlink, hdr);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		netlink_hops_mark(netlink);
		break;
	default:
		break;
	}
	return NL_OK;
}

static void events_read(evutil_socket_t fd, short what, void *arg)
{
	struct netlink *netlink = arg;
	int err = 0;

	for (int i = 0; i < MESSAGES_MAX && err != -NLE_AGAIN && !netlink->has_lost; i++) {
		err = nl_recvmsgs_default(netlink->events);
		/* ENOBUFS above all: the kernel had no room for a message. */
		if (err < 0 && err != -NLE_AGAIN && err != -NLE_INTR)
			netlink->has_lost = true;
	}
	if (netlink->has_lost)
		netlink_hops_mark(netlink);
}

/* ---- lost messages ---- */

/* What still waits in the socket is older than the dump to come, and would undo it. */
static void events_discard(struct netlink *netlink)
{
	int fd = nl_socket_get_fd(netlink->events);
	char byte;

	while (recv(fd, &byte, sizeof(byte), MSG_TRUNC | MSG_DONTWAIT) >= 0 || errno == ENOBUFS ||
	       errno == EINTR)
		;
}

static int events_resync(struct netlink *netlink)
{
	struct link_table links;
	int err;

	events_discard(netlink);
	err = netlink_links_dump(netlink, &links);
	if (err != 0)
		return err;
	netlink_links_replace(netlink, &links);
	return nl_cache_refill(netlink->requests, netlink->neighbours) < 0 ? -EIO : 0;
}

static void hops_elapsed(evutil_socket_t fd, short what, void *arg)
{
	struct netlink *netlink = arg;

	if (netlink->has_lost)
		netlink->has_lost = events_resync(netlink) != 0;
	/* The resync has marked again, for its own changes, which this call covers. */
	evtimer_del(netlink->hops_timer);
	netlink->hops_last_ms = now_ms();
	if (netlink->has_lost)
		netlink_hops_mark(netlink);
	if (netlink->ops.hops_changed)
		netlink->ops.hops_changed(netlink->arg);
}

/* ---- life ---- */

static int events_open(struct netlink *netlink)
{
	const int size = RECEIVE_BUFFER;
	struct nl_sock *sock = netlink->events = nl_socket_alloc();

	if (!sock)
		return -ENOMEM;
	nl_socket_disable_seq_check(sock);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, event_message, netlink);
	if (nl_connect(sock, NETLINK_ROUTE) < 0 || nl_socket_set_nonblocking(sock) < 0)
		return -EIO;
	/* Not permitted in a user namespace: then resyncs come sooner. */
	(void)setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (nl_socket_add_membership(sock, groups[i]) < 0)
			return -EIO;
	}
	return 0;
}

/* Joins before it reads the tables, so that no change falls in between. */
static int watch_start(struct netlink *netlink, struct event_base *base)
{
	int err = events_open(netlink);

	if (err == 0)
		err = netlink_links_dump(netlink, &netlink->links);
	if (err != 0)
		return err;
	if (rtnl_neigh_alloc_cache(netlink->requests, &netlink->neighbours) < 0)
		return -EIO;
	netlink->hops_timer = evtimer_new(base, hops_elapsed, netlink);
	netlink->readable = event_new(base, nl_socket_get_fd(netlink->events), EV_READ | EV_PERSIST,
				      events_read, netlink);
	if (!netlink->hops_timer || !netlink->readable || event_add(netlink->readable, NULL) != 0)
		return -ENOMEM;
	return 0;
}

int netlink_new(struct event_base *base, const struct netlink_ops *ops, void *arg,
		struct netlink **netlink)
{
	struct netlink *made = calloc(1, sizeof(*made));
	int err = -ENOMEM;

	if (!made)
		return -ENOMEM;
	made->arg = arg;
	if (ops)
		made->ops = *ops;
	made->requests = nl_socket_alloc();
	if (made->requests)
		err = nl_connect(made->requests, NETLINK_ROUTE) < 0 ? -EIO : 0;
	if (err == 0 && base)
		err = watch_start(made, base);
	if (err != 0) {
		netlink_free(made);
		return err;
	}
	*netlink = made;
	return 0;
}

void netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->readable)
		event_free(netlink->readable);
	if (netlink->hops_timer)
		event_free(netlink->hops_timer);
	nl_cache_free(netlink->neighbours);
	nl_socket_free(netlink->events);
	nl_socket_free(netlink->requests);
	free(netlink->links.links);
	free(netlink);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to the kernel and changes of it: one request, one answer, over a socket
 * of its own, so that no event is taken for an answer.
 */
#include "netlink_priv.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "addr.h"

/* ---- one request ---- */

struct answer {
	bool is_over;
	int err;
};

static int answer_over(struct nl_msg *msg, void *arg)
{
	struct answer *answer = arg;

	answer->is_over = true;
	return NL_STOP;
}

/* libnl's own codes fold several errnos into one; the kernel's is exact. */
static int answer_error(struct sockaddr_nl *who, struct nlmsgerr *error, void *arg)
{
	struct answer *answer = arg;

	answer->is_over = true;
	answer->err = error->error;
	return NL_STOP;
}

static int answer_read(struct nl_sock *sock, struct nl_cb *cb, struct answer *answer)
{
	int err = 0;

	/* An interrupted dump (the table changed meanwhile) is told by events, too. */
	while (!answer->is_over && (err >= 0 || err == -NLE_DUMP_INTR || err == -NLE_INTR))
		err = nl_recvmsgs(sock, cb);
	if (answer->err)
		return answer->err;
	if (answer->is_over)
		return 0;
	return err == -NLE_NOMEM ? -ENOMEM : -EIO;
}

int netlink_request(struct netlink *netlink, struct nl_msg *msg, nl_recvmsg_msg_cb_t valid,
		    void *arg)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	struct answer answer = {false, 0};
	int err = -ENOMEM;

	if (!cb || !msg)
		goto out;
	nl_cb_err(cb, NL_CB_CUSTOM, answer_error, &answer);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, answer_over, &answer);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, answer_over, &answer);
	if (valid)
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, valid, arg);
	err = nl_send_auto(netlink->requests, msg) < 0 ? -EIO : 0;
	if (err == 0)
		err = answer_read(netlink->requests, cb, &answer);
out:
	nl_cb_put(cb);
	nlmsg_free(msg);
	return err;
}

/* ---- addresses ---- */

static int addr_af(const struct mxlb_addr *addr)
{
	return addr_family(addr) == MXLB_V4 ? AF_INET : AF_INET6;
}

static const void *addr_bytes(const struct mxlb_addr *addr)
{
	return addr_family(addr) == MXLB_V4 ? &addr->b[12] : addr->b;
}

static size_t addr_len(const struct mxlb_addr *addr)
{
	return addr_family(addr) == MXLB_V4 ? 4 : 16;
}

static struct nl_addr *addr_libnl(const struct mxlb_addr *addr)
{
	struct nl_addr *made = nl_addr_build(addr_af(addr), addr_bytes(addr), addr_len(addr));

	if (made)
		nl_addr_set_prefixlen(made, (int)addr_len(addr) * 8);
	return made;
}

static bool addr_is(const struct mxlb_addr *addr, struct nl_addr *other)
{
	return other && nl_addr_get_family(other) == addr_af(addr) &&
	       nl_addr_get_len(other) == addr_len(addr) &&
	       memcmp(nl_addr_get_binary_addr(other), addr_bytes(addr), addr_len(addr)) == 0;
}

int netlink_link_index(const char *name)
{
	unsigned ifindex = if_nametoindex(name);

	return ifindex ? (int)ifindex : -ENODEV;
}

typedef int (*address_build)(struct rtnl_addr *addr, int flags, struct nl_msg **msg);

static int address_request(struct netlink *netlink, const char *link, const struct mxlb_addr *addr,
			   address_build build, int flags)
{
	int ifindex = netlink_link_index(link);
	struct rtnl_addr *address = rtnl_addr_alloc();
	struct nl_addr *local = addr_libnl(addr);
	struct nl_msg *msg = NULL;
	int err = ifindex < 0 ? ifindex : -ENOMEM;

	if (ifindex < 0 || !address || !local)
		goto out;
	rtnl_addr_set_ifindex(address, ifindex);
	if (rtnl_addr_set_local(address, local) < 0)
		goto out;
	/* A VIP is to work at once: nobody else on the link may hold it. */
	if (addr_family(addr) == MXLB_V6)
		rtnl_addr_set_flags(address, IFA_F_NODAD);
	if (build(address, flags, &msg) < 0)
		goto out;
	err = netlink_request(netlink, msg, NULL, NULL);
out:
	nl_addr_put(local);
	rtnl_addr_put(address);
	return err;
}

int netlink_address_add(struct netlink *netlink, const char *link, const struct mxlb_addr *addr)
{
	int err = address_request(netlink, link, addr, rtnl_addr_build_add_request,
				  NLM_F_CREATE | NLM_F_EXCL);

	if (err == -EEXIST)
		return 0;
	return err == 0 ? 1 : err;
}

int netlink_address_del(struct netlink *netlink, const char *link, const struct mxlb_addr *addr)
{
	int err = address_request(netlink, link, addr, rtnl_addr_build_delete_request, 0);

	return err == -EADDRNOTAVAIL || err == -ENODEV ? 0 : err;
}

struct address_search {
	const struct mxlb_addr *addr;
	bool is_found;
};

static void address_look(struct nl_object *object, void *arg)
{
	struct address_search *search = arg;
	struct rtnl_addr *address = (struct rtnl_addr *)object;

	if (addr_is(search->addr, rtnl_addr_get_local(address)))
		search->is_found = true;
}

int netlink_address_exists(struct netlink *netlink, const struct mxlb_addr *addr)
{
	struct address_search search = {addr, false};
	struct nl_cache *cache;
	int err = rtnl_addr_alloc_cache(netlink->requests, &cache);

	if (err < 0)
		return err == -NLE_NOMEM ? -ENOMEM : -EIO;
	nl_cache_foreach(cache, address_look, &search);
	nl_cache_free(cache);
	return search.is_found;
}

/* ---- neighbours ---- */

/* Where packets to an address leave; gateway NULL: the address is on the link. */
struct hop {
	int ifindex; /* 0: nowhere to resolve anything */
	struct nl_addr *gateway;
};

static int hop_message(struct nl_msg *msg, void *arg)
{
	struct hop *hop = arg;
	struct rtnl_route *route;
	struct rtnl_nexthop *next;
	struct nl_addr *gateway;

	if (rtnl_route_parse(nlmsg_hdr(msg), &route) < 0)
		return NL_SKIP;
	next = rtnl_route_get_type(route) == RTN_UNICAST ? rtnl_route_nexthop_n(route, 0) : NULL;
	if (next && !hop->ifindex) {
		gateway = rtnl_route_nh_get_gateway(next);
		if (!gateway)
			gateway = rtnl_route_nh_get_via(next);
		hop->ifindex = rtnl_route_nh_get_ifindex(next);
		hop->gateway = gateway ? nl_addr_get(gateway) : NULL;
	}
	rtnl_route_put(route);
	return NL_OK;
}

static int hop_find(struct netlink *netlink, const struct mxlb_addr *addr, struct hop *hop)
{
	struct rtmsg route = {
		.rtm_family = (unsigned char)addr_af(addr),
		.rtm_dst_len = (unsigned char)(addr_len(addr) * 8),
	};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, 0);

	if (msg && (nlmsg_append(msg, &route, sizeof(route), NLMSG_ALIGNTO) < 0 ||
		    nla_put(msg, RTA_DST, (int)addr_len(addr), addr_bytes(addr)) < 0)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return netlink_request(netlink, msg, hop_message, hop);
}

static int state_message(struct nl_msg *msg, void *arg)
{
	const struct nlmsghdr *hdr = nlmsg_hdr(msg);
	const struct ndmsg *neighbour = nlmsg_data(hdr);
	unsigned *state = arg;

	if (hdr->nlmsg_type == RTM_NEWNEIGH && nlmsg_datalen(hdr) >= (int)sizeof(*neighbour))
		*state = neighbour->ndm_state;
	return NL_OK;
}

/* Has the operator set the entry, or does the link need none? No entry: false. */
static bool neighbour_is_fixed(struct netlink *netlink, int ifindex, struct nl_addr *addr)
{
	struct ndmsg ask = {.ndm_family = (__u8)nl_addr_get_family(addr), .ndm_ifindex = ifindex};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, 0);
	unsigned state = 0;

	if (!msg)
		return false;
	if (nlmsg_append(msg, &ask, sizeof(ask), NLMSG_ALIGNTO) < 0 ||
	    nla_put_addr(msg, NDA_DST, addr) < 0) {
		nlmsg_free(msg);
		return false;
	}
	(void)netlink_request(netlink, msg, state_message, &state); /* ENOENT: there is none */
	return state & (NUD_PERMANENT | NUD_NOARP);
}

/* NTF_USE: as if a packet had used the entry, so the kernel resolves or confirms it. One
 * that is permanent would lose its address by that. */
static int neighbour_use(struct netlink *netlink, int ifindex, struct nl_addr *addr)
{
	struct rtnl_neigh *neighbour;
	struct nl_msg *msg = NULL;
	int err = -ENOMEM;

	if (neighbour_is_fixed(netlink, ifindex, addr))
		return 0;
	neighbour = rtnl_neigh_alloc();
	if (!neighbour)
		return -ENOMEM;
	rtnl_neigh_set_ifindex(neighbour, ifindex);
	rtnl_neigh_set_family(neighbour, nl_addr_get_family(addr));
	rtnl_neigh_set_state(neighbour, NUD_NONE);
	rtnl_neigh_set_flags(neighbour, NTF_USE);
	if (rtnl_neigh_set_dst(neighbour, addr) == 0 &&
	    rtnl_neigh_build_add_request(neighbour, NLM_F_CREATE, &msg) == 0)
		err = netlink_request(netlink, msg, NULL, NULL);
	rtnl_neigh_put(neighbour);
	return err;
}

int netlink_neighbour_resolve(struct netlink *netlink, const struct mxlb_addr *addr)
{
	struct hop hop = {0, NULL};
	struct nl_addr *next;
	int err = hop_find(netlink, addr, &hop);

	if (err == 0 && hop.ifindex) {
		next = hop.gateway ? nl_addr_get(hop.gateway) : addr_libnl(addr);
		err = next ? neighbour_use(netlink, hop.ifindex, next) : -ENOMEM;
		nl_addr_put(next);
	}
	nl_addr_put(hop.gateway);
	return err;
}

size_t netlink_neighbours_keep(struct netlink *netlink, const struct mxlb_addr *addrs, size_t n)
{
	size_t lost = 0;

	for (size_t i = 0; i < n; i++)
		lost += netlink_neighbour_resolve(netlink, &addrs[i]) != 0;
	return lost;
}

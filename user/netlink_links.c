/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of links: read from the kernel's messages, compared with what was known,
 * differences reported. Links come and go with containers, so the table is looked
 * through by index; a host has tens, seldom thousands.
 */
#include "netlink_priv.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/msg.h>

static struct link *table_find(const struct link_table *table, unsigned ifindex)
{
	for (size_t i = 0; i < table->n; i++) {
		if (table->links[i].ifindex == ifindex)
			return &table->links[i];
	}
	return NULL;
}

static int table_put(struct link_table *table, const struct link *link)
{
	struct link *known = table_find(table, link->ifindex), *links;

	if (known) {
		*known = *link;
		return 0;
	}
	links = realloc(table->links, (table->n + 1) * sizeof(*links));
	if (!links)
		return -ENOMEM;
	links[table->n++] = *link;
	table->links = links;
	return 0;
}

static void table_remove(struct link_table *table, struct link *link)
{
	*link = table->links[--table->n];
}

/* Over what is known, for not every message says all (those of wireless drivers carry
 * little but the name). 0, or -EINVAL for what is no message about a link of ours. */
static int link_parse(struct nlmsghdr *hdr, const struct link_table *known, struct link *link)
{
	const struct ifinfomsg *info = nlmsg_data(hdr);
	struct nlattr *attrs[IFLA_MAX + 1];
	const struct link *old;

	if (nlmsg_parse(hdr, sizeof(*info), attrs, IFLA_MAX, NULL) < 0)
		return -EINVAL;
	/* AF_BRIDGE: a link joined or left a bridge; it is no link that came or went. */
	if (info->ifi_family != AF_UNSPEC)
		return -EINVAL;
	old = table_find(known, (unsigned)info->ifi_index);
	*link = old ? *old : (struct link){.ifindex = (unsigned)info->ifi_index};
	link->is_up = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
	if (attrs[IFLA_IFNAME])
		(void)nla_strlcpy(link->name, attrs[IFLA_IFNAME], sizeof(link->name));
	if (attrs[IFLA_MTU])
		link->mtu = nla_get_u32(attrs[IFLA_MTU]);
	if (attrs[IFLA_ADDRESS]) {
		link->mac_len = (unsigned)nla_len(attrs[IFLA_ADDRESS]);
		if (link->mac_len > sizeof(link->mac))
			link->mac_len = sizeof(link->mac);
		memcpy(link->mac, nla_data(attrs[IFLA_ADDRESS]), link->mac_len);
	}
	return link->name[0] ? 0 : -EINVAL;
}

static void link_report(struct netlink *netlink, enum netlink_change change,
			const struct link *link)
{
	const struct netlink_link told = {link->name, link->ifindex, link->is_up};

	if (netlink->ops.link)
		netlink->ops.link(change, &told, netlink->arg);
}

static bool link_leads_elsewhere(const struct link *a, const struct link *b)
{
	return a->is_up != b->is_up || a->mtu != b->mtu || a->mac_len != b->mac_len ||
	       memcmp(a->mac, b->mac, a->mac_len) != 0;
}

/* One link before and after; NULL where it was or is not there. */
static void link_compare(struct netlink *netlink, const struct link *before,
			 const struct link *after)
{
	bool is_renamed = before && after && strcmp(before->name, after->name) != 0;

	if (!before || !after || link_leads_elsewhere(before, after))
		netlink_hops_mark(netlink);
	if (before && (!after || is_renamed))
		link_report(netlink, NETLINK_VANISHED, before);
	if (after && (!before || is_renamed))
		link_report(netlink, NETLINK_APPEARED, after);
	else if (before && after && before->is_up != after->is_up)
		link_report(netlink, NETLINK_CHANGED, after);
}

void netlink_links_message(struct netlink *netlink, struct nlmsghdr *hdr)
{
	struct link_table *table = &netlink->links;
	struct link *known, before = {0}, after;

	if (link_parse(hdr, table, &after) != 0)
		return;
	known = table_find(table, after.ifindex);
	if (known)
		before = *known;
	if (hdr->nlmsg_type == RTM_DELLINK) {
		if (!known)
			return;
		table_remove(table, known);
		link_compare(netlink, &before, NULL);
		return;
	}
	if (table_put(table, &after) != 0)
		netlink->has_lost = true; /* out of memory: to be read anew */
	link_compare(netlink, known ? &before : NULL, &after);
}

static int dump_message(struct nl_msg *msg, void *arg)
{
	struct link_table *table = arg;
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	struct link link;

	if (hdr->nlmsg_type != RTM_NEWLINK || link_parse(hdr, table, &link) != 0)
		return NL_SKIP;
	return table_put(table, &link) == 0 ? NL_OK : -NLE_NOMEM;
}

int netlink_links_dump(struct netlink *netlink, struct link_table *table)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_DUMP);
	struct link_table fresh = {NULL, 0};
	int err;

	if (msg && nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	}
	err = netlink_request(netlink, msg, dump_message, &fresh);
	if (err != 0) {
		free(fresh.links);
		return err;
	}
	*table = fresh;
	return 0;
}

void netlink_links_replace(struct netlink *netlink, struct link_table *table)
{
	struct link_table old = netlink->links;

	netlink->links = *table;
	for (size_t i = 0; i < old.n; i++) {
		if (!table_find(&netlink->links, old.links[i].ifindex))
			link_compare(netlink, &old.links[i], NULL);
	}
	for (size_t i = 0; i < netlink->links.n; i++) {
		const struct link *link = &netlink->links.links[i];

		link_compare(netlink, table_find(&old, link->ifindex), link);
	}
	free(old.links);
}

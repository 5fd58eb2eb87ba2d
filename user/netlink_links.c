/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of links: read from the kernel's messages, compared with what was known,
 * differences reported. Links come and go with containers, so the table is looked
 * through by index; a host has tens, seldom thousands.
 */
#include "netlink_priv.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/msg.h>

#include "mem.h"

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

/* The interface below a VLAN device may be in another network namespace, and its index
 * then means nothing here. */
static void vlan_parse(struct nlattr **attrs, struct mxlb_vlan *vlan)
{
	struct nlattr *info[IFLA_INFO_MAX + 1], *data[IFLA_VLAN_MAX + 1];

	memset(vlan, 0, sizeof(*vlan));
	if (!attrs[IFLA_LINK] || attrs[IFLA_LINK_NETNSID] ||
	    nla_parse_nested(info, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL) < 0 ||
	    !info[IFLA_INFO_KIND] || nla_strcmp(info[IFLA_INFO_KIND], "vlan") != 0 ||
	    !info[IFLA_INFO_DATA] ||
	    nla_parse_nested(data, IFLA_VLAN_MAX, info[IFLA_INFO_DATA], NULL) < 0 ||
	    !data[IFLA_VLAN_ID] || !data[IFLA_VLAN_PROTOCOL])
		return;
	vlan->ifindex = nla_get_u32(attrs[IFLA_LINK]);
	vlan->id = nla_get_u16(data[IFLA_VLAN_ID]);
	vlan->proto = nla_get_u16(data[IFLA_VLAN_PROTOCOL]); /* network order, as sent */
}

static void mac_parse(struct nlattr *attr, struct link *link)
{
	link->mac_len = (unsigned)nla_len(attr);
	if (link->mac_len > sizeof(link->mac))
		link->mac_len = sizeof(link->mac);
	memcpy(link->mac, nla_data(attr), link->mac_len);
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
	if (attrs[IFLA_MTU]) { /* it says all: what is not in it is not so any more */
		link->mtu = nla_get_u32(attrs[IFLA_MTU]);
		link->master = attrs[IFLA_MASTER] ? nla_get_u32(attrs[IFLA_MASTER]) : 0;
	}
	if (attrs[IFLA_ADDRESS])
		mac_parse(attrs[IFLA_ADDRESS], link);
	if (attrs[IFLA_LINKINFO])
		vlan_parse(attrs, &link->vlan);
	return link->name[0] ? 0 : -EINVAL;
}

static void link_report(struct netlink *netlink, enum netlink_change change,
			const struct link *link)
{
	const struct netlink_link told = {link->name, link->ifindex, link->is_up};

	if (netlink->ops.link)
		netlink->ops.link(change, &told, netlink->arg);
}

static bool mac_differs(const struct link *a, const struct link *b)
{
	return a->mac_len != b->mac_len || memcmp(a->mac, b->mac, a->mac_len) != 0;
}

static bool link_leads_elsewhere(const struct link *a, const struct link *b)
{
	return a->is_up != b->is_up || a->mtu != b->mtu || a->master != b->master ||
	       mac_differs(a, b);
}

static void vlan_report(struct netlink *netlink, enum netlink_change change,
			const struct link *link)
{
	const struct netlink_vlan told = {link->vlan, link->ifindex};

	if (link->vlan.ifindex && netlink->ops.vlan)
		netlink->ops.vlan(change, &told, netlink->arg);
}

static void vlan_compare(struct netlink *netlink, const struct link *before,
			 const struct link *after)
{
	if (before && after && !memcmp(&before->vlan, &after->vlan, sizeof(before->vlan)))
		return;
	if (before)
		vlan_report(netlink, NETLINK_VANISHED, before);
	if (after)
		vlan_report(netlink, NETLINK_APPEARED, after);
}

/* One link before and after; NULL where it was or is not there. */
static void link_compare(struct netlink *netlink, const struct link *before,
			 const struct link *after)
{
	bool is_renamed = before && after && strcmp(before->name, after->name) != 0;

	if (!before || !after || link_leads_elsewhere(before, after))
		netlink_hops_mark(netlink);
	vlan_compare(netlink, before, after);
	if (before && (!after || is_renamed))
		link_report(netlink, NETLINK_VANISHED, before);
	if (after && (!before || is_renamed))
		link_report(netlink, NETLINK_APPEARED, after);
	else if (before && after && (before->is_up != after->is_up || mac_differs(before, after)))
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

int netlink_vlans(struct netlink *netlink, struct netlink_vlan **vlans, size_t *n)
{
	struct link_table table;
	int err = netlink_links_dump(netlink, &table);

	if (err != 0)
		return err;
	*vlans = NULL;
	*n = 0;
	for (size_t i = 0; i < table.n; i++) {
		if (!table.links[i].vlan.ifindex)
			continue;
		*vlans = mem_append(*vlans, n, sizeof(**vlans));
		(*vlans)[*n - 1] =
			(struct netlink_vlan){table.links[i].vlan, table.links[i].ifindex};
	}
	free(table.links);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interface that comes back gets its programs again, whatever its new index; MAC
 * addresses and VLAN devices are passed on to the data path; and every change of where
 * packets go makes it ask for its next hops anew.
 */
#include "interfaces.h"

#include <net/if.h>
#include <string.h>

#include "apply.h"
#include "conf.h"
#include "daemon.h"
#include "dataplane.h"
#include "dpmaps.h"
#include "dpmaps_links.h"
#include "log.h"
#include "mem.h"
#include "model.h"

static const struct conf_interface *conf_interface(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_interfaces; i++)
		if (!strcmp(conf->interfaces[i].name, name))
			return &conf->interfaces[i];
	return NULL;
}

static void log_interface(const struct dataplane_interface *interface)
{
	log_info("interface %s: %s%s%s", interface->name, conf_datapath_name(interface->datapath),
		 interface->note[0] ? ": " : "", interface->note);
}

static const struct dataplane_interface *attached_as(const struct daemon *daemon, const char *name)
{
	size_t n;
	const struct dataplane_interface *list = dataplane_interfaces(daemon->plane, &n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

/* ---- what netlink tells ---- */

static void link_appeared(struct daemon *daemon, const struct conf_interface *wanted)
{
	char why[512];

	if (dataplane_attach(daemon->plane, wanted, why, sizeof(why))) {
		log_error("%s", why);
		return;
	}
	log_info("interface %s: back, and attached", wanted->name);
	log_interface(attached_as(daemon, wanted->name));
}

static void on_link(enum netlink_change change, const struct netlink_link *link, void *arg)
{
	struct daemon *daemon = arg;
	const struct conf_interface *wanted = conf_interface(daemon->model->conf, link->name);
	int err;

	if (!wanted)
		return;
	switch (change) {
	case NETLINK_APPEARED:
		link_appeared(daemon, wanted);
		break;
	case NETLINK_VANISHED:
		log_warn("interface %s: gone; it is taken up again when it comes back", link->name);
		dataplane_interface_gone(daemon->plane, link->name, link->ifindex);
		break;
	case NETLINK_CHANGED:
		err = dataplane_interface_changed(daemon->plane, link->ifindex);
		if (err)
			log_debug("interface %s: %s; looked at again in a while", link->name,
				  strerror(-err));
		break;
	}
}

static void vlan_tell(struct daemon *daemon, const struct netlink_vlan *vlan, bool is_there)
{
	char why[512];
	size_t n;
	int changed = dataplane_vlan(daemon->plane, &vlan->tag, is_there ? vlan->ifindex : 0, why,
				     sizeof(why));
	const struct dataplane_interface *list = dataplane_interfaces(daemon->plane, &n);

	if (changed < 0)
		log_warn("%s", why);
	for (size_t i = 0; i < n && changed > 0; i++)
		if (list[i].ifindex == vlan->tag.ifindex)
			log_interface(&list[i]);
}

static void on_vlan(enum netlink_change change, const struct netlink_vlan *vlan, void *arg)
{
	vlan_tell(arg, vlan, change != NETLINK_VANISHED);
}

static void on_hops_changed(void *arg)
{
	struct daemon *daemon = arg;
	int err = dpmaps_hops_changed(daemon->maps);

	if (err)
		log_error("next hops: %s; cached ones are used for another second", strerror(-err));
	apply_network_changed(daemon);
}

const struct netlink_ops interfaces_ops = {on_link, on_vlan, on_hops_changed};

/* ---- start ---- */

/* Before the programs are attached, which may depend on them. What an earlier daemon has
 * put there and no device stands for any more goes. */
static int start_vlans(struct daemon *daemon)
{
	struct netlink_vlan *vlans;
	struct mxlb_vlan *tags;
	size_t n;
	int err = netlink_vlans(daemon->netlink, &vlans, &n);

	if (err)
		return err;
	tags = mem_zero(n, sizeof(*tags));
	for (size_t i = 0; i < n; i++) {
		vlan_tell(daemon, &vlans[i], true);
		tags[i] = vlans[i].tag;
	}
	err = dpmaps_vlans_keep(daemon->maps, tags, n);
	free(tags);
	free(vlans);
	return err;
}

int interfaces_start(struct daemon *daemon, char *why, size_t why_len)
{
	const struct conf *conf = daemon->model->conf;
	const struct dataplane_interface *now;
	size_t n;
	int err = start_vlans(daemon);

	if (err)
		(void)snprintf(why, why_len, "VLAN devices: can't be looked at: %s",
			       strerror(-err));
	for (size_t i = 0; i < conf->n_interfaces && !err; i++)
		err = dataplane_attach(daemon->plane, &conf->interfaces[i], why, why_len);
	if (err)
		return err;
	if (dataplane_is_replacing(daemon->plane))
		log_warn("the data path of another version is replaced; its flows are not taken "
			 "over: open connections go where the scheduler would send them now");
	err = dataplane_settle(daemon->plane);
	if (err)
		log_warn("pins of another version can't be removed: %s; they only take memory; "
			 "mxlbd --purge removes them",
			 strerror(-err));
	now = dataplane_interfaces(daemon->plane, &n);
	for (size_t i = 0; i < n; i++)
		log_interface(&now[i]);
	return 0;
}

/* ---- upkeep ---- */

static void keep_neighbours(struct daemon *daemon)
{
	struct mxlb_addr *addrs = NULL;
	size_t n = 0;

	for (size_t i = 0; i < daemon->model->n_services; i++) {
		const struct model_service *service = daemon->model->services[i];

		for (size_t j = 0; j < service->n_backends; j++)
			for (int family = 0; family < MXLB_FAMILIES; family++) {
				if (!service->backends[j]->conf.has_addr[family])
					continue;
				addrs = mem_append(addrs, &n, sizeof(*addrs));
				addrs[n - 1] = service->backends[j]->conf.addr[family];
			}
	}
	(void)netlink_neighbours_keep(daemon->netlink, addrs, n);
	free(addrs);
}

/* One whose attaching failed has been complained of: no more than a try from now on. */
static void keep_attached(struct daemon *daemon)
{
	const struct conf *conf = daemon->model->conf;

	for (size_t i = 0; i < conf->n_interfaces; i++) {
		const struct conf_interface *wanted = &conf->interfaces[i];
		const struct dataplane_interface *now = attached_as(daemon, wanted->name);
		char why[512];

		if ((now && now->ifindex) || !if_nametoindex(wanted->name))
			continue;
		if (dataplane_attach(daemon->plane, wanted, why, sizeof(why)))
			log_debug("%s", why);
		else
			log_info("interface %s: attached at last", wanted->name);
	}
}

void interfaces_keep(struct daemon *daemon)
{
	keep_neighbours(daemon);
	keep_attached(daemon);
	(void)dataplane_devices_sync(daemon->plane); /* a veth's peer may have changed */
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of interfaces: which programs each gets, what the data path is told of it
 * (`devices`, `ports`, `vlans`), and why it has not got its first choice.
 */
#include "dataplane_priv.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dpmaps_links.h"
#include "ethtool.h"
#include "mem.h"
#include "xdp_features.h"

__attribute__((format(printf, 2, 3))) static void note(struct dataplane_interface *interface,
						       const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(interface->note, sizeof(interface->note), fmt, args);
	va_end(args);
}

/* ---- the list ---- */

static struct dataplane_interface *interface_at(struct dataplane *plane, const char *name)
{
	for (size_t i = 0; i < plane->n_interfaces; i++)
		if (!strcmp(plane->interfaces[i].name, name))
			return &plane->interfaces[i];
	return NULL;
}

static struct dataplane_interface *interface_of(struct dataplane *plane, unsigned ifindex)
{
	for (size_t i = 0; i < plane->n_interfaces; i++)
		if (plane->interfaces[i].ifindex == ifindex)
			return &plane->interfaces[i];
	return NULL;
}

static struct dataplane_interface *interface_add(struct dataplane *plane,
						 const struct conf_interface *wanted)
{
	struct dataplane_interface *interface = interface_at(plane, wanted->name);

	if (!interface) {
		plane->interfaces = mem_append(plane->interfaces, &plane->n_interfaces,
					       sizeof(*plane->interfaces));
		interface = &plane->interfaces[plane->n_interfaces - 1];
		snprintf(interface->name, sizeof(interface->name), "%s", wanted->name);
		interface->datapath = CONF_DATAPATH_TC;
	}
	interface->wanted = wanted->datapath;
	interface->note[0] = '\0';
	return interface;
}

const struct dataplane_interface *dataplane_interfaces(const struct dataplane *plane, size_t *n)
{
	*n = plane->n_interfaces;
	return plane->interfaces;
}

/* ---- what the data path is told ---- */

/* May XDP redirect to this interface? Where the kernel can't tell, a veth under `auto`
 * is not trusted, since one without NAPI at its peer loses every frame. */
static bool takes_redirect(const struct dataplane_interface *interface)
{
	enum xdp_redirect answer = xdp_takes_redirect(interface->ifindex);

	if (interface->datapath == CONF_DATAPATH_XDP_GENERIC)
		return true; /* generic XDP sends through the stack */
	if (answer == XDP_REDIRECT_UNKNOWN)
		return interface->wanted == CONF_DATAPATH_XDP || !ethtool_is_veth(interface->name);
	return answer == XDP_REDIRECT_YES;
}

static int device_sync(struct dataplane *plane, struct dataplane_interface *interface,
		       enum conf_datapath mode)
{
	static const char refuses[] = "TC sends to it: the driver takes no frames from XDP (a "
				      "veth: turn GRO on at its peer)";
	bool is_xdp = interface->datapath == mode, takes = is_xdp && takes_redirect(interface);

	if (is_xdp && !takes)
		note(interface, "%s", refuses);
	else if (!strcmp(interface->note, refuses))
		interface->note[0] = '\0';
	return takes ? dpmaps_device_add(plane->maps, interface->ifindex)
		     : dpmaps_device_del(plane->maps, interface->ifindex);
}

/* XDP may redirect among interfaces of one mode: a driver need not take frames from
 * native XDP when it runs generic XDP itself. */
int dataplane_devices_sync(struct dataplane *plane)
{
	enum conf_datapath mode = CONF_DATAPATH_XDP_GENERIC;
	int err = 0;

	for (size_t i = 0; i < plane->n_interfaces; i++)
		if (plane->interfaces[i].ifindex &&
		    plane->interfaces[i].datapath == CONF_DATAPATH_XDP)
			mode = CONF_DATAPATH_XDP;
	for (size_t i = 0; i < plane->n_interfaces && !err; i++)
		if (plane->interfaces[i].ifindex)
			err = device_sync(plane, &plane->interfaces[i], mode);
	return err;
}

/* Without an address to compare, XDP leaves to TC all that is new. */
static int port_sync(struct dataplane *plane, const struct dataplane_interface *interface)
{
	uint8_t mac[6];

	return ethtool_mac(interface->name, mac)
		       ? dpmaps_port_del(plane->maps, interface->ifindex)
		       : dpmaps_port_set(plane->maps, interface->ifindex, mac);
}

int dataplane_interface_changed(struct dataplane *plane, unsigned ifindex)
{
	struct dataplane_interface *interface = interface_of(plane, ifindex);
	int err = interface ? port_sync(plane, interface) : -ENOENT;

	return err ? err : dataplane_devices_sync(plane);
}

/* ---- programs ---- */

static bool has_xdp_pin(const struct dataplane *plane, unsigned ifindex)
{
	char native[PATH_MAX], generic[PATH_MAX];

	pins_path(plane, native, sizeof(native), "xdp", ifindex);
	pins_path(plane, generic, sizeof(generic), "xdpgeneric", ifindex);
	return !access(native, F_OK) || !access(generic, F_OK);
}

/* An interface with a link of ours is ours: by now mxlbd may not ask for the names of
 * programs any more, and nobody can attach over a link. */
static int xdp_attach(struct dataplane *plane, unsigned ifindex, bool is_generic)
{
	if (!has_xdp_pin(plane, ifindex) && hook_xdp_is_foreign(plane, ifindex))
		return -EBUSY;
	return hook_xdp_attach(plane, ifindex, is_generic);
}

static void xdp_refused(struct dataplane_interface *interface, int err, char *why, size_t why_len)
{
	bool is_generic = interface->wanted == CONF_DATAPATH_XDP_GENERIC;
	bool is_busy = err == -EBUSY || err == -EEXIST;
	const char *fault = is_busy ? "another XDP program is attached" : strerror(-err);

	note(interface, "no %s XDP: %s", is_generic ? "generic" : "native", fault);
	snprintf(why, why_len,
		 "interface %s: datapath %s: %s; %s, or set datapath: auto or tc for it",
		 interface->name, conf_datapath_name(interface->wanted), fault,
		 is_busy ? "detach that program (ip link set dev ... xdp off)"
			 : "use a driver with native XDP");
}

/* Native or generic XDP as wanted. Under `auto` what stands against it is noted, and TC
 * is there alone. */
static int interface_xdp(struct dataplane *plane, struct dataplane_interface *interface, char *why,
			 size_t why_len)
{
	bool is_generic = interface->wanted == CONF_DATAPATH_XDP_GENERIC;
	bool is_auto = interface->wanted == CONF_DATAPATH_AUTO;
	int err;

	if (is_auto && interface->has_vlans) {
		note(interface, "no XDP: there are VLAN devices on it, and XDP may not see a tag "
				"that the device has taken off; datapath: xdp overrides it");
		hook_xdp_detach(plane->pin_dir, interface->ifindex);
		return 0;
	}
	err = xdp_attach(plane, interface->ifindex, is_generic);
	if (!err) {
		interface->datapath = is_generic ? CONF_DATAPATH_XDP_GENERIC : CONF_DATAPATH_XDP;
		return 0;
	}
	xdp_refused(interface, err, why, why_len);
	return is_auto ? 0 : err;
}

static void slot_check(const struct dataplane *plane, struct dataplane_interface *interface)
{
	for (size_t i = 0; i < plane->n_interfaces; i++) {
		const struct dataplane_interface *other = &plane->interfaces[i];

		if (other == interface || !other->ifindex ||
		    other->ifindex % MXLB_IFINDEX_SLOTS != interface->ifindex % MXLB_IFINDEX_SLOTS)
			continue;
		note(interface,
		     "counted together with %s, since their indexes differ by a multiple of %d; "
		     "recreate one of the two",
		     other->name, MXLB_IFINDEX_SLOTS);
	}
}

/* TC is there by now. */
static int interface_set_up(struct dataplane *plane, struct dataplane_interface *interface,
			    char *why, size_t why_len)
{
	int err;

	interface->has_vlans = dpmaps_has_vlans(plane->maps, interface->ifindex);
	interface->datapath = CONF_DATAPATH_TC;
	slot_check(plane, interface);
	(void)port_sync(plane, interface); /* failing, XDP leaves new connections to TC */
	if (interface->wanted != CONF_DATAPATH_TC) {
		err = interface_xdp(plane, interface, why, why_len);
		if (err)
			return err;
	} else {
		hook_xdp_detach(plane->pin_dir, interface->ifindex);
	}
	err = dataplane_devices_sync(plane);
	if (err)
		snprintf(why, why_len, "interface %s: map of devices: %s", interface->name,
			 strerror(-err));
	return err;
}

void interface_clear(const char *pin_dir, unsigned ifindex)
{
	hook_xdp_detach(pin_dir, ifindex);
	hook_tc_detach(pin_dir, ifindex);
	pins_unmark(pin_dir, ifindex);
}

static void interface_leave(struct dataplane *plane, struct dataplane_interface *interface)
{
	(void)dpmaps_device_del(plane->maps, interface->ifindex);
	(void)dpmaps_port_del(plane->maps, interface->ifindex);
	interface_clear(plane->pin_dir, interface->ifindex);
	interface->ifindex = 0;
}

int dataplane_attach(struct dataplane *plane, const struct conf_interface *wanted, char *why,
		     size_t why_len)
{
	struct dataplane_interface *interface = interface_add(plane, wanted);
	unsigned ifindex = if_nametoindex(wanted->name);
	int err;

	/* Replaced by another of its name before anybody told us. */
	if (interface->ifindex && interface->ifindex != ifindex)
		interface_leave(plane, interface);
	if (!ifindex) {
		note(interface, "interface is not there");
		snprintf(why, why_len, "interface %s: no such interface", wanted->name);
		return -ENODEV;
	}
	err = hook_tc_attach(plane, ifindex);
	if (err) {
		note(interface, "TC filter: %s", strerror(-err));
		snprintf(why, why_len,
			 "interface %s: TC filter: %s; is the clsact qdisc available?",
			 wanted->name, strerror(-err));
		return err;
	}
	interface->ifindex = ifindex;
	pins_mark(plane->pin_dir, ifindex);
	return interface_set_up(plane, interface, why, why_len);
}

int dataplane_detach(struct dataplane *plane, const char *name)
{
	struct dataplane_interface *interface = interface_at(plane, name);
	size_t at;

	if (!interface)
		return -ENOENT;
	if (interface->ifindex)
		interface_leave(plane, interface);
	at = interface - plane->interfaces;
	plane->n_interfaces--;
	memmove(interface, interface + 1, (plane->n_interfaces - at) * sizeof(*interface));
	return dataplane_devices_sync(plane);
}

/* The kernel has dropped link and filter, but for one that was only renamed. */
void dataplane_interface_gone(struct dataplane *plane, const char *name, unsigned ifindex)
{
	struct dataplane_interface *interface = interface_at(plane, name);

	if (!interface || interface->ifindex != ifindex)
		return;
	interface_leave(plane, interface);
	note(interface, "interface is not there");
}

int dataplane_vlan(struct dataplane *plane, const struct mxlb_vlan *tag, unsigned device, char *why,
		   size_t why_len)
{
	struct dataplane_interface *interface = interface_of(plane, tag->ifindex);
	bool has_vlans;
	int err = device ? dpmaps_vlan_set(plane->maps, tag, device)
			 : dpmaps_vlan_del(plane->maps, tag);

	if (err) {
		snprintf(why, why_len,
			 "VLAN %u of interface %u: %s; its frames are taken for those of the "
			 "interface below",
			 tag->id, tag->ifindex, strerror(-err));
		return err;
	}
	has_vlans = interface && dpmaps_has_vlans(plane->maps, tag->ifindex);
	if (!interface || has_vlans == interface->has_vlans)
		return 0;
	interface->has_vlans = has_vlans;
	if (interface->wanted != CONF_DATAPATH_AUTO)
		return 0;
	interface->note[0] = '\0';
	err = interface_set_up(plane, interface, why, why_len);
	return err ? err : 1;
}

/* ---- what an earlier daemon has left ---- */

static void clear_unlisted(unsigned ifindex, void *arg)
{
	struct dataplane *plane = arg;

	if (!interface_of(plane, ifindex))
		interface_clear(plane->pin_dir, ifindex);
}

/* One of another ABI may have left no mark, so each interface is looked at then. */
void interfaces_drop_unlisted(struct dataplane *plane)
{
	struct if_nameindex *names = plane->is_replacing ? if_nameindex() : NULL;

	pins_each_interface(plane->pin_dir, clear_unlisted, plane);
	for (size_t i = 0; names && names[i].if_index; i++)
		clear_unlisted(names[i].if_index, plane);
	if (names)
		if_freenameindex(names);
}

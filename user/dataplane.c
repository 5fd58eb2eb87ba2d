/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the three objects over pinned maps and keeps the list of interfaces. A restart
 * finds the pins and goes on with them; a table of another size is copied.
 */
#include "dataplane_priv.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dpmaps.h"
#include "ethtool.h"
#include "mem.h"
#include "mxlb/knobs.h"
#include "mxlb_sweep.skel.h"
#include "mxlb_tc.skel.h"
#include "mxlb_xdp.skel.h"
#include "xdp_features.h"

static int libbpf_say(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0; /* what fails is told by its caller, with the remedy */
}

static void maps_dir(const struct dataplane *plane, char *path, size_t len)
{
	snprintf(path, len, "%s/abi-%d", plane->pin_dir, MXLB_ABI);
}

/* A pinned table of another size is unpinned, kept open, and copied from later. */
static int flows_set_aside(struct dataplane *plane, unsigned max, bool *is_adopted)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/abi-%d/flows", plane->pin_dir, MXLB_ABI);
	fd = bpf_obj_get(path);
	*is_adopted = fd >= 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.max_entries == max) {
		close(fd);
		return 0;
	}
	plane->old_flows_fd = fd;
	return unlink(path) ? -errno : 0;
}

/* The three objects are opened alike: one name for the flows' size and the pins. */
#define OBJECT_OPEN(plane, object, field, opts, max)                                               \
	((plane)->field = object##__open_opts(opts),                                               \
	 (plane)->field ? bpf_map__set_max_entries((plane)->field->maps.flows, max) : -errno)

static int objects_load(struct dataplane *plane, const struct conf *conf, char *dir)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = dir);
	unsigned max = conf->flows.max;
	int err = OBJECT_OPEN(plane, mxlb_tc, tc, &opts, max);

	if (!err)
		err = mxlb_tc__load(plane->tc);
	if (!err)
		err = OBJECT_OPEN(plane, mxlb_xdp, xdp, &opts, max);
	if (!err)
		err = mxlb_xdp__load(plane->xdp);
	if (!err)
		err = OBJECT_OPEN(plane, mxlb_sweep, sweep, &opts, max);
	if (!err)
		err = mxlb_sweep__load(plane->sweep);
	return err;
}

static int maps_open(struct dataplane *plane)
{
#define FD(map) .map = bpf_map__fd(plane->xdp->maps.map)
	const struct dpmaps_fds fds = {
		FD(vips),
		FD(vip_endpoints),
		FD(services),
		FD(backends),
		FD(origins),
		FD(rings),
		FD(standby_rings),
		FD(flows),
		FD(backend_load),
		FD(tallies),
		FD(settings),
		FD(devices),
		FD(names),
		FD(service_counts),
		FD(backend_counts),
		FD(drops),
		FD(interface_counts),
		FD(probe_counts),
		FD(events),
		.sweep = bpf_program__fd(plane->sweep->progs.mxlb_sweep),
	};
#undef FD

	return dpmaps_new(&fds, &plane->maps);
}

static void load_failed(int err, const char *dir, char *why, size_t why_len)
{
	if (err == -EPERM || err == -EACCES)
		snprintf(why, why_len,
			 "data path: the kernel refused it: %s; run mxlbd as root (it needs "
			 "CAP_BPF, "
			 "CAP_NET_ADMIN and CAP_PERFMON)",
			 strerror(-err));
	else if (err == -EINVAL)
		snprintf(
			why, why_len,
			"data path: can't be loaded over the pins in %s; needs kernel 6.1 or later "
			"with BPF; if the pins are another version's, run: mxlbd --purge",
			dir);
	else
		snprintf(why, why_len, "data path: can't be loaded: %s", strerror(-err));
}

static struct dataplane *plane_new(const struct conf *conf)
{
	struct dataplane *plane = mem_zero(1, sizeof(*plane));

	snprintf(plane->pin_dir, sizeof(plane->pin_dir), "%s", conf->pin_dir);
	plane->lock_fd = plane->old_flows_fd = -1;
	return plane;
}

int dataplane_load(const struct conf *conf, struct dataplane **out, bool *is_adopted, char *why,
		   size_t why_len)
{
	struct dataplane *plane = plane_new(conf);
	char dir[PATH_MAX];
	unsigned lost;
	int err = pins_open(plane->pin_dir, &plane->lock_fd, why, why_len);

	if (err)
		goto out;
	(void)libbpf_set_print(libbpf_say);
	maps_dir(plane, dir, sizeof(dir));
	err = mkdir(dir, 0700) && errno != EEXIST ? -errno : 0;
	if (!err)
		err = flows_set_aside(plane, conf->flows.max, is_adopted);
	if (!err)
		err = objects_load(plane, conf, dir);
	if (!err)
		err = maps_open(plane);
	if (!err)
		err = dpmaps_set_half_open_max(plane->maps, conf->flows.half_open);
	if (!err && plane->old_flows_fd >= 0)
		err = dpmaps_flows_copy(plane->old_flows_fd, plane->maps, &lost);
	if (err) {
		load_failed(err, dir, why, why_len);
		goto out;
	}
	*out = plane;
	return 0;
out:
	dataplane_close(plane);
	return err;
}

void dataplane_settle(struct dataplane *plane)
{
	unsigned lost;

	if (plane->old_flows_fd < 0)
		return;
	/* Flows that the old programs made between load and attach. */
	(void)dpmaps_flows_copy(plane->old_flows_fd, plane->maps, &lost);
	close(plane->old_flows_fd);
	plane->old_flows_fd = -1;
}

static struct dataplane_interface *interface_at(struct dataplane *plane, const char *name)
{
	for (size_t i = 0; i < plane->n_interfaces; i++)
		if (!strcmp(plane->interfaces[i].name, name))
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
	}
	interface->wanted = wanted->datapath;
	interface->note[0] = '\0';
	return interface;
}

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
	static const char note[] = "TC sends to it: the driver takes no frames from XDP (a veth: "
				   "turn GRO on at its peer)";
	bool is_xdp = interface->datapath == mode, takes = is_xdp && takes_redirect(interface);

	if (is_xdp && !takes)
		snprintf(interface->note, sizeof(interface->note), "%s", note);
	else if (!strcmp(interface->note, note))
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
		if (plane->interfaces[i].datapath == CONF_DATAPATH_XDP)
			mode = CONF_DATAPATH_XDP;
	for (size_t i = 0; i < plane->n_interfaces && !err; i++)
		if (plane->interfaces[i].ifindex)
			err = device_sync(plane, &plane->interfaces[i], mode);
	return err;
}

/* Native or generic XDP as wanted; under `auto` a refusal leaves TC alone, with a note. */
static int interface_xdp(struct dataplane *plane, struct dataplane_interface *interface, char *why,
			 size_t why_len)
{
	bool is_generic = interface->wanted == CONF_DATAPATH_XDP_GENERIC;
	bool is_auto = interface->wanted == CONF_DATAPATH_AUTO;
	int err = -EBUSY;
	const char *fault = "another XDP program is attached";

	if (!hook_xdp_is_foreign(plane, interface->ifindex)) {
		err = hook_xdp_attach(plane, interface->ifindex, is_generic);
		fault = err ? strerror(-err) : "";
	}
	if (!err) {
		interface->datapath = is_generic ? CONF_DATAPATH_XDP_GENERIC : CONF_DATAPATH_XDP;
		return 0;
	}
	if (is_auto) {
		snprintf(interface->note, sizeof(interface->note), "no native XDP: %s", fault);
		return 0;
	}
	snprintf(why, why_len,
		 "interface %s: datapath %s: %s; %s, or set datapath: auto or tc for it",
		 interface->name, is_generic ? "xdp-generic" : "xdp", fault,
		 err == -EBUSY ? "detach that program (ip link set dev ... xdp off)"
			       : "use a driver with native XDP");
	return err;
}

int dataplane_attach(struct dataplane *plane, const struct conf_interface *wanted, char *why,
		     size_t why_len)
{
	struct dataplane_interface *interface = interface_add(plane, wanted);
	int err;

	interface->ifindex = if_nametoindex(wanted->name);
	if (!interface->ifindex) {
		snprintf(why, why_len, "interface %s: no such interface", wanted->name);
		return -ENODEV;
	}
	err = hook_tc_attach(plane, interface->ifindex);
	if (err) {
		snprintf(why, why_len,
			 "interface %s: TC filter: %s; is the clsact qdisc available?",
			 wanted->name, strerror(-err));
		return err;
	}
	interface->datapath = CONF_DATAPATH_TC;
	if (interface->wanted == CONF_DATAPATH_TC)
		hook_xdp_detach(plane->pin_dir, interface->ifindex);
	else
		err = interface_xdp(plane, interface, why, why_len);
	if (!err)
		err = dataplane_devices_sync(plane);
	return err;
}

int dataplane_detach(struct dataplane *plane, const char *name)
{
	struct dataplane_interface *interface = interface_at(plane, name);
	size_t at;

	if (!interface)
		return -ENOENT;
	if (interface->ifindex) {
		(void)dpmaps_device_del(plane->maps, interface->ifindex);
		hook_xdp_detach(plane->pin_dir, interface->ifindex);
		hook_tc_detach(plane->pin_dir, interface->ifindex);
	}
	at = interface - plane->interfaces;
	plane->n_interfaces--;
	memmove(interface, interface + 1, (plane->n_interfaces - at) * sizeof(*interface));
	return dataplane_devices_sync(plane);
}

void dataplane_interface_gone(struct dataplane *plane, const char *name)
{
	struct dataplane_interface *interface = interface_at(plane, name);

	if (!interface || !interface->ifindex)
		return;
	/* The kernel has dropped link and filter; the pins would name a dead index. */
	hook_xdp_detach(plane->pin_dir, interface->ifindex);
	hook_tc_detach(plane->pin_dir, interface->ifindex);
	interface->ifindex = 0;
	snprintf(interface->note, sizeof(interface->note), "interface is not there");
}

const struct dataplane_interface *dataplane_interfaces(const struct dataplane *plane, size_t *n)
{
	*n = plane->n_interfaces;
	return plane->interfaces;
}

struct dpmaps *dataplane_maps(struct dataplane *plane)
{
	return plane->maps;
}

void dataplane_close(struct dataplane *plane)
{
	if (!plane)
		return;
	dpmaps_free(plane->maps);
	mxlb_sweep__destroy(plane->sweep);
	mxlb_xdp__destroy(plane->xdp);
	mxlb_tc__destroy(plane->tc);
	if (plane->old_flows_fd >= 0)
		close(plane->old_flows_fd);
	if (plane->lock_fd >= 0)
		close(plane->lock_fd);
	free(plane->interfaces);
	free(plane);
}

int dataplane_purge(const char *pin_dir, char *why, size_t why_len)
{
	struct if_nameindex *names;
	int lock_fd = -1, err;

	(void)libbpf_set_print(libbpf_say);
	err = pins_open(pin_dir, &lock_fd, why, why_len);
	if (err)
		return err;
	names = if_nameindex();
	for (size_t i = 0; names && names[i].if_index; i++) {
		hook_xdp_detach(pin_dir, names[i].if_index);
		hook_tc_detach(pin_dir, names[i].if_index);
	}
	if_freenameindex(names);
	close(lock_fd);
	err = pins_remove_all(pin_dir);
	if (err)
		snprintf(why, why_len, "pin_dir %s: %s", pin_dir, strerror(-err));
	pins_unmount(pin_dir);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XDP links and TC filters of one interface. XDP is a pinned link: swapped in place by
 * the next daemon, and gone with its pin. TC has no link on kernel 6.1, so its filter
 * is known by handle, priority and the program's name.
 */
#include "dataplane_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "mxlb/knobs.h"
#include "mxlb_tc.skel.h"
#include "mxlb_xdp.skel.h"

#define TC_HANDLE   0x6d786c62 /* "mxlb" */
#define TC_PRIORITY 100

/* 1, 0, or a negative errno: without CAP_SYS_ADMIN, which the daemon gives up, the kernel
 * shows no program (-EPERM). */
static int prog_has_name(uint32_t id, const char *name)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id), err = fd < 0 ? -errno : 0;

	if (err)
		return err;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		err = -errno;
	close(fd);
	return err ? err : !strcmp(info.name, name);
}

static int filter_attach(unsigned ifindex, enum bpf_tc_attach_point point, int prog_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY,
		    .flags = BPF_TC_F_REPLACE, .prog_fd = prog_fd);

	return bpf_tc_attach(&hook, &opts);
}

static void filter_detach(unsigned ifindex, enum bpf_tc_attach_point point, const char *prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, query, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	int is_ours;

	if (bpf_tc_query(&hook, &query))
		return;
	is_ours = prog_has_name(query.prog_id, prog);
	/* Where it may not be seen, handle and priority, which nobody else uses, must do. */
	if (is_ours == 1 || is_ours == -EPERM)
		(void)bpf_tc_detach(&hook, &opts);
}

/* Every packet that leaves pays for the egress filter: it is there while probes need it. */
static int hook_probe_path(struct dataplane *plane, unsigned ifindex)
{
	if (plane->has_probe_path)
		return filter_attach(ifindex, BPF_TC_EGRESS,
				     bpf_program__fd(plane->tc->progs.mxlb_tc_out));
	filter_detach(ifindex, BPF_TC_EGRESS, "mxlb_tc_out");
	return 0;
}

int dataplane_probe_path(struct dataplane *plane, bool wanted, char *why, size_t why_len)
{
	int first = 0;

	plane->has_probe_path = wanted;
	for (size_t i = 0; i < plane->n_interfaces; i++) {
		const struct dataplane_interface *interface = &plane->interfaces[i];
		int err = interface->ifindex ? hook_probe_path(plane, interface->ifindex) : 0;

		if (!err || first)
			continue;
		first = err;
		snprintf(why, why_len,
			 "interface %s: egress TC filter: %s; probes of dsr and tunnel backends "
			 "fail on it; is the clsact qdisc there?",
			 interface->name, strerror(-err));
	}
	return first;
}

int hook_tc_attach(struct dataplane *plane, unsigned ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	char mark[PATH_MAX];
	int err = bpf_tc_hook_create(&hook);

	if (!err) {
		pins_path(plane, mark, sizeof(mark), "qdisc", ifindex);
		if (mkdir(mark, 0700) && errno != EEXIST)
			return -errno;
	} else if (err != -EEXIST) {
		return err;
	}
	err = filter_attach(ifindex, BPF_TC_INGRESS, bpf_program__fd(plane->tc->progs.mxlb_tc_in));
	return err ? err : hook_probe_path(plane, ifindex);
}

void hook_tc_detach(const char *pin_dir, unsigned ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	char mark[PATH_MAX];

	filter_detach(ifindex, BPF_TC_INGRESS, "mxlb_tc_in");
	filter_detach(ifindex, BPF_TC_EGRESS, "mxlb_tc_out");
	snprintf(mark, sizeof(mark), "%s/qdisc-%u", pin_dir, ifindex);
	if (rmdir(mark))
		return;			  /* not ours to remove */
	(void)bpf_tc_hook_destroy(&hook); /* both attach points: the whole qdisc */
}

/* Without the detach the link would live until the kernel gets to it, and the next
 * attach in another mode would find the hook taken. */
static void link_drop(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd >= 0) {
		(void)bpf_link_detach(fd);
		close(fd);
	}
	(void)unlink(path);
}

/* An existing pin is reused if its link still sits on this interface. */
static int link_reuse(const char *path, int prog_fd, unsigned ifindex)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(path), err = fd < 0 ? -errno : 0;

	if (err)
		return err;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.xdp.ifindex != ifindex)
		err = -ESTALE;
	else if (bpf_link_update(fd, prog_fd, NULL))
		err = -errno;
	close(fd);
	return err;
}

static int link_make(const char *path, int prog_fd, unsigned ifindex, unsigned mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode);
	int fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts), err = 0;

	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path))
		err = -errno;
	close(fd);
	return err;
}

int hook_xdp_attach(struct dataplane *plane, unsigned ifindex, bool is_generic)
{
	int prog_fd = bpf_program__fd(plane->xdp->progs.mxlb_xdp_in), err;
	char path[PATH_MAX], other[PATH_MAX];

	pins_path(plane, path, sizeof(path), is_generic ? "xdpgeneric" : "xdp", ifindex);
	pins_path(plane, other, sizeof(other), is_generic ? "xdp" : "xdpgeneric", ifindex);
	link_drop(other); /* the other mode's link must go first; TC serves meanwhile */
	err = link_reuse(path, prog_fd, ifindex);
	if (!err)
		return 0;
	link_drop(path);
	return link_make(path, prog_fd, ifindex,
			 is_generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
}

void hook_xdp_detach(const char *pin_dir, unsigned ifindex)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/xdp-%u", pin_dir, ifindex);
	link_drop(path);
	snprintf(path, sizeof(path), "%s/xdpgeneric-%u", pin_dir, ifindex);
	link_drop(path);
}

bool hook_xdp_is_foreign(struct dataplane *plane, unsigned ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);

	if (bpf_xdp_query((int)ifindex, 0, &opts))
		return false;
	return opts.prog_id && prog_has_name(opts.prog_id, "mxlb_xdp_in") != 1;
}

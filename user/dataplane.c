/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the three objects over pinned maps. A restart finds the pins and goes on with
 * them; a table of another size is copied. Maps of another ABI stay with their programs
 * until these are replaced on every interface, and then go.
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
#include "mem.h"
#include "mxlb/knobs.h"
#include "mxlb_sweep.skel.h"
#include "mxlb_tc.skel.h"
#include "mxlb_xdp.skel.h"

/* The verifier's last words about a program, for a report; "" without any. */
static char refusal[256];

/* Of the verifier's log, which may have megabytes, the line before its statistics. */
static void refusal_take(char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (!end)
		return;
	*end = '\0';
	line = strrchr(log, '\n');
	(void)snprintf(refusal, sizeof(refusal), "%s", line ? line + 1 : log);
}

/* What fails is told by its caller, with the remedy. */
static int libbpf_say(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *text = NULL;

	if (level == LIBBPF_WARN && vasprintf(&text, fmt, args) >= 0) {
		refusal_take(text);
		free(text);
	}
	return 0;
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
		FD(doors),
		FD(door_bits),
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
		FD(ports),
		FD(vlans),
		FD(names),
		FD(service_counts),
		FD(backend_counts),
		FD(drops),
		FD(interface_counts),
		FD(probe_counts),
		FD(events),
		FD(probe_flows),
		.sweep_begin = bpf_program__fd(plane->sweep->progs.mxlb_sweep_begin),
		.sweep_slice = bpf_program__fd(plane->sweep->progs.mxlb_sweep_slice),
		.sweep_judge = bpf_program__fd(plane->sweep->progs.mxlb_sweep_judge),
		.sweep_keys = bpf_map__fd(plane->sweep->maps.sweep_keys),
	};
#undef FD

	return dpmaps_new(&fds, &plane->maps);
}

static void load_failed(int err, const char *dir, char *why, size_t why_len)
{
	if (refusal[0])
		snprintf(why, why_len,
			 "data path: this kernel's verifier refused a program: %s (%s); that is a "
			 "fault of mxlb: report it with the output of uname -r",
			 refusal, strerror(-err));
	else if (err == -EPERM || err == -EACCES)
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
	bool is_first = false;
	int err = pins_open(plane->pin_dir, &plane->lock_fd, why, why_len);

	if (err)
		goto out;
	(void)libbpf_set_print(libbpf_say);
	plane->is_replacing = pins_have_other_abi(plane->pin_dir);
	maps_dir(plane, dir, sizeof(dir));
	err = mkdir(dir, 0700) && errno != EEXIST ? -errno : 0;
	if (!err)
		err = flows_set_aside(plane, conf->flows.max, is_adopted);
	is_first = !err && !*is_adopted && !plane->is_replacing;
	if (!err)
		err = objects_load(plane, conf, dir);
	if (!err)
		err = maps_open(plane);
	if (!err)
		err = dpmaps_set_limits(plane->maps, conf->flows.half_open, conf->flows.max);
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
	if (is_first) /* leaves nothing behind; that failing, the first message says more */
		(void)dataplane_purge(conf->pin_dir, dir, sizeof(dir));
	return err;
}

bool dataplane_is_replacing(const struct dataplane *plane)
{
	return plane->is_replacing;
}

/* Flows that the old programs made between load and attach. */
static void flows_settle(struct dataplane *plane)
{
	unsigned lost;

	if (plane->old_flows_fd < 0)
		return;
	(void)dpmaps_flows_copy(plane->old_flows_fd, plane->maps, &lost);
	close(plane->old_flows_fd);
	plane->old_flows_fd = -1;
}

int dataplane_settle(struct dataplane *plane)
{
	flows_settle(plane);
	interfaces_drop_unlisted(plane);
	return pins_remove_other_abis(plane->pin_dir);
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
	for (size_t i = 0; names && names[i].if_index; i++)
		interface_clear(pin_dir, names[i].if_index);
	if_freenameindex(names);
	close(lock_fd);
	err = pins_remove_all(pin_dir);
	if (err)
		snprintf(why, why_len, "pin_dir %s: %s", pin_dir, strerror(-err));
	pins_unmount(pin_dir);
	return err;
}

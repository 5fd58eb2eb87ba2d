/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps about interfaces; see dpmaps_links.h. Each is small, and none is read for what
 * an established connection needs, so a moment between two writes costs no packet.
 */
#include "dpmaps_links.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dpmaps_priv.h"
#include "mem.h"

static int set(int fd, const void *key, const void *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

/* What is gone already is as wanted. */
static int del(int fd, const void *key)
{
	return bpf_map_delete_elem(fd, key) && errno != ENOENT ? -errno : 0;
}

int dpmaps_device_add(struct dpmaps *maps, unsigned ifindex)
{
	return set(maps->fds.devices, &ifindex, &ifindex);
}

int dpmaps_device_del(struct dpmaps *maps, unsigned ifindex)
{
	return del(maps->fds.devices, &ifindex);
}

/* A packet that reads half an address leaves its frame to TC, which knows better. */
int dpmaps_port_set(struct dpmaps *maps, unsigned ifindex, const uint8_t mac[6])
{
	struct mxlb_port port = {.ifindex = ifindex};
	uint32_t slot = ifindex % MXLB_IFINDEX_SLOTS;

	memcpy(port.mac, mac, sizeof(port.mac));
	return set(maps->fds.ports, &slot, &port);
}

/* The slot may be another interface's by now. */
int dpmaps_port_del(struct dpmaps *maps, unsigned ifindex)
{
	uint32_t slot = ifindex % MXLB_IFINDEX_SLOTS;
	struct mxlb_port port, none = {0};

	if (bpf_map_lookup_elem(maps->fds.ports, &slot, &port))
		return -errno;
	return port.ifindex == ifindex ? set(maps->fds.ports, &slot, &none) : 0;
}

int dpmaps_vlan_set(struct dpmaps *maps, const struct mxlb_vlan *vlan, unsigned device)
{
	return set(maps->fds.vlans, vlan, &device);
}

int dpmaps_vlan_del(struct dpmaps *maps, const struct mxlb_vlan *vlan)
{
	return del(maps->fds.vlans, vlan);
}

static bool is_listed(const struct mxlb_vlan *vlan, const struct mxlb_vlan *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!memcmp(vlan, &list[i], sizeof(*vlan)))
			return true;
	}
	return false;
}

/* All keys of `vlans`; the caller frees them. A hash whose walk loses its place starts
 * again, so there is a limit, and the few keys told twice do no harm. */
static struct mxlb_vlan *vlans_list(struct dpmaps *maps, size_t *n)
{
	struct mxlb_vlan key, *previous = NULL, *list = NULL;

	*n = 0;
	while (*n < 2 * MXLB_MAX_VLANS && !bpf_map_get_next_key(maps->fds.vlans, previous, &key)) {
		list = mem_append(list, n, sizeof(*list));
		list[*n - 1] = key;
		previous = &key;
	}
	return list;
}

int dpmaps_vlans_keep(struct dpmaps *maps, const struct mxlb_vlan *keep, size_t n)
{
	size_t n_there;
	struct mxlb_vlan *there = vlans_list(maps, &n_there);
	int err = 0;

	for (size_t i = 0; i < n_there && !err; i++) {
		if (!is_listed(&there[i], keep, n))
			err = dpmaps_vlan_del(maps, &there[i]);
	}
	free(there);
	return err;
}

bool dpmaps_has_vlans(struct dpmaps *maps, unsigned ifindex)
{
	struct mxlb_vlan key, *previous = NULL;

	for (int i = 0; i < MXLB_MAX_VLANS; i++) {
		if (bpf_map_get_next_key(maps->fds.vlans, previous, &key))
			return false;
		if (key.ifindex == ifindex)
			return true;
		previous = &key;
	}
	return false;
}

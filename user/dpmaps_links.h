/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the data path knows of interfaces: where XDP may send (`devices`), which frames
 * are for this host (`ports`), which tags the kernel takes (`vlans`). Callers: dataplane,
 * interfaces.
 */
#ifndef DPMAPS_LINKS_H
#define DPMAPS_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mxlb/abi.h"

struct dpmaps;

/* All return 0 or a negative errno; deleting what is not there is no error. */
int dpmaps_device_add(struct dpmaps *maps, unsigned ifindex);
int dpmaps_device_del(struct dpmaps *maps, unsigned ifindex);

int dpmaps_port_set(struct dpmaps *maps, unsigned ifindex, const uint8_t mac[6]);
int dpmaps_port_del(struct dpmaps *maps, unsigned ifindex);

/* `device` is the VLAN device's own ifindex. */
int dpmaps_vlan_set(struct dpmaps *maps, const struct mxlb_vlan *vlan, unsigned device);
int dpmaps_vlan_del(struct dpmaps *maps, const struct mxlb_vlan *vlan);
/* Deletes all that `keep` does not name: what an earlier daemon has left. */
int dpmaps_vlans_keep(struct dpmaps *maps, const struct mxlb_vlan *keep, size_t n);
/* Does some VLAN device stand on the interface? */
bool dpmaps_has_vlans(struct dpmaps *maps, unsigned ifindex);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a link's driver says of itself, through ethtool's ioctl and its elder sisters. Asks
 * only; mxlb changes no offload. Callers: preflight, dataplane.
 */
#ifndef ETHTOOL_H
#define ETHTOOL_H

#include <stdbool.h>
#include <stdint.h>

/* All are false also when the link does not exist or its driver can't tell. */
bool ethtool_is_veth(const char *link);
bool ethtool_has_lro(const char *link);
/* The device takes VLAN tags off the frames that it receives. */
bool ethtool_strips_vlans(const char *link);

/* 0; -ENODEV, or -EINVAL for a link that has no Ethernet address. */
int ethtool_mac(const char *link, uint8_t mac[6]);

#endif

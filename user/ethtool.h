/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a link's driver says of itself, through ethtool's ioctl. Asks only; mxlb
 * changes no offload. Caller: preflight.
 */
#ifndef ETHTOOL_H
#define ETHTOOL_H

#include <stdbool.h>

/* All three are false also when the link does not exist or its driver can't tell. */
bool ethtool_is_veth(const char *link);
bool ethtool_has_lro(const char *link);
/* The device fills in the checksums of what it sends. */
bool ethtool_has_tx_checksum(const char *link);
/* The other end of a veth, if it is in our network namespace: 0 with its name, or
 * -ENODEV. `name` holds IFNAMSIZ bytes. */
int ethtool_veth_peer(const char *link, char *name);

#endif

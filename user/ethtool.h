/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a link's driver says of itself, through ethtool's ioctl. Asks only; mxlb
 * changes no offload. Callers: preflight, dataplane.
 */
#ifndef ETHTOOL_H
#define ETHTOOL_H

#include <stdbool.h>

/* Both are false also when the link does not exist or its driver can't tell. */
bool ethtool_is_veth(const char *link);
bool ethtool_has_lro(const char *link);

#endif

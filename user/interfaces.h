/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's interfaces change under a running daemon: netlink's news -> dataplane, maps.
 * Callers: mxlbd (start, upkeep), the event loop through interfaces_ops.
 */
#ifndef INTERFACES_H
#define INTERFACES_H

#include <stddef.h>

#include "netlink.h"

struct daemon;

/* For netlink_new, with the daemon as argument. */
extern const struct netlink_ops interfaces_ops;

/* Attaches the interfaces of the config in force, and finishes the take-over of an older
 * data path. 0, or a negative errno and a message. */
int interfaces_start(struct daemon *daemon, char *why, size_t why_len);
/* To call every 10 s or so: what no event tells of, or what failed when one did. */
void interfaces_keep(struct daemon *daemon);

#endif

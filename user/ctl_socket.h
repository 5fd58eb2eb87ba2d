/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket as a file: where it stands, whose it is, who may open it.
 */
#ifndef CTL_SOCKET_H
#define CTL_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

/* A bound socket that does not listen yet; its directory is made where missing, and
 * a stale socket, on which nobody answers, is removed. A descriptor, or a negative
 * errno with a full message in `why`. */
int ctl_socket_open(const char *path, char *why, size_t why_len);
/* Mode 0660 and the group, or 0600 with CTL_NO_GROUP. 0 or a negative errno. */
int ctl_socket_share(const char *path, gid_t group);

#endif

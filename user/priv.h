/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon may do: gives away every privilege that it does not need once it
 * runs. Adapter of libcap-ng. Callers: mxlbd, preflight.
 */
#ifndef PRIV_H
#define PRIV_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this process has what mxlbd needs: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON. Else
 * `missing` gets their names, as "bpf, net_admin". */
bool priv_has_needed(char *missing, size_t len);

/* Keeps uid 0 (the pins and the state file are root's) with those three only, empties
 * the bounding and the ambient set, and sets no_new_privs. No way back. To do before:
 * mounting the bpffs, creating and chowning the control socket, making directories that
 * are not root's, binding ports below 1024. 0, or a negative errno with a message. */
int priv_drop(char *why, size_t len);

#endif

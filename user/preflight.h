/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is this host able to run this config? Asked before anything is changed; it changes
 * nothing itself. Reads /proc/sys, asks netlink and ethtool's ioctl in the network
 * namespace of the process. Caller: mxlbd, at its start and at a reload.
 */
#ifndef PREFLIGHT_H
#define PREFLIGHT_H

struct conf;

enum preflight_level { PREFLIGHT_ERROR, PREFLIGHT_WARN, PREFLIGHT_INFO };

/* One finding: a full message without a newline, with the remedy; valid in the call. */
typedef void (*preflight_say)(enum preflight_level level, const char *text, void *arg);

/* Says all findings. 0; -EPERM when a capability is missing (then nothing else is
 * looked at); -EINVAL when any other error was found. A check for a reload runs
 * after priv_drop, which keeps the capabilities that are asked for here. */
int preflight(const struct conf *conf, preflight_say say, void *arg);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network of the test's own: the process moves into a new network namespace, as
 * root or, for anybody else, inside a new user namespace too. Nothing leaves it.
 */
#ifndef PRIVATE_NET_H
#define PRIVATE_NET_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void private_net_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* 0, or -1 after a message. */
static inline int private_net_enter(void)
{
	unsigned uid = getuid(), gid = getgid();
	char map[32];

	if (uid == 0 && unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
		fprintf(stderr,
			"no network namespace: %s; run as root, or allow user namespaces "
			"(sysctl kernel.unprivileged_userns_clone=1)\n",
			strerror(errno));
		return -1;
	}
	private_net_write("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	private_net_write("/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	private_net_write("/proc/self/gid_map", map);
	return 0;
}

/* Runs a shell command that must succeed; ip and ethtool may be in sbin. */
__attribute__((format(printf, 1, 2))) static inline void private_net_run(const char *fmt, ...)
{
	char command[512] = "PATH=$PATH:/usr/sbin:/sbin; ";
	size_t used = strlen(command);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command + used, sizeof(command) - used, fmt, ap);
	va_end(ap);
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

#endif

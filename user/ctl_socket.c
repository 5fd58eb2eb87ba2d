/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket as a file. Until ctl_socket_share nobody but its owner can
 * open it; a file that is no socket is never removed.
 */
#include "ctl_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl_peer.h"

static int make_directory(const char *path, char *why, size_t why_len)
{
	const char *slash = strrchr(path, '/');
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int err = 0;

	if (!slash || slash == path)
		return 0;
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if (mkdir(dir, 0755) && errno != EEXIST) {
		err = -errno;
		(void)snprintf(why, why_len, "control socket: directory %s can't be made: %s; %s",
			       dir, strerror(-err), "make it, or set control.socket");
	}
	return err;
}

static int unix_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* Nobody listens on what is a socket: left behind by a daemon that was killed. A full
 * backlog (EAGAIN) is somebody. */
static int is_stale(const char *path, const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, refused;

	if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return 0;
	fd = unix_socket();
	if (fd < 0)
		return 0;
	refused =
		connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED;
	(void)close(fd);
	return refused;
}

static int bind_private(int fd, const struct sockaddr_un *addr)
{
	mode_t before = umask(0177);
	int err = bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) ? -errno : 0;

	(void)umask(before);
	return err;
}

static void explain(const char *path, int err, char *why, size_t why_len)
{
	struct stat st;
	const char *remedy = "check its directory";

	if (err == -EADDRINUSE && !lstat(path, &st) && !S_ISSOCK(st.st_mode))
		remedy = "the path is no socket; remove it, or set control.socket";
	else if (err == -EADDRINUSE)
		remedy = "another mxlbd is running there; stop it first, or set control.socket";
	(void)snprintf(why, why_len, "control socket: %s: %s; %s", path, strerror(-err), remedy);
}

int ctl_socket_open(const char *path, char *why, size_t why_len)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, err = make_directory(path, why, why_len);

	if (err)
		return err;
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = unix_socket();
	err = fd < 0 ? fd : bind_private(fd, &addr);
	if (err == -EADDRINUSE && is_stale(path, &addr) && !unlink(path))
		err = bind_private(fd, &addr);
	if (!err)
		return fd;
	explain(path, err, why, why_len);
	if (fd >= 0)
		(void)close(fd);
	return err;
}

int ctl_socket_share(const char *path, gid_t group)
{
	if (group == CTL_NO_GROUP)
		return chmod(path, 0600) ? -errno : 0;
	/* The group first: the mode must never let another one in. */
	if (chown(path, (uid_t)-1, group) || chmod(path, 0660))
		return -errno;
	return 0;
}

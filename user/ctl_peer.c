/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is at the other end of a control connection. The kernel tells the groups that
 * the peer had when it connected; the user data base those that it may have.
 */
#include "ctl_peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel's own limit is 65536; a member of that many groups must do with fewer. */
#define GROUPS_MAX 1024

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static bool list_has(const gid_t *groups, size_t n, gid_t group)
{
	for (size_t i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool has_group_now(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	return list_has(groups, len / sizeof(gid_t), group);
}

static bool is_listed(const struct passwd *user, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;

	if (!user || getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
		return false;
	return list_has(groups, (size_t)n, group);
}

int ctl_peer_get(int fd, gid_t group, struct ctl_peer *peer)
{
	const struct passwd *user;
	socklen_t len = sizeof(struct ucred);
	struct ucred cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	user = getpwuid(cred.uid);
	peer->uid = cred.uid;
	if (user)
		(void)snprintf(peer->name, sizeof(peer->name), "%s", user->pw_name);
	else
		(void)snprintf(peer->name, sizeof(peer->name), "%u", (unsigned)cred.uid);
	peer->is_allowed =
		cred.uid == 0 || cred.uid == geteuid() ||
		(group != CTL_NO_GROUP &&
		 (cred.gid == group || has_group_now(fd, group) || is_listed(user, group)));
	return 0;
}

gid_t ctl_group_id(const char *name)
{
	const struct group *group = getgrnam(name);

	return group ? group->gr_gid : CTL_NO_GROUP;
}

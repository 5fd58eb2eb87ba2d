/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is at the other end of a control connection, by the kernel's word.
 */
#ifndef CTL_PEER_H
#define CTL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#define CTL_NO_GROUP ((gid_t)-1)

struct ctl_peer {
	uid_t uid;
	char name[64]; /* of the user; the number where it has none */
	bool is_allowed;
};

/* Allowed are root, our own user, and members of `group`. 0 or a negative errno. */
int ctl_peer_get(int fd, gid_t group, struct ctl_peer *peer);
/* The id of a group, or CTL_NO_GROUP. */
gid_t ctl_group_id(const char *name);

#endif

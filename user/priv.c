/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities through libcap-ng. uid 0 stays, but without CAP_DAC_OVERRIDE root opens
 * only what its mode allows root as the owner; no_new_privs and the empty bounding set
 * keep an exec from giving anything back.
 */
#include "priv.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static const struct {
	unsigned capability;
	const char *name;
} needed[] = {
	{CAP_BPF, "bpf"},	      /* maps, programs */
	{CAP_NET_ADMIN, "net_admin"}, /* attaching, addresses, neighbours */
	{CAP_PERFMON, "perfmon"},     /* programs that read pointers */
};

#define NEEDED_COUNT (sizeof(needed) / sizeof(needed[0]))

bool priv_has_needed(char *missing, size_t len)
{
	size_t used = 0;
	bool has_all = true;

	if (len > 0)
		missing[0] = '\0';
	if (capng_get_caps_process() != 0)
		capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < NEEDED_COUNT; i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, needed[i].capability))
			continue;
		if (used < len)
			used += (size_t)snprintf(missing + used, len - used, "%s%s",
						 has_all ? "" : ", ", needed[i].name);
		has_all = false;
	}
	return has_all;
}

/* Without CAP_SETPCAP (a unit may have taken it) the bounding set can't be emptied; then
 * no_new_privs alone stands in the way of an exec. */
static capng_select_t sets_to_apply(void)
{
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return CAPNG_SELECT_ALL;
	return CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
}

int priv_drop(char *why, size_t len)
{
	capng_select_t sets;
	char missing[64];
	int err;

	if (!priv_has_needed(missing, sizeof(missing))) {
		(void)snprintf(why, len, "not permitted (missing: %s); run it as root", missing);
		return -EPERM;
	}
	sets = sets_to_apply();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		err = -errno;
		(void)snprintf(why, len, "cannot set no_new_privs: %s", strerror(-err));
		return err;
	}
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < NEEDED_COUNT; i++)
		(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				   needed[i].capability); /* fails for unknown numbers only */
	err = capng_apply(sets);
	if (err == 0)
		return 0;
	(void)snprintf(why, len, "cannot give up capabilities (libcap-ng says %d)", err);
	return -EPERM;
}

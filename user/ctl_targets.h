/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backends that a command means: one of a name in each service that has it, or
 * in the one service that --service names.
 */
#ifndef CTL_TARGETS_H
#define CTL_TARGETS_H

#include <stddef.h>

#include "mxlb/abi.h"

struct ctl_call;
struct model_backend;

struct ctl_targets {
	struct model_backend *items[MXLB_MAX_SERVICES];
	size_t n;
};

/* Fills targets with at least one. 0, or -ENOENT; then the reply has been given. */
int ctl_targets_find(const struct ctl_call *call, const char *name, struct ctl_targets *targets);
/* Is --service, where given, a service? 0, or -ENOENT; then the reply has been given. */
int ctl_service_check(const struct ctl_call *call, const char *name);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the state file: what state.c (the file) and state_admin.c (one backend's
 * entry in it) share.
 */
#ifndef STATE_PRIV_H
#define STATE_PRIV_H

#include <jansson.h>

#include "model.h"

/* Text like {"admin": "drain", "by": ...} to an admin state. 0, or -EINVAL, with *fault
 * saying what is wrong (static). */
int state_admin_read(const json_t *entry, struct admin *admin, const char **fault);
/* The way back; NULL: out of memory. */
json_t *state_admin_write(const struct admin *admin);
/* Is as the config alone would have it: nothing to write. */
bool state_admin_is_default(const struct admin *admin);

#endif

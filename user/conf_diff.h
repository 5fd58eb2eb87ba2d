/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a reload from one configuration to another would change, object by object:
 * for `mxlbctl config diff` and for the log of a reload. Pure.
 */
#ifndef CONF_DIFF_H
#define CONF_DIFF_H

#include <stddef.h>

struct conf;

enum conf_op { CONF_OP_ADD, CONF_OP_REMOVE, CONF_OP_CHANGE };

struct conf_change {
	enum conf_op op;
	const char *object; /* setting, interface, probe, service or backend; static */
	char *name;	    /* "log.level", "eth0", "mail", "mx-in", "mx-in/mx1" */
	char *text;	    /* "weight 100 -> 50, port 25 -> 2525" */
};

struct conf_changes {
	struct conf_change *items;
	size_t n;
};

/* 0 and changes to free (none: the two agree), or -ENOMEM. `changes` starts zeroed. */
int conf_diff(const struct conf *old, const struct conf *new, struct conf_changes *changes);
void conf_changes_free(struct conf_changes *changes);
/* "add", "remove" or "change". */
const char *conf_op_name(enum conf_op op);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults of a configuration: gathered while it is read and checked, then turned
 * into sorted lines "FILE:LINE:COLUMN: path: what is wrong; what would be right".
 * A fault names a path; its place is looked up in the tree, so that checks may
 * work on the model alone.
 */
#ifndef CONF_FAULT_H
#define CONF_FAULT_H

#include "conf.h"
#include "conf_node.h"

/* One step of a path, linked towards the root. Lives on the stack of its maker. */
struct conf_path {
	const struct conf_path *up; /* NULL: below the root */
	const char *key;	    /* NULL: an item of a list */
	size_t index;
};

struct conf_fault;

struct conf_faults {
	const char *file;
	const struct conf_node *root; /* or NULL */
	struct conf_fault *items;
	size_t n;
	bool is_cut; /* there were more than could be kept */
};

/* Adds a fault at the place of `path`, or of its nearest parent that the text has. */
void conf_fault(struct conf_faults *faults, const struct conf_path *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same at a known place; path may be NULL. */
void conf_fault_at(struct conf_faults *faults, unsigned line, unsigned column,
		   const struct conf_path *path, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Moves the faults into lines and empties `faults`. 0 when there were none, else -EINVAL. */
int conf_faults_finish(struct conf_faults *faults, struct conf_errors *errors);

/* Fills `steps` and returns its last: a path from keys, ended by NULL. */
const struct conf_path *conf_path_make(struct conf_path *steps, const char *const *keys);
#define CONF_PATH(...)                                                                             \
	conf_path_make((struct conf_path[8]){{0}}, (const char *const[]){__VA_ARGS__, NULL})

#endif

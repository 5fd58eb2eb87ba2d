/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must outlive the daemon and is not in the kernel's maps: admin states and
 * run-time weights of backends, and what we made on the host. One file,
 * DIR/state.json. Adapter of jansson's reading side. Callers: mxlbd, apply, purge.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>

struct model;
struct state;

enum state_list {
	STATE_QDISCS,	 /* links whose clsact qdisc we made: "eth0" */
	STATE_ADDRESSES, /* addresses we added: "lo 192.0.2.25" */
	STATE_LIST_COUNT
};

/* Reads DIR/state.json. 0, also when there is none. On a negative errno `why` holds a
 * full message, and *state is an empty one to go on with (NULL: out of memory). -EINVAL:
 * the file was broken, and has been kept as state.json.broken. */
int state_load(const char *dir, struct state **state, char *why, size_t len);
/* Takes NULL. Writes nothing. */
void state_free(struct state *state);

/* Sets the admin state and run-time weight of the model's backends that have an entry;
 * leaves others alone. To call again when backends come from DNS: entries are current
 * if each admin change was followed by state_save. */
void state_apply(const struct state *state, struct model *model);

/* Writes the file (atomically, 0600; DIR is made if missing, 0750), with the admin
 * states that `model` has now; NULL: as they were loaded. Entries of backends that are
 * gone are dropped, save for pools from DNS, whose backends may come back. 0, or a
 * negative errno with a message; the file is then as before. */
int state_save(struct state *state, const struct model *model, char *why, size_t len);

/* The lists; a change is written by the next state_save. */
bool state_has(const struct state *state, enum state_list list, const char *item);
/* 0 (also when it was there), or -ENOMEM. */
int state_add(struct state *state, enum state_list list, const char *item);
void state_remove(struct state *state, enum state_list list, const char *item);
/* The i-th item, or NULL past the end; valid until the list changes. */
const char *state_item(const struct state *state, enum state_list list, size_t i);

#endif

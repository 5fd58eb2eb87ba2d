/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator changes something: text -> model -> plan -> maps. Owns the record of
 * what the kernel holds. Every change of the data path ends in apply_commit.
 */
#ifndef APPLY_H
#define APPLY_H

#include <stddef.h>

struct apply;
struct conf;
struct conf_errors;
struct daemon;
struct model_backend;
struct admin;

int apply_new(struct daemon *daemon, struct apply **apply);
void apply_free(struct apply *apply);
/* First model: takes conf over, adopts what is pinned. */
int apply_start(struct daemon *daemon, struct conf *conf, char *why, size_t why_len);
/* Plans from the model as it is now and brings the kernel there. Logs what fails. */
int apply_commit(struct daemon *daemon);
/* Reads the config file anew; on any error the old model stays in force, -EINVAL, and
 * `why` holds the lines to show, joined by newlines. */
int apply_reload(struct daemon *daemon, char **why);
/* Sets the admin state (kept in the state file) and commits. The caller has checked
 * that the last usable backend is not lost. */
int apply_admin(struct daemon *daemon, struct model_backend *backend, const struct admin *admin);
/* Routes or our own addresses may have changed: looks again for the way to each tunnel's
 * backend, and commits what is new. */
void apply_network_changed(struct daemon *daemon);
/* Forgets removed backends and leaving VIPs whose last flow has ended. */
void apply_collect(struct daemon *daemon);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the writer of an unknown word may have meant.
 */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include "conf.h"
#include "conf_schema.h"

/* Longest hint with the NUL; a longer list is cut. */
#define CONF_SUGGEST_MAX 256

/* True when the table has this key; else `hint` says what would be right: the
 * nearest known key, or all of them. */
bool conf_suggest(const struct conf_key *keys, const char *name, char *hint);
/* "mail, slow or smtp": the probes that a service may name. Returns hint. */
char *conf_suggest_probes(const struct conf *conf, char *hint);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One value of the configuration: from text into its member of a struct, and back
 * to text. `base` is the struct that the key's table describes.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf_schema.h"

/* Longest text of conf_value_wants with the NUL. */
#define CONF_WANTS_MAX 160

/* Sets a scalar, or adds an item to a list. 0, or a negative errno and in *why what
 * is wrong with the text ("is out of range"); the member is then as it was. */
int conf_value_put(const struct conf_key *key, void *base, const char *text, const char **why);
/* "1500ms", "15m", "0s": the largest unit that loses nothing. Returns buf. */
#define CONF_DURATION_MAX 32
char *conf_duration_format(unsigned long long ms, char *buf);
/* What would be right: "a number from 1 to 65535". Returns buf. */
char *conf_value_wants(const struct conf_key *key, char *buf);
/* The value as the file would give it, "unset" where there is none; lists are joined
 * by ", ". The caller frees it; NULL for want of memory or for a key with keys. */
char *conf_value_format(const struct conf_key *key, const void *base);
/* Frees what conf_value_put allocated for the keys of a table; members become zero. */
void conf_values_free(const struct conf_key *keys, void *base);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nearest words. Pure; only ever runs when there is a fault to tell.
 */
#include "conf_suggest.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Longer than any key; what is longer is no typing error of one. */
#define WORD_MAX 32

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Letters to insert, drop or change to get from a to b (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t len = strlen(b);

	if (strlen(a) > WORD_MAX || len > WORD_MAX)
		return UINT_MAX;
	for (unsigned j = 0; j <= len; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned corner = row[0];

		row[0] = i + 1;
		for (unsigned j = 0; j < len; j++) {
			unsigned change = corner + (a[i] != b[j]);

			corner = row[j + 1];
			row[j + 1] = min3(change, row[j] + 1, row[j + 1] + 1);
		}
	}
	return row[len];
}

static void keys_list(const struct conf_key *keys, char *hint)
{
	size_t len = (size_t)snprintf(hint, CONF_SUGGEST_MAX, "must be one of");

	for (; keys->name && len < CONF_SUGGEST_MAX; keys++)
		len += (size_t)snprintf(hint + len, CONF_SUGGEST_MAX - len, " %s%s", keys->name,
					keys[1].name ? "," : "");
}

bool conf_suggest(const struct conf_key *keys, const char *name, char *hint)
{
	/* A third of the letters may be wrong, and always one. */
	unsigned nearest = 2 + (unsigned)strlen(name) / 3;
	const char *best = NULL;

	for (const struct conf_key *key = keys; key->name; key++) {
		unsigned away = distance(name, key->name);

		if (away == 0)
			return true;
		/* A word of other letters only is no typing error. */
		if (away < nearest && away < strlen(key->name)) {
			nearest = away;
			best = key->name;
		}
	}
	if (best)
		(void)snprintf(hint, CONF_SUGGEST_MAX, "did you mean %s?", best);
	else
		keys_list(keys, hint);
	return false;
}

char *conf_suggest_probes(const struct conf *conf, char *hint)
{
	size_t len = 0;
	bool has_builtin = false;

	hint[0] = '\0';
	for (size_t i = 0; i < conf->n_probes && len < CONF_SUGGEST_MAX; i++) {
		if (!strcmp(conf->probes[i]->name, "smtp"))
			has_builtin = true;
		len += (size_t)snprintf(hint + len, CONF_SUGGEST_MAX - len, "%s%s", i ? ", " : "",
					conf->probes[i]->name);
	}
	if (!has_builtin && len < CONF_SUGGEST_MAX)
		(void)snprintf(hint + len, CONF_SUGGEST_MAX - len, "%ssmtp", len ? " or " : "");
	return hint;
}

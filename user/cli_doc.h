/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members of a document by dotted path ("health.state"). What is missing or of
 * another type reads as "", 0 or false: daemons of other versions say more, or less.
 */
#ifndef CLI_DOC_H
#define CLI_DOC_H

#include <jansson.h>
#include <stdbool.h>

#include "out.h"

/* Borrowed; NULL where there is none. */
json_t *doc_get(const json_t *doc, const char *path);
const char *doc_text(const json_t *doc, const char *path);
double doc_number(const json_t *doc, const char *path);
long long doc_integer(const json_t *doc, const char *path);
bool doc_is_true(const json_t *doc, const char *path);
bool doc_has_number(const json_t *doc, const char *path);
/* The strings of a list, `between` them; cut to size. Returns buf. */
char *doc_join(const json_t *doc, const char *path, const char *between, char *buf, size_t size);
/* How good a state of health, administration or service is. */
enum out_colour doc_colour(const char *state);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a config file fit to be put in force? Loads it, refuses what this version can't do
 * yet, asks the host. Used at start, at reload and by --check.
 */
#ifndef APPLY_CHECK_H
#define APPLY_CHECK_H

struct conf;

/* NULL and a conf to free, or the lines to show (to free), joined by newlines. */
char *apply_load(const char *path, struct conf **conf);
/* NULL, or the errors found; warnings are logged. */
char *apply_preflight(const struct conf *conf);
/* A text to free. */
char *apply_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif

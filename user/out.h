/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mxlbctl prints: lines, aligned tables, and JSON. Commands say what is in a
 * cell and how good it is; width, colour and unprintable bytes are decided here.
 * What the daemon passes on may come from a peer, so no control character of it
 * reaches the terminal. Knows nothing of mxlb.
 */
#ifndef OUT_H
#define OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct out {
	FILE *file;
	bool is_coloured;
	unsigned width; /* columns that a table should fit */
};

enum out_colour { OUT_PLAIN, OUT_GOOD, OUT_WARN, OUT_BAD, OUT_HEAD, OUT_COLOUR_COUNT };

/* Colour only on a terminal, and not where no_color or NO_COLOR says so. */
void out_setup(struct out *out, FILE *file, bool no_color);
void out_text(struct out *out, enum out_colour colour, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct out_column {
	const char *title; /* a table whose titles are all NULL has no head */
	bool is_right;	   /* numbers */
};
struct out_table;

/* The columns are borrowed. Cells are added row by row. A newline in a cell is a
 * space where the table fits, else a new line. Columns with no value are left out. */
struct out_table *out_table_new(const struct out_column *columns, size_t n_columns);
void out_cell(struct out_table *table, enum out_colour colour, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Prints it (nothing without a row) and frees it. */
void out_table_end(struct out_table *table, struct out *out);

/* One document, indented, members in the order in which they came. */
void out_json(struct out *out, const json_t *doc);
/* Any document for people, much as YAML: for those that have no view of their own. */
void out_tree(struct out *out, const json_t *doc);

#define OUT_FORMAT_MAX 32
/* "0.2s" "42s" "3m40s" "4h12m" "12d4h"; "1.6 ms" "1.2 s"; "900 B" "2.1 kB". Return buf. */
char *out_age(double seconds, char *buf);
char *out_delay(double seconds, char *buf);
char *out_bytes(double bytes, char *buf);

#endif

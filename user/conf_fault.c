/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where a configuration fault becomes a line.
 */
#include "conf_fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nobody mends more at once, and aliases can multiply one fault by thousands. */
#define FAULTS_MAX 1000

struct conf_fault {
	unsigned line, column;
	size_t order; /* keeps the sort stable */
	char *text;
};

const struct conf_path *conf_path_make(struct conf_path *steps, const char *const *keys)
{
	const struct conf_path *up = NULL;

	for (; *keys; keys++, steps++) {
		*steps = (struct conf_path){.up = up, .key = *keys};
		up = steps;
	}
	return up;
}

static void path_print(FILE *out, const struct conf_path *path)
{
	if (!path)
		return;
	path_print(out, path->up);
	if (path->key)
		(void)fprintf(out, "%s%.255s", path->up ? "." : "", path->key);
	else
		(void)fprintf(out, "[%zu]", path->index);
}

/* The node at a path, and the node whose place stands for it: a key for mappings
 * and lists, which begin somewhere below it. False when the text has no such path;
 * *place is then that of the nearest parent. */
static bool path_find(const struct conf_node *root, const struct conf_path *path,
		      const struct conf_node **node, const struct conf_node **place)
{
	const struct conf_node *up = root;
	const struct conf_pair *pair = NULL;

	if (!path) {
		*node = *place = root;
		return root != NULL;
	}
	if (!path_find(root, path->up, &up, place))
		return false;
	if (path->key)
		pair = conf_node_pair(up, path->key);
	else if (up->kind == CONF_NODE_LIST && path->index < up->n)
		pair = &up->pairs[path->index];
	if (!pair)
		return false;
	*node = pair->value;
	if (pair->key && (pair->value->kind != CONF_NODE_SCALAR || pair->value->is_null))
		*place = pair->key;
	else
		*place = pair->value;
	return true;
}

/* Text from a file must not break the line or play with the terminal. */
static void controls_hide(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static char *fault_text(const struct conf_path *path, const char *fmt, va_list ap)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	path_print(out, path);
	if (path)
		(void)fputs(": ", out);
	(void)vfprintf(out, fmt, ap);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	controls_hide(text);
	return text;
}

static void fault_add(struct conf_faults *faults, unsigned line, unsigned column,
		      const struct conf_path *path, const char *fmt, va_list ap)
{
	struct conf_fault *items;
	char *text;

	if (faults->n >= FAULTS_MAX) {
		faults->is_cut = true;
		return;
	}
	items = reallocarray(faults->items, faults->n + 1, sizeof(*items));
	if (items)
		faults->items = items;
	text = items ? fault_text(path, fmt, ap) : NULL;
	if (!text) {
		faults->is_cut = true; /* still a refusal, though a dumb one */
		return;
	}
	items[faults->n] = (struct conf_fault){line, column, faults->n, text};
	faults->n++;
}

void conf_fault(struct conf_faults *faults, const struct conf_path *path, const char *fmt, ...)
{
	const struct conf_node *node, *place = faults->root;
	va_list ap;

	(void)path_find(faults->root, path, &node, &place); /* the nearest place will do */
	va_start(ap, fmt);
	fault_add(faults, place ? place->line : 1, place ? place->column : 1, path, fmt, ap);
	va_end(ap);
}

void conf_fault_at(struct conf_faults *faults, unsigned line, unsigned column,
		   const struct conf_path *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fault_add(faults, line, column, path, fmt, ap);
	va_end(ap);
}

static int fault_order(const void *left, const void *right)
{
	const struct conf_fault *a = left, *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void errors_add(struct conf_errors *errors, const char *file, unsigned line, unsigned column,
		       const char *text)
{
	char **lines = reallocarray(errors->lines, errors->n + 1, sizeof(*lines));

	if (!lines)
		return; /* the negative return still tells */
	errors->lines = lines;
	if (asprintf(&lines[errors->n], "%s:%u:%u: %s", file, line, column, text) >= 0)
		errors->n++;
}

int conf_faults_finish(struct conf_faults *faults, struct conf_errors *errors)
{
	int err = faults->n || faults->is_cut ? -EINVAL : 0;
	unsigned line = 1, column = 1;

	if (faults->n)
		qsort(faults->items, faults->n, sizeof(*faults->items), fault_order);
	for (size_t i = 0; i < faults->n; i++) {
		line = faults->items[i].line;
		column = faults->items[i].column;
		errors_add(errors, faults->file, line, column, faults->items[i].text);
		free(faults->items[i].text);
	}
	if (faults->is_cut)
		errors_add(errors, faults->file, line, column,
			   "there are more faults; mend these first");
	free(faults->items);
	faults->items = NULL;
	faults->n = 0;
	faults->is_cut = false;
	return err;
}

void conf_errors_free(struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		free(errors->lines[i]);
	free(errors->lines);
	*errors = (struct conf_errors){0};
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only file that knows libfyaml. It reads events, not libfyaml's documents:
 * an event has a place for every node, a document stops at the first duplicate
 * key. Aliases are resolved here, by sharing; so a "billion laughs" costs nothing.
 */
#include "conf_yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The schema needs 6; the parser recurses once a level. */
#define DEPTH_MAX 32

struct anchor {
	char *name;
	struct conf_node *node;
	bool is_open; /* still being read: an alias to it would be endless */
	struct anchor *next;
};

struct yaml {
	struct fy_parser *parser;
	struct fy_diag *diag;
	struct conf_tree *tree;
	struct anchor *anchors; /* the newest first, which is the one that counts */
	struct conf_yaml_fault *fault;
	unsigned line, column; /* of the last event that had a place */
	unsigned depth;
};

static int yaml_fail(struct yaml *y, int err, const char *text)
{
	y->fault->line = y->line;
	y->fault->column = y->column;
	(void)snprintf(y->fault->text, sizeof(y->fault->text), "%s", text);
	return err;
}

static int yaml_fail_at(struct yaml *y, const struct conf_node *node, int err, const char *text)
{
	y->line = node->line;
	y->column = node->column;
	return yaml_fail(y, err, text);
}

static int yaml_no_memory(struct yaml *y)
{
	return yaml_fail(y, -ENOMEM, "out of memory; free some and try again");
}

/* What libfyaml found wrong, with its place. */
static int yaml_syntax(struct yaml *y)
{
	const struct fy_diag_error *error;
	void *iter = NULL;
	char text[128] = "cannot be read";

	error = fy_diag_errors_iterate(y->diag, &iter);
	if (error && error->line >= 0 && error->column >= 0) {
		y->line = (unsigned)error->line;
		y->column = (unsigned)error->column;
	}
	if (error && error->msg)
		(void)snprintf(text, sizeof(text), "%s", error->msg);
	(void)yaml_fail(y, -EINVAL, "");
	(void)snprintf(y->fault->text, sizeof(y->fault->text), "%s; must be valid YAML", text);
	return -EINVAL;
}

/* The next event, or NULL at the end or at a fault (told apart by yaml_syntax's caller). */
static struct fy_event *yaml_next(struct yaml *y)
{
	struct fy_event *event = fy_parser_parse(y->parser);
	const struct fy_mark *mark = event ? fy_event_start_mark(event) : NULL;

	if (mark && mark->line >= 0 && mark->column >= 0) {
		y->line = (unsigned)mark->line + 1;
		y->column = (unsigned)mark->column + 1;
	}
	return event;
}

/* Prints a token's text, chunk by chunk. Not by fy_token_get_text: libfyaml 0.7.12
 * leaks there when a text has more than a handful of chunks, such as escapes; and
 * its fy_token_iter_read loses them. */
static void token_print(struct fy_token *token, FILE *out)
{
	struct fy_token_iter *iter = fy_token_iter_create(token);
	const struct fy_iter_chunk *chunk = NULL;

	if (!iter)
		return; /* no memory; the empty text will be refused */
	while ((chunk = fy_token_iter_chunk_next(iter, chunk, NULL)))
		(void)fwrite(chunk->str, 1, chunk->len, out);
	fy_token_iter_destroy(iter);
}

/* A copy of a token's text; "" for an absent one. */
static int token_copy(struct yaml *y, struct fy_token *token, char **copy)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return yaml_no_memory(y);
	if (token)
		token_print(token, out);
	if (fclose(out)) {
		free(text);
		return yaml_no_memory(y);
	}
	if (strlen(text) < len) {
		free(text);
		return yaml_fail(y, -EINVAL, "a NUL character in a value; take it out");
	}
	*copy = text;
	return 0;
}

/* Notes the node under its anchor, if it has one; *made is then that anchor. */
static int anchor_note(struct yaml *y, struct fy_token *token, struct conf_node *node,
		       struct anchor **made)
{
	struct anchor *anchor;
	int err;

	if (!token)
		return 0;
	anchor = calloc(1, sizeof(*anchor));
	if (!anchor)
		return yaml_no_memory(y);
	err = token_copy(y, token, &anchor->name);
	if (err) {
		free(anchor);
		return err;
	}
	anchor->node = node;
	anchor->is_open = true;
	anchor->next = y->anchors;
	y->anchors = anchor;
	*made = anchor;
	return 0;
}

static int read_alias(struct yaml *y, struct fy_event *event, struct conf_node **node)
{
	char *name;
	int err = token_copy(y, event->alias.anchor, &name);

	if (err)
		return err;
	err = yaml_fail(y, -EINVAL, "alias to an unknown anchor; must follow its &anchor");
	for (struct anchor *a = y->anchors; a; a = a->next) {
		if (strcmp(a->name, name))
			continue;
		if (a->is_open)
			break; /* it contains itself */
		*node = a->node;
		err = 0;
		break;
	}
	free(name);
	return err;
}

static int read_scalar(struct yaml *y, struct fy_event *event, struct conf_node *node)
{
	struct fy_token *token = event->scalar.value;
	enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
	int err = token_copy(y, token, &node->text);

	if (err)
		return err;
	/* libfyaml's mark stands behind the opening quote. */
	if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && node->column > 1)
		node->column--;
	node->is_null = !token || (style == FYSS_PLAIN &&
				   (!strcmp(node->text, "") || !strcmp(node->text, "~") ||
				    !strcmp(node->text, "null")));
	return 0;
}

static int read_node(struct yaml *y, struct fy_event *event, struct conf_node **node);

/* Reads up to the end event of a list or mapping. */
static int read_items(struct yaml *y, struct conf_node *node)
{
	enum fy_event_type last =
		node->kind == CONF_NODE_MAP ? FYET_MAPPING_END : FYET_SEQUENCE_END;

	for (;;) {
		struct conf_node *key = NULL, *value = NULL;
		struct fy_event *event = yaml_next(y);
		bool is_last = event && event->type == last;
		int err = 0;

		if (is_last)
			fy_parser_event_free(y->parser, event);
		if (is_last)
			return 0;
		if (node->kind == CONF_NODE_MAP) {
			err = read_node(y, event, &key);
			if (!err && key->kind != CONF_NODE_SCALAR)
				err = yaml_fail_at(y, key, -EINVAL,
						   "a key that is no word; must be a plain key");
			event = err ? NULL : yaml_next(y);
		}
		if (!err)
			err = read_node(y, event, &value);
		if (!err)
			err = conf_node_add(node, key, value);
		if (err == -E2BIG && !y->fault->text[0])
			return yaml_fail(y, err, "too many items here; must be at most 1024");
		if (err)
			return err;
	}
}

static int read_map(struct yaml *y, struct conf_node *node)
{
	int err = read_items(y, node);

	if (err)
		return err;
	err = conf_node_merge(node);
	if (err)
		err = yaml_fail_at(y, node, err,
				   "\"<<\" cannot be merged here; must refer to a mapping");
	return err;
}

/* Reads what begins with this event, which is consumed. */
static int read_content(struct yaml *y, struct fy_event *event, struct conf_node *node)
{
	struct fy_token *token = event->type == FYET_SCALAR	      ? event->scalar.anchor
				 : event->type == FYET_SEQUENCE_START ? event->sequence_start.anchor
								      : event->mapping_start.anchor;
	struct anchor *anchor = NULL;
	int err = anchor_note(y, token, node, &anchor);

	if (!err && event->type == FYET_SCALAR)
		err = read_scalar(y, event, node);
	else if (!err && y->depth >= DEPTH_MAX)
		err = yaml_fail(y, -EINVAL, "nested too deeply; must be at most 32 levels");
	if (err || event->type == FYET_SCALAR)
		goto out;
	y->depth++;
	err = node->kind == CONF_NODE_MAP ? read_map(y, node) : read_items(y, node);
	y->depth--;
out:
	if (anchor)
		anchor->is_open = false;
	return err;
}

static int read_node(struct yaml *y, struct fy_event *event, struct conf_node **node)
{
	enum conf_node_kind kind = CONF_NODE_SCALAR;
	struct conf_node *made = NULL;
	int err = 0;

	if (!event)
		return yaml_syntax(y);
	if (event->type == FYET_ALIAS) {
		err = read_alias(y, event, &made);
	} else {
		if (event->type == FYET_MAPPING_START)
			kind = CONF_NODE_MAP;
		else if (event->type == FYET_SEQUENCE_START)
			kind = CONF_NODE_LIST;
		made = conf_node_new(y->tree, kind, y->line, y->column);
		err = made ? read_content(y, event, made) : yaml_no_memory(y);
	}
	fy_parser_event_free(y->parser, event);
	if (!err)
		*node = made;
	return err;
}

/* Walks the stream: one document, or none. */
static int read_stream(struct yaml *y)
{
	enum fy_event_type type = FYET_NONE;
	int err = 0;

	while (!err && type != FYET_STREAM_END) {
		struct fy_event *event = yaml_next(y);

		if (!event)
			return yaml_syntax(y);
		type = event->type;
		if (type == FYET_DOCUMENT_START && y->tree->root)
			err = yaml_fail(y, -EINVAL, "a second document; must be one only");
		if (!err && (type == FYET_SCALAR || type == FYET_ALIAS ||
			     type == FYET_MAPPING_START || type == FYET_SEQUENCE_START))
			err = read_node(y, event, &y->tree->root);
		else
			fy_parser_event_free(y->parser, event);
	}
	return err;
}

/* Refuses what YAML does not allow in a text, and directives, which nothing here
 * needs: libfyaml 0.7.12 can loop for ever in both. To it a carriage return alone
 * is the end of a line, too, so only that of a CRLF is let through. */
static int check_bytes(struct yaml *y, const char *text, size_t len)
{
	static const char mark[] = "\xef\xbb\xbf"; /* of byte order, as some editors write */
	size_t i = len >= 3 && !memcmp(text, mark, 3) ? 3 : 0;

	for (; i < len; i++, y->column++) {
		unsigned char c = (unsigned char)text[i];
		bool is_crlf = c == '\r' && i + 1 < len && text[i + 1] == '\n';

		if (c == '%' && y->column == 1)
			return yaml_fail(y, -EINVAL, "a directive; take the line out");
		if ((c < ' ' && c != '\t' && c != '\n' && !is_crlf) || c == 0x7f)
			return yaml_fail(y, -EINVAL, "a control character; take it out");
		if (c == '\n') {
			y->line++;
			y->column = 0;
		}
	}
	y->line = y->column = 1;
	return 0;
}

static void diag_drop(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
	/* Errors are collected; without this libfyaml would print to stderr. */
}

static void anchors_free(struct anchor *anchors)
{
	struct anchor *next;

	for (; anchors; anchors = next) {
		next = anchors->next;
		free(anchors->name);
		free(anchors);
	}
}

int conf_yaml_parse(const char *text, size_t len, struct conf_tree *tree,
		    struct conf_yaml_fault *fault)
{
	struct conf_tree read = {0};
	struct yaml y = {.tree = &read, .fault = fault, .line = 1, .column = 1};
	struct fy_diag_cfg diag_cfg;
	struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
					    FYPCF_SLOPPY_FLOW_INDENTATION};
	int err;

	fault->text[0] = '\0';
	err = check_bytes(&y, text, len);
	if (err)
		return err;
	err = yaml_no_memory(&y);
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag_cfg.output_fn = diag_drop;
	cfg.diag = y.diag = fy_diag_create(&diag_cfg);
	if (!y.diag)
		goto out;
	fy_diag_set_collect_errors(y.diag, true);
	y.parser = fy_parser_create(&cfg);
	if (!y.parser || fy_parser_set_string(y.parser, text, len))
		goto out;
	fault->text[0] = '\0';
	err = read_stream(&y);
	if (!err) {
		*tree = read;
		read = (struct conf_tree){0};
	}
out:
	if (y.parser)
		fy_parser_destroy(y.parser);
	if (y.diag)
		fy_diag_destroy(y.diag);
	anchors_free(y.anchors);
	conf_tree_free(&read);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration text as a tree: scalars, lists and mappings, each with the
 * place it came from. All scalars are text; what they mean is the schema's
 * affair. Nodes may be shared (YAML aliases), hence the tree owns them as one list.
 */
#ifndef CONF_NODE_H
#define CONF_NODE_H

#include <stdbool.h>
#include <stddef.h>

/* No valid configuration has more items in one list or mapping, and it bounds
 * what the search for duplicate keys can cost. */
#define CONF_NODE_ITEMS_MAX 1024

enum conf_node_kind { CONF_NODE_SCALAR, CONF_NODE_LIST, CONF_NODE_MAP };

struct conf_node;

struct conf_pair {
	struct conf_node *key; /* NULL in a list */
	struct conf_node *value;
};

struct conf_node {
	enum conf_node_kind kind;
	bool is_null;	       /* nothing, ~ or null, unquoted */
	unsigned line, column; /* from 1 */
	char *text;	       /* of a scalar */
	struct conf_pair *pairs;
	size_t n;
	struct conf_node *next; /* all nodes of the tree */
};

struct conf_tree {
	struct conf_node *root; /* NULL: the text is empty */
	struct conf_node *nodes;
};

/* A new node of the tree, or NULL for want of memory. */
struct conf_node *conf_node_new(struct conf_tree *tree, enum conf_node_kind kind, unsigned line,
				unsigned column);
/* Appends to a list (key NULL) or mapping. 0, -ENOMEM, or -E2BIG when it is full. */
int conf_node_add(struct conf_node *node, struct conf_node *key, struct conf_node *value);
/* Replaces each key "<<" of a mapping by what it refers to; own keys win.
 * 0, -ENOMEM, -E2BIG, or -EINVAL when it refers to no mapping. */
int conf_node_merge(struct conf_node *map);
/* The first pair with this key, or NULL. */
const struct conf_pair *conf_node_pair(const struct conf_node *map, const char *key);
/* Its value, or NULL. */
const struct conf_node *conf_node_get(const struct conf_node *map, const char *key);
/* Frees the nodes, not the tree itself. */
void conf_tree_free(struct conf_tree *tree);

#endif

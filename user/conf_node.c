/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree between the YAML library and the schema. Pure: knows neither.
 */
#include "conf_node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct conf_node *conf_node_new(struct conf_tree *tree, enum conf_node_kind kind, unsigned line,
				unsigned column)
{
	struct conf_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->line = line;
	node->column = column;
	node->next = tree->nodes;
	tree->nodes = node;
	return node;
}

int conf_node_add(struct conf_node *node, struct conf_node *key, struct conf_node *value)
{
	struct conf_pair *pairs;

	if (node->n >= CONF_NODE_ITEMS_MAX)
		return -E2BIG;
	/* Grown by doubling: at 0, 1, 2, 4 ... the array is full. */
	if (!(node->n & (node->n - 1))) {
		pairs = reallocarray(node->pairs, node->n ? node->n * 2 : 1, sizeof(*pairs));
		if (!pairs)
			return -ENOMEM;
		node->pairs = pairs;
	}
	node->pairs[node->n++] = (struct conf_pair){key, value};
	return 0;
}

const struct conf_pair *conf_node_pair(const struct conf_node *map, const char *key)
{
	if (!map || map->kind != CONF_NODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++) {
		if (!strcmp(map->pairs[i].key->text, key))
			return &map->pairs[i];
	}
	return NULL;
}

const struct conf_node *conf_node_get(const struct conf_node *map, const char *key)
{
	const struct conf_pair *pair = conf_node_pair(map, key);

	return pair ? pair->value : NULL;
}

static int merge_one(struct conf_node *map, const struct conf_node *from)
{
	int err = from->kind == CONF_NODE_MAP ? 0 : -EINVAL;

	for (size_t i = 0; !err && i < from->n; i++) {
		if (!conf_node_get(map, from->pairs[i].key->text))
			err = conf_node_add(map, from->pairs[i].key, from->pairs[i].value);
	}
	return err;
}

int conf_node_merge(struct conf_node *map)
{
	const struct conf_pair *pair;
	int err = 0;

	while (!err && (pair = conf_node_pair(map, "<<"))) {
		const struct conf_node *from = pair->value;
		size_t at = (size_t)(pair - map->pairs);

		/* Taken out first: what is merged in has had its own turn. */
		memmove(&map->pairs[at], &map->pairs[at + 1], (map->n - at - 1) * sizeof(*pair));
		map->n--;
		if (from->kind != CONF_NODE_LIST)
			err = merge_one(map, from);
		for (size_t i = 0; from->kind == CONF_NODE_LIST && !err && i < from->n; i++)
			err = merge_one(map, from->pairs[i].value);
	}
	return err;
}

void conf_tree_free(struct conf_tree *tree)
{
	struct conf_node *next;

	for (struct conf_node *node = tree->nodes; node; node = next) {
		next = node->next;
		free(node->text);
		free(node->pairs);
		free(node);
	}
	*tree = (struct conf_tree){0};
}

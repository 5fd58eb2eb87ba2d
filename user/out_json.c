/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON documents: as they are, or as a tree for people.
 */
#include "out.h"

#include <stdlib.h>
#include <string.h>

/* 15 digits give 0.0016 back as it was written; 17 would not. */
#define JSON_FLAGS (JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY)

static void tree_value(struct out *out, const json_t *value, int depth);

void out_json(struct out *out, const json_t *doc)
{
	(void)json_dumpf(doc, out->file, JSON_FLAGS); /* main looks at the file's state */
	fputc('\n', out->file);
}

static bool is_scalar(const json_t *value)
{
	return !json_is_object(value) && !json_is_array(value);
}

static void scalar_put(struct out *out, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		out_text(out, OUT_PLAIN, "%s", json_string_value(value));
		return;
	}
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	out_text(out, OUT_PLAIN, "%s", text ? text : "");
	free(text);
}

static bool has_only_scalars(const json_t *array)
{
	const json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		if (!is_scalar(item))
			return false;
	}
	return true;
}

/* What stands after "key:" or "-": on the same line where it is short. */
static void tree_value(struct out *out, const json_t *value, int depth)
{
	const char *key;
	json_t *item;
	size_t i;

	json_object_foreach ((json_t *)value, key, item) {
		bool is_short = is_scalar(item) || (json_is_array(item) && has_only_scalars(item));

		out_text(out, OUT_PLAIN, "%*s%s:%s", depth * 2, "", key, is_short ? " " : "\n");
		tree_value(out, item, depth + 1);
	}
	if (json_is_array(value) && has_only_scalars(value)) {
		json_array_foreach (value, i, item) {
			out_text(out, OUT_PLAIN, "%s", i ? ", " : "");
			scalar_put(out, item);
		}
		fputc('\n', out->file);
	} else if (json_is_array(value)) {
		json_array_foreach (value, i, item) {
			out_text(out, OUT_PLAIN, "%*s-%s", depth * 2, "",
				 is_scalar(item) ? " " : "\n");
			tree_value(out, item, depth + 1);
		}
	} else if (is_scalar(value)) {
		scalar_put(out, value);
		fputc('\n', out->file);
	}
}

void out_tree(struct out *out, const json_t *doc)
{
	tree_value(out, doc, 0);
}

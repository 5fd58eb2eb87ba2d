/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading documents by path. No output, no errors: views print what there is.
 */
#include "cli_doc.h"

#include <string.h>

json_t *doc_get(const json_t *doc, const char *path)
{
	const json_t *at = doc;

	for (;;) {
		size_t len = strcspn(path, ".");

		at = json_object_getn(at, path, len);
		if (!path[len])
			return (json_t *)at;
		path += len + 1;
	}
}

const char *doc_text(const json_t *doc, const char *path)
{
	const char *text = json_string_value(doc_get(doc, path));

	return text ? text : "";
}

double doc_number(const json_t *doc, const char *path)
{
	return json_number_value(doc_get(doc, path));
}

long long doc_integer(const json_t *doc, const char *path)
{
	return json_integer_value(doc_get(doc, path));
}

bool doc_is_true(const json_t *doc, const char *path)
{
	return json_is_true(doc_get(doc, path));
}

bool doc_has_number(const json_t *doc, const char *path)
{
	return json_is_number(doc_get(doc, path));
}

char *doc_join(const json_t *doc, const char *path, const char *between, char *buf, size_t size)
{
	size_t len = 0, i;
	json_t *item;

	buf[0] = '\0';
	json_array_foreach (doc_get(doc, path), i, item) {
		const char *text = json_string_value(item);

		if (text && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? between : "",
						text);
	}
	return buf;
}

enum out_colour doc_colour(const char *state)
{
	static const struct {
		const char *state;
		enum out_colour colour;
	} colours[] = {
		{"up", OUT_GOOD},	{"down", OUT_BAD},     {"degraded", OUT_WARN},
		{"checking", OUT_WARN}, {"suspect", OUT_WARN}, {"drain", OUT_WARN},
		{"maint", OUT_WARN},	{"removed", OUT_WARN},
	};

	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (!strcmp(colours[i].state, state))
			return colours[i].colour;
	}
	return OUT_PLAIN;
}

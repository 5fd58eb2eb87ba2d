/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two configurations compared by the schema's tables: a value differs when its
 * text does. Objects are matched by name; their order in the file means nothing.
 */
#include "conf_diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "conf_schema.h"
#include "conf_value.h"

/* A class of named objects: how to walk them in a conf. */
struct class
{
	const char *object;
	const struct conf_key *keys;
	size_t (*count)(const void *owner);
	const void *(*at)(const void *owner, size_t i);
	const char *(*name)(const void *item);
	const struct class *parts; /* objects within each object, or NULL */
};

static size_t interface_count(const void *owner)
{
	return ((const struct conf *)owner)->n_interfaces;
}

static const void *interface_at(const void *owner, size_t i)
{
	return &((const struct conf *)owner)->interfaces[i];
}

static const char *interface_name(const void *item)
{
	return ((const struct conf_interface *)item)->name;
}

static size_t probe_count(const void *owner)
{
	return ((const struct conf *)owner)->n_probes;
}

static const void *probe_at(const void *owner, size_t i)
{
	return ((const struct conf *)owner)->probes[i];
}

static const char *probe_name(const void *item)
{
	return ((const struct conf_probe *)item)->name;
}

static size_t service_count(const void *owner)
{
	return ((const struct conf *)owner)->n_services;
}

static const void *service_at(const void *owner, size_t i)
{
	return &((const struct conf *)owner)->services[i];
}

static const char *service_name(const void *item)
{
	return ((const struct conf_service *)item)->name;
}

static size_t backend_count(const void *owner)
{
	return ((const struct conf_service *)owner)->n_backends;
}

static const void *backend_at(const void *owner, size_t i)
{
	return &((const struct conf_service *)owner)->backends[i];
}

static const char *backend_name(const void *item)
{
	return ((const struct conf_backend *)item)->name;
}

static const struct class backends = {"backend",  conf_backend_keys, backend_count,
				      backend_at, backend_name,	     NULL};
static const struct class classes[] = {
	{"interface", conf_interface_keys, interface_count, interface_at, interface_name, NULL},
	{"probe", conf_probe_keys, probe_count, probe_at, probe_name, NULL},
	{"service", conf_service_keys, service_count, service_at, service_name, &backends},
};

/* Where the walk is: both sides, what was found, and the owner's name. */
struct diff {
	struct conf_changes *changes;
	const char *owner; /* "mx-in" while its backends are compared, else NULL */
	int err;
};

static void diff_add(struct diff *d, enum conf_op op, const char *object, const char *name,
		     char *text)
{
	struct conf_changes *changes = d->changes;
	struct conf_change *items = NULL;
	char *full = NULL;

	if (text &&
	    asprintf(&full, "%s%s%s", d->owner ? d->owner : "", d->owner ? "/" : "", name) >= 0)
		items = reallocarray(changes->items, changes->n + 1, sizeof(*items));
	if (!items) {
		free(full);
		free(text);
		d->err = -ENOMEM;
		return;
	}
	changes->items = items;
	items[changes->n++] = (struct conf_change){op, object, full, text};
}

/* Prints what differs as "weight 100 -> 50"; `old` or `new` NULL: all that is set. */
static void values_print(struct diff *d, FILE *out, const struct conf_key *keys, const char *prefix,
			 const void *old, const void *new)
{
	for (const struct conf_key *key = keys; key->name; key++) {
		const char *comma = ftell(out) > 0 ? ", " : "";
		char *before, *after, *only;

		if (key->kind == CONF_KIND_SECTION)
			values_print(d, out, key->keys, key->name, old, new);
		if (key->kind >= CONF_KIND_SECTION)
			continue;
		before = old ? conf_value_format(key, old) : NULL;
		after = new ? conf_value_format(key, new) : NULL;
		only = before ? before : after;
		if ((old && !before) || (new && !after))
			d->err = -ENOMEM;
		else if (before && after && strcmp(before, after))
			(void)fprintf(out, "%s%s%s%s %s -> %s", comma, prefix ? prefix : "",
				      prefix ? "." : "", key->name, before, after);
		else if (!(before && after) && strcmp(only, "unset"))
			(void)fprintf(out, "%s%s%s%s %s", comma, prefix ? prefix : "",
				      prefix ? "." : "", key->name, only);
		free(before);
		free(after);
	}
}

/* The text of a change, "" when nothing differs, or NULL for want of memory. */
static char *values_text(struct diff *d, const struct conf_key *keys, const void *old,
			 const void *new)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	values_print(d, out, keys, NULL, old, new);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static void diff_object(struct diff *d, const struct class *class, const char *name,
			const void *old, const void *new)
{
	char *text = values_text(d, class->keys, old, new);
	enum conf_op op = !old ? CONF_OP_ADD : !new ? CONF_OP_REMOVE : CONF_OP_CHANGE;

	if (op == CONF_OP_CHANGE && text && !*text)
		free(text);
	else
		diff_add(d, op, class->object, name, text);
}

static const void *object_find(const struct class *class, const void *owner, const char *name)
{
	size_t n = owner ? class->count(owner) : 0;

	for (size_t i = 0; i < n; i++) {
		const void *item = class->at(owner, i);

		if (!strcmp(class->name(item), name))
			return item;
	}
	return NULL;
}

static void diff_class(struct diff *d, const struct class *class, const void *old, const void *new);

static void diff_pair(struct diff *d, const struct class *class, const char *name, const void *old,
		      const void *new)
{
	struct diff parts = {.changes = d->changes, .owner = name};

	diff_object(d, class, name, old, new);
	if (!class->parts)
		return;
	diff_class(&parts, class->parts, old, new);
	d->err = d->err ? d->err : parts.err;
}

/* All of new in its order, then what only old has. */
static void diff_class(struct diff *d, const struct class *class, const void *old, const void *new)
{
	for (size_t i = 0; new &&i < class->count(new); i++) {
		const void *item = class->at(new, i);

		diff_pair(d, class, class->name(item), object_find(class, old, class->name(item)),
			  item);
	}
	for (size_t i = 0; old && i < class->count(old); i++) {
		const void *item = class->at(old, i);

		if (!object_find(class, new, class->name(item)))
			diff_pair(d, class, class->name(item), item, NULL);
	}
}

static void diff_setting(struct diff *d, const struct conf_key *key, const char *section,
			 const struct conf *old, const struct conf *new)
{
	char *before = conf_value_format(key, old);
	char *after = conf_value_format(key, new);
	char *text = NULL, name[64];

	(void)snprintf(name, sizeof(name), "%s%s%s", section ? section : "", section ? "." : "",
		       key->name);
	if (!before || !after)
		d->err = -ENOMEM;
	else if (strcmp(before, after))
		diff_add(d, CONF_OP_CHANGE, "setting", name,
			 asprintf(&text, "%s -> %s", before, after) < 0 ? NULL : text);
	free(before);
	free(after);
}

/* Settings that belong to no object: one change a key. */
static void diff_settings(struct diff *d, const struct conf_key *keys, const char *section,
			  const struct conf *old, const struct conf *new)
{
	for (const struct conf_key *key = keys; key->name; key++) {
		if (key->kind == CONF_KIND_SECTION)
			diff_settings(d, key->keys, key->name, old, new);
		else if (key->kind < CONF_KIND_SECTION)
			diff_setting(d, key, section, old, new);
	}
}

int conf_diff(const struct conf *old, const struct conf *new, struct conf_changes *changes)
{
	struct diff d = {.changes = changes};

	diff_settings(&d, conf_root_keys, NULL, old, new);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		diff_class(&d, &classes[i], old, new);
	if (d.err)
		conf_changes_free(changes);
	return d.err;
}

void conf_changes_free(struct conf_changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		free(changes->items[i].name);
		free(changes->items[i].text);
	}
	free(changes->items);
	*changes = (struct conf_changes){0};
}

const char *conf_op_name(enum conf_op op)
{
	static const char *const names[] = {"add", "remove", "change"};

	return names[op];
}

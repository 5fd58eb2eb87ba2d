/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state file. Kept as the JSON it is, so that entries of backends which are not
 * (yet) in the model survive: those of a DNS pool come after the start. It is read
 * whole and checked whole; a file with any fault is moved aside, never half believed.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state_priv.h"

#define SCHEMA	  "mxlb.state/1"
#define FILE_NAME "state.json"

static const char *const list_keys[STATE_LIST_COUNT] = {
	[STATE_QDISCS] = "qdiscs",
	[STATE_ADDRESSES] = "addresses",
};

struct state {
	char *dir;
	json_t *root; /* the file's object; all of its members are there */
};

/* ---- the document ---- */

static json_t *root_new(void)
{
	return json_pack("{s:s, s:{}, s:[], s:[]}", "schema", SCHEMA, "backends",
			 list_keys[STATE_QDISCS], list_keys[STATE_ADDRESSES]);
}

static json_t *backends_of(const struct state *state)
{
	return json_object_get(state->root, "backends");
}

static json_t *list_of(const struct state *state, enum state_list list)
{
	return json_object_get(state->root, list_keys[list]);
}

static int list_check(const json_t *list)
{
	size_t i;
	json_t *item;

	if (!json_is_array(list))
		return -EINVAL;
	json_array_foreach ((json_t *)list, i, item) {
		if (!json_is_string(item))
			return -EINVAL;
	}
	return 0;
}

/* 0, or -EINVAL with what is wrong. */
static int root_check(json_t *root, char *fault, size_t len)
{
	const char *schema, *key, *text;
	json_t *backends, *entry;
	struct admin admin;

	(void)snprintf(fault, len, "it is no state of schema " SCHEMA);
	if (json_unpack(root, "{s:s, s:o}", "schema", &schema, "backends", &backends) != 0 ||
	    strcmp(schema, SCHEMA) != 0 || !json_is_object(backends))
		return -EINVAL;
	for (size_t i = 0; i < STATE_LIST_COUNT; i++) {
		(void)snprintf(fault, len, "%s is no list of texts", list_keys[i]);
		if (list_check(json_object_get(root, list_keys[i])) != 0)
			return -EINVAL;
	}
	json_object_foreach (backends, key, entry) {
		if (state_admin_read(entry, &admin, &text) == 0)
			continue;
		(void)snprintf(fault, len, "backend %s %s", key, text);
		return -EINVAL;
	}
	return 0;
}

/* ---- loading ---- */

static char *path_make(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Moves a file aside that cannot be used, so that the next save does not destroy it. */
static int broken_keep(const char *path, const char *fault, char *why, size_t len)
{
	char *aside;
	bool is_kept = false;

	if (asprintf(&aside, "%s.broken", path) >= 0) {
		is_kept = rename(path, aside) == 0;
		free(aside);
	}
	(void)snprintf(why, len,
		       "%s: %s; %s, and drains, maintenances and run-time weights are forgotten; "
		       "set them again",
		       path, fault, is_kept ? "kept as " FILE_NAME ".broken" : "it stays there");
	return -EINVAL;
}

static int file_read(struct state *state, const char *path, char *why, size_t len)
{
	FILE *file = fopen(path, "re");
	char fault[256];
	json_error_t error;
	json_t *root;
	int err;

	if (!file) {
		err = -errno;
		if (err == -ENOENT)
			return 0;
		(void)snprintf(why, len, "cannot read %s: %s; starting without it", path,
			       strerror(-err));
		return err;
	}
	root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	(void)fclose(file); /* was read only */
	if (!root)
		(void)snprintf(fault, sizeof(fault), "line %d: %s", error.line, error.text);
	if (!root || root_check(root, fault, sizeof(fault)) != 0) {
		json_decref(root);
		return broken_keep(path, fault, why, len);
	}
	json_decref(state->root);
	state->root = root;
	return 0;
}

int state_load(const char *dir, struct state **state, char *why, size_t len)
{
	struct state *made = calloc(1, sizeof(*made));
	char *path = path_make(dir, FILE_NAME);
	int err = -ENOMEM;

	*state = NULL;
	if (made) {
		made->dir = strdup(dir);
		made->root = root_new();
	}
	if (made && made->dir && made->root && path) {
		err = file_read(made, path, why, len);
		*state = made;
	} else {
		(void)snprintf(why, len, "out of memory");
		state_free(made);
	}
	free(path);
	return err;
}

void state_free(struct state *state)
{
	if (!state)
		return;
	json_decref(state->root);
	free(state->dir);
	free(state);
}

/* ---- backends ---- */

static json_t *backend_key(const struct model_backend *backend)
{
	return json_sprintf("%s/%s", backend->service->name, backend->conf.name);
}

static void backend_apply(const struct state *state, struct model_backend *backend)
{
	json_t *key = backend_key(backend);
	json_t *entry = json_object_get(backends_of(state), json_string_value(key));
	const char *fault;

	if (entry)
		(void)state_admin_read(entry, &backend->admin, &fault); /* was checked */
	json_decref(key);
}

void state_apply(const struct state *state, struct model *model)
{
	for (size_t i = 0; i < model->n_services; i++) {
		struct model_service *service = model->services[i];

		for (size_t j = 0; j < service->n_backends; j++) {
			if (service->backends[j]->admin.state != ADMIN_REMOVED)
				backend_apply(state, service->backends[j]);
		}
	}
}

/* Of a service whose backends come from DNS, and may come back. */
static bool entry_is_of_pool(const char *key, const struct model *model)
{
	for (size_t i = 0; i < model->n_services; i++) {
		const struct model_service *service = model->services[i];
		size_t n = strlen(service->name);

		if (strncmp(key, service->name, n) == 0 && key[n] == '/')
			return service->conf && (service->conf->mx || service->conf->a);
	}
	return false;
}

static int entry_collect(json_t *backends, const struct model_backend *backend)
{
	json_t *key = backend_key(backend);
	int err = key ? 0 : -ENOMEM;

	if (key && state_admin_is_default(&backend->admin))
		(void)json_object_del(backends, json_string_value(key)); /* had none */
	else if (key && json_object_set_new(backends, json_string_value(key),
					    state_admin_write(&backend->admin)) != 0)
		err = -ENOMEM;
	json_decref(key);
	return err;
}

/* The entries as the model has them, in a new object; NULL: out of memory. */
static json_t *entries_collect(const struct state *state, const struct model *model)
{
	json_t *backends = json_object(), *entry;
	const char *key;
	int err = backends ? 0 : -ENOMEM;

	json_object_foreach (backends_of(state), key, entry) {
		if (err == 0 && entry_is_of_pool(key, model))
			err = json_object_set(backends, key, entry);
	}
	for (size_t i = 0; i < model->n_services; i++) {
		const struct model_service *service = model->services[i];

		for (size_t j = 0; err == 0 && j < service->n_backends; j++) {
			if (service->backends[j]->admin.state != ADMIN_REMOVED)
				err = entry_collect(backends, service->backends[j]);
		}
	}
	if (err == 0)
		return backends;
	json_decref(backends);
	return NULL;
}

/* ---- saving ---- */

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* The new file is whole on the disk before it takes the old one's name, and the name
 * is before we return: a power cut leaves one of the two. */
static int file_replace(int dir, const char *text)
{
	const char *temp = FILE_NAME ".tmp";
	int fd, err;

	(void)unlinkat(dir, temp, 0); /* left by a crash */
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, strlen(text));
	if (close(fd) != 0 && err == 0)
		err = -errno;
	if (err == 0 && renameat(dir, temp, dir, FILE_NAME) != 0)
		err = -errno;
	if (err != 0)
		(void)unlinkat(dir, temp, 0); /* the first fault is the one to tell */
	else if (fsync(dir) != 0)
		err = -errno;
	return err;
}

static int dir_open(const char *dir)
{
	int fd;

	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int root_write(const char *path, const json_t *root)
{
	char *text = json_dumps(root, JSON_INDENT(1));
	int dir = text ? dir_open(path) : -ENOMEM;
	int err = dir;

	if (dir >= 0) {
		err = file_replace(dir, text);
		close(dir);
	}
	free(text);
	return err;
}

int state_save(struct state *state, const struct model *model, char *why, size_t len)
{
	json_t *backends = model ? entries_collect(state, model) : json_incref(backends_of(state));
	json_t *root = backends ? json_copy(state->root) : NULL;
	int err = -ENOMEM;

	if (root && json_object_set(root, "backends", backends) == 0)
		err = root_write(state->dir, root);
	if (err == 0) {
		json_decref(state->root);
		state->root = json_incref(root);
	} else {
		(void)snprintf(why, len, "cannot write %s/" FILE_NAME ": %s", state->dir,
			       strerror(-err));
	}
	json_decref(root);
	json_decref(backends);
	return err;
}

/* ---- lists ---- */

static size_t list_find(const json_t *list, const char *item)
{
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(json_string_value(json_array_get(list, i)), item) == 0)
			return i;
	}
	return n;
}

bool state_has(const struct state *state, enum state_list list, const char *item)
{
	return list_find(list_of(state, list), item) < json_array_size(list_of(state, list));
}

int state_add(struct state *state, enum state_list list, const char *item)
{
	if (state_has(state, list, item))
		return 0;
	return json_array_append_new(list_of(state, list), json_string(item)) == 0 ? 0 : -ENOMEM;
}

void state_remove(struct state *state, enum state_list list, const char *item)
{
	json_t *items = list_of(state, list);

	(void)json_array_remove(items, list_find(items, item)); /* fails: was not there */
}

const char *state_item(const struct state *state, enum state_list list, size_t i)
{
	return json_string_value(json_array_get(list_of(state, list), i));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over tree and schema, side by side. A fault never ends it: the key
 * keeps its default and the walk goes on, so that one run finds all.
 */
#include "conf_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "conf_schema.h"
#include "conf_suggest.h"
#include "conf_value.h"

#define BUILTIN_PROBE "smtp"
#define SHOWN	      "\"%.64s\"" /* of a text from the file */

struct reader {
	struct conf *conf;
	struct conf_faults *faults;
};

static const char *const kind_names[] = {
	[CONF_NODE_SCALAR] = "a plain value",
	[CONF_NODE_LIST] = "a list",
	[CONF_NODE_MAP] = "a mapping",
};

static void read_keys(struct reader *r, const struct conf_key *keys, const struct conf_node *map,
		      const struct conf_path *path, void *base);

static void fault_wants(struct reader *r, const struct conf_key *key, const struct conf_path *path,
			const char *what)
{
	char wants[CONF_WANTS_MAX];

	conf_fault(r->faults, path, "%s; must be %s", what, conf_value_wants(key, wants));
}

static void fault_kind(struct reader *r, const struct conf_key *key, const struct conf_path *path,
		       const struct conf_node *node)
{
	char wants[CONF_WANTS_MAX];

	conf_fault(r->faults, path, "is %s; must be %s",
		   node->is_null ? "empty" : kind_names[node->kind], conf_value_wants(key, wants));
}

/* A value that several objects may be made of: want of memory ends in a fault, too. */
static void *array_grow(struct reader *r, void *array, size_t n, size_t size,
			const struct conf_path *path)
{
	char *grown = reallocarray(array, n + 1, size);

	if (grown)
		memset(grown + n * size, 0, size);
	else
		conf_fault(r->faults, path, "no memory for it; free some and try again");
	return grown;
}

static char *name_copy(struct reader *r, const char *name, const struct conf_path *path)
{
	char *copy = strdup(name);

	if (!copy)
		conf_fault(r->faults, path, "no memory for it; free some and try again");
	return copy;
}

/* Each key given twice or unknown is a fault at its own place. */
static void check_keys(struct reader *r, const struct conf_key *keys, const struct conf_node *map,
		       const struct conf_path *up)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct conf_node *key = map->pairs[i].key;
		const struct conf_node *first = conf_node_pair(map, key->text)->key;
		const struct conf_path path = {.up = up, .key = key->text};
		char hint[CONF_SUGGEST_MAX];

		if (first != key)
			conf_fault_at(r->faults, key->line, key->column, &path,
				      "duplicate key, first given on line %u; keep one of them",
				      first->line);
		else if (keys && !conf_suggest(keys, key->text, hint))
			conf_fault_at(r->faults, key->line, key->column, &path, "unknown key; %s",
				      hint);
	}
}

static void read_item(struct reader *r, const struct conf_key *key, const struct conf_node *node,
		      const struct conf_path *path, void *base)
{
	char wants[CONF_WANTS_MAX];
	const char *why;

	if (node->kind != CONF_NODE_SCALAR || node->is_null)
		fault_kind(r, key, path, node);
	else if (conf_value_put(key, base, node->text, &why))
		conf_fault(r->faults, path, SHOWN " %s; must be %s", node->text, why,
			   conf_value_wants(key, wants));
}

/* A scalar stands for a list of one. */
static void read_list(struct reader *r, const struct conf_key *key, const struct conf_node *node,
		      const struct conf_path *path, void *base)
{
	if (node->kind != CONF_NODE_LIST) {
		read_item(r, key, node, path, base);
		return;
	}
	if (node->n == 0 || node->n > key->max)
		fault_wants(r, key, path, node->n ? "is too long a list" : "is an empty list");
	for (size_t i = 0; i < node->n && i < key->max; i++) {
		const struct conf_path item = {.up = path, .index = i};

		read_item(r, key, node->pairs[i].value, &item, base);
	}
}

static void read_section(struct reader *r, const struct conf_key *key, const struct conf_node *node,
			 const struct conf_path *path, void *base)
{
	bool is_off = node && node->kind == CONF_NODE_SCALAR && !node->is_null &&
		      !strcmp(node->text, "off");

	if (is_off && key->can_be_off)
		return;
	if (node && node->kind != CONF_NODE_MAP && !node->is_null) {
		fault_kind(r, key, path, node);
		node = NULL;
	}
	read_keys(r, key->keys, node, path, base);
}

static const struct conf_probe *probe_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_probes; i++) {
		if (!strcmp(conf->probes[i]->name, name))
			return conf->probes[i];
	}
	return NULL;
}

/* A part that the file does not give must not contradict a whole that it does. */
static void probe_fit(struct conf_probe *probe, const struct conf_node *node)
{
	const struct {
		const char *name;
		unsigned *part;
		unsigned whole;
	} fits[] = {
		{"fast_interval", &probe->fast_interval_ms, probe->interval_ms},
		{"connect_timeout", &probe->connect_timeout_ms, probe->timeout_ms},
		{"greeting_timeout", &probe->greeting_timeout_ms, probe->timeout_ms},
	};

	for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
		if (*fits[i].part > fits[i].whole && !conf_node_get(node, fits[i].name))
			*fits[i].part = fits[i].whole;
	}
}

static struct conf_probe *read_probe(struct reader *r, const char *name,
				     const struct conf_node *node, const struct conf_path *path)
{
	struct conf *conf = r->conf;
	struct conf_probe **list, *probe;

	list = array_grow(r, conf->probes, conf->n_probes, sizeof(*list), path);
	if (!list)
		return NULL;
	conf->probes = list;
	probe = array_grow(r, NULL, 0, sizeof(*probe), path);
	if (!probe)
		return NULL;
	list[conf->n_probes] = probe;
	probe->name = name_copy(r, name, path);
	if (!probe->name) {
		free(probe);
		return NULL;
	}
	conf->n_probes++;
	read_keys(r, conf_probe_keys, node, path, probe);
	probe_fit(probe, node);
	return probe;
}

static void read_probe_name(struct reader *r, const struct conf_node *node,
			    const struct conf_path *path, struct conf_service *service)
{
	const char *name = BUILTIN_PROBE;
	char known[CONF_SUGGEST_MAX];

	if (node && (node->kind != CONF_NODE_SCALAR || node->is_null))
		conf_fault(r->faults, path, "is %s; must be the name of a probe",
			   node->is_null ? "empty" : kind_names[node->kind]);
	else if (node)
		name = node->text;
	service->probe = probe_find(r->conf, name);
	if (service->probe)
		return;
	if (strcmp(name, BUILTIN_PROBE))
		conf_fault(r->faults, path, "no probe is named " SHOWN "; must be %s", name,
			   conf_suggest_probes(r->conf, known));
	service->probe = probe_find(r->conf, BUILTIN_PROBE);
	if (!service->probe)
		service->probe = read_probe(r, BUILTIN_PROBE, NULL, path);
}

static void read_backend(struct reader *r, const char *name, const struct conf_node *node,
			 const struct conf_path *path, struct conf_service *service)
{
	struct conf_backend *list, *backend;

	list = array_grow(r, service->backends, service->n_backends, sizeof(*list), path);
	if (!list)
		return;
	service->backends = list;
	backend = &list[service->n_backends];
	backend->name = name_copy(r, name, path);
	if (!backend->name)
		return;
	service->n_backends++;
	read_keys(r, conf_backend_keys, node, path, backend);
	for (int family = 0; family < MXLB_FAMILIES; family++)
		backend->has_addr[family] = !addr_is_zero(&backend->addr[family]);
	if (!backend->port)
		backend->port = service->port;
}

static void read_service(struct reader *r, const char *name, const struct conf_node *node,
			 const struct conf_path *path)
{
	struct conf *conf = r->conf;
	struct conf_service *list, *service;

	list = array_grow(r, conf->services, conf->n_services, sizeof(*list), path);
	if (!list)
		return;
	conf->services = list;
	service = &list[conf->n_services];
	service->name = name_copy(r, name, path);
	if (!service->name)
		return;
	conf->n_services++;
	read_keys(r, conf_service_keys, node, path, service);
}

static void read_object(struct reader *r, const struct conf_key *key, const char *name,
			const struct conf_node *node, const struct conf_path *path, void *base)
{
	const struct conf_rule *rule =
		key->kind == CONF_KIND_BACKENDS ? &conf_backend_name_rule : &conf_service_name_rule;

	if (!rule->accepts(name))
		conf_fault(r->faults, path, "bad name; must be %s", rule->wants);
	if (node->kind != CONF_NODE_MAP && !node->is_null) {
		conf_fault(r->faults, path, "is %s; must be a mapping of keys",
			   kind_names[node->kind]);
		return;
	}
	if (key->kind == CONF_KIND_PROBES)
		(void)read_probe(r, name, node, path); /* faults are noted */
	else if (key->kind == CONF_KIND_SERVICES)
		read_service(r, name, node, path);
	else
		read_backend(r, name, node, path, base);
}

/* A mapping of names to objects. */
static void read_objects(struct reader *r, const struct conf_key *key, const struct conf_node *node,
			 const struct conf_path *path, void *base)
{
	if (node->is_null || (node->kind == CONF_NODE_MAP && node->n == 0)) {
		if (key->is_required)
			conf_fault(r->faults, path, "is empty; must be a mapping of names");
		return;
	}
	if (node->kind != CONF_NODE_MAP) {
		conf_fault(r->faults, path, "is %s; must be a mapping of names",
			   kind_names[node->kind]);
		return;
	}
	check_keys(r, NULL, node, path);
	if (node->n > key->max)
		conf_fault(r->faults, path, "has %zu entries; must be at most %llu", node->n,
			   key->max);
	for (size_t i = 0; i < node->n && i < key->max; i++) {
		const char *name = node->pairs[i].key->text;
		const struct conf_path object = {.up = path, .key = name};

		if (conf_node_pair(node, name) == &node->pairs[i])
			read_object(r, key, name, node->pairs[i].value, &object, base);
	}
}

static void read_interface(struct reader *r, const struct conf_node *node,
			   const struct conf_path *path)
{
	struct conf *conf = r->conf;
	struct conf_interface *list, *interface;

	list = array_grow(r, conf->interfaces, conf->n_interfaces, sizeof(*list), path);
	if (!list)
		return;
	conf->interfaces = list;
	interface = &list[conf->n_interfaces++];
	interface->datapath = conf->datapath;
	if (node->kind == CONF_NODE_MAP)
		read_keys(r, conf_interface_keys, node, path, interface);
	else
		read_item(r, &conf_interface_keys[0], node, path, interface);
}

static void read_interfaces(struct reader *r, const struct conf_key *key,
			    const struct conf_node *node, const struct conf_path *path)
{
	if (node->kind != CONF_NODE_LIST || node->n == 0 || node->n > key->max) {
		if (node->kind == CONF_NODE_LIST)
			conf_fault(r->faults, path, "has %zu entries; must be 1 to %llu", node->n,
				   key->max);
		else
			fault_kind(r, key, path, node);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		const struct conf_path item = {.up = path, .index = i};

		read_interface(r, node->pairs[i].value, &item);
	}
}

/* What a key is when the file does not give it. */
static void read_absent(struct reader *r, const struct conf_key *key, const struct conf_path *path,
			void *base)
{
	const char *why;

	if (key->is_required)
		fault_wants(r, key, path, "is missing");
	else if (key->kind == CONF_KIND_SECTION)
		read_section(r, key, NULL, path, base);
	else if (key->kind == CONF_KIND_PROBE)
		read_probe_name(r, NULL, path, base);
	else if (key->def && conf_value_put(key, base, key->def, &why))
		conf_fault(r->faults, path, "default \"%s\" %s", key->def, why);
}

static void read_key(struct reader *r, const struct conf_key *key, const struct conf_node *node,
		     const struct conf_path *path, void *base)
{
	const char *why;

	switch (key->kind) {
	case CONF_KIND_SECTION:
		read_section(r, key, node, path, base);
		break;
	case CONF_KIND_INTERFACES:
		read_interfaces(r, key, node, path);
		break;
	case CONF_KIND_PROBES:
	case CONF_KIND_SERVICES:
	case CONF_KIND_BACKENDS:
		read_objects(r, key, node, path, base);
		break;
	case CONF_KIND_PROBE:
		read_probe_name(r, node, path, base);
		break;
	case CONF_KIND_ADDRESSES:
	case CONF_KIND_ADDRESS_PAIR:
	case CONF_KIND_ENDPOINTS:
		read_list(r, key, node, path, base);
		break;
	default:
		if (key->def) /* stays when the file's value is refused */
			(void)conf_value_put(key, base, key->def, &why);
		read_item(r, key, node, path, base);
	}
}

static void read_keys(struct reader *r, const struct conf_key *keys, const struct conf_node *map,
		      const struct conf_path *path, void *base)
{
	if (map && map->kind == CONF_NODE_MAP)
		check_keys(r, keys, map, path);
	for (const struct conf_key *key = keys; key->name; key++) {
		const struct conf_node *node = conf_node_get(map, key->name);
		const struct conf_path at = {.up = path, .key = key->name};

		if (node)
			read_key(r, key, node, &at, base);
		else
			read_absent(r, key, &at, base);
	}
}

void conf_read(const struct conf_node *root, struct conf *conf, struct conf_faults *faults)
{
	struct reader r = {.conf = conf, .faults = faults};

	if (root && root->kind != CONF_NODE_MAP && !root->is_null)
		conf_fault(faults, NULL, "the file is %s; must be a mapping of keys",
			   kind_names[root->kind]);
	else
		read_keys(&r, conf_root_keys, root, NULL, conf);
	conf->control_group_named = conf_node_get(conf_node_get(root, "control"), "group") != NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration as JSON, by the tables of conf_schema: the keys and the nesting of
 * the file, defaults filled in, durations as text. Also what a reload would change.
 */
#include "view.h"

#include <stdlib.h>

#include "addr.h"
#include "conf.h"
#include "conf_diff.h"
#include "conf_value.h"

static json_t *keys_view(const struct conf_key *keys, const void *base);

/* Texts, words, durations: as the file would give them; null where there is none. */
static json_t *text_view(const struct conf_key *key, const void *base)
{
	const void *member = (const char *)base + key->offset;
	char *text;
	json_t *json;

	if (key->kind == CONF_KIND_TEXT && !*(char *const *)member)
		return json_null();
	text = conf_value_format(key, base);
	json = text ? view_text(text) : NULL;
	free(text);
	return json;
}

static json_t *addresses_view(const struct mxlb_addr *addrs, size_t n)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		if (!addr_is_zero(&addrs[i]))
			json_array_append_new(list, json_string(addr_format(&addrs[i], text)));
	return list;
}

static json_t *endpoints_view(char *const *endpoints, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, view_text(endpoints[i]));
	return list;
}

/* `metrics: off` is an empty list of listeners. */
static json_t *section_view(const struct conf_key *key, const void *base)
{
	const struct conf_key *first = key->keys;

	if (key->can_be_off && !*(const size_t *)((const char *)base + first->offset_n))
		return json_string("off");
	return keys_view(key->keys, base);
}

static json_t *interfaces_view(const struct conf_key *key, const struct conf *conf)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n_interfaces; i++)
		json_array_append_new(list, keys_view(key->keys, &conf->interfaces[i]));
	return list;
}

static json_t *probes_view(const struct conf_key *key, const struct conf *conf)
{
	json_t *map = json_object();

	for (size_t i = 0; i < conf->n_probes; i++)
		json_object_set_new(map, conf->probes[i]->name,
				    keys_view(key->keys, conf->probes[i]));
	return map;
}

static json_t *services_view(const struct conf_key *key, const struct conf *conf)
{
	json_t *map = json_object();

	for (size_t i = 0; i < conf->n_services; i++)
		json_object_set_new(map, conf->services[i].name,
				    keys_view(key->keys, &conf->services[i]));
	return map;
}

static json_t *backends_view(const struct conf_key *key, const struct conf_service *service)
{
	json_t *map = json_object();

	for (size_t i = 0; i < service->n_backends; i++)
		json_object_set_new(map, service->backends[i].name,
				    keys_view(key->keys, &service->backends[i]));
	return map;
}

static json_t *value_view(const struct conf_key *key, const void *base)
{
	const void *member = (const char *)base + key->offset;
	const size_t *n = (const size_t *)((const char *)base + key->offset_n);

	switch (key->kind) {
	case CONF_KIND_NUMBER:
		return json_integer((json_int_t) * (const unsigned *)member);
	case CONF_KIND_FACTOR:
		return json_real(*(const double *)member);
	case CONF_KIND_ADDRESSES:
		return addresses_view(*(struct mxlb_addr *const *)member, *n);
	case CONF_KIND_ADDRESS_PAIR:
		return addresses_view(member, MXLB_FAMILIES);
	case CONF_KIND_ENDPOINTS:
		return endpoints_view(*(char **const *)member, *n);
	case CONF_KIND_SECTION:
		return section_view(key, base);
	case CONF_KIND_INTERFACES:
		return interfaces_view(key, base);
	case CONF_KIND_PROBES:
		return probes_view(key, base);
	case CONF_KIND_SERVICES:
		return services_view(key, base);
	case CONF_KIND_BACKENDS:
		return backends_view(key, base);
	default:
		return text_view(key, base);
	}
}

static json_t *keys_view(const struct conf_key *keys, const void *base)
{
	json_t *map = json_object();

	for (const struct conf_key *key = keys; key->name; key++)
		json_object_set_new(map, key->name, value_view(key, base));
	return map;
}

json_t *view_conf(const struct conf *conf)
{
	return keys_view(conf_root_keys, conf);
}

json_t *view_changes(const struct conf_changes *changes, bool needs_restart)
{
	json_t *list = json_array();

	for (size_t i = 0; i < changes->n; i++) {
		const struct conf_change *change = &changes->items[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:o, s:o}", "op", conf_op_name(change->op),
					"object", change->object, "name", view_text(change->name),
					"text", view_text(change->text)));
	}
	return json_pack("{s:o, s:b}", "changes", list, "needs_restart", needs_restart);
}

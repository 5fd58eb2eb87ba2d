/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a struct conf, its names, and which of its changes a reload may
 * make. Pure. How it comes to be is told by conf_load.c.
 */
#include "conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_schema.h"
#include "conf_value.h"

static void service_free(struct conf_service *service)
{
	for (size_t i = 0; i < service->n_backends; i++) {
		free(service->backends[i].name);
		conf_values_free(conf_backend_keys, &service->backends[i]);
	}
	free(service->backends);
	free(service->name);
	conf_values_free(conf_service_keys, service);
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->n_services; i++)
		service_free(&conf->services[i]);
	for (size_t i = 0; i < conf->n_probes; i++) {
		free(conf->probes[i]->name);
		conf_values_free(conf_probe_keys, conf->probes[i]);
		free(conf->probes[i]);
	}
	for (size_t i = 0; i < conf->n_interfaces; i++)
		conf_values_free(conf_interface_keys, &conf->interfaces[i]);
	free(conf->services);
	free(conf->probes);
	free(conf->interfaces);
	conf_values_free(conf_root_keys, conf);
	free(conf);
}

static bool value_differs(const struct conf_key *key, const struct conf *old,
			  const struct conf *new)
{
	char *before = conf_value_format(key, old);
	char *after = conf_value_format(key, new);
	/* Without memory to compare, a refused reload is the harmless answer. */
	bool differs = !before || !after || strcmp(before, after);

	free(before);
	free(after);
	return differs;
}

/* Prints the changed keys of a table and its sections as "flows.max, hash_seed". */
static void restart_print(FILE *out, const struct conf_key *keys, const char *section,
			  const struct conf *old, const struct conf *new)
{
	for (const struct conf_key *key = keys; key->name; key++) {
		if (key->kind == CONF_KIND_SECTION)
			restart_print(out, key->keys, key->name, old, new);
		else if (key->needs_restart && value_differs(key, old, new))
			(void)fprintf(out, "%s%s%s%s", ftell(out) > 0 ? ", " : "",
				      section ? section : "", section ? "." : "", key->name);
	}
}

char *conf_needs_restart(const struct conf *old, const struct conf *new)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return strdup("a setting (out of memory)");
	restart_print(out, conf_root_keys, NULL, old, new);
	if (fclose(out))
		len = 0;
	if (len > 0)
		return text;
	free(text);
	return NULL;
}

const char *conf_datapath_name(enum conf_datapath datapath)
{
	return conf_datapath_words[datapath];
}

const char *conf_scheduler_name(enum mxlb_scheduler scheduler)
{
	return conf_scheduler_words[scheduler];
}

const char *conf_forward_name(enum mxlb_forward forward)
{
	return conf_forward_words[forward];
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot as Prometheus text: walks the tables of metrics, and for each the
 * objects of its scope.
 */
#include "metrics_text.h"

#include "addr.h"
#include "mem.h"
#include "metrics_sample.h"

static const char *const family_names[MXLB_FAMILIES] = {"4", "6"};

static bool has_family(enum metric_scope scope)
{
	return scope == METRIC_SERVICE_FAMILY || scope == METRIC_BACKEND_FAMILY;
}

/* Names of interfaces may hold anything but blanks and slashes. */
static void label_print(FILE *out, const char **before, const char *key, const char *value)
{
	(void)fprintf(out, "%s%s=\"", *before, key);
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			(void)fputc('\\', out);
		(void)fputc(*c == '\n' ? '?' : *c, out);
	}
	(void)fputc('"', out);
	*before = ",";
}

static void sample_head(const struct sample *at, const char *key, const char *value)
{
	const char *before = "{";

	(void)fprintf(at->out, "%s%s", at->metric->name, at->suffix);
	if (at->interface)
		label_print(at->out, &before, "interface", at->interface->interface->name);
	if (at->service)
		label_print(at->out, &before, "service", at->service->service->name);
	if (at->backend)
		label_print(at->out, &before, "backend", at->backend->backend->conf.name);
	if (has_family(at->metric->scope))
		label_print(at->out, &before, "family", family_names[at->family]);
	if (key)
		label_print(at->out, &before, key, value);
	(void)fputs(*before == ',' ? "} " : " ", at->out);
}

void sample_count(const struct sample *at, const char *key, const char *value, uint64_t count)
{
	sample_head(at, key, value);
	(void)fprintf(at->out, "%llu\n", (unsigned long long)count);
}

void sample_real(const struct sample *at, const char *key, const char *value, double real)
{
	sample_head(at, key, value);
	(void)fprintf(at->out, "%.9g\n", real);
}

static bool service_has_family(const struct model_service *service, enum mxlb_family family)
{
	for (size_t i = 0; i < service->n_vips; i++)
		if (addr_family(&service->vips[i].endpoint.addr) == family)
			return true;
	return false;
}

static void walk_interfaces(struct sample *at)
{
	for (size_t i = 0; i < at->snap->n_interfaces; i++) {
		at->interface = &at->snap->interfaces[i];
		at->metric->write(at);
	}
}

static void walk_families(struct sample *at)
{
	for (int family = 0; family < MXLB_FAMILIES; family++) {
		bool exists = at->backend ? at->backend->backend->leg[family].exists
					  : service_has_family(at->service->service, family);

		at->family = family;
		if (exists)
			at->metric->write(at);
	}
}

/* A removed backend may have a successor of its name; two samples with the same labels
 * would spoil the whole scrape. */
static bool is_shadowed(const struct model_service *service, const struct model_backend *backend)
{
	return model_backend_find(service, backend->conf.name) != backend;
}

static void walk_backends(struct sample *at)
{
	const struct model_service *service = at->service->service;

	for (size_t i = 0; i < service->n_backends; i++) {
		at->backend = &at->service->backends[i];
		if (is_shadowed(service, service->backends[i]))
			continue;
		if (at->metric->scope == METRIC_BACKEND_FAMILY)
			walk_families(at);
		else
			at->metric->write(at);
	}
	at->backend = NULL;
}

static void walk_services(struct sample *at)
{
	for (size_t i = 0; i < at->snap->model->n_services; i++) {
		at->service = &at->snap->services[i];
		if (at->metric->scope == METRIC_SERVICE)
			at->metric->write(at);
		else if (at->metric->scope == METRIC_SERVICE_FAMILY)
			walk_families(at);
		else
			walk_backends(at);
	}
}

static void metric_print(FILE *out, const struct snapshot *snap, const struct metric *metric)
{
	struct sample at = {.out = out, .metric = metric, .suffix = "", .snap = snap};

	(void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
		      metric->type);
	if (metric->scope == METRIC_DAEMON)
		metric->write(&at);
	else if (metric->scope == METRIC_INTERFACE)
		walk_interfaces(&at);
	else
		walk_services(&at);
}

char *metrics_text(const struct snapshot *snap)
{
	static const struct metric *const tables[] = {metrics_daemon, metrics_service,
						      metrics_backend};
	char *text = NULL;
	size_t len = 0;
	FILE *out = mem_check(open_memstream(&text, &len));

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct metric *metric = tables[i]; metric->name; metric++)
			metric_print(out, snap, metric);
	(void)fclose(out);
	return mem_check(text);
}

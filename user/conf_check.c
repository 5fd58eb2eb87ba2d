/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semantic checks of one object at a time, and of totals. Each check is one
 * function that adds its faults and never stops the others. Pure.
 */
#include "conf_check.h"

#include <string.h>

#include "addr.h"
#include "conf_value.h"

/* Id 0 is "none" in the data path's tables. */
#define BACKENDS_MAX (MXLB_MAX_BACKENDS - 1)
#define VIPS_MAX     MXLB_MAX_VIPS

static void check_interfaces(const struct conf *conf, struct conf_faults *faults)
{
	const struct conf_path list = {.key = "interfaces"};

	for (size_t i = 0; i < conf->n_interfaces; i++) {
		const struct conf_path item = {.up = &list, .index = i};
		const char *name = conf->interfaces[i].name;

		for (size_t j = 0; name && j < i; j++) {
			const char *other = conf->interfaces[j].name;

			if (!other || strcmp(name, other))
				continue;
			conf_fault(faults, &item, "%s is given twice; must be listed once", name);
			break;
		}
	}
}

static void check_whole(struct conf_faults *faults, const struct conf_probe *probe,
			const char *whole_key, unsigned whole_ms, const char *part_key,
			unsigned part_ms)
{
	char part[CONF_DURATION_MAX], whole[CONF_DURATION_MAX];

	if (part_ms <= whole_ms)
		return;
	conf_duration_format(part_ms, part);
	conf_duration_format(whole_ms, whole);
	conf_fault(faults, CONF_PATH("probes", probe->name, part_key),
		   "%s is longer than %s, which is %s; must be at most that", part, whole_key,
		   whole);
}

static void check_probe(const struct conf_probe *probe, struct conf_faults *faults)
{
	check_whole(faults, probe, "interval", probe->interval_ms, "fast_interval",
		    probe->fast_interval_ms);
	check_whole(faults, probe, "timeout", probe->timeout_ms, "connect_timeout",
		    probe->connect_timeout_ms);
	if (probe->type == CONF_PROBE_SMTP)
		check_whole(faults, probe, "timeout", probe->timeout_ms, "greeting_timeout",
			    probe->greeting_timeout_ms);
}

static void check_pool(const struct conf_service *service, struct conf_faults *faults)
{
	if (service->mx && service->a)
		conf_fault(faults, CONF_PATH("services", service->name, "a"),
			   "cannot stand beside mx; must be one of the two");
	if (!service->n_backends && !service->mx && !service->a)
		conf_fault(faults, CONF_PATH("services", service->name, "backends"),
			   "is missing; must have at least one backend, or mx or a");
}

static void check_port(const struct conf_service *service, const struct conf_backend *backend,
		       struct conf_faults *faults)
{
	/* These modes do not touch the packet's ports. */
	if (service->forward == MXLB_NAT || backend->port == service->port)
		return;
	conf_fault(faults, CONF_PATH("services", service->name, "backends", backend->name, "port"),
		   "%u differs from the service's port with forward: %s; must be %u, or left out",
		   backend->port, conf_forward_name(service->forward), service->port);
}

static void check_families(const struct conf_service *service, const struct conf_backend *backend,
			   struct conf_faults *faults)
{
	bool has_vip[MXLB_FAMILIES] = {false};

	for (size_t i = 0; i < service->n_addresses; i++)
		has_vip[addr_family(&service->addresses[i])] = true;
	/* A tunnel carries either family in either; an address that could not be
	 * read is a fault already. */
	if (service->forward == MXLB_TUNNEL || !service->n_addresses ||
	    (!backend->has_addr[MXLB_V4] && !backend->has_addr[MXLB_V6]))
		return;
	if ((has_vip[MXLB_V4] && backend->has_addr[MXLB_V4]) ||
	    (has_vip[MXLB_V6] && backend->has_addr[MXLB_V6]))
		return;
	conf_fault(faults,
		   CONF_PATH("services", service->name, "backends", backend->name, "address"),
		   "no address of a family that the service has; must have an %s address",
		   has_vip[MXLB_V4] ? "IPv4" : "IPv6");
}

static void check_totals(const struct conf *conf, struct conf_faults *faults)
{
	size_t backends = 0, vips = 0;

	for (size_t i = 0; i < conf->n_services; i++) {
		backends += conf->services[i].n_backends;
		vips += conf->services[i].n_addresses;
	}
	if (backends > BACKENDS_MAX)
		conf_fault(faults, CONF_PATH("services"),
			   "%zu backends in all services; must be at most %d", backends,
			   BACKENDS_MAX);
	if (vips > VIPS_MAX)
		conf_fault(faults, CONF_PATH("services"),
			   "%zu addresses in all services; must be at most %d", vips, VIPS_MAX);
}

void conf_check(const struct conf *conf, struct conf_faults *faults)
{
	check_interfaces(conf, faults);
	for (size_t i = 0; i < conf->n_probes; i++)
		check_probe(conf->probes[i], faults);
	for (size_t i = 0; i < conf->n_services; i++) {
		const struct conf_service *service = &conf->services[i];

		check_pool(service, faults);
		for (size_t j = 0; j < service->n_backends; j++) {
			check_port(service, &service->backends[j], faults);
			check_families(service, &service->backends[j], faults);
		}
	}
	check_totals(conf, faults);
	conf_check_endpoints(conf, faults);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon as a whole, and its services, as JSON. The values that all views are
 * made of stand here too.
 */
#include "view.h"

#include <string.h>

#include "addr.h"
#include "conf.h"
#include "mem.h"
#include "snapshot.h"

json_t *view_time(time_t time)
{
	char text[32];
	struct tm tm;

	if (!time || !gmtime_r(&time, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

json_t *view_text(const char *text)
{
	json_t *json = json_string(text);
	char *copy;

	if (json)
		return json;
	copy = mem_dup(text);
	for (char *c = copy; *c; c++)
		if (*c & 0x80)
			*c = '?';
	json = json_string(copy);
	free(copy);
	return json;
}

json_t *view_endpoint(const struct mxlb_addr *addr, unsigned port)
{
	struct mxlb_endpoint endpoint = {.addr = *addr, .port = __builtin_bswap16((__u16)port)};
	char text[ADDR_TEXT_MAX];

	return json_string(endpoint_format(&endpoint, text));
}

static json_t *vips_view(const struct model_service *service)
{
	json_t *vips = json_array();
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < service->n_vips; i++)
		if (!service->vips[i].is_leaving)
			json_array_append_new(vips, json_string(endpoint_format(
							    &service->vips[i].endpoint, text)));
	return vips;
}

/* The better one where the families differ; null: none serves. */
static json_t *preference_view(const struct model_service *service)
{
	int best = -1;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		int preference = service->active_preference[family];

		if (preference >= 0 && (best < 0 || preference < best))
			best = preference;
	}
	return best < 0 ? json_null() : json_integer(best);
}

static json_t *service_connections_view(const struct snapshot_service *service)
{
	json_int_t open = 0, total = 0, refused = 0;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		total += (json_int_t)service->count[family].connections;
		refused += (json_int_t)service->count[family].refused;
		for (size_t i = 0; i < service->service->n_backends; i++)
			open += (json_int_t)service->backends[i].load.open[family];
	}
	return json_pack("{s:I, s:I, s:I}", "open", open, "total", total, "refused", refused);
}

json_t *view_service(const struct snapshot_service *s)
{
	const struct model_service *service = s->service;
	const struct conf_service *conf = service->conf ? service->conf : &service->last;
	json_t *backends = json_array();

	for (size_t i = 0; i < service->n_backends; i++)
		json_array_append_new(backends, view_backend(&s->backends[i]));
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:b, s:o, s:o}", "schema",
			 "mxlb.service/1", "name", service->name, "vips", vips_view(service),
			 "forward", conf_forward_name(conf->forward), "scheduler",
			 conf_scheduler_name(conf->scheduler), "state",
			 model_service_state(service), "active_preference",
			 preference_view(service), "fail_open", service->fail_open, "connections",
			 service_connections_view(s), "backends", backends);
}

json_t *view_services(const struct snapshot *snap)
{
	json_t *services = json_array();

	for (size_t i = 0; i < snap->model->n_services; i++)
		json_array_append_new(services, view_service(&snap->services[i]));
	return services;
}

static json_t *interfaces_view(const struct snapshot *snap)
{
	json_t *interfaces = json_array();

	for (size_t i = 0; i < snap->n_interfaces; i++) {
		const struct dataplane_interface *interface = snap->interfaces[i].interface;

		json_array_append_new(interfaces, json_pack("{s:o, s:s, s:o}", "name",
							    view_text(interface->name), "datapath",
							    conf_datapath_name(interface->datapath),
							    "note", view_text(interface->note)));
	}
	return interfaces;
}

json_t *view_status(const struct snapshot *snap)
{
	json_t *config = json_pack("{s:o, s:b, s:o}", "path", view_text(snap->config_path), "ok",
				   snap->config_ok, "loaded", view_time(snap->config_loaded));
	json_t *flows = json_pack(
		"{s:I, s:I, s:I, s:I}", "established", (json_int_t)snap->tallies.established,
		"half_open", (json_int_t)snap->tallies.half_open, "entries",
		(json_int_t)snap->tallies.entries, "max", (json_int_t)snap->model->conf->flows.max);

	return json_pack("{s:s, s:s, s:f, s:o, s:o, s:o, s:o}", "schema", "mxlb.status/1",
			 "version", MXLB_VERSION, "uptime_seconds", snap->uptime_seconds, "config",
			 config, "interfaces", interfaces_view(snap), "flows", flows, "services",
			 view_services(snap));
}

bool view_is_well(const struct snapshot *snap)
{
	for (size_t i = 0; i < snap->model->n_services; i++)
		if (strcmp(model_service_state(snap->model->services[i]), "up") != 0)
			return false;
	return true;
}

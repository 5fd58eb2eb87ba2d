/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend as JSON: what the operator wants of it, what health says, what it has.
 */
#include "view.h"

#include "snapshot.h"

static const char *const family_names[MXLB_FAMILIES] = {"4", "6"};

static json_t *addresses_view(const struct model_backend *backend)
{
	json_t *addresses = json_array();

	for (int family = 0; family < MXLB_FAMILIES; family++)
		if (backend->conf.has_addr[family])
			json_array_append_new(addresses, view_endpoint(&backend->conf.addr[family],
								       backend->conf.port));
	return addresses;
}

static json_t *admin_view(const struct admin *admin)
{
	return json_pack("{s:s, s:o, s:o, s:o}", "state", admin_state_name(admin->state), "by",
			 view_text(admin->by), "since", view_time(admin->since), "message",
			 view_text(admin->message));
}

static json_t *health_view(const struct model_backend *backend)
{
	enum health_reason reason;
	time_t since;
	const char *state = model_backend_health(backend, &reason, &since);

	return json_pack("{s:s, s:s, s:o}", "state", state, "reason", health_reason_name(reason),
			 "since", view_time(since));
}

static json_t *families_view(const struct snapshot_backend *b)
{
	json_t *families = json_object();

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		const struct model_leg *leg = &b->backend->leg[family];

		if (!leg->exists)
			continue;
		json_object_set_new(families, family_names[family],
				    json_pack("{s:s, s:s, s:b, s:I}", "state",
					      health_state_name(leg->verdict.state), "reason",
					      health_reason_name(leg->verdict.reason), "serving",
					      leg->serving, "open",
					      (json_int_t)b->load.open[family]));
	}
	return families;
}

static json_t *connections_view(const struct snapshot_backend *b)
{
	json_int_t open = 0, total = 0;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		open += (json_int_t)b->load.open[family];
		total += (json_int_t)b->count[family].connections;
	}
	return json_pack("{s:I, s:I, s:I}", "open", open, "limit",
			 (json_int_t)b->backend->conf.max_connections, "total", total);
}

/* A failed probe of either family before a good one, then the later one: `probe` goes
 * with `health`, whose reason is the bad family's. */
static const struct model_probe *probe_to_show(const struct model_backend *backend)
{
	const struct model_probe *shown = NULL;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		const struct model_probe *probe = &backend->leg[family].probe;

		if (!backend->leg[family].exists || !probe->last)
			continue;
		if (!shown || (probe->ok == shown->ok ? probe->last > shown->last : !probe->ok))
			shown = probe;
	}
	return shown;
}

static json_t *probe_view(const struct model_backend *backend)
{
	static const struct model_probe none = {.greeting_seconds = -1};
	const struct model_probe *probe = probe_to_show(backend);

	if (!probe)
		probe = &none;
	return json_pack("{s:o, s:b, s:i, s:o}", "last", view_time(probe->last), "ok", probe->ok,
			 "code", probe->code, "greeting_seconds",
			 probe->greeting_seconds < 0 ? json_null()
						     : json_real(probe->greeting_seconds));
}

json_t *view_backend(const struct snapshot_backend *b)
{
	const struct model_backend *backend = b->backend;
	bool serving = backend->leg[MXLB_V4].serving || backend->leg[MXLB_V6].serving;
	json_t *weight = json_pack("{s:I, s:I}", "configured", (json_int_t)backend->conf.weight,
				   "effective", (json_int_t)backend->weight_effective);

	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "schema",
			 "mxlb.backend/1", "service", backend->service->name, "name",
			 backend->conf.name, "addresses", addresses_view(backend), "preference",
			 (json_int_t)backend->conf.preference, "weight", weight, "admin",
			 admin_view(&backend->admin), "health", health_view(backend), "families",
			 families_view(b), "serving", serving, "connections", connections_view(b),
			 "probe", probe_view(backend));
}

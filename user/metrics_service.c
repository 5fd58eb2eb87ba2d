/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics of services.
 */
#include "metrics_sample.h"

#include <string.h>

static void syns(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->service->count[at->family].syns);
}

static void connections(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->service->count[at->family].connections);
}

static void refused(const struct sample *at)
{
	sample_count(at, "reason", "no_backend", at->service->count[at->family].refused);
}

static void fail_open(const struct sample *at)
{
	sample_count(at, NULL, NULL, at->service->service->fail_open);
}

/* Each backend counts once: by the operator's wish where there is one, else by health. */
static const char *backend_state(const struct model_backend *backend)
{
	enum health_reason reason;
	time_t since;

	if (backend->admin.state != ADMIN_READY)
		return admin_state_name(backend->admin.state);
	return model_backend_health(backend, &reason, &since);
}

static void backends(const struct sample *at)
{
	static const char *const states[] = {"up",    "degraded", "down",   "checking",
					     "drain", "maint",	  "removed"};
	const struct model_service *service = at->service->service;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		uint64_t n = 0;

		for (size_t j = 0; j < service->n_backends; j++)
			n += !strcmp(states[i], backend_state(service->backends[j]));
		sample_count(at, "state", states[i], n);
	}
}

const struct metric metrics_service[] = {
	{"mxlb_service_syns_total", "counter", "SYNs of new connections, repetitions included.",
	 METRIC_SERVICE_FAMILY, syns},
	{"mxlb_service_connections_total", "counter", "Connections with a completed handshake.",
	 METRIC_SERVICE_FAMILY, connections},
	{"mxlb_service_refused_connections_total", "counter",
	 "Packets of new connections that no backend could take.", METRIC_SERVICE_FAMILY, refused},
	{"mxlb_service_fail_open", "gauge",
	 "Whether backends serve although all of them are judged bad.", METRIC_SERVICE, fail_open},
	{"mxlb_service_backends", "gauge",
	 "Backends, each under its admin state unless that is ready, else under its health.",
	 METRIC_SERVICE, backends},
	{0},
};

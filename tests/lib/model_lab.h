/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model for tests of what looks at models: two services, three backends, all judged
 * up, times that can be written down. And a snapshot of it with counters still 0.
 * A test that includes this links conf*.c, model*.c, plan.c, verdict.c and addr.c.
 */
#ifndef MODEL_LAB_H
#define MODEL_LAB_H

#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "mem.h"
#include "model.h"
#include "plan.h"
#include "snapshot.h"

#define LAB_NOW_MS 1000000
#define LAB_TIME   1700000000 /* 2023-11-14T22:13:20Z */

static const char lab_yaml[] =
	"interfaces: [eth0, {name: eth1, datapath: tc}]\n"
	"services:\n"
	"  mx-in:\n"
	"    address: [192.0.2.25, \"2001:db8::25\"]\n"
	"    backends:\n"
	"      mx1: {address: [10.0.0.11, \"fd00::11\"], max_connections: 90}\n"
	"      mx2: {address: 10.0.0.12}\n"
	"      mx3: {address: 10.0.0.13, preference: 20}\n"
	"  mx-out:\n"
	"    address: 192.0.2.26\n"
	"    backends:\n"
	"      mx1: {address: 10.0.0.11}\n";

static inline struct model_backend *lab_backend(const struct model *model, const char *service,
						const char *name)
{
	return model_backend_find(model_service_find(model, service), name);
}

/* Takes over what plan derives from health and admin states. */
static inline void lab_plan(struct model *model)
{
	struct dp_state want;

	plan_want(model, LAB_NOW_MS, &want);
	dp_state_free(&want);
}

static inline void lab_judge(struct model_backend *backend, enum mxlb_family family,
			     enum health_state state, enum health_reason reason)
{
	struct model_leg *leg = &backend->leg[family];

	leg->verdict = (struct verdict){.state = state, .reason = reason};
	leg->since = LAB_TIME;
	leg->probe = (struct model_probe){
		.last = LAB_TIME + 10,
		.ok = reason == HEALTH_OK,
		.code = reason == HEALTH_OK ? 220 : 0,
		.greeting_seconds = reason == HEALTH_OK ? 0.0016 : -1,
	};
}

static inline void lab_judge_all(struct model *model)
{
	for (size_t i = 0; i < model->n_services; i++)
		for (size_t j = 0; j < model->services[i]->n_backends; j++) {
			struct model_backend *backend = model->services[i]->backends[j];

			backend->admin.since = LAB_TIME - 10;
			for (int family = 0; family < MXLB_FAMILIES; family++)
				if (backend->leg[family].exists)
					lab_judge(backend, family, HEALTH_UP, HEALTH_OK);
		}
}

static inline struct conf *lab_conf(const char *yaml)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;

	if (conf_load_text("lab.yaml", yaml, strlen(yaml), &conf, &errors)) {
		fprintf(stderr, "%s\n", errors.lines[0]);
		abort();
	}
	return conf;
}

static inline struct model *lab_model(void)
{
	struct model *model = mem_check(model_new(lab_conf(lab_yaml), NULL, LAB_NOW_MS));

	lab_judge_all(model);
	lab_plan(model);
	return model;
}

/* The same after a reload of another text; takes `old` over. */
static inline struct model *lab_reload(struct model *old, const char *yaml)
{
	struct model *model = mem_check(model_new(lab_conf(yaml), old, LAB_NOW_MS));

	model_free(old);
	lab_judge_all(model);
	lab_plan(model);
	return model;
}

static const struct dataplane_interface lab_interfaces[] = {
	{.name = "eth0", .ifindex = 2, .datapath = CONF_DATAPATH_XDP},
	{.name = "eth1", .ifindex = 3, .datapath = CONF_DATAPATH_TC, .note = "as configured"},
};

static inline struct snapshot lab_snapshot(const struct model *model)
{
	struct snapshot snap = {
		.model = model,
		.uptime_seconds = 12.5,
		.config_path = "/etc/mxlb/mxlb.yaml",
		.config_loaded = LAB_TIME,
		.config_ok = true,
		.n_interfaces = 2,
	};

	snap.services = mem_zero(model->n_services, sizeof(*snap.services));
	for (size_t i = 0; i < model->n_services; i++) {
		struct snapshot_service *s = &snap.services[i];

		s->service = model->services[i];
		s->backends = mem_zero(s->service->n_backends, sizeof(*s->backends));
		for (size_t j = 0; j < s->service->n_backends; j++)
			s->backends[j].backend = s->service->backends[j];
	}
	snap.interfaces = mem_zero(2, sizeof(*snap.interfaces));
	for (size_t i = 0; i < 2; i++)
		snap.interfaces[i].interface = &lab_interfaces[i];
	return snap;
}

static inline void lab_snapshot_free(struct snapshot *snap)
{
	for (size_t i = 0; i < snap->model->n_services; i++)
		free(snap->services[i].backends);
	free(snap->services);
	free(snap->interfaces);
}

#endif

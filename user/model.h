/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is so at run time: the config's services and backends with their ids, health
 * and admin state. Pure; changed by apply (config, admin) and health (verdicts), read
 * by plan and by the views. Times are monotonic ms unless they are time_t (wall clock).
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "conf.h"
#include "verdict.h"

enum admin_state { ADMIN_READY, ADMIN_DRAIN, ADMIN_MAINT, ADMIN_REMOVED, ADMIN_STATE_COUNT };

struct admin {
	enum admin_state state;
	time_t since;
	char by[64];	   /* who asked: user name, or "" */
	char message[256]; /* why, or "" */
	/* A run-time weight: absolute, or per cent of the configured one. */
	enum { WEIGHT_CONFIGURED, WEIGHT_ABSOLUTE, WEIGHT_PERCENT } weight_kind;
	unsigned weight;
};

/* The latest probe of one address. */
struct model_probe {
	time_t last; /* 0: none yet */
	bool ok;
	int code;
	double greeting_seconds; /* < 0: none seen */
};

/* What serves the clients of one family: an address of the backend. */
struct model_leg {
	bool exists;
	bool is_borrowed;	 /* a tunnel's: the other family's address; judged with that one */
	struct mxlb_addr source; /* a tunnel's: our own address on the way; zero: not known yet */
	struct verdict verdict;
	time_t since;	/* of the verdict's state, wall clock */
	bool connected; /* its first probe has connected, with no outcome yet */
	struct model_probe probe;
	bool serving;	   /* set by plan: gets new connections now */
	bool is_fail_open; /* set by plan: serves although down */
};

struct model_backend {
	uint32_t id; /* of the kernel's maps; stable across reload and restart */
	struct model_service *service;
	struct conf_backend conf; /* an own copy */
	/* Its service's when it was made: with another mode comes another backend, so that
	 * open flows keep the mode in which they began. */
	enum mxlb_forward forward;
	struct admin admin;
	struct model_leg leg[MXLB_FAMILIES];
	unsigned weight_effective; /* set by plan */
};

struct model_vip {
	uint32_t id;
	struct mxlb_endpoint endpoint;
	bool is_leaving; /* out of the config, flows are left */
};

struct model_service {
	uint32_t id;
	char *name;
	const struct conf_service *conf; /* NULL: out of the config, flows are left */
	struct conf_service last;	 /* policy when it left; only scalars are valid */
	struct model_vip *vips;
	size_t n_vips;
	struct model_backend **backends; /* config order, then removed ones */
	size_t n_backends;
	bool has_policy;
	bool fail_open;			      /* set by plan */
	int active_preference[MXLB_FAMILIES]; /* set by plan; -1: none */
};

struct model {
	struct conf *conf; /* owned */
	struct model_service **services;
	size_t n_services;
};

/* A model of `conf`, which it then owns, taking over ids, health and admin states from
 * `old` (may be NULL; stays whole and must be freed by the caller). What has left the
 * config is kept, as removed. NULL when out of memory or ids; conf is then untouched. */
struct model *model_new(struct conf *conf, const struct model *old, uint64_t now_ms);
void model_free(struct model *model);

struct model_service *model_service_find(const struct model *model, const char *name);
struct model_backend *model_backend_find(const struct model_service *service, const char *name);
struct model_backend *model_backend_by_id(const struct model *model, uint32_t id);
struct model_service *model_service_by_id(const struct model *model, uint32_t id);

/* Forgets a removed backend, a leaving VIP, a service without either. */
void model_backend_forget(struct model *model, struct model_backend *backend);
void model_vip_forget(struct model *model, struct model_service *service, uint32_t vip_id);

/* Weight as the operator wants it, before health. */
unsigned model_backend_weight(const struct model_backend *backend);
/* Is there a way to send to it? A tunnel needs our own address. */
bool model_leg_has_way(const struct model_backend *backend, enum mxlb_family family);
/* Could take new connections, by admin state, weight and health, in this family. */
bool model_leg_usable(const struct model_backend *backend, enum mxlb_family family,
		      uint64_t now_ms);
/* Where packets of this family's clients go; of the other family on a borrowed leg. */
const struct mxlb_addr *model_leg_addr(const struct model_backend *backend,
				       enum mxlb_family family);
/* Our own address on the way to a tunnel's leg was looked up; zero: no way there. True when
 * that changes what the kernel should hold. The last known one stays. */
bool model_leg_source(struct model_backend *backend, enum mxlb_family family,
		      const struct mxlb_addr *source, uint64_t now_ms);
/* What probes say of a backend's own address holds for the leg that borrows it. */
void model_legs_lend(struct model_backend *backend);
/* In dsr and tunnel mode probes of an own address travel the forwarded path to a VIP of its
 * family: its id; 0: they go to the address itself (nat, or no VIP of the family). */
uint32_t model_probe_vip(const struct model_backend *backend, enum mxlb_family family);
/* The mark that puts a probe on that path; 0: none. */
uint32_t model_probe_mark(const struct model_backend *backend, enum mxlb_family family);
/* Health of the whole backend: up, degraded (one family down), down, checking. */
const char *model_backend_health(const struct model_backend *backend, enum health_reason *reason,
				 time_t *since);
/* "up", "degraded" or "down"; see INTERFACES.md, section 4. */
const char *model_service_state(const struct model_service *service);
const char *admin_state_name(enum admin_state state);
int admin_state_parse(const char *name, enum admin_state *state);

#endif

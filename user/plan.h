/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only place that decides what the kernel holds. plan_want turns a model into the
 * wanted content of the maps; plan_diff turns two contents into steps, ordered so that
 * after each of them a service with a usable backend still has one. Pure.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mxlb/abi.h"
#include "ring.h"

struct model;

struct dp_service {
	uint32_t id;
	struct mxlb_service value;
	char *name;
};
struct dp_backend {
	uint32_t id;
	struct mxlb_backend value;
	char *name; /* "service/backend" */
};
struct dp_vip {
	struct mxlb_endpoint key;
	struct mxlb_vip value;
};
struct dp_origin {
	struct mxlb_endpoint key;
	struct mxlb_origin value;
};
/* One ring of one tier; a ring without members is absent. Owns the members' names. */
struct dp_ring {
	uint32_t index; /* service * MXLB_FAMILIES + family */
	struct ring_member *members;
	size_t n_members;
	uint32_t seed;
	bool is_unknown; /* read from pinned maps: differs from everything */
};

/* Wanted, or current, content; arrays are sorted by key. Owned strings and members. */
struct dp_state {
	struct dp_service *services;
	size_t n_services;
	struct dp_backend *backends;
	size_t n_backends;
	struct dp_vip *vips;
	size_t n_vips;
	struct dp_origin *origins;
	size_t n_origins;
	struct dp_ring *rings, *standbys;
	size_t n_rings, n_standbys;
};

/* In the order in which they are carried out. */
enum plan_kind {
	PLAN_SERVICE_SET,
	PLAN_BACKEND_RAISE, /* new, or with more than before: what it served it still serves */
	PLAN_ORIGIN_SET,
	PLAN_RING_SET,
	PLAN_STANDBY_SET,
	PLAN_VIP_SET,
	PLAN_VIP_DEL,
	PLAN_BACKEND_LOWER, /* its final value, less than before */
	PLAN_RING_DEL,
	PLAN_STANDBY_DEL,
	PLAN_ORIGIN_DEL,
	PLAN_BACKEND_DEL,
	PLAN_SERVICE_DEL,
	PLAN_KIND_COUNT
};

struct plan_step {
	enum plan_kind kind;
	size_t index;		     /* of the wanted state's array; for _DEL of the old's */
	uint32_t id;		     /* of a service, backend, VIP or ring */
	struct mxlb_endpoint key;    /* VIP and origin steps */
	struct mxlb_backend backend; /* RAISE: what to write */
};

struct plan {
	struct plan_step *steps;
	size_t n_steps;
};

/* Also writes the model's derived fields: serving, weight_effective, fail_open, ... */
void plan_want(struct model *model, uint64_t now_ms, struct dp_state *want);
void plan_diff(const struct dp_state *old, const struct dp_state *want, struct plan *plan);
void dp_state_sort(struct dp_state *state);
void dp_state_free(struct dp_state *state);
void plan_free(struct plan *plan);
const char *plan_kind_name(enum plan_kind kind);

#endif

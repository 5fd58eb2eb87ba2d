/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From two contents of the maps to ordered steps: each pair of sorted arrays is walked
 * once, side by side, and only what differs becomes a step.
 */
#include "plan.h"

#include "mem.h"

static int by_service(const void *a, const void *b)
{
	const struct dp_service *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int by_backend(const void *a, const void *b)
{
	const struct dp_backend *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* VIPs and origins both begin with their key. */
static int by_endpoint(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mxlb_endpoint));
}

static int by_ring(const void *a, const void *b)
{
	const struct dp_ring *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static bool same_service(const void *a, const void *b)
{
	const struct dp_service *x = a, *y = b;

	return !memcmp(&x->value, &y->value, sizeof(x->value)) && !strcmp(x->name, y->name);
}

static bool same_backend(const void *a, const void *b)
{
	const struct dp_backend *x = a, *y = b;

	return !memcmp(&x->value, &y->value, sizeof(x->value)) && !strcmp(x->name, y->name);
}

static bool same_vip(const void *a, const void *b)
{
	const struct dp_vip *x = a, *y = b;

	return !memcmp(&x->value, &y->value, sizeof(x->value));
}

static bool same_origin(const void *a, const void *b)
{
	const struct dp_origin *x = a, *y = b;

	return !memcmp(&x->value, &y->value, sizeof(x->value));
}

static bool same_ring(const void *a, const void *b)
{
	const struct dp_ring *x = a, *y = b;

	if (x->is_unknown || y->is_unknown || x->n_members != y->n_members || x->seed != y->seed)
		return false;
	for (size_t i = 0; i < x->n_members; i++)
		if (x->members[i].id != y->members[i].id ||
		    x->members[i].weight != y->members[i].weight ||
		    strcmp(x->members[i].name, y->members[i].name) != 0)
			return false;
	return true;
}

/* One pair of arrays, and which steps its differences make. */
struct table {
	const void *old, *want;
	size_t n_old, n_want, size;
	int (*order)(const void *, const void *);
	bool (*same)(const void *, const void *);
	enum plan_kind set, del;
};

static struct plan_step *step_add(struct plan *plan, enum plan_kind kind, size_t index)
{
	plan->steps = mem_append(plan->steps, &plan->n_steps, sizeof(*plan->steps));
	plan->steps[plan->n_steps - 1].kind = kind;
	plan->steps[plan->n_steps - 1].index = index;
	return &plan->steps[plan->n_steps - 1];
}

/* What stands between old and wanted: whatever either lets in is let in. */
static struct mxlb_backend backend_between(const struct mxlb_backend *old,
					   const struct mxlb_backend *want)
{
	struct mxlb_backend between = *want;

	for (int family = 0; family < MXLB_FAMILIES; family++)
		if (old->leg[family].state == MXLB_LEG_UP && want->leg[family].state)
			between.leg[family].state = MXLB_LEG_UP;
	return between;
}

static void step_backend(struct plan *plan, const struct dp_backend *old,
			 const struct dp_backend *want, size_t index)
{
	struct mxlb_backend between =
		old ? backend_between(&old->value, &want->value) : want->value;
	bool is_final = !memcmp(&between, &want->value, sizeof(between));
	struct plan_step *step;

	if (!old || !is_final || memcmp(&between, &old->value, sizeof(between)) != 0 ||
	    strcmp(old->name, want->name) != 0) {
		step = step_add(plan, PLAN_BACKEND_RAISE, index);
		step->id = want->id;
		step->backend = between;
	}
	if (!is_final) {
		step = step_add(plan, PLAN_BACKEND_LOWER, index);
		step->id = want->id;
		step->backend = want->value;
	}
}

static void step_set(struct plan *plan, const struct table *table, const void *old,
		     const void *want, size_t index)
{
	struct plan_step *step;

	if (table->set == PLAN_BACKEND_RAISE) {
		step_backend(plan, old, want, index);
		return;
	}
	step = step_add(plan, table->set, index);
	if (table->order == by_endpoint)
		step->key = *(const struct mxlb_endpoint *)want;
	else
		step->id = *(const uint32_t *)want; /* each starts with its id or index */
}

static void step_del(struct plan *plan, const struct table *table, const void *old, size_t index)
{
	struct plan_step *step = step_add(plan, table->del, index);

	if (table->order == by_endpoint)
		step->key = *(const struct mxlb_endpoint *)old;
	else
		step->id = *(const uint32_t *)old;
	if (table->del == PLAN_VIP_DEL)
		step->id = ((const struct dp_vip *)old)->value.id;
}

static void table_diff(struct plan *plan, const struct table *table)
{
	const char *old = table->old, *want = table->want;
	size_t i = 0, j = 0;

	while (i < table->n_old || j < table->n_want) {
		const void *a = old + i * table->size, *b = want + j * table->size;
		int order;

		if (i == table->n_old)
			order = 1;
		else
			order = j == table->n_want ? -1 : table->order(a, b);
		if (order < 0)
			step_del(plan, table, a, i);
		else if (order > 0)
			step_set(plan, table, NULL, b, j);
		else if (!table->same(a, b))
			step_set(plan, table, a, b, j);
		i += order <= 0;
		j += order >= 0;
	}
}

static int by_step(const void *a, const void *b)
{
	const struct plan_step *x = a, *y = b;

	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	return (x->index > y->index) - (x->index < y->index);
}

#define TABLE(array, type, by, eq, set_kind, del_kind)                                             \
	{                                                                                          \
		old->array, want->array, old->n_##array, want->n_##array, sizeof(struct type), by, \
			eq, set_kind, del_kind                                                     \
	}

void plan_diff(const struct dp_state *old, const struct dp_state *want, struct plan *plan)
{
	const struct table tables[] = {
		TABLE(services, dp_service, by_service, same_service, PLAN_SERVICE_SET,
		      PLAN_SERVICE_DEL),
		TABLE(backends, dp_backend, by_backend, same_backend, PLAN_BACKEND_RAISE,
		      PLAN_BACKEND_DEL),
		TABLE(vips, dp_vip, by_endpoint, same_vip, PLAN_VIP_SET, PLAN_VIP_DEL),
		TABLE(origins, dp_origin, by_endpoint, same_origin, PLAN_ORIGIN_SET,
		      PLAN_ORIGIN_DEL),
		TABLE(rings, dp_ring, by_ring, same_ring, PLAN_RING_SET, PLAN_RING_DEL),
		TABLE(standbys, dp_ring, by_ring, same_ring, PLAN_STANDBY_SET, PLAN_STANDBY_DEL),
	};

	*plan = (struct plan){0};
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		table_diff(plan, &tables[i]);
	if (plan->n_steps)
		qsort(plan->steps, plan->n_steps, sizeof(*plan->steps), by_step);
}

static void sort(void *array, size_t n, size_t size, int (*order)(const void *, const void *))
{
	if (n)
		qsort(array, n, size, order);
}

void dp_state_sort(struct dp_state *s)
{
	sort(s->services, s->n_services, sizeof(*s->services), by_service);
	sort(s->backends, s->n_backends, sizeof(*s->backends), by_backend);
	sort(s->vips, s->n_vips, sizeof(*s->vips), by_endpoint);
	sort(s->origins, s->n_origins, sizeof(*s->origins), by_endpoint);
	sort(s->rings, s->n_rings, sizeof(*s->rings), by_ring);
	sort(s->standbys, s->n_standbys, sizeof(*s->standbys), by_ring);
}

static void rings_free(struct dp_ring *rings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < rings[i].n_members; j++)
			free((char *)rings[i].members[j].name);
		free(rings[i].members);
	}
	free(rings);
}

void dp_state_free(struct dp_state *s)
{
	for (size_t i = 0; i < s->n_services; i++)
		free(s->services[i].name);
	for (size_t i = 0; i < s->n_backends; i++)
		free(s->backends[i].name);
	rings_free(s->rings, s->n_rings);
	rings_free(s->standbys, s->n_standbys);
	free(s->services);
	free(s->backends);
	free(s->vips);
	free(s->origins);
	*s = (struct dp_state){0};
}

void plan_free(struct plan *plan)
{
	free(plan->steps);
	*plan = (struct plan){0};
}

const char *plan_kind_name(enum plan_kind kind)
{
	static const char *const names[] = {
		[PLAN_SERVICE_SET] = "service set",    [PLAN_BACKEND_RAISE] = "backend raise",
		[PLAN_ORIGIN_SET] = "origin set",      [PLAN_RING_SET] = "ring set",
		[PLAN_STANDBY_SET] = "standby set",    [PLAN_VIP_SET] = "vip set",
		[PLAN_VIP_DEL] = "vip delete",	       [PLAN_BACKEND_LOWER] = "backend lower",
		[PLAN_RING_DEL] = "ring delete",       [PLAN_STANDBY_DEL] = "standby delete",
		[PLAN_ORIGIN_DEL] = "origin delete",   [PLAN_BACKEND_DEL] = "backend delete",
		[PLAN_SERVICE_DEL] = "service delete",
	};

	return kind < PLAN_KIND_COUNT ? names[kind] : "?";
}

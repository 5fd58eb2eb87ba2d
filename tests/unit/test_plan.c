/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model and plan: tiers, admin states, ids over reloads, adoption; and, over random
 * changes, that no step of a plan leaves a service without a backend that it has.
 */
/* uses: plan.c plan_diff.c ring.c model.c model_new.c verdict.c addr.c conf.c */
/* uses: conf_schema.c conf_value.c conf_text.c conf_format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"
#include "mem.h"
#include "model.h"
#include "model_adopt.h"
#include "plan.h"

#define NOW 1000000ull

static const struct conf_probe probe = {.name = "mail", .rise = 2, .fall = 3};

/* "mx1 10.0.0.1 10" ...: a config of one service with a VIP of each family. */
struct line {
	const char *name, *v4, *v6;
	unsigned preference;
};

static struct conf *conf_make(const struct line *lines, size_t n)
{
	struct conf *conf = mem_zero(1, sizeof(*conf));
	struct conf_service *service;

	conf->services = mem_zero(1, sizeof(*conf->services));
	conf->n_services = 1;
	service = conf->services;
	service->name = mem_dup("mx-in");
	service->addresses = mem_zero(2, sizeof(*service->addresses));
	service->n_addresses = 2;
	assert_int_equal(addr_parse("192.0.2.25", &service->addresses[0]), 0);
	assert_int_equal(addr_parse("2001:db8::25", &service->addresses[1]), 0);
	service->port = 25;
	service->prefix[MXLB_V4] = 24;
	service->prefix[MXLB_V6] = 64;
	service->probe = &probe;
	service->backends = mem_zero(n, sizeof(*service->backends));
	service->n_backends = n;
	for (size_t i = 0; i < n; i++) {
		struct conf_backend *backend = &service->backends[i];

		*backend = (struct conf_backend){.name = mem_dup(lines[i].name),
						 .port = 25,
						 .preference = lines[i].preference,
						 .weight = 100};
		if (lines[i].v4 && !addr_parse(lines[i].v4, &backend->addr[MXLB_V4]))
			backend->has_addr[MXLB_V4] = true;
		if (lines[i].v6 && !addr_parse(lines[i].v6, &backend->addr[MXLB_V6]))
			backend->has_addr[MXLB_V6] = true;
	}
	return conf;
}

static const struct line three[] = {
	{"mx1", "10.0.0.1", "fd00::1", 10},
	{"mx2", "10.0.0.2", "fd00::2", 10},
	{"mx3", "10.0.0.3", "fd00::3", 20},
};

static struct model *model_make(const struct line *lines, size_t n, const struct model *old)
{
	struct model *model = model_new(conf_make(lines, n), old, NOW);

	assert_non_null(model);
	return model;
}

static struct model_backend *backend(const struct model *model, const char *name)
{
	struct model_backend *found = model_backend_find(model->services[0], name);

	assert_non_null(found);
	return found;
}

static void judge(struct model *model, const char *name, enum health_state state,
		  enum health_reason reason)
{
	for (int family = 0; family < MXLB_FAMILIES; family++) {
		struct verdict *v = &backend(model, name)->leg[family].verdict;

		v->state = state;
		v->reason = reason;
	}
}

static void all_up(struct model *model)
{
	for (size_t i = 0; i < model->services[0]->n_backends; i++)
		judge(model, model->services[0]->backends[i]->conf.name, HEALTH_UP, HEALTH_OK);
}

static const struct dp_ring *ring_of(const struct dp_ring *rings, size_t n, uint32_t index)
{
	for (size_t i = 0; i < n; i++)
		if (rings[i].index == index)
			return &rings[i];
	return NULL;
}

static void assert_ring(const struct dp_ring *ring, const char *names)
{
	char joined[256] = "";

	for (size_t i = 0; ring && i < ring->n_members; i++) {
		strcat(joined, i ? " " : "");
		strcat(joined, ring->members[i].name);
	}
	assert_string_equal(joined, names);
}

static void assert_tiers(struct model *model, const char *active, const char *standby)
{
	struct dp_state want;

	plan_want(model, NOW, &want);
	assert_ring(ring_of(want.rings, want.n_rings, 0), active);
	assert_ring(ring_of(want.rings, want.n_rings, 1), active);
	assert_ring(ring_of(want.standbys, want.n_standbys, 0), standby);
	dp_state_free(&want);
}

static void test_lowest_preference_serves(void **state)
{
	struct model *model = model_make(three, 3, NULL);

	assert_tiers(model, "", "");
	all_up(model);
	assert_tiers(model, "mx1 mx2", "mx3");
	assert_int_equal(model->services[0]->active_preference[MXLB_V4], 10);
	assert_true(backend(model, "mx1")->leg[MXLB_V4].serving);
	assert_false(backend(model, "mx3")->leg[MXLB_V4].serving);
	assert_string_equal(model_service_state(model->services[0]), "up");
	judge(model, "mx1", HEALTH_DOWN, HEALTH_CONNECT_REFUSED);
	assert_tiers(model, "mx2", "mx3");
	assert_string_equal(model_service_state(model->services[0]), "degraded");
	judge(model, "mx2", HEALTH_DOWN, HEALTH_CONNECT_REFUSED);
	assert_tiers(model, "mx3", "");
	judge(model, "mx3", HEALTH_DOWN, HEALTH_CONNECT_TIMEOUT);
	assert_tiers(model, "", "");
	assert_string_equal(model_service_state(model->services[0]), "down");
	model_free(model);
}

static void test_cold_start_serves_once_connected(void **state)
{
	struct model *model = model_make(three, 3, NULL);

	backend(model, "mx2")->leg[MXLB_V4].connected = true;
	backend(model, "mx2")->leg[MXLB_V6].connected = true;
	assert_tiers(model, "mx2", "");
	model_free(model);
}

static void test_admin_states(void **state)
{
	struct model *model = model_make(three, 3, NULL);

	all_up(model);
	backend(model, "mx1")->admin.state = ADMIN_DRAIN;
	assert_tiers(model, "mx2", "mx3");
	assert_string_equal(model_service_state(model->services[0]), "up");
	backend(model, "mx1")->admin.state = ADMIN_READY;
	backend(model, "mx1")->admin.weight_kind = WEIGHT_ABSOLUTE;
	backend(model, "mx1")->admin.weight = 0;
	assert_tiers(model, "mx2", "mx3");
	backend(model, "mx1")->admin.weight_kind = WEIGHT_PERCENT;
	backend(model, "mx1")->admin.weight = 50;
	assert_int_equal(model_backend_weight(backend(model, "mx1")), 50);
	assert_tiers(model, "mx1 mx2", "mx3");
	model_free(model);
}

/* A fault of the protocol everywhere is not believed; a closed port is. */
static void test_fail_open(void **state)
{
	struct model *model = model_make(three, 3, NULL);

	judge(model, "mx1", HEALTH_DOWN, HEALTH_GREETING_4XX);
	judge(model, "mx2", HEALTH_DOWN, HEALTH_CONNECT_REFUSED);
	judge(model, "mx3", HEALTH_DOWN, HEALTH_GREETING_TIMEOUT);
	assert_tiers(model, "mx1", "mx3");
	assert_true(model->services[0]->fail_open);
	assert_string_equal(model_service_state(model->services[0]), "degraded");
	judge(model, "mx3", HEALTH_UP, HEALTH_OK);
	assert_tiers(model, "mx3", "");
	assert_false(model->services[0]->fail_open);
	model_free(model);
}

static void test_families_are_judged_apart(void **state)
{
	struct model *model = model_make(three, 3, NULL);
	struct dp_state want;

	all_up(model);
	backend(model, "mx1")->leg[MXLB_V6].verdict.state = HEALTH_DOWN;
	backend(model, "mx1")->leg[MXLB_V6].verdict.reason = HEALTH_UNREACHABLE;
	plan_want(model, NOW, &want);
	assert_ring(ring_of(want.rings, want.n_rings, 0), "mx1 mx2");
	assert_ring(ring_of(want.rings, want.n_rings, 1), "mx2");
	assert_int_equal(want.backends[0].value.leg[MXLB_V4].state, MXLB_LEG_UP);
	assert_int_equal(want.backends[0].value.leg[MXLB_V6].state, MXLB_LEG_DOWN);
	dp_state_free(&want);
	model_free(model);
}

static void test_reload_keeps_ids_and_states(void **state)
{
	static const struct line four[] = {
		{"mx0", "10.0.0.9", NULL, 10},
		{"mx2", "10.0.0.2", "fd00::2", 10},
		{"mx1", "10.0.0.7", NULL, 10}, /* moved to another address */
	};
	struct model *old = model_make(three, 3, NULL), *new;
	struct model_backend *gone;

	all_up(old);
	backend(old, "mx2")->admin.state = ADMIN_DRAIN;
	new = model_make(four, 3, old);
	assert_int_equal(backend(new, "mx2")->id, backend(old, "mx2")->id);
	assert_int_equal(backend(new, "mx2")->admin.state, ADMIN_DRAIN);
	assert_int_equal(backend(new, "mx2")->leg[MXLB_V4].verdict.state, HEALTH_UP);
	assert_int_not_equal(backend(new, "mx1")->id, backend(old, "mx1")->id);
	assert_int_not_equal(backend(new, "mx0")->id, backend(old, "mx1")->id);
	assert_int_equal(new->services[0]->vips[0].id, old->services[0]->vips[0].id);
	assert_int_equal(new->services[0]->n_backends, 5); /* old mx1 and mx3 are removed */
	gone = backend(new, "mx3");
	assert_int_equal(gone->admin.state, ADMIN_REMOVED);
	assert_int_equal(gone->id, backend(old, "mx3")->id);
	model_free(old);
	model_backend_forget(new, gone);
	assert_int_equal(new->services[0]->n_backends, 4);
	model_free(new);
}

static void test_removed_vip_keeps_its_flows(void **state)
{
	struct model *old = model_make(three, 3, NULL), *new;
	struct conf *conf = conf_make(three, 3);
	struct dp_state want;
	uint32_t id = old->services[0]->vips[1].id;

	conf->services[0].n_addresses = 1; /* the IPv6 one goes */
	new = model_new(conf, old, NOW);
	assert_int_equal(new->services[0]->n_vips, 2);
	assert_int_equal(new->services[0]->vips[1].id, id);
	assert_true(new->services[0]->vips[1].is_leaving);
	plan_want(new, NOW, &want);
	assert_int_equal(want.n_vips, 2);
	assert_int_equal(want.vips[0].value.is_leaving + want.vips[1].value.is_leaving, 1);
	dp_state_free(&want);
	model_vip_forget(new, new->services[0], id);
	assert_int_equal(new->services[0]->n_vips, 1);
	model_free(old);
	model_free(new);
}

static void test_same_state_needs_no_steps(void **state)
{
	struct model *model = model_make(three, 3, NULL);
	struct dp_state one, two;
	struct plan plan;

	all_up(model);
	plan_want(model, NOW, &one);
	plan_want(model, NOW, &two);
	plan_diff(&one, &two, &plan);
	assert_int_equal(plan.n_steps, 0);
	plan_free(&plan);
	dp_state_free(&one);
	dp_state_free(&two);
	model_free(model);
}

/* What a daemon reads back is what it had written: ids, names, addresses, health. */
static void test_adoption(void **state)
{
	struct model *old = model_make(three, 3, NULL), *adopted, *new;
	struct dp_state pinned;

	all_up(old);
	judge(old, "mx2", HEALTH_DOWN, HEALTH_CONNECT_REFUSED);
	plan_want(old, NOW, &pinned);
	adopted = model_adopt(&pinned, NOW);
	new = model_make(three, 3, adopted);
	for (int i = 0; i < 3; i++)
		assert_int_equal(new->services[0]->backends[i]->id,
				 old->services[0]->backends[i]->id);
	assert_int_equal(new->services[0]->n_backends, 3);
	assert_int_equal(backend(new, "mx1")->leg[MXLB_V6].verdict.state, HEALTH_UP);
	assert_int_equal(backend(new, "mx2")->leg[MXLB_V4].verdict.state, HEALTH_DOWN);
	dp_state_free(&pinned);
	model_free(adopted);
	model_free(old);
	model_free(new);
}

/* ---- every step of every plan ------------------------------------------------ */

#define RANDOM_BACKENDS 6

/* The kernel's view while a plan is carried out: which legs are up, which ids stand in
 * which ring. */
struct kernel {
	struct mxlb_backend backends[256];
	const struct dp_ring *rings[2], *standbys[2];
};

static bool ring_serves(const struct kernel *kernel, const struct dp_ring *ring, int family)
{
	for (size_t i = 0; ring && i < ring->n_members; i++) {
		const struct mxlb_backend *b = &kernel->backends[ring->members[i].id];

		if (b->exists && b->leg[family].state == MXLB_LEG_UP)
			return true;
	}
	return false;
}

static void kernel_take(struct kernel *kernel, const struct dp_state *state)
{
	memset(kernel, 0, sizeof(*kernel));
	for (size_t i = 0; i < state->n_backends; i++)
		kernel->backends[state->backends[i].id] = state->backends[i].value;
	for (size_t i = 0; i < state->n_rings; i++)
		kernel->rings[state->rings[i].index] = &state->rings[i];
	for (size_t i = 0; i < state->n_standbys; i++)
		kernel->standbys[state->standbys[i].index] = &state->standbys[i];
}

static void kernel_step(struct kernel *kernel, const struct plan_step *step,
			const struct dp_state *want)
{
	switch (step->kind) {
	case PLAN_BACKEND_RAISE:
	case PLAN_BACKEND_LOWER:
		kernel->backends[step->id] = step->backend;
		break;
	case PLAN_BACKEND_DEL:
		kernel->backends[step->id] = (struct mxlb_backend){0};
		break;
	case PLAN_RING_SET:
		kernel->rings[step->id] = &want->rings[step->index];
		break;
	case PLAN_RING_DEL:
		kernel->rings[step->id] = NULL;
		break;
	case PLAN_STANDBY_SET:
		kernel->standbys[step->id] = &want->standbys[step->index];
		break;
	case PLAN_STANDBY_DEL:
		kernel->standbys[step->id] = NULL;
		break;
	default:
		break;
	}
}

static bool kernel_serves(const struct kernel *kernel, int family)
{
	return ring_serves(kernel, kernel->rings[family], family) ||
	       ring_serves(kernel, kernel->standbys[family], family);
}

/* Now and then a reload changes the mode, and all backends are new ones. */
static struct model *random_mode(const struct line *lines, size_t n, const struct model *old)
{
	struct conf *conf = conf_make(lines, n);
	struct model *model;

	conf->services[0].forward = old ? old->services[0]->conf->forward : MXLB_NAT;
	if (!(rand() % 10))
		conf->services[0].forward = rand() % 3;
	model = model_new(conf, old, NOW);
	assert_non_null(model);
	return model;
}

static void random_source(struct model_backend *b, enum mxlb_family family)
{
	struct mxlb_addr source = {0};

	if (rand() % 3)
		source.w[3] = 1 + rand() % 2;
	(void)model_leg_source(b, family, &source, NOW);
}

static struct model *random_model(const struct model *old)
{
	static const char *const names[RANDOM_BACKENDS] = {"a", "b", "c", "d", "e", "f"};
	static char v4[RANDOM_BACKENDS][16], v6[RANDOM_BACKENDS][16];
	struct line lines[RANDOM_BACKENDS];
	size_t n = 0;
	struct model *model;

	for (int i = 0; i < RANDOM_BACKENDS; i++) {
		snprintf(v4[i], sizeof(v4[i]), "10.0.%d.%d", rand() % 10 == 0, i + 1);
		snprintf(v6[i], sizeof(v6[i]), "fd00::%d", i + 1);
		if (rand() % 3)
			lines[n++] = (struct line){names[i], v4[i], rand() % 4 ? v6[i] : NULL,
						   10 * (1 + rand() % 3)};
	}
	if (!n)
		lines[n++] = (struct line){"a", v4[0], v6[0], 10};
	model = random_mode(lines, n, old);
	for (size_t i = 0; i < model->services[0]->n_backends; i++) {
		struct model_backend *b = model->services[0]->backends[i];

		if (b->admin.state != ADMIN_REMOVED)
			b->admin.state = rand() % 5 ? ADMIN_READY : ADMIN_DRAIN;
		for (int family = 0; family < MXLB_FAMILIES; family++) {
			b->leg[family].verdict.state = rand() % 3 ? HEALTH_UP : HEALTH_DOWN;
			b->leg[family].verdict.reason =
				rand() % 2 ? HEALTH_CONNECT_REFUSED : HEALTH_GREETING_4XX;
			random_source(b, family);
		}
		model_legs_lend(b);
	}
	return model;
}

/* If a family serves before and after a plan, it serves after each of its steps. */
static void test_no_step_leaves_a_service_empty(void **state)
{
	struct model *model = NULL;
	struct dp_state old = {0}, want;
	size_t steps = 0;

	srand(20261124);
	for (int round = 0; round < 3000; round++) {
		struct model *next = random_model(model);
		struct kernel kernel, end;
		struct plan plan;

		plan_want(next, NOW, &want);
		plan_diff(&old, &want, &plan);
		kernel_take(&kernel, &old);
		kernel_take(&end, &want);
		for (int family = 0; family < MXLB_FAMILIES; family++) {
			bool must = kernel_serves(&kernel, family) && kernel_serves(&end, family);
			struct kernel now = kernel;

			for (size_t i = 0; i < plan.n_steps; i++) {
				kernel_step(&now, &plan.steps[i], &want);
				if (must)
					assert_true(kernel_serves(&now, family));
			}
			assert_int_equal(kernel_serves(&now, family), kernel_serves(&end, family));
			assert_memory_equal(now.backends, end.backends, sizeof(now.backends));
		}
		steps += plan.n_steps;
		plan_free(&plan);
		dp_state_free(&old);
		old = want;
		/* Half of the time what was removed has no flows any more. */
		for (size_t i = next->services[0]->n_backends; rand() % 2 && i-- > 0;)
			if (next->services[0]->backends[i]->admin.state == ADMIN_REMOVED)
				model_backend_forget(next, next->services[0]->backends[i]);
		model_free(model);
		model = next;
	}
	assert_true(steps > 10000);
	model_free(model);
	dp_state_free(&old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lowest_preference_serves),
		cmocka_unit_test(test_cold_start_serves_once_connected),
		cmocka_unit_test(test_admin_states),
		cmocka_unit_test(test_fail_open),
		cmocka_unit_test(test_families_are_judged_apart),
		cmocka_unit_test(test_reload_keeps_ids_and_states),
		cmocka_unit_test(test_removed_vip_keeps_its_flows),
		cmocka_unit_test(test_same_state_needs_no_steps),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_no_step_leaves_a_service_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

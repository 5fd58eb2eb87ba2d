/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model and plan in dsr and tunnel mode: what the kernel is told of a backend, addresses
 * that a tunnel borrows of the other family, our own address on the way, the VIP that a
 * probe travels to, and a change of mode by a reload.
 */
/* uses: plan.c plan_diff.c ring.c model.c model_new.c verdict.c addr.c conf.c */
/* uses: conf_schema.c conf_text.c conf_value.c conf_format.c conf_node.c conf_yaml.c */
/* uses: conf_fault.c conf_suggest.c conf_read.c conf_check.c conf_endpoints.c conf_host.c */
/* uses: conf_load.c */
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

#define V4   "192.0.2.25"
#define V6   "'2001:db8::25'"
#define BOTH V4 ", " V6

/* A service `s` of one VIP list and mode, its backend `b`, and what else the service says. */
static struct conf *conf_make(const char *forward, const char *vips, const char *addresses,
			      const char *more)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"interfaces: [eth0]\n"
		"probes: {off: {type: none}}\n"
		"services: {s: {address: [%s], forward: %s, backends: {b: {address: [%s]}}%s}}\n",
		vips, forward, addresses, more);
	if (conf_load_text("t.yaml", text, strlen(text), &conf, &errors))
		fail_msg("%s\n%s", errors.n ? errors.lines[0] : "no line", text);
	return conf;
}

static struct model *model_make(const char *forward, const char *vips, const char *addresses,
				const struct model *old)
{
	struct model *model = model_new(conf_make(forward, vips, addresses, ""), old, NOW);

	assert_non_null(model);
	return model;
}

static struct model_backend *b_of(const struct model *model)
{
	struct model_backend *found = model_backend_find(model->services[0], "b");

	assert_non_null(found);
	return found;
}

static void judge(struct model_backend *b, enum health_state state, enum health_reason reason)
{
	for (int family = 0; family < MXLB_FAMILIES; family++) {
		if (b->leg[family].is_borrowed || !b->leg[family].exists)
			continue;
		b->leg[family].verdict.state = state;
		b->leg[family].verdict.reason = reason;
	}
	model_legs_lend(b);
}

/* NULL: no way there. */
static bool source(struct model_backend *b, enum mxlb_family family, const char *text)
{
	struct mxlb_addr addr = {0};

	if (text)
		assert_int_equal(addr_parse(text, &addr), 0);
	return model_leg_source(b, family, &addr, NOW);
}

static void assert_addr(const struct mxlb_addr *addr, const char *want)
{
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(addr, text), want);
}

static struct mxlb_backend planned(struct model *model, uint32_t id)
{
	struct mxlb_backend found = {0};
	struct dp_state want;

	plan_want(model, NOW, &want);
	for (size_t i = 0; i < want.n_backends; i++)
		if (want.backends[i].id == id)
			found = want.backends[i].value;
	dp_state_free(&want);
	return found;
}

static void assert_rings(struct model *model, size_t n_rings, size_t n_origins)
{
	struct dp_state want;

	plan_want(model, NOW, &want);
	assert_int_equal(want.n_rings, n_rings);
	assert_int_equal(want.n_origins, n_origins);
	dp_state_free(&want);
}

static void test_modes(void **state)
{
	static const struct {
		const char *name;
		enum mxlb_forward forward;
		size_t n_origins; /* replies come from the VIP itself but in nat mode */
	} modes[] = {{"nat", MXLB_NAT, 2}, {"dsr", MXLB_DSR, 0}, {"tunnel", MXLB_TUNNEL, 0}};

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct model *model = model_make(modes[i].name, BOTH, "10.0.0.1, 'fd00::1'", NULL);
		struct mxlb_backend value;

		judge(b_of(model), HEALTH_UP, HEALTH_OK);
		(void)source(b_of(model), MXLB_V4, "10.0.0.9");
		(void)source(b_of(model), MXLB_V6, "fd00::9");
		value = planned(model, 1);
		assert_int_equal(value.exists, 1);
		assert_int_equal(value.forward, modes[i].forward);
		assert_addr(&value.leg[MXLB_V4].addr, "10.0.0.1");
		assert_addr(&value.leg[MXLB_V6].addr, "fd00::1");
		assert_int_equal(value.leg[MXLB_V4].port, __builtin_bswap16(25));
		assert_int_equal(value.leg[MXLB_V4].state, MXLB_LEG_UP);
		assert_int_equal(value.leg[MXLB_V6].state, MXLB_LEG_UP);
		assert_rings(model, 2, modes[i].n_origins);
		model_free(model);
	}
}

/* Without an own address there is no outer header. One that is known stays: whether the way
 * is still there is for the probes to say. */
static void test_tunnel_needs_a_source(void **state)
{
	struct model *model = model_make("tunnel", V4, "10.0.0.1", NULL);
	struct mxlb_backend value;

	judge(b_of(model), HEALTH_UP, HEALTH_OK);
	value = planned(model, 1);
	assert_int_equal(value.leg[MXLB_V4].state, MXLB_LEG_DOWN);
	assert_int_equal(value.leg[MXLB_V4].judged, MXLB_LEG_UP);
	assert_rings(model, 0, 0);
	assert_false(b_of(model)->leg[MXLB_V4].serving);
	assert_false(source(b_of(model), MXLB_V4, NULL));

	assert_true(source(b_of(model), MXLB_V4, "10.0.0.9"));
	value = planned(model, 1);
	assert_int_equal(value.leg[MXLB_V4].state, MXLB_LEG_UP);
	assert_addr(&value.leg[MXLB_V4].source, "10.0.0.9");
	assert_rings(model, 1, 0);

	assert_false(source(b_of(model), MXLB_V4, "10.0.0.9"));
	assert_false(source(b_of(model), MXLB_V4, NULL));
	assert_true(source(b_of(model), MXLB_V4, "10.0.0.8"));
	value = planned(model, 1);
	assert_addr(&value.leg[MXLB_V4].source, "10.0.0.8");
	assert_int_equal(value.leg[MXLB_V4].state, MXLB_LEG_UP);
	model_free(model);
}

/* A fault of the protocol may be ignored, the lack of a way can't. */
static void test_no_fail_open_without_a_source(void **state)
{
	struct model *model = model_make("tunnel", V4, "10.0.0.1", NULL);

	judge(b_of(model), HEALTH_DOWN, HEALTH_GREETING_4XX);
	assert_rings(model, 0, 0);
	(void)source(b_of(model), MXLB_V4, "10.0.0.9");
	assert_rings(model, 1, 0);
	model_free(model);
}

/* Only tunnels ask for a source. */
static void test_dsr_needs_no_source(void **state)
{
	struct model *model = model_make("dsr", V4, "10.0.0.1", NULL);

	judge(b_of(model), HEALTH_UP, HEALTH_OK);
	assert_rings(model, 1, 0);
	model_free(model);
}

/* Where nothing is probed, the way is what health knows. */
static void test_unprobed_tunnel_without_a_way(void **state)
{
	struct model *model =
		model_new(conf_make("tunnel", V4, "10.0.0.1", ", probe: 'off'"), NULL, NOW);
	struct model_leg *leg;

	assert_non_null(model);
	leg = &b_of(model)->leg[MXLB_V4];
	assert_int_equal(leg->verdict.state, HEALTH_UP);
	assert_true(source(b_of(model), MXLB_V4, NULL));
	assert_int_equal(leg->verdict.state, HEALTH_DOWN);
	assert_string_equal(health_reason_name(leg->verdict.reason), "unreachable");
	assert_false(source(b_of(model), MXLB_V4, NULL));
	assert_rings(model, 0, 0);
	assert_true(source(b_of(model), MXLB_V4, "10.0.0.9"));
	assert_int_equal(leg->verdict.state, HEALTH_UP);
	assert_rings(model, 1, 0);
	model_free(model);
}

/* One address, VIPs of both families: the address serves both, judged once. */
static void borrows(const char *address, enum mxlb_family own, const char *our_own)
{
	struct mxlb_backend value;
	struct model_backend *b;
	struct model *model;
	char quoted[40];

	(void)snprintf(quoted, sizeof(quoted), "'%s'", address);
	model = model_make("tunnel", BOTH, quoted, NULL);
	b = b_of(model);
	assert_true(b->leg[!own].exists && b->leg[!own].is_borrowed);
	assert_true(b->leg[own].exists && !b->leg[own].is_borrowed);
	assert_rings(model, 0, 0);
	judge(b, HEALTH_UP, HEALTH_OK);
	(void)source(b, MXLB_V4, our_own);
	(void)source(b, MXLB_V6, our_own);
	value = planned(model, 1);
	for (int family = 0; family < MXLB_FAMILIES; family++) {
		assert_addr(&value.leg[family].addr, address);
		assert_addr(&value.leg[family].source, our_own);
		assert_int_equal(value.leg[family].port, __builtin_bswap16(25));
		assert_int_equal(value.leg[family].state, MXLB_LEG_UP);
	}
	assert_rings(model, 2, 0);
	judge(b, HEALTH_DOWN, HEALTH_CONNECT_REFUSED);
	value = planned(model, 1);
	assert_int_equal(value.leg[!own].state, MXLB_LEG_DOWN);
	assert_int_equal(value.leg[!own].judged, MXLB_LEG_DOWN);
	assert_rings(model, 0, 0);
	model_free(model);
}

static void test_tunnel_borrows(void **state)
{
	borrows("10.0.0.1", MXLB_V4, "10.0.0.9");
	borrows("fd00::1", MXLB_V6, "fd00::9");
}

/* As soon as the one address has connected, both families are served. */
static void test_borrowed_leg_serves_once_connected(void **state)
{
	struct model *model = model_make("tunnel", BOTH, "10.0.0.1", NULL);
	struct model_backend *b = b_of(model);

	(void)source(b, MXLB_V4, "10.0.0.9");
	(void)source(b, MXLB_V6, "10.0.0.9");
	b->leg[MXLB_V4].connected = true;
	model_legs_lend(b);
	assert_rings(model, 2, 0);
	model_free(model);
}

static void test_who_borrows_nothing(void **state)
{
	static const struct {
		const char *forward, *vips, *addresses;
	} rows[] = {
		{"nat", BOTH, "10.0.0.1"},
		{"dsr", BOTH, "10.0.0.1"},
		{"tunnel", V4, "10.0.0.1"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct model *model =
			model_make(rows[i].forward, rows[i].vips, rows[i].addresses, NULL);

		assert_true(b_of(model)->leg[MXLB_V4].exists);
		assert_false(b_of(model)->leg[MXLB_V6].exists);
		assert_int_equal(planned(model, 1).leg[MXLB_V6].state, MXLB_LEG_ABSENT);
		model_free(model);
	}
}

/* The host gets an IPv4 address of its own: its flows go on, the new way must be proved. */
static void test_own_address_ends_the_loan(void **state)
{
	struct model *old = model_make("tunnel", BOTH, "'fd00::1'", NULL), *new;

	judge(b_of(old), HEALTH_UP, HEALTH_OK);
	(void)source(b_of(old), MXLB_V4, "fd00::9");
	new = model_make("tunnel", BOTH, "'fd00::1', 10.0.0.1", old);
	assert_int_equal(b_of(new)->id, b_of(old)->id);
	assert_false(b_of(new)->leg[MXLB_V4].is_borrowed);
	assert_int_equal(b_of(new)->leg[MXLB_V4].verdict.state, HEALTH_CHECKING);
	assert_int_equal(b_of(new)->leg[MXLB_V6].verdict.state, HEALTH_UP);
	assert_true(addr_is_zero(&b_of(new)->leg[MXLB_V4].source));
	assert_addr(&planned(new, 1).leg[MXLB_V4].addr, "10.0.0.1");
	model_free(old);
	model_free(new);
}

/* The IPv4 VIP leaves; its open flows still need the borrowed leg. */
static void test_leaving_vip_keeps_the_loan(void **state)
{
	struct model *old = model_make("tunnel", BOTH, "'fd00::1'", NULL), *new;

	judge(b_of(old), HEALTH_UP, HEALTH_OK);
	(void)source(b_of(old), MXLB_V4, "fd00::9");
	new = model_make("tunnel", V6, "'fd00::1'", old);
	assert_int_equal(b_of(new)->id, b_of(old)->id);
	assert_addr(&planned(new, 1).leg[MXLB_V4].addr, "fd00::1");
	assert_addr(&planned(new, 1).leg[MXLB_V4].source, "fd00::9");
	model_free(old);
	model_free(new);
}

static void test_probes_travel_to_a_vip(void **state)
{
	struct model *model = model_make("dsr", "192.0.2.25, 192.0.2.26, '2001:db8::25'",
					 "10.0.0.1, 'fd00::1'", NULL);

	/* Ids go from 1 in the order of the config; "mx" in the upper half of the mark. */
	assert_int_equal(model_probe_vip(b_of(model), MXLB_V4), 1);
	assert_int_equal(model_probe_vip(b_of(model), MXLB_V6), 3);
	assert_int_equal(model_probe_mark(b_of(model), MXLB_V4), 0x6d780001);
	assert_int_equal(model_probe_mark(b_of(model), MXLB_V6), 0x6d780003);
	model->services[0]->vips[0].is_leaving = true;
	assert_int_equal(model_probe_mark(b_of(model), MXLB_V4), 0x6d780002);
	model_free(model);

	model = model_make("tunnel", V4, "'fd00::1'", NULL);
	assert_int_equal(model_probe_vip(b_of(model), MXLB_V6), 0);
	assert_int_equal(model_probe_mark(b_of(model), MXLB_V6), 0);
	model_free(model);

	model = model_make("nat", BOTH, "10.0.0.1, 'fd00::1'", NULL);
	assert_int_equal(model_probe_mark(b_of(model), MXLB_V4), 0);
	assert_int_equal(model_probe_mark(b_of(model), MXLB_V6), 0);
	model_free(model);
}

static size_t origins_of(struct model *model, uint32_t backend)
{
	struct dp_state want;
	size_t n = 0;

	plan_want(model, NOW, &want);
	for (size_t i = 0; i < want.n_origins; i++)
		n += want.origins[i].value.of[0].backend == backend;
	dp_state_free(&want);
	return n;
}

/* Flows that began by nat end by nat: under the old id, which keeps its mode and what
 * recognises its replies. The operator's drain goes over to the new one. */
static void test_change_of_mode(void **state)
{
	struct model *nat = model_make("nat", V4, "10.0.0.1", NULL), *dsr, *back;
	struct model_backend *old;

	judge(b_of(nat), HEALTH_UP, HEALTH_OK);
	b_of(nat)->admin.state = ADMIN_DRAIN;
	dsr = model_make("dsr", V4, "10.0.0.1", nat);
	assert_int_equal(dsr->services[0]->n_backends, 2);
	assert_int_equal(b_of(dsr)->id, 2);
	assert_int_equal(b_of(dsr)->admin.state, ADMIN_DRAIN);
	assert_int_equal(b_of(dsr)->leg[MXLB_V4].verdict.state, HEALTH_CHECKING);
	old = model_backend_by_id(dsr, 1);
	assert_int_equal(old->admin.state, ADMIN_REMOVED);
	assert_int_equal(planned(dsr, 1).forward, MXLB_NAT);
	assert_addr(&planned(dsr, 1).leg[MXLB_V4].addr, "10.0.0.1");
	assert_int_equal(planned(dsr, 1).leg[MXLB_V4].state, MXLB_LEG_WITHHELD);
	assert_int_equal(planned(dsr, 2).forward, MXLB_DSR);
	assert_int_equal(origins_of(dsr, 1), 1);
	assert_int_equal(origins_of(dsr, 2), 0);

	/* Back again: the first one has its flows still, and goes on. */
	back = model_make("nat", V4, "10.0.0.1", dsr);
	assert_int_equal(b_of(back)->id, 1);
	assert_int_equal(b_of(back)->admin.state, ADMIN_DRAIN);
	assert_int_equal(b_of(back)->leg[MXLB_V4].verdict.state, HEALTH_UP);
	assert_int_equal(planned(back, 2).forward, MXLB_DSR);
	model_free(nat);
	model_free(dsr);
	model_free(back);
}

/* What a daemon reads back is what it had written. */
static void test_adoption(void **state)
{
	struct model *old = model_make("tunnel", BOTH, "'fd00::1'", NULL), *adopted, *new;
	struct dp_state pinned, again;
	struct plan plan;

	judge(b_of(old), HEALTH_UP, HEALTH_OK);
	(void)source(b_of(old), MXLB_V4, "fd00::9");
	(void)source(b_of(old), MXLB_V6, "fd00::9");
	plan_want(old, NOW, &pinned);
	adopted = model_adopt(&pinned, NOW);
	new = model_make("tunnel", BOTH, "'fd00::1'", adopted);
	assert_int_equal(new->services[0]->n_backends, 1);
	assert_true(b_of(new)->leg[MXLB_V4].is_borrowed);
	plan_want(new, NOW, &again);
	plan_diff(&pinned, &again, &plan);
	assert_int_equal(plan.n_steps, 0);
	plan_free(&plan);
	dp_state_free(&again);
	dp_state_free(&pinned);
	model_free(adopted);
	model_free(old);
	model_free(new);
}

/* Adopted over a config that has changed the mode meanwhile. */
static void test_adoption_with_another_mode(void **state)
{
	struct model *old = model_make("tunnel", V4, "10.0.0.1", NULL), *adopted, *new;
	struct dp_state pinned;

	judge(b_of(old), HEALTH_UP, HEALTH_OK);
	(void)source(b_of(old), MXLB_V4, "10.0.0.9");
	plan_want(old, NOW, &pinned);
	adopted = model_adopt(&pinned, NOW);
	new = model_make("nat", V4, "10.0.0.1", adopted);
	assert_int_equal(b_of(new)->id, 2);
	assert_int_equal(planned(new, 1).forward, MXLB_TUNNEL);
	assert_addr(&planned(new, 1).leg[MXLB_V4].source, "10.0.0.9");
	assert_int_equal(planned(new, 2).forward, MXLB_NAT);
	dp_state_free(&pinned);
	model_free(adopted);
	model_free(old);
	model_free(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_tunnel_needs_a_source),
		cmocka_unit_test(test_no_fail_open_without_a_source),
		cmocka_unit_test(test_dsr_needs_no_source),
		cmocka_unit_test(test_unprobed_tunnel_without_a_way),
		cmocka_unit_test(test_tunnel_borrows),
		cmocka_unit_test(test_borrowed_leg_serves_once_connected),
		cmocka_unit_test(test_who_borrows_nothing),
		cmocka_unit_test(test_own_address_ends_the_loan),
		cmocka_unit_test(test_leaving_vip_keeps_the_loan),
		cmocka_unit_test(test_probes_travel_to_a_vip),
		cmocka_unit_test(test_change_of_mode),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_adoption_with_another_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

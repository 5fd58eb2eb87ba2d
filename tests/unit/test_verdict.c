/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From outcomes to health: each row is a story told as outcomes at times, with
 * the state after each. Time is an argument, so nothing waits.
 */
/* uses: verdict.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "verdict.h"

static const struct verdict_policy policy = {
	.rise = 2,
	.fall = 3,
	.interval_ms = 10000,
	.fast_interval_ms = 2000,
	.hold_down_ms = 5000,
};

#define REFUSED HEALTH_CONNECT_REFUSED
#define TIMEOUT HEALTH_CONNECT_TIMEOUT

/* One outcome and what it must lead to. */
struct step {
	uint64_t at_ms;
	enum health_reason outcome;
	bool has_changed;
	enum health_state state;
	enum health_reason reason;
	uint64_t since_ms;
	unsigned streak;
	bool serves;
};

static void play(struct verdict *v, const struct verdict_policy *p, const struct step *steps,
		 size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];

		assert_int_equal(verdict_outcome(v, p, s->outcome, s->at_ms), s->has_changed);
		assert_int_equal(v->state, s->state);
		assert_int_equal(v->reason, s->reason);
		assert_int_equal(v->since_ms, s->since_ms);
		assert_int_equal(v->streak, s->streak);
		assert_int_equal(v->changing, s->streak > 0);
		assert_int_equal(verdict_serves(v, s->at_ms), s->serves);
	}
}

#define PLAY(v, p, steps) play(v, p, steps, sizeof(steps) / sizeof((steps)[0]))

static void test_cold_start_good_serves_at_once(void **state)
{
	static const struct step steps[] = {
		{1500, HEALTH_OK, true, HEALTH_UP, HEALTH_OK, 1500, 0, true},
		{2500, HEALTH_OK, false, HEALTH_UP, HEALTH_OK, 1500, 0, true},
	};
	struct verdict v;

	verdict_init(&v, HEALTH_CHECKING, 1000);
	assert_int_equal(v.state, HEALTH_CHECKING);
	assert_int_equal(v.since_ms, 1000);
	assert_true(v.changing);
	assert_false(verdict_serves(&v, 1000));
	PLAY(&v, &policy, steps);
	assert_int_equal(v.held_until_ms, 0);
}

static void test_cold_start_bad_is_down_at_once(void **state)
{
	static const struct step steps[] = {
		{1500, TIMEOUT, true, HEALTH_DOWN, TIMEOUT, 1500, 0, false},
		{3500, HEALTH_OK, false, HEALTH_DOWN, TIMEOUT, 1500, 1, false},
		{5500, HEALTH_OK, true, HEALTH_UP, HEALTH_OK, 5500, 0, false},
	};
	struct verdict v;

	verdict_init(&v, HEALTH_CHECKING, 1000);
	PLAY(&v, &policy, steps);
	assert_int_equal(v.held_until_ms, 10500);
}

static void test_falls_after_consecutive_bad_outcomes(void **state)
{
	static const struct step steps[] = {
		{1000, REFUSED, false, HEALTH_UP, HEALTH_OK, 0, 1, true},
		{2000, TIMEOUT, false, HEALTH_UP, HEALTH_OK, 0, 2, true},
		{3000, HEALTH_OK, false, HEALTH_UP, HEALTH_OK, 0, 0, true},
		{4000, REFUSED, false, HEALTH_UP, HEALTH_OK, 0, 1, true},
		{5000, REFUSED, false, HEALTH_UP, HEALTH_OK, 0, 2, true},
		{6000, TIMEOUT, true, HEALTH_DOWN, TIMEOUT, 6000, 0, false},
	};
	struct verdict v;

	verdict_init(&v, HEALTH_UP, 0);
	assert_false(v.changing);
	assert_true(verdict_serves(&v, 0));
	PLAY(&v, &policy, steps);
}

static void test_down_follows_the_newest_reason(void **state)
{
	static const struct step steps[] = {
		{1000, REFUSED, true, HEALTH_DOWN, REFUSED, 0, 0, false},
		{2000, REFUSED, false, HEALTH_DOWN, REFUSED, 0, 0, false},
		{3000, HEALTH_OK, false, HEALTH_DOWN, REFUSED, 0, 1, false},
		{4000, TIMEOUT, true, HEALTH_DOWN, TIMEOUT, 0, 0, false},
	};
	struct verdict v;

	verdict_init(&v, HEALTH_DOWN, 0);
	PLAY(&v, &policy, steps);
}

static void test_rises_into_hold_down(void **state)
{
	static const struct step steps[] = {
		{1000, HEALTH_OK, false, HEALTH_DOWN, HEALTH_OK, 0, 1, false},
		{2000, HEALTH_OK, true, HEALTH_UP, HEALTH_OK, 2000, 0, false},
		{6999, HEALTH_OK, false, HEALTH_UP, HEALTH_OK, 2000, 0, false},
		{7000, HEALTH_OK, true, HEALTH_UP, HEALTH_OK, 2000, 0, true},
		{8000, HEALTH_OK, false, HEALTH_UP, HEALTH_OK, 2000, 0, true},
	};
	struct verdict v;

	verdict_init(&v, HEALTH_DOWN, 0);
	PLAY(&v, &policy, steps);
}

/* Going down never waits, not even for the end of a hold-down. */
static void test_falls_within_hold_down(void **state)
{
	static const struct verdict_policy one = {.rise = 1, .fall = 1, .hold_down_ms = 60000};
	static const struct step steps[] = {
		{1000, HEALTH_OK, true, HEALTH_UP, HEALTH_OK, 1000, 0, false},
		{2000, REFUSED, true, HEALTH_DOWN, REFUSED, 2000, 0, false},
		{3000, HEALTH_OK, true, HEALTH_UP, HEALTH_OK, 3000, 0, false},
	};
	struct verdict v;

	verdict_init(&v, HEALTH_DOWN, 0);
	PLAY(&v, &one, steps);
	assert_int_equal(v.held_until_ms, 63000);
	assert_false(verdict_serves(&v, 62999));
	assert_true(verdict_serves(&v, 63000));
}

static void test_no_hold_down_serves_at_once(void **state)
{
	static const struct verdict_policy none = {.rise = 1, .fall = 1};
	static const struct step steps[] = {
		{1000, HEALTH_OK, true, HEALTH_UP, HEALTH_OK, 1000, 0, true},
	};
	struct verdict v;

	verdict_init(&v, HEALTH_DOWN, 0);
	PLAY(&v, &none, steps);
}

static void test_next_waits_for_interval_with_jitter(void **state)
{
	struct verdict v;

	verdict_init(&v, HEALTH_UP, 0);
	verdict_outcome(&v, &policy, HEALTH_OK, 0);
	assert_int_equal(verdict_next_ms(&v, &policy, 0), 8000);
	assert_int_equal(verdict_next_ms(&v, &policy, 0x80000000), 10000);
	assert_int_equal(verdict_next_ms(&v, &policy, UINT32_MAX), 12000);
	verdict_outcome(&v, &policy, REFUSED, 0); /* changing */
	assert_int_equal(verdict_next_ms(&v, &policy, 0), 1600);
	assert_int_equal(verdict_next_ms(&v, &policy, 0x80000000), 2000);
	assert_int_equal(verdict_next_ms(&v, &policy, UINT32_MAX), 2400);
	verdict_outcome(&v, &policy, REFUSED, 0);
	verdict_outcome(&v, &policy, REFUSED, 0); /* down, and steady */
	assert_int_equal(verdict_next_ms(&v, &policy, 0), 8000);
	verdict_outcome(&v, &policy, HEALTH_OK, 0); /* on its way back */
	assert_int_equal(verdict_next_ms(&v, &policy, 0), 1600);
}

static void test_first_wait_spreads(void **state)
{
	struct verdict v;

	verdict_init(&v, HEALTH_CHECKING, 0);
	assert_int_equal(verdict_next_ms(&v, &policy, 0), 0);
	assert_int_equal(verdict_next_ms(&v, &policy, 0x80000000), 1000);
	assert_int_equal(verdict_next_ms(&v, &policy, UINT32_MAX), 1999);
	verdict_init(&v, HEALTH_UP, 0); /* adopted: no hurry */
	assert_int_equal(verdict_next_ms(&v, &policy, 0), 0);
	assert_int_equal(verdict_next_ms(&v, &policy, 0x80000000), 5000);
	assert_int_equal(verdict_next_ms(&v, &policy, UINT32_MAX), 9999);
}

static void test_longest_interval_does_not_overflow(void **state)
{
	static const struct verdict_policy hour = {.rise = 1, .fall = 1, .interval_ms = 3600000};
	struct verdict v;

	verdict_init(&v, HEALTH_UP, 0);
	verdict_outcome(&v, &hour, HEALTH_OK, 0);
	assert_int_equal(verdict_next_ms(&v, &hour, UINT32_MAX), 4320000);
}

static void test_names(void **state)
{
	assert_string_equal(health_reason_name(HEALTH_OK), "ok");
	assert_string_equal(health_reason_name(HEALTH_GREETING_4XX), "greeting_4xx");
	assert_string_equal(health_reason_name(HEALTH_PROTO_ERROR), "proto_error");
	assert_string_equal(health_reason_name(HEALTH_REASON_COUNT), "unknown");
	assert_string_equal(health_state_name(HEALTH_CHECKING), "checking");
	assert_string_equal(health_state_name(HEALTH_DOWN), "down");
	assert_string_equal(health_state_name(HEALTH_STATE_COUNT), "unknown");
}

static void test_unreachable_reasons(void **state)
{
	for (int reason = 0; reason < HEALTH_REASON_COUNT; reason++) {
		const char *name = health_reason_name((enum health_reason)reason);
		bool expected = !strcmp(name, "connect_timeout") || !strcmp(name, "unreachable");

		assert_int_equal(health_reason_is_unreachable((enum health_reason)reason),
				 expected);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cold_start_good_serves_at_once),
		cmocka_unit_test(test_cold_start_bad_is_down_at_once),
		cmocka_unit_test(test_falls_after_consecutive_bad_outcomes),
		cmocka_unit_test(test_down_follows_the_newest_reason),
		cmocka_unit_test(test_rises_into_hold_down),
		cmocka_unit_test(test_falls_within_hold_down),
		cmocka_unit_test(test_no_hold_down_serves_at_once),
		cmocka_unit_test(test_next_waits_for_interval_with_jitter),
		cmocka_unit_test(test_first_wait_spreads),
		cmocka_unit_test(test_longest_interval_does_not_overflow),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unreachable_reasons),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}

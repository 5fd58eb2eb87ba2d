/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From outcomes of probes to the state of one backend address: `rise` and `fall`
 * count consecutive outcomes against the present state, hold-down delays service
 * after a return. Knows nothing of probes, flows or clocks; health.c calls it.
 */
#include "verdict.h"

static const char *const reason_names[] = {
#define HEALTH_REASON_NAME(id, name) [HEALTH_##id] = name,
	HEALTH_REASONS(HEALTH_REASON_NAME)
#undef HEALTH_REASON_NAME
};

static const char *const state_names[] = {
	[HEALTH_CHECKING] = "checking",
	[HEALTH_UP] = "up",
	[HEALTH_DOWN] = "down",
};

const char *health_reason_name(enum health_reason reason)
{
	return (unsigned)reason < HEALTH_REASON_COUNT ? reason_names[reason] : "unknown";
}

const char *health_state_name(enum health_state state)
{
	return (unsigned)state < HEALTH_STATE_COUNT ? state_names[state] : "unknown";
}

bool health_reason_is_unreachable(enum health_reason reason)
{
	return reason == HEALTH_CONNECT_TIMEOUT || reason == HEALTH_UNREACHABLE;
}

/* An adopted `down` begins with reason ok: the pinned maps keep no reason, and
 * inventing one could reset flows that are still alive (on_down: auto). */
void verdict_init(struct verdict *v, enum health_state known, uint64_t now_ms)
{
	*v = (struct verdict){
		.state = known,
		.reason = HEALTH_OK,
		.since_ms = now_ms,
		.changing = known == HEALTH_CHECKING,
		.is_new = true,
	};
}

static void enter(struct verdict *v, enum health_state state, enum health_reason reason,
		  uint64_t now_ms)
{
	v->state = state;
	v->reason = reason;
	v->since_ms = now_ms;
	v->streak = 0;
	v->held_until_ms = 0;
}

static bool outcome_while_up(struct verdict *v, const struct verdict_policy *policy,
			     enum health_reason outcome, uint64_t now_ms)
{
	bool is_released = v->held_until_ms && now_ms >= v->held_until_ms;

	if (is_released)
		v->held_until_ms = 0;
	if (outcome == HEALTH_OK) {
		v->streak = 0;
		return is_released;
	}
	if (++v->streak < policy->fall)
		return is_released;
	enter(v, HEALTH_DOWN, outcome, now_ms);
	return true;
}

static bool outcome_while_down(struct verdict *v, const struct verdict_policy *policy,
			       enum health_reason outcome, uint64_t now_ms)
{
	bool is_other = outcome != v->reason;

	if (outcome != HEALTH_OK) {
		v->streak = 0;
		v->reason = outcome;
		return is_other;
	}
	if (++v->streak < policy->rise)
		return false;
	enter(v, HEALTH_UP, HEALTH_OK, now_ms);
	if (policy->hold_down_ms)
		v->held_until_ms = now_ms + policy->hold_down_ms;
	return true;
}

bool verdict_outcome(struct verdict *v, const struct verdict_policy *policy,
		     enum health_reason outcome, uint64_t now_ms)
{
	bool has_changed = true;

	switch (v->state) {
	case HEALTH_UP:
		has_changed = outcome_while_up(v, policy, outcome, now_ms);
		break;
	case HEALTH_DOWN:
		has_changed = outcome_while_down(v, policy, outcome, now_ms);
		break;
	default: /* a cold start cannot wait for `rise`: senders are waiting */
		enter(v, outcome == HEALTH_OK ? HEALTH_UP : HEALTH_DOWN, outcome, now_ms);
		break;
	}
	v->changing = v->streak > 0;
	v->is_new = false;
	return has_changed;
}

bool verdict_serves(const struct verdict *v, uint64_t now_ms)
{
	return v->state == HEALTH_UP && now_ms >= v->held_until_ms;
}

/* A steady `down` is probed at the normal interval: haste would only fill the
 * log of a host that is being repaired. */
unsigned verdict_next_ms(const struct verdict *v, const struct verdict_policy *policy,
			 uint32_t random)
{
	unsigned base = v->changing ? policy->fast_interval_ms : policy->interval_ms;
	uint64_t low = 0, span = base;

	if (!v->is_new) {
		low = base - base / 5;
		span = 2 * (base / 5) + 1;
	}
	return (unsigned)(low + (random * span >> 32));
}

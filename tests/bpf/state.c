/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readings of the maps as named numbers. Their order here is the order in which a
 * row names them: tallies, table, backend 1, 2, ..., service, events, drops, actions.
 */
#include "state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "mxlb/reasons.h"

#define CPUS_MAX 512

#define REASON_NAME(id, name, text) [MXLB_REASON_##id] = name,
static const char *const reason_names[] = {MXLB_REASONS(REASON_NAME)};
static const char *const action_names[] = {"pass", "redirect", "tx", "drop"};
static const char *const end_names[] = {"fin", "client_reset", "backend_reset", "idle", "lb_reset"};

__attribute__((format(printf, 3, 4))) static void note(struct state *state, __u64 value,
						       const char *format, ...)
{
	struct gauge *gauge = &state->of[state->count++];
	va_list args;

	if (state->count > STATE_MAX)
		abort();
	va_start(args, format);
	(void)vsnprintf(gauge->name, sizeof(gauge->name), format, args); /* all are short */
	va_end(args);
	gauge->value = value;
}

/* Sums a record of `words` numbers over all processors. */
static void read_counts(const char *map, __u32 key, __u64 *sum, unsigned words)
{
	static __u64 values[CPUS_MAX * sizeof(struct mxlb_backend_count) / 8];
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 1 || cpus > CPUS_MAX)
		abort();
	lab_get(map, key, values);
	memset(sum, 0, words * sizeof(*sum));
	for (int cpu = 0; cpu < cpus; cpu++)
		for (unsigned word = 0; word < words; word++)
			sum[word] += values[(unsigned)cpu * words + word];
}

static void read_tallies(struct state *state)
{
	struct mxlb_tallies tallies;

	lab_get("tallies", 0, &tallies);
	note(state, tallies.half_open, "half_open");
	note(state, tallies.established, "established");
	note(state, tallies.adopted, "adopted");
	note(state, tallies.table_full, "table_full");
	note(state, tallies.events_lost, "events_lost");
	note(state, tallies.stateless_until > lab_now(), "stateless");
	note(state, lab_flow_count(), "flows");
}

/* Numbers of the other family have an x: no row may ever change one. */
static void read_backend(struct state *state, __u32 id)
{
	struct mxlb_load load;

	lab_get("backend_load", id, &load);
	note(state, load.flows, "load%u", id);
	for (__u32 i = 0; i < MXLB_FAMILIES; i++) {
		__u32 family = (__u32)lab_family ^ i;
		struct mxlb_backend_count count;
		const char *x = i ? "x" : "";

		read_counts("backend_counts", id * MXLB_FAMILIES + family, (__u64 *)&count,
			    sizeof(count) / 8);
		note(state, load.open[family], "open%u%s", id, x);
		note(state, count.connections, "conns%u%s", id, x);
		note(state, count.packets[MXLB_IN], "in%u%s", id, x);
		note(state, count.packets[MXLB_OUT], "out%u%s", id, x);
		state->bytes += count.bytes[MXLB_IN] + count.bytes[MXLB_OUT];
		for (int end = 0; end < MXLB_FLOW_ENDS; end++)
			note(state, count.ended[end], "%s%u%s", end_names[end], id, x);
	}
}

static void read_service(struct state *state)
{
	for (__u32 i = 0; i < MXLB_FAMILIES; i++) {
		__u32 family = (__u32)lab_family ^ i;
		struct mxlb_service_count count;
		const char *x = i ? "x" : "";

		read_counts("service_counts", SERVICE * MXLB_FAMILIES + family, (__u64 *)&count,
			    sizeof(count) / 8);
		note(state, count.syns, "syns%s", x);
		note(state, count.connections, "conns%s", x);
		note(state, count.refused, "refused%s", x);
	}
}

static void read_verdicts(struct state *state, enum side side)
{
	__u64 count[MXLB_ACTIONS];

	for (__u32 reason = 0; reason < MXLB_REASON_COUNT; reason++) {
		read_counts("drops", reason, count, 1);
		note(state, count[0], "%s", reason_names[reason]);
	}
	read_counts("interface_counts", lab_ifindex(side) % MXLB_IFINDEX_SLOTS, count,
		    MXLB_ACTIONS);
	for (int action = 0; action < MXLB_ACTIONS; action++)
		note(state, count[action], "%s", action_names[action]);
}

void state_read(struct state *state, enum side side)
{
	memset(state, 0, sizeof(*state));
	read_tallies(state);
	for (__u32 id = 1; id <= BACKENDS; id++)
		read_backend(state, id);
	read_service(state);
	lab_events_read();
	note(state, lab_events[MXLB_EVENT_SESSION], "session");
	note(state, lab_events[MXLB_EVENT_TABLE_FULL], "full_event");
	read_verdicts(state, side);
}

void state_diff(const struct state *before, const struct state *after, char *text, size_t len)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < after->count; i++) {
		__s64 diff = (__s64)(after->of[i].value - before->of[i].value);

		if (!diff || used >= len)
			continue;
		used += (size_t)snprintf(text + used, len - used, "%s%s%+" PRId64, used ? " " : "",
					 after->of[i].name, (int64_t)diff);
	}
}

void state_flow(enum who client, __u16 vip, char *text, size_t len)
{
	static const char *const states[] = {"half_open", "established", "closing"};
	static const char *const flags[] = {"synack", "fin_in",	 "fin_out", "adopted",
					    "rst_in", "rst_out", "idle"};
	struct mxlb_flow_key key = lab_key(client, vip);
	struct mxlb_flow flow;
	size_t used;

	text[0] = '\0';
	if (!lab_flow_get(&key, &flow))
		return;
	used = (size_t)snprintf(text, len, "%s mx%u", states[flow.state % 3], flow.backend);
	for (unsigned bit = 0; bit < 7; bit++)
		if (flow.flags & 1u << bit && used < len)
			used += (size_t)snprintf(text + used, len - used, " %s", flags[bit]);
}

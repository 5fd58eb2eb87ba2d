/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readings of the maps as named numbers. Their order here is the order in which a
 * row names them: tallies, table, backend 1, 2, ..., service, events, drops, actions.
 */
#include "state.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "mxlb/reasons.h"

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

static void load_add(struct mxlb_load *load, const struct mxlb_flow *flow, enum mxlb_family family)
{
	load->flows += flow->state != MXLB_FLOW_CLOSING;
	load->open[family] += flow->state == MXLB_FLOW_ESTABLISHED;
}

static void census_add(struct census *census, const struct mxlb_flow_key *key,
		       const struct mxlb_flow *flow, __u64 epoch)
{
	unsigned id = flow->backend <= BACKENDS ? flow->backend : 0;
	bool is_v4 = !key->client.w[0] && !key->client.w[1] && key->client.w[2] == htonl(0xffff);

	census->flows++;
	census->half_open += flow->state == MXLB_FLOW_HALF_OPEN;
	census->established += flow->state == MXLB_FLOW_ESTABLISHED;
	load_add(&census->load[id], flow, is_v4 ? MXLB_V4 : MXLB_V6);
	if (flow->epoch == (__u32)epoch)
		load_add(&census->seen[id], flow, is_v4 ? MXLB_V4 : MXLB_V6);
}

void census_take(struct census *census, __u64 epoch)
{
	struct mxlb_flow_key key, *last = NULL;
	struct mxlb_flow flow;

	memset(census, 0, sizeof(*census));
	for (; !bpf_map_get_next_key(lab_map("flows"), last, &key); last = &key)
		if (lab_flow_get(&key, &flow))
			census_add(census, &key, &flow, epoch);
}

static unsigned fragment_count(void)
{
	struct mxlb_fragment_key key, *last = NULL;
	unsigned count = 0;

	for (; !bpf_map_get_next_key(lab_map("fragments"), last, &key); last = &key)
		count++;
	return count;
}

static void read_tallies(struct state *state, struct census *census)
{
	struct mxlb_tallies tallies;

	lab_get("tallies", 0, &tallies);
	census_take(census, tallies.epoch);
	note(state, tallies.half_open, "half_open");
	note(state, tallies.established, "established");
	note(state, tallies.adopted, "adopted");
	note(state, tallies.table_full, "table_full");
	note(state, tallies.events_lost, "events_lost");
	note(state, tallies.stateless_until > lab_now(), "stateless");
	note(state, census->flows, "flows");
	/* Goes with `flows`: to be seen only where it does not. */
	note(state, tallies.entries - census->flows, "entries_off");
	note(state, fragment_count(), "fragments");
}

/* The sweeper's count goes with the table: to be seen only where it does not. */
static void read_recount(struct state *state, const struct census *census, __u32 id)
{
	const struct mxlb_load *seen = &census->seen[id];
	struct mxlb_recount recount;

	lab_get("recounts", id, &recount);
	note(state, recount.load.flows - seen->flows, "recount%u_off", id);
	note(state,
	     recount.load.open[MXLB_V4] + recount.load.open[MXLB_V6] - seen->open[MXLB_V4] -
		     seen->open[MXLB_V6],
	     "recount_open%u_off", id);
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
	struct census census;

	memset(state, 0, sizeof(*state));
	read_tallies(state, &census);
	for (__u32 id = 1; id <= BACKENDS; id++) {
		read_backend(state, id);
		read_recount(state, &census, id);
	}
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

/* Marks of both sides, in the order of enum mark. */
static __u32 flow_marks(const struct mxlb_flow *flow)
{
	__u32 in = flow->side[MXLB_IN].flags, out = flow->side[MXLB_OUT].flags;

	return (out & MXLB_SIDE_SYN ? MARK_SYNACK : 0u) | (in & MXLB_SIDE_FIN ? MARK_FIN_IN : 0u) |
	       (out & MXLB_SIDE_FIN ? MARK_FIN_OUT : 0u) |
	       (in & MXLB_SIDE_ADOPTED ? MARK_ADOPTED : 0u) |
	       (in & MXLB_SIDE_RST ? MARK_RST_IN : 0u) | (out & MXLB_SIDE_RST ? MARK_RST_OUT : 0u);
}

void state_flow(enum who client, __u16 vip, char *text, size_t len)
{
	static const char *const states[] = {"half_open", "established", "closing"};
	static const char *const words[] = {"synack",  "fin_in", "fin_out",
					    "adopted", "rst_in", "rst_out"};
	struct mxlb_flow_key key = lab_key(client, vip);
	struct mxlb_flow flow;
	size_t used;

	text[0] = '\0';
	if (!lab_flow_get(&key, &flow))
		return;
	used = (size_t)snprintf(text, len, "%s mx%u", states[flow.state % 3], flow.backend);
	for (unsigned bit = 0; bit < sizeof(words) / sizeof(words[0]); bit++)
		if (flow_marks(&flow) & 1u << bit && used < len)
			used += (size_t)snprintf(text + used, len - used, " %s", words[bit]);
}

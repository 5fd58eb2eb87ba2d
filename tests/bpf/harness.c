/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs rows: builds the packet and what must leave, sends it through one hook, and
 * compares verdict, bytes and every number of the maps. Says all that is wrong with
 * a row, then goes on with the next.
 */
#include "harness.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define REASON_NAME(id, name, text) [MXLB_REASON_##id] = name,
static const char *const reason_names[] = {MXLB_REASONS(REASON_NAME)};
static const char *const action_names[] = {"pass", "redirect", "tx", "drop"};
static const char *const hook_names[] = {"xdp", "tc"};
static const char *const family_names[] = {"ipv4", "ipv6"};

/* The row that has shown each reason: by the alphabet, and not by the order of tests. */
static struct rows_proof proofs[MXLB_REASON_COUNT];

/* One run of a row. */
struct run {
	const struct row *row;
	struct lab_run lab;
	enum mxlb_action verdict; /* wanted of this hook */
	struct frame in, want, out;
	struct state before, after;
	char flow_before[128];
	unsigned faults;
	const char *station;
};

#define FAULT(run, ...)                                                                            \
	do {                                                                                       \
		fault_begin(run);                                                                  \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
	} while (0)

static void fault_begin(struct run *run)
{
	if (!run->faults++)
		printf("  FAILED %s: %s, %s, %s\n", run->station, run->row->name,
		       hook_names[run->lab.hook], family_names[lab_family]);
	printf("    ");
}

/* What must leave, as the row's segment changed by a few words. */
static void run_build_out(struct run *run)
{
	const struct row *row = run->row;
	struct seg out = row->out ? *row->out : row->in;

	if (row->to)
		out.to = row->to;
	if (row->as)
		out.from = row->as;
	if (row->via)
		out.via = row->via;
	out.ttl = (__u8)((row->in.ttl ? row->in.ttl : 64) - 1);
	out.is_out = true;
	frame_build(&run->want, &out, lab_family);
	if (row->unsolved)
		memcpy(run->want.b, run->in.b, 12);
}

static void run_build(struct run *run)
{
	const struct row *row = run->row;

	if (row->in.from)
		frame_build(&run->in, &row->in, lab_family);
	else
		frame_hex(&run->in, row->hex[lab_family]);
	run->want = run->in;
	if (run->verdict == PASS || run->verdict == DROP)
		return;
	if (row->want[lab_family]) {
		frame_hex(&run->want, row->want[lab_family]);
		return;
	}
	run_build_out(run);
}

/* The IP packet's length by its header. */
static __u64 ip_length(const struct frame *frame)
{
	const __u8 *ip = frame->b + frame_l3(frame);

	return lab_family == MXLB_V4 ? ip[2] * 256u + ip[3] : ip[4] * 256u + ip[5] + 40u;
}

static void check_verdict(struct run *run)
{
	static const __u32 codes[HOOKS][MXLB_ACTIONS] = {
		[XDP] = {XDP_PASS, XDP_REDIRECT, XDP_REDIRECT, XDP_DROP},
		[TC] = {(__u32)TC_ACT_UNSPEC, TC_ACT_REDIRECT, TC_ACT_REDIRECT, TC_ACT_SHOT},
	};
	__u32 want = codes[run->lab.hook][run->verdict];

	if (run->lab.returned != want)
		FAULT(run, "returned %d, wanted %d (%s)", (int)run->lab.returned, (int)want,
		      action_names[run->verdict]);
}

static void check_frame(struct run *run)
{
	if (run->verdict == DROP)
		return; /* it goes nowhere */
	if (run->out.len == run->want.len && !memcmp(run->out.b, run->want.b, run->want.len))
		return;
	FAULT(run, "the packet:");
	frame_print("in    ", &run->in);
	frame_print("wanted", &run->want);
	frame_print("got   ", &run->out);
}

/* All that must have changed, in the words of state.c. */
static void want_diff(const struct run *run, char *text, size_t len)
{
	const struct row *row = run->row;
	const char *after = row->after ? row->after : "";
	const char *reason = run->verdict == DROP ? reason_names[row->reason] : NULL;
	unsigned packets = row->gso_segs > 1 && run->verdict != TX ? row->gso_segs : 1;

	text[0] = '\0';
	if (run->lab.hook == XDP && run->verdict == PASS)
		return;
	(void)snprintf(text, len, "%s%s%s%s%s+%u", after, *after ? " " : "", reason ? reason : "",
		       reason ? "+1 " : "", action_names[run->verdict], packets);
}

static void check_state(struct run *run)
{
	char want[STATE_TEXT], got[STATE_TEXT];
	__u64 bytes = 0, counted = run->after.bytes - run->before.bytes;

	want_diff(run, want, sizeof(want));
	state_diff(&run->before, &run->after, got, sizeof(got));
	if (strcmp(want, got))
		FAULT(run, "changed [%s], wanted [%s]", got, want);
	if (run->verdict == REDIRECT && run->row->bytes != UNCOUNTED)
		bytes = run->row->bytes ? run->row->bytes : ip_length(&run->in);
	if (counted != bytes)
		FAULT(run, "%llu bytes counted, wanted %llu", (unsigned long long)counted,
		      (unsigned long long)bytes);
}

static void check_flow(struct run *run)
{
	const char *want = run->row->flow ? run->row->flow : "";
	char got[128];

	if (run->lab.hook == XDP && run->verdict == PASS)
		want = run->flow_before;
	state_flow(CLIENT, VIP_ID, got, sizeof(got));
	if (strcmp(want, got))
		FAULT(run, "flow [%s], wanted [%s]", got, want);
}

static void proof_offer(enum mxlb_reason reason, const char *station, const struct row *row)
{
	struct rows_proof *proof = &proofs[reason];
	int order = proof->row ? strcmp(station, proof->station) : -1;

	if (order < 0 || (!order && row < proof->row))
		*proof = (struct rows_proof){station, row};
}

static void run_packet(struct run *run)
{
	const struct row *row = run->row;
	int err;

	run_build(run);
	run->lab.side = row->in.from ? people[seg_sender(&row->in)].side : row->side;
	run->lab.gso_size = row->gso_size;
	run->lab.gso_segs = row->gso_segs;
	run->lab.linear = row->linear;
	state_flow(CLIENT, VIP_ID, run->flow_before, sizeof(run->flow_before));
	state_read(&run->before, run->lab.side);
	err = lab_packet(&run->lab, &run->in, &run->out);
	if (err) {
		FAULT(run, "the kernel does not run it: %s", strerror(-err));
		return;
	}
	state_read(&run->after, run->lab.side);
	check_verdict(run);
	check_frame(run);
	check_state(run);
	check_flow(run);
	if (row->check && run->verdict == row->verdict && !row->check())
		FAULT(run, "the row's own check");
	if (run->verdict == DROP && !run->faults)
		proof_offer(row->reason, run->station, row);
}

static bool row_is_for(const struct row *row, enum hook hook, enum mxlb_family family)
{
	if (row->hooks && !(row->hooks & ONLY(hook)))
		return false;
	if (row->families && !(row->families & ONLY(family)))
		return false;
	return row->in.from || row->hex[family];
}

static unsigned row_run(const char *station, const struct row *row, enum hook hook)
{
	static struct run run; /* large */

	memset(&run, 0, sizeof(run));
	run.station = station;
	run.row = row;
	run.lab.hook = lab_hook = hook;
	run.verdict = hook == XDP && row->xdp_passes ? PASS : row->verdict;
	if (!row->goes_on)
		lab_reset(lab_family);
	if (row->setup)
		row->setup();
	run_packet(&run);
	return run.faults != 0;
}

unsigned rows_run(const char *station, const struct row *rows, size_t count)
{
	unsigned failed = 0, runs = 0;

	for (int hook = 0; hook < HOOKS; hook++) {
		for (int family = 0; family < MXLB_FAMILIES; family++) {
			for (size_t i = 0; i < count; i++) {
				if (!row_is_for(&rows[i], hook, family))
					continue;
				lab_family = family;
				failed += row_run(station, &rows[i], hook);
				runs++;
			}
		}
	}
	printf("  %s: %zu rows, %u runs, %u failed\n", station, count, runs, failed);
	return failed;
}

struct rows_proof rows_proof(enum mxlb_reason reason)
{
	return proofs[reason];
}

void half_open(void)
{
	lab_flow(MX1, MXLB_FLOW_HALF_OPEN, 0);
}

void answered(void)
{
	lab_flow(MX1, MXLB_FLOW_HALF_OPEN, MARK_SYNACK);
}

void established(void)
{
	lab_flow(MX1, MXLB_FLOW_ESTABLISHED, MARK_SYNACK);
}

void closing(void)
{
	lab_flow(MX1, MXLB_FLOW_CLOSING, MARK_SYNACK | MARK_FIN_IN | MARK_FIN_OUT);
}

void no_backend(void)
{
	lab_ring_all(SERVING, NOBODY);
}

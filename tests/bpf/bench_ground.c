/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmark's ground: a run of one packet after another through a program, and what
 * it took. Whatever goes another way than it should ends the benchmark: no figure is of a
 * dropped packet.
 */
#include "bench.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench_programs.h"
#include "bench_stats.h"
#include "bench_tables.h"
#include "harness.h"

#define CPUS_MAX 512
#define WARM_UP	 2000 /* packets */

static double overhead[HOOKS];

void bench_need(bool is_fine, const char *what)
{
	if (is_fine)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct run {
	enum hook hook;
	int program;
	unsigned repeat;
	__u32 returned;
	double total; /* ns of this thread, by its own clock: the kernel tells whole ones only */
};

/* Of this thread: what others take of the processor is not counted. */
static double clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* can't fail */
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void run_program(struct run *run, const struct bench_packet *packet, struct frame *out)
{
	__u32 ifindex = lab_ifindex(packet->side);
	struct xdp_md xdp_ctx = {.data_end = packet->in.len, .ingress_ifindex = ifindex};
	struct __sk_buff tc_ctx = {.ifindex = ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->in.b,
		    .data_size_in = packet->in.len, .data_out = out->b, .data_size_out = FRAME_MAX,
		    .repeat = (int)run->repeat);
	double begun;

	opts.ctx_in = run->hook == XDP ? (void *)&xdp_ctx : (void *)&tc_ctx;
	opts.ctx_size_in = run->hook == XDP ? sizeof(xdp_ctx) : sizeof(tc_ctx);
	begun = clock_ns();
	bench_need(!bpf_prog_test_run_opts(run->program, &opts), "running a packet");
	run->total = clock_ns() - begun;
	run->returned = opts.retval;
	out->len = opts.data_size_out;
}

static __u64 count_of(const struct bench_packet *packet, enum mxlb_action action)
{
	static struct mxlb_interface_count counts[CPUS_MAX];
	int cpus = libbpf_num_possible_cpus();
	__u64 sum = 0;

	bench_need(cpus > 0 && cpus <= CPUS_MAX, "counting processors");
	lab_get("interface_counts", lab_ifindex(packet->side) % MXLB_IFINDEX_SLOTS, counts);
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += counts[cpu].packets[action];
	return sum;
}

static void fail(const struct bench_packet *packet, const struct run *run, const char *what)
{
	fprintf(stderr, "bench: %s, %s, %s: %s\n", bench_aims[packet->kind].name,
		run->hook == XDP ? "xdp" : "tc", lab_family == MXLB_V4 ? "ipv4" : "ipv6", what);
	exit(1);
}

static void check_frame(struct bench_packet *packet, const struct run *run, enum bench_stage stage,
			const struct frame *out)
{
	struct frame *want = stage == BENCH_NOTHING ? &packet->in : &packet->out;

	if (bench_is_ours(packet->kind))
		bench_packet_client(&packet->prologue, want);
	if (out->len == want->len && !memcmp(out->b, want->b, want->len))
		return;
	frame_print("wanted", want);
	frame_print("got   ", out);
	fail(packet, run, "the last packet is not what it should be");
}

static void check_verdict(const struct bench_packet *packet, const struct run *run,
			  enum bench_stage stage)
{
	__u32 pass = run->hook == XDP ? (__u32)XDP_PASS : (__u32)-1;

	if (run->returned == (stage == BENCH_NOTHING ? pass : packet->returned[run->hook]))
		return;
	fprintf(stderr, "bench: stage %d returned %d\n", stage, (int)run->returned);
	fail(packet, run, "the last packet went another way");
}

/* Every packet has been sent on, not just the last. */
static void check_count(const struct bench_packet *packet, const struct run *run, __u64 before)
{
	struct mxlb_tallies tallies;

	if (count_of(packet, MXLB_ACTION_REDIRECT) - before != run->repeat)
		fail(packet, run, "mxlb did not send on every packet");
	lab_get("tallies", 0, &tallies);
	if (packet->kind == BENCH_OPENING && tallies.half_open != run->repeat)
		fail(packet, run, "mxlb did not make a flow of every SYN");
}

/* What the run before has pushed out of the cache is to be there again, as it would be on a
 * router with so few flows; of many flows it makes no difference. For an opening only the
 * floor is warmed, so that its look-up finds what it has just seen, and only the insertion
 * meets cold memory: as do mxlb's look-up and insertion together, in its one table. */
static void warm_up(const struct bench_packet *packet, enum hook hook, enum bench_stage stage)
{
	bool is_opening = packet->kind == BENCH_OPENING;
	struct run run = {.hook = hook, .repeat = is_opening ? BENCH_OPENINGS : WARM_UP};
	static struct frame out;

	if (is_opening && stage != BENCH_INSERT)
		return;
	run.program = programs_get(hook, is_opening ? BENCH_FLOOR : stage, true);
	*programs_state(hook) = packet->prologue;
	run_program(&run, packet, &out);
}

double bench_run(struct bench_packet *packet, enum hook hook, enum bench_stage stage)
{
	static struct frame out;
	bool is_ours = bench_is_ours(packet->kind);
	struct run run = {.hook = hook, .repeat = packet->repeat};
	__u64 before;

	if (is_ours)
		warm_up(packet, hook, stage);
	before = count_of(packet, MXLB_ACTION_REDIRECT);
	run.program = programs_get(hook, stage, is_ours);
	*programs_state(hook) = packet->prologue;
	run_program(&run, packet, &out);
	packet->prologue.at = programs_state(hook)->at;
	check_verdict(packet, &run, stage);
	check_frame(packet, &run, stage, &out);
	if (is_ours && stage == BENCH_MXLB)
		check_count(packet, &run, before);
	if (packet->kind == BENCH_OPENING)
		tables_forget(stage);
	return (run.total - overhead[hook]) / (run.repeat - 2);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What the system call itself takes, with two packets: with one the kernel leaves out
 * what it does to call an XDP program directly. */
static void overhead_measure(enum hook hook)
{
	static struct bench_packet packet;
	static struct frame out;
	double totals[101];

	bench_packet_make(&packet, BENCH_UDP, bench_flows[0]);
	for (size_t i = 0; i < COUNT(totals); i++) {
		struct run run = {.hook = hook,
				  .program = programs_get(hook, BENCH_NOTHING, false),
				  .repeat = 2};

		run_program(&run, &packet, &out);
		totals[i] = run.total;
	}
	qsort(totals, COUNT(totals), sizeof(totals[0]), compare);
	overhead[hook] = totals[COUNT(totals) / 2];
}

void bench_open(void)
{
	lab_flows = 262144;
	lab_open();
	programs_open();
	tables_open();
	for (int hook = 0; hook < HOOKS; hook++)
		overhead_measure(hook);
}

void bench_close(void)
{
	programs_close();
	lab_close();
}

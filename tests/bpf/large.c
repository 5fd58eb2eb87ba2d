/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table with a million flows: every packet still finds its own, the sweeper removes what
 * is over and nothing else, in slices, and counts right while flows come and go. Prints what
 * the table takes and a pass lasts; figures to look at, not limits to pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "dpmaps_sweep.h"
#include "harness.h"
#include "lab_sweep.h"
#include "stations.h"

#define FLOWS  1000000u
#define LOOKS  2000u
#define BATCH  10000u
#define CLOCKS 1e6 /* ns a ms */
#define IDLE   (900 * LAB_SECOND)
#define OLD    (2000 * LAB_SECOND)
#define STIRS  25 /* slices from one change to the next */
/* No bucket of the kernel's table is longer than this; a slice takes whole ones. */
#define BUCKET_MAX 32

/* The i-th client: an address of its own. */
static struct mxlb_flow_key client_key(unsigned i)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);

	key.client.b[13] = 64;
	key.client.b[14] = (unsigned char)(i >> 16);
	key.client.b[15] = (unsigned char)i;
	key.client_port = (unsigned short)(1024 + (i >> 8));
	return key;
}

static enum who client_backend(unsigned i)
{
	return MX1 + (i * 7 + i / 1000) % 3;
}

/* Every fifth is over. */
static bool is_old(unsigned i)
{
	return i % 5 == 0;
}

static void batch_fill(struct mxlb_flow_key *keys, struct mxlb_flow *flows, unsigned at, __u32 tick)
{
	const struct mxlb_side side = {
		.flags = MXLB_SIDE_WHOLE | MXLB_SIDE_SYN | MXLB_SIDE_SEEN, .end = 1, .acked = 1};
	__u32 n = BATCH;

	for (unsigned i = 0; i < BATCH; i++) {
		keys[i] = client_key(at + i);
		flows[i] = (struct mxlb_flow){
			.seen = is_old(at + i) ? tick - OLD : tick,
			.state = MXLB_FLOW_ESTABLISHED,
			.side = {side, side},
			.backend = client_backend(at + i),
			.service = SERVICE,
		};
	}
	assert_int_equal(bpf_map_update_batch(lab_map("flows"), keys, flows, &n, NULL), 0);
	assert_int_equal(n, BATCH);
}

/* With their part in what is counted, as if the packets had come. */
static void fill(__u32 tick)
{
	struct mxlb_flow_key *keys = calloc(BATCH, sizeof(*keys));
	struct mxlb_flow *flows = calloc(BATCH, sizeof(*flows));
	struct mxlb_tallies tallies = {.established = FLOWS, .entries = FLOWS};
	struct mxlb_load load[MX3 + 1] = {0};

	assert_true(keys && flows);
	for (unsigned at = 0; at < FLOWS; at += BATCH)
		batch_fill(keys, flows, at, tick);
	for (unsigned i = 0; i < FLOWS; i++) {
		load[client_backend(i)].flows++;
		load[client_backend(i)].open[lab_family]++;
	}
	for (__u32 id = MX1; id <= MX3; id++)
		lab_set("backend_load", id, &load[id]);
	lab_set("tallies", 0, &tallies);
	free(keys);
	free(flows);
}

/* Sends a segment of the i-th client. */
static void send_as(unsigned i, enum hook hook, struct seg seg, struct frame *out)
{
	static struct frame in;
	struct mxlb_flow_key key = client_key(i);
	struct lab_run run = {.hook = hook, .side = people[CLIENT].side, .repeat = 1};

	frame_build(&in, &seg, lab_family);
	if (lab_family == MXLB_V4) {
		memcpy(&in.b[26], &key.client.b[12], 4);
		memcpy(&in.b[34], &key.client_port, 2);
	} else {
		memcpy(&in.b[22], &key.client.b[0], 16);
		memcpy(&in.b[54], &key.client_port, 2);
	}
	assert_int_equal(lab_packet(&run, &in, out), 0);
}

/* Which backend the i-th client's packet goes to: 10.0.0.11 and on, or 2001:db8:b::11. */
static unsigned where(unsigned i, enum hook hook)
{
	static struct frame out;

	send_as(i, hook, (struct seg){.from = CLIENT, .to = VIP, .flags = A, .seq = 1, .ack = 1},
		&out);
	return lab_family == MXLB_V4 ? out.b[33] - 10u : out.b[53] - 0x10u;
}

static void memory_print(void)
{
	char path[64], line[128];
	unsigned long bytes = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", lab_map("flows"));
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		(void)sscanf(line, "memlock: %lu", &bytes);
	(void)fclose(file);
	printf("  large: a table for %u flows takes %.1f MiB, %.0f bytes a flow\n", lab_flows,
	       (double)bytes / (1 << 20), (double)bytes / lab_flows);
}

/* Processor time of this thread: the machine may have other work to do. */
static __u64 cpu_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* can't fail */
	return (__u64)now.tv_sec * SECOND + (__u64)now.tv_nsec;
}

/* Between two slices: a client that stays closes its flow, another opens one. TC, since XDP
 * may not have seen a right checksum. */
static void stir(unsigned turn)
{
	static struct frame out;

	send_as(turn * 5 + 1, TC,
		(struct seg){.from = CLIENT, .to = VIP, .flags = R | A, .seq = 1, .ack = 1}, &out);
	send_as(FLOWS + turn, TC,
		(struct seg){.from = CLIENT, .to = VIP, .flags = S, .seq = CLIENT_ISN}, &out);
}

struct pass {
	struct mxlb_sweep_args args;
	unsigned slices, stirs;
	__u64 longest_ns, all_ns;
};

/* Each slice as the daemon runs it. */
static void pass_slices(struct pass *pass, unsigned first_stir, bool is_stirred)
{
	int more = 1;

	while (more > 0) {
		__u64 begun = cpu_now(), took;

		more = dpmaps_sweep_slice(lab_sweeper(), &pass->args);
		took = cpu_now() - begun;
		pass->all_ns += took;
		pass->longest_ns = took > pass->longest_ns ? took : pass->longest_ns;
		assert_true(pass->args.keys <= MXLB_SWEEP_SLICE);
		if (++pass->slices % STIRS == 0 && is_stirred)
			stir(first_stir + pass->stirs++);
	}
	assert_int_equal(more, 0);
}

/* A whole pass, which must find all counts right. */
static struct pass sweep(__u32 tick, unsigned first_stir, bool is_stirred)
{
	struct pass pass = {.args = {.now = (__u64)tick << MXLB_TICK_SHIFT,
				     .timeout = {60 * LAB_SECOND, IDLE, 30 * LAB_SECOND}}};
	__u64 seen;

	lab_sweep_begin(&pass.args);
	pass_slices(&pass, first_stir, is_stirred);
	seen = pass.args.seen;
	assert_true(pass.slices >= (seen + MXLB_SWEEP_SLICE - 1) / MXLB_SWEEP_SLICE);
	assert_true(pass.slices <= seen / (MXLB_SWEEP_SLICE - BUCKET_MAX) + 1);
	assert_int_equal(lab_sweep_judge(&pass.args).count, 0);
	printf("  large: a pass over %llu flows, %llu removed, %u closed and %u opened meanwhile: "
	       "%.1f ms of processor time in %u slices, the longest of %.2f ms\n",
	       seen, pass.args.removed, pass.stirs, pass.stirs, (double)pass.all_ns / CLOCKS,
	       pass.slices, (double)pass.longest_ns / CLOCKS);
	return pass;
}

static void look(enum hook hook)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < LOOKS; i++) {
		unsigned client = (unsigned)((i * 2654435761ull) % FLOWS);

		client += is_old(client); /* not one of those to be swept */
		wrong += where(client, hook) != client_backend(client);
	}
	printf("  large: %u packets of random flows, %s, %s: %u went astray\n", LOOKS,
	       hook == XDP ? "xdp" : "tc", lab_family == MXLB_V4 ? "ipv4" : "ipv6", wrong);
	assert_int_equal(wrong, 0);
}

/* No difference, however small, between what is counted and what the pass has found. */
static void assert_no_drift(void)
{
	for (__u32 id = 0; id <= BACKENDS; id++) {
		static const __s64 none[3];
		struct mxlb_recount recount;

		lab_get("recounts", id, &recount);
		assert_memory_equal(recount.drift, none, sizeof(none));
	}
}

/* For those that are opened between slices. */
static void half_open_lift(void)
{
	struct mxlb_settings settings;

	lab_get("settings", 0, &settings);
	settings.half_open_max = FLOWS;
	lab_set("settings", 0, &settings);
}

static void large(enum mxlb_family family)
{
	__u32 tick = lab_tick();
	struct pass pass;
	unsigned stirs;

	lab_reset(family);
	lab_sweep_reset();
	half_open_lift();
	fill(tick);
	for (int hook = 0; hook < HOOKS; hook++)
		look(hook);
	pass = sweep(tick, 1000, true);
	stirs = pass.stirs;
	assert_int_equal(pass.args.counted, FLOWS);
	assert_int_equal(pass.args.removed, FLOWS / 5);
	assert_no_drift();
	for (int hook = 0; hook < HOOKS; hook++)
		look(hook);
	pass = sweep(tick, 1000 + stirs, true);
	stirs += pass.stirs;
	assert_int_equal(pass.args.removed, 0);
	assert_no_drift();
	/* Emptied by the sweeper: one by one from its begin would take the lab minutes. */
	pass = sweep(tick + OLD, 0, false);
	assert_int_equal(pass.args.removed, FLOWS - FLOWS / 5 + stirs);
	assert_no_drift();
	assert_int_equal(lab_flow_count(), 0);
}

void test_large(void **state)
{
	memory_print();
	for (int family = 0; family < MXLB_FAMILIES; family++)
		large(family);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table with 250 000 flows: every packet still finds its own, the sweeper removes
 * what is over and nothing else. Prints what the table takes and a sweep lasts;
 * figures to look at, not limits to pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "harness.h"
#include "stations.h"

#define FLOWS  250000u
#define LOOKS  2000u
#define BATCH  10000u
#define CLOCKS 1e6 /* ns a ms */

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

static void fill(__u64 now)
{
	struct mxlb_flow_key *keys = calloc(BATCH, sizeof(*keys));
	struct mxlb_flow *flows = calloc(BATCH, sizeof(*flows));

	assert_true(keys && flows);
	for (unsigned at = 0; at < FLOWS; at += BATCH) {
		__u32 n = BATCH;

		for (unsigned i = 0; i < BATCH; i++) {
			keys[i] = client_key(at + i);
			flows[i] = (struct mxlb_flow){
				.created = now,
				.seen = (at + i) % 5 ? now : now - 2000 * SECOND,
				.state = MXLB_FLOW_ESTABLISHED,
				.flags = MXLB_FLOW_WHOLE_IN | MXLB_FLOW_WHOLE_OUT,
				.backend = client_backend(at + i),
				.service = SERVICE,
			};
		}
		assert_int_equal(bpf_map_update_batch(lab_map("flows"), keys, flows, &n, NULL), 0);
		assert_int_equal(n, BATCH);
	}
	free(keys);
	free(flows);
}

/* Which backend the i-th client's packet goes to: 10.0.0.11 and on, or 2001:db8:b::11. */
static unsigned where(unsigned i, enum hook hook)
{
	static const struct seg seg = {.from = CLIENT, .to = VIP, .flags = A, .seq = 1, .ack = 1};
	static struct frame in, out;
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
	assert_int_equal(lab_packet(&run, &in, &out), 0);
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

static struct mxlb_sweep_args sweep(__u64 now)
{
	struct mxlb_sweep_args arg = {.now = now,
				      .half_open_timeout = 60 * SECOND,
				      .idle_timeout = 900 * SECOND,
				      .closed_timeout = 30 * SECOND};
	__u64 begun = lab_now();

	lab_sweep(&arg);
	printf("  large: a sweep over %llu flows, %llu removed: %.1f ms\n", arg.seen, arg.removed,
	       (double)(lab_now() - begun) / CLOCKS);
	return arg;
}

static void look(enum hook hook)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < LOOKS; i++) {
		unsigned client = (unsigned)((i * 2654435761ull) % FLOWS);

		client += client % 5 ? 0 : 1; /* not one of those to be swept */
		wrong += where(client, hook) != client_backend(client);
	}
	printf("  large: %u packets of random flows, %s, %s: %u went astray\n", LOOKS,
	       hook == XDP ? "xdp" : "tc", lab_family == MXLB_V4 ? "ipv4" : "ipv6", wrong);
	assert_int_equal(wrong, 0);
}

static void large(enum mxlb_family family)
{
	__u64 now = lab_now();
	struct mxlb_sweep_args swept;

	lab_reset(family);
	fill(now);
	for (int hook = 0; hook < HOOKS; hook++)
		look(hook);
	swept = sweep(now);
	assert_int_equal(swept.seen, FLOWS);
	assert_int_equal(swept.removed, FLOWS / 5);
	assert_int_equal(swept.established, FLOWS - FLOWS / 5);
	for (int hook = 0; hook < HOOKS; hook++)
		look(hook);
	swept = sweep(now);
	assert_int_equal(swept.seen, FLOWS - FLOWS / 5);
	assert_int_equal(swept.removed, 0);
}

void test_large(void **state)
{
	memory_print();
	for (int family = 0; family < MXLB_FAMILIES; family++)
		large(family);
}

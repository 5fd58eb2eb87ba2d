/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one packet of an established flow costs in each hook, by the kernel's own
 * clock around the program. A figure to look at, not a limit to pass.
 *
 * The kernel gives each repetition the packet as the last one left it. So that it
 * stays the same packet, backend and VIP have one address here; only the TTL falls,
 * hence the short rounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

#define ROUND  250
#define ROUNDS 4000

static void one_address(void)
{
	struct mxlb_endpoint end = who_endpoint(VIP, lab_family);
	struct mxlb_backend backend;

	established();
	lab_get("backends", MX1, &backend);
	backend.leg[lab_family].addr = end.addr;
	backend.leg[lab_family].port = end.port;
	lab_set("backends", MX1, &backend);
}

/* Nanoseconds, or 0 if a packet was not redirected. */
static double speed_of(enum hook hook)
{
	static const struct seg data = {
		.from = CLIENT, .to = VIP, .flags = A, .seq = 1001, .ack = 5001, .ttl = 255};
	static struct frame in, out;
	struct mxlb_flow_key key;
	struct mxlb_hop hop;
	struct mxlb_flow flow;
	__u64 sum = 0;

	one_address();
	key = lab_key(CLIENT, VIP_ID);
	if (!lab_flow_get(&key, &flow))
		return 0;
	hop = lab_hop(MX1, lab_now() + LAB_HOP_AGE, GENERATION);
	flow.hop[MXLB_IN] = hop;
	lab_flow_put(&key, &flow);
	/* The frame's own destination stays; that the hop says another is no matter. */
	frame_build(&in, &data, lab_family);
	for (int round = 0; round < ROUNDS; round++) {
		struct lab_run run = {.hook = hook, .side = WAN, .repeat = ROUND};

		if (lab_packet(&run, &in, &out) || out.b[lab_family == MXLB_V4 ? 22 : 21] != 5)
			return 0;
		sum += run.duration_ns;
	}
	return (double)sum / ROUNDS;
}

void test_speed(void **state)
{
	for (int hook = 0; hook < HOOKS; hook++) {
		for (int family = 0; family < MXLB_FAMILIES; family++) {
			double ns;

			lab_reset(family);
			ns = speed_of(hook);
			printf("  established, %s, %s: %.0f ns a packet\n",
			       hook == XDP ? "xdp" : "tc", family == MXLB_V4 ? "ipv4" : "ipv6", ns);
			assert_true(ns > 0);
		}
	}
}

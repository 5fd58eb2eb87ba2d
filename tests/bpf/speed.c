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

/* The client's flow with MX1; the VIP has MX1's address in the maps, or MX1 the VIP's. */
static void one_address(enum mxlb_direction direction)
{
	struct mxlb_endpoint vip = who_endpoint(VIP, lab_family),
			     mx1 = who_endpoint(MX1, lab_family);
	struct mxlb_backend backend;

	established();
	if (direction == MXLB_OUT) {
		lab_set("vip_endpoints", VIP_ID, &mx1);
		return;
	}
	lab_get("backends", MX1, &backend);
	backend.leg[lab_family].addr = vip.addr;
	backend.leg[lab_family].port = vip.port;
	lab_set("backends", MX1, &backend);
}

/* Nanoseconds, or 0 if the last packet of a round has not gone all the way. */
static double speed_of(enum hook hook, enum mxlb_direction direction)
{
	static const struct seg segs[] = {
		{.from = CLIENT, .to = VIP, .flags = A, .ttl = 255},
		{.from = MX1, .to = CLIENT, .flags = A, .ttl = 255},
	};
	static struct frame in, out;
	__u64 sum = 0;

	one_address(direction);
	frame_build(&in, &segs[direction], lab_family);
	for (int round = 0; round < ROUNDS; round++) {
		struct lab_run run = {
			.hook = hook, .side = people[segs[direction].from].side, .repeat = ROUND};

		if (lab_packet(&run, &in, &out) ||
		    out.b[lab_family == MXLB_V4 ? 22 : 21] != 255 - ROUND)
			return 0;
		sum += run.duration_ns;
	}
	return (double)sum / ROUNDS;
}

static bool speed_print(enum hook hook)
{
	double in = speed_of(hook, MXLB_IN), out;

	lab_reset(lab_family);
	out = speed_of(hook, MXLB_OUT);
	printf("  established, %s, %s: %.0f ns a packet in, %.0f out\n", hook == XDP ? "xdp" : "tc",
	       lab_family == MXLB_V4 ? "ipv4" : "ipv6", in, out);
	return in > 0 && out > 0;
}

void test_speed(void **state)
{
	bool is_fine = true;

	for (int hook = 0; hook < HOOKS; hook++) {
		for (int family = 0; family < MXLB_FAMILIES; family++) {
			lab_reset(family);
			is_fine &= speed_print(hook);
		}
	}
	assert_true(is_fine);
}

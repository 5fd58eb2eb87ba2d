/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums that XDP must not touch: those left to be completed by a device. It
 * takes a side of a flow once that has shown a right checksum on a bare segment;
 * until then, and for what it could not send, the packet is TC's, untouched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

/* A bit for each side that is trusted. */
#define BOTH (ONLY(MXLB_IN) | ONLY(MXLB_OUT))

static unsigned trusted(void)
{
	struct mxlb_flow flow = lab_flow_now();
	unsigned sides = 0;

	for (unsigned side = 0; side < MXLB_DIRECTIONS; side++)
		sides |= flow.side[side].flags & MXLB_SIDE_WHOLE ? ONLY(side) : 0;
	return sides;
}

/* TC needs no trust, and gives none: it knows which checksums are partial. */
static bool trusts_client(void)
{
	return trusted() == (lab_hook == XDP ? ONLY(MXLB_IN) : 0);
}

static bool trusts_both(void)
{
	return trusted() == (lab_hook == XDP ? BOTH : 0);
}

static bool trusts_nobody(void)
{
	return !trusted();
}

static void distrust(void)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow;

	established();
	flow = lab_flow_now();
	for (int side = 0; side < MXLB_DIRECTIONS; side++)
		flow.side[side].flags &= ~MXLB_SIDE_WHOLE;
	lab_flow_put(&key, &flow);
}

static void stateless(void)
{
	lab_tallies(0, true);
}

#define NEW "half_open+1 flows+1 load1+1 in1+1 syns+1"
#define EST "established mx1 synack"
#define DATA_IN                                                                                    \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .flags = P | A, .seq = 1001, .ack = 5001, .data = 77    \
	}
#define DATA_OUT                                                                                   \
	{                                                                                          \
		.from = MX1, .to = CLIENT, .flags = P | A, .seq = 5001, .ack = 1001, .data = 77    \
	}

/* The checksum of this SYN is 0. */
#define SYN_OF_SUM_0(family, isn)                                                                  \
	{                                                                                          \
		.name = "a SYN whose checksum is 0", .verdict = REDIRECT,                          \
		.families = ONLY(family),                                                          \
		.in = {.from = CLIENT, .to = VIP, .flags = S, .seq = (isn)}, .to = MX1,            \
		.after = NEW, .flow = "half_open mx1", .check = trusts_client                      \
	}

static const struct row opening[] = {
	{.name = "a SYN with a right checksum",
	 .verdict = REDIRECT,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .opts = 40},
	 .to = MX1,
	 .after = NEW,
	 .flow = "half_open mx1",
	 .check = trusts_client},
	{.name = "a SYN with bytes behind it",
	 .verdict = REDIRECT,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .opts = 4, .pad = 3},
	 .to = MX1,
	 .after = NEW,
	 .flow = "half_open mx1",
	 .check = trusts_client},
	SYN_OF_SUM_0(MXLB_V4, 0x2c44),
	SYN_OF_SUM_0(MXLB_V6, 0xbcc9),
	{.name = "a SYN with a wrong checksum",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .sum_off = 1},
	 .to = MX1,
	 .after = NEW,
	 .flow = "half_open mx1",
	 .check = trusts_nobody},
	{.name = "a SYN with data, whose checksum XDP does not see",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .data = 1},
	 .to = MX1,
	 .after = NEW,
	 .flow = "half_open mx1",
	 .check = trusts_nobody},
	{.name = "a SYN opens a flow anew, and trust begins anew",
	 .verdict = REDIRECT,
	 .setup = closing,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "half_open+1 load1+1 in1+1 syns+1",
	 .flow = "half_open mx1",
	 .check = trusts_client},
	{.name = "a SYN with a wrong checksum opens a flow anew",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = closing,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .sum_off = 0x8000},
	 .to = MX1,
	 .after = "half_open+1 load1+1 in1+1 syns+1",
	 .flow = "half_open mx1",
	 .check = trusts_nobody},
	{.name = "a stray segment with a wrong checksum",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .sum_off = 2},
	 .to = MX1,
	 .after = "half_open+1 flows+1 load1+1 in1+1",
	 .flow = "half_open mx1 adopted",
	 .check = trusts_nobody},
	{.name = "a reply with data, of no flow, while stateless",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = stateless,
	 .in = DATA_OUT,
	 .as = VIP,
	 .after = "out1+1"},
};

static const struct row growing[] = {
	/* The header and the length alone sum up: the payload makes good for itself. */
	{.name = "data that looks right by its header",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = distrust,
	 .hex = {"020000000a01 020000000a02 0800 4500002a1234400040063c46c6336407c0000219 "
		 "9c400019000003e9000013895018faf014bc0000 fffd",
		 "020000000a01 020000000a02 86dd "
		 "6001234500160640 20010db8000c00000000000000000007 "
		 "20010db8002500000000000000000025 9c400019000003e9000013895018faf0a5410000 fffd"},
	 .want = {"020000000b11 020000000b01 0800 4500002a123440003f06f554c63364070a00000b "
		  "9c400019000003e9000013895018faf0ccca0000 fffd",
		  "020000000b11 020000000b01 86dd "
		  "600123450016063f 20010db8000c00000000000000000007 "
		  "20010db8000b00000000000000000011 9c400019000003e9000013895018faf0a56f0000 fffd"},
	 .after = "in1+1",
	 .flow = EST,
	 .check = trusts_nobody},
	{.name = "data of a side that is not trusted yet",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = distrust,
	 .in = DATA_IN,
	 .to = MX1,
	 .after = "in1+1",
	 .flow = EST,
	 .check = trusts_nobody},
	{.name = "a wrong checksum earns no trust",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .xdp_passes = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .opts = 12, .sum_off = 0x100},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = EST,
	 .check = trusts_nobody},
	{.name = "a right one does",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .opts = 12},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = EST,
	 .check = trusts_client},
	{.name = "then data is taken",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = DATA_IN,
	 .to = MX1,
	 .after = "in1+1",
	 .flow = EST,
	 .check = trusts_client},
	{.name = "but not of the other side",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .xdp_passes = true,
	 .in = DATA_OUT,
	 .as = VIP,
	 .after = "out1+1",
	 .flow = EST},
	{.name = "which has to show one too",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_OUT(MX1, A),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = EST,
	 .check = trusts_both},
	{.name = "and then is taken",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = DATA_OUT,
	 .as = VIP,
	 .after = "out1+1",
	 .flow = EST},
	{.name = "a damaged packet stays as damaged as it was",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .data = 77, .sum_off = 0x1234},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = EST},
};

/* XDP_TX is no better than a redirect: where the one is lost, so is the other. */
static const struct row bouncing[] = {
	{.name = "a RST to where XDP can't send",
	 .verdict = TX,
	 .xdp_passes = true,
	 .setup = no_backend,
	 .side = DMZ,
	 .hex = {"020000000c01 020000000c14 0800 450000281234400040065b750a00010ec0000219 "
		 "80e80019000003e8000000005002faf062e10000",
		 "020000000c01 020000000c14 86dd "
		 "6001234500140640 20010db8000d00000000000000000014 "
		 "20010db8002500000000000000000025 80e80019000003e8000000005002faf0d42b0000"},
	 .want = {"020000000c14 020000000c01 0800 450000281234400040065b75c00002190a00010e "
		  "001980e800000000000003e9501400005dbf0000",
		  "020000000c14 020000000c01 86dd "
		  "6001234500140640 20010db8002500000000000000000025 "
		  "20010db8000d00000000000000000014 001980e800000000000003e950140000cf090000"},
	 .after = "refused+1"},
};

void test_trust(void **state)
{
	unsigned failed = rows_run("trust, opening", opening, COUNT(opening));

	failed += rows_run("trust, growing", growing, COUNT(growing));
	failed += rows_run("trust, bouncing", bouncing, COUNT(bouncing));
	assert_int_equal(failed, 0);
}

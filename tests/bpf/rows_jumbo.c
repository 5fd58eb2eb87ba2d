/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large frames. XDP sees the first buffer of a frame: one that has its packet in several
 * is left to TC, untouched, and one that has not is its own. The kernel builds TC's test
 * frames in one buffer, of a page at most.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

/* More than the kernel puts into the first buffer of a test frame. */
#define SEVERAL 4000

static void jumbo(void)
{
	established();
	lab_ip("link set wan mtu 9000\nlink set lan mtu 9000\n");
}

static void small_again(void)
{
	established();
	lab_ip("link set wan mtu 1500\nlink set lan mtu 1500\n");
}

#define DATA(n, ...)                                                                               \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .flags = P | A, .seq = CLIENT_ISN + 1,                  \
		.ack = SERVER_ISN + 1, .data = (n), __VA_ARGS__                                    \
	}

static const struct row rows[] = {
	{.name = "3000 bytes, in one buffer",
	 .verdict = REDIRECT,
	 .setup = jumbo,
	 .in = DATA(3000),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "8900 bytes, in several",
	 .hooks = ONLY(XDP),
	 .setup = established,
	 .in = DATA(8900),
	 .flow = ESTABLISHED_MX1},
	{.name = "a reply in several",
	 .hooks = ONLY(XDP),
	 .setup = established,
	 .in = {.from = MX1, .to = CLIENT, .flags = A, .data = SEVERAL},
	 .flow = ESTABLISHED_MX1},
	{.name = "in several, with TTL 1",
	 .hooks = ONLY(XDP),
	 .setup = established,
	 .in = DATA(SEVERAL, .ttl = 1),
	 .flow = ESTABLISHED_MX1},
	{.name = "in several, behind a tag",
	 .hooks = ONLY(XDP),
	 .setup = established,
	 .in = DATA(SEVERAL, .tags = "81000064"),
	 .flow = ESTABLISHED_MX1},
	{.name = "in several, of no flow", .hooks = ONLY(XDP), .in = DATA(SEVERAL)},
	{.name = "in several, a later fragment",
	 .hooks = ONLY(XDP),
	 .in = {.from = CLIENT,
		.to = VIP,
		.later = SEVERAL,
		.frag = 0x2006,
		.next = 44,
		.ext = "06000031 00001234"}},
	/* The rest is padding: the packet itself is in the first buffer. */
	{.name = "a short packet in a frame of several",
	 .verdict = REDIRECT,
	 .hooks = ONLY(XDP),
	 .setup = established,
	 .in = DATA(9, .pad = SEVERAL),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a SYN that none serves, in a frame of several",
	 .hooks = ONLY(XDP),
	 .setup = no_backend,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .pad = SEVERAL}},
	{.name = "TTL 1, in a frame of several",
	 .hooks = ONLY(XDP),
	 .setup = established,
	 .in = DATA(0, .ttl = 1, .pad = SEVERAL),
	 .flow = ESTABLISHED_MX1},
	{.name = "the length over the end of all buffers",
	 .hooks = ONLY(XDP),
	 .setup = established,
	 .in = DATA(SEVERAL, .len_off = 1),
	 .flow = ESTABLISHED_MX1},
	{.name = "small again",
	 .verdict = REDIRECT,
	 .setup = small_again,
	 .in = DATA(1000),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
};

/* What a device that puts headers and data into buffers of their own makes of a frame. */
#define SPLIT(text, first, segment)                                                                \
	{                                                                                          \
		.name = text, .hooks = ONLY(XDP), .setup = established, .linear = (first),         \
		.in = segment, .flow = ESTABLISHED_MX1                                             \
	}

static const struct row splits[] = {
	SPLIT("data in the second buffer", 74, DATA(500)),
	SPLIT("half the TCP header in the second buffer", 64, DATA(500, .opts = 20)),
	SPLIT("a byte of the TCP header in the second buffer", 53, DATA(500)),
	SPLIT("all but Ethernet in the second buffer", 14, DATA(500)),
	SPLIT("a byte in the first buffer", 1, DATA(500)),
	SPLIT("a bare ACK split in its header", 50, DATA(0)),
};

void test_jumbo(void **state)
{
	unsigned failed = rows_run("jumbo", rows, COUNT(rows));

	if (lab_can_split())
		failed += rows_run("jumbo, split", splits, COUNT(splits));
	else
		printf("  jumbo, split: %zu rows not run: this kernel builds no such test frames\n",
		       COUNT(splits));
	assert_int_equal(failed, 0);
}

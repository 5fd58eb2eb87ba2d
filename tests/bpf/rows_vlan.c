/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VLAN tags: up to two are looked through and kept, as a switch would; one that a device
 * of the kernel takes is left to that device. Test frames carry all their tags inside,
 * while TC gets the outermost beside the frame from a real device: the last table sends
 * those over a wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "harness.h"
#include "lab_wire.h"
#include "stations.h"

#define Q100	"81000064" /* 802.1Q, id 100 */
#define Q100_P5 "8100b064" /* the same, priority 5, may be dropped */
#define Q0_P7	"8100e000" /* a priority and no VLAN */
#define AD100	"88a80064" /* 802.1ad, id 100 */
#define AD200	"88a800c8"
#define Q4094	"81000ffe"

static void device_of(enum side side, __u16 id, __u16 proto)
{
	struct mxlb_vlan vlan = {.ifindex = lab_ifindex(side), .id = id, .proto = htons(proto)};

	lab_vlan(&vlan);
}

static void device_100(void)
{
	device_of(WAN, 100, 0x8100);
}

static void device_ad_100(void)
{
	device_of(WAN, 100, 0x88a8);
}

static void device_0(void)
{
	device_of(WAN, 0, 0x8100);
}

static void device_of_lan(void)
{
	device_of(LAN, 100, 0x8100);
}

static void established_device_of_lan(void)
{
	established();
	device_of_lan();
}

#define SYN_TAGGED(hex)                                                                            \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .flags = S, .seq = CLIENT_ISN, .tags = (hex)            \
	}
#define KEPT(text, prepare, hex)                                                                   \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .setup = (prepare), .in = SYN_TAGGED(hex),      \
		.to = MX1, .after = OPENED(1), .flow = HALF_OPEN_MX1                               \
	}
#define LEFT(text, prepare, hex)                                                                   \
	{                                                                                          \
		.name = text, .setup = (prepare), .in = SYN_TAGGED(hex)                            \
	}

static const struct row opening[] = {
	KEPT("one tag", NULL, Q100),
	KEPT("the highest id", NULL, Q4094),
	KEPT("a tag with a priority", NULL, Q100_P5),
	KEPT("a priority tag", NULL, Q0_P7),
	KEPT("a service tag", NULL, AD100),
	KEPT("two tags", NULL, AD200 Q100),
	KEPT("two tags of one kind", NULL, Q100 Q4094),
	KEPT("another device's tag", device_100, Q4094),
	KEPT("a tag of a device, but of the other kind", device_100, AD100),
	KEPT("a tag of a device on another interface", device_of_lan, Q100),
	KEPT("a device's tag within another tag", device_100, AD200 Q100),
	LEFT("three tags", NULL, AD200 Q100 Q4094),
	LEFT("the tag of a device", device_100, Q100),
	LEFT("the tag of a device, whatever its priority", device_100, Q100_P5),
	LEFT("the tag of a device, another within", device_100, Q100 Q4094),
	LEFT("the service tag of a device", device_ad_100, AD100 Q100),
	LEFT("a device for priority tags", device_0, Q0_P7),
};

#define TAGGED_IN(hex, ...)                                                                        \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .flags = P | A, .seq = CLIENT_ISN + 1,                  \
		.ack = SERVER_ISN + 1, .tags = (hex), __VA_ARGS__                                  \
	}
#define TAGGED_OUT(hex, ...)                                                                       \
	{                                                                                          \
		.from = MX1, .to = CLIENT, .flags = P | A, .seq = SERVER_ISN + 1,                  \
		.ack = CLIENT_ISN + 1, .tags = (hex), __VA_ARGS__                                  \
	}

static const struct row others[] = {
	{.name = "data behind a tag",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = TAGGED_IN(Q100, .data = 333),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a reply behind a tag",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = TAGGED_OUT(Q100, .data = 334),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a reply behind two tags",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = TAGGED_OUT(AD200 Q100, .opts = 12),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a reply behind the tag of a device",
	 .setup = established_device_of_lan,
	 .in = TAGGED_OUT(Q100, .data = 1),
	 .flow = ESTABLISHED_MX1},
	/* 1500 bytes of IP: tags are not counted. */
	{.name = "as large as the MTU, behind two tags",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V4),
	 .setup = established,
	 .in = TAGGED_IN(AD200 Q100, .data = 1460),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "an extension header behind two tags",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .setup = established,
	 .in = TAGGED_IN(AD200 Q100, .next = 60, .ext = "0600010400000000"),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "IP options behind a tag",
	 .verdict = DROP,
	 .reason = MXLB_REASON_IP_OPTIONS,
	 .families = ONLY(MXLB_V4),
	 .in = TAGGED_IN(Q100, .ip_opts = "01010100")},
	{.name = "the IP length over a tagged frame's end",
	 .verdict = DROP,
	 .reason = MXLB_REASON_BAD_LENGTH,
	 .in = TAGGED_IN(Q100, .len_off = 1)},
	{.name = "a tagged frame to another host",
	 .hooks = ONLY(TC),
	 .in = TAGGED_IN(Q100, .mac = "020000000aff")},
	{.name = "a tag, and nothing of ours behind it",
	 .in = {.from = CLIENT, .to = MX1, .flags = S, .tags = Q100}},
	{.name = "a frame that ends within its tag",
	 .hex = {"020000000a01 020000000a02 8100 0064 0800",
		 "020000000a01 020000000a02 88a8 00c8"}},
};

/* The answers of mxlb itself keep the tags: they go back the way the packet came. */
static const struct row answers[] = {
	{.name = "a RST behind a tag",
	 .verdict = TX,
	 .setup = no_backend,
	 .hex = {"020000000a01 020000000a02 8100a064 0800 "
		 "450000281234400040063c48c6336407c0000219 "
		 "9c400019000003e8000000005002faf0285c0000",
		 "020000000a01 020000000a02 8100a064 86dd "
		 "6001234500140640 20010db8000c00000000000000000007 "
		 "20010db8002500000000000000000025 9c400019000003e8000000005002faf0b8e10000"},
	 .want = {"020000000a02 020000000a01 8100a064 0800 "
		  "450000281234400040063c48c0000219c6336407 "
		  "00199c4000000000000003e950140000233a0000",
		  "020000000a02 020000000a01 8100a064 86dd "
		  "6001234500140640 20010db8002500000000000000000025 "
		  "20010db8000c00000000000000000007 00199c4000000000000003e950140000b3bf0000"},
	 .after = "refused+1"},
	{.name = "a RST behind two tags",
	 .verdict = TX,
	 .setup = no_backend,
	 .hex = {"020000000a01 020000000a02 88a800c8 81000064 0800 "
		 "450000281234400040063c48c6336407c0000219 "
		 "9c400019000003e8000000005002faf0285c0000",
		 "020000000a01 020000000a02 88a800c8 81000064 86dd "
		 "6001234500140640 20010db8000c00000000000000000007 "
		 "20010db8002500000000000000000025 9c400019000003e8000000005002faf0b8e10000"},
	 .want = {"020000000a02 020000000a01 88a800c8 81000064 0800 "
		  "450000281234400040063c48c0000219c6336407 "
		  "00199c4000000000000003e950140000233a0000",
		  "020000000a02 020000000a01 88a800c8 81000064 86dd "
		  "6001234500140640 20010db8002500000000000000000025 "
		  "20010db8000c00000000000000000007 00199c4000000000000003e950140000b3bf0000"},
	 .after = "refused+1"},
};

/* ---- over a wire, under TC ---- */

struct wire_row {
	const char *name;
	void (*setup)(void);
	struct seg in, out; /* out: as it leaves, with its TTL; or */
	const char *hex[MXLB_FAMILIES], *want[MXLB_FAMILIES];
};

static void dsr_established(void)
{
	lab_forward(MXLB_DSR);
	established();
}

static void tunnel_established(void)
{
	lab_forward(MXLB_TUNNEL);
	established();
}

#define WIRED(text, tagged)                                                                        \
	{.name = text ", in",                                                                      \
	 .setup = established,                                                                     \
	 .in = TAGGED_IN(tagged, .data = 40),                                                      \
	 .out = {.from = CLIENT,                                                                   \
		 .to = MX1,                                                                        \
		 .flags = P | A,                                                                   \
		 .seq = CLIENT_ISN + 1,                                                            \
		 .ack = SERVER_ISN + 1,                                                            \
		 .data = 40,                                                                       \
		 .tags = (tagged)}},                                                               \
	{                                                                                          \
		.name = text ", out", .setup = established, .in = TAGGED_OUT(tagged, .data = 41),  \
		.out = {.from = VIP,                                                               \
			.to = CLIENT,                                                              \
			.flags = P | A,                                                            \
			.seq = SERVER_ISN + 1,                                                     \
			.ack = CLIENT_ISN + 1,                                                     \
			.data = 41,                                                                \
			.tags = (tagged) }                                                         \
	}

static const struct wire_row wire[] = {
	WIRED("no tag", NULL),
	WIRED("one tag", Q100),
	WIRED("a service tag", AD100),
	WIRED("two tags", AD200 Q100),
	{.name = "a tag, dsr",
	 .setup = dsr_established,
	 .in = TAGGED_IN(Q100_P5),
	 .out = TAGGED_IN(Q100_P5, .via = MX1)},
	{.name = "a tag, in a tunnel",
	 .setup = tunnel_established,
	 .in = TAGGED_IN(Q100, .data = 9),
	 .out = TAGGED_IN(Q100, .data = 9, .tunnel = &(const struct tunnel){ROUTER, MX1, false})},
	{.name = "TTL 1 behind a tag",
	 .setup = established,
	 .hex = {"020000000a01 020000000a02 810000640800 "
		 "450000281234400001067b48c6336407c0000219 "
		 "9c400019000003e9000013895010faf014c40000",
		 "020000000a01 020000000a02 8100006486dd 6001234500140601 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "9c400019000003e9000013895010faf0a5490000"},
	 .want = {"020000000a02 020000000a01 810000640800 "
		  "450000440000400040014e65c0000219c6336407 0b00759900000000 "
		  "450000281234400001067b48c6336407c0000219 "
		  "9c400019000003e9000013895010faf080990000",
		  "020000000a02 020000000a01 8100006486dd 6000000000443a40 "
		  "20010db8002500000000000000000025 20010db8000c00000000000000000007 "
		  "03003c2100000000 6001234500140601 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 9c400019000003e9000013895010faf080990000"}},
	{.name = "a RST behind a tag",
	 .setup = no_backend,
	 .hex = {"020000000a01 020000000a02 8100a0640800 "
		 "450000281234400040063c48c6336407c0000219 "
		 "9c400019000003e8000000005002faf0285c0000",
		 "020000000a01 020000000a02 8100a06486dd 6001234500140640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "9c400019000003e8000000005002faf0b8e10000"},
	 .want = {"020000000a02 020000000a01 8100a0640800 "
		  "450000281234400040063c48c0000219c6336407 "
		  "00199c4000000000000003e950140000233a0000",
		  "020000000a02 020000000a01 8100a06486dd 6001234500140640 "
		  "20010db8002500000000000000000025 20010db8000c00000000000000000007 "
		  "00199c4000000000000003e950140000b3bf0000"}},
	{.name = "a RST behind two tags",
	 .setup = no_backend,
	 .hex = {"020000000a01 020000000a02 88a800c8 810000640800 "
		 "450000281234400040063c48c6336407c0000219 "
		 "9c400019000003e8000000005002faf0285c0000",
		 "020000000a01 020000000a02 88a800c8 8100006486dd 6001234500140640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "9c400019000003e8000000005002faf0b8e10000"},
	 .want = {"020000000a02 020000000a01 88a800c8 810000640800 "
		  "450000281234400040063c48c0000219c6336407 "
		  "00199c4000000000000003e950140000233a0000",
		  "020000000a02 020000000a01 88a800c8 8100006486dd 6001234500140640 "
		  "20010db8002500000000000000000025 20010db8000c00000000000000000007 "
		  "00199c4000000000000003e950140000b3bf0000"}},
};

static bool wire_sends(const struct wire_row *row, enum side in_side, const struct frame *in,
		       enum side out_side, const struct frame *want)
{
	static struct frame last;

	if (wire_run(in_side, in, out_side, want, &last))
		return true;
	printf("  FAILED vlan, wire: %s, %s\n", row->name, lab_family == MXLB_V4 ? "ipv4" : "ipv6");
	frame_print("in    ", in);
	frame_print("wanted", want);
	frame_print("got   ", &last);
	return false;
}

static bool wire_row_run(const struct wire_row *row)
{
	static struct frame in, want;
	enum side out_side = WAN;
	struct seg out = row->out;

	lab_reset(lab_family);
	row->setup();
	if (row->hex[lab_family]) {
		frame_hex(&in, row->hex[lab_family]);
		frame_hex(&want, row->want[lab_family]);
		return wire_sends(row, WAN, &in, WAN, &want);
	}
	out.is_out = true;
	out.ttl = 63;
	out_side = people[out.to == CLIENT ? CLIENT : MX1].side;
	frame_build(&in, &row->in, lab_family);
	frame_build(&want, &out, lab_family);
	return wire_sends(row, people[seg_sender(&row->in)].side, &in, out_side, &want);
}

static unsigned wire_rows_run(void)
{
	unsigned failed = 0;

	wire_open();
	lab_hook = TC;
	for (int family = 0; family < MXLB_FAMILIES; family++) {
		lab_family = family;
		for (size_t i = 0; i < COUNT(wire); i++)
			failed += !wire_row_run(&wire[i]);
	}
	wire_close();
	printf("  vlan, wire: %zu rows, %zu runs, %u failed\n", COUNT(wire), 2 * COUNT(wire),
	       failed);
	return failed;
}

void test_vlan(void **state)
{
	unsigned failed = rows_run("vlan, opening", opening, COUNT(opening));

	failed += rows_run("vlan, others", others, COUNT(others));
	failed += rows_run("vlan, answers", answers, COUNT(answers));
	failed += wire_rows_run();
	assert_int_equal(failed, 0);
}

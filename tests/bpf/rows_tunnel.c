/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnel mode: the packet with its TTL down by one, and a header in front that takes it to
 * the backend, of the same family or the other. What would not fit with that header is
 * answered, with the MTU that is left. Test frames can't be segments glued by GRO here, for
 * the kernel takes them to be of no protocol that it may put into a tunnel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

static void tunnel(void)
{
	lab_forward(MXLB_TUNNEL);
}

/* The backends' addresses are of the other family. */
static void crossed(void)
{
	enum mxlb_family other = lab_family == MXLB_V4 ? MXLB_V6 : MXLB_V4;

	tunnel();
	for (enum who id = MX1; id <= BACKENDS; id++) {
		struct mxlb_backend backend;

		lab_get("backends", id, &backend);
		backend.leg[lab_family].addr = who_addr(id, other);
		backend.leg[lab_family].source = who_addr(ROUTER, other);
		lab_set("backends", id, &backend);
	}
}

static void tunnel_established(void)
{
	tunnel();
	established();
}

static void crossed_established(void)
{
	crossed();
	established();
}

static void tunnel_no_backend(void)
{
	tunnel();
	no_backend();
}

#define RING_OF(n)                                                                                 \
	static void tunnel_mx##n(void)                                                             \
	{                                                                                          \
		tunnel();                                                                          \
		lab_ring_all(SERVING, MX##n);                                                      \
	}
RING_OF(2)
RING_OF(4)
RING_OF(5)
RING_OF(6)
RING_OF(8)

#define TO_MX(n)                                                                                   \
	.tunnel = &(const struct tunnel)                                                           \
	{                                                                                          \
		ROUTER, MX##n, false                                                               \
	}
#define ACROSS_MX(n)                                                                               \
	.tunnel = &(const struct tunnel)                                                           \
	{                                                                                          \
		ROUTER, MX##n, true                                                                \
	}
#define CLIENTS .from = CLIENT, .to = VIP
#define SYN_OF	CLIENTS, .flags = S, .seq = CLIENT_ISN
#define DATA_OF CLIENTS, .flags = P | A, .seq = CLIENT_ISN + 1, .ack = SERVER_ISN + 1

/* A segment, in both kinds of tunnel. */
#define BOTH(text, prepare, change, then, ...)                                                     \
	{.name = text ", in a tunnel",                                                             \
	 .verdict = REDIRECT,                                                                      \
	 .setup = tunnel##prepare,                                                                 \
	 .in = {__VA_ARGS__},                                                                      \
	 .out = &(const struct seg){__VA_ARGS__, TO_MX(1)},                                        \
	 .after = (change),                                                                        \
	 .flow = (then)},                                                                          \
	{                                                                                          \
		.name = text ", in a tunnel of the other family", .verdict = REDIRECT,             \
		.setup = crossed##prepare, .in = {__VA_ARGS__},                                    \
		.out = &(const struct seg){__VA_ARGS__, ACROSS_MX(1)}, .after = (change),          \
		.flow = (then)                                                                     \
	}

static const struct row segments[] = {
	BOTH("a SYN", , OPENED(1), HALF_OPEN_MX1, SYN_OF, .opts = 20),
	BOTH("data", _established, "in1+1", ESTABLISHED_MX1, DATA_OF, .data = 777),
	BOTH("an odd byte", _established, "in1+1", ESTABLISHED_MX1, DATA_OF, .data = 1),
	BOTH("TTL 2", _established, "in1+1", ESTABLISHED_MX1, DATA_OF, .ttl = 2),
	BOTH("TTL 255", _established, "in1+1", ESTABLISHED_MX1, DATA_OF, .ttl = 255),
	BOTH("a stray segment", , "half_open+1 flows+1 load1+1 in1+1", "half_open mx1 adopted",
	     CLIENTS, .flags = A, .seq = 5, .ack = 6),
	BOTH("a RST", _established, "established-1 load1-1 open1-1 in1+1 client_reset1+1 session+1",
	     "closing mx1 synack rst_in", CLIENTS, .flags = R, .seq = CLIENT_ISN + 1),
	BOTH("a wrong checksum", _established, "in1+1", ESTABLISHED_MX1, DATA_OF, .data = 5,
	     .sum_off = 0x555),
	BOTH("a first fragment", _established, "fragments+1 in1+1", ESTABLISHED_MX1, DATA_OF,
	     .data = 28, .frag = 0x2000, .next = 44, .ext = "06000001 00001234"),
	BOTH("an error about a reply", _established, "in1+1", ESTABLISHED_MX1, .from = FAR,
	     .to = VIP,
	     .error =
		     &(const struct error){
			     .type = {3, 2},
			     .code = {4, 0},
			     .rest = 1400,
			     .quoted = 20,
			     .about = &(const struct seg){.from = VIP, .to = CLIENT, .flags = A}}),
};

/* 1500 bytes less 20 or 40. The largest that fit: IP and TCP headers take 40 or 60. */
#define FITS(text, prepare, which, bytes, across)                                                  \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .families = ONLY(which), .setup = (prepare),    \
		.in = {DATA_OF, .data = (bytes)},                                                  \
		.out = &(const struct seg){DATA_OF, .data = (bytes),                               \
					   .tunnel = &(const struct tunnel){ROUTER, MX1, across}}, \
		.after = "in1+1", .flow = ESTABLISHED_MX1                                          \
	}

static const struct row sizes[] = {
	FITS("IPv4 that fits into IPv4", tunnel_established, MXLB_V4, 1440, false),
	FITS("IPv6 that fits into IPv6", tunnel_established, MXLB_V6, 1400, false),
	FITS("IPv4 that fits into IPv6", crossed_established, MXLB_V4, 1420, true),
	FITS("IPv6 that fits into IPv4", crossed_established, MXLB_V6, 1420, true),
	{.name = "IPv4 that does not fit into IPv4",
	 .verdict = TX,
	 .families = ONLY(MXLB_V4),
	 .setup = tunnel_established,
	 .in = {DATA_OF, .data = 1441},
	 .want = {"020000000a02 020000000a01 0800 450000440000400040014e65c0000219c6336407 "
		  "030477c9000005c8 450005c912344000400636a7c6336407c0000219 "
		  "9c400019000003e9000013895018faf080950000"},
	 .flow = ESTABLISHED_MX1},
	{.name = "IPv6 that does not fit into IPv6",
	 .verdict = TX,
	 .families = ONLY(MXLB_V6),
	 .setup = tunnel_established,
	 .in = {DATA_OF, .data = 1401},
	 .want = {[MXLB_V6] = "020000000a02 020000000a01 86dd 6000000000443a40 "
			      "20010db8002500000000000000000025 20010db8000c00000000000000000007 "
			      "020031b1000005b4 60012345058d0640 20010db8000c00000000000000000007 "
			      "20010db8002500000000000000000025 "
			      "9c400019000003e9000013895018faf080950000"},
	 .flow = ESTABLISHED_MX1},
	{.name = "IPv4 that does not fit into IPv6",
	 .verdict = TX,
	 .families = ONLY(MXLB_V4),
	 .setup = crossed_established,
	 .in = {DATA_OF, .data = 1421},
	 .want = {"020000000a02 020000000a01 0800 450000440000400040014e65c0000219c6336407 "
		  "030477dd000005b4 450005b512344000400636bbc6336407c0000219 "
		  "9c400019000003e9000013895018faf080950000"},
	 .flow = ESTABLISHED_MX1},
	{.name = "IPv6 that does not fit into IPv4",
	 .verdict = TX,
	 .families = ONLY(MXLB_V6),
	 .setup = crossed_established,
	 .in = {DATA_OF, .data = 1421},
	 .want = {[MXLB_V6] = "020000000a02 020000000a01 86dd 6000000000443a40 "
			      "20010db8002500000000000000000025 20010db8000c00000000000000000007 "
			      "02003189000005c8 6001234505a10640 20010db8000c00000000000000000007 "
			      "20010db8002500000000000000000025 "
			      "9c400019000003e9000013895018faf080950000"},
	 .flow = ESTABLISHED_MX1},
};

static const struct row ways[] = {
	{.name = "tunnel: behind a gateway",
	 .verdict = REDIRECT,
	 .setup = tunnel_mx8,
	 .in = SYN_IN,
	 .out = &(const struct seg){SYN_OF, TO_MX(8)},
	 .after = OPENED(8),
	 .flow = "half_open mx8"},
	{.name = "tunnel: the VIP's port stays",
	 .verdict = REDIRECT,
	 .setup = tunnel_mx2,
	 .in = SYN_IN,
	 .out = &(const struct seg){SYN_OF, TO_MX(2)},
	 .after = OPENED(2),
	 .flow = "half_open mx2"},
	{.name = "tunnel: where XDP may not send",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = tunnel_mx4,
	 .in = SYN_IN,
	 .out = &(const struct seg){SYN_OF, TO_MX(4)},
	 .after = OPENED(4),
	 .flow = "half_open mx4"},
	{.name = "tunnel: a neighbour that is not known",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = tunnel_mx5,
	 .in = SYN_IN,
	 .out = &(const struct seg){SYN_OF, TO_MX(5)},
	 .unsolved = true,
	 .after = OPENED(5),
	 .flow = "half_open mx5"},
	{.name = "tunnel: a backend that can't be reached",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NO_ROUTE,
	 .setup = tunnel_mx6,
	 .in = SYN_IN},
	{.name = "tunnel: nobody serves, a segment",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NO_BACKEND,
	 .setup = tunnel_no_backend,
	 .in = SEG_IN(A)},
	{.name = "tunnel: a reply by this way",
	 .verdict = REDIRECT,
	 .setup = tunnel_established,
	 .in = {.from = VIP, .to = CLIENT, .by = MX1, .flags = A, .seq = SERVER_ISN + 1, .ack = 9},
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "tunnel: padding is left behind",
	 .verdict = REDIRECT,
	 .setup = tunnel_established,
	 .in = {DATA_OF, .data = 1, .pad = 5},
	 .out = &(const struct seg){DATA_OF, .data = 1, .pad = 5, TO_MX(1)},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "tunnel: behind a tag",
	 .verdict = REDIRECT,
	 .hooks = ONLY(XDP),
	 .setup = tunnel_established,
	 .in = {DATA_OF, .data = 9, .tags = "81000064"},
	 .out = &(const struct seg){DATA_OF, .data = 9, .tags = "81000064", TO_MX(1)},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	/* There the kernel makes no room behind a tag. */
	{.name = "tunnel: behind a tag within the frame, tc",
	 .verdict = DROP,
	 .reason = MXLB_REASON_REWRITE_FAILED,
	 .hooks = ONLY(TC),
	 .setup = tunnel_established,
	 .in = {DATA_OF, .data = 9, .tags = "81000064"},
	 .flow = ESTABLISHED_MX1},
	{.name = "tunnel: behind two tags",
	 .verdict = REDIRECT,
	 .hooks = ONLY(XDP),
	 .setup = crossed_established,
	 .in = {DATA_OF, .data = 9, .tags = "88a800c8 81000064"},
	 .out = &(const struct seg){DATA_OF, .data = 9, .tags = "88a800c8 81000064", ACROSS_MX(1)},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
};

/* To the byte; the traffic class of what is inside is the outer's too. */
static const struct row bytes[] = {
	{.name = "tunnel, to the byte",
	 .verdict = REDIRECT,
	 .setup = tunnel_established,
	 .hex = {"020000000a01 020000000a02 0800 4500002e1234400040063c42c6336407c0000219 "
		 "9c400019000003e9000013895018faf06d020000515549540d0a",
		 "020000000a01 020000000a02 86dd 60012345001a0640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "9c400019000003e9000013895018faf0fd870000515549540d0a"},
	 .want = {"020000000b11 020000000b01 0800 4500004200004000400426ad0a0000010a00000b "
		  "4500002e123440003f063d42c6336407c0000219 "
		  "9c400019000003e9000013895018faf06d020000 515549540d0a",
		  "020000000b11 020000000b01 86dd 6000000000422940 "
		  "20010db8000b00000000000000000001 20010db8000b00000000000000000011 "
		  "60012345001a063f 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 9c400019000003e9000013895018faf0fd870000 "
		  "515549540d0a"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "tunnel, to the byte, a class and ECN",
	 .verdict = REDIRECT,
	 .setup = tunnel_established,
	 .hex = {"020000000a01 020000000a02 0800 45b9002e1234400040063b89c6336407c0000219 "
		 "9c400019000003e9000013895018faf06d020000515549540d0a",
		 "020000000a01 020000000a02 86dd 6b912345001a0640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "9c400019000003e9000013895018faf0fd870000515549540d0a"},
	 .want = {"020000000b11 020000000b01 0800 45b9004200004000400425f40a0000010a00000b "
		  "45b9002e123440003f063c89c6336407c0000219 "
		  "9c400019000003e9000013895018faf06d020000 515549540d0a",
		  "020000000b11 020000000b01 86dd 6b90000000422940 "
		  "20010db8000b00000000000000000001 20010db8000b00000000000000000011 "
		  "6b912345001a063f 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 9c400019000003e9000013895018faf0fd870000 "
		  "515549540d0a"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "tunnel of the other family, to the byte",
	 .verdict = REDIRECT,
	 .setup = crossed_established,
	 .hex = {"020000000a01 020000000a02 0800 4500002e1234400040063c42c6336407c0000219 "
		 "9c400019000003e9000013895018faf06d020000515549540d0a",
		 "020000000a01 020000000a02 86dd 60012345001a0640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "9c400019000003e9000013895018faf0fd870000515549540d0a"},
	 .want = {"020000000b11 020000000b01 86dd 60000000002e0440 "
		  "20010db8000b00000000000000000001 20010db8000b00000000000000000011 "
		  "4500002e123440003f063d42c6336407c0000219 "
		  "9c400019000003e9000013895018faf06d020000 515549540d0a",
		  "020000000b11 020000000b01 0800 4500005600004000402926740a0000010a00000b "
		  "60012345001a063f 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 9c400019000003e9000013895018faf0fd870000 "
		  "515549540d0a"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "tunnel of the other family, to the byte, a class and ECN",
	 .verdict = REDIRECT,
	 .setup = crossed_established,
	 .hex = {"020000000a01 020000000a02 0800 45b9002e1234400040063b89c6336407c0000219 "
		 "9c400019000003e9000013895018faf06d020000515549540d0a",
		 "020000000a01 020000000a02 86dd 6b912345001a0640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "9c400019000003e9000013895018faf0fd870000515549540d0a"},
	 .want = {"020000000b11 020000000b01 86dd 6b900000002e0440 "
		  "20010db8000b00000000000000000001 20010db8000b00000000000000000011 "
		  "45b9002e123440003f063c89c6336407c0000219 "
		  "9c400019000003e9000013895018faf06d020000 515549540d0a",
		  "020000000b11 020000000b01 0800 45b9005600004000402925bb0a0000010a00000b "
		  "6b912345001a063f 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 9c400019000003e9000013895018faf0fd870000 "
		  "515549540d0a"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
};

void test_tunnel(void **state)
{
	unsigned failed = rows_run("tunnel, segments", segments, COUNT(segments));

	failed += rows_run("tunnel, sizes", sizes, COUNT(sizes));
	failed += rows_run("tunnel, ways", ways, COUNT(ways));
	failed += rows_run("tunnel, bytes", bytes, COUNT(bytes));
	assert_int_equal(failed, 0);
}

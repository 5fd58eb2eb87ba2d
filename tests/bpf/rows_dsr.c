/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct server return: the packet keeps its addresses, only the frame's change; the
 * backend holds the VIP and answers the client itself. Replies that do come this way are
 * forwarded as they are, if they belong to a flow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

static void dsr(void)
{
	lab_forward(MXLB_DSR);
}

static void dsr_half_open(void)
{
	dsr();
	half_open();
}

static void dsr_established(void)
{
	dsr();
	established();
}

static void dsr_closing(void)
{
	dsr();
	closing();
}

static void dsr_unanswered(void)
{
	dsr();
	lab_flow(MX1, MXLB_FLOW_ESTABLISHED, 0);
}

static void dsr_stateless(void)
{
	dsr();
	lab_tallies(0, true);
}

static void dsr_beyond_cap(void)
{
	dsr();
	lab_tallies(HALF_OPEN_MAX, false);
}

static void dsr_no_backend(void)
{
	dsr();
	no_backend();
}

static void dsr_mx4(void)
{
	dsr();
	lab_ring_all(SERVING, MX4);
}

static void dsr_mx5(void)
{
	dsr();
	lab_ring_all(SERVING, MX5);
}

static void dsr_mx6(void)
{
	dsr();
	lab_ring_all(SERVING, MX6);
}

static void dsr_mx8(void)
{
	dsr();
	lab_ring_all(SERVING, MX8);
}

/* The service has changed to nat since; the flow's backend has not. */
static void was_dsr(void)
{
	dsr_established();
	lab_service(MXLB_SOURCE, MXLB_RESET);
}

/* As it comes from the VIP, in the backend's frame. */
#define REPLY(how, number, acks, ...)                                                              \
	{                                                                                          \
		.from = VIP, .to = CLIENT, .by = MX1, .flags = (how), .seq = (number),             \
		.ack = (acks), __VA_ARGS__                                                         \
	}
#define LATER_IN(how, offset, acks)                                                                \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .flags = (how), .seq = CLIENT_ISN + (offset),           \
		.ack = (acks)                                                                      \
	}
#define TO_MX1(text, prepare, segment, change, then)                                               \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .setup = (prepare), .in = segment, .via = MX1,  \
		.after = (change), .flow = (then)                                                  \
	}
#define TO_MX1_ON(text, segment, change, then)                                                     \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .goes_on = true, .in = segment, .via = MX1,     \
		.after = (change), .flow = (then)                                                  \
	}
#define PROMOTED "half_open-1 established+1 open1+1 conns1+1 in1+1 conns+1"

/* Without replies: promoted by the client's next segment, closed by its FIN. */
static const struct row life[] = {
	TO_MX1("dsr: a SYN", dsr, SYN_IN, OPENED(1), HALF_OPEN_MX1),
	TO_MX1_ON("dsr: the SYN again", SYN_IN, "in1+1 syns+1", HALF_OPEN_MX1),
	TO_MX1_ON("dsr: the ACK", SEG_IN(A), PROMOTED, "established mx1"),
	TO_MX1_ON("dsr: data", SEG_IN(P | A), "in1+1", "established mx1"),
	TO_MX1_ON("dsr: the client's FIN is all there will be", SEG_IN(F | A),
		  "established-1 load1-1 open1-1 in1+1 fin1+1 session+1", "closing mx1 fin_in"),
	TO_MX1_ON("dsr: the last ACK", LATER_IN(A, 2, 9), "in1+1", "closing mx1 fin_in"),
	TO_MX1("dsr: a segment out of its place", dsr_half_open, LATER_IN(A, 2, 7), "in1+1",
	       HALF_OPEN_MX1),
	TO_MX1("dsr: a RST", dsr_unanswered, SEG_IN(R),
	       "established-1 load1-1 open1-1 in1+1 client_reset1+1 session+1",
	       "closing mx1 rst_in"),
};

/* The backend's default route may lead through this router. */
static const struct row replies[] = {
	{.name = "dsr: a SYN-ACK by this way",
	 .verdict = REDIRECT,
	 .setup = dsr_half_open,
	 .in = REPLY(S | A, SERVER_ISN, CLIENT_ISN + 1),
	 .after = "out1+1",
	 .flow = "half_open mx1 synack"},
	TO_MX1_ON("dsr: its ACK", SEG_IN(A), PROMOTED, ESTABLISHED_MX1),
	{.name = "dsr: a reply by this way",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = REPLY(P | A, SERVER_ISN + 1, CLIENT_ISN + 1, .data = 50),
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	TO_MX1_ON("dsr: the client's FIN, and the backend's is awaited",
		  LATER_IN(F | A, 1, SERVER_ISN + 51), "in1+1", ESTABLISHED_MX1 " fin_in"),
	{.name = "dsr: the backend's FIN by this way",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = REPLY(F | A, SERVER_ISN + 51, CLIENT_ISN + 2),
	 .after = "established-1 load1-1 open1-1 out1+1 fin1+1 session+1",
	 .flow = "closing mx1 synack fin_in fin_out"},
	{.name = "dsr: a RST by this way",
	 .verdict = REDIRECT,
	 .setup = dsr_established,
	 .in = REPLY(R, SERVER_ISN + 1, 0),
	 .after = "established-1 load1-1 open1-1 out1+1 backend_reset1+1 session+1",
	 .flow = "closing mx1 synack rst_out"},
	{.name = "dsr: a reply without a flow", .setup = dsr, .in = REPLY(P | A, 1, 1)},
	{.name = "dsr: a reply without a flow while stateless",
	 .setup = dsr_stateless,
	 .in = REPLY(P | A, 1, 1)},
	{.name = "dsr: from another port of the VIP",
	 .setup = dsr_established,
	 .in = REPLY(P | A, 1, 1, .sport = 587),
	 .flow = ESTABLISHED_MX1},
	{.name = "dsr: from the backend's own address",
	 .setup = dsr_established,
	 .in = SEG_OUT(MX1, P | A),
	 .flow = ESTABLISHED_MX1},
	{.name = "dsr: a faulty reply",
	 .setup = dsr_established,
	 .in = REPLY(S | F, 1, 1),
	 .flow = ESTABLISHED_MX1},
	{.name = "dsr no more, but the flow is",
	 .verdict = REDIRECT,
	 .setup = was_dsr,
	 .in = REPLY(P | A, SERVER_ISN + 1, CLIENT_ISN + 1),
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	TO_MX1("dsr no more, but the flow's segments are", was_dsr, SEG_IN(A), "in1+1",
	       ESTABLISHED_MX1),
};

static const struct row ways[] = {
	{.name = "dsr: no room to remember",
	 .verdict = REDIRECT,
	 .setup = dsr_beyond_cap,
	 .in = SYN_IN,
	 .via = MX1,
	 .after = "table_full+1 stateless+1 in1+1 syns+1 full_event+1"},
	TO_MX1("dsr: a stray segment", dsr, SEG_IN(A), "half_open+1 flows+1 load1+1 in1+1",
	       "half_open mx1 adopted"),
	TO_MX1("dsr: a SYN on a finished flow", dsr_closing, SYN_IN,
	       "half_open+1 load1+1 in1+1 syns+1", HALF_OPEN_MX1),
	{.name = "dsr: behind a tag",
	 .verdict = REDIRECT,
	 .setup = dsr_established,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .data = 9, .tags = "81000064"},
	 .via = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "dsr: a first fragment",
	 .verdict = REDIRECT,
	 .setup = dsr_established,
	 .in = {.from = CLIENT,
		.to = VIP,
		.flags = A,
		.data = 28,
		.frag = 0x2000,
		.next = 44,
		.ext = "06000001 00001234"},
	 .via = MX1,
	 .after = "fragments+1 in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "dsr: a later fragment",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = CLIENT,
		.to = VIP,
		.later = 60,
		.frag = 0x0006,
		.next = 44,
		.ext = "06000030 00001234"},
	 .via = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "dsr: an error about a reply that went another way",
	 .verdict = REDIRECT,
	 .setup = dsr_established,
	 .in = {.from = FAR,
		.to = VIP,
		.error = &(const struct error){.type = {3, 2},
					       .code = {4, 0},
					       .rest = 1400,
					       .quoted = 20,
					       .about = &(const struct seg){.from = VIP,
									    .to = CLIENT,
									    .flags = A}}},
	 .via = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "dsr: a backend behind a gateway",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NOT_ON_LINK,
	 .setup = dsr_mx8,
	 .in = SYN_IN},
	{.name = "dsr: a backend that can't be reached",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NO_ROUTE,
	 .setup = dsr_mx6,
	 .in = SYN_IN},
	{.name = "dsr: a neighbour that is not known",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = dsr_mx5,
	 .in = SYN_IN,
	 .unsolved = true,
	 .after = OPENED(5),
	 .flow = "half_open mx5"},
	{.name = "dsr: where XDP may not send",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .setup = dsr_mx4,
	 .in = SYN_IN,
	 .via = MX4,
	 .after = OPENED(4),
	 .flow = "half_open mx4"},
	{.name = "dsr: nobody serves",
	 .verdict = TX,
	 .setup = dsr_no_backend,
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040063c48c6336407c0000219 "
		 "9c400019000003e8000000005002faf0285c0000",
		 "020000000a01 020000000a02 86dd "
		 "6001234500140640 20010db8000c00000000000000000007 "
		 "20010db8002500000000000000000025 "
		 "9c400019000003e8000000005002faf0b8e10000"},
	 .want = {"020000000a02 020000000a01 0800 450000281234400040063c48c0000219c6336407 "
		  "00199c4000000000000003e950140000233a0000",
		  "020000000a02 020000000a01 86dd "
		  "6001234500140640 20010db8002500000000000000000025 "
		  "20010db8000c00000000000000000007 "
		  "00199c4000000000000003e950140000b3bf0000"},
	 .after = "refused+1"},
	/* To the byte: TTL, IPv4 checksum, Ethernet; nothing else. */
	{.name = "dsr: data, to the byte",
	 .verdict = REDIRECT,
	 .setup = dsr_established,
	 .hex = {"020000000a01 020000000a02 0800 450000401234400040063c30c6336407c0000219 "
		 "9c400019000003e9000013895018faf0a70d0000 "
		 "4d41494c2046524f4d3a3c61406578616d706c653e0d0a2e",
		 "020000000a01 020000000a02 86dd "
		 "60012345002c0640 20010db8000c00000000000000000007 "
		 "20010db8002500000000000000000025 "
		 "9c400019000003e9000013895018faf037930000 "
		 "4d41494c2046524f4d3a3c61406578616d706c653e0d0a2e"},
	 .want = {"020000000b11 020000000b01 0800 45000040123440003f063d30c6336407c0000219 "
		  "9c400019000003e9000013895018faf0a70d0000 "
		  "4d41494c2046524f4d3a3c61406578616d706c653e0d0a2e",
		  "020000000b11 020000000b01 86dd "
		  "60012345002c063f 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 "
		  "9c400019000003e9000013895018faf037930000 "
		  "4d41494c2046524f4d3a3c61406578616d706c653e0d0a2e"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
};

void test_dsr(void **state)
{
	unsigned failed = rows_run("dsr, life", life, COUNT(life));

	failed += rows_run("dsr, replies", replies, COUNT(replies));
	failed += rows_run("dsr, ways", ways, COUNT(ways));
	assert_int_equal(failed, 0);
}

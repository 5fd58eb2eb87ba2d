/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a flow: opened by a SYN, promoted by the client's ACK, closed by FIN
 * or RST, reopened. Rows marked goes_on tell one story.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

#define NEW_ISN 0x90000000u

static void ring_is_mx3(void)
{
	lab_ring_all(SERVING, MX3);
}

static void server_closed(void)
{
	lab_flow(MX1, MXLB_FLOW_ESTABLISHED, MARK_SYNACK | MARK_FIN_OUT);
}

/* The VIP has been given to another service since. */
static void closing_of_old_service(void)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow;

	closing();
	(void)lab_flow_get(&key, &flow); /* it has just been put there */
	flow.service = SERVICE + 1;
	lab_flow_put(&key, &flow);
}

static struct mxlb_flow client_flow(void)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow = {0};

	(void)lab_flow_get(&key, &flow); /* zeroes fail every check */
	return flow;
}

static bool remembers_syn(void)
{
	struct mxlb_flow flow = client_flow();
	__u64 age = lab_now() - flow.created;

	return flow.client_isn == CLIENT_ISN && flow.service == SERVICE &&
	       flow.seen == (__u32)(flow.created >> MXLB_TICK_SHIFT) && age < 10 * SECOND &&
	       flow.bytes_in >= 40 && !flow.bytes_out;
}

static bool remembers_synack(void)
{
	return client_flow().server_isn == SERVER_ISN;
}

/* 21 bytes of data after headers of 20 and 20, or 40 and 20; setups put no bytes. */
static bool was_just_seen(void)
{
	struct mxlb_flow flow = client_flow();

	return lab_tick() - flow.seen < LAB_SECOND &&
	       flow.seen > (__u32)(flow.created >> MXLB_TICK_SHIFT) &&
	       flow.bytes_in == (lab_family == MXLB_V4 ? 61 : 81) && !flow.bytes_out;
}

static bool tells_session(void)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);

	return lab_event.type == MXLB_EVENT_SESSION && lab_event.end == MXLB_END_BACKEND_RESET &&
	       lab_event.flow.backend == MX1 && lab_event.flow.service == SERVICE &&
	       (lab_event.flow.side[MXLB_OUT].flags & MXLB_SIDE_RST) && lab_event.time &&
	       !memcmp(&lab_event.key, &key, sizeof(key));
}

static const struct row life[] = {
	{.name = "a SYN opens a flow",
	 .verdict = REDIRECT,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "half_open+1 flows+1 load1+1 in1+1 syns+1",
	 .flow = "half_open mx1",
	 .check = remembers_syn},
	{.name = "a repeated SYN stays, though the ring has changed",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = ring_is_mx3,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "in1+1 syns+1",
	 .flow = "half_open mx1"},
	{.name = "an ACK before the SYN-ACK proves nothing",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "half_open mx1"},
	{.name = "a SYN-ACK to another SYN does not count",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = MX1, .to = CLIENT, .flags = S | A, .seq = 77, .ack = CLIENT_ISN + 2},
	 .as = VIP,
	 .after = "out1+1",
	 .flow = "half_open mx1"},
	{.name = "the SYN-ACK comes from the VIP",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SYNACK_OUT(MX1),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = "half_open mx1 synack",
	 .check = remembers_synack},
	{.name = "an ACK of a number not sent yet proves nothing",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .seq = CLIENT_ISN + 1, .ack = SERVER_ISN},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "half_open mx1 synack"},
	{.name = "nor one of a number far away",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .ack = SERVER_ISN + 0x40000001},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "half_open mx1 synack"},
	{.name = "the client's ACK makes it a connection",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "half_open-1 established+1 open1+1 conns1+1 in1+1 conns+1",
	 .flow = "established mx1 synack"},
	{.name = "and only once",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack"},
	{.name = "data to the client",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = MX1, .to = CLIENT, .flags = P | A, .seq = 5001, .ack = 1001, .data = 35},
	 .as = VIP,
	 .after = "out1+1",
	 .flow = "established mx1 synack"},
	{.name = "a SYN on a living flow is the backend's to judge",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .seq = NEW_ISN},
	 .to = MX1,
	 .after = "in1+1 syns+1",
	 .flow = "established mx1 synack"},
	{.name = "the client's FIN is half of an end",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(F | A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack fin_in"},
	{.name = "and no more when repeated",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(F | A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack fin_in"},
	{.name = "the backend's FIN closes",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_OUT(MX1, F | A),
	 .as = VIP,
	 .after = "established-1 load1-1 open1-1 out1+1 fin1+1 session+1",
	 .flow = "closing mx1 synack fin_in fin_out"},
	{.name = "the last ACK still arrives",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "closing mx1 synack fin_in fin_out"},
	{.name = "a SYN opens it anew, by the ring of today",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SYN_IN,
	 .to = MX3,
	 .after = "half_open+1 load3+1 in3+1 syns+1",
	 .flow = "half_open mx3",
	 .check = remembers_syn},
	{.name = "the old backend's last words are not for it",
	 .goes_on = true,
	 .in = SEG_OUT(MX1, F | A),
	 .flow = "half_open mx3"},
};

/* The client has given up and comes again from the same port. */
static const struct row anew[] = {
	{.name = "a SYN with another number, on a half-open flow",
	 .verdict = REDIRECT,
	 .setup = half_open,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .seq = NEW_ISN},
	 .to = MX1,
	 .after = "in1+1 syns+1",
	 .flow = "half_open mx1"},
	{.name = "its SYN-ACK counts",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = MX1, .to = CLIENT, .flags = S | A, .seq = SERVER_ISN, .ack = NEW_ISN + 1},
	 .as = VIP,
	 .after = "out1+1",
	 .flow = "half_open mx1 synack"},
	{.name = "and its ACK makes it a connection",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .seq = NEW_ISN + 1, .ack = SERVER_ISN + 1},
	 .to = MX1,
	 .after = "half_open-1 established+1 open1+1 conns1+1 in1+1 conns+1",
	 .flow = "established mx1 synack"},
};

static const struct row ends[] = {
	{.name = "data, and the flow knows of it",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {.from = CLIENT, .to = VIP, .flags = P | A, .seq = 1001, .ack = 5001, .data = 21},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack",
	 .check = was_just_seen},
	{.name = "the last ACK of the handshake with data and FIN",
	 .verdict = REDIRECT,
	 .setup = answered,
	 .in = {.from = CLIENT, .to = VIP, .flags = F | P | A, .seq = 1001, .ack = 5001, .data = 6},
	 .to = MX1,
	 .after = "half_open-1 established+1 open1+1 conns1+1 in1+1 conns+1",
	 .flow = "established mx1 synack fin_in"},
	{.name = "the client's FIN after the backend's",
	 .verdict = REDIRECT,
	 .setup = server_closed,
	 .in = SEG_IN(F | A),
	 .to = MX1,
	 .after = "established-1 load1-1 open1-1 in1+1 fin1+1 session+1",
	 .flow = "closing mx1 synack fin_in fin_out"},
	{.name = "the client resets",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = SEG_IN(R),
	 .to = MX1,
	 .after = "established-1 load1-1 open1-1 in1+1 client_reset1+1 session+1",
	 .flow = "closing mx1 synack rst_in"},
	{.name = "the backend resets",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = SEG_OUT(MX1, R | A),
	 .as = VIP,
	 .after = "established-1 load1-1 open1-1 out1+1 backend_reset1+1 session+1",
	 .flow = "closing mx1 synack rst_out",
	 .check = tells_session},
	{.name = "the backend refuses",
	 .verdict = REDIRECT,
	 .setup = half_open,
	 .in = {.from = MX1, .to = CLIENT, .flags = R | A, .ack = CLIENT_ISN + 1},
	 .as = VIP,
	 .after = "half_open-1 load1-1 out1+1",
	 .flow = "closing mx1 rst_out"},
	{.name = "the client takes its SYN back",
	 .verdict = REDIRECT,
	 .setup = answered,
	 .in = SEG_IN(R),
	 .to = MX1,
	 .after = "half_open-1 load1-1 in1+1",
	 .flow = "closing mx1 synack rst_in"},
	{.name = "a RST on a closed flow closes nothing",
	 .verdict = REDIRECT,
	 .setup = closing,
	 .in = SEG_OUT(MX1, R),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = "closing mx1 synack fin_in fin_out rst_out"},
	{.name = "data on a closed flow passes on",
	 .verdict = REDIRECT,
	 .setup = closing,
	 .in = SEG_OUT(MX1, P | A),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = "closing mx1 synack fin_in fin_out"},
	{.name = "a flow opened anew belongs to the VIP's service of today",
	 .verdict = REDIRECT,
	 .setup = closing_of_old_service,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "half_open+1 load1+1 in1+1 syns+1",
	 .flow = "half_open mx1",
	 .check = remembers_syn},
};

void test_flow(void **state)
{
	unsigned failed = rows_run("flow, life", life, COUNT(life));

	failed += rows_run("flow, anew", anew, COUNT(anew));
	failed += rows_run("flow, ends", ends, COUNT(ends));
	assert_int_equal(failed, 0);
}

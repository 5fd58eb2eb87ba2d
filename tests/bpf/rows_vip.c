/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose packet is it? Other ports and addresses, replies without a flow, the
 * router's own connections, and the maps that tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

static void two_vips(void)
{
	lab_vip(VIP2, VIP2_ID);
	lab_origin(MX1, VIP2_ID, 1);
}

/* The client's flow is with the second VIP. */
static void flow_with_second(void)
{
	struct mxlb_flow flow = {
		.state = MXLB_FLOW_ESTABLISHED, .backend = MX1, .service = SERVICE};
	struct mxlb_flow_key key = lab_key(CLIENT, VIP2_ID);

	two_vips();
	lab_flow_put(&key, &flow);
}

/* One address that serves two services under two ids: the flow says which. */
static void two_ids(void)
{
	lab_flow(MX2, MXLB_FLOW_ESTABLISHED, MARK_SYNACK);
	lab_vip(VIP2, VIP2_ID);
	lab_origin(MX1, VIP2_ID, 0);
	lab_origin(MX1, VIP_ID, 1);
}

static void stateless(void)
{
	lab_tallies(0, true);
}

static void stateless_two_vips(void)
{
	two_vips();
	stateless();
}

static void stateless_is_over(void)
{
	struct mxlb_tallies tallies = {.stateless_until = lab_now() - SECOND};

	lab_set("tallies", 0, &tallies);
}

static void flow_of_mx2(void)
{
	lab_flow(MX2, MXLB_FLOW_ESTABLISHED, MARK_SYNACK);
}

static void no_service_record(void)
{
	const struct mxlb_service none = {0};

	lab_set("services", SERVICE, &none);
}

static void no_backend_record(void)
{
	const struct mxlb_backend none = {0};

	established();
	lab_set("backends", MX1, &none);
}

static void no_vip_record(void)
{
	const struct mxlb_endpoint none = {0};

	established();
	lab_set("vip_endpoints", VIP_ID, &none);
}

static void leaving(void)
{
	struct mxlb_endpoint end = who_endpoint(VIP, lab_family);
	struct mxlb_vip vip = {.id = VIP_ID, .service = SERVICE, .is_leaving = 1};

	lab_vip_put(&end, &vip);
}

static void leaving_established(void)
{
	established();
	leaving();
}

static void leaving_closing(void)
{
	closing();
	leaving();
}

/* ---- doors: what a slot says, whatever the tables hold ---- */

static void slot_of(enum who who, enum mxlb_door_kind kind, enum who key)
{
	struct mxlb_endpoint end = who_endpoint(who, lab_family);
	struct mxlb_door door = {.key = who_endpoint(key, lab_family), .kind = kind};

	if (kind == MXLB_DOOR_VIP)
		door.vip = (struct mxlb_vip){.id = VIP_ID, .service = SERVICE};
	if (kind == MXLB_DOOR_ORIGIN)
		door.origin = (struct mxlb_origin){.of = {{.vip = VIP_ID, .backend = MX1}}};
	lab_door(&end, &door);
}

static void vip_in_crowd(void)
{
	slot_of(VIP, MXLB_DOOR_CROWDED, VIP2);
}

static void mx1_in_crowd(void)
{
	established();
	slot_of(MX1, MXLB_DOOR_CROWDED, MX2);
}

static void stranger_in_crowd(void)
{
	slot_of(VIP2, MXLB_DOOR_CROWDED, VIP);
}

static void vip2_at_slot_of_vip(void)
{
	slot_of(VIP2, MXLB_DOOR_VIP, VIP);
}

static void mx1_at_slot_of_mx3(void)
{
	established();
	slot_of(MX3, MXLB_DOOR_ORIGIN, MX1);
}

static void no_door(void)
{
	slot_of(VIP, MXLB_DOOR_NONE, VIP);
}

static void dsr_in_crowd(void)
{
	lab_forward(MXLB_DSR);
	established();
	vip_in_crowd();
}

static const struct row doors[] = {
	{.name = "a VIP in a crowd",
	 .verdict = REDIRECT,
	 .setup = vip_in_crowd,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = OPENED(1),
	 .flow = HALF_OPEN_MX1},
	{.name = "a backend in a crowd",
	 .verdict = REDIRECT,
	 .setup = mx1_in_crowd,
	 .in = SEG_OUT(MX1, A),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a VIP in a crowd, as it sends (dsr)",
	 .verdict = REDIRECT,
	 .setup = dsr_in_crowd,
	 .in = {.from = VIP, .to = CLIENT, .by = MX1, .flags = A, .seq = 5001, .ack = 1001},
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "somebody else in a crowd",
	 .setup = stranger_in_crowd,
	 .in = {.from = CLIENT, .to = VIP2, .flags = S}},
	{.name = "somebody else at the slot of a VIP",
	 .setup = vip2_at_slot_of_vip,
	 .in = {.from = CLIENT, .to = VIP2, .flags = S}},
	{.name = "somebody else at the slot of a backend",
	 .setup = mx1_at_slot_of_mx3,
	 .in = SEG_OUT(MX3, A),
	 .flow = ESTABLISHED_MX1},
	{.name = "an empty slot", .setup = no_door, .in = SYN_IN},
};

static const struct row rows[] = {
	{.name = "another port of the VIP",
	 .in = {.from = CLIENT, .to = VIP, .dport = 587, .flags = S}},
	{.name = "port 25 of another address", .in = {.from = CLIENT, .to = VIP2, .flags = S}},
	{.name = "a backend's own address, through the router",
	 .in = {.from = CLIENT, .to = MX1, .flags = S}},
	{.name = "from port 25 of the VIP's network",
	 .in = {.from = VIP, .to = CLIENT, .flags = S | A}},
	{.name = "a backend as a client: from another port",
	 .in = {.from = MX1, .to = CLIENT, .sport = 33000, .dport = 25, .flags = S}},
	{.name = "a reply without a flow", .in = SEG_OUT(MX1, P | A)},
	{.name = "a SYN-ACK without a flow", .in = SYNACK_OUT(MX1)},
	{.name = "a reply to the router's own probe",
	 .in = {.from = MX1, .to = ROUTER, .flags = S | A}},
	{.name = "a reply to the router's own probe while stateless",
	 .setup = stateless,
	 .in = {.from = MX1, .to = ROUTER, .flags = S | A}},
	{.name = "a reply of another backend than the flow's",
	 .setup = flow_of_mx2,
	 .in = SEG_OUT(MX1, P | A),
	 .flow = "established mx2 synack"},
	{.name = "a reply that belongs to another VIP's flow",
	 .verdict = REDIRECT,
	 .setup = flow_with_second,
	 .in = SEG_OUT(MX1, P | A),
	 .as = VIP2,
	 .after = "out1+1"},
	{.name = "a reply of one address with two ids, neither the flow's",
	 .setup = two_ids,
	 .in = SEG_OUT(MX1, P | A),
	 .flow = "established mx2 synack"},
	{.name = "a reply without a flow while stateless",
	 .verdict = REDIRECT,
	 .setup = stateless,
	 .in = SEG_OUT(MX1, P | A),
	 .as = VIP,
	 .after = "out1+1"},
	{.name = "a RST without a flow while stateless",
	 .verdict = REDIRECT,
	 .setup = stateless,
	 .in = SEG_OUT(MX2, R),
	 .as = VIP,
	 .after = "out2+1"},
	{.name = "while stateless, but of two VIPs",
	 .setup = stateless_two_vips,
	 .in = SEG_OUT(MX1, P | A)},
	{.name = "a reply after the stateless time",
	 .setup = stateless_is_over,
	 .in = SEG_OUT(MX1, P | A)},
	{.name = "no service record, a SYN",
	 .verdict = DROP,
	 .reason = MXLB_REASON_NO_SERVICE,
	 .setup = no_service_record,
	 .in = SYN_IN},
	{.name = "the flow's backend is no more",
	 .verdict = DROP,
	 .reason = MXLB_REASON_FLOW_GONE,
	 .setup = no_backend_record,
	 .in = SEG_IN(A),
	 .flow = "established mx1 synack"},
	{.name = "the flow's VIP is no more",
	 .verdict = DROP,
	 .reason = MXLB_REASON_FLOW_GONE,
	 .setup = no_vip_record,
	 .in = SEG_OUT(MX1, A),
	 .flow = "established mx1 synack"},
	{.name = "a SYN to a VIP that leaves", .setup = leaving, .in = SYN_IN},
	{.name = "data of no flow to a VIP that leaves", .setup = leaving, .in = SEG_IN(P | A)},
	{.name = "a flow of a VIP that leaves, in",
	 .verdict = REDIRECT,
	 .setup = leaving_established,
	 .in = SEG_IN(P | A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack"},
	{.name = "a flow of a VIP that leaves, out",
	 .verdict = REDIRECT,
	 .setup = leaving_established,
	 .in = SEG_OUT(MX1, P | A),
	 .as = VIP,
	 .after = "out1+1",
	 .flow = "established mx1 synack"},
	{.name = "a SYN on a finished flow of a VIP that leaves",
	 .setup = leaving_closing,
	 .in = SYN_IN,
	 .flow = "closing mx1 synack fin_in fin_out"},
};

void test_vip(void **state)
{
	unsigned failed = rows_run("vip", rows, COUNT(rows));

	failed += rows_run("vip, doors", doors, COUNT(doors));
	assert_int_equal(failed, 0);
}

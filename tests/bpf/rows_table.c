/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a flow table that is full, capped or lost means for a connection: served
 * from the ring without memory, or adopted in mid-connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

static void cap_reached(void)
{
	lab_tallies(HALF_OPEN_MAX, false);
}

/* Some half-open flows have gone since. */
static void stateless_below_cap(void)
{
	lab_tallies(0, true);
}

static void below_cap(void)
{
	lab_tallies(HALF_OPEN_MAX - 1, false);
}

/* Beyond the cap, with a finished flow of this very client still in the table, of
 * another backend than the ring's. */
static void cap_reached_closing(void)
{
	lab_flow(MX2, MXLB_FLOW_CLOSING, MARK_SYNACK | MARK_RST_IN);
	cap_reached();
}

static void full_of_us(void)
{
	closing();
	lab_fill();
}

static void full_established(void)
{
	established();
	lab_fill();
}

static bool is_stateless_for_long(void)
{
	struct mxlb_tallies tallies;

	lab_get("tallies", 0, &tallies);
	return tallies.stateless_until > lab_now() + 60 * SECOND &&
	       tallies.stateless_until < lab_now() + 300 * SECOND;
}

static bool tells_table_full(void)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);

	return is_stateless_for_long() && lab_event.type == MXLB_EVENT_TABLE_FULL &&
	       !memcmp(&lab_event.key, &key, sizeof(key));
}

static bool knows_no_syn(void)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow;

	return lab_flow_get(&key, &flow) && !flow.client_isn && !flow.server_isn;
}

static const struct row cap[] = {
	{.name = "the last SYN below the cap",
	 .verdict = REDIRECT,
	 .setup = below_cap,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "half_open+1 flows+1 load1+1 in1+1 syns+1",
	 .flow = "half_open mx1"},
	{.name = "a SYN beyond the cap goes without memory",
	 .verdict = REDIRECT,
	 .setup = cap_reached,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "table_full+1 stateless+1 in1+1 syns+1 full_event+1",
	 .check = tells_table_full},
	{.name = "a second one, and no second event",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "table_full+1 in1+1 syns+1"},
	{.name = "its SYN-ACK is known by the origin",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SYNACK_OUT(MX1),
	 .as = VIP,
	 .after = "out1+1"},
	{.name = "still at the cap, the ACK leaves no flow either",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "in1+1"},
	{.name = "below it again, the next makes one",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .setup = stateless_below_cap,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "half_open+1 flows+1 load1+1 in1+1",
	 .flow = "half_open mx1 adopted",
	 .check = knows_no_syn},
	{.name = "and the greeting is a flow's",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_OUT(MX1, P | A),
	 .as = VIP,
	 .after = "half_open-1 established+1 adopted+1 open1+1 out1+1",
	 .flow = "established mx1 adopted"},
};

/* All of a connection goes to one backend, whatever the table holds. */
static const struct row cap_on_closing[] = {
	{.name = "beyond the cap, a SYN on a finished flow",
	 .verdict = REDIRECT,
	 .setup = cap_reached_closing,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "table_full+1 stateless+1 flows-1 in1+1 syns+1 full_event+1"},
	{.name = "beyond the cap, its SYN-ACK",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SYNACK_OUT(MX1),
	 .as = VIP,
	 .after = "out1+1"},
	{.name = "beyond the cap, its ACK goes where the SYN went",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "in1+1"},
};

static const struct row full[] = {
	{.name = "the table is full: a SYN",
	 .verdict = REDIRECT,
	 .setup = lab_fill,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "table_full+1 stateless+1 in1+1 syns+1 full_event+1",
	 .check = tells_table_full},
	{.name = "the table is full: the SYN-ACK",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SYNACK_OUT(MX1),
	 .as = VIP,
	 .after = "out1+1"},
	{.name = "the table is full: the ACK",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "in1+1"},
	{.name = "the table is full: data",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .goes_on = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = P | A, .seq = 1001, .ack = 5001, .data = 9},
	 .to = MX1,
	 .after = "in1+1"},
	{.name = "the table is full: a SYN on a finished flow takes its place",
	 .verdict = REDIRECT,
	 .setup = full_of_us,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "half_open+1 load1+1 in1+1 syns+1",
	 .flow = "half_open mx1"},
	{.name = "the table is full: those in it notice nothing",
	 .verdict = REDIRECT,
	 .setup = full_established,
	 .in = SEG_IN(P | A),
	 .to = MX1,
	 .after = "in1+1",
	 .flow = "established mx1 synack"},
};

static const struct row lost[] = {
	{.name = "a stray segment with data is adopted",
	 .verdict = REDIRECT,
	 .xdp_passes = true,
	 .in = {.from = CLIENT, .to = VIP, .flags = P | A, .seq = 99, .ack = 7, .data = 100},
	 .to = MX1,
	 .after = "half_open+1 flows+1 load1+1 in1+1",
	 .flow = "half_open mx1 adopted",
	 .check = knows_no_syn},
	{.name = "a stray segment is adopted",
	 .verdict = REDIRECT,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .seq = 99, .ack = 7},
	 .to = MX1,
	 .after = "half_open+1 flows+1 load1+1 in1+1",
	 .flow = "half_open mx1 adopted",
	 .check = knows_no_syn},
	{.name = "and answered",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = MX1, .to = CLIENT, .flags = A, .seq = 7, .ack = 99},
	 .as = VIP,
	 .after = "half_open-1 established+1 adopted+1 open1+1 out1+1",
	 .flow = "established mx1 adopted"},
	{.name = "and reset",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = MX1, .to = CLIENT, .flags = R, .seq = 7},
	 .as = VIP,
	 .after = "established-1 load1-1 open1-1 out1+1 backend_reset1+1 session+1",
	 .flow = "closing mx1 adopted rst_out"},
	{.name = "a stray segment that the backend does not know",
	 .verdict = REDIRECT,
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .seq = 99, .ack = 7},
	 .to = MX1,
	 .after = "half_open+1 flows+1 load1+1 in1+1",
	 .flow = "half_open mx1 adopted"},
	{.name = "is reset by it, and was never a connection",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {.from = MX1, .to = CLIENT, .flags = R, .seq = 7},
	 .as = VIP,
	 .after = "half_open-1 load1-1 out1+1",
	 .flow = "closing mx1 adopted rst_out"},
	{.name = "a stray segment beyond the cap leaves no flow",
	 .verdict = REDIRECT,
	 .setup = cap_reached,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "stateless+1 in1+1"},
	{.name = "a stray RST goes on, and leaves no flow",
	 .verdict = REDIRECT,
	 .in = SEG_IN(R),
	 .to = MX1,
	 .after = "in1+1"},
	{.name = "a stray FIN goes on, and leaves no flow",
	 .verdict = REDIRECT,
	 .in = SEG_IN(F | A),
	 .to = MX1,
	 .after = "in1+1"},
	{.name = "a stray RST on a full table",
	 .verdict = REDIRECT,
	 .setup = lab_fill,
	 .in = SEG_IN(R | A),
	 .to = MX1,
	 .after = "in1+1"},
};

void test_table(void **state)
{
	unsigned failed = rows_run("table, cap", cap, COUNT(cap));

	failed += rows_run("table, cap on closing", cap_on_closing, COUNT(cap_on_closing));
	failed += rows_run("table, full", full, COUNT(full));
	failed += rows_run("table, lost", lost, COUNT(lost));
	assert_int_equal(failed, 0);
}

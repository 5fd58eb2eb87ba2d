/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow as its segments tell it, with sequence numbers as they are in life: large, and
 * going round within the connection. What ends a flow must lie where its receiver would
 * take it. Rows marked goes_on tell one story.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

/* Initial sequence numbers: the client's ends just before 2^32, the backend's is large. */
#define CI 0xfffffff0u
#define SI 0xb0000000u

#define FROM_CLIENT(how, number, acks, ...)                                                        \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .flags = (how), .seq = (number), .ack = (acks),         \
		__VA_ARGS__                                                                        \
	}
#define FROM_MX1(how, number, acks, ...)                                                           \
	{                                                                                          \
		.from = MX1, .to = CLIENT, .flags = (how), .seq = (number), .ack = (acks),         \
		__VA_ARGS__                                                                        \
	}
#define OPEN	       "half_open+1 flows+1 load1+1 in1+1 syns+1"
#define OPEN_AGAIN     "half_open+1 load1+1 in1+1 syns+1"
#define PROMOTED       "half_open-1 established+1 open1+1 conns1+1 in1+1 conns+1"
#define ENDED(how, by) "established-1 load1-1 open1-1 " by " " how "1+1 session+1"
#define ANSWERED       "half_open mx1 synack"
#define EST	       ESTABLISHED_MX1

/* A step of the client's, or of the backend's: text, segment, what changes, flow. */
#define IN(text, segment, change, then)                                                            \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .goes_on = true, .in = segment, .to = MX1,      \
		.after = (change), .flow = (then)                                                  \
	}
#define OUT(text, segment, change, then)                                                           \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .goes_on = true, .in = segment, .as = VIP,      \
		.after = (change), .flow = (then)                                                  \
	}
#define BEGIN(text)                                                                                \
	{                                                                                          \
		.name = text ": SYN", .verdict = REDIRECT, .in = FROM_CLIENT(S, CI, 0), .to = MX1, \
		.after = OPEN, .flow = HALF_OPEN_MX1                                               \
	}
#define HANDSHAKE(text)                                                                            \
	BEGIN(text), OUT(text ": SYN-ACK", FROM_MX1(S | A, SI, CI + 1), "out1+1", ANSWERED),       \
		IN(text ": ACK", FROM_CLIENT(A, CI + 1, SI + 1), PROMOTED, EST)

static const struct row whole[] = {
	HANDSHAKE("a session"),
	OUT("greeting", FROM_MX1(A, SI + 1, CI + 1), "out1+1", EST),
	OUT("greeting, data", FROM_MX1(P | A, SI + 1, CI + 1, .data = 40), "out1+1", EST),
	IN("EHLO, beyond 2^32", FROM_CLIENT(P | A, CI + 1, SI + 41, .data = 100), "in1+1", EST),
	OUT("its acknowledgement", FROM_MX1(A, SI + 41, CI + 101), "out1+1", EST),
	IN("a keep-alive", FROM_CLIENT(A, CI + 100, SI + 41), "in1+1", EST),
	OUT("and its answer", FROM_MX1(A, SI + 41, CI + 101), "out1+1", EST),
	IN("the client's FIN", FROM_CLIENT(F | A, CI + 101, SI + 41), "in1+1", EST " fin_in"),
	OUT("half closed, the backend goes on", FROM_MX1(P | A, SI + 41, CI + 102, .data = 20),
	    "out1+1", EST " fin_in"),
	IN("the client acknowledges", FROM_CLIENT(A, CI + 102, SI + 61), "in1+1", EST " fin_in"),
	OUT("the backend's FIN with data", FROM_MX1(F | P | A, SI + 61, CI + 102, .data = 5),
	    ENDED("fin", "out1+1"), "closing mx1 synack fin_in fin_out"),
	IN("the last ACK", FROM_CLIENT(A, CI + 102, SI + 67), "in1+1",
	   "closing mx1 synack fin_in fin_out"),
	OUT("a repeated FIN", FROM_MX1(F | A, SI + 66, CI + 102), "out1+1",
	    "closing mx1 synack fin_in fin_out"),
	IN("a SYN on the port again", FROM_CLIENT(S, 77, 0), OPEN_AGAIN, HALF_OPEN_MX1),
};

static const struct row closes[] = {
	HANDSHAKE("the backend closes first"),
	OUT("its FIN", FROM_MX1(F | A, SI + 1, CI + 1), "out1+1", EST " fin_out"),
	OUT("its FIN, repeated", FROM_MX1(F | A, SI + 1, CI + 1), "out1+1", EST " fin_out"),
	IN("data after it", FROM_CLIENT(P | A, CI + 1, SI + 2, .data = 6), "in1+1", EST " fin_out"),
	IN("the client's FIN", FROM_CLIENT(F | A, CI + 7, SI + 2), ENDED("fin", "in1+1"),
	   "closing mx1 synack fin_in fin_out"),
	HANDSHAKE("both close at once"),
	IN("one FIN", FROM_CLIENT(F | A, CI + 1, SI + 1), "in1+1", EST " fin_in"),
	OUT("and the other, which has not seen it", FROM_MX1(F | A, SI + 1, CI + 1),
	    ENDED("fin", "out1+1"), "closing mx1 synack fin_in fin_out"),
	OUT("their ACKs cross, out", FROM_MX1(A, SI + 2, CI + 2), "out1+1",
	    "closing mx1 synack fin_in fin_out"),
	IN("their ACKs cross, in", FROM_CLIENT(A, CI + 2, SI + 2), "in1+1",
	   "closing mx1 synack fin_in fin_out"),
	HANDSHAKE("a FIN out of its place"),
	IN("far ahead", FROM_CLIENT(F | A, CI + 0x2000001, SI + 1), "in1+1", EST),
	IN("long past", FROM_CLIENT(F | A, CI - 5000, SI + 1), "in1+1", EST),
	OUT("far ahead, the backend's", FROM_MX1(F | A, SI + 0x2000001, CI + 1), "out1+1", EST),
	OUT("long past, the backend's", FROM_MX1(F | A, SI - 5000, CI + 1), "out1+1", EST),
	IN("in its place", FROM_CLIENT(F | A, CI + 1, SI + 1), "in1+1", EST " fin_in"),
};

/* The numbers that a receiver would take begin at what it has acknowledged. */
static const struct row resets[] = {
	HANDSHAKE("the client resets"),
	IN("by the next number", FROM_CLIENT(R, CI + 1, 0), ENDED("client_reset", "in1+1"),
	   "closing mx1 synack rst_in"),
	HANDSHAKE("the backend resets"),
	OUT("by the next number", FROM_MX1(R, SI + 1, 0), ENDED("backend_reset", "out1+1"),
	    "closing mx1 synack rst_out"),
	HANDSHAKE("data on its way, then reset"),
	OUT("two segments", FROM_MX1(P | A, SI + 1, CI + 1, .data = 1000), "out1+1", EST),
	IN("the first is acknowledged", FROM_CLIENT(A, CI + 1, SI + 501), "in1+1", EST),
	OUT("behind what was acknowledged", FROM_MX1(R, SI + 500, 0), "out1+1", EST),
	OUT("ahead of what was sent", FROM_MX1(R, SI + 1002, 0), "out1+1", EST),
	OUT("within", FROM_MX1(R, SI + 501, 0), ENDED("backend_reset", "out1+1"),
	    "closing mx1 synack rst_out"),
	HANDSHAKE("data on its way, a reset at its end"),
	IN("a segment", FROM_CLIENT(P | A, CI + 1, SI + 1, .data = 64), "in1+1", EST),
	IN("behind", FROM_CLIENT(R | A, CI, SI + 1), "in1+1", EST),
	IN("ahead", FROM_CLIENT(R | A, CI + 66, SI + 1), "in1+1", EST),
	IN("half the numbers away", FROM_CLIENT(R, CI + 0x80000001, 0), "in1+1", EST),
	IN("at its end", FROM_CLIENT(R | A, CI + 65, SI + 1), ENDED("client_reset", "in1+1"),
	   "closing mx1 synack rst_in"),
	OUT("and the backend's as well", FROM_MX1(R, SI + 1, 0), "out1+1",
	    "closing mx1 synack rst_in rst_out"),
};

static const struct row handshakes[] = {
	BEGIN("refused"),
	OUT("by RST and ACK", FROM_MX1(R | A, 0, CI + 1), "half_open-1 load1-1 out1+1",
	    "closing mx1 rst_out"),
	BEGIN("not refused"),
	OUT("by a RST that acknowledges another SYN", FROM_MX1(R | A, 9, CI + 2), "out1+1",
	    HALF_OPEN_MX1),
	OUT("by a RST out of nowhere", FROM_MX1(R, 9, 0), "out1+1", HALF_OPEN_MX1),
	BEGIN("the SYN-ACK is lost"),
	IN("the SYN again", FROM_CLIENT(S, CI, 0), "in1+1 syns+1", HALF_OPEN_MX1),
	OUT("the SYN-ACK", FROM_MX1(S | A, SI, CI + 1), "out1+1", ANSWERED),
	OUT("and again", FROM_MX1(S | A, SI, CI + 1), "out1+1", ANSWERED),
	IN("a late SYN", FROM_CLIENT(S, CI, 0), "in1+1 syns+1", ANSWERED),
	IN("the ACK", FROM_CLIENT(A, CI + 1, SI + 1), PROMOTED, EST),
	BEGIN("a SYN-ACK for another SYN"),
	OUT("of an earlier try", FROM_MX1(S | A, SI, CI), "out1+1", HALF_OPEN_MX1),
	OUT("of a later one", FROM_MX1(S | A, SI, CI + 2), "out1+1", HALF_OPEN_MX1),
	IN("an ACK changes nothing", FROM_CLIENT(A, CI + 1, SI + 1), "in1+1", HALF_OPEN_MX1),
	BEGIN("answered, then reset by the backend"),
	OUT("SYN-ACK", FROM_MX1(S | A, SI, CI + 1), "out1+1", ANSWERED),
	OUT("RST", FROM_MX1(R, SI + 1, 0), "half_open-1 load1-1 out1+1",
	    "closing mx1 synack rst_out"),
	BEGIN("answered, then taken back"),
	OUT("SYN-ACK to it", FROM_MX1(S | A, SI, CI + 1), "out1+1", ANSWERED),
	IN("a RST of the client", FROM_CLIENT(R, CI + 1, 0), "half_open-1 load1-1 in1+1",
	   "closing mx1 synack rst_in"),
	BEGIN("an ACK of the wrong number"),
	OUT("SYN-ACK before it", FROM_MX1(S | A, SI, CI + 1), "out1+1", ANSWERED),
	IN("one less", FROM_CLIENT(A, CI + 1, SI), "in1+1", ANSWERED),
	IN("a blind one", FROM_CLIENT(A, CI + 1, SI + 0x50000000), "in1+1", ANSWERED),
	IN("the right one", FROM_CLIENT(A, CI + 1, SI + 1), PROMOTED, EST),
	BEGIN("the client answers a SYN-ACK of its own"),
	IN("a SYN-ACK", FROM_CLIENT(S | A, CI, SI + 1), "in1+1", HALF_OPEN_MX1),
};

/* TCP Fast Open: data in the SYN, which the backend may take or leave. XDP leaves such a
 * SYN to TC, for it can't see its checksum. */
#define TFO(text)                                                                                  \
	{                                                                                          \
		.name = text ": SYN with data", .verdict = REDIRECT, .hooks = ONLY(TC),            \
		.in = FROM_CLIENT(S, CI, 0, .data = 50), .to = MX1, .after = OPEN,                 \
		.flow = HALF_OPEN_MX1                                                              \
	}
#define TC_OUT(text, segment, change, then)                                                        \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .hooks = ONLY(TC), .goes_on = true,             \
		.in = segment, .as = VIP, .after = (change), .flow = (then)                        \
	}
#define TC_IN(text, segment, change, then)                                                         \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .hooks = ONLY(TC), .goes_on = true,             \
		.in = segment, .to = MX1, .after = (change), .flow = (then)                        \
	}

static const struct row fast_open[] = {
	TFO("taken"),
	TC_OUT("all acknowledged", FROM_MX1(S | A, SI, CI + 51), "out1+1", ANSWERED),
	TC_OUT("and answered at once", FROM_MX1(P | A, SI + 1, CI + 51, .data = 9), "out1+1",
	       ANSWERED),
	TC_IN("the ACK of both", FROM_CLIENT(A, CI + 51, SI + 10), PROMOTED, EST),
	TFO("left"),
	TC_OUT("only the SYN acknowledged", FROM_MX1(S | A, SI, CI + 1), "out1+1", ANSWERED),
	TC_IN("the ACK with the data again", FROM_CLIENT(P | A, CI + 1, SI + 1, .data = 50),
	      PROMOTED, EST),
	TFO("in part"),
	TC_OUT("some acknowledged", FROM_MX1(S | A, SI, CI + 20), "out1+1", ANSWERED),
	TFO("more than was sent"),
	TC_OUT("too much acknowledged", FROM_MX1(S | A, SI, CI + 52), "out1+1", HALF_OPEN_MX1),
	TFO("refused with data"),
	TC_OUT("RST acknowledges it", FROM_MX1(R | A, 0, CI + 51), "half_open-1 load1-1 out1+1",
	       "closing mx1 rst_out"),
};

#define STRAY(text)                                                                                \
	{                                                                                          \
		.name = text ": a segment of no flow", .verdict = REDIRECT,                        \
		.in = FROM_CLIENT(A, CI, SI), .to = MX1,                                           \
		.after = "half_open+1 flows+1 load1+1 in1+1", .flow = "half_open mx1 adopted"      \
	}
#define ADOPTED_OUT "half_open-1 established+1 adopted+1 open1+1 out1+1"

static const struct row adopted[] = {
	STRAY("adopted"),
	IN("the client alone proves nothing", FROM_CLIENT(A, CI, SI), "in1+1",
	   "half_open mx1 adopted"),
	OUT("the backend knows it", FROM_MX1(A, SI, CI), ADOPTED_OUT, "established mx1 adopted"),
	OUT("its FIN", FROM_MX1(F | A, SI, CI), "out1+1", "established mx1 fin_out adopted"),
	IN("and the client's", FROM_CLIENT(F | A, CI, SI + 1), ENDED("fin", "in1+1"),
	   "closing mx1 fin_in fin_out adopted"),
	STRAY("adopted, then reset by its client"),
	IN("a RST", FROM_CLIENT(R, CI, 0), "half_open-1 load1-1 in1+1",
	   "closing mx1 adopted rst_in"),
	STRAY("adopted, and unknown to the backend"),
	OUT("which resets", FROM_MX1(R, SI, 0), "half_open-1 load1-1 out1+1",
	    "closing mx1 adopted rst_out"),
	STRAY("adopted, and a RST out of nowhere"),
	OUT("of another number", FROM_MX1(R, SI + 70000, 0), "out1+1", "half_open mx1 adopted"),
	OUT("then an answer", FROM_MX1(P | A, SI, CI, .data = 3), ADOPTED_OUT,
	    "established mx1 adopted"),
	IN("a SYN leaves it as it is", FROM_CLIENT(S, 1234, 0), "in1+1 syns+1",
	   "established mx1 adopted"),
};

void test_tcp(void **state)
{
	unsigned failed = rows_run("tcp, whole", whole, COUNT(whole));

	failed += rows_run("tcp, closes", closes, COUNT(closes));
	failed += rows_run("tcp, resets", resets, COUNT(resets));
	failed += rows_run("tcp, handshakes", handshakes, COUNT(handshakes));
	failed += rows_run("tcp, fast open", fast_open, COUNT(fast_open));
	failed += rows_run("tcp, adopted", adopted, COUNT(adopted));
	assert_int_equal(failed, 0);
}

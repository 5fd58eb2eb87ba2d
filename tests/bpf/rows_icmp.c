/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors about balanced connections: path MTU discovery lives on them. Each is
 * matched by the packet that it quotes, translated outside and inside, both ways; all
 * else of ICMP passes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

/* The packets that errors are about: what the client was sent, and what a backend was. */
#define REPLY_OF(who)	.from = (who), .to = CLIENT, .flags = P | A, .seq = 5001, .ack = 1001
#define SEGMENT_TO(who) .from = CLIENT, .to = (who), .flags = P | A, .seq = 1001, .ack = 5001
#define ABOUT(...)                                                                                 \
	&(const struct seg)                                                                        \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define LEAVES(...)                                                                                \
	&(const struct seg)                                                                        \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define ERROR(t4, c4, t6, c6, ...)                                                                 \
	&(const struct error)                                                                      \
	{                                                                                          \
		.type = {t4, t6}, .code = {c4, c6}, __VA_ARGS__                                    \
	}
#define UNREACHABLE(...) ERROR(3, 1, 1, 3, __VA_ARGS__)

/* An error from the client's side about a reply, and one from the backends' side about
 * the client's segment. `error` is ERROR_...(about). */
#define IN_BECOMES(n, what, ...)                                                                   \
	.in = {.from = FAR, .to = VIP, .error = what(.about = ABOUT(REPLY_OF(VIP), __VA_ARGS__))}, \
	.out = LEAVES(.from = FAR, .to = MX##n,                                                    \
		      .error = what(.about = ABOUT(REPLY_OF(MX##n), __VA_ARGS__))),                \
	.after = "in" #n "+1"
#define OUT_BECOMES(n, what, ...)                                                                  \
	.in = {.from = NEAR,                                                                       \
	       .to = CLIENT,                                                                       \
	       .error = what(.about = ABOUT(SEGMENT_TO(MX##n), __VA_ARGS__))},                     \
	.out = LEAVES(.from = VIP, .to = CLIENT,                                                   \
		      .error = what(.about = ABOUT(SEGMENT_TO(VIP), __VA_ARGS__))),                \
	.after = "out" #n "+1"

/* Every error there is, as X(of IPv4, of IPv6, the MTU it tells). Where one family has
 * fewer, it takes another turn. */
#define KINDS(X)                                                                                   \
	X("net unreachable; no route", 3, 0, 1, 0, 0)                                              \
	X("host unreachable; prohibited", 3, 1, 1, 1, 0)                                           \
	X("protocol unreachable; beyond scope", 3, 2, 1, 2, 0)                                     \
	X("port unreachable; address unreachable", 3, 3, 1, 3, 0)                                  \
	X("frag needed; packet too big", 3, 4, 2, 0, 1400)                                         \
	X("source route failed; port unreachable", 3, 5, 1, 4, 0)                                  \
	X("net unknown; source policy", 3, 6, 1, 5, 0)                                             \
	X("host unknown; reject route", 3, 7, 1, 6, 0)                                             \
	X("host isolated; source routing error", 3, 8, 1, 7, 0)                                    \
	X("net prohibited; headers too long", 3, 9, 1, 8, 0)                                       \
	X("host prohibited; time exceeded", 3, 10, 3, 0, 0)                                        \
	X("net for this tos; reassembly time", 3, 11, 3, 1, 0)                                     \
	X("host for this tos; bad header field", 3, 12, 4, 0, 40)                                  \
	X("prohibited; unknown next header", 3, 13, 4, 1, 40)                                      \
	X("precedence violation; unknown option", 3, 14, 4, 2, 40)                                 \
	X("precedence cutoff; new header", 3, 15, 4, 3, 40)                                        \
	X("time exceeded; too big to the least MTU", 11, 0, 2, 0, 1280)                            \
	X("reassembly time; too big below it", 11, 1, 2, 0, 576)                                   \
	X("parameter problem; an odd code", 12, 0, 1, 255, 0x14000000)

#define KIND_IN(text, t4, c4, t6, c6, mtu)                                                         \
	{.name = text ", in",                                                                      \
	 .verdict = REDIRECT,                                                                      \
	 .setup = established,                                                                     \
	 .in = {.from = FAR,                                                                       \
		.to = VIP,                                                                         \
		.error = ERROR(t4, c4, t6, c6, .rest = (mtu), .about = ABOUT(REPLY_OF(VIP)))},     \
	 .out = LEAVES(.from = FAR, .to = MX1,                                                     \
		       .error = ERROR(t4, c4, t6, c6, .rest = (mtu),                               \
				      .about = ABOUT(REPLY_OF(MX1)))),                             \
	 .after = "in1+1",                                                                         \
	 .flow = ESTABLISHED_MX1},
#define KIND_OUT(text, t4, c4, t6, c6, mtu)                                                        \
	{.name = text ", out",                                                                     \
	 .verdict = REDIRECT,                                                                      \
	 .setup = established,                                                                     \
	 .in = {.from = NEAR,                                                                      \
		.to = CLIENT,                                                                      \
		.error = ERROR(t4, c4, t6, c6, .rest = (mtu), .about = ABOUT(SEGMENT_TO(MX1)))},   \
	 .out = LEAVES(.from = VIP, .to = CLIENT,                                                  \
		       .error = ERROR(t4, c4, t6, c6, .rest = (mtu),                               \
				      .about = ABOUT(SEGMENT_TO(VIP)))),                           \
	 .after = "out1+1",                                                                        \
	 .flow = ESTABLISHED_MX1},

static const struct row kinds[] = {KINDS(KIND_IN) KINDS(KIND_OUT)};

/* How much is quoted: the checksum is there from 18 bytes on. */
#define Q(n, ...) ERROR(3, 4, 2, 0, .rest = 1400, .quoted = (n), __VA_ARGS__)
#define Q9(...)	  Q(9, __VA_ARGS__)
#define Q12(...)  Q(12, __VA_ARGS__)
#define Q16(...)  Q(16, __VA_ARGS__)
#define Q18(...)  Q(18, __VA_ARGS__)
#define Q19(...)  Q(19, __VA_ARGS__)
#define Q20(...)  Q(20, __VA_ARGS__)
#define Q28(...)  Q(28, __VA_ARGS__)
#define ALL(...)  Q(9000, __VA_ARGS__)
#define QUOTED(text, what, ...)                                                                    \
	{.name = text ", in",                                                                      \
	 .verdict = REDIRECT,                                                                      \
	 .setup = established,                                                                     \
	 IN_BECOMES(1, what, __VA_ARGS__),                                                         \
	 .flow = ESTABLISHED_MX1},                                                                 \
	{                                                                                          \
		.name = text ", out", .verdict = REDIRECT, .setup = established,                   \
		OUT_BECOMES(1, what, __VA_ARGS__), .flow = ESTABLISHED_MX1                         \
	}

static const struct row quotes[] = {
	QUOTED("9 bytes quoted", Q9, .data = 4),
	QUOTED("12 bytes quoted", Q12, .data = 4),
	QUOTED("16 bytes quoted", Q16, .data = 4),
	QUOTED("18 bytes quoted: a checksum", Q18, .data = 4),
	QUOTED("19 bytes quoted", Q19, .data = 4),
	QUOTED("20 bytes quoted", Q20, .data = 4),
	QUOTED("28 bytes quoted", Q28, .data = 40),
	QUOTED("all quoted, nothing more", ALL, .data = 0),
	QUOTED("all quoted, an odd length", ALL, .data = 21),
	QUOTED("all quoted, with options", ALL, .opts = 20, .data = 100),
	QUOTED("all quoted of 576 bytes", ALL, .data = 500),
	QUOTED("quoted with TTL 1", ALL, .data = 8, .ttl = 1),
};

static void established_mx2(void)
{
	lab_flow(MX2, MXLB_FLOW_ESTABLISHED, MARK_SYNACK);
}

static void stateless(void)
{
	lab_tallies(0, true);
}

static void closing_mx1(void)
{
	closing();
}

#define EIGHT(...)	UNREACHABLE(__VA_ARGS__)
#define EIGHT4(...)	ERROR(3, 4, 2, 0, .rest = 1400, __VA_ARGS__)
#define ESTABLISHED_MX2 "established mx2 synack"

static const struct row ways[] = {
	{.name = "about a flow with another port, in",
	 .verdict = REDIRECT,
	 .setup = established_mx2,
	 IN_BECOMES(2, ALL, .data = 33),
	 .flow = ESTABLISHED_MX2},
	{.name = "about a flow with another port, out",
	 .verdict = REDIRECT,
	 .setup = established_mx2,
	 OUT_BECOMES(2, ALL, .data = 33),
	 .flow = ESTABLISHED_MX2},
	{.name = "about a half-open flow",
	 .verdict = REDIRECT,
	 .setup = half_open,
	 OUT_BECOMES(1, EIGHT, .opts = 20),
	 .flow = HALF_OPEN_MX1},
	{.name = "about a closing flow",
	 .verdict = REDIRECT,
	 .setup = closing_mx1,
	 IN_BECOMES(1, EIGHT4, .data = 1),
	 .flow = "closing mx1 synack fin_in fin_out"},
	/* The client's own stack, and the backend's. */
	{.name = "from the client itself",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {.from = CLIENT, .to = VIP, .error = UNREACHABLE(.about = ABOUT(REPLY_OF(VIP)))},
	 .out = LEAVES(.from = CLIENT, .to = MX1,
		       .error = UNREACHABLE(.about = ABOUT(REPLY_OF(MX1)))),
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "from the backend itself",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {.from = MX1, .to = CLIENT, .error = UNREACHABLE(.about = ABOUT(SEGMENT_TO(MX1)))},
	 .out = LEAVES(.from = VIP, .to = CLIENT,
		       .error = UNREACHABLE(.about = ABOUT(SEGMENT_TO(VIP)))),
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "behind a tag, in",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {.from = FAR,
		.to = VIP,
		.tags = "81000064",
		.error = Q28(.about = ABOUT(REPLY_OF(VIP)))},
	 .out = LEAVES(.from = FAR, .to = MX1, .tags = "81000064",
		       .error = Q28(.about = ABOUT(REPLY_OF(MX1)))),
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a wrong ICMP checksum stays as wrong",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {.from = FAR,
		.to = VIP,
		.sum_off = 0x1234,
		.error = Q28(.about = ABOUT(REPLY_OF(VIP)))},
	 .out = LEAVES(.from = FAR, .to = MX1, .sum_off = 0x1234,
		       .error = Q28(.about = ABOUT(REPLY_OF(MX1)))),
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a wrong quoted checksum stays as wrong",
	 .verdict = REDIRECT,
	 .setup = established,
	 OUT_BECOMES(1, Q20, .sum_off = 0x777),
	 .flow = ESTABLISHED_MX1},
	{.name = "about a first fragment",
	 .verdict = REDIRECT,
	 .setup = established,
	 IN_BECOMES(1, EIGHT4, .data = 28, .frag = 0x2000, .next = 44, .ext = "06000001 00001234"),
	 .flow = ESTABLISHED_MX1},
	{.name = "about a packet with an extension header",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .setup = established,
	 IN_BECOMES(1, Q28, .data = 28, .next = 60, .ext = "0600010400000000"),
	 .flow = ESTABLISHED_MX1},
	{.name = "about a packet with IP options",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V4),
	 .setup = established,
	 IN_BECOMES(1, Q20, .ip_opts = "0101010094040000"),
	 .flow = ESTABLISHED_MX1},
	{.name = "behind an extension header of its own",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .setup = established,
	 .in = {.from = FAR,
		.to = VIP,
		.next = 0,
		.ext = "3a00010400000000",
		.error = Q28(.about = ABOUT(REPLY_OF(VIP)))},
	 .out = LEAVES(.from = FAR, .to = MX1, .next = 0, .ext = "3a00010400000000",
		       .error = Q28(.about = ABOUT(REPLY_OF(MX1)))),
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "behind IP options of its own",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V4),
	 .setup = established,
	 .in = {.from = FAR,
		.to = VIP,
		.ip_opts = "01010100",
		.error = Q28(.about = ABOUT(REPLY_OF(VIP)))},
	 .out = LEAVES(.from = FAR, .to = MX1, .ip_opts = "01010100",
		       .error = Q28(.about = ABOUT(REPLY_OF(MX1)))),
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "padded, in a short frame",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {.from = FAR, .to = VIP, .pad = 9, .error = EIGHT4(.about = ABOUT(REPLY_OF(VIP)))},
	 .out = LEAVES(.from = FAR, .to = MX1, .pad = 9,
		       .error = EIGHT4(.about = ABOUT(REPLY_OF(MX1)))),
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "while stateless, without a flow, in",
	 .verdict = REDIRECT,
	 .setup = stateless,
	 IN_BECOMES(1, EIGHT4, .data = 3)},
	{.name = "while stateless, without a flow, out",
	 .verdict = REDIRECT,
	 .setup = stateless,
	 OUT_BECOMES(3, EIGHT4, .data = 3)},
	{.name = "longer than its frame",
	 .verdict = DROP,
	 .reason = MXLB_REASON_BAD_LENGTH,
	 .setup = established,
	 .in = {.from = FAR,
		.to = VIP,
		.len_off = 1,
		.error = EIGHT4(.about = ABOUT(REPLY_OF(VIP)))},
	 .flow = ESTABLISHED_MX1},
	{.name = "with TTL 1",
	 .verdict = DROP,
	 .reason = MXLB_REASON_TTL_EXPIRED,
	 .setup = established,
	 .in = {.from = FAR, .to = VIP, .ttl = 1, .error = EIGHT4(.about = ABOUT(REPLY_OF(VIP)))},
	 .flow = ESTABLISHED_MX1},
};

/* Errors that pass: nobody here knows what they are about. */
#define PASSES(text, from_who, to_who, what, ...)                                                  \
	{                                                                                          \
		.name = text, .setup = established,                                                \
		.in = {.from = (from_who),                                                         \
		       .to = (to_who),                                                             \
		       .error = what(.about = ABOUT(__VA_ARGS__))},                                \
		.flow = ESTABLISHED_MX1                                                            \
	}
#define SEVEN(...)	Q(7, __VA_ARGS__)
#define ONE(...)	Q(1, __VA_ARGS__)
#define QUENCH(...)	ERROR(4, 0, 0, 0, __VA_ARGS__)
#define REDIRECTED(...) ERROR(5, 1, 5, 0, __VA_ARGS__)
#define ECHOED(...)	ERROR(0, 0, 129, 0, __VA_ARGS__)
#define EXPERIMENT(...) ERROR(253, 0, 100, 0, __VA_ARGS__)
#define HIGHER(...)	ERROR(13, 0, 127, 0, __VA_ARGS__)

static const struct row passing[] = {
	{.name = "about a reply of no flow",
	 .in = {.from = FAR, .to = VIP, .error = EIGHT4(.about = ABOUT(REPLY_OF(VIP)))}},
	{.name = "about a segment of no flow",
	 .in = {.from = NEAR, .to = CLIENT, .error = EIGHT4(.about = ABOUT(SEGMENT_TO(MX1)))}},
	PASSES("about a segment to another backend than the flow's", NEAR, CLIENT, EIGHT4,
	       SEGMENT_TO(MX3)),
	PASSES("to the VIP, about another's packet", FAR, VIP, EIGHT4, .from = VIP2, .to = CLIENT,
	       .flags = A),
	PASSES("to another, about the VIP's packet", FAR, VIP2, EIGHT4, REPLY_OF(VIP)),
	PASSES("to the VIP, about a packet to it", FAR, VIP, EIGHT4, SEGMENT_TO(VIP)),
	PASSES("to the client, about a reply", NEAR, CLIENT, EIGHT4, REPLY_OF(MX1)),
	PASSES("to the backend, about its reply before translation", NEAR, MX1, EIGHT4,
	       REPLY_OF(MX1)),
	PASSES("about another port of the VIP", FAR, VIP, EIGHT4, REPLY_OF(VIP), .sport = 587),
	PASSES("about another client's reply", FAR, VIP, EIGHT4, .from = VIP, .to = STRANGER,
	       .flags = A),
	PASSES("about another port of the client", FAR, VIP, EIGHT4, REPLY_OF(VIP), .dport = 40001),
	PASSES("a quote of 7 bytes", FAR, VIP, SEVEN, REPLY_OF(VIP)),
	PASSES("a quote of 1 byte", FAR, VIP, ONE, REPLY_OF(VIP)),
	PASSES("source quench", FAR, VIP, QUENCH, REPLY_OF(VIP)),
	PASSES("redirect", FAR, VIP, REDIRECTED, REPLY_OF(VIP)),
	PASSES("echo reply", FAR, VIP, ECHOED, REPLY_OF(VIP)),
	PASSES("an experiment", FAR, VIP, EXPERIMENT, REPLY_OF(VIP)),
	PASSES("time stamp; the last error type", FAR, VIP, HIGHER, REPLY_OF(VIP)),
	PASSES("about a later fragment", FAR, VIP, EIGHT4, REPLY_OF(VIP), .frag = 0x2001,
	       .next = 44, .ext = "06000009 00001234"),
	{.name = "cut within the quoted IP header",
	 .setup = established,
	 .in = {.from = FAR, .to = VIP, .cut = 20, .error = EIGHT4(.about = ABOUT(REPLY_OF(VIP)))},
	 .flow = ESTABLISHED_MX1},
	{.name = "the quote ends where the packet does not",
	 .setup = established,
	 .in = {.from = FAR,
		.to = VIP,
		.len_off = -1,
		.error = EIGHT4(.about = ABOUT(REPLY_OF(VIP)))},
	 .flow = ESTABLISHED_MX1},
	{.name = "itself a fragment",
	 .setup = established,
	 .in = {.from = FAR,
		.to = VIP,
		.frag = 0x2000,
		.next = 44,
		.ext = "3a000001 00001234",
		.error = EIGHT4(.about = ABOUT(REPLY_OF(VIP)))},
	 .flow = ESTABLISHED_MX1},
	{.name = "to a group",
	 .setup = established,
	 .in = {.from = FAR,
		.to = VIP,
		.mac = "01005e000005",
		.error = EIGHT4(.about = ABOUT(REPLY_OF(VIP)))},
	 .flow = ESTABLISHED_MX1},
};

/* To the byte, written out: another program has made both, and summed them in full. */
static const struct row bytes[] = {
	{.name = "path MTU, in, 8 bytes quoted",
	 .verdict = REDIRECT,
	 .setup = established,
	 .hex = {"020000000a01 020000000a02 0800 45c0003843210000400137cccb0071fec0000219 "
		 "030447a100000578 45000036123440003c06403ac0000219c6336407 00199c4000001389",
		 "020000000a01 020000000a02 86dd 6000432100383a40 "
		 "20010db8000f000000000000000000fe 20010db8002500000000000000000025 "
		 "020005f600000578 600123450022063c 20010db8002500000000000000000025 "
		 "20010db8000c00000000000000000007 00199c4000001389"},
	 .want = {"020000000b11 020000000b01 0800 45c00038432100003f01f0dacb0071fe0a00000b "
		  "030447a100000578 45000036123440003c06f8480a00000bc6336407 00199c4000001389",
		  "020000000b11 020000000b01 86dd 6000432100383a3f "
		  "20010db8000f000000000000000000fe 20010db8000b00000000000000000011 "
		  "0200065200000578 600123450022063c 20010db8000b00000000000000000011 "
		  "20010db8000c00000000000000000007 00199c4000001389"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "path MTU, in, the whole packet quoted",
	 .verdict = REDIRECT,
	 .setup = established,
	 .hex = {"020000000a01 020000000a02 0800 45c0005243210000400137b2cb0071fec0000219 "
		 "0304e47800000500 45000036123440003c06403ac0000219c6336407 "
		 "00199c4000001389000003e95018faf0c3660000 32353020322e302e30204f6b0d0a",
		 "020000000a01 020000000a02 86dd 6000432100523a40 "
		 "20010db8000f000000000000000000fe 20010db8002500000000000000000025 "
		 "0200122e00000500 600123450022063c 20010db8002500000000000000000025 "
		 "20010db8000c00000000000000000007 00199c4000001389000003e95018faf053ec0000 "
		 "32353020322e302e30204f6b0d0a"},
	 .want = {"020000000b11 020000000b01 0800 45c00052432100003f01f0c0cb0071fe0a00000b "
		  "03042c6a00000500 45000036123440003c06f8480a00000bc6336407 "
		  "00199c4000001389000003e95018faf07b750000 32353020322e302e30204f6b0d0a",
		  "020000000b11 020000000b01 86dd 6000432100523a3f "
		  "20010db8000f000000000000000000fe 20010db8000b00000000000000000011 "
		  "0200125c00000500 600123450022063c 20010db8000b00000000000000000011 "
		  "20010db8000c00000000000000000007 00199c4000001389000003e95018faf0541a0000 "
		  "32353020322e302e30204f6b0d0a"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "path MTU, out, the whole packet quoted",
	 .verdict = REDIRECT,
	 .setup = established,
	 .side = LAN,
	 .hex = {"020000000b01 020000000bfe 0800 45c0004a432100004001019a0a0000fec6336407 "
		 "03042b8e000005d4 4500002e123440003c06f850c63364070a00000b "
		 "9c400019000003e9000013895018faf027380000 444154410d0a",
		 "020000000b01 020000000bfe 86dd 60004321004a3a40 "
		 "20010db8000b000000000000000000fe 20010db8000c00000000000000000007 "
		 "0200119d000005d4 60012345001a063c 20010db8000c00000000000000000007 "
		 "20010db8000b00000000000000000011 9c400019000003e9000013895018faf0ffdc0000 "
		 "444154410d0a"},
	 .want = {"020000000a02 020000000a01 0800 45c0004a432100003f014b7ec0000219c6336407 "
		  "0304e39c000005d4 4500002e123440003c064042c6336407c0000219 "
		  "9c400019000003e9000013895018faf06f290000 444154410d0a",
		  "020000000a02 020000000a01 86dd 60004321004a3a3f "
		  "20010db8002500000000000000000025 20010db8000c00000000000000000007 "
		  "0200125c000005d4 60012345001a063c 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 9c400019000003e9000013895018faf0ffae0000 "
		  "444154410d0a"},
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "port unreachable, out, from another port",
	 .verdict = REDIRECT,
	 .setup = established_mx2,
	 .side = LAN,
	 .hex = {"020000000b01 020000000b12 0800 45c00038432100004001029e0a00000cc6336407 "
		 "030352f600000000 45000028123440003c06f855c63364070a00000c 9c4009dd000003e9",
		 "020000000b01 020000000b12 86dd 6000432100383a40 "
		 "20010db8000b00000000000000000012 20010db8000c00000000000000000007 "
		 "010413a800000000 600123450014063c 20010db8000c00000000000000000007 "
		 "20010db8000b00000000000000000012 9c4009dd000003e9"},
	 .want = {"020000000a02 020000000a01 0800 45c00038432100003f014b90c0000219c6336407 "
		  "03035cba00000000 45000028123440003c064048c6336407c0000219 9c400019000003e9",
		  "020000000a02 020000000a01 86dd 6000432100383a3f "
		  "20010db8002500000000000000000025 20010db8000c00000000000000000007 "
		  "01041d1200000000 600123450014063c 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 9c400019000003e9"},
	 .after = "out2+1",
	 .flow = ESTABLISHED_MX2},
	{.name = "time exceeded, out, another port, an odd length quoted",
	 .verdict = REDIRECT,
	 .setup = established_mx2,
	 .side = LAN,
	 .hex = {"020000000b01 020000000bfe 0800 45c00049432100004001019b0a0000fec6336407 "
		 "0b00296600000000 4500002d123440003c06f850c63364070a00000c "
		 "9c4009dd000003e9000013895018faf01b570000 515549540d",
		 "020000000b01 020000000bfe 86dd 6000432100493a40 "
		 "20010db8000b000000000000000000fe 20010db8000c00000000000000000007 "
		 "0300167200000000 600123450019063c 20010db8000c00000000000000000007 "
		 "20010db8000b00000000000000000012 9c4009dd000003e9000013895018faf0f3fb0000 "
		 "515549540d"},
	 .want = {"020000000a02 020000000a01 0800 45c00049432100003f014b7fc0000219c6336407 "
		  "0b00e17300000000 4500002d123440003c064043c6336407c0000219 "
		  "9c400019000003e9000013895018faf06d0d0000 515549540d",
		  "020000000a02 020000000a01 86dd 6000432100493a3f "
		  "20010db8002500000000000000000025 20010db8000c00000000000000000007 "
		  "0300173100000000 600123450019063c 20010db8000c00000000000000000007 "
		  "20010db8002500000000000000000025 9c400019000003e9000013895018faf0fd920000 "
		  "515549540d"},
	 .after = "out2+1",
	 .flow = ESTABLISHED_MX2},
	{.name = "host unreachable, in, from another port",
	 .verdict = REDIRECT,
	 .setup = established_mx2,
	 .hex = {"020000000a01 020000000a02 0800 45c0004443210000400137c0cb0071fec0000219 "
		 "0301e96d00000000 45000028123440003c064048c0000219c6336407 "
		 "00199c4000001389000003e95018faf014bc0000",
		 "020000000a01 020000000a02 86dd 6000432100443a40 "
		 "20010db8000f000000000000000000fe 20010db8002500000000000000000025 "
		 "0100183c00000000 600123450014063c 20010db8002500000000000000000025 "
		 "20010db8000c00000000000000000007 00199c4000001389000003e95018faf0a5410000"},
	 .want = {"020000000b12 020000000b01 0800 45c00044432100003f01f0cdcb0071fe0a00000c "
		  "0301316000000000 45000028123440003c06f8550a00000cc6336407 "
		  "09dd9c4000001389000003e95018faf0c3050000",
		  "020000000b12 020000000b01 86dd 6000432100443a3f "
		  "20010db8000f000000000000000000fe 20010db8000b00000000000000000012 "
		  "0100186900000000 600123450014063c 20010db8000b00000000000000000012 "
		  "20010db8000c00000000000000000007 09dd9c4000001389000003e95018faf09baa0000"},
	 .after = "in2+1",
	 .flow = ESTABLISHED_MX2},
	{.name = "an ICMP checksum that becomes 0",
	 .verdict = REDIRECT,
	 .setup = established,
	 .hex = {"020000000a01 020000000a02 0800 45c0004643210000400137becb0071fec0000219 "
		 "0304b80e0000315e 4500002a123440003c064046c0000219c6336407 "
		 "00199c4000001389000003e95018faf0a54e0000 6f6b",
		 "020000000a01 020000000a02 86dd 6000432100463a40 "
		 "20010db8000f000000000000000000fe 20010db8002500000000000000000025 "
		 "0200ffd100001768 600123450016063c 20010db8002500000000000000000025 "
		 "20010db8000c00000000000000000007 00199c4000001389000003e95018faf035d40000 "
		 "6f6b"},
	 .want = {"020000000b11 020000000b01 0800 45c00046432100003f01f0cccb0071fe0a00000b "
		  "030400000000315e 4500002a123440003c06f8540a00000bc6336407 "
		  "00199c4000001389000003e95018faf05d5d0000 6f6b",
		  "020000000b11 020000000b01 86dd 6000432100463a3f "
		  "20010db8000f000000000000000000fe 20010db8000b00000000000000000011 "
		  "0200000000001768 600123450016063c 20010db8000b00000000000000000011 "
		  "20010db8000c00000000000000000007 00199c4000001389000003e95018faf036020000 "
		  "6f6b"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "an ICMP checksum that was 0",
	 .verdict = REDIRECT,
	 .setup = established,
	 .hex = {"020000000a01 020000000a02 0800 45c0004643210000400137becb0071fec0000219 "
		 "030400000000e96c 4500002a123440003c064046c0000219c6336407 "
		 "00199c4000001389000003e95018faf0a54e0000 6f6b",
		 "020000000a01 020000000a02 86dd 6000432100463a40 "
		 "20010db8000f000000000000000000fe 20010db8002500000000000000000025 "
		 "020000000000173a 600123450016063c 20010db8002500000000000000000025 "
		 "20010db8000c00000000000000000007 00199c4000001389000003e95018faf035d40000 "
		 "6f6b"},
	 .want = {"020000000b11 020000000b01 0800 45c00046432100003f01f0cccb0071fe0a00000b "
		  "030447f10000e96c 4500002a123440003c06f8540a00000bc6336407 "
		  "00199c4000001389000003e95018faf05d5d0000 6f6b",
		  "020000000b11 020000000b01 86dd 6000432100463a3f "
		  "20010db8000f000000000000000000fe 20010db8000b00000000000000000011 "
		  "0200002e0000173a 600123450016063c 20010db8000b00000000000000000011 "
		  "20010db8000c00000000000000000007 00199c4000001389000003e95018faf036020000 "
		  "6f6b"},
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
};

void test_icmp(void **state)
{
	unsigned failed = rows_run("icmp, kinds", kinds, COUNT(kinds));

	failed += rows_run("icmp, quotes", quotes, COUNT(quotes));
	failed += rows_run("icmp, ways", ways, COUNT(ways));
	failed += rows_run("icmp, passing", passing, COUNT(passing));
	failed += rows_run("icmp, bytes", bytes, COUNT(bytes));
	assert_int_equal(failed, 0);
}

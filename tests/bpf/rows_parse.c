/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is not ours passes untouched; what is ours and faulty is dropped, each fault
 * with its reason, and passes when it is for someone else. Extension headers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

#define ZERO4	"00000000"
#define ZERO16	ZERO4 ZERO4 ZERO4 ZERO4
#define ZERO64	ZERO16 ZERO16 ZERO16 ZERO16
#define ZERO256 ZERO64 ZERO64 ZERO64 ZERO64
/* Eight bytes of destination options before TCP, or before more of them. */
#define DST6  "0600010400000000"
#define DST60 "3c00010400000000"

#define MACS "020000000a01 020000000a02 "
#define IP4  "450000281234400040063c48c6336407c0000219 "
#define IP6  "600123450014064020010db8000c0000000000000000000720010db8002500000000000000000025 "
#define SYN4 "9c400019000003e8000000005002faf0285c0000"
#define SYN6 "9c400019000003e8000000005002faf0b8e10000"

static const struct row strangers[] = {
	{.name = "ARP, neighbour discovery",
	 .hex = {"ffffffffffff 020000000a02 0806 "
		 "0001080006040001020000000a02cb007102000000000000cb007101",
		 MACS "86dd 6001234500203a4020010db8000c00000000000000000007"
		      "20010db80025000000000000000000258700e1cf00000000"
		      "20010db80025000000000000000000250101020000000a02"}},
	{.name = "UDP to the VIP",
	 .hex = {MACS "0800 450000201234400040113c45c6336407c0000219 9c400019000ca05a6d61696c",
		 MACS "86dd 60012345000c114020010db8000c00000000000000000007"
		      "20010db8002500000000000000000025 9c400019000c30e06d61696c"}},
	{.name = "echo request to the VIP",
	 .hex = {MACS "0800 450000201234400040013c55c6336407c0000219 080019270007000170696e67",
		 MACS "86dd 60012345000c3a4020010db8000c00000000000000000007"
		      "20010db8002500000000000000000025 800045110007000170696e67"}},
	{.name = "another IP version than the frame says",
	 .hex = {MACS "0800 550000281234400040063c48c6336407c0000219 " SYN4,
		 MACS "86dd 500123450014064020010db8000c00000000000000000007"
		      "20010db8002500000000000000000025 " SYN6}},
	{.name = "an IP header too short for itself",
	 .hex = {MACS "0800 440000281234400040063c48c6336407c0000219 " SYN4}},
	{.name = "an IPv6 header with an IPv4 VIP, mapped",
	 .hex = {NULL, MACS "86dd 600123450014064020010db8000c00000000000000000007"
			    "00000000000000000000ffffc0000219 " SYN6}},
	{.name = "an IPv6 header with an IPv4 source, mapped",
	 .hex = {NULL, MACS "86dd 600123450014064000000000000000000000ffffc6336407"
			    "20010db8002500000000000000000025 " SYN6}},
	{.name = "frame to a group",
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .mac = "01005e000005"}},
	/* XDP can't tell: the address is not in its context. */
	{.name = "frame to another host",
	 .hooks = ONLY(TC),
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .mac = "020000000aff"}},
	{.name = "seven bytes of a TCP header",
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .cut = 13}},
	{.name = "an IP header and no more",
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .cut = 20}},
	{.name = "authentication header",
	 .families = ONLY(MXLB_V6),
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .next = 51, .ext = "06040000" ZERO4 ZERO16}},
	{.name = "a routing header whose route is not done",
	 .families = ONLY(MXLB_V6),
	 .in = {.from = CLIENT,
		.to = VIP,
		.flags = S,
		.next = 43,
		.ext = "06020401 00000000" ZERO16}},
	{.name = "no next header",
	 .families = ONLY(MXLB_V6),
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .next = 60, .ext = "3b00010400000000"}},
	{.name = "an extension header longer than the packet",
	 .families = ONLY(MXLB_V6),
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .next = 60, .ext = "06ff0104 00000000"}},
	{.name = "208 bytes of extension headers",
	 .families = ONLY(MXLB_V6),
	 .in = {.from = CLIENT,
		.to = VIP,
		.flags = S,
		.next = 60,
		.ext = "061901cc" ZERO4 ZERO4 ZERO4 ZERO64 ZERO64 ZERO64}},
	{.name = "seven extension headers",
	 .families = ONLY(MXLB_V6),
	 .in = {.from = CLIENT,
		.to = VIP,
		.flags = S,
		.next = 60,
		.ext = DST60 DST60 DST60 DST60 DST60 DST60 DST6}},
};

/* X(reason, name, fields): each to the VIP, to another, and from a backend. */
#define FAULTS(X)                                                                                  \
	X(IP_OPTIONS, "IP options", ONLY(MXLB_V4), .flags = A, .ip_opts = "01010100")              \
	X(BAD_LENGTH, "IP length over the frame's", 0, .flags = A, .len_off = 1)                   \
	X(BAD_LENGTH, "IP length within the TCP header", 0, .flags = A, .data = 20,                \
	  .len_off = -21)                                                                          \
	X(BAD_LENGTH, "TCP header of 16 bytes", 0, .flags = A, .doff = 4)                          \
	X(BAD_LENGTH, "IP length of no TCP at all", 0, .flags = S, .len_off = -20)                 \
	X(BAD_LENGTH, "TCP header over the packet's end", 0, .flags = S, .doff = 6)                \
	X(BAD_LENGTH, "eight bytes of a TCP header", 0, .flags = S, .cut = 12)                     \
	X(BAD_LENGTH, "half a TCP header", 0, .flags = S, .cut = 10)                               \
	X(BAD_LENGTH, "a TCP header but for a byte", 0, .flags = S, .cut = 1)                      \
	X(BAD_FLAGS, "no flags", 0, .flags = 0)                                                    \
	X(BAD_FLAGS, "FIN alone", 0, .flags = F)                                                   \
	X(BAD_FLAGS, "FIN, PSH and URG", 0, .flags = F | P | U)                                    \
	X(BAD_FLAGS, "SYN with FIN", 0, .flags = S | F)                                            \
	X(BAD_FLAGS, "SYN with RST", 0, .flags = S | R)                                            \
	X(BAD_FLAGS, "SYN, RST and ACK", 0, .flags = S | R | A)                                    \
	X(BAD_FLAGS, "FIN with RST", 0, .flags = F | R)                                            \
	X(BAD_FLAGS, "FIN, RST and ACK", 0, .flags = F | R | A)                                    \
	X(BAD_FLAGS, "all flags", 0, .flags = 0x3f)

#define FAULT_OURS(id, text, which, ...)                                                           \
	{.name = text,                                                                             \
	 .verdict = DROP,                                                                          \
	 .reason = MXLB_REASON_##id,                                                               \
	 .families = (which),                                                                      \
	 .in = {.from = CLIENT, .to = VIP, __VA_ARGS__}},
#define FAULT_THEIRS(id, text, which, ...)                                                         \
	{.name = text ", not to the VIP",                                                          \
	 .families = (which),                                                                      \
	 .in = {.from = CLIENT, .to = MX1, __VA_ARGS__}},
#define FAULT_REPLY(id, text, which, ...)                                                          \
	{.name = text ", from a backend",                                                          \
	 .families = (which),                                                                      \
	 .setup = established,                                                                     \
	 .flow = "established mx1 synack",                                                         \
	 .in = {.from = MX1, .to = CLIENT, __VA_ARGS__}},

static const struct row faults[] = {FAULTS(FAULT_OURS)};
static const struct row others[] = {FAULTS(FAULT_THEIRS) FAULTS(FAULT_REPLY)};

#define BEHIND(text, type, chain)                                                                  \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .families = ONLY(MXLB_V6),                      \
		.in = {.from = CLIENT,                                                             \
		       .to = VIP,                                                                  \
		       .flags = S,                                                                 \
		       .seq = CLIENT_ISN,                                                          \
		       .opts = 20,                                                                 \
		       .next = (type),                                                             \
		       .ext = (chain)},                                                            \
		.to = MX1, .after = "half_open+1 flows+1 load1+1 in1+1 syns+1",                    \
		.flow = "half_open mx1"                                                            \
	}

static const struct row extensions[] = {
	BEHIND("behind hop-by-hop options", 0, DST6),
	BEHIND("behind destination options", 60, DST6),
	BEHIND("behind a routing header", 43, "06020400 00000000" ZERO16),
	BEHIND("behind two headers", 0, DST60 DST6),
	BEHIND("behind six headers", 60, DST60 DST60 DST60 DST60 DST60 DST6),
	/* With 192 bytes the TCP checksum lies beyond the frame's first 255. */
	BEHIND("behind 184 bytes of options", 60,
	       "061601b4" ZERO4 ZERO16 ZERO16 ZERO16 ZERO64 ZERO64),
	BEHIND("behind 192 bytes of options", 60,
	       "061701bc" ZERO4 ZERO4 ZERO4 ZERO16 ZERO16 ZERO16 ZERO64 ZERO64),
	BEHIND("behind 200 bytes of options", 60, "061801c4" ZERO4 ZERO64 ZERO64 ZERO64),
	{.name = "TCP over the end behind options",
	 .verdict = DROP,
	 .reason = MXLB_REASON_BAD_LENGTH,
	 .families = ONLY(MXLB_V6),
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .next = 60, .ext = DST6, .len_off = -1}},
};

void test_parse(void **state)
{
	unsigned failed = rows_run("parse, not ours", strangers, COUNT(strangers));

	failed += rows_run("parse, faults", faults, COUNT(faults));
	failed += rows_run("parse, faults of others", others, COUNT(others));
	failed += rows_run("parse, extension headers", extensions, COUNT(extensions));
	assert_int_equal(failed, 0);
}

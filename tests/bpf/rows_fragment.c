/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fragments: the first is forwarded and tells the ports of those that follow; one that
 * nobody can place passes untouched; what could change a header that has been judged is
 * dropped. "Atomic" fragments of IPv6 are plain packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <cmocka.h>

#include "harness.h"
#include "stations.h"

/* The fields of a fragment: of IPv4 offset in 8 bytes and flags, of IPv6 the header, with
 * the offset in bytes. TCP's 20 bytes and 28 of data make 48 in a first fragment. */
#define FIRST	  .frag = 0x2000, .next = 44, .ext = "06000001 00001234"
#define AT_48	  .frag = 0x2006, .next = 44, .ext = "06000031 00001234"
#define AT_72	  .frag = 0x0009, .next = 44, .ext = "06000048 00001234"
#define AT_40	  .frag = 0x2005, .next = 44, .ext = "06000029 00001234"
#define AT_8	  .frag = 0x2001, .next = 44, .ext = "06000009 00001234"
#define LAST_48	  .frag = 0x0006, .next = 44, .ext = "06000030 00001234"
#define FARTHEST  .frag = 0x1fff, .next = 44, .ext = "0600fff8 00001234"
#define OTHER_ID  .id = 0x1235, .frag = 0x2006, .next = 44, .ext = "06000031 00001235"
#define FROM_MX1  .from = MX1, .to = CLIENT
#define TO_VIP	  .from = CLIENT, .to = VIP
#define FIRST_IN  TO_VIP, .flags = P | A, .seq = 1001, .ack = 5001, .data = 28
#define FIRST_OUT FROM_MX1, .flags = P | A, .seq = 5001, .ack = 1001, .data = 28

static void first_is_known(void)
{
	established();
	lab_fragment(48, 60 * SECOND);
}

static void first_is_long_ago(void)
{
	established();
	lab_fragment(48, -(__s64)SECOND);
}

static void no_flow_but_first(void)
{
	lab_fragment(48, 60 * SECOND);
}

static void stateless(void)
{
	lab_tallies(0, true);
}

static bool keeps_ports(void)
{
	struct mxlb_fragment_key key = lab_fragment_key();
	struct mxlb_fragment first;

	return !bpf_map_lookup_elem(lab_map("fragments"), &key, &first) &&
	       first.sport == htons(40000) && first.dport == htons(25) && first.end == 48 &&
	       first.until > lab_now() + 20 * SECOND && first.until < lab_now() + 31 * SECOND;
}

#define GOES_IN(text, prepare, ...)                                                                \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .setup = (prepare), .in = {__VA_ARGS__},        \
		.to = MX1, .after = "in1+1", .flow = ESTABLISHED_MX1                               \
	}

static const struct row in[] = {
	{.name = "the first fragment",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {FIRST_IN, FIRST},
	 .to = MX1,
	 .after = "fragments+1 in1+1",
	 .flow = ESTABLISHED_MX1,
	 .check = keeps_ports},
	{.name = "the next one follows it",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {TO_VIP, .later = 24, AT_48},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "and the last",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {TO_VIP, .later = 7, AT_72},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "the first once more changes nothing",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {FIRST_IN, FIRST},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "one of another datagram",
	 .goes_on = true,
	 .in = {TO_VIP, .later = 24, OTHER_ID},
	 .flow = ESTABLISHED_MX1},
	{.name = "one of another sender",
	 .goes_on = true,
	 .in = {.from = SIBLING, .to = VIP, .later = 24, AT_48},
	 .flow = ESTABLISHED_MX1},
	{.name = "one to another address",
	 .goes_on = true,
	 .in = {.from = CLIENT, .to = VIP2, .later = 24, AT_48},
	 .flow = ESTABLISHED_MX1},
	{.name = "one that comes before its first",
	 .setup = established,
	 .in = {TO_VIP, .later = 24, AT_48},
	 .flow = ESTABLISHED_MX1},
	{.name = "one whose first was long ago",
	 .setup = first_is_long_ago,
	 .in = {TO_VIP, .later = 24, AT_48},
	 .flow = ESTABLISHED_MX1},
	GOES_IN("right behind the first", first_is_known, TO_VIP, .later = 8, LAST_48),
	GOES_IN("the farthest there can be", first_is_known, TO_VIP, .later = 5, FARTHEST),
	GOES_IN("of a single byte", first_is_known, TO_VIP, .later = 1, AT_72),
	GOES_IN("behind a tag", first_is_known, TO_VIP, .later = 24, AT_48, .tags = "81000064"),
	{.name = "the first fragment, behind a tag",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {FIRST_IN, FIRST, .tags = "81000064"},
	 .to = MX1,
	 .after = "fragments+1 in1+1",
	 .flow = ESTABLISHED_MX1,
	 .check = keeps_ports},
	{.name = "the first fragment of a SYN with data",
	 .verdict = REDIRECT,
	 .in = {TO_VIP, .flags = S, .seq = CLIENT_ISN, .data = 28, FIRST},
	 .to = MX1,
	 .after = "half_open+1 flows+1 fragments+1 load1+1 in1+1 syns+1",
	 .flow = HALF_OPEN_MX1},
	/* Its connection is gone: as any segment without a flow it goes by the ring. */
	{.name = "a later one, the flow gone",
	 .verdict = REDIRECT,
	 .setup = no_flow_but_first,
	 .in = {TO_VIP, .later = 24, AT_48},
	 .to = MX1,
	 .after = "in1+1"},
	{.name = "padded to the least size of a frame",
	 .verdict = REDIRECT,
	 .setup = first_is_known,
	 .in = {TO_VIP, .later = 8, LAST_48, .pad = 18},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
};

static const struct row out[] = {
	{.name = "the first fragment of a reply",
	 .verdict = REDIRECT,
	 .setup = established,
	 .in = {FIRST_OUT, FIRST},
	 .as = VIP,
	 .after = "fragments+1 out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "the next one of a reply",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {FROM_MX1, .later = 24, AT_48},
	 .as = VIP,
	 .after = "out1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a reply's fragment before its first",
	 .setup = established,
	 .in = {FROM_MX1, .later = 24, AT_48},
	 .flow = ESTABLISHED_MX1},
	{.name = "the first fragment of a reply without a flow", .in = {FIRST_OUT, FIRST}},
	{.name = "a fragment that follows it",
	 .goes_on = true,
	 .in = {FROM_MX1, .later = 24, AT_48}},
	{.name = "while stateless, the first fragment of a reply",
	 .verdict = REDIRECT,
	 .setup = stateless,
	 .in = {FIRST_OUT, FIRST},
	 .as = VIP,
	 .after = "fragments+1 out1+1"},
	{.name = "while stateless, the next one",
	 .verdict = REDIRECT,
	 .goes_on = true,
	 .in = {FROM_MX1, .later = 24, AT_48},
	 .as = VIP,
	 .after = "out1+1"},
};

/* Of 16 bytes: ports, numbers, but no flags. `cut` bytes are missing from the header. */
#define TINY(bytes) .flags = A, .len_off = -(bytes), .cut = (bytes), FIRST
#define REFUSED(text, why, prepare, ...)                                                           \
	{                                                                                          \
		.name = text, .verdict = DROP, .reason = MXLB_REASON_##why, .setup = (prepare),    \
		.in = { __VA_ARGS__ }                                                              \
	}
#define REFUSED_EST(text, why, prepare, ...)                                                       \
	{                                                                                          \
		.name = text, .verdict = DROP, .reason = MXLB_REASON_##why, .setup = (prepare),    \
		.in = {__VA_ARGS__}, .flow = ESTABLISHED_MX1                                       \
	}

static const struct row refused[] = {
	REFUSED("a first fragment of 8 bytes", FRAGMENT_TINY, NULL, TO_VIP, TINY(12)),
	REFUSED("a first fragment of 16 bytes", FRAGMENT_TINY, NULL, TO_VIP, TINY(4)),
	REFUSED_EST("a first fragment of 16 bytes on a flow", FRAGMENT_TINY, established, TO_VIP,
		    TINY(4)),
	REFUSED("a first fragment that ends within the options", FRAGMENT_TINY, NULL, TO_VIP,
		.flags = A, .opts = 20, .len_off = -8, .cut = 8, FIRST),
	REFUSED("a first fragment whose options are all missing", FRAGMENT_TINY, NULL, TO_VIP,
		.flags = A, .doff = 15, .data = 4, FIRST),
	REFUSED("a first fragment of 8 bytes, padded", FRAGMENT_TINY, NULL, TO_VIP, .flags = A,
		.len_off = -12, FIRST),
	REFUSED_EST("begins within the first", FRAGMENT_OVERLAP, first_is_known, TO_VIP,
		    .later = 24, AT_40),
	REFUSED_EST("begins within the TCP header", FRAGMENT_OVERLAP, first_is_known, TO_VIP,
		    .later = 40, AT_8),
	REFUSED("begins within the first, without a flow", FRAGMENT_OVERLAP, no_flow_but_first,
		TO_VIP, .later = 24, AT_40),
	REFUSED_EST("a later one, longer than its frame", BAD_LENGTH, first_is_known, TO_VIP,
		    .later = 24, .len_off = 1, AT_48),
	{.name = "a tiny first fragment to another", .in = {.from = CLIENT, .to = MX1, TINY(4)}},
	{.name = "a tiny first fragment of a reply",
	 .setup = established,
	 .in = {FROM_MX1, TINY(4)},
	 .flow = ESTABLISHED_MX1},
	{.name = "IP options in a first fragment",
	 .verdict = DROP,
	 .reason = MXLB_REASON_IP_OPTIONS,
	 .families = ONLY(MXLB_V4),
	 .in = {FIRST_IN, FIRST, .ip_opts = "01010100"}},
	{.name = "IP options in a later one",
	 .verdict = DROP,
	 .reason = MXLB_REASON_IP_OPTIONS,
	 .families = ONLY(MXLB_V4),
	 .setup = first_is_known,
	 .in = {TO_VIP, .later = 24, AT_48, .ip_opts = "01010100"},
	 .flow = ESTABLISHED_MX1},
	{.name = "impossible flags in a first fragment",
	 .verdict = DROP,
	 .reason = MXLB_REASON_BAD_FLAGS,
	 .in = {TO_VIP, .flags = S | F, .data = 28, FIRST}},
};

#define ATOMIC .next = 44, .ext = "06000000 00001234"
#define ONLY_V6(text, ...)                                                                         \
	{                                                                                          \
		.name = text, .families = ONLY(MXLB_V6), .in = { __VA_ARGS__ }                     \
	}

static const struct row chains[] = {
	{.name = "an atomic fragment opens a flow",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .in = {TO_VIP, .flags = S, .seq = CLIENT_ISN, .opts = 20, ATOMIC},
	 .to = MX1,
	 .after = OPENED(1),
	 .flow = HALF_OPEN_MX1},
	{.name = "an atomic fragment with data",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .setup = established,
	 .in = {FIRST_IN, ATOMIC},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "a first fragment behind options",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .setup = established,
	 .in = {FIRST_IN, .next = 60, .ext = "2c00010400000000 06000001 00001234"},
	 .to = MX1,
	 .after = "fragments+1 in1+1",
	 .flow = ESTABLISHED_MX1,
	 .check = keeps_ports},
	{.name = "a later one behind options",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .goes_on = true,
	 .in = {TO_VIP, .later = 24, .next = 60, .ext = "2c00010400000000 06000031 00001234"},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	/* What stands behind the fragment header is part of what was cut: 8 and 48 bytes. */
	{.name = "options between fragment header and TCP",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .setup = established,
	 .in = {FIRST_IN, .next = 44, .ext = "3c000001 00001234 0600010400000000"},
	 .to = MX1,
	 .after = "fragments+1 in1+1",
	 .flow = ESTABLISHED_MX1},
	{.name = "and one that begins in the last eight bytes",
	 .verdict = DROP,
	 .reason = MXLB_REASON_FRAGMENT_OVERLAP,
	 .families = ONLY(MXLB_V6),
	 .goes_on = true,
	 .in = {TO_VIP, .later = 24, .next = 44, .ext = "3c000031 00001234"},
	 .flow = ESTABLISHED_MX1},
	{.name = "and one that begins behind it",
	 .verdict = REDIRECT,
	 .families = ONLY(MXLB_V6),
	 .goes_on = true,
	 .in = {TO_VIP, .later = 24, .next = 44, .ext = "3c000039 00001234"},
	 .to = MX1,
	 .after = "in1+1",
	 .flow = ESTABLISHED_MX1},
	ONLY_V6("a first fragment of UDP", TO_VIP, .flags = A, .next = 44,
		.ext = "11000001 00001234"),
	ONLY_V6("a fragment header cut short", TO_VIP, .flags = A, .next = 44,
		.ext = "06000000 00001234", .cut = 24),
	{.name = "a fragment of UDP",
	 .families = ONLY(MXLB_V4),
	 .setup = first_is_known,
	 /* Offset 48, the id of the first. */
	 .hex = {"020000000a01 020000000a02 0800 "
		 "45000024123420064011 5c3b c6336407c0000219 00112233445566778899aabbccddeeff"},
	 .flow = ESTABLISHED_MX1},
};

void test_fragment(void **state)
{
	unsigned failed = rows_run("fragment, in", in, COUNT(in));

	failed += rows_run("fragment, out", out, COUNT(out));
	failed += rows_run("fragment, refused", refused, COUNT(refused));
	failed += rows_run("fragment, chains", chains, COUNT(chains));
	assert_int_equal(failed, 0);
}

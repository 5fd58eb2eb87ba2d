/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses: text to bytes and back, prefixes, masks, sockaddrs.
 */
/* uses: addr.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "addr.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct mxlb_addr addr(const char *text)
{
	struct mxlb_addr made;

	assert_int_equal(addr_parse(text, &made), 0);
	return made;
}

static void parses_v4_as_mapped(void **state)
{
	static const __u8 want[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
	struct mxlb_addr plain = addr("192.0.2.1"), mapped = addr("::ffff:192.0.2.1");

	assert_memory_equal(plain.b, want, 16);
	assert_memory_equal(mapped.b, want, 16);
	assert_int_equal(addr_family(&mapped), MXLB_V4);
}

static void parses_v6(void **state)
{
	static const __u8 want[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x25};
	struct mxlb_addr v6 = addr("2001:db8::25");

	assert_memory_equal(v6.b, want, 16);
	assert_int_equal(addr_family(&v6), MXLB_V6);
}

static void refuses_what_is_no_address(void **state)
{
	static const char *const rows[] = {
		"",	     "1",	 "1.2.3",    "1.2.3.4.5",  "1.2.3.256",
		" 1.2.3.4",  "1.2.3.4 ", "01.2.3.4", "1.2.3.4/32", "1.2.3.4:25",
		"[::1]",     "::1%lo",	 "::g",	     "1::2::3",	   "localhost",
		"0x1.2.3.4", "12345::",	 "1.2.3.-4", "::ffff:1.2",
	};
	struct mxlb_addr kept = addr("10.0.0.1"), out = kept;

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (addr_parse(rows[i], &out) != -EINVAL)
			fail_msg("accepted \"%s\"", rows[i]);
	}
	assert_true(addr_equal(&out, &kept)); /* untouched on failure */
}

static void formats_addresses(void **state)
{
	static const char *const rows[][2] = {
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:10.0.0.1", "10.0.0.1"},
		{"2001:0DB8:0:0::0025", "2001:db8::25"},
		{"::", "::"},
		{"0.0.0.0", "0.0.0.0"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct mxlb_addr a = addr(rows[i][0]);

		assert_string_equal(addr_format(&a, text), rows[i][1]);
	}
}

static void parses_endpoints(void **state)
{
	static const struct {
		const char *text;
		unsigned port;
		const char *want; /* NULL: refused */
	} rows[] = {
		{"192.0.2.1:25", 0, "192.0.2.1:25"},
		{"192.0.2.1:25", 587, "192.0.2.1:25"},
		{"192.0.2.1", 25, "192.0.2.1:25"},
		{"[2001:db8::1]:2525", 25, "[2001:db8::1]:2525"},
		{"[2001:db8::1]", 25, "[2001:db8::1]:25"},
		{"2001:db8::1", 65535, "[2001:db8::1]:65535"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
		 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		{"192.0.2.1", 0, "192.0.2.1:0"},
		{"192.0.2.1:0", 25, NULL},
		{"192.0.2.1:65536", 25, NULL},
		{"192.0.2.1:4294967321", 25, NULL},
		{"192.0.2.1:", 25, NULL},
		{"192.0.2.1:+25", 25, NULL},
		{"192.0.2.1: 25", 25, NULL},
		{"192.0.2.1:smtp", 25, NULL},
		{"[192.0.2.1]:25", 25, NULL},
		{"[2001:db8::1]25", 25, NULL},
		{"[2001:db8::1", 25, NULL},
		{"[]:25", 25, NULL},
		{":25", 25, NULL},
		{"localhost:25", 25, NULL},
		{"", 25, NULL},
	};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct mxlb_endpoint got = {0};
		int err = endpoint_parse(rows[i].text, rows[i].port, &got);

		if (err != (rows[i].want ? 0 : -EINVAL))
			fail_msg("\"%s\" gives %d", rows[i].text, err);
		if (!err)
			assert_string_equal(endpoint_format(&got, text), rows[i].want);
		assert_int_equal(got.zero, 0);
	}
}

static void keeps_ports_in_network_order(void **state)
{
	struct mxlb_endpoint got;

	assert_int_equal(endpoint_parse("10.0.0.1:258", 0, &got), 0);
	assert_memory_equal(&got.port, "\x01\x02", 2);
}

static void parses_cidr(void **state)
{
	static const struct {
		const char *text;
		int err;
		unsigned prefix;
	} rows[] = {
		{"192.0.2.0/24", 0, 24},
		{"192.0.2.1", 0, 32},
		{"0.0.0.0/0", 0, 0},
		{"2001:db8::/32", 0, 32},
		{"::/0", 0, 0},
		{"2001:db8::1", 0, 128},
		{"192.0.2.0/33", -EINVAL, 0},
		{"2001:db8::/129", -EINVAL, 0},
		{"192.0.2.0/", -EINVAL, 0},
		{"192.0.2.0/-1", -EINVAL, 0},
		{"192.0.2.0/2x", -EINVAL, 0},
		{"/24", -EINVAL, 0},
		{"x/24", -EINVAL, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct mxlb_addr a;
		unsigned prefix = 0;
		int err = cidr_parse(rows[i].text, &a, &prefix);

		if (err != rows[i].err || prefix != rows[i].prefix)
			fail_msg("\"%s\" gives %d, /%u", rows[i].text, err, prefix);
	}
}

static void makes_masks(void **state)
{
	static const struct {
		enum mxlb_family family;
		unsigned prefix;
		const char *want;
	} rows[] = {
		{MXLB_V4, 24, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00"},
		{MXLB_V4, 0, "ffff:ffff:ffff:ffff:ffff:ffff::"},
		{MXLB_V4, 32, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{MXLB_V4, 9, "ffff:ffff:ffff:ffff:ffff:ffff:ff80:0"},
		{MXLB_V6, 64, "ffff:ffff:ffff:ffff::"},
		{MXLB_V6, 0, "::"},
		{MXLB_V6, 61, "ffff:ffff:ffff:fff8::"},
		{MXLB_V6, 128, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct mxlb_addr got = addr_mask(rows[i].family, rows[i].prefix);
		struct mxlb_addr want = addr(rows[i].want);

		assert_memory_equal(got.b, want.b, 16);
	}
}

static void matches_prefixes(void **state)
{
	static const struct {
		const char *addr, *net;
		unsigned prefix;
		bool want;
	} rows[] = {
		{"192.0.2.200", "192.0.2.0", 24, true},	 {"192.0.3.1", "192.0.2.0", 24, false},
		{"192.0.3.1", "192.0.2.0", 23, true},	 {"192.0.2.1", "192.0.2.1", 32, true},
		{"192.0.2.0", "192.0.2.1", 32, false},	 {"203.0.113.1", "0.0.0.0", 0, true},
		{"2001:db8::1", "0.0.0.0", 0, false},	 {"192.0.2.1", "::", 0, false},
		{"2001:db8::1", "2001:db8::", 32, true}, {"2001:db9::1", "2001:db8::", 32, false},
		{"2001:db9::1", "2001:db8::", 31, true}, {"2001:db8::1", "::", 0, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct mxlb_addr a = addr(rows[i].addr), net = addr(rows[i].net);

		if (addr_in_prefix(&a, &net, rows[i].prefix) != rows[i].want)
			fail_msg("%s in %s/%u", rows[i].addr, rows[i].net, rows[i].prefix);
	}
}

static void tells_zero_and_equal(void **state)
{
	struct mxlb_addr zero = {0}, v4_zero = addr("0.0.0.0"), one = addr("::1");

	assert_true(addr_is_zero(&zero));
	assert_false(addr_is_zero(&v4_zero)); /* mapped: an address, not "unset" */
	assert_false(addr_is_zero(&one));
	assert_true(addr_equal(&one, &one));
	assert_false(addr_equal(&one, &zero));
}

static void fills_sockaddrs(void **state)
{
	struct mxlb_addr v4 = addr("192.0.2.1"), v6 = addr("2001:db8::1");
	struct sockaddr_storage ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&ss;

	assert_int_equal(addr_sockaddr(&v4, htons(25), &ss), sizeof(*sin));
	assert_int_equal(sin->sin_family, AF_INET);
	assert_int_equal(ntohs(sin->sin_port), 25);
	assert_int_equal(ntohl(sin->sin_addr.s_addr), 0xc0000201);
	assert_int_equal(addr_sockaddr(&v6, htons(587), &ss), sizeof(*sin6));
	assert_int_equal(sin6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(sin6->sin6_port), 587);
	assert_memory_equal(&sin6->sin6_addr, v6.b, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_v4_as_mapped),
		cmocka_unit_test(parses_v6),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(formats_addresses),
		cmocka_unit_test(parses_endpoints),
		cmocka_unit_test(keeps_ports_in_network_order),
		cmocka_unit_test(parses_cidr),
		cmocka_unit_test(makes_masks),
		cmocka_unit_test(matches_prefixes),
		cmocka_unit_test(tells_zero_and_equal),
		cmocka_unit_test(fills_sockaddrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

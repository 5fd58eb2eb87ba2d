/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may open a flow: not what no sender could have sent, nor a frame to another host,
 * nor more than there is room for. Without room, or for schedulers without a hash, all of
 * a connection still goes to one backend. A backend's own connections to the VIP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "stations.h"

static void ring_is_mx1(void)
{
	lab_ring_all(SERVING, MX1);
}

static void ring_is_mx1_mx3(void)
{
	const __u32 ids[] = {MX1, MX3};

	lab_ring(SERVING, ids, 2);
}

static void lone_mx1_drops(void)
{
	ring_is_mx1();
	lab_service(MXLB_SOURCE, MXLB_DROP);
}

static const struct row zero_ports[] = {
	{.name = "a SYN from port 0",
	 .verdict = DROP,
	 .reason = MXLB_REASON_ZERO_PORT,
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040063c48c6336407c0000219 "
		 "00000019000003e8000000005002faf0c49c0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "00000019000003e8000000005002faf055220000"}},
	{.name = "a segment from port 0",
	 .verdict = DROP,
	 .reason = MXLB_REASON_ZERO_PORT,
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040063c48c6336407c0000219 "
		 "0000001900000001000000015010faf0c8740000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "0000001900000001000000015010faf058fa0000"}},
	{.name = "a RST from port 0",
	 .verdict = DROP,
	 .reason = MXLB_REASON_ZERO_PORT,
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040063c48c6336407c0000219 "
		 "0000001900000001000000005004faf0c8810000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "20010db8000c00000000000000000007 20010db8002500000000000000000025 "
		 "0000001900000001000000005004faf059070000"}},
	{.name = "from port 0, not to the VIP",
	 .verdict = PASS,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006f456c63364070a00000b "
		 "00000019000003e8000000005002faf07cab0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "20010db8000c00000000000000000007 20010db8000b00000000000000000011 "
		 "00000019000003e8000000005002faf055500000"}},
};

static const struct row martians[] = {
	{.name = "0.0.0.0, ::",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006668300000000c0000219 "
		 "80e80019000003e8000000005002faf06def0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "00000000000000000000000000000000 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf002060000"}},
	{.name = "0.255.1.2, ::1",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006648200ff0102c0000219 "
		 "80e80019000003e8000000005002faf06bee0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "00000000000000000000000000000001 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf002050000"}},
	{.name = "127.0.0.1, ff02::1",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006e7817f000001c0000219 "
		 "80e80019000003e8000000005002faf0eeed0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "ff020000000000000000000000000001 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf003020000"}},
	{.name = "127.255.255.255, ff0e::25",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006e6837fffffffc0000219 "
		 "80e80019000003e8000000005002faf0edef0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "ff0e0000000000000000000000000025 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf002d20000"}},
	{.name = "224.0.0.5, ffff::1",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006867de0000005c0000219 "
		 "80e80019000003e8000000005002faf08de90000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "ffff0000000000000000000000000001 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf002050000"}},
	{.name = "239.255.255.255",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040067683efffffffc0000219 "
		 "80e80019000003e8000000005002faf07def0000"}},
	{.name = "240.0.0.1",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040067681f0000001c0000219 "
		 "80e80019000003e8000000005002faf07ded0000"}},
	{.name = "255.255.255.255",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040066683ffffffffc0000219 "
		 "80e80019000003e8000000005002faf06def0000"}},
	{.name = "169.254.1.1, fe80::1",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006bb83a9fe0101c0000219 "
		 "80e80019000003e8000000005002faf0c2ef0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "fe800000000000000000000000000001 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf003840000"}},
	{.name = "the VIP itself",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006a469c0000219c0000219 "
		 "80e80019000003e8000000005002faf0abd50000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "20010db8002500000000000000000025 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf0d4020000"}},
	{.name = "an answer of a group",
	 .verdict = DROP,
	 .reason = MXLB_REASON_MARTIAN,
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006867de0000005c0000219 "
		 "80e8001900000001000000015010faf091c10000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "ff020000000000000000000000000001 20010db8002500000000000000000025 "
		 "80e8001900000001000000015010faf006da0000"}},
	{.name = "0.0.0.0, ::, not to the VIP",
	 .verdict = PASS,
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040061e92000000000a00000b "
		 "80e80019000003e8000000005002faf025fe0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "00000000000000000000000000000000 20010db8000b00000000000000000011 "
		 "80e80019000003e8000000005002faf002340000"}},
	{.name = "but not 1.0.0.1, ::2",
	 .verdict = REDIRECT,
	 .setup = ring_is_mx1,
	 .after = OPENED(1),
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006658201000001c0000219 "
		 "80e80019000003e8000000005002faf06cee0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "00000000000000000000000000000002 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf002040000"},
	 .want = {"020000000b11 020000000b01 0800 45000028123440003f061e91010000010a00000b "
		  "80e80019000003e8000000005002faf024fd0000",
		  "020000000b11 020000000b01 86dd 600123450014063f "
		  "00000000000000000000000000000002 20010db8000b00000000000000000011 "
		  "80e80019000003e8000000005002faf002320000"}},
	{.name = "but not 126.255.255.255, 100::1",
	 .verdict = REDIRECT,
	 .setup = ring_is_mx1,
	 .after = OPENED(1),
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006e7837effffffc0000219 "
		 "80e80019000003e8000000005002faf0eeef0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "01000000000000000000000000000001 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf001050000"},
	 .want = {"020000000b11 020000000b01 0800 45000028123440003f06a0927effffff0a00000b "
		  "80e80019000003e8000000005002faf0a6fe0000",
		  "020000000b11 020000000b01 86dd 600123450014063f "
		  "01000000000000000000000000000001 20010db8000b00000000000000000011 "
		  "80e80019000003e8000000005002faf001330000"}},
	{.name = "but not 128.0.0.1, 2001:db8:ffff::1",
	 .verdict = REDIRECT,
	 .setup = ring_is_mx1,
	 .after = OPENED(1),
	 .hex = {"020000000a01 020000000a02 0800 45000028123440004006e68180000001c0000219 "
		 "80e80019000003e8000000005002faf0eded0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "20010db8ffff00000000000000000001 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf0d44b0000"},
	 .want = {"020000000b11 020000000b01 0800 45000028123440003f069f90800000010a00000b "
		  "80e80019000003e8000000005002faf0a5fc0000",
		  "020000000b11 020000000b01 86dd 600123450014063f "
		  "20010db8ffff00000000000000000001 20010db8000b00000000000000000011 "
		  "80e80019000003e8000000005002faf0d4790000"}},
	{.name = "but not 223.255.255.255, feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	 .verdict = REDIRECT,
	 .setup = ring_is_mx1,
	 .after = OPENED(1),
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040068683dfffffffc0000219 "
		 "80e80019000003e8000000005002faf08def0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "feffffffffffffffffffffffffffffff 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf003060000"},
	 .want = {"020000000b11 020000000b01 0800 45000028123440003f063f92dfffffff0a00000b "
		  "80e80019000003e8000000005002faf045fe0000",
		  "020000000b11 020000000b01 86dd 600123450014063f "
		  "feffffffffffffffffffffffffffffff 20010db8000b00000000000000000011 "
		  "80e80019000003e8000000005002faf003340000"}},
	{.name = "but not 10.255.0.1, fd00::1",
	 .verdict = REDIRECT,
	 .setup = ring_is_mx1,
	 .after = OPENED(1),
	 .hex = {"020000000a01 020000000a02 0800 450000281234400040065b830aff0001c0000219 "
		 "80e80019000003e8000000005002faf062ef0000",
		 "020000000a01 020000000a02 86dd 6001234500140640 "
		 "fd000000000000000000000000000001 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf005040000"},
	 .want = {"020000000b11 020000000b01 0800 45000028123440003f0614920aff00010a00000b "
		  "80e80019000003e8000000005002faf01afe0000",
		  "020000000b11 020000000b01 86dd 600123450014063f "
		  "fd000000000000000000000000000001 20010db8000b00000000000000000011 "
		  "80e80019000003e8000000005002faf005320000"}},
};

/* ---- the interface's own address, under XDP; TC asks the kernel ---- */

static void port_unknown(void)
{
	const struct mxlb_port none = {0};

	lab_set("ports", lab_ifindex(WAN) % MXLB_IFINDEX_SLOTS, &none);
}

static void port_of_another(void)
{
	struct mxlb_port port;

	lab_get("ports", lab_ifindex(WAN) % MXLB_IFINDEX_SLOTS, &port);
	port.ifindex += MXLB_IFINDEX_SLOTS;
	lab_set("ports", lab_ifindex(WAN) % MXLB_IFINDEX_SLOTS, &port);
}

static void port_has_other_mac(void)
{
	lab_port(WAN, "020000000a99");
}

static void port_differs_by_a_bit(void)
{
	lab_port(WAN, "020000000a81");
}

#define LEFT_TO_TC(text, prepare)                                                                  \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .xdp_passes = true, .setup = (prepare),         \
		.in = SYN_IN, .to = MX1, .after = OPENED(1), .flow = HALF_OPEN_MX1                 \
	}

static const struct row ports[] = {
	LEFT_TO_TC("an interface that XDP knows nothing of", port_unknown),
	LEFT_TO_TC("an interface whose place another has", port_of_another),
	LEFT_TO_TC("an interface with another address", port_has_other_mac),
	LEFT_TO_TC("an address that differs by a bit", port_differs_by_a_bit),
	{.name = "a SYN to another host's address",
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .mac = "020000000aff"}},
	{.name = "a stray segment to another host's address",
	 .in = {.from = CLIENT, .to = VIP, .flags = A, .mac = "020000000aff"}},
	{.name = "a faulty one to another host's address",
	 .in = {.from = CLIENT, .to = VIP, .flags = S | F, .mac = "020000000aff"}},
	{.name = "a SYN that none can serve, to another host's address",
	 .setup = no_backend,
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .mac = "020000000aff"}},
	{.name = "one with TTL 1, to another host's address",
	 .in = {.from = CLIENT, .to = VIP, .flags = S, .ttl = 1, .mac = "020000000aff"}},
};

/* ---- no room ---- */

/* By the count of entries, which is what is asked; the table itself has room. */
static void entries(__u64 count)
{
	struct mxlb_tallies tallies;

	lab_get("tallies", 0, &tallies);
	tallies.entries = count;
	lab_set("tallies", 0, &tallies);
}

static void last_place(void)
{
	entries(LAB_FLOWS - 1);
}

static void no_place(void)
{
	entries(LAB_FLOWS);
}

static void no_place_closing(void)
{
	closing();
	no_place();
}

static void no_place_mx1_full(void)
{
	no_place();
	lab_limit(MX1, 3, 3);
}

static void mx1_full(void)
{
	lab_limit(MX1, 3, 3);
}

#define STATELESS(n) "table_full+1 stateless+1 in" #n "+1 syns+1 full_event+1"

static const struct row room[] = {
	{.name = "the last place in the table",
	 .verdict = REDIRECT,
	 .setup = last_place,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = OPENED(1),
	 .flow = HALF_OPEN_MX1},
	{.name = "no place in the table",
	 .verdict = REDIRECT,
	 .setup = no_place,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = STATELESS(1)},
	{.name = "no place, a stray segment",
	 .verdict = REDIRECT,
	 .setup = no_place,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "stateless+1 in1+1"},
	{.name = "no place, a SYN on a finished flow",
	 .verdict = REDIRECT,
	 .setup = no_place_closing,
	 .in = SYN_IN,
	 .to = MX1,
	 .after = "half_open+1 load1+1 in1+1 syns+1",
	 .flow = HALF_OPEN_MX1},
	{.name = "no place, and the backend is full: the SYN goes on",
	 .verdict = REDIRECT,
	 .setup = no_place_mx1_full,
	 .in = SYN_IN,
	 .to = MX2,
	 .after = STATELESS(2)},
	{.name = "no place, and the backend is full: a segment does not",
	 .verdict = REDIRECT,
	 .setup = no_place_mx1_full,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "stateless+1 in1+1"},
	{.name = "a stray segment for a full backend has its place there",
	 .verdict = REDIRECT,
	 .setup = mx1_full,
	 .in = SEG_IN(A),
	 .to = MX1,
	 .after = "half_open+1 flows+1 load1+1 in1+1",
	 .flow = "half_open mx1 adopted"},
};

/* ---- one connection, one backend, whatever the scheduler. The slots of the ring were
 * computed by hand from mxlb/hash.h: the client's port 40000 is MX2's, its port 40003
 * MX3's (IPv4) or MX1's (IPv6). ---- */

static void round_robin(void)
{
	lab_service(MXLB_ROUND_ROBIN, MXLB_RESET);
	lab_tallies(HALF_OPEN_MAX, false);
}

static void random_choice(void)
{
	lab_service(MXLB_RANDOM, MXLB_RESET);
	lab_tallies(HALF_OPEN_MAX, false);
}

static void least_connections(void)
{
	lab_service(MXLB_LEAST_CONNECTIONS, MXLB_RESET);
	lab_limit(MX2, 0, 500);
	lab_tallies(HALF_OPEN_MAX, false);
}

#define STEADY(text, prepare)                                                                      \
	{.name = text ", a SYN",                                                                   \
	 .verdict = REDIRECT,                                                                      \
	 .setup = (prepare),                                                                       \
	 .in = SYN_IN,                                                                             \
	 .to = MX2,                                                                                \
	 .after = STATELESS(2)},                                                                   \
		{.name = text ", its SYN-ACK",                                                     \
		 .verdict = REDIRECT,                                                              \
		 .goes_on = true,                                                                  \
		 .in = SYNACK_OUT(MX2),                                                            \
		 .as = VIP,                                                                        \
		 .after = "out2+1"},                                                               \
		{.name = text ", the ACK",                                                         \
		 .verdict = REDIRECT,                                                              \
		 .goes_on = true,                                                                  \
		 .in = SEG_IN(A),                                                                  \
		 .to = MX2,                                                                        \
		 .after = "in2+1"},                                                                \
		{.name = text ", the SYN again",                                                   \
		 .verdict = REDIRECT,                                                              \
		 .goes_on = true,                                                                  \
		 .in = SYN_IN,                                                                     \
		 .to = MX2,                                                                        \
		 .after = "table_full+1 in2+1 syns+1"},                                            \
		{.name = text ", a FIN",                                                           \
		 .verdict = REDIRECT,                                                              \
		 .goes_on = true,                                                                  \
		 .in = SEG_IN(F | A),                                                              \
		 .to = MX2,                                                                        \
		 .after = "in2+1"},                                                                \
	{                                                                                          \
		.name = text ", a RST", .verdict = REDIRECT, .goes_on = true, .in = SEG_IN(R),     \
		.to = MX2, .after = "in2+1"                                                        \
	}
#define OTHER_PORT(text, which, mx, n)                                                             \
	{                                                                                          \
		.name = text, .verdict = REDIRECT, .families = ONLY(which), .setup = round_robin,  \
		.in = {.from = CLIENT, .to = VIP, .sport = 40003, .flags = S}, .to = mx,           \
		.after = STATELESS(n)                                                              \
	}

static void round_robin_with_room(void)
{
	lab_service(MXLB_ROUND_ROBIN, MXLB_RESET);
}

static const struct row steady[] = {
	STEADY("round-robin beyond the cap", round_robin),
	STEADY("random beyond the cap", random_choice),
	STEADY("least-connections beyond the cap", least_connections),
	OTHER_PORT("another port of the client's", MXLB_V4, MX3, 3),
	OTHER_PORT("another port of the client's", MXLB_V6, MX1, 1),
	{.name = "round-robin, a stray segment goes where all of its kind do",
	 .verdict = REDIRECT,
	 .setup = round_robin_with_room,
	 .in = SEG_IN(A),
	 .to = MX2,
	 .after = "half_open+1 flows+1 load2+1 in2+1",
	 .flow = "half_open mx2 adopted"},
};

/* ---- a backend as the client ---- */

#define FROM_MX1(how)                                                                              \
	{                                                                                          \
		.from = MX1, .to = VIP, .sport = 33000, .flags = (how), .seq = 1000                \
	}

static const struct row hairpins[] = {
	{.name = "a backend that is the only one",
	 .verdict = TX,
	 .setup = ring_is_mx1,
	 .side = LAN,
	 .after = "refused+1",
	 .hex = {"020000000b01 020000000b11 0800 450000281234400040065c780a00000bc0000219 "
		 "80e80019000003e8000000005002faf063e40000",
		 "020000000b01 020000000b11 86dd 6001234500140640 "
		 "20010db8000b00000000000000000011 20010db8002500000000000000000025 "
		 "80e80019000003e8000000005002faf0d4300000"},
	 .want = {"020000000b11 020000000b01 0800 450000281234400040065c78c00002190a00000b "
		  "001980e800000000000003e9501400005ec20000",
		  "020000000b11 020000000b01 86dd 6001234500140640 "
		  "20010db8002500000000000000000025 20010db8000b00000000000000000011 "
		  "001980e800000000000003e950140000cf0e0000"}},
	{.name = "a backend that is the only one, by policy",
	 .verdict = DROP,
	 .reason = MXLB_REASON_HAIRPIN,
	 .setup = lone_mx1_drops,
	 .in = FROM_MX1(S),
	 .after = "refused+1"},
	{.name = "a segment of a backend that is the only one",
	 .verdict = DROP,
	 .reason = MXLB_REASON_HAIRPIN,
	 .setup = ring_is_mx1,
	 .in = FROM_MX1(A)},
	{.name = "a backend is served by another",
	 .verdict = REDIRECT,
	 .setup = ring_is_mx1_mx3,
	 .in = FROM_MX1(S),
	 .to = MX3,
	 .after = OPENED(3)},
	/* Its slot of the ring is its own (IPv6), or not. */
	{.name = "a backend is served by the next of the ring",
	 .verdict = REDIRECT,
	 .in = FROM_MX1(S),
	 .to = MX2,
	 .after = OPENED(2)},
};

void test_admit(void **state)
{
	unsigned failed = rows_run("admit, port 0", zero_ports, COUNT(zero_ports));

	failed += rows_run("admit, martians", martians, COUNT(martians));
	failed += rows_run("admit, ports", ports, COUNT(ports));
	failed += rows_run("admit, room", room, COUNT(room));
	failed += rows_run("admit, steady", steady, COUNT(steady));
	failed += rows_run("admit, hairpins", hairpins, COUNT(hairpins));
	assert_int_equal(failed, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the netlink adapter asks of a kernel, in a network namespace of its own:
 * addresses, and neighbours that a second namespace answers for.
 */
/* uses: netlink.c netlink_links.c netlink_request.c addr.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <cmocka.h>

#include <event2/event.h>

#include "addr.h"
#include "netlink.h"
#include "private_net.h"

#define SETTLE_MS 65 /* more than the gap between two calls of hops_changed */

static struct event_base *base;
static struct netlink *netlink;
static unsigned n_hops;

static void on_hops(void *arg)
{
	n_hops++;
}

/* How often hops have changed since the last call. */
static unsigned hops_seen(void)
{
	struct timeval time = {0, SETTLE_MS * 1000};
	unsigned seen;

	event_base_loopexit(base, &time);
	event_base_dispatch(base);
	seen = n_hops;
	n_hops = 0;
	return seen;
}

static struct mxlb_addr addr_of(const char *text)
{
	struct mxlb_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
	static const char *const texts[] = {"192.0.2.25", "2001:db8::25"};

	for (size_t i = 0; i < 2; i++) {
		struct mxlb_addr addr = addr_of(texts[i]);

		assert_int_equal(netlink_address_exists(netlink, &addr), 0);
		assert_int_equal(netlink_address_add(netlink, "lo", &addr), 1);
		assert_int_equal(netlink_address_exists(netlink, &addr), 1);
		assert_int_equal(netlink_address_add(netlink, "lo", &addr), 0);
		private_net_run("ip addr show dev lo | grep -q ' %s/%s scope global'", texts[i],
				i == 0 ? "32" : "128");
		assert_int_equal(netlink_address_del(netlink, "lo", &addr), 0);
		assert_int_equal(netlink_address_exists(netlink, &addr), 0);
		assert_int_equal(netlink_address_del(netlink, "lo", &addr), 0);
		assert_int_equal(netlink_address_add(netlink, "eth9", &addr), -ENODEV);
		assert_int_equal(netlink_address_del(netlink, "eth9", &addr), 0);
	}
}

/* A tentative address would not answer yet. */
static void test_address_skips_duplicate_detection(void **state)
{
	struct mxlb_addr addr = addr_of("2001:db8::25");

	private_net_run("ip link add name d1 up type veth peer name d1-; ip link set d1- up");
	private_net_write("/proc/sys/net/ipv6/conf/d1/accept_dad", "1");
	assert_int_equal(netlink_address_add(netlink, "d1", &addr), 1);
	private_net_run("! ip addr show dev d1 | grep 2001:db8::25 | grep tentative");
	private_net_run("ip link del d1");
}

static void test_works_without_a_loop(void **state)
{
	struct mxlb_addr addr = addr_of("192.0.2.26");
	struct netlink *quiet;

	assert_int_equal(netlink_new(NULL, NULL, NULL, &quiet), 0);
	assert_int_equal(netlink_address_add(quiet, "lo", &addr), 1);
	assert_int_equal(netlink_address_del(quiet, "lo", &addr), 0);
	netlink_free(quiet);
	netlink_free(NULL);
}

/* ---- neighbours ---- */

/* The other host: a process in a namespace of its own, which holds the end d2. */
static pid_t host_start(int *quit)
{
	int ready[2], go[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		if (unshare(CLONE_NEWNET) != 0 || write(ready[1], &byte, 1) != 1 ||
		    read(go[0], &byte, 1) != 1)
			_exit(1);
		private_net_run("ip addr add 10.9.0.2/24 dev d2; ip link set d2 up; "
				"ip addr add fd00:9::2/64 dev d2 nodad");
		_exit(write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 0);
	}
	close(go[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	private_net_run("ip link add name d1 type veth peer name d2 netns %d", (int)pid);
	private_net_run("ip link set d1 up; ip addr add 10.9.0.1/24 dev d1; "
			"ip addr add fd00:9::1/64 dev d1 nodad");
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	*quit = go[1];
	return pid;
}

static void host_stop(pid_t pid, int quit)
{
	int status;

	close(quit);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void assert_reachable(const char *neighbour)
{
	private_net_run("for i in $(seq 100); do ip neigh show %s | grep -q REACHABLE && exit 0; "
			"sleep 0.02; done; ip neigh; exit 1",
			neighbour);
}

static void test_neighbours_are_resolved(void **state)
{
	static const struct {
		const char *addr, *neighbour;
	} rows[] = {
		{"10.9.0.2", "10.9.0.2"},     {"fd00:9::2", "fd00:9::2"},
		{"198.51.100.7", "10.9.0.2"}, {"2001:db8:1::7", "fd00:9::2"},
		{"203.0.113.7", "fd00:9::2"}, /* IPv4 over an IPv6 next hop */
	};
	int quit;
	pid_t host = host_start(&quit);

	private_net_run("ip route add 198.51.100.0/24 via 10.9.0.2; "
			"ip route add 2001:db8:1::/64 via fd00:9::2; "
			"ip route add 203.0.113.0/24 via inet6 fd00:9::2 dev d1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mxlb_addr addr = addr_of(rows[i].addr);

		private_net_run("ip neigh flush dev d1");
		(void)hops_seen(); /* those of the flush */
		assert_int_equal(netlink_neighbour_resolve(netlink, &addr), 0);
		assert_reachable(rows[i].neighbour);
		assert_int_equal(hops_seen(), 1);
		/* Once it is known, confirming it changes nothing. */
		private_net_run("ip neigh change %s dev d1 nud stale", rows[i].neighbour);
		assert_int_equal(netlink_neighbour_resolve(netlink, &addr), 0);
		assert_int_equal(hops_seen(), 0);
	}
	host_stop(host, quit);
}

static void test_neighbours_without_a_route(void **state)
{
	const struct mxlb_addr addrs[] = {addr_of("192.0.2.99"), addr_of("127.0.0.1"),
					  addr_of("2001:db8::99"), addr_of("::1")};

	assert_int_equal(netlink_neighbour_resolve(netlink, &addrs[0]), -ENETUNREACH);
	assert_int_equal(netlink_neighbour_resolve(netlink, &addrs[1]), 0);
	assert_int_equal(netlink_neighbours_keep(netlink, addrs, 4), 2);
	assert_int_equal(netlink_neighbours_keep(netlink, addrs, 0), 0);
}

/* ---- the program ---- */

static int group_setup(void **state)
{
	static const struct netlink_ops ops = {.hops_changed = on_hops};

	if (private_net_enter() != 0)
		return -1;
	/* No duplicate address detection, which would end in the middle of some test. */
	private_net_write("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	private_net_run("ip link set lo up");
	base = event_base_new();
	return base && netlink_new(base, &ops, NULL, &netlink) == 0 ? 0 : -1;
}

static int group_teardown(void **state)
{
	netlink_free(netlink);
	event_base_free(base);
	libevent_global_shutdown();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_skips_duplicate_detection),
		cmocka_unit_test(test_works_without_a_loop),
		cmocka_unit_test(test_neighbours_are_resolved),
		cmocka_unit_test(test_neighbours_without_a_route),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

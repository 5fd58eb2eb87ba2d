/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The netlink adapter against a kernel, in a network namespace of its own. The kernel
 * queues its messages before `ip` returns, so each test runs the loop for little more
 * than the gap between two calls of hops_changed.
 */
/* uses: netlink.c netlink_links.c netlink_request.c addr.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include <event2/event.h>

#include "addr.h"
#include "netlink.h"
#include "private_net.h"

#define GAP_MS	  50
#define SETTLE_MS 65
#define SEEN_MAX  32

struct seen {
	enum netlink_change change;
	char name[16];
	bool is_up;
};

static struct event_base *base;
static struct netlink *netlink;
static struct seen seen[SEEN_MAX];
static size_t n_seen;
static unsigned n_hops;
static uint64_t hops_ms, hops_gap_ms; /* of the last call, and since the one before */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The far ends of the veth pairs, named like d1-, are left out. */
static void on_link(enum netlink_change change, const struct netlink_link *link, void *arg)
{
	struct seen *s;

	assert_ptr_equal(arg, &n_hops);
	if (strchr(link->name, '-'))
		return;
	s = &seen[n_seen < SEEN_MAX ? n_seen++ : SEEN_MAX - 1];
	assert_true(link->ifindex > 0);
	s->change = change;
	s->is_up = link->is_up;
	(void)snprintf(s->name, sizeof(s->name), "%s", link->name);
}

static void on_hops(void *arg)
{
	assert_ptr_equal(arg, &n_hops);
	n_hops++;
	hops_gap_ms = now_ms() - hops_ms;
	hops_ms = now_ms();
}

static void run_for(unsigned ms)
{
	struct timeval time = {0, (suseconds_t)ms * 1000};

	event_base_loopexit(base, &time);
	event_base_dispatch(base);
}

/* Takes what has happened so far, and forgets it. */
static void settle(void)
{
	run_for(SETTLE_MS);
	n_seen = 0;
	n_hops = 0;
}

static bool has_seen(enum netlink_change change, const char *name)
{
	for (size_t i = 0; i < n_seen; i++) {
		if (seen[i].change == change && !strcmp(seen[i].name, name))
			return true;
	}
	return false;
}

static struct mxlb_addr addr_of(const char *text)
{
	struct mxlb_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* ---- links ---- */

static void test_link_comes_and_goes(void **state)
{
	private_net_run("ip link add name d1 type veth peer name d1-");
	run_for(SETTLE_MS);
	assert_int_equal(n_seen, 1);
	assert_true(has_seen(NETLINK_APPEARED, "d1"));
	assert_false(seen[0].is_up);
	assert_true(netlink_link_index("d1") > 0);
	settle();

	private_net_run("ip link set d1- up; ip link set d1 up");
	run_for(SETTLE_MS);
	assert_true(has_seen(NETLINK_CHANGED, "d1"));
	assert_true(seen[n_seen - 1].is_up);
	assert_true(n_hops >= 1);
	settle();

	private_net_run("ip link del d1");
	run_for(SETTLE_MS);
	assert_int_equal(n_seen, 2); /* down, then gone */
	assert_int_equal(seen[0].change, NETLINK_CHANGED);
	assert_int_equal(seen[1].change, NETLINK_VANISHED);
	assert_int_equal(netlink_link_index("d1"), -ENODEV);
}

static void test_link_renamed(void **state)
{
	private_net_run("ip link add name d1 type veth peer name d1-");
	settle();
	private_net_run("ip link set d1 name d2");
	run_for(SETTLE_MS);
	assert_int_equal(n_seen, 2);
	assert_int_equal(seen[0].change, NETLINK_VANISHED);
	assert_string_equal(seen[0].name, "d1");
	assert_int_equal(seen[1].change, NETLINK_APPEARED);
	assert_string_equal(seen[1].name, "d2");
	private_net_run("ip link del d2");
}

/* The kernel says RTM_DELLINK, of family AF_BRIDGE, when a link leaves a bridge. */
static void test_link_that_leaves_a_bridge_is_still_there(void **state)
{
	private_net_run(
		"ip link add name d1 up type veth peer name d1-; ip link add name b1 type bridge");
	private_net_run("ip link set d1 master b1");
	settle();
	private_net_run("ip link set d1 nomaster");
	run_for(SETTLE_MS);
	assert_false(has_seen(NETLINK_VANISHED, "d1"));
	private_net_run("ip link del d1; ip link del b1");
}

static void test_link_mac_and_mtu_change_hops(void **state)
{
	private_net_run("ip link add name d1 type veth peer name d1-");
	settle();
	private_net_run("ip link set d1 address 02:00:00:00:00:99");
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 1);
	assert_int_equal(n_seen, 0);
	settle();
	private_net_run("ip link set d1 mtu 1400");
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 1);
	settle();
	private_net_run("ip link set d1 alias something");
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 0);
	private_net_run("ip link del d1");
}

/* ---- hops ---- */

static void test_routes_and_addresses_change_hops(void **state)
{
	static const char *const changes[] = {
		"ip addr add 10.1.0.1/24 dev d1",	"ip route add 192.0.2.0/24 via 10.1.0.2",
		"ip -6 route add 2001:db8::/64 dev d1", "ip route del 192.0.2.0/24",
		"ip rule add from 10.1.0.9 lookup 7",	"ip nexthop add id 1 via 10.1.0.2 dev d1",
		"ip addr del 10.1.0.1/24 dev d1",
	};

	private_net_run("ip link add name d1 up type veth peer name d1-; ip link set d1- up");
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		settle();
		private_net_run("%s", changes[i]);
		run_for(SETTLE_MS);
		if (n_hops != 1)
			print_error("%s: %u calls\n", changes[i], n_hops);
		assert_int_equal(n_hops, 1);
	}
	private_net_run("ip link del d1");
}

static void test_hops_come_together_and_apart(void **state)
{
	private_net_run("ip link add name d1 up type veth peer name d1-; ip link set d1- up");
	settle();
	private_net_run("for i in $(seq 200); do echo route add 10.2.0.$i dev d1; done | "
			"ip -batch -");
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 1);
	settle();
	private_net_run("ip route add 10.3.0.1 dev d1");
	run_for(10);
	assert_int_equal(n_hops, 1); /* the first at once */
	private_net_run("ip route add 10.3.0.2 dev d1");
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 2);
	assert_true(hops_gap_ms >= GAP_MS);
	private_net_run("ip link del d1");
}

/* What is said of one neighbour, in turn, and whether it must change hops. */
static void test_neighbours_count_by_mac(void **state)
{
	static const struct {
		const char *change;
		unsigned hops;
	} steps[] = {
		{"replace 10.1.0.2 lladdr 02:00:00:00:00:01 nud reachable", 1},
		{"replace 10.1.0.2 lladdr 02:00:00:00:00:01 nud stale", 0},
		{"replace 10.1.0.2 lladdr 02:00:00:00:00:01 nud reachable", 0},
		{"replace 10.1.0.2 lladdr 02:00:00:00:00:01 nud permanent", 0},
		{"replace 10.1.0.2 lladdr 02:00:00:00:00:02 nud reachable", 1},
		{"replace 10.1.0.2 nud failed", 1},
		{"replace 10.1.0.2 nud failed", 0},
		{"replace 10.1.0.2 lladdr 02:00:00:00:00:02 nud stale", 1},
		{"replace 10.1.0.3 lladdr 02:00:00:00:00:03 nud stale", 1},
		{"replace fd00::3 lladdr 02:00:00:00:00:03 nud stale", 1},
		{"replace fd00::3 lladdr 02:00:00:00:00:03 nud reachable", 0},
		{"del fd00::3", 1},
		{"del 10.1.0.2", 1},
	};

	private_net_run("ip link add name d1 up type veth peer name d1-");
	private_net_run("ip link set d1- up; ip addr add 10.1.0.1/24 dev d1");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		settle();
		private_net_run("ip neigh %s dev d1", steps[i].change);
		run_for(SETTLE_MS);
		if (n_hops != steps[i].hops)
			print_error("step %zu, %s: %u calls\n", i, steps[i].change, n_hops);
		assert_int_equal(n_hops, steps[i].hops);
	}
	private_net_run("ip link del d1");
}

/* ---- lost messages ---- */

/* Messages that the kernel dropped for our sockets. */
static unsigned long drops(void)
{
	FILE *file = fopen("/proc/self/net/netlink", "re");
	char line[256];
	unsigned long sum = 0, n;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*x %*d %*u %*x %*d %*d %*d %*d %lu", &n) == 1)
			sum += n;
	}
	fclose(file);
	return sum;
}

static void test_lost_messages_are_made_up_for(void **state)
{
	unsigned long before = drops();

	private_net_run(
		"ip link add name d1 up type veth peer name d1-; ip link set d1- up; ip link "
		"add old type veth peer name old-");
	settle();
	private_net_run("ip link add name brief type veth peer name brief-"); /* told of, but its
										 end is lost */
	private_net_run("for i in $(seq 40); do for j in $(seq 250); do "
			"echo route add 10.4.$i.$j dev d1; done; done | ip -batch -");
	private_net_run("ip link del old; ip link add name new type veth peer name new-; ip "
			"link del brief");
	assert_true(drops() > before);
	run_for(SETTLE_MS);
	assert_true(n_hops >= 1);
	assert_true(has_seen(NETLINK_VANISHED, "old"));
	assert_true(has_seen(NETLINK_APPEARED, "new"));
	if (has_seen(NETLINK_APPEARED, "brief"))
		assert_true(has_seen(NETLINK_VANISHED, "brief"));
	settle();
	private_net_run("ip link del new");
	run_for(SETTLE_MS);
	assert_true(has_seen(NETLINK_VANISHED, "new")); /* and goes on */
	private_net_run("ip link del d1");
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
		settle();
		assert_int_equal(netlink_neighbour_resolve(netlink, &addr), 0);
		assert_reachable(rows[i].neighbour);
		run_for(SETTLE_MS);
		assert_int_equal(n_hops, 1);
		settle();
		/* Once it is known, confirming it changes nothing. */
		private_net_run("ip neigh change %s dev d1 nud stale", rows[i].neighbour);
		assert_int_equal(netlink_neighbour_resolve(netlink, &addr), 0);
		run_for(SETTLE_MS);
		assert_int_equal(n_hops, 0);
	}
	host_stop(host, quit);
	settle();
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
	static const struct netlink_ops ops = {on_link, on_hops};

	if (private_net_enter() != 0)
		return -1;
	/* No duplicate address detection, which would end in the middle of some test. */
	private_net_write("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	private_net_run("ip link set lo up");
	base = event_base_new();
	if (!base || netlink_new(base, &ops, &n_hops, &netlink) != 0)
		return -1;
	run_for(SETTLE_MS);
	return n_seen == 0 ? 0 : -1; /* what was there before is not reported */
}

static int group_teardown(void **state)
{
	netlink_free(netlink);
	event_base_free(base);
	libevent_global_shutdown();
	return 0;
}

static int each_setup(void **state)
{
	settle();
	return 0;
}

#define TEST(function) cmocka_unit_test_setup(function, each_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_link_comes_and_goes),
		TEST(test_link_renamed),
		TEST(test_link_that_leaves_a_bridge_is_still_there),
		TEST(test_link_mac_and_mtu_change_hops),
		TEST(test_routes_and_addresses_change_hops),
		TEST(test_hops_come_together_and_apart),
		TEST(test_neighbours_count_by_mac),
		TEST(test_lost_messages_are_made_up_for),
		TEST(test_addresses),
		TEST(test_address_skips_duplicate_detection),
		TEST(test_works_without_a_loop),
		TEST(test_neighbours_are_resolved),
		TEST(test_neighbours_without_a_route),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

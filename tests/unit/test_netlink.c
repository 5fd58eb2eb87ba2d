/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the netlink adapter sees of a kernel, in a network namespace of its own. The
 * kernel queues its messages before `ip` returns, so each test runs the loop for
 * little more than the gap between two calls of hops_changed. VLAN devices are played,
 * for not every kernel that runs the tests has them.
 */
/* uses: netlink.c netlink_links.c netlink_request.c addr.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <event2/event.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>

#include "netlink.h"
#include "netlink_priv.h"
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
static struct netlink_vlan vlans[SEEN_MAX];
static enum netlink_change vlan_changes[SEEN_MAX];
static size_t n_vlans;
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

static void on_vlan(enum netlink_change change, const struct netlink_vlan *vlan, void *arg)
{
	assert_ptr_equal(arg, &n_hops);
	assert_true(n_vlans < SEEN_MAX);
	vlan_changes[n_vlans] = change;
	vlans[n_vlans++] = *vlan;
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
	n_vlans = 0;
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
	assert_int_equal(n_seen, 1);
	assert_true(has_seen(NETLINK_CHANGED, "d1"));
	settle();
	private_net_run("ip link set d1 mtu 1400");
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 1);
	assert_int_equal(n_seen, 0);
	settle();
	private_net_run("ip link set d1 alias something");
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 0);
	private_net_run("ip link del d1");
}

/* ---- links as the kernel would tell of them ---- */

struct played {
	int type; /* RTM_NEWLINK or RTM_DELLINK */
	int ifindex;
	const char *name, *kind; /* kind NULL: no such attribute */
	uint32_t below, master;
	bool is_below_elsewhere;
	uint16_t id, proto;
};

static void play_info(struct nl_msg *msg, const struct played *link)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO), *data;

	assert_non_null(info);
	assert_int_equal(nla_put_string(msg, IFLA_INFO_KIND, link->kind), 0);
	if (link->id) {
		data = nla_nest_start(msg, IFLA_INFO_DATA);
		assert_non_null(data);
		assert_int_equal(nla_put_u16(msg, IFLA_VLAN_PROTOCOL, link->proto), 0);
		assert_int_equal(nla_put_u16(msg, IFLA_VLAN_ID, link->id), 0);
		nla_nest_end(msg, data);
	}
	nla_nest_end(msg, info);
}

static void play(const struct played *link)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = link->ifindex};
	struct nl_msg *msg = nlmsg_alloc_simple(link->type, 0);

	assert_non_null(msg);
	assert_int_equal(nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO), 0);
	assert_int_equal(nla_put_string(msg, IFLA_IFNAME, link->name), 0);
	assert_int_equal(nla_put_u32(msg, IFLA_MTU, 1500), 0);
	if (link->below)
		assert_int_equal(nla_put_u32(msg, IFLA_LINK, link->below), 0);
	if (link->is_below_elsewhere)
		assert_int_equal(nla_put_s32(msg, IFLA_LINK_NETNSID, 0), 0);
	if (link->master)
		assert_int_equal(nla_put_u32(msg, IFLA_MASTER, link->master), 0);
	if (link->kind)
		play_info(msg, link);
	netlink_links_message(netlink, nlmsg_hdr(msg));
	nlmsg_free(msg);
}

static void assert_vlan(size_t at, enum netlink_change change, unsigned device, unsigned below,
			unsigned id, unsigned proto)
{
	assert_true(at < n_vlans);
	assert_int_equal(vlan_changes[at], change);
	assert_int_equal(vlans[at].ifindex, device);
	assert_int_equal(vlans[at].tag.ifindex, below);
	assert_int_equal(vlans[at].tag.id, id);
	assert_int_equal(vlans[at].tag.proto, __builtin_bswap16((uint16_t)proto));
}

static void test_vlan_devices_come_and_go(void **state)
{
	struct played vlan = {.type = RTM_NEWLINK,
			      .ifindex = 9001,
			      .name = "d1.25",
			      .kind = "vlan",
			      .below = 9000,
			      .id = 25,
			      .proto = __builtin_bswap16(ETH_P_8021Q)};

	play(&vlan);
	assert_int_equal(n_vlans, 1);
	assert_vlan(0, NETLINK_APPEARED, 9001, 9000, 25, 0x8100);
	assert_true(has_seen(NETLINK_APPEARED, "d1.25"));
	play(&vlan); /* told again */
	vlan.name = "mail";
	play(&vlan); /* renamed: takes the same tag */
	assert_int_equal(n_vlans, 1);
	vlan.type = RTM_DELLINK;
	play(&vlan);
	assert_int_equal(n_vlans, 2);
	assert_vlan(1, NETLINK_VANISHED, 9001, 9000, 25, 0x8100);
}

static void test_a_vlan_device_that_takes_another_tag(void **state)
{
	struct played vlan = {.type = RTM_NEWLINK,
			      .ifindex = 9001,
			      .name = "d1.25",
			      .kind = "vlan",
			      .below = 9000,
			      .id = 25,
			      .proto = __builtin_bswap16(ETH_P_8021Q)};

	play(&vlan);
	vlan.id = 4094;
	vlan.proto = __builtin_bswap16(ETH_P_8021AD);
	play(&vlan);
	assert_int_equal(n_vlans, 3);
	assert_vlan(1, NETLINK_VANISHED, 9001, 9000, 25, 0x8100);
	assert_vlan(2, NETLINK_APPEARED, 9001, 9000, 4094, 0x88a8);
	vlan.type = RTM_DELLINK;
	play(&vlan);
	assert_vlan(3, NETLINK_VANISHED, 9001, 9000, 4094, 0x88a8);
}

/* A veth names its peer where a VLAN device names what is below it. */
static void test_what_is_no_vlan_device_here(void **state)
{
	struct played links[] = {
		{.ifindex = 9002, .name = "d2", .kind = "veth", .below = 9000},
		{.ifindex = 9003, .name = "d3", .below = 9000},
		{.ifindex = 9004, .name = "d4", .kind = "vlan", .below = 9000},
		{.ifindex = 9008,
		 .name = "d8",
		 .kind = "macvlan",
		 .below = 9000,
		 .id = 25,
		 .proto = 0x0081},
		{.ifindex = 9005, .name = "d5", .kind = "vlan", .id = 25, .proto = 0x0081},
		{.ifindex = 9006,
		 .name = "d6",
		 .kind = "vlan",
		 .below = 9000,
		 .is_below_elsewhere = true,
		 .id = 25,
		 .proto = 0x0081},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		links[i].type = RTM_NEWLINK;
		play(&links[i]);
		assert_true(has_seen(NETLINK_APPEARED, links[i].name));
		links[i].type = RTM_DELLINK;
		play(&links[i]);
	}
	assert_int_equal(n_vlans, 0);
}

/* As into a VRF, which has routes of its own. */
static void test_a_new_master_changes_hops(void **state)
{
	struct played link = {.type = RTM_NEWLINK, .ifindex = 9007, .name = "d7"};

	play(&link);
	settle();
	play(&link);
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 0);
	link.master = 9008;
	play(&link);
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 1);
	settle();
	link.master = 0;
	play(&link);
	run_for(SETTLE_MS);
	assert_int_equal(n_hops, 1);
	link.type = RTM_DELLINK;
	play(&link);
}

static void test_the_list_of_vlan_devices_has_nothing_else(void **state)
{
	struct netlink_vlan *list;
	size_t n = 7;

	private_net_run("ip link add name d1 type veth peer name d1-");
	assert_int_equal(netlink_vlans(netlink, &list, &n), 0);
	assert_int_equal(n, 0);
	assert_null(list);
	private_net_run("ip link del d1");
}

/* ---- hops ---- */

static void test_routes_and_addresses_change_hops(void **state)
{
	static const char *const changes[] = {
		"ip addr add 10.1.0.1/24 dev d1",
		"ip -6 addr add fd01::1/64 dev d1 nodad",
		"ip route add 192.0.2.0/24 via 10.1.0.2",
		"ip route replace 192.0.2.0/24 via 10.1.0.3",
		"ip -6 rule add from fd01::9 lookup 7",
		"ip nexthop replace id 2 via fd01::2 dev d1",
		"ip nexthop replace id 2 via fd01::3 dev d1",
		"ip -6 route add 2001:db8::/64 dev d1",
		"ip route del 192.0.2.0/24",
		"ip rule add from 10.1.0.9 lookup 7",
		"ip nexthop add id 1 via 10.1.0.2 dev d1",
		"ip addr del 10.1.0.1/24 dev d1",
	};

	private_net_run("ip link add name d1 up type veth peer name d1-; ip link set d1- up");
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		settle();
		private_net_run("%s", changes[i]);
		run_for(SETTLE_MS);
		/* An IPv6 address is finished in the background, and told of twice. */
		if (n_hops < 1 || n_hops > 2)
			print_error("%s: %u calls\n", changes[i], n_hops);
		assert_in_range(n_hops, 1, 2);
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

/* ---- the program ---- */

static int group_setup(void **state)
{
	static const struct netlink_ops ops = {on_link, on_vlan, on_hops};

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
		TEST(test_vlan_devices_come_and_go),
		TEST(test_a_vlan_device_that_takes_another_tag),
		TEST(test_what_is_no_vlan_device_here),
		TEST(test_a_new_master_changes_hops),
		TEST(test_the_list_of_vlan_devices_has_nothing_else),
		TEST(test_routes_and_addresses_change_hops),
		TEST(test_hops_come_together_and_apart),
		TEST(test_neighbours_count_by_mac),
		TEST(test_lost_messages_are_made_up_for),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

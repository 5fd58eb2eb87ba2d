/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What preflight finds on a host, which is a network namespace with two veth pairs:
 * e0 with its peer p0 here, e1 with its peer elsewhere. Each test bends one thing.
 */
/* uses: preflight.c ethtool.c priv.c */
/* uses: addr.c conf.c conf_schema.c conf_text.c conf_value.c conf_format.c */
/* uses: conf_node.c */
/* uses: conf_yaml.c conf_fault.c conf_suggest.c conf_read.c conf_check.c */
/* uses: conf_endpoints.c conf_host.c conf_load.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <linux/capability.h>

#include "conf.h"
#include "mem.h"
#include "netlink.h"
#include "preflight.h"
#include "private_net.h"

#define BACKENDS_V4 "    backends: {mx1: {address: 10.0.0.11}}\n"

static char findings[4096]; /* "error: ...\n", "warn: ...\n" */
static pid_t elsewhere;	    /* holds the other namespace */

static void take(enum preflight_level level, const char *text, void *arg)
{
	static const char *const names[] = {"error", "warn", "info"};
	size_t used = strlen(findings);

	assert_ptr_equal(arg, findings);
	assert_null(strchr(text, '\n'));
	(void)snprintf(findings + used, sizeof(findings) - used, "%s: %s\n", names[level], text);
}

/* Looks at `head`, `interfaces:` and the like, with one service of one VIP. */
static int look(const char *head, const char *vip, const char *rest)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	char text[1024];
	int err;

	(void)snprintf(text, sizeof(text), "%s\nservices:\n  mx:\n    address: %s\n%s", head, vip,
		       rest);
	if (conf_load_text("p.yaml", text, strlen(text), &conf, &errors))
		fail_msg("%s", errors.lines[0]);
	findings[0] = '\0';
	err = preflight(conf, take, findings);
	conf_free(conf);
	return err;
}

#define assert_found(text)                                                                         \
	do {                                                                                       \
		if (!strstr(findings, text))                                                       \
			fail_msg("no \"%s\" in:\n%s", text, findings);                             \
	} while (0)
#define assert_not_found(text)                                                                     \
	do {                                                                                       \
		if (strstr(findings, text))                                                        \
			fail_msg("\"%s\" in:\n%s", text, findings);                                \
	} while (0)

static void set(const char *key, const char *value)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s", key);
	private_net_write(path, value);
}

/* All is well: what a test bends it need not bend back. */
static int each_setup(void **state)
{
	set("ipv4/ip_forward", "1");
	set("ipv4/conf/e0/forwarding", "1");
	set("ipv4/conf/e1/forwarding", "1");
	set("ipv6/conf/all/forwarding", "1");
	set("ipv6/conf/e0/forwarding", "1");
	private_net_run("ethtool -K p0 tx off >/dev/null");
	return 0;
}

static void test_all_is_well(void **state)
{
	assert_int_equal(look("interfaces: [e0]\ndatapath: tc\nvip_interface: lo", "192.0.2.25",
			      BACKENDS_V4),
			 0);
	assert_string_equal(findings, "");
}

/* ---- interfaces ---- */

static void test_missing_interfaces_are_named_with_those_here(void **state)
{
	assert_int_equal(
		look("interfaces: [eth9, e0]\nvip_interface: lo9", "192.0.2.25", BACKENDS_V4),
		-EINVAL);
	assert_found("error: interfaces: no such interface \"eth9\"; interfaces here are: lo, ");
	assert_found("e0, ");
	assert_found("error: vip_interface: no such interface \"lo9\"");
	assert_not_found("forwarding"); /* of one that is not there */
}

/* ---- forwarding ---- */

static void test_forwarding_off_everywhere(void **state)
{
	set("ipv4/ip_forward", "0");
	assert_int_equal(look("interfaces: [e0, e1]", "192.0.2.25", BACKENDS_V4), -EINVAL);
	assert_found("error: IPv4 forwarding is off on e0, e1; run: sysctl -w "
		     "net.ipv4.ip_forward=1 and keep it in /etc/sysctl.d/\n");
	assert_not_found("IPv6");
}

static void test_forwarding_off_on_one_interface(void **state)
{
	set("ipv4/conf/e1/forwarding", "0");
	assert_int_equal(look("interfaces: [e0, e1]", "192.0.2.25", BACKENDS_V4), -EINVAL);
	assert_found("error: IPv4 forwarding is off on e1; run: sysctl -w "
		     "net.ipv4.conf.e1.forwarding=1 and keep it in /etc/sysctl.d/\n");
	assert_int_equal(look("interfaces: [e0]", "192.0.2.25", BACKENDS_V4), 0);
}

static void test_forwarding_of_a_name_with_a_dot(void **state)
{
	private_net_run("ip link set e1 name e1.7");
	set("ipv4/conf/e1.7/forwarding", "0");
	assert_int_equal(look("interfaces: [e1.7]", "192.0.2.25", BACKENDS_V4), -EINVAL);
	assert_found("is off on e1.7; run: sysctl -w net.ipv4.conf.e1/7.forwarding=1 ");
	private_net_run("PATH=$PATH:/usr/sbin:/sbin; sysctl -qw net.ipv4.conf.e1/7.forwarding=1");
	assert_int_equal(look("interfaces: [e1.7]", "192.0.2.25", BACKENDS_V4), 0);
	private_net_run("ip link set e1.7 name e1");
}

static void test_forwarding_of_ipv6_only_where_it_is_used(void **state)
{
	set("ipv6/conf/all/forwarding", "0");
	assert_int_equal(look("interfaces: [e0]", "192.0.2.25", BACKENDS_V4), 0);
	assert_int_equal(look("interfaces: [e0]", "2001:db8::25",
			      "    backends: {mx1: {address: \"fd00::11\"}}\n"),
			 -EINVAL);
	assert_found("error: IPv6 forwarding is off on e0; run: sysctl -w "
		     "net.ipv6.conf.all.forwarding=1 and keep it");
	assert_not_found("IPv4");
	/* The outer packets of a tunnel are of the backend's family. */
	assert_int_equal(look("interfaces: [e0]", "192.0.2.25",
			      "    forward: tunnel\n"
			      "    backends: {mx1: {address: \"fd00::11\"}}\n"),
			 -EINVAL);
	assert_found("IPv6 forwarding is off");
}

static void test_ipv6_disabled(void **state)
{
	private_net_run("ip link add name tiny mtu 1000 type veth peer name tinyp");
	assert_int_equal(look("interfaces: [tiny]", "2001:db8::25",
			      "    backends: {mx1: {address: \"fd00::11\"}}\n"),
			 -EINVAL);
	assert_found("error: IPv6 is disabled on tiny (/proc/sys/net/ipv6/conf/tiny: No such file");
	private_net_run("ip link del tiny");
}

/* ---- offloads ---- */

static void test_veth_is_told_of(void **state)
{
	assert_int_equal(look("interfaces: [e0]", "192.0.2.25", BACKENDS_V4), 0);
	assert_found("info: e0 is a veth: XDP leaves to TC what its peer sends without checksums, "
		     "and what it can't take; for XDP, run at the peer: ethtool -K PEER tx off gro "
		     "on\n");
	assert_int_equal(look("interfaces: [e0]\ndatapath: tc", "192.0.2.25", BACKENDS_V4), 0);
	assert_not_found("veth");
}

/* Instead of the adapter's: VLAN devices on these, for not every kernel that runs the
 * tests has them. */
static const char *below_vlans[2];

int netlink_new(struct event_base *base, const struct netlink_ops *ops, void *arg,
		struct netlink **netlink)
{
	assert_null(base);
	*netlink = (struct netlink *)below_vlans;
	return 0;
}

void netlink_free(struct netlink *netlink)
{
	assert_ptr_equal(netlink, below_vlans);
}

int netlink_vlans(struct netlink *netlink, struct netlink_vlan **vlans, size_t *n)
{
	assert_ptr_equal(netlink, below_vlans);
	*vlans = NULL;
	*n = 0;
	for (size_t i = 0; i < 2 && below_vlans[i]; i++) {
		*vlans = mem_append(*vlans, n, sizeof(**vlans));
		(*vlans)[i].tag.ifindex = if_nametoindex(below_vlans[i]);
		(*vlans)[i].tag.id = 25;
		(*vlans)[i].ifindex = 1000;
	}
	return 0;
}

static void test_tags_that_xdp_may_not_see(void **state)
{
	private_net_run("ethtool -K e0 rxvlan on >/dev/null");
	below_vlans[0] = "e1";
	below_vlans[1] = "e0";
	assert_int_equal(look("interfaces: [e0]\ndatapath: xdp", "192.0.2.25", BACKENDS_V4), 0);
	assert_found("warn: e0 has VLAN devices, and takes tags off before XDP sees a frame "
		     "(rx-vlan-offload), so that XDP takes their packets for its own; run: "
		     "ethtool -K e0 rxvlan off, or set datapath: auto for it\n");
	assert_not_found("e1 has VLAN");
	assert_int_equal(look("interfaces: [e0]\ndatapath: xdp-generic", "192.0.2.25", BACKENDS_V4),
			 0);
	assert_found("warn: e0 has VLAN");
	assert_int_equal(look("interfaces: [e0]\ndatapath: auto", "192.0.2.25", BACKENDS_V4), 0);
	assert_not_found("VLAN");
	assert_int_equal(look("interfaces: [e0]\ndatapath: tc", "192.0.2.25", BACKENDS_V4), 0);
	assert_not_found("VLAN");
	private_net_run("ethtool -K e0 rxvlan off >/dev/null");
	assert_int_equal(look("interfaces: [e0]\ndatapath: xdp", "192.0.2.25", BACKENDS_V4), 0);
	assert_not_found("VLAN");
	private_net_run("ethtool -K e0 rxvlan on >/dev/null");
	below_vlans[1] = NULL;
	assert_int_equal(look("interfaces: [e0]\ndatapath: xdp", "192.0.2.25", BACKENDS_V4), 0);
	assert_not_found("VLAN");
}

/* ---- VIPs ---- */

static void test_vips_that_are_not_here(void **state)
{
	private_net_run("ip addr add 192.0.2.25/32 dev lo");
	assert_int_equal(look("interfaces: [e0]", "[192.0.2.25, 192.0.2.26]", BACKENDS_V4), 0);
	assert_found("info: no address of this host: 192.0.2.26; route them to it, or set "
		     "vip_interface");
	assert_int_equal(look("interfaces: [e0]\ndatapath: tc", "192.0.2.25", BACKENDS_V4), 0);
	assert_string_equal(findings, "");
	assert_int_equal(look("interfaces: [e0]",
			      "[192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, "
			      "192.0.2.6, 192.0.2.7, 192.0.2.8, 192.0.2.9]",
			      "    mx: pool.example\n"),
			 0);
	assert_found("192.0.2.8, ...;");
	private_net_run("ip addr add 2001:db8::25/128 dev lo");
	assert_int_equal(look("interfaces: [e0]\ndatapath: tc", "\"2001:db8::25\"",
			      "    backends: {mx1: {address: \"fd00::11\"}}\n"),
			 0);
	assert_string_equal(findings, "");
}

/* ---- the process and its kernel ---- */

static void in_child(void (*story)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		story();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static const char *kernel = "6.1.0";

/* Instead of the C library's. */
int uname(struct utsname *name)
{
	*name = (struct utsname){.sysname = "Linux"};
	(void)snprintf(name->release, sizeof(name->release), "%s", kernel);
	return 0;
}

static void test_old_kernels(void **state)
{
	static const struct {
		const char *release;
		bool is_old;
	} rows[] = {
		{"6.1.0-18-amd64", false}, {"6.18.44", false}, {"7.0.0", false}, {"10.0", false},
		{"6.0.19", true},	   {"5.19.0", true},   {"4.18", true},	 {"odd", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kernel = rows[i].release;
		assert_int_equal(look("interfaces: [e0]", "192.0.2.25", BACKENDS_V4),
				 rows[i].is_old ? -EINVAL : 0);
		assert_true(!strstr(findings, "is too old") == !rows[i].is_old);
	}
	kernel = "6.0.1";
	(void)look("interfaces: [e0]", "192.0.2.25", BACKENDS_V4);
	assert_found("error: kernel 6.0.1 is too old: mxlb needs 6.1; boot a newer kernel\n");
	kernel = "6.1.0";
}

static void story_no_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	if (syscall(SYS_capset, &header, none) != 0)
		_exit(2);
	if (look("interfaces: [eth9]", "192.0.2.25", BACKENDS_V4) != -EPERM)
		_exit(3);
	_exit(strcmp(findings, "error: not permitted (missing: bpf, net_admin, perfmon); run it "
			       "as root\n")
		      ? 4
		      : 0);
}

static void test_no_capabilities(void **state)
{
	in_child(story_no_capabilities);
}

/* ---- the program ---- */

static int group_setup(void **state)
{
	int ready[2];
	char byte = 0;

	if (private_net_enter() != 0 || pipe(ready) != 0)
		return -1;
	elsewhere = fork();
	if (elsewhere == 0) {
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return -1;
	close(ready[0]);
	private_net_run("ip link set lo up; ip link add name e0 type veth peer name p0; "
			"ip link add name e1 type veth peer name p1 netns %d",
			(int)elsewhere);
	return 0;
}

static int group_teardown(void **state)
{
	kill(elsewhere, SIGKILL);
	return waitpid(elsewhere, NULL, 0) == elsewhere ? 0 : -1;
}

#define TEST(function) cmocka_unit_test_setup(function, each_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_is_well),
		TEST(test_missing_interfaces_are_named_with_those_here),
		TEST(test_forwarding_off_everywhere),
		TEST(test_forwarding_off_on_one_interface),
		TEST(test_forwarding_of_a_name_with_a_dot),
		TEST(test_forwarding_of_ipv6_only_where_it_is_used),
		TEST(test_ipv6_disabled),
		TEST(test_veth_is_told_of),
		TEST(test_tags_that_xdp_may_not_see),
		TEST(test_vips_that_are_not_here),
		TEST(test_old_kernels),
		TEST(test_no_capabilities),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mxlb-decap: makes a mail host a backend of a service with `forward: tunnel` where its
 * kernel has no tunnel devices (ipip, sit, ip6_tunnel). Holds decap.bpf.c at an
 * interface's TC ingress for as long as it runs. docs/backends.md tells the rest of what
 * a backend needs.
 *
 * Whoever can send a tunnelled packet to this host chooses the inner source, and no
 * firewall of this host sees the outer header any more. So only packets to a VIP are
 * taken, by default to those on lo, and --from says which routers may send them.
 */
#include <errno.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "addr.h"
#include "decap.h"
#include "decap.skel.h"

/* The filter is known by these; a run after one that was killed replaces its filter. */
#define TC_HANDLE   0x6d786463 /* "mxdc" */
#define TC_PRIORITY 90	       /* before mxlbd's own */

enum { EXIT_RAN, EXIT_CANNOT, EXIT_USAGE };

struct addrs {
	struct mxlb_addr of[DECAP_MAX_ADDRS];
	int count;
};

struct options {
	const char *interface;
	int ifindex;
	struct addrs vips, routers;
};

static const char usage[] =
	"usage: mxlb-decap [OPTIONS] INTERFACE\n"
	"\n"
	"Cuts the outer IP header off packets that an mxlb router sends to this host through\n"
	"a tunnel (IPv4 or IPv6, in IPv4 or IPv6) and hands what is in them to the kernel.\n"
	"Runs in the foreground; SIGTERM or Ctrl-C ends it, and with it the decapsulation.\n"
	"Needs no tunnel device, and root.\n"
	"\n"
	"      --vip ADDRESS    take packets to this VIP only; may be repeated. Default: the\n"
	"                       addresses of lo, other than 127.0.0.0/8 and ::1, at the start\n"
	"      --from ADDRESS   ... and from this router only (its own address, as the outer\n"
	"                       source); may be repeated. Give it wherever others can send\n"
	"                       packets to this host: without it they can pretend to be any "
	"client\n"
	"      --version\n"
	"  -h, --help\n"
	"\n"
	"The VIPs must be on this host: ip addr add 192.0.2.25/32 dev lo\n"
	"At its end it prints how many packets it has taken and refused.\n";

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;

	fputs("mxlb-decap: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static int addrs_add(struct addrs *addrs, const char *option, const char *text)
{
	struct mxlb_addr addr;

	if (addr_parse(text, &addr)) {
		say("%s %s: not an IPv4 or IPv6 address", option, text);
		return -EINVAL;
	}
	if (addrs->count == DECAP_MAX_ADDRS) {
		say("%s %s: more than %d addresses", option, text, DECAP_MAX_ADDRS);
		return -E2BIG;
	}
	addrs->of[addrs->count++] = addr;
	return 0;
}

/* -1: go on; else the exit code. */
static int options_parse(int argc, char **argv, struct options *options)
{
	enum { OPT_VIP = 256, OPT_FROM, OPT_VERSION };
	static const struct option longs[] = {
		{"vip", required_argument, NULL, OPT_VIP},
		{"from", required_argument, NULL, OPT_FROM},
		{"version", no_argument, NULL, OPT_VERSION},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option, err = 0;

	while (!err && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (option == OPT_VIP) {
			err = addrs_add(&options->vips, "--vip", optarg);
		} else if (option == OPT_FROM) {
			err = addrs_add(&options->routers, "--from", optarg);
		} else if (option == OPT_VERSION) {
			puts("mxlb-decap " MXLB_VERSION);
			return EXIT_RAN;
		} else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? EXIT_RAN : EXIT_USAGE;
		}
	}
	if (err)
		return EXIT_USAGE;
	if (optind + 1 != argc) {
		say("give one interface, the one that tunnelled packets come in by; see --help");
		return EXIT_USAGE;
	}
	options->interface = argv[optind];
	return -1;
}

/* ---- VIPs: those of --vip, or what stands on lo -------------------------------- */

/* An entry's address as text; false for other families. A link-local one has a scope in
 * its text, which addr_parse refuses. */
static bool entry_read(const struct ifaddrs *entry, struct mxlb_addr *addr, char *text)
{
	return entry->ifa_addr &&
	       !getnameinfo(entry->ifa_addr, sizeof(struct sockaddr_in6), text, NI_MAXHOST, NULL, 0,
			    NI_NUMERICHOST) &&
	       !addr_parse(text, addr);
}

static bool addr_is_loopback(const struct mxlb_addr *addr)
{
	static const struct mxlb_addr loopback6 = {.b = {[15] = 1}};

	return addr_family(addr) == MXLB_V4 ? addr->b[12] == 127 : addr_equal(addr, &loopback6);
}

static int vips_take_from_lo(struct addrs *vips, const struct ifaddrs *list)
{
	struct mxlb_addr addr;
	char text[NI_MAXHOST];
	int err = 0;

	for (; list && !err; list = list->ifa_next)
		if (!strcmp(list->ifa_name, "lo") && entry_read(list, &addr, text) &&
		    !addr_is_loopback(&addr))
			err = addrs_add(vips, "lo:", text);
	if (!err && !vips->count) {
		say("no VIP: lo has no address but its own; add them, as in `ip addr add "
		    "192.0.2.25/32 dev lo`, or give --vip");
		err = -ENOENT;
	}
	return err;
}

static bool host_has(const struct ifaddrs *list, const struct mxlb_addr *wanted)
{
	struct mxlb_addr addr;
	char text[NI_MAXHOST];

	for (; list; list = list->ifa_next)
		if (entry_read(list, &addr, text) && addr_equal(&addr, wanted))
			return true;
	return false;
}

static void vips_warn(const struct addrs *vips, const struct ifaddrs *list)
{
	char text[ADDR_TEXT_MAX];

	for (int i = 0; i < vips->count; i++)
		if (!host_has(list, &vips->of[i]))
			say("%s is not an address of this host, so its packets will not be "
			    "served; add it: ip addr add %s/%d dev lo",
			    addr_format(&vips->of[i], text), text,
			    addr_family(&vips->of[i]) == MXLB_V4 ? 32 : 128);
}

static int vips_find(struct addrs *vips)
{
	struct ifaddrs *list;
	int err = 0;

	if (getifaddrs(&list)) {
		say("cannot list this host's addresses: %s", strerror(errno));
		return -errno;
	}
	if (vips->count)
		vips_warn(vips, list);
	else
		err = vips_take_from_lo(vips, list);
	freeifaddrs(list);
	return err;
}

/* ---- the program ------------------------------------------------------------- */

static int addrs_write(const struct bpf_map *map, const struct addrs *addrs)
{
	const __u8 yes = 1;
	int err = 0;

	for (int i = 0; i < addrs->count && !err; i++)
		err = bpf_map__update_elem(map, &addrs->of[i], sizeof(addrs->of[i]), &yes,
					   sizeof(yes), BPF_ANY);
	return err;
}

static struct decap *program_load(const struct options *options)
{
	struct decap *skel = decap__open();
	int err = skel ? 0 : -errno;

	if (!err) {
		skel->rodata->is_router_checked = options->routers.count > 0;
		err = decap__load(skel);
	}
	if (!err)
		err = addrs_write(skel->maps.vips, &options->vips);
	if (!err)
		err = addrs_write(skel->maps.routers, &options->routers);
	if (!err)
		return skel;
	if (err == -EPERM)
		say("not permitted to load a BPF program; run it as root");
	else
		say("cannot load the BPF program: %s; it needs Linux 5.10 or later with "
		    "CONFIG_BPF_SYSCALL",
		    strerror(-err));
	decap__destroy(skel);
	return NULL;
}

/* *id: of the program, to know the filter by when it is to go. */
static int filter_attach(const struct options *options, int prog_fd, __u32 *id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = options->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY,
		    .flags = BPF_TC_F_REPLACE, .prog_fd = prog_fd);
	int err = bpf_tc_hook_create(&hook);

	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&hook, &opts);
	if (err)
		say("%s: cannot attach at TC ingress: %s; the kernel needs CONFIG_NET_SCH_INGRESS "
		    "and CONFIG_NET_CLS_BPF",
		    options->interface, strerror(-err));
	*id = opts.prog_id;
	return err;
}

/* Another run may have replaced the filter: then it is that one's. The qdisc it hangs on
 * stays: empty it does nothing, and by now others may use it. */
static void filter_detach(const struct options *options, __u32 id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = options->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, query, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);

	if (!bpf_tc_query(&hook, &query) && query.prog_id == id && !bpf_tc_detach(&hook, &opts))
		return;
	say("%s: the filter was gone already, or is another's by now", options->interface);
}

static unsigned long long count_read(const struct bpf_map *map, __u32 what)
{
	int cpus = libbpf_num_possible_cpus();
	unsigned long long sum = 0;
	__u64 *values = cpus > 0 ? calloc((size_t)cpus, sizeof(*values)) : NULL;

	if (values && !bpf_map__lookup_elem(map, &what, sizeof(what), values,
					    (size_t)cpus * sizeof(*values), 0))
		for (int i = 0; i < cpus; i++)
			sum += values[i];
	free(values);
	return sum;
}

/* ---- main ---------------------------------------------------------------------- */

static void addrs_print(const char *label, const struct addrs *addrs)
{
	char text[ADDR_TEXT_MAX];

	fputs(label, stdout);
	for (int i = 0; i < addrs->count; i++)
		printf(" %s", addr_format(&addrs->of[i], text));
}

static void start_print(const struct options *options)
{
	printf("mxlb-decap: %s: takes packets", options->interface);
	addrs_print(" to", &options->vips);
	if (options->routers.count)
		addrs_print(" from", &options->routers);
	puts(options->routers.count ? "" : " from anybody");
	fflush(stdout);
}

static void end_print(const struct options *options, const struct bpf_map *counts)
{
	printf("mxlb-decap: %s: %llu packets taken, %llu left alone (to no VIP), %llu dropped "
	       "(from "
	       "none of --from), %llu dropped (damaged)\n",
	       options->interface, count_read(counts, DECAP_TAKEN),
	       count_read(counts, DECAP_NOT_VIP), count_read(counts, DECAP_NOT_FROM),
	       count_read(counts, DECAP_FAILED));
}

static int run(const struct options *options)
{
	struct decap *skel = program_load(options);
	int err = skel ? 0 : -1, caught;
	sigset_t ends;
	__u32 id;

	/* From here on a signal waits for its turn, lest the filter outlives us. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	if (!err)
		err = filter_attach(options, bpf_program__fd(skel->progs.mxlb_decap), &id);
	if (!err) {
		start_print(options);
		sigwait(&ends, &caught);
		filter_detach(options, id);
		end_print(options, skel->maps.counts);
	}
	decap__destroy(skel);
	return err ? EXIT_CANNOT : EXIT_RAN;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	int code = options_parse(argc, argv, &options);

	if (code >= 0)
		return code;
	(void)libbpf_set_print(NULL); /* what it has to say is said here, with the remedy */
	options.ifindex = (int)if_nametoindex(options.interface);
	if (!options.ifindex) {
		say("%s: no such interface; `ip link` lists them", options.interface);
		return EXIT_CANNOT;
	}
	return vips_find(&options.vips) ? EXIT_CANNOT : run(&options);
}

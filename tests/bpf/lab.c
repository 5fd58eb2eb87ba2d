/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lab's ground: namespaces, interfaces, routes, the loaded objects, and one
 * packet through one of them. All of it is private and ends with the process, so
 * nothing is taken down but what a row changed.
 */
#include "lab.h"

#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "mxlb/knobs.h"
#include "mxlb_tc.skel.h"
#include "mxlb_xdp.skel.h"

#define PIN_ROOT "/sys/fs/bpf"

unsigned lab_flows = LAB_FLOWS;
struct mxlb_knobs lab_knobs = MXLB_KNOBS_DEFAULT;

static struct mxlb_xdp *xdp;
static struct mxlb_tc *tc;
static __u32 ifindex[SIDES];

static const char network[] =
	"link set lo up\n"
	"link add wan type veth peer name wanpeer\n"
	"link add lan type veth peer name lanpeer\n"
	"link add dmz type veth peer name dmzpeer\n"
	"link set wan address 02:00:00:00:0a:01 up\n"
	"link set lan address 02:00:00:00:0b:01 up\n"
	"link set dmz address 02:00:00:00:0c:01 mtu 1300 up\n"
	"link set wanpeer up\n"
	"link set lanpeer up\n"
	"link set dmzpeer up\n"
	"addr add 203.0.113.1/24 dev wan\n"
	"addr add 10.0.0.1/24 dev lan\n"
	"addr add 10.0.1.1/24 dev dmz\n"
	"addr add 2001:db8:a::1/64 dev wan nodad\n"
	"addr add 2001:db8:b::1/64 dev lan nodad\n"
	"addr add 2001:db8:d::1/64 dev dmz nodad\n"
	"neigh replace 203.0.113.2 lladdr 02:00:00:00:0a:02 nud permanent dev wan\n"
	"neigh replace 2001:db8:a::2 lladdr 02:00:00:00:0a:02 nud permanent dev wan\n"
	"neigh replace 10.0.0.11 lladdr 02:00:00:00:0b:11 nud permanent dev lan\n"
	"neigh replace 10.0.0.12 lladdr 02:00:00:00:0b:12 nud permanent dev lan\n"
	"neigh replace 10.0.0.13 lladdr 02:00:00:00:0b:13 nud permanent dev lan\n"
	"neigh replace 10.0.1.14 lladdr 02:00:00:00:0c:14 nud permanent dev dmz\n"
	"neigh replace 2001:db8:b::11 lladdr 02:00:00:00:0b:11 nud permanent dev lan\n"
	"neigh replace 2001:db8:b::12 lladdr 02:00:00:00:0b:12 nud permanent dev lan\n"
	"neigh replace 2001:db8:b::13 lladdr 02:00:00:00:0b:13 nud permanent dev lan\n"
	"neigh replace 2001:db8:d::14 lladdr 02:00:00:00:0c:14 nud permanent dev dmz\n"
	"route add default via 203.0.113.2\n"
	"route add default via 2001:db8:a::2\n"
	"route add unreachable 10.0.9.0/24\n"
	"route add unreachable 2001:db8:e::/64\n"
	"route add 10.0.8.0/24 via inet6 2001:db8:b::11 dev lan\n"
	"route add 2001:db8:8::/64 via 2001:db8:b::11\n";

static void need(bool is_fine, const char *what)
{
	if (is_fine)
		return;
	fprintf(stderr, "tests/bpf: %s: %s\n", what, strerror(errno));
	exit(1);
}

void lab_ip(const char *batch)
{
	FILE *ip = popen("ip -batch -", "w");

	need(ip != NULL, "ip -batch");
	fputs(batch, ip);
	need(pclose(ip) == 0, "ip -batch failed; is iproute2 installed?");
}

void lab_sysctl(const char *path, const char *value)
{
	char full[128];
	FILE *file;

	(void)snprintf(full, sizeof(full), "/proc/sys/net/%s", path); /* all are short */
	file = fopen(full, "w");
	need(file && fputs(value, file) >= 0 && fclose(file) == 0, full);
}

__u32 lab_ifindex(enum side side)
{
	return ifindex[side];
}

__u64 lab_now(void)
{
	struct timespec now;

	/* The clock that the data path reads. */
	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* can't fail */
	return (__u64)now.tv_sec * SECOND + (__u64)now.tv_nsec;
}

__u32 lab_tick(void)
{
	return (__u32)(lab_now() >> MXLB_TICK_SHIFT);
}

static void build_network(void)
{
	need(!unshare(CLONE_NEWNET), "a network namespace; run as root");
	lab_ip(network);
	lab_sysctl("ipv4/ip_forward", "1");
	lab_sysctl("ipv6/conf/all/forwarding", "1");
	ifindex[WAN] = if_nametoindex("wan");
	ifindex[LAN] = if_nametoindex("lan");
	ifindex[DMZ] = if_nametoindex("dmz");
	need(ifindex[WAN] && ifindex[LAN] && ifindex[DMZ], "the lab's interfaces");
}

static void build_bpffs(void)
{
	need(!unshare(CLONE_NEWNS), "a mount namespace; run as root");
	need(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	need(!mount("bpf", PIN_ROOT, "bpf", 0, NULL), "a bpffs on " PIN_ROOT);
}

static void load_objects(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = PIN_ROOT);

	need((xdp = mxlb_xdp__open_opts(&opts)) != NULL, "opening the XDP object");
	need((tc = mxlb_tc__open_opts(&opts)) != NULL, "opening the TC object");
	lab_knobs.sessions = 1;
	/* Longer than any run, so that a slow machine sees the same as a fast one. */
	lab_knobs.hop_max_age = LAB_HOP_AGE;
	xdp->rodata->knobs = lab_knobs;
	tc->rodata->knobs = lab_knobs;
	need(!bpf_map__set_max_entries(xdp->maps.flows, lab_flows) &&
		     !bpf_map__set_max_entries(tc->maps.flows, lab_flows),
	     "a small flow table");
	need(!mxlb_xdp__load(xdp), "loading the XDP object");
	need(!mxlb_tc__load(tc), "loading the TC object");
}

void lab_open(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	/* Round robin starts elsewhere on each processor. */
	need(!sched_setaffinity(0, sizeof(first), &first), "staying on one processor");
	build_bpffs();
	build_network();
	load_objects();
	for (enum side side = WAN; side <= LAN; side++) /* but not DMZ */
		need(!bpf_map_update_elem(lab_map("devices"), &ifindex[side], &ifindex[side], 0),
		     "the devmap");
}

void lab_close(void)
{
	mxlb_xdp__destroy(xdp);
	mxlb_tc__destroy(tc);
}

int lab_map(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(xdp->obj, name);

	need(fd >= 0, name);
	return fd;
}

static struct bpf_object *own_object(void)
{
	return lab_hook == XDP ? xdp->obj : tc->obj;
}

int lab_own_map(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(own_object(), name);

	need(fd >= 0, name);
	return fd;
}

unsigned lab_own_offset(const char *type, const char *member)
{
	const struct btf *btf = bpf_object__btf(own_object());
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *found = btf__type_by_id(btf, (__u32)id);

	need(id > 0, type);
	for (__u32 i = 0; i < btf_vlen(found); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(found)[i].name_off), member))
			return btf_member_bit_offset(found, i) / 8;
	need(false, member);
	return 0;
}

int lab_hook_program(enum hook hook)
{
	return bpf_program__fd(hook == XDP ? xdp->progs.mxlb_xdp_in : tc->progs.mxlb_tc_in);
}

int lab_packet(struct lab_run *run, const struct frame *in, struct frame *out)
{
	struct xdp_md xdp_ctx = {
		.data_end = run->linear ? run->linear : in->len,
		.ingress_ifindex = ifindex[run->side],
	};
	struct __sk_buff tc_ctx = {
		.ifindex = ifindex[run->side],
		.gso_size = run->gso_size,
		.gso_segs = run->gso_segs,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->b, .data_size_in = in->len,
		    .data_out = out->b, .data_size_out = FRAME_MAX,
		    .repeat = (int)(run->repeat ? run->repeat : 1));
	int err;

	if (run->hook == XDP) {
		opts.ctx_in = &xdp_ctx;
		opts.ctx_size_in = sizeof(xdp_ctx);
		err = bpf_prog_test_run_opts(lab_hook_program(XDP), &opts);
	} else {
		opts.ctx_in = &tc_ctx;
		opts.ctx_size_in = sizeof(tc_ctx);
		err = bpf_prog_test_run_opts(lab_hook_program(TC), &opts);
	}
	run->returned = opts.retval;
	run->duration_ns = opts.duration;
	out->len = opts.data_size_out;
	return err;
}

bool lab_can_split(void)
{
	static struct frame in = {.len = 200}, out;
	struct lab_run run = {.hook = XDP, .linear = 100};

	return !lab_packet(&run, &in, &out);
}

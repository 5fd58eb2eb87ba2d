/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The assembler of frame.h and the cast of the rows. Writes a header at a time and
 * sums it when it is whole; knows nothing of maps and programs.
 * uses: addr.c
 */
#include "frame.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

#define GATEWAY "020000000a02"

const char *const side_mac[SIDES] = {"020000000a01", "020000000b01", "020000000c01"};

const struct person people[WHO_COUNT] = {
	[MX1] = {{"10.0.0.11", "2001:db8:b::11"}, 25, LAN, "020000000b11"},
	[MX2] = {{"10.0.0.12", "2001:db8:b::12"}, 2525, LAN, "020000000b12"},
	[MX3] = {{"10.0.0.13", "2001:db8:b::13"}, 25, LAN, "020000000b13"},
	[MX4] = {{"10.0.1.14", "2001:db8:d::14"}, 25, DMZ, "020000000c14"},
	[MX5] = {{"10.0.0.15", "2001:db8:b::15"}, 25, LAN, "020000000b15"},
	[MX6] = {{"10.0.9.16", "2001:db8:e::16"}, 25, LAN, "020000000b16"},
	[MX7] = {{"10.0.0.1", "2001:db8:b::1"}, 25, LAN, "020000000b17"},
	[MX8] = {{"10.0.8.18", "2001:db8:8::18"}, 25, LAN, "020000000b11"},
	[CLIENT] = {{"198.51.100.7", "2001:db8:c::7"}, 40000, WAN, GATEWAY},
	[SIBLING] = {{"198.51.100.200", "2001:db8:c::beef"}, 40000, WAN, GATEWAY},
	[STRANGER] = {{"198.51.101.7", "2001:db8:c:1::7"}, 40000, WAN, GATEWAY},
	[VIP] = {{"192.0.2.25", "2001:db8:25::25"}, 25, WAN, GATEWAY},
	[VIP2] = {{"192.0.2.26", "2001:db8:25::26"}, 25, WAN, GATEWAY},
	[ROUTER] = {{"10.0.0.1", "2001:db8:b::1"}, 40000, LAN, "020000000b01"},
	[FAR] = {{"203.0.113.254", "2001:db8:f::fe"}, 40000, WAN, GATEWAY},
	[NEAR] = {{"10.0.0.254", "2001:db8:b::fe"}, 40000, LAN, "020000000bfe"},
};

struct mxlb_addr who_addr(enum who who, enum mxlb_family family)
{
	struct mxlb_addr addr;

	if (addr_parse(people[who].addr[family], &addr))
		abort();
	return addr;
}

struct mxlb_endpoint who_endpoint(enum who who, enum mxlb_family family)
{
	struct mxlb_endpoint end = {
		.addr = who_addr(who, family),
		.port = htons(people[who].port),
	};

	return end;
}

static __u8 *put(struct frame *frame, const void *bytes, unsigned len)
{
	__u8 *at = frame->b + frame->len;

	if (len > FRAME_MAX - frame->len)
		abort();
	if (bytes)
		memcpy(at, bytes, len);
	else
		memset(at, 0, len);
	frame->len += len;
	return at;
}

static unsigned put_hex(struct frame *frame, const char *hex)
{
	unsigned before = frame->len, digits = 0, byte = 0;

	for (; hex && *hex; hex++) {
		if (*hex == ' ')
			continue;
		if (!isxdigit((unsigned char)*hex))
			abort();
		byte = byte << 4 | (unsigned)(*hex <= '9' ? *hex - '0' : (*hex | 32) - 'a' + 10);
		if (++digits % 2 == 0)
			*put(frame, NULL, 1) = (__u8)byte;
	}
	if (digits % 2)
		abort();
	return frame->len - before;
}

static void set16(__u8 *at, unsigned value)
{
	at[0] = (__u8)(value >> 8);
	at[1] = (__u8)value;
}

static void set32(__u8 *at, __u32 value)
{
	set16(at, value >> 16);
	set16(at + 2, value & 0xffff);
}

/* RFC 1071, byte by byte. */
static __u32 sum_bytes(const __u8 *bytes, unsigned len, __u32 sum)
{
	for (unsigned i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (__u32)bytes[i] << 8;
	return sum;
}

static unsigned sum_close(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* The pseudo header: addresses, protocol and length. */
static __u32 sum_pseudo(const struct seg *seg, enum mxlb_family family, unsigned protocol,
			unsigned len)
{
	struct mxlb_addr src = who_addr(seg->from, family), dst = who_addr(seg->to, family);
	unsigned skip = family == MXLB_V4 ? 12 : 0;

	return sum_bytes(dst.b + skip, 16 - skip,
			 sum_bytes(src.b + skip, 16 - skip, protocol + len));
}

/* A checksum as wrong as the row wants it. */
static void set_sum(__u8 *at, __u32 sum, const struct seg *seg)
{
	sum = sum_close(sum) + seg->sum_off;
	set16(at, (sum & 0xffff) + (sum >> 16));
}

enum who seg_sender(const struct seg *seg)
{
	return seg->by ? seg->by : seg->from;
}

static enum who next_hop(const struct seg *seg)
{
	if (seg->via)
		return seg->via;
	return seg->tunnel ? seg->tunnel->to : seg->to;
}

static void build_ethernet(struct frame *frame, const struct seg *seg, enum mxlb_family family)
{
	const struct person *hop = &people[next_hop(seg)];
	const char *own = side_mac[seg->is_out ? hop->side : people[seg_sender(seg)].side];

	if (seg->is_out) {
		put_hex(frame, hop->mac);
		put_hex(frame, own);
	} else {
		put_hex(frame, seg->mac ? seg->mac : own);
		put_hex(frame, people[seg_sender(seg)].mac);
	}
	put_hex(frame, seg->tags);
	put_hex(frame, family == MXLB_V4 ? "0800" : "86dd");
}

static void build_ipv4(struct frame *frame, const struct seg *seg, unsigned payload)
{
	struct mxlb_addr src = who_addr(seg->from, MXLB_V4), dst = who_addr(seg->to, MXLB_V4);
	__u8 *ip = put(frame, NULL, 20);
	unsigned len = 20 + put_hex(frame, seg->ip_opts);

	ip[0] = (__u8)(0x40 + len / 4);
	set16(ip + 2, (unsigned)((int)(len + payload) + seg->len_off));
	set16(ip + 4, seg->id ? seg->id : 0x1234);
	set16(ip + 6, seg->frag ? seg->frag : 0x4000);
	ip[8] = seg->ttl ? seg->ttl : 64;
	ip[9] = seg->error ? 1 : 6;
	memcpy(ip + 12, src.b + 12, 4);
	memcpy(ip + 16, dst.b + 12, 4);
	set16(ip + 10, sum_close(sum_bytes(ip, len, 0)));
}

static void build_ipv6(struct frame *frame, const struct seg *seg, unsigned payload)
{
	struct mxlb_addr src = who_addr(seg->from, MXLB_V6), dst = who_addr(seg->to, MXLB_V6);
	__u8 *ip = put(frame, NULL, 40);
	unsigned ext = put_hex(frame, seg->ext);

	set32(ip, 0x60012345);
	set16(ip + 4, (unsigned)((int)(ext + payload) + seg->len_off));
	ip[6] = ext ? seg->next : seg->error ? 58 : 6;
	ip[7] = seg->ttl ? seg->ttl : 64;
	memcpy(ip + 8, src.b, 16);
	memcpy(ip + 24, dst.b, 16);
}

/* A mail client's words, without end. */
static void build_data(struct frame *frame, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		*put(frame, NULL, 1) = (__u8)("EHLO client.example\r\n"[i % 21] + i / 21);
}

static void build_tcp(struct frame *frame, const struct seg *seg, enum mxlb_family family)
{
	__u8 *tcp = put(frame, NULL, 20);
	unsigned len = 20u + seg->opts + seg->data;

	set16(tcp, seg->sport ? seg->sport : people[seg->from].port);
	set16(tcp + 2, seg->dport ? seg->dport : people[seg->to].port);
	set32(tcp + 4, seg->seq);
	set32(tcp + 8, seg->ack);
	tcp[12] = (__u8)((seg->doff ? seg->doff : 5 + seg->opts / 4) << 4);
	tcp[13] = seg->flags;
	set16(tcp + 14, 0xfaf0);
	for (unsigned i = 0; i < seg->opts; i++)
		*put(frame, NULL, 1) = i < 4 ? "\x02\x04\x05\xb4"[i] : 1;
	build_data(frame, seg->data);
	set_sum(tcp + 16, sum_bytes(tcp, len, sum_pseudo(seg, family, 6, len)), seg);
}

static void build_packet(struct frame *frame, const struct seg *seg, enum mxlb_family family);

static unsigned body_len(const struct seg *seg)
{
	return seg->later ? seg->later : 20u + seg->opts + seg->data;
}

/* How many bytes of its packet an error quotes; the packet itself into `quote`. */
static unsigned build_quote(struct frame *quote, const struct error *error, enum mxlb_family family)
{
	unsigned want;

	quote->len = 0;
	build_packet(quote, error->about, family);
	want = quote->len - body_len(error->about) + (error->quoted ? error->quoted : 8);
	return want < quote->len ? want : quote->len;
}

static void build_error(struct frame *frame, const struct seg *seg, enum mxlb_family family,
			const struct frame *quote)
{
	const struct error *error = seg->error;
	unsigned len = 8 + quote->len;
	__u8 *icmp = put(frame, NULL, 8);

	icmp[0] = error->type[family];
	icmp[1] = error->code[family];
	set32(icmp + 4, error->rest);
	put(frame, quote->b, quote->len);
	set_sum(icmp + 2,
		sum_bytes(icmp, len, family == MXLB_V4 ? 0 : sum_pseudo(seg, family, 58, len)),
		seg);
}

/* An IP packet. */
static void build_packet(struct frame *frame, const struct seg *seg, enum mxlb_family family)
{
	unsigned payload = body_len(seg);
	struct frame quote = {0};

	if (seg->error) {
		quote.len = build_quote(&quote, seg->error, family);
		payload = 8 + quote.len;
	}
	if (family == MXLB_V4)
		build_ipv4(frame, seg, payload);
	else
		build_ipv6(frame, seg, payload);
	if (seg->error)
		build_error(frame, seg, family, &quote);
	else if (seg->later)
		build_data(frame, seg->later);
	else
		build_tcp(frame, seg, family);
}

/* RFC 2003, RFC 2473, RFC 4213: TTL 64, don't fragment, the traffic class of what is inside,
 * which the assembler leaves 0. */
static void build_tunnel(struct frame *frame, const struct seg *seg, enum mxlb_family outer,
			 const struct frame *inner, enum mxlb_family family)
{
	struct mxlb_addr src = who_addr(seg->tunnel->from, outer);
	struct mxlb_addr dst = who_addr(seg->tunnel->to, outer);
	__u8 *ip = put(frame, NULL, outer == MXLB_V4 ? 20 : 40), carried = family ? 41 : 4;

	if (outer == MXLB_V4) {
		ip[0] = 0x45;
		set16(ip + 2, 20 + inner->len);
		set16(ip + 6, 0x4000);
		ip[8] = 64;
		ip[9] = carried;
		memcpy(ip + 12, src.b + 12, 4);
		memcpy(ip + 16, dst.b + 12, 4);
		set16(ip + 10, sum_close(sum_bytes(ip, 20, 0)));
	} else {
		ip[0] = 0x60;
		set16(ip + 4, inner->len);
		ip[6] = carried;
		ip[7] = 64;
		memcpy(ip + 8, src.b, 16);
		memcpy(ip + 24, dst.b, 16);
	}
	put(frame, inner->b, inner->len);
}

void frame_build(struct frame *frame, const struct seg *seg, enum mxlb_family family)
{
	enum mxlb_family outer = family;
	struct frame inner = {0};

	if (seg->tunnel && seg->tunnel->is_crossed)
		outer = family == MXLB_V4 ? MXLB_V6 : MXLB_V4;
	build_packet(&inner, seg, family);
	frame->len = 0;
	build_ethernet(frame, seg, outer);
	if (seg->tunnel)
		build_tunnel(frame, seg, outer, &inner, family);
	else
		put(frame, inner.b, inner.len);
	put(frame, NULL, seg->pad);
	frame->len -= seg->cut;
}

unsigned frame_l3(const struct frame *frame)
{
	unsigned at = 12;

	while ((frame->b[at] == 0x81 && frame->b[at + 1] == 0) ||
	       (frame->b[at] == 0x88 && frame->b[at + 1] == 0xa8))
		at += 4;
	return at + 2;
}

void frame_hex(struct frame *frame, const char *hex)
{
	frame->len = 0;
	put_hex(frame, hex);
}

void frame_print(const char *label, const struct frame *frame)
{
	unsigned shown = frame->len < 160 ? frame->len : 160;

	printf("    %s %4u ", label, frame->len);
	for (unsigned i = 0; i < shown; i++)
		printf("%02x%s", frame->b[i], i == 13 || i == 33 || i == 53 || i == 73 ? " " : "");
	printf("%s\n", shown < frame->len ? "..." : "");
}

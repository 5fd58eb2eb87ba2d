/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of the rows: written out in hex, or assembled from fields. The assembler
 * sums every checksum in full, so it shares nothing with the code under test,
 * which changes them incrementally.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>

#include "mxlb/abi.h"

#define FRAME_MAX 4096

struct frame {
	unsigned len;
	__u8 b[FRAME_MAX];
};

/* Who speaks. A zero is nobody. */
enum who {
	NOBODY,
	MX1,
	MX2, /* on another port than the VIP's */
	MX3,
	MX4, /* behind an interface that XDP may not redirect to */
	MX5, /* its neighbour is not known */
	MX6, /* unreachable */
	MX7, /* an address of the router itself */
	MX8, /* an IPv4 address by way of an IPv6 gateway */
	CLIENT,
	SIBLING, /* of the client's prefix */
	STRANGER,
	VIP,
	VIP2,	/* not configured, unless a row does it */
	ROUTER, /* what the probes come from */
	WHO_COUNT
};

enum side { WAN, LAN, DMZ, SIDES };

struct person {
	const char *addr[MXLB_FAMILIES];
	__u16 port;
	enum side side;
	const char *mac; /* of the next hop on the way there */
};

extern const struct person people[WHO_COUNT];
extern const char *const side_mac[SIDES]; /* the router's own */

#define F 0x01
#define S 0x02
#define R 0x04
#define P 0x08
#define A 0x10
#define U 0x20

/* A TCP segment in its frame, as it comes in or (is_out) leaves the router. */
struct seg {
	enum who from, to;
	__u8 flags;
	__u32 seq, ack;
	unsigned data; /* bytes of payload */
	__u8 opts;     /* bytes of TCP options */
	__u16 sport, dport;
	__u8 ttl;	     /* 0: 64 */
	const char *mac;     /* destination in Ethernet, else the router's */
	const char *ip_opts; /* IPv4: hex */
	__u16 frag;	     /* IPv4: the field; 0: don't fragment */
	__u8 next;	     /* IPv6: what stands before the TCP header, and */
	const char *ext;     /* its hex */
	int len_off;	     /* added to the IP length field */
	__u8 doff;	     /* the TCP header's length field, where not true */
	__u16 sum_off;	     /* how wrong the TCP checksum is */
	unsigned pad;	     /* bytes after the IP packet */
	unsigned cut;	     /* bytes missing from the frame's end */
	enum who via;	     /* out: whose neighbour's address, else that of `to` */
	bool is_out;
};

void frame_build(struct frame *frame, const struct seg *seg, enum mxlb_family family);
/* Blanks are skipped; anything else that is no hex digit aborts. */
void frame_hex(struct frame *frame, const char *hex);
void frame_print(const char *label, const struct frame *frame);
struct mxlb_addr who_addr(enum who who, enum mxlb_family family);
struct mxlb_endpoint who_endpoint(enum who who, enum mxlb_family family);

#endif

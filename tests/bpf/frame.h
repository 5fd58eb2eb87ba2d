/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of the rows: written out in hex, or assembled from fields. The assembler
 * sums every checksum in full, so it shares nothing with the code under test,
 * which changes them incrementally. It makes TCP segments, fragments of them, ICMP
 * errors about them, and any of these behind VLAN tags or in a tunnel.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>

#include "mxlb/abi.h"

#define FRAME_MAX 10240 /* a jumbo frame */

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
	FAR,	/* a router on the way to the client */
	NEAR,	/* and one on the way to the backends */
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

struct seg;

/* What an ICMP error says, and of which packet: that one's IP header with all that extends it,
 * and `quoted` bytes of TCP; 0: 8 bytes. */
struct error {
	__u8 type[MXLB_FAMILIES], code[MXLB_FAMILIES];
	__u32 rest; /* the second half of the ICMP header, as an MTU */
	unsigned quoted;
	const struct seg *about;
};

/* The header in front of a packet in a tunnel. */
struct tunnel {
	enum who from, to;
	bool is_crossed; /* of the other family than the packet's */
};

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
	enum who by;	     /* in: who has sent the frame, where that is not `from` */
	const char *ip_opts; /* IPv4: hex */
	__u16 frag;	     /* IPv4: the field; 0: don't fragment */
	__u16 id;	     /* IPv4; 0: 1234 in hex */
	__u8 next;	     /* IPv6: what stands before the TCP header, and */
	const char *ext;     /* its hex */
	int len_off;	     /* added to the IP length field */
	__u8 doff;	     /* the TCP header's length field, where not true */
	__u16 sum_off;	     /* how wrong the TCP checksum is */
	unsigned pad;	     /* bytes after the IP packet */
	unsigned cut;	     /* bytes missing from the frame's end */
	enum who via;	     /* out: whose neighbour's address, else that of `to` */
	bool is_out;
	const char *tags;	   /* VLAN: hex, as 81000064 */
	const struct error *error; /* instead of TCP an ICMP error; or */
	unsigned later;		   /* a later fragment, of as many bytes */
	const struct tunnel *tunnel;
};

void frame_build(struct frame *frame, const struct seg *seg, enum mxlb_family family);
/* Who has sent the frame of a segment that comes in. */
enum who seg_sender(const struct seg *seg);
/* Where the IP header begins: behind the VLAN tags. */
unsigned frame_l3(const struct frame *frame);
/* Blanks are skipped; anything else that is no hex digit aborts. */
void frame_hex(struct frame *frame, const char *hex);
void frame_print(const char *label, const struct frame *frame);
struct mxlb_addr who_addr(enum who who, enum mxlb_family family);
struct mxlb_endpoint who_endpoint(enum who who, enum mxlb_family family);

#endif

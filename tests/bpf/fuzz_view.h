/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame as the fuzzer sees it: read by the RFCs, without a line of the code under test.
 * It says where the headers are, how far they can be believed, and what their checksums
 * lack.
 */
#ifndef FUZZ_VIEW_H
#define FUZZ_VIEW_H

#include "frame.h"

/* An IP packet, in a frame or quoted in an error; it may be cut. */
struct view {
	const __u8 *b;	 /* the frame's bytes, and */
	unsigned end;	 /* how many */
	unsigned l3, l4; /* offsets of the IP header and of what is behind it */
	unsigned len;	 /* by the IP header */
	enum mxlb_family family;
	__u8 protocol;	  /* of what is at l4 */
	bool is_ip;	  /* what follows holds */
	bool is_cut;	  /* shorter than its header says */
	bool is_fragment; /* first or later */
	bool is_later;	  /* then nothing is known of l4 */
	bool is_chained;  /* IPv4 options, or IPv6 extension headers */
	struct mxlb_addr src, dst;
	__be16 sport, dport; /* of TCP; 0: not there */
	bool has_ports;
	bool has_tcp; /* all 20 bytes of its header, with a length that fits */
};

/* The packet behind Ethernet and at most `tags` VLAN tags. */
void view_frame(struct view *view, const struct frame *frame, unsigned tags);
/* One that begins at `l3`. */
void view_packet(struct view *view, const __u8 *bytes, unsigned end, unsigned l3,
		 enum mxlb_family family);
/* The packet that an ICMP error quotes; false: it is none, or quotes no TCP. */
bool view_quote(const struct view *error, struct view *quote);
/* What the sum over a checksum's part comes to: 0 where it is right (mod 65535). */
unsigned view_ip_residue(const struct view *view);
unsigned view_l4_residue(const struct view *view);
/* Makes them right. */
void view_fix(struct frame *frame, unsigned tags);

#endif

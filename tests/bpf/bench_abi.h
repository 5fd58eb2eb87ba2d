/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmark shares with its BPF programs: how each packet is made from a
 * template, and the table of the bare translation that mxlb is measured against.
 */
#ifndef BENCH_ABI_H
#define BENCH_ABI_H

#include <linux/types.h>

#include "mxlb/abi.h"

#define BENCH_WORDS	16
#define BENCH_WORDS_TCP 10 /* all headers of a TCP packet lie within */

/* What a packet is run through, behind the prologue that makes it. */
enum bench_stage {
	BENCH_NOTHING, /* returns at once */
	BENCH_FLOOR,   /* the least that translates */
	BENCH_INSERT,  /* and that with one insertion */
	BENCH_MXLB,
	BENCH_STAGES
};

/* The template and what differs from packet to packet: four bytes of the client's
 * address, and a word of the IP header and one behind it, chosen so that no checksum
 * changes. */
struct bench_state {
	__u64 frame[BENCH_WORDS];
	__u32 words; /* of the frame that are restored: one of the two */
	__u32 first; /* the first client */
	__u32 clients;
	__u32 step; /* from one client to the next, not divisible into `clients` */
	__u32 at;   /* the client of the last packet, less `first` */
	__u32 addr; /* offset of the client's four bytes, and of the two words */
	__u32 ip_word, l4_word;
	__u32 ip_sum, l4_sum; /* what the template has there, summed */
};

struct floor_key4 {
	__be32 src, dst;
	__be16 sport, dport;
	__u32 protocol;
};

struct floor_key6 {
	__be32 src[4], dst[4];
	__be16 sport, dport;
	__u32 protocol;
};

/* What is written over one end of the packet, and where it goes then. */
struct floor_to {
	__be32 addr[4]; /* IPv4: the last */
	__be16 port;
	__u16 is_source; /* which end */
	__u32 ifindex;
	__u8 macs[12];
};

#endif

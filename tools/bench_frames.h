/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the frame source's BPF program and bench-load share: one frame to copy, and how
 * the frames differ from it.
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/types.h>

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

/* Flow number n is the client CLIENTS_MAX addresses after the first at most, and then the next
 * port. */
#define CLIENT_BITS 12 /* of a flow's number: which client address */
#define CLIENT_PORT 10000

struct frame_plan {
	struct frame model; /* client address 0, client port 0, checksums for that */
	__u32 client;	    /* the first client address, host byte order */
	__u32 is_to_client; /* the client's end is the destination */
	__u32 flows;	    /* so many flows in turn, beginning with `first` */
	__u32 first;
	__u32 stride; /* coprime to `flows`: which is the next one */
};

#endif

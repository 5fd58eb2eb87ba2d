/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmark of single packets, between its files: bench.c goes through the rounds,
 * bench_packets.c knows the packets, bench_programs.c loads what they run through,
 * bench_tables.c fills the tables, bench_ground.c runs, bench_stats.c and bench_report.c
 * judge.
 */
#ifndef BENCH_H
#define BENCH_H

#include "lab.h"

#include "bench_abi.h"

#define BENCH_SIZES    2     /* numbers of flows */
#define BENCH_OPENINGS 1000u /* connections opened at a time */
#define BENCH_ROUNDS   80u   /* of all measurements in turn; on a busy machine fewer */
#define BENCH_LEAST    20u   /* rounds, however long they take */
#define BENCH_SECONDS  50u   /* after which no more are begun */
#define BENCH_PER_FILL 10u   /* rounds with one filling of the tables */

enum bench_kind {
	BENCH_REQUEST, /* of an established flow */
	BENCH_REPLY,
	BENCH_OPENING,	  /* a SYN, each of another client */
	BENCH_ERROR,	  /* an ICMP error about an established flow */
	BENCH_OTHER_PORT, /* not ours: TCP to another address and port */
	BENCH_OTHER_MAIL, /* TCP to port 25 of an address that is no VIP */
	BENCH_UDP,
	BENCH_KINDS
};

extern const unsigned bench_flows[BENCH_SIZES];

/* A packet as it comes in and as it must leave, and who may send it. */
struct bench_packet {
	enum bench_kind kind;
	enum side side;
	struct frame in, out;
	struct bench_state prologue;
	unsigned repeat;
	__u32 returned[HOOKS];
};

static inline bool bench_is_ours(enum bench_kind kind)
{
	return kind < BENCH_OTHER_PORT;
}

/* bench_packets.c */
void bench_packet_make(struct bench_packet *packet, enum bench_kind kind, unsigned flows);
/* Puts the client of the last run into a frame. */
void bench_packet_client(const struct bench_state *state, struct frame *frame);
struct mxlb_flow_key bench_key(unsigned client);
struct floor_key4 bench_key4(unsigned client, enum mxlb_direction direction);
struct floor_key6 bench_key6(unsigned client, enum mxlb_direction direction);
struct floor_to bench_to(enum mxlb_direction direction);

/* bench_ground.c: prints and exits when the machine can't do what it needs, or when a
 * packet has not gone where it should. */
void bench_open(void);
void bench_close(void);
/* Nanoseconds a packet. */
double bench_run(struct bench_packet *packet, enum hook hook, enum bench_stage stage);

/* bench_tables.c: so many established flows, and the lab's state that goes with them. */
void bench_fill(enum mxlb_family family, unsigned flows);

/* bench_stats.c */
void bench_sample(enum hook hook, enum bench_kind kind, enum bench_stage stage, unsigned size,
		  double ns);

/* bench_report.c */
/* An exit code: 0 even when an aim is missed, 1 when the file can't be written. */
int bench_report(const char *json_path);

/* bench.c: the program `run bench`; its exit code. */
int bench_main(int argc, char **argv);

#endif

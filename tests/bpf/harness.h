/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A row: one packet, what must come out of it, and everything it may change. Each
 * row runs under XDP and TC and for both families, unless it says otherwise. A row
 * that does not run on from the one before starts from the lab's default state.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>

#include "lab.h"
#include "mxlb/reasons.h"

/* An action of the data path, by the name of mxlb/abi.h's. */
#define PASS	 MXLB_ACTION_PASS
#define REDIRECT MXLB_ACTION_REDIRECT
#define TX	 MXLB_ACTION_TX
#define DROP	 MXLB_ACTION_DROP

#define ONLY(what) (1u << (what))
#define UNCOUNTED  (~0ull)

struct row {
	const char *name;
	enum mxlb_action verdict;
	enum mxlb_reason reason; /* of a drop */
	unsigned hooks;		 /* ONLY(XDP), ONLY(TC); 0: both */
	unsigned families;	 /* ONLY(MXLB_V4), ...; 0: both */
	bool goes_on;		 /* from the state that the row before has left */
	bool xdp_passes;	 /* XDP leaves it to TC, untouched and uncounted */
	void (*setup)(void);

	/* The packet: a segment, or hex for each family (none: no run of that family). */
	struct seg in;
	const char *hex[MXLB_FAMILIES];
	enum side side; /* where the hex comes in */
	__u32 gso_size, gso_segs;
	unsigned linear; /* XDP: bytes in the first buffer; 0: as the kernel does it */

	/* What leaves: by default the packet as it came. */
	enum who to;	       /* REDIRECT: the segment, its destination now this; or */
	enum who as;	       /* its source */
	enum who via;	       /* the neighbour, where it is another's */
	bool unsolved;	       /* no neighbour yet: the Ethernet header is still the old */
	const struct seg *out; /* or another segment; its TTL one less than it came */
	const char *want[MXLB_FAMILIES]; /* or hex */

	/* What changed: every number of the maps, in the order of state.c, as in
	 * "half_open+1 load1+1"; the interface's and the reason's own counters follow
	 * from the verdict. NULL: nothing. */
	const char *after;
	/* The client's flow with the VIP, as "established mx1 synack"; NULL: none. */
	const char *flow;
	__u64 bytes;	     /* counted, where they are not the packet's IP length; or UNCOUNTED */
	bool (*check)(void); /* more that must hold afterwards */
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Runs a table; prints what fails. The number of runs goes to *runs. */
unsigned rows_run(const char *station, const struct row *rows, size_t count);
/* The row that has shown a reason, if one has. */
struct rows_proof {
	const char *station;
	const struct row *row;
};
struct rows_proof rows_proof(enum mxlb_reason reason);
/* Prints by which row each reason was provoked; the number of those that never were. Also
 * compares docs/reasons.md with what was seen; out of date, it counts as one more. */
unsigned rows_print_reasons(void);

/* Segments that many rows use. */
#define SYN_IN                                                                                     \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .flags = S, .seq = CLIENT_ISN                           \
	}
#define SYNACK_OUT(mx)                                                                             \
	{                                                                                          \
		.from = (mx), .to = CLIENT, .flags = S | A, .seq = SERVER_ISN,                     \
		.ack = CLIENT_ISN + 1                                                              \
	}
#define SEG_IN(how)                                                                                \
	{                                                                                          \
		.from = CLIENT, .to = VIP, .flags = (how), .seq = CLIENT_ISN + 1,                  \
		.ack = SERVER_ISN + 1                                                              \
	}
#define SEG_OUT(mx, how)                                                                           \
	{                                                                                          \
		.from = (mx), .to = CLIENT, .flags = (how), .seq = SERVER_ISN + 1,                 \
		.ack = CLIENT_ISN + 1                                                              \
	}

/* What a SYN to backend n changes, and the flow of `established`. */
#define OPENED(n)	"half_open+1 flows+1 load" #n "+1 in" #n "+1 syns+1"
#define HALF_OPEN_MX1	"half_open mx1"
#define ESTABLISHED_MX1 "established mx1 synack"

/* Setups that more than one station uses. */
void half_open(void);
void answered(void);
void established(void);
void closing(void);
void no_backend(void);

#endif

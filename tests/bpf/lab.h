/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the rows take place: a network and a bpffs of our own, the two loaded
 * objects, and the state of their maps, which is put back before each row.
 *
 *   client - gateway - wan [router] lan - mx1 mx2 mx3 (mx5: neighbour unknown)
 *                                   dmz - mx4
 */
#ifndef LAB_H
#define LAB_H

#include <stddef.h>

#include "frame.h"
#include "mxlb/abi.h"
#include "mxlb/event.h"
#include "mxlb/knobs.h"

enum hook { XDP, TC, HOOKS };
enum tier { SERVING, STANDBY, TIERS };

#define SERVICE	      3 /* the id of the one service */
#define VIP_ID	      7 /* and of its VIP */
#define VIP2_ID	      8
#define BACKENDS      8	 /* MX1 to MX8 have ids 1 to 8 */
#define LAB_FLOWS     16 /* the table's size, where rows fill it */
#define HALF_OPEN_MAX 8
#define LAB_RING_MAX  512
#define CLIENT_ISN    1000u
#define SERVER_ISN    5000u
#define SECOND	      1000000000ull
#define CPUS_MAX      512
#define LAB_SECOND    954u /* ticks */
#define LAB_HOP_AGE   (3600 * LAB_SECOND)

/* What a flow has shown, both sides together: in rows as "synack fin_in" and so on. */
enum mark {
	MARK_SYNACK = 0x01,  /* the backend has answered the SYN */
	MARK_FIN_IN = 0x02,  /* the client has closed its side */
	MARK_FIN_OUT = 0x04, /* and the backend its own */
	MARK_ADOPTED = 0x08, /* met in mid-connection */
	MARK_RST_IN = 0x10,
	MARK_RST_OUT = 0x20,
};

/* Of the row that runs. */
extern enum mxlb_family lab_family;
extern enum hook lab_hook;
/* settings.hop_generation; each reset has another, so that no row meets hops of an earlier. */
extern __u32 lab_generation;

/* The table's size, and what the programs are loaded with; to change before lab_open. */
extern unsigned lab_flows;
extern struct mxlb_knobs lab_knobs;

/* Both print and exit when the machine can't do what they need. */
void lab_open(void);
void lab_reset(enum mxlb_family family);
void lab_close(void);

struct lab_run {
	enum hook hook;
	enum side side; /* where the frame comes in */
	__u32 gso_size, gso_segs;
	unsigned repeat;
	unsigned linear;   /* XDP: bytes of the first buffer; 0: what the kernel takes */
	__u32 returned;	   /* out: XDP_* or TC_ACT_* */
	__u32 duration_ns; /* out: of one repetition */
};
/* 0, or a negative errno, as when the kernel refuses to build such a frame. */
int lab_packet(struct lab_run *run, const struct frame *in, struct frame *out);
/* The descriptor of a hook's program. */
int lab_hook_program(enum hook hook);
/* Can this kernel spread a test frame of XDP over buffers as it is told? */
bool lab_can_split(void);
__u32 lab_ifindex(enum side side);
void lab_ip(const char *batch);
void lab_sysctl(const char *path, const char *value);
__u64 lab_now(void);
__u32 lab_tick(void);

int lab_map(const char *name);
/* A map that each object has for itself: that of the hook which runs. */
int lab_own_map(const char *name);
/* Where a member is in a struct of that object, which no header of user space tells. */
unsigned lab_own_offset(const char *type, const char *member);
void lab_get(const char *map, __u32 key, void *value);
void lab_set(const char *map, __u32 key, const void *value);

/* What rows change before their packet. */
void lab_ring(enum tier tier, const __u32 *ids, __u32 count);
void lab_ring_all(enum tier tier, __u32 id); /* 0: an empty ring */
void lab_ring_remove(enum tier tier);
void lab_backend(enum who who, enum mxlb_leg_state state);
void lab_limit(enum who who, __u32 max_connections, __u64 live);
void lab_service(enum mxlb_scheduler scheduler, enum mxlb_unavailable unavailable);
void lab_settings(__u32 generation);
/* How a service, and all its backends, forward. */
void lab_forward(enum mxlb_forward forward);
void lab_vip(enum who who, __u16 id);
void lab_vip_put(const struct mxlb_endpoint *end, const struct mxlb_vip *vip);
void lab_tallies(__u64 half_open, bool is_stateless);
void lab_origin(enum who who, __u16 vip, unsigned slot);
/* A slot of `doors`, after what filled it. */
void lab_door(const struct mxlb_endpoint *end, const struct mxlb_door *door);
void lab_port(enum side side, const char *mac);
/* A device of the kernel takes this tag. */
void lab_vlan(const struct mxlb_vlan *vlan);
/* In this second, of 2^30 ns, so many errors have been sent. */
void lab_budget(__u32 second, __u32 used);
/* A first fragment of the client's has passed: it ended at `end`, and is believed `left` ns. */
void lab_fragment(__u16 end, __s64 left);
struct mxlb_fragment_key lab_fragment_key(void);
struct mxlb_flow_key lab_key(enum who client, __u16 vip);
bool lab_flow_get(const struct mxlb_flow_key *key, struct mxlb_flow *flow);
/* Puts a flow of the client, with its part in load and tallies; XDP trusts it. `marks`: of
 * enum mark. */
void lab_flow(enum who backend, enum mxlb_flow_state state, __u32 marks);
/* The client's flow, which must be there. */
struct mxlb_flow lab_flow_now(void);
void lab_flow_put(const struct mxlb_flow_key *key, const struct mxlb_flow *flow);
unsigned lab_flow_count(void);
void lab_fill(void);
struct mxlb_hop lab_hop(enum who neighbour, __u32 until, __u32 generation);
/* The last event seen; counts those of each type since the last reset. */
extern struct mxlb_event lab_event;
extern __u64 lab_events[3];
void lab_events_read(void);

#endif

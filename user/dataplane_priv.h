/* SPDX-License-Identifier: BSD-2-Clause */
/* What the dataplane_*.c files share; nobody else includes it. */
#ifndef DATAPLANE_PRIV_H
#define DATAPLANE_PRIV_H

#include <limits.h>

#include "dataplane.h"

struct mxlb_sweep_prog;
struct mxlb_tc;
struct mxlb_xdp;

struct dataplane {
	char pin_dir[PATH_MAX - 64]; /* room for a name below it */
	int lock_fd;		     /* flock on pin_dir: one daemon at a time */
	struct mxlb_xdp *xdp;
	struct mxlb_tc *tc;
	struct mxlb_sweep *sweep;
	struct dpmaps *maps;
	bool is_replacing;   /* maps of another ABI are there, and maybe its programs */
	bool has_probe_path; /* egress filters: some service is dsr or tunnel */
	int old_flows_fd;    /* a table of another size, to be copied from; -1: none */
	struct dataplane_interface *interfaces;
	size_t n_interfaces;
};

/* pins.c-like part: the bpffs and what stands in it. All return 0 or -errno. */
int pins_open(const char *pin_dir, int *lock_fd, char *why, size_t why_len);
void pins_path(const struct dataplane *plane, char *path, size_t len, const char *kind,
	       unsigned ifindex);
int pins_remove_all(const char *pin_dir);
/* Maps of another mxlbd, which our programs can't use. */
bool pins_have_other_abi(const char *pin_dir);
int pins_remove_other_abis(const char *pin_dir);
/* That a filter of ours is on the interface; the kernel keeps no such note for TC. */
void pins_mark(const char *pin_dir, unsigned ifindex);
void pins_unmark(const char *pin_dir, unsigned ifindex);
/* Calls fn for each interface that something stands here for; fn may remove it. */
void pins_each_interface(const char *pin_dir, void (*fn)(unsigned ifindex, void *arg), void *arg);
void pins_unmount(const char *pin_dir);

/* Takes programs, filters and pins off an interface, which need not be there any more. */
void interface_clear(const char *pin_dir, unsigned ifindex);
/* The same for all that an earlier daemon was on and this one is not. */
void interfaces_drop_unlisted(struct dataplane *plane);

/* Hooks. `ifindex` is alive. */
int hook_tc_attach(struct dataplane *plane, unsigned ifindex);
void hook_tc_detach(const char *pin_dir, unsigned ifindex);
int hook_xdp_attach(struct dataplane *plane, unsigned ifindex, bool is_generic);
void hook_xdp_detach(const char *pin_dir, unsigned ifindex);
/* A program that is not ours sits on the interface's XDP hook. */
bool hook_xdp_is_foreign(struct dataplane *plane, unsigned ifindex);

#endif

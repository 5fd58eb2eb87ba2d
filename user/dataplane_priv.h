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
	int old_flows_fd; /* a table of another size, to be copied from; -1: none */
	struct dataplane_interface *interfaces;
	size_t n_interfaces;
};

/* pins.c-like part: the bpffs and what stands in it. All return 0 or -errno. */
int pins_open(const char *pin_dir, int *lock_fd, char *why, size_t why_len);
int pins_mkdir(const char *pin_dir, const char *name);
void pins_path(const struct dataplane *plane, char *path, size_t len, const char *kind,
	       unsigned ifindex);
int pins_remove_all(const char *pin_dir);
void pins_unmount(const char *pin_dir);

/* Hooks. `ifindex` is alive. */
int hook_tc_attach(struct dataplane *plane, unsigned ifindex);
void hook_tc_detach(const char *pin_dir, unsigned ifindex);
int hook_xdp_attach(struct dataplane *plane, unsigned ifindex, bool is_generic);
void hook_xdp_detach(const char *pin_dir, unsigned ifindex);
/* A program that is not ours sits on the interface's XDP hook. */
bool hook_xdp_is_foreign(struct dataplane *plane, unsigned ifindex);

#endif

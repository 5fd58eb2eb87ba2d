/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data path as kernel objects: mounts the bpffs, loads the programs over pinned
 * maps, attaches them to interfaces, and takes all away again. Adapter of libbpf's
 * object, link and TC calls.
 */
#ifndef DATAPLANE_H
#define DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf.h"

struct dataplane;
struct dpmaps;

struct dataplane_interface {
	char name[16];
	unsigned ifindex;	     /* 0: not there at the moment */
	enum conf_datapath datapath; /* what is in use: xdp, xdp-generic or tc */
	enum conf_datapath wanted;   /* as configured */
	bool has_vlans;		     /* VLAN devices stand on it */
	char note[160];		     /* why not the first choice, or "" */
};

/* Loads everything; *is_adopted tells whether pinned flows were taken over. On failure
 * a negative errno and a full message in `why` (what: why; what to do). */
int dataplane_load(const struct conf *conf, struct dataplane **plane, bool *is_adopted, char *why,
		   size_t why_len);
/* Maps of another ABI were there at the load: its programs are, or were, to be replaced. */
bool dataplane_is_replacing(const struct dataplane *plane);
/* The programs are in place on every interface: takes over what only an older flow table
 * still holds, leaves interfaces of an earlier config, removes maps of another ABI. Call once
 * after the first attaches. 0, or why old maps could not be removed (no other harm). */
int dataplane_settle(struct dataplane *plane);

/* Attaches one interface (again, after it came back), or replaces its program. */
int dataplane_attach(struct dataplane *plane, const struct conf_interface *wanted, char *why,
		     size_t why_len);
int dataplane_detach(struct dataplane *plane, const char *name);
/* An interface went away; its record stays, with ifindex 0. */
void dataplane_interface_gone(struct dataplane *plane, const char *name, unsigned ifindex);
/* Its MAC address or its state may have changed. 0 or a negative errno. */
int dataplane_interface_changed(struct dataplane *plane, unsigned ifindex);
/* A VLAN device takes a tag from now on, or (device 0) none does. 1 when the datapath of
 * the interface below has changed for it, 0, or a negative errno with a message. */
int dataplane_vlan(struct dataplane *plane, const struct mxlb_vlan *tag, unsigned device, char *why,
		   size_t why_len);
/* Looks again which interfaces take redirected frames; to call now and then. */
int dataplane_devices_sync(struct dataplane *plane);
/* Whether probes need the forwarded path (some service is dsr or tunnel): puts the egress
 * filter on every interface, present and later, or takes it off. 0 or the first failure. */
int dataplane_probe_path(struct dataplane *plane, bool wanted, char *why, size_t why_len);
const struct dataplane_interface *dataplane_interfaces(const struct dataplane *plane, size_t *n);
struct dpmaps *dataplane_maps(struct dataplane *plane);
/* Closes descriptors; programs, links and pins stay. Takes NULL. */
void dataplane_close(struct dataplane *plane);
/* Removes programs, filters, qdiscs it made, pins and the bpffs it mounted. */
int dataplane_purge(const char *pin_dir, char *why, size_t why_len);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the services of mxlbd share: one struct, made by mxlbd.c, handed to each.
 * Each member is owned by the module of its name; others call that module.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct apply;
struct ctl_server;
struct dataplane;
struct dpmaps;
struct event_base;
struct health;
struct metrics;
struct model;
struct netlink;
struct observe;
struct state;

struct daemon {
	struct event_base *base;
	const char *config_path;
	struct model *model;	 /* current; changed by apply and health only */
	struct dataplane *plane; /* programs, links, pins */
	struct dpmaps *maps;	 /* borrowed from plane */
	struct apply *apply;
	struct health *health;
	struct netlink *netlink;
	struct ctl_server *ctl;
	struct metrics *metrics;
	struct observe *observe;
	struct state *state; /* the state file */
	bool is_adopted;     /* started over a pinned data path */
	uint64_t started_ms;
	time_t config_loaded; /* when the config in force was read */
	bool config_ok;	      /* the last reload succeeded */
	char helo[256];	      /* name for EHLO: the host name */
};

#endif

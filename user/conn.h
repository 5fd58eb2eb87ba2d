/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One outgoing TCP connection on the event loop: the only file of the health path
 * that knows sockets and bufferevents. Bytes in, bytes out, an orderly end; knows
 * nothing of SMTP. The program must ignore SIGPIPE, for libevent writes without
 * MSG_NOSIGNAL. Caller: probe.c.
 */
#ifndef CONN_H
#define CONN_H

#include <stddef.h>
#include <stdint.h>

#include "mxlb/abi.h"

struct conn;
struct event_base;

/* None is called from within conn_open. Each may call conn_close. */
struct conn_handler {
	void (*connected)(void *arg);
	/* Takes all `len` bytes (at most 4096 at a time). */
	void (*input)(const char *data, size_t len, void *arg);
	/* The last call. 0: the peer has closed; else the errno of why the
	 * connection failed or did not come about. conn_close is still due. */
	void (*closed)(int error, void *arg);
};

struct conn_spec {
	struct mxlb_addr addr;
	__be16 port;
	struct mxlb_addr source; /* of the same family; zero: the kernel chooses */
	uint32_t mark;		 /* of its packets (SO_MARK); 0: none */
	const struct conn_handler *handler;
	void *arg;
};

/* 0, or a negative errno for what is our own fault: no descriptor, no memory, no
 * port, a source address that is not ours, no right to a mark. The peer's and the network's faults,
 * even immediate ones, come through closed(). */
int conn_open(struct event_base *base, const struct conn_spec *spec, struct conn **conn);
/* Queues bytes to send; 0 or -ENOMEM. */
int conn_write(struct conn *conn, const void *data, size_t len);
/* Our own address and port; 0 or a negative errno. */
int conn_local(const struct conn *conn, struct mxlb_endpoint *local);
/* Our own address on the way to `to`, of its family; `from` as conn_spec.source. 0, or a
 * negative errno: no way there. Sends nothing. */
int conn_source(const struct mxlb_addr *to, const struct mxlb_addr *from, struct mxlb_addr *source);
/* No more calls. What is queued is still sent, then FIN; the rest of what the
 * peer says is read for a short while, lest the kernel answers it with RST. The
 * connection frees itself on the loop. Takes NULL. */
void conn_close(struct conn *conn);
/* The same at once, for the end of the loop: what was queued may be lost. */
void conn_free(struct conn *conn);

#endif

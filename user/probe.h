/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One active check of one backend address: connects, speaks SMTP as far as the
 * policy asks, ends exactly once with a reason. Uses conn (libevent) for bytes
 * and smtp_fsm (pure) for the dialogue. Callers: health, ctl (`mxlbctl probe`).
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "verdict.h"

struct event_base;
struct probe;

struct probe_line {
	double seconds;	  /* since the probe began */
	bool from_server; /* else from us */
	char *text;	  /* without CR LF, printable, bounded */
};

struct probe_result {
	enum health_reason reason;
	int code;		 /* of the greeting; 0: none seen */
	bool connected;		 /* the TCP handshake completed */
	double greeting_seconds; /* from connect to the final greeting line; < 0: none */
	double duration_seconds;
	struct probe_line *lines; /* the dialogue; owned by the probe */
	size_t n_lines;
};

/* Called exactly once, never from within probe_start; the result lives until it
 * returns, after which the probe has freed itself. */
typedef void (*probe_done)(const struct probe_result *result, void *arg);
/* Called once when TCP has connected, before any reply, with our own end of it; may be
 * NULL. False ends the probe as unreachable: it has gone another way than it should.
 * Neither callback may cancel its own probe. */
typedef bool (*probe_connected)(const struct mxlb_endpoint *local, void *arg);

struct probe_spec {
	struct mxlb_addr addr;
	__be16 port;
	uint32_t mark;		       /* of the probe's packets; 0: none */
	const struct conf_probe *conf; /* must outlive the probe, or be cancelled */
	const char *helo;	       /* used where conf->helo is NULL */
	probe_connected on_connect;
	probe_done on_done;
	void *arg;
};

/* 0 with *probe to cancel by, or a negative errno; nothing is called on error. */
int probe_start(struct event_base *base, const struct probe_spec *spec, struct probe **probe);
/* Ends without a result; takes NULL. */
void probe_cancel(struct probe *probe);

#endif

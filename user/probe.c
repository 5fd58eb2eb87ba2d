/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One active check of one backend address: ties conn (bytes) to smtp_fsm (the
 * dialogue) under one clock, keeps the record, and ends in one function. Every
 * deadline counts from the start of the probe. Knows nothing of rise, fall and
 * flows; see probe.h for its callers.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "addr.h"
#include "conn.h"
#include "smtp_fsm.h"

/* How long to wait for the 221. Its lack makes no backend bad, so it must not
 * hold the next probe up for the whole of a long time-out either. */
#define FAREWELL_MS 5000
/* A dialogue has about 20 lines; an endless EHLO answer is cut here. */
#define LINES_MAX 128
#define TEXT_MAX  512

enum probe_phase { PROBE_CONNECTING, PROBE_GREETING, PROBE_TALKING, PROBE_FAREWELL };

struct probe {
	struct probe_spec spec;
	enum probe_phase phase;
	uint64_t start_ns;
	uint64_t connected_ns; /* since start */
	uint64_t end_ms;       /* of the phase, since start */
	struct conn *conn;
	struct event *deadline;
	struct smtp_fsm fsm;
	struct probe_result result;
	struct probe_line lines[LINES_MAX];
};

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail on Linux */
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t elapsed_ns(const struct probe *p)
{
	return monotonic_ns() - p->start_ns;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* Backslash escapes: the text goes to logs, terminals and JSON as it is. */
static char *printable(const char *data, size_t len)
{
	char text[TEXT_MAX + 8];
	size_t n = 0;

	for (size_t i = 0; i < len && n < TEXT_MAX; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c >= ' ' && c <= '~')
			text[n++] = (char)c;
		else
			n += (size_t)sprintf(text + n, "\\x%02x", c);
	}
	return strndup(text, n);
}

static void record(struct probe *p, bool from_server, const char *data, size_t len)
{
	struct probe_line *line = &p->lines[p->result.n_lines];

	if (p->result.n_lines == LINES_MAX)
		return;
	line->text = printable(data, len);
	if (!line->text) /* out of memory: a gap in the record, not in the verdict */
		return;
	line->seconds = seconds(elapsed_ns(p));
	line->from_server = from_server;
	p->result.n_lines++;
}

/* Releases all but the connection, which may have to linger. */
static void probe_free(struct probe *p)
{
	for (size_t i = 0; i < p->result.n_lines; i++)
		free(p->lines[i].text);
	if (p->deadline)
		event_free(p->deadline);
	free(p);
}

/* The one place where a probe ends by itself. */
static void probe_end(struct probe *p, enum health_reason reason)
{
	conn_close(p->conn);
	p->result.reason = reason;
	p->result.duration_seconds = seconds(elapsed_ns(p));
	p->result.lines = p->lines;
	p->spec.on_done(&p->result, p->spec.arg);
	probe_free(p);
}

void probe_cancel(struct probe *p)
{
	if (!p)
		return;
	conn_free(p->conn);
	probe_free(p);
}

/* Ms since the start at which a phase that begins at `now_ms` is over. */
static uint64_t phase_ends_ms(const struct conf_probe *conf, enum probe_phase phase,
			      uint64_t now_ms)
{
	uint64_t end_ms = conf->timeout_ms;

	if (phase == PROBE_CONNECTING)
		end_ms = conf->connect_timeout_ms;
	else if (phase == PROBE_GREETING)
		end_ms = now_ms + conf->greeting_timeout_ms;
	else if (phase == PROBE_FAREWELL)
		end_ms = now_ms + FAREWELL_MS;
	return end_ms < conf->timeout_ms ? end_ms : conf->timeout_ms;
}

static int arm(struct probe *p)
{
	uint64_t now_ns = elapsed_ns(p), end_ns = p->end_ms * 1000000;
	uint64_t left_us = end_ns > now_ns ? (end_ns - now_ns + 999) / 1000 : 0;
	struct timeval tv = {
		.tv_sec = (time_t)(left_us / 1000000),
		.tv_usec = (suseconds_t)(left_us % 1000000),
	};

	return evtimer_add(p->deadline, &tv) ? -ENOMEM : 0;
}

static int enter(struct probe *p, enum probe_phase phase)
{
	p->phase = phase;
	p->end_ms = phase_ends_ms(p->spec.conf, phase, elapsed_ns(p) / 1000000);
	return arm(p);
}

/* As above while the dialogue goes on: libevent needs memory only for more timers
 * than it ever had, and the probe's own has just been one of them. */
static void move_on(struct probe *p, enum probe_phase phase)
{
	if (p->phase != phase)
		(void)enter(p, phase);
}

/* Every other errno of connect(2) is an ICMP error or our own routing table. */
static enum health_reason connect_reason(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return HEALTH_CONNECT_REFUSED;
	case ETIMEDOUT:
		return HEALTH_CONNECT_TIMEOUT;
	default:
		return HEALTH_UNREACHABLE;
	}
}

/* Our own address: a backend that sees "PROXY UNKNOWN" may drop the connection,
 * and 0.0.0.0 would show in its log as a client. */
static int proxy_v1(const struct probe *p, char *buf, size_t size)
{
	char source[ADDR_TEXT_MAX], destination[ADDR_TEXT_MAX];
	bool is_v4 = addr_family(&p->spec.addr) == MXLB_V4;
	struct mxlb_endpoint local;
	int err = conn_local(p->conn, &local);

	if (err)
		return err;
	return snprintf(buf, size, "PROXY %s %s %s %u %u\r\n", is_v4 ? "TCP4" : "TCP6",
			addr_format(&local.addr, source), addr_format(&p->spec.addr, destination),
			ntohs(local.port), ntohs(p->spec.port));
}

/* haproxy's proxy-protocol.txt, 2.2: version 2, LOCAL, no address family, and no
 * addresses: the receiver uses those of the connection. */
static const char proxy_v2_local[] = "\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";

static void send_proxy_header(struct probe *p)
{
	char text[2 * ADDR_TEXT_MAX + 32];
	int len;

	if (p->spec.conf->proxy == CONF_PROXY_V2) {
		(void)conn_write(p->conn, proxy_v2_local, sizeof(proxy_v2_local) - 1);
		record(p, false, "PROXY v2 LOCAL", strlen("PROXY v2 LOCAL"));
	} else if (p->spec.conf->proxy == CONF_PROXY_V1) {
		len = proxy_v1(p, text, sizeof(text));
		if (len < 0) /* the connection is gone: closed() will tell */
			return;
		(void)conn_write(p->conn, text, (size_t)len);
		record(p, false, text, (size_t)len - 2);
	}
}

static bool is_on_way(const struct probe *p)
{
	struct mxlb_endpoint local;

	/* Without an address of its own the connection has ended already: closed() tells. */
	return !p->spec.on_connect || conn_local(p->conn, &local) ||
	       p->spec.on_connect(&local, p->spec.arg);
}

static void on_connected(void *arg)
{
	struct probe *p = arg;

	if (!is_on_way(p)) {
		probe_end(p, HEALTH_UNREACHABLE);
		return;
	}
	p->connected_ns = elapsed_ns(p);
	p->result.connected = true;
	move_on(p, PROBE_GREETING);
	send_proxy_header(p);
	if (p->spec.conf->type == CONF_PROBE_TCP)
		probe_end(p, HEALTH_OK);
}

/* What one step of the dialogue means for record, clock and connection. A write
 * that finds no memory is met by the deadline. */
static void follow(struct probe *p)
{
	struct smtp_fsm *f = &p->fsm;

	if (f->has_line)
		record(p, true, f->line, f->line_len);
	if (f->greeting && p->result.code == 0) {
		p->result.code = f->greeting;
		p->result.greeting_seconds = seconds(elapsed_ns(p) - p->connected_ns);
	}
	if (f->send[0]) {
		record(p, false, f->send, strlen(f->send) - 2);
		(void)conn_write(p->conn, f->send, strlen(f->send));
		move_on(p, f->state == SMTP_QUIT ? PROBE_FAREWELL : PROBE_TALKING);
	}
}

static void on_input(const char *data, size_t len, void *arg)
{
	struct probe *p = arg;

	while (len > 0 && p->fsm.state != SMTP_ENDED) {
		size_t used = smtp_fsm_feed(&p->fsm, data, len);

		data += used;
		len -= used;
		follow(p);
	}
	if (p->fsm.state == SMTP_ENDED)
		probe_end(p, p->fsm.reason);
}

static void on_closed(int error, void *arg)
{
	struct probe *p = arg;

	if (p->phase == PROBE_CONNECTING) {
		probe_end(p, connect_reason(error));
		return;
	}
	smtp_fsm_closed(&p->fsm);
	follow(p);
	probe_end(p, p->fsm.reason);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;

	/* libevent's clock is coarse, and stands while callbacks run: a timer that
	 * was set after a long one is early by as much. */
	if (elapsed_ns(p) < p->end_ms * 1000000) {
		(void)arm(p);
		return;
	}
	if (p->phase == PROBE_CONNECTING) {
		probe_end(p, HEALTH_CONNECT_TIMEOUT);
		return;
	}
	smtp_fsm_timeout(&p->fsm);
	follow(p);
	probe_end(p, p->fsm.reason);
}

static const struct conn_handler handler = {
	.connected = on_connected,
	.input = on_input,
	.closed = on_closed,
};

static int start_dialogue(struct probe *p)
{
	const struct conf_probe *conf = p->spec.conf;

	if (conf->type == CONF_PROBE_TCP)
		return 0;
	if (conf->type != CONF_PROBE_SMTP)
		return -EINVAL;
	return smtp_fsm_init(&p->fsm, conf->helo ? conf->helo : p->spec.helo, conf->rcpt);
}

static int start_conn(struct probe *p, struct event_base *base)
{
	struct conn_spec spec = {
		.addr = p->spec.addr,
		.port = p->spec.port,
		.source = p->spec.conf->source[addr_family(&p->spec.addr)],
		.mark = p->spec.mark,
		.handler = &handler,
		.arg = p,
	};

	return conn_open(base, &spec, &p->conn);
}

int probe_start(struct event_base *base, const struct probe_spec *spec, struct probe **probe)
{
	struct probe *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (!p)
		return err;
	p->spec = *spec;
	p->start_ns = monotonic_ns();
	p->result.greeting_seconds = -1;
	p->deadline = evtimer_new(base, on_deadline, p);
	if (!p->deadline)
		goto out;
	err = start_dialogue(p);
	if (!err)
		err = enter(p, PROBE_CONNECTING);
	if (!err)
		err = start_conn(p, base);
	if (err)
		goto out;
	*probe = p;
	return 0;
out:
	probe_free(p);
	return err;
}

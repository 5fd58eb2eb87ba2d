/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One probe run to its end on an event loop of its own, with what it reported kept
 * for the test: the result, the dialogue as one text, the calls and their order.
 */
#ifndef PROBE_CLIENT_H
#define PROBE_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <cmocka.h>
#include <event2/event.h>

#include "addr.h"
#include "probe.h"

struct probe_client {
	struct event_base *base;
	struct conf_probe conf;
	uint32_t mark;
	bool is_astray; /* what on_connect finds */
	unsigned n_connected, n_done;
	struct mxlb_endpoint local; /* the client's end */
	uint32_t mark_seen;	    /* of its socket */
	struct probe_result result; /* without the lines */
	char dialogue[4096];	    /* "S: text|C: text|" */
	double run_seconds;	    /* till nothing was left on the loop */
};

static bool socket_is_at(int fd, const struct mxlb_endpoint *local)
{
	struct sockaddr_storage ss = {0}, want = {0};
	socklen_t len = sizeof(ss), want_len = addr_sockaddr(&local->addr, local->port, &want);

	return !getsockname(fd, (struct sockaddr *)&ss, &len) && len == want_len &&
	       !memcmp(&ss, &want, len);
}

/* The mark of this process's socket at that end; the other end's has another port. */
static uint32_t mark_of(const struct mxlb_endpoint *local)
{
	uint32_t mark = 0;
	socklen_t len = sizeof(mark);

	for (int fd = 0; fd < 1024; fd++)
		if (socket_is_at(fd, local) && !getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len))
			return mark;
	return 0;
}

static bool on_connect(const struct mxlb_endpoint *local, void *arg)
{
	struct probe_client *c = arg;

	assert_int_equal(c->n_done, 0);
	c->n_connected++;
	c->local = *local;
	c->mark_seen = mark_of(local);
	return !c->is_astray;
}

static void on_done(const struct probe_result *result, void *arg)
{
	struct probe_client *c = arg;
	double before = 0;

	c->n_done++;
	c->result = *result;
	for (size_t i = 0; i < result->n_lines; i++) {
		const struct probe_line *line = &result->lines[i];
		size_t n = strlen(c->dialogue);

		assert_true(line->seconds >= before);
		assert_true(line->seconds <= result->duration_seconds);
		before = line->seconds;
		snprintf(c->dialogue + n, sizeof(c->dialogue) - n, "%s: %s|",
			 line->from_server ? "S" : "C", line->text);
	}
}

static void client_init(struct probe_client *c)
{
	*c = (struct probe_client){
		.base = event_base_new(),
		.conf =
			{
				.type = CONF_PROBE_SMTP,
				.connect_timeout_ms = 10000,
				.greeting_timeout_ms = 10000,
				.timeout_ms = 20000,
				.helo = (char *)"lb.test",
			},
	};
	assert_non_null(c->base);
}

static int client_start(struct probe_client *c, const struct mxlb_endpoint *to,
			struct probe **probe)
{
	struct probe_spec spec = {
		.addr = to->addr,
		.port = to->port,
		.mark = c->mark,
		.conf = &c->conf,
		.helo = "fallback.test",
		.on_connect = on_connect,
		.on_done = on_done,
		.arg = c,
	};

	return probe_start(c->base, &spec, probe);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Runs the loop until nothing is left on it, lingering connections included. */
static void client_run(struct probe_client *c, const struct mxlb_endpoint *to)
{
	double began = now();
	struct probe *probe;

	assert_int_equal(client_start(c, to, &probe), 0);
	assert_int_equal(c->n_connected + c->n_done, 0);
	event_base_dispatch(c->base);
	c->run_seconds = now() - began;
	assert_int_equal(c->n_done, 1);
	event_base_free(c->base);
}

static void assert_reason(const struct probe_client *c, enum health_reason expected)
{
	assert_string_equal(health_reason_name(c->result.reason), health_reason_name(expected));
}

#endif

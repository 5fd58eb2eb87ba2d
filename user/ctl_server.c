/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Someone asks: request -> command table -> model or snapshot -> reply. One request
 * and one reply a connection. Each wait has an end: a request must come whole within
 * its deadline, and a client that does not read its reply is left.
 */
#include "ctl_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <sys/queue.h>
#include <unistd.h>

#include "ctl_cmds.h"
#include "ctl_peer.h"
#include "ctl_reply.h"
#include "ctl_request.h"
#include "ctl_socket.h"
#include "daemon.h"
#include "log.h"
#include "mem.h"
#include "model.h"

#define CONNECTIONS_MAX 32 /* more wait in the backlog until one ends */
#define BACKLOG		64

static const struct timeval request_deadline = {.tv_sec = 5};
static const struct timeval write_timeout = {.tv_sec = 30}; /* without any progress */

struct connection {
	LIST_ENTRY(connection) link;
	struct ctl_server *server;
	struct bufferevent *stream;
	struct event *deadline;
	struct ctl_peer peer;
	struct ctl_request request;
	struct ctl_reply reply;
	bool has_asked, is_answered;
};

struct ctl_server {
	struct daemon *daemon;
	struct evconnlistener *listener;
	char *path;
	gid_t group;
	unsigned n_connections;
	LIST_HEAD(, connection) connections;
};

static void connection_free(struct connection *c)
{
	struct ctl_server *server = c->server;

	if (c->reply.cancel)
		c->reply.cancel(c->reply.cancel_arg);
	LIST_REMOVE(c, link);
	if (c->deadline)
		event_free(c->deadline);
	if (c->stream)
		bufferevent_free(c->stream);
	ctl_request_free(&c->request);
	free(c);
	if (server->n_connections-- == CONNECTIONS_MAX)
		(void)evconnlistener_enable(server->listener);
}

/* A stranger is answered unasked; it is left only once it has asked, lest its write
 * fail and it never read why. */
static void connection_end_if_done(struct connection *c)
{
	struct evbuffer *output = bufferevent_get_output(c->stream);

	if (c->has_asked && c->is_answered && !evbuffer_get_length(output))
		connection_free(c);
}

static void text_free(const void *text, size_t len, void *arg)
{
	free((void *)text);
}

/* By reference: a list of all flows may have some 100 MB. */
static void answer(char *text, size_t len, void *arg)
{
	struct connection *c = arg;

	c->is_answered = true;
	bufferevent_set_timeouts(c->stream, NULL, &write_timeout);
	if (!evbuffer_add_reference(bufferevent_get_output(c->stream), text, len, text_free, NULL))
		return;
	log_error("control: a reply could not be written: no memory");
	free(text);
}

static void ask(struct connection *c, const char *bytes, size_t len)
{
	char why[256];

	c->has_asked = true;
	(void)event_del(c->deadline);
	if (c->is_answered)
		return;
	if (len > MXLB_CTL_REQUEST_MAX)
		ctl_reply_error(&c->reply, MXLB_EXIT_REFUSED,
				"request: longer than %d bytes; send less", MXLB_CTL_REQUEST_MAX);
	else if (ctl_request_parse(bytes, len, &c->request, why, sizeof(why)))
		ctl_reply_error(&c->reply, MXLB_EXIT_REFUSED, "%s", why);
	else
		ctl_run(c->server->daemon, &c->peer, &c->request, &c->reply);
}

static void readable(struct bufferevent *stream, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	struct connection *c = arg;
	size_t len;
	char *line;

	if (!c->has_asked) {
		line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);
		if (line)
			ask(c, line, len);
		else if (evbuffer_get_length(input) > MXLB_CTL_REQUEST_MAX)
			ask(c, NULL, evbuffer_get_length(input));
		free(line);
	}
	if (c->has_asked)
		(void)evbuffer_drain(input, evbuffer_get_length(input));
	connection_end_if_done(c);
}

static void written(struct bufferevent *stream, void *arg)
{
	connection_end_if_done(arg);
}

/* The end of what the client sends ends a request that has no newline; a client that
 * has gone for good is noticed when the reply is written. */
static void input_ended(struct connection *c)
{
	struct evbuffer *input = bufferevent_get_input(c->stream);
	size_t len = evbuffer_get_length(input);

	if (!c->has_asked && (len || c->is_answered))
		ask(c, (const char *)evbuffer_pullup(input, -1), len);
	if (!c->has_asked)
		connection_free(c);
	else
		connection_end_if_done(c);
}

static void ended(struct bufferevent *stream, short what, void *arg)
{
	struct connection *c = arg;

	if (what & BEV_EVENT_EOF && what & BEV_EVENT_READING)
		input_ended(c);
	else
		connection_free(c);
}

static void too_late(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	if (c->is_answered) {
		connection_free(c);
		return;
	}
	c->has_asked = true;
	ctl_reply_error(&c->reply, MXLB_EXIT_REFUSED,
			"request: not whole after %ld s; send one line of JSON",
			(long)request_deadline.tv_sec);
}

static int connection_start(struct connection *c, int fd)
{
	struct event_base *base = c->server->daemon->base;
	int err = ctl_peer_get(fd, c->server->group, &c->peer);

	if (err)
		return err;
	c->deadline = evtimer_new(base, too_late, c);
	c->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->deadline || !c->stream)
		return -ENOMEM;
	bufferevent_setcb(c->stream, readable, written, ended, c);
	bufferevent_setwatermark(c->stream, EV_READ, 0, MXLB_CTL_REQUEST_MAX + 1);
	(void)event_add(c->deadline, &request_deadline);
	return bufferevent_enable(c->stream, EV_READ | EV_WRITE) ? -ENOMEM : 0;
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
		     int addr_len, void *arg)
{
	struct ctl_server *server = arg;
	struct connection *c = mem_zero(1, sizeof(*c));
	int err;

	c->server = server;
	c->reply = (struct ctl_reply){.done = answer, .arg = c};
	LIST_INSERT_HEAD(&server->connections, c, link);
	if (++server->n_connections == CONNECTIONS_MAX)
		(void)evconnlistener_disable(listener);
	err = connection_start(c, fd);
	if (err) {
		log_warn("control: a connection could not be served: %s", strerror(-err));
		if (!c->stream)
			(void)close(fd);
		connection_free(c);
	} else if (!c->peer.is_allowed) {
		log_warn("control: refused to user %s; only root and members of the control "
			 "group may use the socket",
			 c->peer.name);
		ctl_reply_error(&c->reply, MXLB_EXIT_REFUSED,
				"permission denied: user %s is not in the control group of mxlbd; "
				"use root, or join the group",
				c->peer.name);
	}
}

/* The group that the config wants; one that it does not name may be missing. */
static gid_t group_wanted(const struct conf *conf)
{
	gid_t group = ctl_group_id(conf->control_group);

	if (group == CTL_NO_GROUP)
		log_warn("control.group: there is no group %s; only root can use mxlbctl until it "
			 "is made and mxlbd restarted",
			 conf->control_group);
	return group;
}

static int listen_on(struct ctl_server *server, int fd)
{
	server->listener =
		evconnlistener_new(server->daemon->base, accepted, server,
				   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
	if (server->listener)
		return 0;
	(void)close(fd);
	return errno ? -errno : -ENOMEM;
}

int ctl_server_new(struct daemon *daemon, struct ctl_server **server)
{
	const struct conf *conf = daemon->model->conf;
	struct ctl_server *s;
	char why[512];
	int fd = ctl_socket_open(conf->control_socket, why, sizeof(why)), err;

	if (fd < 0) {
		log_error("%s", why);
		return fd;
	}
	s = mem_zero(1, sizeof(*s));
	s->daemon = daemon;
	s->path = mem_dup(conf->control_socket);
	s->group = group_wanted(conf);
	LIST_INIT(&s->connections);
	err = listen_on(s, fd);
	if (!err)
		err = ctl_socket_share(s->path, s->group);
	if (err) {
		log_error("control socket: %s: %s; check its directory", s->path, strerror(-err));
		ctl_server_free(s);
		return err;
	}
	*server = s;
	return 0;
}

void ctl_server_sync(struct ctl_server *server)
{
	const struct conf *conf = server->daemon->model->conf;
	gid_t group = ctl_group_id(conf->control_group);
	int err;

	if (group == server->group)
		return;
	err = ctl_socket_share(server->path, group);
	if (err)
		log_warn("control.group: the socket can't be given to %s: %s; restart mxlbd",
			 conf->control_group, strerror(-err));
	else
		server->group = group;
}

void ctl_server_free(struct ctl_server *server)
{
	if (!server)
		return;
	while (!LIST_EMPTY(&server->connections))
		connection_free(LIST_FIRST(&server->connections));
	if (server->listener)
		evconnlistener_free(server->listener);
	(void)unlink(server->path); /* if it stays it is stale, and the next start sees that */
	free(server->path);
	free(server);
}

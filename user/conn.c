/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adapter of libevent's bufferevents for one outgoing TCP connection; conn.h is
 * the contract. The connect is done by hand, for bufferevent_socket_connect may
 * call back at once and loses the errno. A connection that was closed lingers
 * without a handler until the peer's FIN has come, at most LINGER_MS.
 */
#include "conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "addr.h"

/* Bytes waiting to be read; beyond this the peer's window closes. */
#define INPUT_MAX 4096
/* A peer answers a FIN within a round trip, or when it has written its answer. */
#define LINGER_MS 2000
/* A peer that goes on talking to a closed connection has earned its RST. */
#define LINGER_BYTES_MAX 65536

struct conn {
	const struct conn_handler *handler; /* NULL: closed, lingering */
	void *arg;
	int fd;			 /* owned by bev once that exists */
	int connect_error;	 /* of an immediate failure */
	bool has_ended;		 /* closed() was called */
	size_t discarded;	 /* bytes read while lingering */
	struct event *connect;	 /* the socket becomes writable */
	struct event *linger;	 /* the end; the only place that frees */
	struct bufferevent *bev; /* from the handshake on */
};

void conn_free(struct conn *c)
{
	char rest[INPUT_MAX];

	if (!c)
		return;
	if (c->connect)
		event_free(c->connect);
	if (c->linger)
		event_free(c->linger);
	/* Unread input would turn the close into a RST. */
	for (int i = 0; c->bev && i < LINGER_BYTES_MAX / INPUT_MAX; i++)
		if (recv(c->fd, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
			break;
	if (c->bev)
		bufferevent_free(c->bev);
	else if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static void on_linger_end(evutil_socket_t fd, short what, void *arg)
{
	conn_free(arg);
}

static void linger_for(struct conn *c, unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	(void)evtimer_add(c->linger, &tv); /* fails on lack of memory at the first add only */
}

static void report_closed(struct conn *c, int error)
{
	c->has_ended = true;
	if (c->handler)
		c->handler->closed(error, c->arg);
	else
		linger_for(c, 0);
}

/* SHUT_WR rather than close: the peer gets our FIN and may finish its sentence. */
static void send_fin(struct conn *c)
{
	(void)shutdown(c->fd, SHUT_WR); /* fails when the peer has reset: nothing to do */
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	char chunk[INPUT_MAX];
	struct conn *c = arg;
	int n;

	while ((n = evbuffer_remove(input, chunk, sizeof(chunk))) > 0) {
		if (c->handler)
			c->handler->input(chunk, (size_t)n, c->arg);
		else
			c->discarded += (size_t)n;
	}
	if (c->discarded > LINGER_BYTES_MAX)
		linger_for(c, 0);
}

/* The queue is empty. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (!c->handler)
		send_fin(c);
}

static void on_bev_event(struct bufferevent *bev, short what, void *arg)
{
	int error = EVUTIL_SOCKET_ERROR();

	if (what & BEV_EVENT_EOF)
		error = 0;
	else if (!(what & BEV_EVENT_ERROR))
		return;
	else if (error == 0)
		error = ECONNRESET;
	report_closed(arg, error);
}

static int start_talking(struct conn *c, struct event_base *base)
{
	c->bev = bufferevent_socket_new(base, c->fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev)
		return ENOMEM;
	bufferevent_setcb(c->bev, on_read, on_written, on_bev_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, INPUT_MAX);
	return bufferevent_enable(c->bev, EV_READ | EV_WRITE) ? ENOMEM : 0;
}

static void on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	int error = c->connect_error;
	socklen_t len = sizeof(error);

	if (!error && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	/* These two mean that the handshake was done and the peer has reset since
	 * (a refused SYN is ECONNREFUSED): connected, and the next read tells. */
	if (error == ECONNRESET || error == EPIPE)
		error = 0;
	if (!error)
		error = start_talking(c, event_get_base(c->connect));
	if (error)
		report_closed(c, error);
	else
		c->handler->connected(c->arg);
}

/* Lack of our own: says nothing about the peer, so it must not look like it. */
static bool is_our_fault(int error)
{
	return error == EADDRNOTAVAIL || error == EAGAIN || error == ENOBUFS || error == ENOMEM ||
	       error == EMFILE || error == ENFILE;
}

static int bind_source(int fd, const struct mxlb_addr *source)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_sockaddr(source, 0, &ss);
	int on = 1;

	/* The port is chosen at connect, when the kernel knows the other end: many
	 * backends can then share one port. A kernel without it works as well. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&ss, len) ? -errno : 0;
}

/* Sets c->fd, and c->connect_error where the network said no at once. */
static int start_connect(struct conn *c, const struct conn_spec *spec)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_sockaddr(&spec->addr, spec->port, &ss);
	int err = 0;

	c->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (c->fd < 0)
		return -errno;
	if (!addr_is_zero(&spec->source))
		err = bind_source(c->fd, &spec->source);
	if (!err && spec->mark &&
	    setsockopt(c->fd, SOL_SOCKET, SO_MARK, &spec->mark, sizeof(spec->mark)))
		err = -errno;
	if (err)
		return err;
	if (connect(c->fd, (struct sockaddr *)&ss, len) == 0 || errno == EINPROGRESS)
		return 0;
	if (is_our_fault(errno))
		return -errno;
	c->connect_error = errno;
	return 0;
}

int conn_open(struct event_base *base, const struct conn_spec *spec, struct conn **conn)
{
	struct conn *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return err;
	c->handler = spec->handler;
	c->arg = spec->arg;
	c->fd = -1;
	err = start_connect(c, spec);
	if (err)
		goto out;
	err = -ENOMEM;
	c->linger = evtimer_new(base, on_linger_end, c);
	c->connect = event_new(base, c->fd, EV_WRITE, on_connect, c);
	/* A connect that failed at once is met here too: its socket polls as hung up. */
	if (!c->linger || !c->connect || event_add(c->connect, NULL))
		goto out;
	*conn = c;
	return 0;
out:
	conn_free(c);
	return err;
}

int conn_write(struct conn *c, const void *data, size_t len)
{
	return bufferevent_write(c->bev, data, len) ? -ENOMEM : 0;
}

static void endpoint_of(const struct sockaddr_storage *ss, struct mxlb_endpoint *endpoint)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

	memset(endpoint, 0, sizeof(*endpoint));
	if (ss->ss_family == AF_INET) {
		endpoint->addr.w[2] = htonl(0xffff);
		endpoint->addr.w[3] = in->sin_addr.s_addr;
		endpoint->port = in->sin_port;
	} else {
		memcpy(endpoint->addr.b, &in6->sin6_addr, sizeof(endpoint->addr.b));
		endpoint->port = in6->sin6_port;
	}
}

static int endpoint_local(int fd, struct mxlb_endpoint *local)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return -errno;
	endpoint_of(&ss, local);
	return 0;
}

/* Connecting a UDP socket asks the routing table, and no more. */
int conn_source(const struct mxlb_addr *to, const struct mxlb_addr *from, struct mxlb_addr *source)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_sockaddr(to, htons(9), &ss); /* any port will do */
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : 0;
	struct mxlb_endpoint own;

	if (!err && !addr_is_zero(from))
		err = bind_source(fd, from);
	if (!err && connect(fd, (struct sockaddr *)&ss, len))
		err = -errno;
	if (!err)
		err = endpoint_local(fd, &own);
	if (fd >= 0)
		close(fd);
	if (!err)
		*source = own.addr;
	return err;
}

int conn_local(const struct conn *c, struct mxlb_endpoint *local)
{
	return endpoint_local(c->fd, local);
}

void conn_close(struct conn *c)
{
	if (!c)
		return;
	c->handler = NULL;
	(void)event_del(c->connect); /* not connected yet: nothing to be orderly about */
	if (!c->bev || c->has_ended) {
		linger_for(c, 0);
		return;
	}
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		send_fin(c);
	linger_for(c, LINGER_MS);
}

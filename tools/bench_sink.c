/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-load sink: a mail server that says what one must say and keeps nothing. A real MTA
 * would cost twenty times as much as the router in front of it, and hide that cost.
 * One thread, one epoll; commands are taken one at a time, since it offers no PIPELINING.
 */
#include "bench_load.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS	 (1 << 16)
#define LINE_MAX 512 /* RFC 5321, 4.5.3.1.4 */
#define EVENTS	 256

/* One connection, by its descriptor. */
struct peer {
	bool in_data;
	unsigned char matched; /* how much of `end_of_data` has been seen */
	unsigned short length;
	char line[LINE_MAX];
};

static struct peer *peers;
static const char end_of_data[] = "\r\n.\r\n";

static const struct {
	const char *verb, *reply;
} replies[] = {
	{"EHLO", "250-sink.bench.example\r\n250-SIZE 20971520\r\n250 8BITMIME\r\n"},
	{"MAIL", "250 2.1.0 Ok\r\n"},
	{"RCPT", "250 2.1.5 Ok\r\n"},
	{"DATA", "354 End data with <CR><LF>.<CR><LF>\r\n"},
	{"QUIT", "221 2.0.0 Bye\r\n"},
	{"", "500 5.5.2 Error: command not recognized\r\n"},
};

static void peer_close(int fd)
{
	(void)close(fd); /* nothing is in flight that anybody waits for */
}

/* A reply fits the empty send buffer of a peer that waits for it. */
static bool peer_say(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* False when the connection is over. */
static bool peer_command(int fd, struct peer *peer)
{
	size_t i = 0;

	while (strncasecmp(peer->line, replies[i].verb, strlen(replies[i].verb)))
		i++;
	peer->length = 0;
	if (!strcmp(replies[i].verb, "DATA")) {
		peer->in_data = true;
		peer->matched = 2; /* a message may be empty: the line end of DATA counts */
	}
	return peer_say(fd, replies[i].reply) && strcmp(replies[i].verb, "QUIT") != 0;
}

/* Of the message's end only its last bytes matter: they come last in what was read. */
static bool peer_data(int fd, struct peer *peer, const char *text, size_t length)
{
	size_t from = length > 5 ? length - 5 : 0;

	if (from)
		peer->matched = 0;
	for (size_t i = from; i < length; i++) {
		if (text[i] == end_of_data[peer->matched])
			peer->matched++;
		else
			peer->matched = text[i] == '\r';
	}
	if (peer->matched < 5)
		return true;
	peer->in_data = false;
	return peer_say(fd, "250 2.0.0 Ok: forgotten\r\n");
}

static bool peer_lines(int fd, struct peer *peer, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (peer->length == LINE_MAX)
			return false;
		peer->line[peer->length++] = text[i];
		if (text[i] == '\n' && !peer_command(fd, peer))
			return false;
	}
	return true;
}

static void peer_read(int fd)
{
	static char buffer[1 << 18];
	struct peer *peer = &peers[fd];
	ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
	bool is_open = got > 0;

	if (got < 0 && errno == EAGAIN)
		return;
	if (is_open && peer->in_data)
		is_open = peer_data(fd, peer, buffer, (size_t)got);
	else if (is_open)
		is_open = peer_lines(fd, peer, buffer, (size_t)got);
	if (!is_open)
		peer_close(fd);
}

static void sink_accept(int epoll, int listener)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		event.data.fd = fd;
		peers[fd] = (struct peer){.length = 0};
		if (!peer_say(fd, "220 sink.bench.example ESMTP\r\n") ||
		    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			peer_close(fd);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		load_die("accept");
}

static int sink_listen(unsigned int port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1, off = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 4096))
		load_die("listening on port %u", port);
	return fd;
}

int sink_main(int argc, char **argv)
{
	unsigned int port = (unsigned int)load_number("PORT", argc > 1 ? argv[1] : "25", 1, 65535);
	int listener = sink_listen(port), epoll = epoll_create1(0);
	struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.fd = listener};

	peers = calloc(PEERS, sizeof(*peers));
	if (!peers || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
		load_die("epoll");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			load_die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				sink_accept(epoll, listener);
			else
				peer_read(events[i].data.fd);
		}
	}
}

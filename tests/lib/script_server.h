/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that follows a script, as a thread with plain blocking sockets, for
 * tests of whole probes. It checks what it hears, and that the client ends each
 * connection with FIN. A script is a list of words: "> TEXT" says a line, ">> TEXT"
 * says it without CR LF, "< TEXT" hears a line that is TEXT, "silent" waits for the
 * client's FIN, "reset" ends with RST, "proxy1" and "proxy2" hear a PROXY header.
 */
#ifndef SCRIPT_SERVER_H
#define SCRIPT_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "addr.h"

#define SCRIPT_WORDS_MAX 14

struct script_server {
	int listener;
	struct mxlb_endpoint at;
	const char *const *script;
	pthread_t thread;
	sem_t said;		  /* posted after each line that it says */
	char peer[ADDR_TEXT_MAX]; /* address of the client */
	char trouble[256];	  /* "": all as in the script, ended by FIN */
};

static void endpoint_of_fd(int fd, bool of_peer, struct mxlb_endpoint *e)
{
	struct sockaddr_storage ss;
	struct sockaddr *sa = (struct sockaddr *)&ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	socklen_t len = sizeof(ss);

	assert_return_code(of_peer ? getpeername(fd, sa, &len) : getsockname(fd, sa, &len), errno);
	memset(e, 0, sizeof(*e));
	memcpy(e->addr.b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	if (ss.ss_family == AF_INET)
		e->addr.w[3] = in->sin_addr.s_addr;
	else
		memcpy(e->addr.b, &in6->sin6_addr, 16);
	e->port = ss.ss_family == AF_INET ? in->sin_port : in6->sin6_port;
}

static void trouble(struct script_server *s, const char *what, const char *word)
{
	if (!s->trouble[0])
		snprintf(s->trouble, sizeof(s->trouble), "%s: %s", what, word);
}

static void hear(struct script_server *s, int fd, const char *expected, size_t len)
{
	char got[256] = "";
	size_t n = 0;

	while (n < len && n < sizeof(got) - 1 && recv(fd, got + n, 1, 0) == 1)
		n++;
	if (n != len || memcmp(got, expected, len) != 0)
		trouble(s, "heard", got);
}

static void hear_line(struct script_server *s, int fd, const char *text)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%s\r\n", text);

	hear(s, fd, line, (size_t)len);
}

static void hear_proxy1(struct script_server *s, int fd)
{
	char line[256], from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];
	struct mxlb_endpoint peer;

	endpoint_of_fd(fd, true, &peer);
	snprintf(line, sizeof(line), "PROXY %s %s %s %u %u",
		 addr_family(&peer.addr) == MXLB_V4 ? "TCP4" : "TCP6",
		 addr_format(&peer.addr, from), addr_format(&s->at.addr, to), ntohs(peer.port),
		 ntohs(s->at.port));
	hear_line(s, fd, line);
}

static void say(struct script_server *s, int fd, const char *text, const char *after)
{
	char out[4096];
	int len = snprintf(out, sizeof(out), "%s%s", text, after);

	if (send(fd, out, (size_t)len, MSG_NOSIGNAL) != len)
		trouble(s, "could not say", text);
	sem_post(&s->said);
}

/* Reads until the client's FIN. */
static void hear_fin(struct script_server *s, int fd)
{
	char c;
	ssize_t n;

	while ((n = recv(fd, &c, 1, 0)) > 0)
		;
	if (n < 0)
		trouble(s, "no FIN", strerror(errno));
}

static void reset(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static bool play_word(struct script_server *s, int fd, const char *word)
{
	if (!strncmp(word, "> ", 2))
		say(s, fd, word + 2, "\r\n");
	else if (!strncmp(word, ">> ", 3))
		say(s, fd, word + 3, "");
	else if (!strncmp(word, "< ", 2))
		hear_line(s, fd, word + 2);
	else if (!strcmp(word, "proxy1"))
		hear_proxy1(s, fd);
	else if (!strcmp(word, "proxy2"))
		hear(s, fd, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
	else if (!strcmp(word, "silent"))
		hear_fin(s, fd);
	else if (!strcmp(word, "reset"))
		return false;
	return true;
}

/* After the script the server closes first; only then must the client have. */
static void *script_serve(void *arg)
{
	struct script_server *s = arg;
	struct timeval guard = {.tv_sec = 20};
	int fd = accept(s->listener, NULL, NULL);
	struct mxlb_endpoint peer;
	bool is_orderly = true;
	int error = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
	endpoint_of_fd(fd, true, &peer);
	addr_format(&peer.addr, s->peer);
	for (int i = 0; i < SCRIPT_WORDS_MAX && s->script[i] && is_orderly; i++)
		is_orderly = play_word(s, fd, s->script[i]);
	if (is_orderly) {
		shutdown(fd, SHUT_WR);
		hear_fin(s, fd);
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)});
		if (error)
			trouble(s, "a RST", strerror(error));
	} else {
		reset(fd);
	}
	close(fd);
	return NULL;
}

static void script_server_bind(struct script_server *s, enum mxlb_family family)
{
	struct sockaddr_storage ss;
	struct mxlb_addr addr;
	socklen_t len;

	assert_int_equal(addr_parse(family == MXLB_V4 ? "127.0.0.1" : "::1", &addr), 0);
	len = addr_sockaddr(&addr, 0, &ss);
	s->listener = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(s->listener, errno);
	assert_return_code(bind(s->listener, (struct sockaddr *)&ss, len), errno);
	endpoint_of_fd(s->listener, false, &s->at);
}

static void script_server_start(struct script_server *s, enum mxlb_family family)
{
	script_server_bind(s, family);
	assert_return_code(listen(s->listener, 1), errno);
	assert_return_code(sem_init(&s->said, 0, 0), errno);
	assert_int_equal(pthread_create(&s->thread, NULL, script_serve, s), 0);
}

static void script_server_join(struct script_server *s)
{
	pthread_join(s->thread, NULL);
	sem_destroy(&s->said);
	close(s->listener);
}

#endif

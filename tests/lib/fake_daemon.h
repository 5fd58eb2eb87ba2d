/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mxlbd as the client sees it: a unix socket in a directory of its own, a thread,
 * and a script with a word for each connection, in order:
 *   "TEXT"         reads the request, says TEXT and closes
 *   "early TEXT"   says TEXT and closes, without reading
 *   "pieces TEXT"  says TEXT byte by byte
 *   "stall TEXT"   says TEXT and waits for the client to go
 *   "late TEXT"    says TEXT 300 ms after the request
 *   "flood"        says JSON without an end
 * The last word is used for all connections that follow.
 */
#ifndef FAKE_DAEMON_H
#define FAKE_DAEMON_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define FAKE_REQUESTS_MAX 16
#define FAKE_REQUEST_MAX  4096

struct fake_daemon {
	char dir[32], path[64];
	int listener;
	const char *const *script; /* ends with NULL */
	pthread_t thread;
	size_t n_requests; /* connections that sent one */
	char requests[FAKE_REQUESTS_MAX][FAKE_REQUEST_MAX];
};

static void fake_say(int fd, const char *text, size_t len)
{
	/* A client that has gone is what some scripts are about. */
	(void)!send(fd, text, len, MSG_NOSIGNAL);
}

static void fake_hear(struct fake_daemon *fake, int fd)
{
	char *request = fake->requests[fake->n_requests % FAKE_REQUESTS_MAX];
	size_t n = 0;

	while (n + 1 < FAKE_REQUEST_MAX && recv(fd, request + n, 1, 0) == 1 && request[n++] != '\n')
		;
	request[n] = '\0';
	fake->n_requests++;
}

static void fake_await_end(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static void fake_answer(int fd, const char *word)
{
	static const char filler[4096] = {[0 ... 4095] = ' '};

	if (!strncmp(word, "pieces ", 7)) {
		for (const char *c = word + 7; *c; c++)
			fake_say(fd, c, 1);
	} else if (!strncmp(word, "stall ", 6)) {
		fake_say(fd, word + 6, strlen(word + 6));
		fake_await_end(fd);
	} else if (!strncmp(word, "late ", 5)) {
		usleep(300000);
		fake_say(fd, word + 5, strlen(word + 5));
	} else if (!strcmp(word, "flood")) {
		while (send(fd, filler, sizeof(filler), MSG_NOSIGNAL) > 0)
			;
	} else {
		fake_say(fd, word, strlen(word));
	}
}

static void *fake_run(void *arg)
{
	struct fake_daemon *fake = arg;
	const char *const *word = fake->script;
	int fd;

	while ((fd = accept(fake->listener, NULL, NULL)) >= 0) {
		if (!strncmp(*word, "early ", 6)) {
			fake_say(fd, *word + 6, strlen(*word + 6));
		} else {
			fake_hear(fake, fd);
			fake_answer(fd, *word);
		}
		close(fd);
		word += word[1] != NULL;
	}
	return NULL;
}

static void fake_listen(struct fake_daemon *fake, int backlog)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	memset(fake, 0, sizeof(*fake));
	strcpy(fake->dir, "/tmp/mxlb-test-XXXXXX");
	assert_non_null(mkdtemp(fake->dir));
	snprintf(fake->path, sizeof(fake->path), "%s/control.sock", fake->dir);
	strcpy(at.sun_path, fake->path);
	fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(fake->listener, errno);
	assert_return_code(bind(fake->listener, (struct sockaddr *)&at, sizeof(at)), errno);
	assert_return_code(listen(fake->listener, backlog), errno);
}

static void fake_start(struct fake_daemon *fake, const char *const *script)
{
	fake_listen(fake, 16);
	fake->script = script;
	assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

/* Ends it; its requests stay to be looked at. */
static void fake_stop(struct fake_daemon *fake)
{
	shutdown(fake->listener, SHUT_RDWR);
	if (fake->script)
		pthread_join(fake->thread, NULL);
	close(fake->listener);
	unlink(fake->path);
	rmdir(fake->dir);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocking socket calls, each with the time that is left: SO_SNDTIMEO covers
 * connect() too, which on a unix socket waits where the daemon's backlog is full.
 */
#include "ctl_client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "mxlb/ctl.h"

#define READ_SIZE 65536

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Bounds the next call in `direction` by the deadline. 0, or -ETIMEDOUT. */
static int limit_set(int fd, int direction, uint64_t deadline_ms)
{
	uint64_t now = now_ms(), left = deadline_ms - now;
	struct timeval limit;

	if (now >= deadline_ms)
		return -ETIMEDOUT; /* and a limit of 0 would mean none */
	limit.tv_sec = (time_t)(left / 1000);
	limit.tv_usec = (suseconds_t)(left % 1000 * 1000);
	return setsockopt(fd, SOL_SOCKET, direction, &limit, sizeof(limit)) ? -errno : 0;
}

/* EAGAIN is how the kernel says that the limit has passed. */
static int call_error(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
}

/* A connected socket, or a negative errno. */
static int path_connect(const char *path, uint64_t deadline_ms)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = limit_set(fd, SO_SNDTIMEO, deadline_ms);
	if (!err && connect(fd, (struct sockaddr *)&at, sizeof(at)))
		err = call_error();
	if (err) {
		(void)close(fd); /* nothing was sent */
		return err;
	}
	return fd;
}

/* A daemon that refuses us may answer and close before it has read the request: what
 * it said counts then, so a broken pipe is left to text_receive to judge. */
static int text_send(int fd, const char *text, size_t len, uint64_t deadline_ms)
{
	while (len > 0) {
		int err = limit_set(fd, SO_SNDTIMEO, deadline_ms);
		ssize_t n = err ? -1 : send(fd, text, len, MSG_NOSIGNAL);

		if (err)
			return err;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0 && errno != EINTR)
			return call_error();
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Reads a line, or up to the end of the stream, into *text, to be freed. */
static int text_receive(const struct ctl_client *client, int fd, uint64_t deadline_ms, char **text,
			size_t *len)
{
	size_t max = client->reply_max ? client->reply_max : CTL_CLIENT_REPLY_MAX;
	size_t size = 0, n = 0;
	bool is_whole = false;
	char *buf = NULL;
	int err = 0;

	while (!err && !is_whole) {
		ssize_t got;

		if (n + READ_SIZE > size) {
			char *grown = realloc(buf, size = size * 2 + READ_SIZE);

			if (!grown) {
				err = -ENOMEM;
				break;
			}
			buf = grown;
		}
		err = limit_set(fd, SO_RCVTIMEO, deadline_ms);
		got = err ? 0 : recv(fd, buf + n, READ_SIZE, 0);
		if (got > 0) {
			is_whole = memchr(buf + n, '\n', (size_t)got) != NULL;
			n += (size_t)got;
			deadline_ms = now_ms() + client->timeout_ms;
			err = n > max ? -EMSGSIZE : 0;
		} else if (got == 0 && !err) {
			err = n ? 0 : -ECONNRESET;
			is_whole = true; /* whether it is, JSON will tell */
		} else if (got < 0 && errno != EINTR) {
			err = call_error();
		}
	}
	if (err) {
		free(buf);
		return err;
	}
	*text = buf;
	*len = n;
	return 0;
}

static int reply_read(const char *text, size_t len, struct ctl_answer *reply)
{
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *code = json_object_get(root, "exit");
	json_t *error = json_object_get(root, "error"), *data = json_object_get(root, "data");
	struct ctl_answer made = {.exit = (int)json_integer_value(code)};
	int err = -EPROTO;

	if (!json_is_integer(code) || json_integer_value(code) < MXLB_EXIT_OK ||
	    json_integer_value(code) > MXLB_EXIT_LAST_BACKEND ||
	    (error && !json_is_string(error) && !json_is_null(error)))
		goto out;
	made.error = json_is_string(error) ? strdup(json_string_value(error)) : NULL;
	made.data = json_is_null(data) ? NULL : json_incref(data);
	*reply = made;
	err = 0;
out:
	json_decref(root);
	return err;
}

int ctl_client_ask(const struct ctl_client *client, unsigned answer_ms, const json_t *request,
		   struct ctl_answer *reply)
{
	uint64_t deadline_ms = now_ms() + client->timeout_ms;
	char *line = json_dumps(request, JSON_COMPACT), *text = NULL;
	size_t len = 0;
	int err = line ? 0 : -ENOMEM, fd = -1;

	if (line && strlen(line) + 1 > MXLB_CTL_REQUEST_MAX)
		err = -E2BIG;
	if (!err)
		err = fd = path_connect(client->path, deadline_ms);
	if (fd < 0)
		goto out;
	len = strlen(line);
	line[len] = '\n'; /* in the place of the NUL */
	err = text_send(fd, line, len + 1, deadline_ms);
	if (answer_ms)
		deadline_ms = now_ms() + answer_ms;
	if (!err)
		err = text_receive(client, fd, deadline_ms, &text, &len);
	if (!err)
		err = reply_read(text, len, reply);
	(void)close(fd); /* all was said */
out:
	free(text);
	free(line);
	return err;
}

void ctl_answer_free(struct ctl_answer *reply)
{
	json_decref(reply->data);
	free(reply->error);
	memset(reply, 0, sizeof(*reply));
}

char *ctl_client_why(int err, char *buf, size_t size)
{
	static const char running[] = "is mxlbd running? (systemctl status mxlbd)";
	const char *what = "daemon not reachable", *todo = running, *why = strerror(-err);

	switch (err) {
	case -EACCES:
	case -EPERM:
		todo = "join the group " MXLB_CTL_GROUP " or use sudo";
		break;
	case -ENAMETOOLONG:
		todo = "give a shorter --socket";
		break;
	case -ETIMEDOUT:
		why = "no answer in time";
		todo = "is mxlbd stopped or overloaded? give it longer with --connect-timeout";
		break;
	case -ECONNRESET:
		what = "no answer";
		why = "the connection was closed";
		todo = "see the log of mxlbd (journalctl -u mxlbd)";
		break;
	case -EPROTO:
	case -EMSGSIZE:
		what = "no answer of mxlbd";
		why = err == -EPROTO ? "not a reply that mxlbctl knows" : "too long";
		todo = "is this mxlbd's socket, and of the same version?";
		break;
	case -E2BIG:
		what = "request not sent";
		why = "too long";
		todo = "give shorter arguments";
		break;
	default:
		break;
	}
	(void)snprintf(buf, size, "%s: %s; %s", what, why, todo); /* cut is better than none */
	return buf;
}

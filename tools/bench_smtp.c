/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-load smtp: so many mail sessions, so many at a time; a new one begins when one has
 * ended. Each is a whole dialogue, one command after the other: connect, greeting, EHLO,
 * MAIL, RCPT, DATA, the message, QUIT, the goodbye. Prints what it took as JSON.
 */
#include "bench_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_cpu.h"

#define TARGETS_MAX  16
#define SESSIONS_MAX 10000000
#define AT_ONCE_MAX  16384
#define EVENTS	     256

static struct {
	struct in_addr targets[TARGETS_MAX];
	unsigned int target_count;
	uint32_t source; /* the first of the clients' addresses, host byte order; 0: any */
	unsigned int sources, apart;
	unsigned int port;
	unsigned int sessions, at_once;
	size_t size;
	unsigned int timeout;
} options = {.port = 25,
	     .sessions = 1000,
	     .at_once = 64,
	     .size = 2000,
	     .timeout = 60,
	     .sources = 1,
	     .apart = 1};

/* Waiting for the reply named here; a connected session waits for its greeting first. */
enum step { CONNECT, GREETING, EHLO, MAIL, RCPT, DATA, MESSAGE, QUIT, STEPS };

static const struct {
	char code[4];	   /* the reply that the step waits for */
	const char *after; /* what is said then; NULL: the message */
} steps[STEPS] = {
	[GREETING] = {"220", "EHLO client.bench.example\r\n"},
	[EHLO] = {"250", "MAIL FROM:<sender@client.bench.example>\r\n"},
	[MAIL] = {"250", "RCPT TO:<somebody@sink.bench.example>\r\n"},
	[RCPT] = {"250", "DATA\r\n"},
	[DATA] = {"354", NULL},
	[MESSAGE] = {"250", "QUIT\r\n"},
	[QUIT] = {"221", ""},
};

struct session {
	int fd;
	enum step step;
	uint64_t begun;
	size_t sent; /* of the message */
	char reply[512];
	size_t length;
};

static struct {
	int epoll;
	unsigned int started, done, failed, open;
	char *message;
	size_t message_length;
	uint32_t *connect_ns, *greeting_ns; /* one for each session that got so far */
	unsigned int connects, greetings;
	char why[128]; /* the first failure */
} crowd;

static void session_begin(struct session *session);

static void session_end(struct session *session, const char *why)
{
	if (why && !crowd.failed++)
		snprintf(crowd.why, sizeof(crowd.why), "step %d: %s", session->step, why);
	(void)close(session->fd);
	crowd.done++;
	crowd.open--;
	session_begin(session);
}

static void session_watch(struct session *session, uint32_t events, int op)
{
	struct epoll_event event = {.events = events, .data.ptr = session};

	if (epoll_ctl(crowd.epoll, op, session->fd, &event))
		load_die("epoll_ctl");
}

/* Ports are the kernel's choice, and it chooses at connect(): then each pair of addresses
 * has all ports, whatever another pair has in use. */
static void session_bind(int fd)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int on = 1;

	if (!options.source)
		return;
	from.sin_addr.s_addr =
		htonl(options.source + crowd.started % options.sources * options.apart);
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)))
		load_die("bind to %s", inet_ntoa(from.sin_addr));
}

/* The next session in this place, if there is one to come. */
static void session_begin(struct session *session)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};

	if (crowd.started == options.sessions)
		return;
	memset(session, 0, offsetof(struct session, reply));
	session->length = 0;
	session->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (session->fd < 0)
		load_die("socket");
	session_bind(session->fd);
	to.sin_addr = options.targets[crowd.started % options.target_count];
	crowd.started++;
	crowd.open++;
	session->begun = load_now();
	session_watch(session, EPOLLOUT, EPOLL_CTL_ADD);
	if (connect(session->fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		load_die("connect to %s", inet_ntoa(to.sin_addr));
}

static void session_connected(struct session *session)
{
	int err = 0;
	socklen_t length = sizeof(err);

	if (getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &err, &length) || err) {
		session_end(session, strerror(err ? err : errno));
		return;
	}
	crowd.connect_ns[crowd.connects++] = (uint32_t)(load_now() - session->begun);
	session->step = GREETING;
	session_watch(session, EPOLLIN, EPOLL_CTL_MOD);
}

/* As much of the message as the socket takes; the rest when it is writable again. */
static void session_message(struct session *session)
{
	while (session->sent < crowd.message_length) {
		ssize_t n = send(session->fd, crowd.message + session->sent,
				 crowd.message_length - session->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			session_watch(session, EPOLLOUT, EPOLL_CTL_MOD);
			return;
		}
		if (n < 0) {
			session_end(session, strerror(errno));
			return;
		}
		session->sent += (size_t)n;
	}
	session_watch(session, EPOLLIN, EPOLL_CTL_MOD);
}

/* The reply is whole: what comes next. */
static void session_step(struct session *session)
{
	const char *text = steps[session->step].after;

	if (session->step == GREETING)
		crowd.greeting_ns[crowd.greetings++] = (uint32_t)(load_now() - session->begun);
	session->length = 0;
	if (session->step == QUIT) {
		session_end(session, NULL);
		return;
	}
	session->step++;
	if (!text)
		session_message(session);
	else if (send(session->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		session_end(session, "a command did not fit");
}

/* A reply ends with a line whose fourth character is no hyphen. */
static bool reply_is_whole(const char *reply, size_t length)
{
	size_t line = length - 1;

	if (reply[length - 1] != '\n')
		return false;
	while (line > 0 && reply[line - 1] != '\n')
		line--;
	return length - line >= 4 && reply[line + 3] != '-';
}

static void session_read(struct session *session)
{
	ssize_t got = recv(session->fd, session->reply + session->length,
			   sizeof(session->reply) - session->length, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		session_end(session, got ? strerror(errno) : "closed, or a reply too long");
		return;
	}
	session->length += (size_t)got;
	if (!reply_is_whole(session->reply, session->length))
		return;
	if (memcmp(session->reply, steps[session->step].code, 3) != 0)
		session_end(session, "not the reply that was due");
	else
		session_step(session);
}

static void session_react(struct session *session, uint32_t events)
{
	if (session->step == CONNECT)
		session_connected(session);
	else if (events & EPOLLOUT)
		session_message(session);
	else
		session_read(session);
}

static void crowd_prepare(void)
{
	static const char head[] = "Subject: bench\r\n\r\n", end[] = "\r\n.\r\n";
	size_t length = sizeof(head) - 1;

	crowd.epoll = epoll_create1(0);
	crowd.connect_ns = calloc(options.sessions, sizeof(uint32_t));
	crowd.greeting_ns = calloc(options.sessions, sizeof(uint32_t));
	crowd.message = malloc(options.size + sizeof(head) + 128);
	if (crowd.epoll < 0 || !crowd.connect_ns || !crowd.greeting_ns || !crowd.message)
		load_die("preparing");
	memcpy(crowd.message, head, length);
	for (size_t column = 1; length < options.size; length++, column++) {
		bool at_end = column % 78 == 0;

		crowd.message[length] = at_end ? '\n' : column % 78 == 77 ? '\r' : 'x';
	}
	memcpy(crowd.message + length, end, sizeof(end) - 1);
	crowd.message_length = length + sizeof(end) - 1;
}

static void crowd_run(void)
{
	struct session *sessions = calloc(options.at_once, sizeof(*sessions));
	struct epoll_event events[EVENTS];
	uint64_t end = load_now() + options.timeout * UINT64_C(1000000000);

	if (!sessions)
		load_die("preparing");
	for (unsigned int i = 0; i < options.at_once; i++)
		session_begin(&sessions[i]);
	while (crowd.open) {
		int n = epoll_wait(crowd.epoll, events, EVENTS, 1000);

		errno = 0;
		if (load_now() > end)
			load_die("%u of %u sessions in %u s; the first failure: %s", crowd.done,
				 options.sessions, options.timeout, crowd.why);
		for (int i = 0; i < n; i++)
			session_react(events[i].data.ptr, events[i].events);
	}
	free(sessions);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_latency(const char *name, uint32_t *ns, unsigned int n)
{
	if (!n)
		return;
	qsort(ns, n, sizeof(*ns), compare);
	printf(", \"%s_p50_us\": %.1f, \"%s_p99_us\": %.1f", name, ns[n / 2] / 1e3, name,
	       ns[n - 1 - n / 100] / 1e3);
}

static void crowd_print(uint64_t wall_ns, uint64_t cpu_ns)
{
	printf("{\"sessions\": %u, \"failed\": %u, \"seconds\": %.6f, \"cpu_seconds\": %.6f",
	       crowd.done, crowd.failed, wall_ns / 1e9, cpu_ns / 1e9);
	printf(", \"message_bytes\": %zu, \"why\": \"%s\"", crowd.message_length, crowd.why);
	print_latency("connect", crowd.connect_ns, crowd.connects);
	print_latency("greeting", crowd.greeting_ns, crowd.greetings);
	puts("}");
}

static void parse_targets(char *list)
{
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		if (options.target_count == TARGETS_MAX ||
		    !inet_aton(name, &options.targets[options.target_count++]))
			load_die("--to: '%s' is not an IPv4 address, or one too many", name);
	}
}

static void parse_source(const char *text)
{
	struct in_addr addr;

	if (!inet_aton(text, &addr))
		load_die("--from: '%s' is not an IPv4 address", text);
	options.source = ntohl(addr.s_addr);
}

static void parse_watch(char *list)
{
	for (char *pid = strtok(list, ","); pid; pid = strtok(NULL, ","))
		cpu_watch((int)load_number("--watch", pid, 1, 1 << 22));
}

static const char usage[] =
	"usage: bench-load smtp --to ADDRESS,... [OPTIONS]\n"
	"  --to A,B       whom to connect to, in turn\n"
	"  --port N       [25]\n"
	"  --from A       the clients' first address [the kernel's choice]\n"
	"  --sources N    how many addresses the clients have [1]\n"
	"  --apart N      how far apart these are [1]\n"
	"  --sessions N   [1000]\n"
	"  --at-once N    sessions at a time [64]\n"
	"  --size BYTES   of a message [2000]\n"
	"  --watch PIDS   whose processor time counts, besides its own and the kernel's\n"
	"  --timeout S    for all of it [60]\n";

static void parse_option(int option, char *value)
{
	switch (option) {
	case 't':
		parse_targets(value);
		break;
	case 'p':
		options.port = (unsigned int)load_number("--port", value, 1, 65535);
		break;
	case 'f':
		parse_source(value);
		break;
	case 'c':
		options.sources = (unsigned int)load_number("--sources", value, 1, 65536);
		break;
	case 'd':
		options.apart = (unsigned int)load_number("--apart", value, 1, 65536);
		break;
	case 's':
		options.sessions = (unsigned int)load_number("--sessions", value, 1, SESSIONS_MAX);
		break;
	case 'a':
		options.at_once = (unsigned int)load_number("--at-once", value, 1, AT_ONCE_MAX);
		break;
	case 'b':
		options.size = load_number("--size", value, 18, 1 << 26);
		break;
	case 'w':
		parse_watch(value);
		break;
	case 'e':
		options.timeout = (unsigned int)load_number("--timeout", value, 1, 600);
		break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void parse_options(int argc, char **argv)
{
	static const struct option longs[] = {{"to", required_argument, NULL, 't'},
					      {"port", required_argument, NULL, 'p'},
					      {"from", required_argument, NULL, 'f'},
					      {"sources", required_argument, NULL, 'c'},
					      {"apart", required_argument, NULL, 'd'},
					      {"sessions", required_argument, NULL, 's'},
					      {"at-once", required_argument, NULL, 'a'},
					      {"size", required_argument, NULL, 'b'},
					      {"timeout", required_argument, NULL, 'e'},
					      {"watch", required_argument, NULL, 'w'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		parse_option(option, optarg);
	if (!options.target_count || optind != argc)
		parse_option('h', NULL);
}

int smtp_main(int argc, char **argv)
{
	uint64_t wall, cpu;

	parse_options(argc, argv);
	crowd_prepare();
	cpu_watch(getpid());
	cpu_watch_kernel("");
	cpu_begin();
	wall = load_now();
	crowd_run();
	wall = load_now() - wall;
	cpu = cpu_spent();
	crowd_print(wall, cpu);
	return crowd.failed ? 1 : 0;
}

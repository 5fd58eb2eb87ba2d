/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole probes over loopback against a scripted server. Each row is played over
 * IPv4 and IPv6: script, settings, and what the probe must make of it. Nothing
 * sleeps: a server that must be silent waits for the client to close.
 */
/* uses: probe.c conn.c smtp_fsm.c verdict.c addr.c */
#include <signal.h>

#include "conn.h"
#include "probe_client.h"
#include "script_server.h"

#define GREET	 "> 220 mx"
#define EHLO	 "< EHLO lb.test"
#define FAREWELL "< QUIT", "> 221 bye"

/* ---- scripts ------------------------------------------------------------- */

struct row {
	const char *name;
	const char *script[SCRIPT_WORDS_MAX];
	enum health_reason reason;
	int code;
	const char *dialogue;  /* or NULL */
	struct conf_probe set; /* what is not zero here replaces the client's */
};

/* A wait that ends by time-out; short, for the test sits through it. */
#define BRIEF_GREETING .set.greeting_timeout_ms = 150
#define BRIEF	       .set.timeout_ms = 300
#define DRY_RUN	       .set.rcpt = (char *)"pm@x.test"
#define TCP	       .set.type = CONF_PROBE_TCP
#define HELLO	       GREET, EHLO, "> 250 mx"
#define TO_RCPT	       HELLO, "< MAIL FROM:<>", "> 250 m", "< RCPT TO:<pm@x.test>"
#define PLAIN	       "S: 220 mx|C: EHLO lb.test|S: 250 mx|C: QUIT|S: 221 bye|"

/* clang-format off: a table */
static const struct row rows[] = {
	{.name = "plain", {HELLO, FAREWELL}, HEALTH_OK, 220, PLAIN},
	{.name = "multi-line replies",
	 {"> 220-wait", "> 220-", GREET, EHLO, "> 250-mx", "> 250 SIZE", FAREWELL},
	 HEALTH_OK,
	 220,
	 "S: 220-wait|S: 220-|S: 220 mx|C: EHLO lb.test|S: 250-mx|S: 250 SIZE|C: QUIT|S: 221 bye|"},
	{.name = "EHLO refused",
	 {GREET, EHLO, "> 502 no", "< HELO lb.test", "> 250 mx", FAREWELL},
	 HEALTH_OK,
	 220},
	{.name = "EHLO and HELO refused",
	 {GREET, EHLO, "> 502 no", "< HELO lb.test", "> 502 no", FAREWELL},
	 HEALTH_EHLO_REJECTED,
	 220},
	{.name = "421",
	 {"> 421 busy", FAREWELL},
	 HEALTH_GREETING_4XX,
	 421,
	 "S: 421 busy|C: QUIT|S: 221 bye|"},
	{.name = "554", {"> 554 no", FAREWELL}, HEALTH_GREETING_5XX, 554},
	{.name = "taken back", {"> 220-mx", "> 521 no", FAREWELL}, HEALTH_GREETING_5XX, 521},
	{.name = "mute", {"silent"}, HEALTH_GREETING_TIMEOUT, 0, "", BRIEF_GREETING},
	{.name = "half a greeting",
	 {"> 220-wait", ">> 220 m", "silent"},
	 HEALTH_GREETING_TIMEOUT,
	 0,
	 "S: 220-wait|S: 220 m|",
	 BRIEF_GREETING},
	{.name = "mute, whole deadline", {"silent"}, HEALTH_GREETING_TIMEOUT, 0, "", BRIEF},
	{.name = "mute after greeting",
	 {GREET, EHLO, "silent"},
	 HEALTH_PROTO_ERROR,
	 220,
	 NULL,
	 BRIEF},
	{.name = "close at once", {NULL}, HEALTH_CLOSED_EARLY, 0, ""},
	{.name = "reset at once", {"reset"}, HEALTH_CLOSED_EARLY, 0, ""},
	{.name = "close in greeting", {">> 220-wai"}, HEALTH_CLOSED_EARLY, 0, "S: 220-wai|"},
	{.name = "close after greeting", {GREET, EHLO}, HEALTH_CLOSED_EARLY, 220},
	{.name = "reset after greeting", {GREET, EHLO, "reset"}, HEALTH_CLOSED_EARLY, 220},
	{.name = "SSH",
	 {"> SSH-2.0-OpenSSH_9.2", "silent"},
	 HEALTH_GREETING_MALFORMED,
	 0,
	 "S: SSH-2.0-OpenSSH_9.2|"},
	{.name = "binary",
	 {">> \x15\x03\x01\xff", "silent"},
	 HEALTH_GREETING_MALFORMED,
	 0,
	 "S: \\x15\\x03\\x01\\xff|"},
	{.name = "bare LF",
	 {">> 220 mx\n", EHLO, ">> 250 mx\n", "< QUIT", ">> 221 bye\n"},
	 HEALTH_OK,
	 220,
	 PLAIN},
	{.name = "codes differ",
	 {GREET, EHLO, ">> 250-mx\r\n550 no\r\n", "silent"},
	 HEALTH_PROTO_ERROR,
	 220},
	{.name = "no 221", {HELLO, "< QUIT", "silent"}, HEALTH_OK, 220, NULL, BRIEF},
	{.name = "close for 221", {HELLO, "< QUIT"}, HEALTH_OK, 220},
	{.name = "reset for 221", {HELLO, "< QUIT", "reset"}, HEALTH_OK, 220},
	{.name = "dry run",
	 {TO_RCPT, "> 250 r", "< RSET", "> 250 s", FAREWELL},
	 HEALTH_OK,
	 220,
	 DRY_RUN},
	{.name = "dry run, 450", {TO_RCPT, "> 450 r", FAREWELL}, HEALTH_RCPT_4XX, 220, DRY_RUN},
	{.name = "dry run, 550", {TO_RCPT, "> 550 r", FAREWELL}, HEALTH_RCPT_5XX, 220, DRY_RUN},
	{.name = "PROXY v1",
	 {"proxy1", HELLO, FAREWELL},
	 HEALTH_OK,
	 220,
	 .set.proxy = CONF_PROXY_V1},
	{.name = "PROXY v2",
	 {"proxy2", HELLO, FAREWELL},
	 HEALTH_OK,
	 220,
	 "C: PROXY v2 LOCAL|" PLAIN,
	 .set.proxy = CONF_PROXY_V2},
	{.name = "tcp", {GREET}, HEALTH_OK, 0, "", TCP},
	/* The greeting comes after our FIN: answered by RST if nobody reads it. */
	{.name = "tcp, late greeting", {"silent", GREET}, HEALTH_OK, 0, "", TCP},
	{.name = "tcp, PROXY v1",
	 {"proxy1", "silent"},
	 HEALTH_OK,
	 0,
	 NULL,
	 TCP,
	 .set.proxy = CONF_PROXY_V1},
};
/* clang-format on */

static void apply(struct conf_probe *conf, const struct conf_probe *set)
{
	conf->type = set->type; /* smtp is 0 */
	conf->proxy = set->proxy;
	conf->rcpt = set->rcpt;
	if (set->greeting_timeout_ms)
		conf->greeting_timeout_ms = set->greeting_timeout_ms;
	if (set->timeout_ms)
		conf->timeout_ms = set->timeout_ms;
}

static void play(const struct row *row, enum mxlb_family family)
{
	struct script_server s = {.script = row->script};
	struct probe_client c;

	script_server_start(&s, family);
	client_init(&c);
	apply(&c.conf, &row->set);
	client_run(&c, &s.at);
	script_server_join(&s);
	assert_string_equal(s.trouble, "");
	assert_reason(&c, row->reason);
	assert_int_equal(c.result.code, row->code);
	assert_true(c.result.connected);
	assert_int_equal(c.n_connected, 1);
	assert_int_equal(c.result.greeting_seconds >= 0, row->code != 0);
	assert_true(c.result.greeting_seconds <= c.result.duration_seconds);
	assert_true(c.run_seconds < 1.9); /* no connection had to linger to its end */
	if (row->dialogue)
		assert_string_equal(c.dialogue, row->dialogue);
}

static void test_row(void **state)
{
	play(*state, MXLB_V4);
	play(*state, MXLB_V6);
}

/* ---- the network and our own faults --------------------------------------- */

static void test_refused(void **state)
{
	for (int family = 0; family < MXLB_FAMILIES; family++) {
		struct script_server s = {0};
		struct probe_client c;

		script_server_bind(&s, family); /* without listen: the kernel says RST */
		client_init(&c);
		client_run(&c, &s.at);
		close(s.listener);
		assert_reason(&c, HEALTH_CONNECT_REFUSED);
		assert_int_equal(c.n_connected, 0);
		assert_false(c.result.connected);
		assert_true(c.result.greeting_seconds < 0);
	}
}

/* A listener whose queue is full lets a SYN go unanswered. */
static void test_connect_timeout(void **state)
{
	struct script_server s = {0};
	struct sockaddr_storage ss;
	struct probe_client c;
	socklen_t len;
	int filler;

	script_server_bind(&s, MXLB_V4);
	assert_return_code(listen(s.listener, 0), errno);
	filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	len = addr_sockaddr(&s.at.addr, s.at.port, &ss);
	assert_return_code(connect(filler, (struct sockaddr *)&ss, len), errno);
	client_init(&c);
	c.conf.connect_timeout_ms = 150;
	client_run(&c, &s.at);
	close(filler);
	close(s.listener);
	assert_reason(&c, HEALTH_CONNECT_TIMEOUT);
	assert_true(c.result.duration_seconds >= 0.15);
	assert_int_equal(c.n_connected, 0);
}

/* connect(2) has no route to a multicast address, at once. */
static void test_unreachable(void **state)
{
	static const char *const nowhere[] = {"224.0.0.1", "ff02::1"};

	for (int i = 0; i < 2; i++) {
		struct mxlb_endpoint to = {.port = htons(25)};
		struct probe_client c;

		assert_int_equal(addr_parse(nowhere[i], &to.addr), 0);
		client_init(&c);
		client_run(&c, &to);
		assert_reason(&c, HEALTH_UNREACHABLE);
		assert_int_equal(c.n_connected, 0);
	}
}

static void test_source_address(void **state)
{
	static const char *const script[SCRIPT_WORDS_MAX] = {GREET, "< EHLO fallback.test",
							     "> 250 mx", FAREWELL};
	struct script_server s = {.script = script};
	struct probe_client c;

	script_server_start(&s, MXLB_V4);
	client_init(&c);
	c.conf.helo = NULL;
	assert_int_equal(addr_parse("127.0.0.7", &c.conf.source[MXLB_V4]), 0);
	assert_int_equal(addr_parse("2001:db8::1", &c.conf.source[MXLB_V6]), 0); /* not used */
	client_run(&c, &s.at);
	script_server_join(&s);
	assert_string_equal(s.trouble, "");
	assert_string_equal(s.peer, "127.0.0.7");
	assert_reason(&c, HEALTH_OK);
}

static bool may_mark(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), mark = 1;
	bool may = !setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));

	close(fd);
	return may;
}

/* Unmarked it would go the direct way, and prove what it should not. */
static void test_mark(void **state)
{
	static const char *const script[SCRIPT_WORDS_MAX] = {HELLO, FAREWELL};
	struct script_server s = {.script = script};
	struct probe *probe;
	struct probe_client c;

	script_server_start(&s, MXLB_V4);
	client_init(&c);
	c.mark = 0x6d780007;
	if (!may_mark()) {
		assert_int_equal(client_start(&c, &s.at, &probe), -EPERM);
		c.mark = 0;
	}
	client_run(&c, &s.at);
	script_server_join(&s);
	assert_int_equal(c.mark_seen, c.mark);
	assert_reason(&c, HEALTH_OK);
}

/* It has connected, but not by the way that it should have taken. */
static void test_astray(void **state)
{
	static const char *const script[SCRIPT_WORDS_MAX] = {"silent"};
	struct script_server s = {.script = script};
	struct probe_client c;

	script_server_start(&s, MXLB_V4);
	client_init(&c);
	c.is_astray = true;
	client_run(&c, &s.at);
	script_server_join(&s);
	assert_string_equal(s.trouble, "");
	assert_int_equal(c.n_connected, 1);
	assert_reason(&c, HEALTH_UNREACHABLE);
	assert_false(c.result.connected);
	assert_string_equal(c.dialogue, "");
}

/* Our own address on the way to another: of loopback the loopback's, or as it is told. */
static void test_source_on_the_way(void **state)
{
	static const struct {
		const char *to, *from, *source;
	} ways[] = {
		{"127.0.0.1", NULL, "127.0.0.1"},
		{"127.0.0.1", "127.0.0.7", "127.0.0.7"},
		{"::1", NULL, "::1"},
	};
	struct mxlb_addr to, from, source;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		memset(&from, 0, sizeof(from));
		assert_int_equal(addr_parse(ways[i].to, &to), 0);
		if (ways[i].from)
			assert_int_equal(addr_parse(ways[i].from, &from), 0);
		assert_int_equal(conn_source(&to, &from, &source), 0);
		assert_string_equal(addr_format(&source, text), ways[i].source);
	}
	assert_int_equal(addr_parse("127.0.0.1", &to), 0);
	assert_int_equal(addr_parse("192.0.2.77", &from), 0);
	assert_int_equal(conn_source(&to, &from, &source), -EADDRNOTAVAIL);
	assert_string_equal(addr_format(&source, text), "::1"); /* as it was */
}

static void test_our_own_faults(void **state)
{
	struct mxlb_endpoint to = {.port = htons(25)};
	struct probe *probe = NULL;
	struct probe_client c;

	assert_int_equal(addr_parse("127.0.0.1", &to.addr), 0);
	client_init(&c);
	assert_int_equal(addr_parse("192.0.2.77", &c.conf.source[MXLB_V4]), 0);
	assert_int_equal(client_start(&c, &to, &probe), -EADDRNOTAVAIL);
	memset(c.conf.source, 0, sizeof(c.conf.source));
	c.conf.helo = (char *)"two words";
	assert_int_equal(client_start(&c, &to, &probe), -EINVAL);
	c.conf.helo = NULL;
	c.conf.type = CONF_PROBE_NONE;
	assert_int_equal(client_start(&c, &to, &probe), -EINVAL);
	assert_null(probe);
	event_base_dispatch(c.base);
	assert_int_equal(c.n_connected + c.n_done, 0);
	event_base_free(c.base);
}

static void test_cancel_before_connect(void **state)
{
	struct script_server s = {0};
	struct probe *probe;
	struct probe_client c;

	script_server_bind(&s, MXLB_V4);
	client_init(&c);
	assert_int_equal(client_start(&c, &s.at, &probe), 0);
	probe_cancel(probe);
	probe_cancel(NULL);
	event_base_dispatch(c.base);
	assert_int_equal(c.n_connected + c.n_done, 0);
	event_base_free(c.base);
	close(s.listener);
}

/* A greeting that we never read: still no RST. */
static void test_cancel_while_talking(void **state)
{
	static const char *const script[SCRIPT_WORDS_MAX] = {GREET, "silent"};
	struct script_server s = {.script = script};
	struct probe *probe;
	struct probe_client c;

	script_server_start(&s, MXLB_V4);
	client_init(&c);
	assert_int_equal(client_start(&c, &s.at, &probe), 0);
	while (c.n_connected == 0)
		event_base_loop(c.base, EVLOOP_ONCE);
	sem_wait(&s.said);
	probe_cancel(probe);
	event_base_dispatch(c.base);
	script_server_join(&s);
	assert_string_equal(s.trouble, "");
	assert_int_equal(c.n_done, 0);
	event_base_free(c.base);
}

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_source_address),
		cmocka_unit_test(test_source_on_the_way),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_astray),
		cmocka_unit_test(test_our_own_faults),
		cmocka_unit_test(test_cancel_before_connect),
		cmocka_unit_test(test_cancel_while_talking),
	};
	struct CMUnitTest tests[N_ROWS + sizeof(others) / sizeof(others[0])];

	for (size_t i = 0; i < N_ROWS; i++)
		tests[i] = (struct CMUnitTest){
			.name = rows[i].name,
			.test_func = test_row,
			.initial_state = (void *)&rows[i],
		};
	memcpy(tests + N_ROWS, others, sizeof(others));
	signal(SIGPIPE, SIG_IGN); /* as conn.h asks of a program */
	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}

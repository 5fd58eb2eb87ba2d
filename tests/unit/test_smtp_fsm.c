/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probe's SMTP dialogue without a socket: each row is what a server says and
 * how its side ends; the fsm must say the commands and end with the reason. Every
 * row is played whole, byte by byte and in pieces of seven: how TCP cuts the
 * stream must not matter.
 */
/* uses: smtp_fsm.c verdict.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "smtp_fsm.h"

enum ending { CLOSES, SILENT };

struct row {
	const char *name;
	const char *server; /* all that it says */
	enum ending ending; /* what happens after it, if the fsm has not ended */
	const char *client; /* all that we say */
	enum health_reason reason;
	int greeting;
	const char *rcpt;
};

#define EHLO "EHLO lb.test\r\n"
#define HELO "HELO lb.test\r\n"
#define MAIL "MAIL FROM:<>\r\n"
#define RCPT "RCPT TO:<pm@x.test>\r\n"
#define QUIT "QUIT\r\n"

/* clang-format off: a table */
static const struct row rows[] = {
	{"plain", "220 a\r\n250 b\r\n221 c\r\n", CLOSES, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"postfix", "220 mx ESMTP\r\n250-mx\r\n250-SIZE\r\n250 CHUNKING\r\n221 2.0.0 Bye\r\n",
	 CLOSES, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"multi-line greeting", "220-wait\r\n220-\r\n220 go\r\n250 b\r\n221 c\r\n", CLOSES,
	 EHLO QUIT, HEALTH_OK, 220, NULL},
	{"only half a greeting", "220-wait\r\n", SILENT, "", HEALTH_GREETING_TIMEOUT, 0, NULL},
	{"half a greeting, close", "220-wait\r\n", CLOSES, "", HEALTH_CLOSED_EARLY, 0, NULL},
	{"no text", "220\r\n250\r\n221\r\n", CLOSES, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"empty text", "220 \r\n250 \r\n221 \r\n", CLOSES, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"bare LF", "220-a\n220 a\n250 b\n221 c\n", CLOSES, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"UTF-8 and tab", "220 gr\xc3\xbc\xc3\x9f\tgott\r\n250 b\r\n221 c\r\n", CLOSES, EHLO QUIT,
	 HEALTH_OK, 220, NULL},
	{"other 2xx", "250 a\r\n250 b\r\n221 c\r\n", CLOSES, EHLO QUIT, HEALTH_OK, 250, NULL},

	{"mute", "", SILENT, "", HEALTH_GREETING_TIMEOUT, 0, NULL},
	{"closes at once", "", CLOSES, "", HEALTH_CLOSED_EARLY, 0, NULL},
	{"cut greeting", "220 mx.exa", CLOSES, "", HEALTH_CLOSED_EARLY, 0, NULL},
	{"unended greeting", "220 mx.exa", SILENT, "", HEALTH_GREETING_TIMEOUT, 0, NULL},
	{"421", "421 busy\r\n221 c\r\n", CLOSES, QUIT, HEALTH_GREETING_4XX, 421, NULL},
	{"421, close", "421 busy\r\n", CLOSES, QUIT, HEALTH_GREETING_4XX, 421, NULL},
	{"421, silence", "421 busy\r\n", SILENT, QUIT, HEALTH_GREETING_4XX, 421, NULL},
	{"554", "554 no\r\n221 c\r\n", CLOSES, QUIT, HEALTH_GREETING_5XX, 554, NULL},
	{"multi-line 554", "554-no\r\n554 go\r\n221 c\r\n", CLOSES, QUIT, HEALTH_GREETING_5XX, 554,
	 NULL},
	{"554, garbage", "554 no\r\nwhat?\r\n", CLOSES, QUIT, HEALTH_GREETING_5XX, 554, NULL},
	{"postscreen's drop", "220-mx\r\n521 5.5.1 Protocol error\r\n", CLOSES, QUIT,
	 HEALTH_GREETING_5XX, 521, NULL},
	{"354 greeting", "354 a\r\n221 c\r\n", CLOSES, QUIT, HEALTH_GREETING_MALFORMED, 354, NULL},

	{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"HTTP", "HTTP/1.1 400 Bad Request\r\n", CLOSES, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"TLS alert", "\x15\x03\x01", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"two digits", "22\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"four digits", "2200 a\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"code of class 1", "120 a\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"code of class 6", "620 a\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"letters in code", "2x0 a\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"empty line", "\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"control byte", "220 a\x01z\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"bare CR", "220 a\rb\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"two CR", "220 a\r\r\n", SILENT, "", HEALTH_GREETING_MALFORMED, 0, NULL},
	{"garbage in a greeting", "220-a\r\nb\r\n220 c\r\n", SILENT, "", HEALTH_GREETING_MALFORMED,
	 0, NULL},

	{"mute after greeting", "220 a\r\n", SILENT, EHLO, HEALTH_PROTO_ERROR, 220, NULL},
	{"closes after greeting", "220 a\r\n", CLOSES, EHLO, HEALTH_CLOSED_EARLY, 220, NULL},
	{"closes within EHLO", "220 a\r\n250-b\r\n", CLOSES, EHLO, HEALTH_CLOSED_EARLY, 220, NULL},
	{"no EHLO", "220 a\r\n502 what\r\n250 b\r\n221 c\r\n", CLOSES, EHLO HELO QUIT, HEALTH_OK,
	 220, NULL},
	{"neither", "220 a\r\n502 what\r\n550 no\r\n221 c\r\n", CLOSES, EHLO HELO QUIT,
	 HEALTH_EHLO_REJECTED, 220, NULL},
	{"HELO 4xx", "220 a\r\n502 what\r\n450 no\r\n221 c\r\n", CLOSES, EHLO HELO QUIT,
	 HEALTH_EHLO_REJECTED, 220, NULL},
	{"closes at HELO", "220 a\r\n502 what\r\n", CLOSES, EHLO HELO, HEALTH_CLOSED_EARLY, 220,
	 NULL},
	{"EHLO 421", "220 a\r\n421 bye\r\n", CLOSES, EHLO QUIT, HEALTH_EHLO_REJECTED, 220, NULL},
	{"EHLO 334", "220 a\r\n334 x\r\n221 c\r\n", CLOSES, EHLO QUIT, HEALTH_PROTO_ERROR, 220,
	 NULL},
	{"EHLO garbled", "220 a\r\n25\r\n", SILENT, EHLO, HEALTH_PROTO_ERROR, 220, NULL},
	{"EHLO changes code", "220 a\r\n250-b\r\n251 c\r\n", SILENT, EHLO, HEALTH_PROTO_ERROR, 220,
	 NULL},

	{"no 221", "220 a\r\n250 b\r\n", SILENT, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"close for 221", "220 a\r\n250 b\r\n", CLOSES, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"500 for 221", "220 a\r\n250 b\r\n500 c\r\n", SILENT, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"garbage for 221", "220 a\r\n250 b\r\n\x01\x02", SILENT, EHLO QUIT, HEALTH_OK, 220, NULL},
	{"more after 221", "220 a\r\n250 b\r\n221 c\r\n250 d\r\n", SILENT, EHLO QUIT, HEALTH_OK,
	 220, NULL},

	{"dry run", "220 a\r\n250 b\r\n250 m\r\n250 r\r\n250 s\r\n221 c\r\n", CLOSES,
	 EHLO MAIL RCPT "RSET\r\n" QUIT, HEALTH_OK, 220, "pm@x.test"},
	{"dry run, forwarded", "220 a\r\n250 b\r\n250 m\r\n251 r\r\n500 s\r\n221 c\r\n", CLOSES,
	 EHLO MAIL RCPT "RSET\r\n" QUIT, HEALTH_OK, 220, "pm@x.test"},
	{"dry run, greylisted", "220 a\r\n250 b\r\n250 m\r\n450 r\r\n221 c\r\n", CLOSES,
	 EHLO MAIL RCPT QUIT, HEALTH_RCPT_4XX, 220, "pm@x.test"},
	{"dry run, unknown", "220 a\r\n250 b\r\n250 m\r\n550 r\r\n221 c\r\n", CLOSES,
	 EHLO MAIL RCPT QUIT, HEALTH_RCPT_5XX, 220, "pm@x.test"},
	{"dry run, no space", "220 a\r\n250 b\r\n452 m\r\n221 c\r\n", CLOSES, EHLO MAIL QUIT,
	 HEALTH_RCPT_4XX, 220, "pm@x.test"},
	{"dry run, no sender", "220 a\r\n250 b\r\n550 m\r\n221 c\r\n", CLOSES, EHLO MAIL QUIT,
	 HEALTH_RCPT_5XX, 220, "pm@x.test"},
	{"dry run, mute", "220 a\r\n250 b\r\n250 m\r\n", SILENT, EHLO MAIL RCPT, HEALTH_PROTO_ERROR,
	 220, "pm@x.test"},
	{"dry run, 354", "220 a\r\n250 b\r\n354 m\r\n221 c\r\n", SILENT, EHLO MAIL QUIT,
	 HEALTH_PROTO_ERROR, 220, "pm@x.test"},
	{"dry run after HELO", "220 a\r\n500 b\r\n250 h\r\n250 m\r\n250 r\r\n250 s\r\n221 c\r\n",
	 CLOSES, EHLO HELO MAIL RCPT "RSET\r\n" QUIT, HEALTH_OK, 220, "pm@x.test"},
};
/* clang-format on */

/* Feeds all of `server` in pieces; what we say is gathered in `said`. */
static void feed(struct smtp_fsm *f, const char *server, size_t len, size_t piece, char *said,
		 size_t size)
{
	while (len > 0) {
		size_t n = len < piece ? len : piece;
		size_t used = smtp_fsm_feed(f, server, n);

		assert_in_range(used, 1, n);
		server += used;
		len -= used;
		assert_true(strlen(said) + strlen(f->send) < size);
		strcat(said, f->send);
	}
}

static void play(const struct row *row, size_t piece)
{
	char said[512] = "";
	struct smtp_fsm f;

	assert_int_equal(smtp_fsm_init(&f, "lb.test", row->rcpt), 0);
	feed(&f, row->server, strlen(row->server), piece, said, sizeof(said));
	if (f.state != SMTP_ENDED && row->ending == CLOSES)
		smtp_fsm_closed(&f);
	else if (f.state != SMTP_ENDED)
		smtp_fsm_timeout(&f);
	assert_string_equal(said, row->client);
	assert_string_equal(health_reason_name(f.reason), health_reason_name(row->reason));
	assert_int_equal(f.greeting, row->greeting);
	assert_int_equal(f.state, SMTP_ENDED);
}

static void test_row(void **state)
{
	const struct row *row = *state;

	play(row, 4096);
	play(row, 7);
	play(row, 1);
}

/* A greeting of one line of `len` bytes with its CR LF. */
static enum health_reason reason_of_length(size_t len)
{
	char line[4096], said[64] = "";
	struct smtp_fsm f;

	memset(line, 'x', sizeof(line));
	memcpy(line, "220 ", 4);
	memcpy(line + len - 2, "\r\n", 2);
	assert_int_equal(smtp_fsm_init(&f, "lb.test", NULL), 0);
	feed(&f, line, len, 1000, said, sizeof(said));
	if (f.state == SMTP_EHLO)
		assert_string_equal(said, EHLO);
	else
		assert_int_equal(f.state, SMTP_ENDED);
	return f.state == SMTP_ENDED ? f.reason : HEALTH_OK;
}

static void test_line_length(void **state)
{
	assert_int_equal(reason_of_length(512), HEALTH_OK);
	assert_int_equal(reason_of_length(513), HEALTH_OK); /* lenient */
	assert_int_equal(reason_of_length(2048), HEALTH_OK);
	assert_int_equal(reason_of_length(2049), HEALTH_GREETING_MALFORMED);
	assert_int_equal(reason_of_length(4096), HEALTH_GREETING_MALFORMED);
}

static void feed_lines(struct smtp_fsm *f, const char *line, unsigned n)
{
	char said[64] = "";

	for (unsigned i = 0; i < n; i++)
		feed(f, line, strlen(line), 4096, said, sizeof(said));
	assert_string_equal(said, "");
}

static void test_lines_of_a_reply(void **state)
{
	char said[64] = "";
	struct smtp_fsm f;

	assert_int_equal(smtp_fsm_init(&f, "lb.test", NULL), 0);
	feed_lines(&f, "220-x\r\n", 99);
	feed(&f, "220 x\r\n", 7, 4096, said, sizeof(said)); /* the 100th */
	assert_string_equal(said, EHLO);
	feed_lines(&f, "250-x\r\n", 100);
	assert_int_equal(f.state, SMTP_EHLO);
	feed_lines(&f, "250 x\r\n", 1);
	assert_int_equal(f.state, SMTP_ENDED);
	assert_int_equal(f.reason, HEALTH_PROTO_ERROR);

	assert_int_equal(smtp_fsm_init(&f, "lb.test", NULL), 0);
	feed_lines(&f, "220-x\r\n", 101);
	assert_int_equal(f.reason, HEALTH_GREETING_MALFORMED);
}

/* What the probe records: whole lines once, and what was left of one. */
static void test_lines_to_record(void **state)
{
	struct smtp_fsm f;

	assert_int_equal(smtp_fsm_init(&f, "lb.test", NULL), 0);
	assert_int_equal(smtp_fsm_feed(&f, "220-a", 5), 5);
	assert_false(f.has_line);
	assert_int_equal(smtp_fsm_feed(&f, " b\r\n220 c", 9), 4);
	assert_true(f.has_line);
	assert_string_equal(f.line, "220-a b");
	assert_int_equal(f.line_len, 7);
	assert_int_equal(smtp_fsm_feed(&f, "220 c", 5), 5);
	assert_false(f.has_line);
	smtp_fsm_timeout(&f);
	assert_true(f.has_line);
	assert_string_equal(f.line, "220 c");

	assert_int_equal(smtp_fsm_init(&f, "lb.test", NULL), 0);
	assert_int_equal(smtp_fsm_feed(&f, "220 a\r\n", 7), 7);
	smtp_fsm_closed(&f);
	assert_false(f.has_line);
	assert_string_equal(f.send, "");
}

static void test_nul_in_a_line(void **state)
{
	char said[64] = "";
	struct smtp_fsm f;

	assert_int_equal(smtp_fsm_init(&f, "lb.test", NULL), 0);
	feed(&f, "220 a\0b\r\n", 9, 4096, said, sizeof(said));
	assert_int_equal(f.reason, HEALTH_GREETING_MALFORMED);
	assert_int_equal(f.line_len, 7);
	assert_string_equal(said, "");
}

/* RFC 5321, 4.5.3.1.4: 512 with the CR LF; and nothing may smuggle a command in. */
static void test_arguments(void **state)
{
	char longest[SMTP_COMMAND_MAX - 12 + 2];
	char said[SMTP_COMMAND_MAX + 1] = "";
	struct smtp_fsm f;

	assert_int_equal(smtp_fsm_init(&f, NULL, NULL), -EINVAL);
	assert_int_equal(smtp_fsm_init(&f, "", NULL), -EINVAL);
	assert_int_equal(smtp_fsm_init(&f, "a\r\nQUIT", NULL), -EINVAL);
	assert_int_equal(smtp_fsm_init(&f, "a b", NULL), -EINVAL);
	assert_int_equal(smtp_fsm_init(&f, "a", "b\nc"), -EINVAL);
	assert_int_equal(smtp_fsm_init(&f, "[192.0.2.1]", "pm"), 0);
	memset(longest, 'r', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(smtp_fsm_init(&f, "a", longest), -EINVAL);
	longest[sizeof(longest) - 2] = '\0';
	assert_int_equal(smtp_fsm_init(&f, "a", longest), 0);
	f.state = SMTP_MAIL;
	feed(&f, "250 m\r\n", 7, 4096, said, sizeof(said));
	assert_int_equal(strlen(said), SMTP_COMMAND_MAX);
	assert_string_equal(said + SMTP_COMMAND_MAX - 3, ">\r\n");
}

static void test_names(void **state)
{
	assert_string_equal(smtp_state_name(SMTP_GREETING), "greeting");
	assert_string_equal(smtp_state_name(SMTP_ENDED), "ended");
	assert_string_equal(smtp_state_name(SMTP_STATE_COUNT), "unknown");
}

#define N_ROWS	 (sizeof(rows) / sizeof(rows[0]))
#define N_OTHERS (sizeof(others) / sizeof(others[0]))

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_line_length),	cmocka_unit_test(test_lines_of_a_reply),
		cmocka_unit_test(test_lines_to_record), cmocka_unit_test(test_nul_in_a_line),
		cmocka_unit_test(test_arguments),	cmocka_unit_test(test_names),
	};
	struct CMUnitTest tests[N_ROWS + N_OTHERS];

	for (size_t i = 0; i < N_ROWS; i++)
		tests[i] = (struct CMUnitTest){
			.name = rows[i].name,
			.test_func = test_row,
			.initial_state = (void *)&rows[i],
		};
	memcpy(tests + N_ROWS, others, sizeof(others));
	return cmocka_run_group_tests_name("smtp_fsm", tests, NULL, NULL);
}

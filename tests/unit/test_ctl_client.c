/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client of the control socket against a daemon that answers, lies, breaks off
 * or says nothing.
 */
/* uses: ctl_client.c */
#include "fake_daemon.h"

#include <fcntl.h>
#include <time.h>

#include "ctl_client.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ANSWER_MS  2000 /* what the machine may need */
#define SHORT_MS   100	/* where the end of the time is awaited */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int ask_at(const char *path, unsigned timeout_ms, unsigned answer_ms,
		  struct ctl_answer *answer)
{
	struct ctl_client client = {.path = path, .timeout_ms = timeout_ms, .reply_max = 100000};
	json_t *request =
		json_pack("{s:[s,s], s:{s:b}}", "argv", "backend", "list", "options", "force", 1);
	int err = ctl_client_ask(&client, answer_ms, request, answer);

	json_decref(request);
	return err;
}

/* What comes of a daemon that says `word`. */
static int ask(const char *word, unsigned timeout_ms, unsigned answer_ms, struct ctl_answer *answer)
{
	const char *script[] = {word, NULL};
	struct fake_daemon fake;
	int err;

	fake_start(&fake, script);
	err = ask_at(fake.path, timeout_ms, answer_ms, answer);
	fake_stop(&fake);
	return err;
}

static void sends_one_line_and_reads_one(void **state)
{
	static const char *const script[] = {"{\"exit\": 0, \"data\": {\"count\": 3}}\n", NULL};
	struct ctl_answer answer = {0};
	struct fake_daemon fake;

	fake_start(&fake, script);
	assert_int_equal(ask_at(fake.path, ANSWER_MS, 0, &answer), 0);
	fake_stop(&fake);
	assert_int_equal(fake.n_requests, 1);
	assert_string_equal(fake.requests[0],
			    "{\"argv\":[\"backend\",\"list\"],\"options\":{\"force\":true}}\n");
	assert_int_equal(answer.exit, 0);
	assert_null(answer.error);
	assert_int_equal(json_integer_value(json_object_get(answer.data, "count")), 3);
	ctl_answer_free(&answer);
	ctl_answer_free(&answer);
}

static void reads_an_error(void **state)
{
	struct ctl_answer answer = {0};

	assert_int_equal(
		ask("{\"exit\": 6, \"error\": \"mx1: is the last\"}\n", ANSWER_MS, 0, &answer), 0);
	assert_int_equal(answer.exit, 6);
	assert_null(answer.data);
	assert_string_equal(answer.error, "mx1: is the last");
	ctl_answer_free(&answer);
}

static void nulls_are_nothing(void **state)
{
	struct ctl_answer answer = {0};

	assert_int_equal(
		ask("{\"exit\": 1, \"error\": null, \"data\": null}\n", ANSWER_MS, 0, &answer), 0);
	assert_int_equal(answer.exit, 1);
	assert_null(answer.data);
	assert_null(answer.error);
}

static void reads_what_comes_in_pieces_or_without_newline(void **state)
{
	static const char *const rows[] = {
		"pieces {\"exit\": 0, \"data\": [1, 2]}\n",
		"{\"exit\": 0, \"data\": [1, 2]}",
		"stall {\"exit\": 0, \"data\": [1, 2]}\n",
		"early {\"exit\": 0, \"data\": [1, 2]}\n",
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ctl_answer answer = {0};
		int err = ask(rows[i], ANSWER_MS, 0, &answer);

		if (err || json_array_size(answer.data) != 2)
			fail_msg("%s: %d", rows[i], err);
		ctl_answer_free(&answer);
	}
}

static void refuses_what_is_no_reply(void **state)
{
	static const char *const rows[] = {
		"220 mx1 ESMTP\n",
		"\n",
		"[]\n",
		"{}\n",
		"{\"data\": []}\n",
		"{\"exit\": \"0\"}\n",
		"{\"exit\": 0.0}\n",
		"{\"exit\": 7}\n",
		"{\"exit\": -1}\n",
		"{\"exit\": 4294967296}\n",
		"{\"exit\": 2, \"error\": [\"a\"]}\n",
		"{\"exit\": 0, \"data\": [1, 2",
		"{\"exit\": 0} {\"exit\": 0}\n",
		"{\"exit\": 0, \"exit\": 1}\n",
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ctl_answer answer = {.exit = 42};
		int err = ask(rows[i], ANSWER_MS, 0, &answer);

		if (err != -EPROTO || answer.exit != 42 || answer.data || answer.error)
			fail_msg("%s: %d, exit %d", rows[i], err, answer.exit);
	}
}

static void a_closed_connection_is_no_answer(void **state)
{
	struct ctl_answer answer = {0};

	assert_int_equal(ask("", ANSWER_MS, 0, &answer), -ECONNRESET);
	assert_int_equal(ask("early ", ANSWER_MS, 0, &answer), -ECONNRESET);
}

static void silence_ends(void **state)
{
	/* Nothing at all, then a part of a reply. */
	static const char *const rows[] = {"stall ", "stall {\"exit\": 0, "};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ctl_answer answer = {0};
		double start = now();

		assert_int_equal(ask(rows[i], SHORT_MS, 0, &answer), -ETIMEDOUT);
		assert_true(now() - start > 0.09);
		assert_true(now() - start < 2);
	}
}

static void a_slow_verb_may_take_longer(void **state)
{
	struct ctl_answer answer = {0};

	assert_int_equal(ask("late {\"exit\": 0}\n", SHORT_MS, 0, &answer), -ETIMEDOUT);
	assert_int_equal(ask("late {\"exit\": 0}\n", SHORT_MS, ANSWER_MS, &answer), 0);
	assert_int_equal(ask("stall ", ANSWER_MS, SHORT_MS, &answer), -ETIMEDOUT);
}

static void an_endless_reply_is_cut(void **state)
{
	struct ctl_answer answer = {0};

	assert_int_equal(ask("flood", ANSWER_MS, 0, &answer), -EMSGSIZE);
}

static void a_long_request_is_not_sent(void **state)
{
	static char text[70000];
	struct ctl_client client = {.path = "/nonexistent", .timeout_ms = ANSWER_MS};
	struct ctl_answer answer = {0};
	json_t *request;

	memset(text, 'a', sizeof(text) - 1);
	request = json_pack("{s:s}", "argv", text);
	assert_int_equal(ctl_client_ask(&client, 0, request, &answer), -E2BIG);
	json_decref(request);
}

static void says_why_it_cannot_connect(void **state)
{
	struct ctl_answer answer = {0};
	struct fake_daemon fake;
	char path[200];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ask_at(path, ANSWER_MS, 0, &answer), -ENAMETOOLONG);
	fake_listen(&fake, 1);
	close(fake.listener);
	assert_int_equal(ask_at(fake.path, ANSWER_MS, 0, &answer), -ECONNREFUSED);
	unlink(fake.path);
	assert_int_equal(ask_at(fake.path, ANSWER_MS, 0, &answer), -ENOENT);
	rmdir(fake.dir);
}

/* On a unix socket connect() waits for room in the backlog. */
static void a_full_backlog_ends_too(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct ctl_answer answer = {0};
	struct fake_daemon fake;
	int fds[8];
	double start;

	fake_listen(&fake, 0);
	strcpy(at.sun_path, fake.path);
	for (size_t i = 0; i < ROWS(fds); i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (struct sockaddr *)&at, sizeof(at)); /* until it is full */
	}
	start = now();
	assert_int_equal(ask_at(fake.path, SHORT_MS, 0, &answer), -ETIMEDOUT);
	assert_true(now() - start > 0.09 && now() - start < 2);
	for (size_t i = 0; i < ROWS(fds); i++)
		close(fds[i]);
	fake_stop(&fake);
}

static void every_error_has_an_advice(void **state)
{
	static const struct {
		int err;
		const char *text;
	} rows[] = {
		{-ENOENT, "daemon not reachable: No such file or directory; is mxlbd running? "
			  "(systemctl status mxlbd)"},
		{-ECONNREFUSED, "daemon not reachable: Connection refused; is mxlbd running? "
				"(systemctl status mxlbd)"},
		{-EACCES, "daemon not reachable: Permission denied; join the group mxlb or use "
			  "sudo"},
		{-ETIMEDOUT, "daemon not reachable: no answer in time; is mxlbd stopped or "
			     "overloaded? give it longer with --connect-timeout"},
		{-ECONNRESET, "no answer: the connection was closed; see the log of mxlbd "
			      "(journalctl -u mxlbd)"},
		{-EPROTO, "no answer of mxlbd: not a reply that mxlbctl knows; is this mxlbd's "
			  "socket, and of the same version?"},
		{-EMSGSIZE, "no answer of mxlbd: too long; is this mxlbd's socket, and of the "
			    "same version?"},
		{-E2BIG, "request not sent: too long; give shorter arguments"},
		{-ENAMETOOLONG, "daemon not reachable: File name too long; give a shorter "
				"--socket"},
	};
	char buf[256];

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_string_equal(ctl_client_why(rows[i].err, buf, sizeof(buf)), rows[i].text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_one_line_and_reads_one),
		cmocka_unit_test(reads_an_error),
		cmocka_unit_test(nulls_are_nothing),
		cmocka_unit_test(reads_what_comes_in_pieces_or_without_newline),
		cmocka_unit_test(refuses_what_is_no_reply),
		cmocka_unit_test(a_closed_connection_is_no_answer),
		cmocka_unit_test(silence_ends),
		cmocka_unit_test(a_slow_verb_may_take_longer),
		cmocka_unit_test(an_endless_reply_is_cut),
		cmocka_unit_test(a_long_request_is_not_sent),
		cmocka_unit_test(says_why_it_cannot_connect),
		cmocka_unit_test(a_full_backlog_ends_too),
		cmocka_unit_test(every_error_has_an_advice),
	};

	alarm(60); /* a wait without an end is what is tested here */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

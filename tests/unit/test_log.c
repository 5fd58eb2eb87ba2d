/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log's lines, read back from a pipe that stands in for stderr.
 */
/* uses: log.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "log.h"

#define TIME_LEN 24 /* 2026-01-02T03:04:05.678Z */

static int pipe_ends[2];
static int stderr_kept;

static int capture(void **state)
{
	stderr_kept = dup(STDERR_FILENO);
	if (stderr_kept < 0 || pipe(pipe_ends) || dup2(pipe_ends[1], STDERR_FILENO) < 0)
		return -1;
	return 0;
}

static int release(void **state)
{
	(void)dup2(stderr_kept, STDERR_FILENO);
	close(stderr_kept);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	return 0;
}

/* What was logged since the last call. */
static const char *logged(void)
{
	static char buf[8192];
	ssize_t n;

	/* A marker, so that reading never blocks when nothing was logged. */
	assert_int_equal(write(STDERR_FILENO, "$", 1), 1);
	n = read(pipe_ends[0], buf, sizeof(buf) - 1);
	assert_true(n >= 1);
	assert_int_equal(buf[n - 1], '$');
	buf[n - 1] = '\0';
	return buf;
}

static void writes_text(void **state)
{
	const char *line;

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_warn("%s: down: %d probes failed", "mx1", 3);
	line = logged();
	assert_int_equal(line[10], 'T');
	assert_int_equal(line[TIME_LEN - 1], 'Z');
	assert_string_equal(line + TIME_LEN, " warn: mx1: down: 3 probes failed\n");
}

static void keeps_to_the_level(void **state)
{
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	log_info("not this");
	log_debug("nor this");
	assert_string_equal(logged(), "");
	log_error("this");
	assert_string_equal(logged() + TIME_LEN, " error: this\n");
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_debug("this too");
	assert_string_equal(logged() + TIME_LEN, " debug: this too\n");
}

static void writes_json(void **state)
{
	const char *line;

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("a \"quoted\" back\\slash");
	line = logged();
	assert_memory_equal(line, "{\"time\":\"", 9);
	assert_string_equal(
		line + 9 + TIME_LEN,
		"\",\"level\":\"info\",\"message\":\"a \\\"quoted\\\" back\\\\slash\"}\n");
}

static void hides_controls_and_broken_utf8(void **state)
{
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_info("220 a\r\nfake\x1b[31m\x7f M\xc3\xbcller \xff\xc3 \xe2\x82\xac");
	assert_string_equal(logged() + TIME_LEN,
			    " info: 220 a??fake?[31m? M\xc3\xbcller ?? \xe2\x82\xac\n");
}

static void cuts_long_messages(void **state)
{
	char big[5000];
	const char *line;

	memset(big, '"', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("%s", big);
	line = logged();
	assert_true(strlen(line) > 4000 && strlen(line) < 4300);
	assert_string_equal(line + strlen(line) - 4, "\\\"\"}\n" + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_text),
		cmocka_unit_test(keeps_to_the_level),
		cmocka_unit_test(writes_json),
		cmocka_unit_test(hides_controls_and_broken_utf8),
		cmocka_unit_test(cuts_long_messages),
	};

	return cmocka_run_group_tests(tests, capture, release);
}

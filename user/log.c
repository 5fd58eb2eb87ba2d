/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line a message on stderr, written by one write so that lines of several
 * processes do not mix. What peers and files told us may be in a message, so
 * control characters and broken UTF-8 never reach the terminal or the JSON.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 2048
#define ESCAPED_MAX (MESSAGE_MAX * 2)

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum log_level log_max = LOG_LEVEL_INFO;
static enum log_format log_form = LOG_FORMAT_TEXT;

void log_setup(enum log_level level, enum log_format format)
{
	log_max = level;
	log_form = format;
}

/* Length of the UTF-8 character at s, or 0 where there is none. Over-long forms
 * and surrogates are let through: JSON readers cope, terminals show a box. */
static size_t utf8_len(const unsigned char *s)
{
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* Copies text with '?' for what must not be shown; JSON's two are escaped. */
static void escape(const char *text, char *out, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = 0;

	while (*s && n + 5 < size) {
		size_t len = utf8_len(s);

		if (len == 0 || *s < 0x20 || *s == 0x7f) {
			out[n++] = '?';
			s++;
			continue;
		}
		if (log_form == LOG_FORMAT_JSON && (*s == '"' || *s == '\\'))
			out[n++] = '\\';
		memcpy(out + n, s, len);
		n += len;
		s += len;
	}
	out[n] = '\0';
}

static void time_format(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf, size, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000));
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char message[MESSAGE_MAX], shown[ESCAPED_MAX], line[ESCAPED_MAX + 128], when[48];
	va_list ap;
	int len;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap); /* a cut line is better than none */
	va_end(ap);
	escape(message, shown, sizeof(shown));
	time_format(when, sizeof(when));
	if (log_form == LOG_FORMAT_JSON)
		len = snprintf(line, sizeof(line),
			       "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n", when,
			       level_names[level], shown);
	else
		len = snprintf(line, sizeof(line), "%s %s: %s\n", when, level_names[level], shown);
	/* Nobody is left to tell when stderr is gone. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request of the control socket into words and options. What it lets through is
 * bounded UTF-8 without control characters, so that nobody can write to another's
 * terminal, or into the log, by way of a name or a message.
 */
#include "ctl_request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fault(char *why, size_t why_len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fault(char *why, size_t why_len, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, why_len, fmt, args); /* a cut message is better than none */
	va_end(args);
	return -EINVAL;
}

static bool text_is_plain(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	return strlen(text) <= CTL_TEXT_MAX;
}

static int words_read(struct ctl_request *request, const json_t *argv, char *why, size_t why_len)
{
	size_t n = json_array_size(argv);

	if (!json_is_array(argv) || n == 0 || n > CTL_WORDS_MAX)
		return fault(why, why_len, "request: argv: must be a list of 1 to %d words",
			     CTL_WORDS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *word = json_string_value(json_array_get(argv, i));

		if (!word || !text_is_plain(word))
			return fault(why, why_len,
				     "request: argv: word %zu: must be a text of at most %d bytes "
				     "without control characters",
				     i + 1, CTL_TEXT_MAX);
		request->words[request->n_words++] = word;
	}
	return 0;
}

static int options_read(struct ctl_request *request, json_t *options, char *why, size_t why_len)
{
	const char *name;
	json_t *value;

	if (!options || json_is_null(options))
		return 0;
	if (!json_is_object(options))
		return fault(why, why_len, "request: options: must be an object");
	json_object_foreach (options, name, value) {
		bool is_good = json_is_boolean(value) ||
			       (json_is_string(value) && text_is_plain(json_string_value(value)));

		if (!text_is_plain(name) || strlen(name) > 64)
			return fault(why, why_len,
				     "request: options: a name must be at most 64 bytes");
		if (!is_good)
			return fault(why, why_len,
				     "request: options: %s: must be true or a text of at most %d "
				     "bytes without control characters",
				     name, CTL_TEXT_MAX);
	}
	request->options = options;
	return 0;
}

int ctl_request_parse(const char *bytes, size_t len, struct ctl_request *request, char *why,
		      size_t why_len)
{
	json_error_t error;
	int err;

	*request = (struct ctl_request){0};
	request->root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
	if (!request->root)
		return fault(why, why_len, "request: not JSON: %s; send one object and a newline",
			     error.text);
	err = json_is_object(request->root)
		      ? words_read(request, json_object_get(request->root, "argv"), why, why_len)
		      : fault(why, why_len, "request: must be a JSON object with argv");
	if (!err)
		err = options_read(request, json_object_get(request->root, "options"), why,
				   why_len);
	if (err)
		ctl_request_free(request);
	return err;
}

void ctl_request_free(struct ctl_request *request)
{
	json_decref(request->root);
	*request = (struct ctl_request){0};
}

const char *ctl_request_text(const struct ctl_request *request, const char *option)
{
	return json_string_value(json_object_get(request->options, option));
}

bool ctl_request_flag(const struct ctl_request *request, const char *option)
{
	return json_is_true(json_object_get(request->options, option));
}

static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; *at; at += strcspn(at, " ")) {
		at += strspn(at, " ");
		if (len && strcspn(at, " ") == len && !strncmp(at, word, len))
			return true;
	}
	return false;
}

const char *ctl_request_unknown(const struct ctl_request *request, const char *known)
{
	const char *name;
	json_t *value;

	json_object_foreach (request->options, name, value) {
		if (!list_has(known, name) && !json_is_false(value))
			return name;
	}
	return NULL;
}

int ctl_number(const char *text, unsigned long min, unsigned long max, unsigned long *value)
{
	unsigned long number;

	/* strtoul would take blanks and signs. */
	if (!*text || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	errno = 0;
	number = strtoul(text, NULL, 10);
	if (errno || number < min || number > max)
		return -EINVAL;
	*value = number;
	return 0;
}

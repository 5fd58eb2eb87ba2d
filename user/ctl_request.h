/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request of the control socket: one line of JSON, as mxlb/ctl.h describes it,
 * into words and options. Pure: bytes in, a request or a fault out.
 */
#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CTL_WORDS_MAX 8
#define CTL_TEXT_MAX  1024 /* bytes of one word or option */

struct ctl_request {
	const char *words[CTL_WORDS_MAX]; /* point into root */
	size_t n_words;
	json_t *options; /* an object of root, or NULL */
	json_t *root;
};

/* 0 and a request to free, or -EINVAL with a full message in `why`. */
int ctl_request_parse(const char *bytes, size_t len, struct ctl_request *request, char *why,
		      size_t why_len);
void ctl_request_free(struct ctl_request *request);

/* The option's text; NULL when it is absent. */
const char *ctl_request_text(const struct ctl_request *request, const char *option);
bool ctl_request_flag(const struct ctl_request *request, const char *option);
/* The first option that is not in `known`, a list of words separated by blanks. */
const char *ctl_request_unknown(const struct ctl_request *request, const char *known);
/* Reads a whole decimal number from min to max, without a sign. 0 or -EINVAL. */
int ctl_number(const char *text, unsigned long min, unsigned long max, unsigned long *value);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a request of the control socket. What is taken must be words and
 * options that nobody downstream has to check again.
 */
/* uses: ctl_request.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_request.h"

#define REQUIRE(claim)                                                                             \
	do {                                                                                       \
		if (!(claim))                                                                      \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_plain(const char *text)
{
	REQUIRE(text && strlen(text) <= CTL_TEXT_MAX);
	for (; *text; text++)
		REQUIRE((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void require_request(const struct ctl_request *request)
{
	const char *name;
	json_t *value;

	REQUIRE(request->n_words >= 1 && request->n_words <= CTL_WORDS_MAX);
	for (size_t i = 0; i < request->n_words; i++)
		require_plain(request->words[i]);
	json_object_foreach (request->options, name, value) {
		unsigned long number;

		require_plain(name);
		REQUIRE(!(ctl_request_text(request, name) && ctl_request_flag(request, name)));
		if (ctl_request_text(request, name))
			(void)ctl_number(ctl_request_text(request, name), 1, 100, &number);
	}
	(void)ctl_request_unknown(request, "service force dry-run");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_request request;
	char why[256] = "";

	if (!ctl_request_parse((const char *)data, size, &request, why, sizeof(why))) {
		require_request(&request);
		ctl_request_free(&request);
	} else {
		REQUIRE(why[0] && !request.root);
	}
	return 0;
}

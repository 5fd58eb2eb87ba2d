/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probe's SMTP dialogue under hostile servers. The first byte of an input
 * chooses the dry run, how the server ends and into what pieces TCP cuts the rest.
 * Beside the sanitizers it checks what must always hold, and that the cut does not
 * change reason, greeting or what we say.
 */
/* uses: smtp_fsm.c verdict.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtp_fsm.h"

#define REQUIRE(claim)                                                                             \
	do {                                                                                       \
		if (!(claim))                                                                      \
			abort();                                                                   \
	} while (0)

/* EHLO, HELO, MAIL, RCPT, RSET, QUIT: each once at most. */
#define SAID_MAX (6 * SMTP_COMMAND_MAX + 1)

struct outcome {
	enum health_reason reason;
	int greeting;
	unsigned n_commands;
	char said[SAID_MAX];
};

static void check_step(struct smtp_fsm *f, struct outcome *o)
{
	size_t len = strlen(f->send);

	REQUIRE(f->line_len <= SMTP_LINE_MAX);
	REQUIRE((unsigned)f->state < SMTP_STATE_COUNT);
	REQUIRE(f->greeting == 0 || (f->greeting >= 200 && f->greeting <= 599));
	if (f->has_line)
		REQUIRE(f->line[f->line_len] == '\0');
	if (len == 0)
		return;
	REQUIRE(f->state != SMTP_ENDED && f->state != SMTP_GREETING);
	REQUIRE(len <= SMTP_COMMAND_MAX && !strcmp(f->send + len - 2, "\r\n"));
	REQUIRE(strcspn(f->send, "\r\n") == len - 2);
	REQUIRE(++o->n_commands <= 6);
	strcat(o->said, f->send);
}

static void play(const uint8_t *data, size_t size, uint8_t choice, size_t piece, struct outcome *o)
{
	const char *server = (const char *)data;
	struct smtp_fsm f;

	memset(o, 0, sizeof(*o));
	REQUIRE(smtp_fsm_init(&f, "lb.test", choice & 1 ? "pm@x.test" : NULL) == 0);
	while (size > 0 && f.state != SMTP_ENDED) {
		size_t n = size < piece ? size : piece;
		size_t used = smtp_fsm_feed(&f, server, n);

		REQUIRE(used > 0 && used <= n);
		server += used;
		size -= used;
		check_step(&f, o);
	}
	if (f.state != SMTP_ENDED && choice & 2)
		smtp_fsm_closed(&f);
	else if (f.state != SMTP_ENDED)
		smtp_fsm_timeout(&f);
	check_step(&f, o);
	REQUIRE(f.state == SMTP_ENDED);
	REQUIRE((unsigned)f.reason < HEALTH_REASON_COUNT);
	REQUIRE(f.reason != HEALTH_OK || f.greeting / 100 == 2);
	o->reason = f.reason;
	o->greeting = f.greeting;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, cut;

	if (size < 1)
		return 0;
	play(data + 1, size - 1, data[0], size, &whole);
	play(data + 1, size - 1, data[0], 1 + data[0] / 4, &cut);
	REQUIRE(!memcmp(&whole, &cut, sizeof(whole)));
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A probe's SMTP dialogue (RFC 5321) as one state machine: enter() sends the
 * command of a state, react() judges its reply, end() is the only way out. Lines
 * are read as a lenient sender reads them, for what a backend's health means is
 * "would a sender's mail get in": bare LF ends a line, bytes above 127 are text.
 * Once QUIT is sent the reason stands: a missing or odd 221 changes nothing,
 * since the backend has already answered what was asked. Pure; see smtp_fsm.h.
 */
#include "smtp_fsm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {
#define SMTP_STATE_NAME(id, name) [SMTP_##id] = name,
	SMTP_STATES(SMTP_STATE_NAME)
#undef SMTP_STATE_NAME
};

const char *smtp_state_name(enum smtp_state state)
{
	return (unsigned)state < SMTP_STATE_COUNT ? state_names[state] : "unknown";
}

/* What stands in a command comes from the config: a line end or a blank in it
 * would become a command of its own. "RCPT TO:<>" and CR LF take 12 bytes. */
static bool fits_command(const char *text)
{
	size_t len = 0;

	for (; text[len]; len++)
		if (text[len] <= ' ' || text[len] > '~')
			return false;
	return len > 0 && len <= SMTP_COMMAND_MAX - 12;
}

int smtp_fsm_init(struct smtp_fsm *f, const char *helo, const char *rcpt)
{
	if (!helo || !fits_command(helo) || (rcpt && !fits_command(rcpt)))
		return -EINVAL;
	*f = (struct smtp_fsm){
		.state = SMTP_GREETING,
		.reason = HEALTH_CLOSED_EARLY,
		.helo = helo,
		.rcpt = rcpt,
	};
	return 0;
}

/* What came of a line without its end is part of the record too. */
static void end(struct smtp_fsm *f, enum health_reason reason)
{
	if (!f->has_line && f->line_len) {
		f->has_line = true;
		f->line[f->line_len] = '\0';
	}
	f->reason = reason;
	f->state = SMTP_ENDED;
}

static void command(struct smtp_fsm *f, const char *before, const char *value, const char *after)
{
	(void)snprintf(f->send, sizeof(f->send), "%s%s%s\r\n", before, value, after);
}

static void enter(struct smtp_fsm *f, enum smtp_state state)
{
	f->state = state;
	switch (state) {
	case SMTP_EHLO:
		command(f, "EHLO ", f->helo, "");
		break;
	case SMTP_HELO:
		command(f, "HELO ", f->helo, "");
		break;
	case SMTP_MAIL: /* the null sender: nothing can be bounced to anyone */
		command(f, "MAIL FROM:<>", "", "");
		break;
	case SMTP_RCPT:
		command(f, "RCPT TO:<", f->rcpt, ">");
		break;
	case SMTP_RSET:
		command(f, "RSET", "", "");
		break;
	case SMTP_QUIT:
		command(f, "QUIT", "", "");
		break;
	default:
		break;
	}
}

/* Settles the reason and takes leave: a close without QUIT would be a "lost
 * connection" in the backend's log at every probe. */
static void leave(struct smtp_fsm *f, enum health_reason reason)
{
	f->reason = reason;
	enter(f, SMTP_QUIT);
}

/* The reason of a refusal by its class (RFC 5321, 4.2.1: the first digit is what
 * a client goes by); a 3xx asks for data that nobody offered. */
static enum health_reason refusal(int code, enum health_reason on_4xx, enum health_reason on_5xx,
				  enum health_reason on_3xx)
{
	switch (code / 100) {
	case 4:
		return on_4xx;
	case 5:
		return on_5xx;
	default:
		return on_3xx;
	}
}

static void react_greeting(struct smtp_fsm *f, int code)
{
	f->greeting = code;
	if (code / 100 == 2)
		enter(f, SMTP_EHLO);
	else
		leave(f, refusal(code, HEALTH_GREETING_4XX, HEALTH_GREETING_5XX,
				 HEALTH_GREETING_MALFORMED));
}

/* RFC 5321, 3.2: a 5xx to EHLO may only mean an old server. A 4xx does not. */
static void react_hello(struct smtp_fsm *f, int code)
{
	if (code / 100 == 2 && f->rcpt)
		enter(f, SMTP_MAIL);
	else if (code / 100 == 2)
		leave(f, HEALTH_OK);
	else if (code / 100 == 5 && f->state == SMTP_EHLO)
		enter(f, SMTP_HELO);
	else
		leave(f, refusal(code, HEALTH_EHLO_REJECTED, HEALTH_EHLO_REJECTED,
				 HEALTH_PROTO_ERROR));
}

static void react_dry_run(struct smtp_fsm *f, int code)
{
	if (code / 100 == 2)
		enter(f, f->state == SMTP_MAIL ? SMTP_RCPT : SMTP_RSET);
	else
		leave(f, refusal(code, HEALTH_RCPT_4XX, HEALTH_RCPT_5XX, HEALTH_PROTO_ERROR));
}

/* The final line of a reply has come. */
static void react(struct smtp_fsm *f, int code)
{
	switch (f->state) {
	case SMTP_GREETING:
		react_greeting(f, code);
		break;
	case SMTP_EHLO:
	case SMTP_HELO:
		react_hello(f, code);
		break;
	case SMTP_MAIL:
	case SMTP_RCPT:
		react_dry_run(f, code);
		break;
	case SMTP_RSET: /* whatever it says: the recipient was taken, and QUIT resets too */
		leave(f, HEALTH_OK);
		break;
	default:
		end(f, f->reason);
		break;
	}
}

/* What came is not a reply: there is nobody to say QUIT to. */
static void garbled(struct smtp_fsm *f)
{
	enum health_reason reason = HEALTH_PROTO_ERROR;

	if (f->state == SMTP_GREETING)
		reason = HEALTH_GREETING_MALFORMED;
	else if (f->state == SMTP_QUIT)
		reason = f->reason;
	end(f, reason);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* True while the bytes can begin a reply line (RFC 5321, 4.2: code, blank or
 * hyphen, text), so that garbage is known without waiting for its line end. */
static bool begins_reply(const char *s, size_t len)
{
	if (len > 0 && (s[0] < '2' || s[0] > '5'))
		return false;
	for (size_t i = 1; i < len && i < 3; i++)
		if (!is_digit(s[i]))
			return false;
	if (len > 3 && s[3] != ' ' && s[3] != '-')
		return false;
	for (size_t i = 4; i < len; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
			return false;
	return true;
}

/* In a greeting the codes may differ, the last one counts: postscreen takes its
 * "220-" back with a 521. Elsewhere RFC 5321, 4.2.1 demands one code, and a
 * reader that is out of step must not go on. */
static bool continues_reply(struct smtp_fsm *f, int code)
{
	bool is_same = !f->reply_lines || code == f->reply_code || f->state == SMTP_GREETING;

	f->reply_code = code;
	return ++f->reply_lines <= SMTP_REPLY_LINES_MAX && is_same;
}

/* A whole line with its LF is in f->line. */
static void take_line(struct smtp_fsm *f)
{
	const char *line = f->line;
	int code;

	f->line_len--;
	if (f->line_len && line[f->line_len - 1] == '\r')
		f->line_len--;
	f->line[f->line_len] = '\0';
	f->has_line = true;
	if (f->line_len < 3 || !begins_reply(line, f->line_len)) {
		garbled(f);
		return;
	}
	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	if (!continues_reply(f, code)) {
		garbled(f);
	} else if (line[3] != '-') {
		f->reply_lines = 0;
		react(f, code);
	}
}

/* A line without its end so far. A last CR may be the first half of that. */
static void take_part(struct smtp_fsm *f)
{
	size_t len = f->line_len - (f->line[f->line_len - 1] == '\r');

	if (f->line_len == SMTP_LINE_MAX || !begins_reply(f->line, len))
		garbled(f);
}

/* The results of the step before have been read by now. */
static void begin_step(struct smtp_fsm *f)
{
	f->send[0] = '\0';
	if (f->has_line)
		f->line_len = 0;
	f->has_line = false;
}

size_t smtp_fsm_feed(struct smtp_fsm *f, const char *data, size_t len)
{
	const char *lf;

	begin_step(f);
	if (f->state == SMTP_ENDED || len == 0)
		return len;
	if (len > SMTP_LINE_MAX - f->line_len)
		len = SMTP_LINE_MAX - f->line_len;
	lf = memchr(data, '\n', len);
	if (lf)
		len = (size_t)(lf - data) + 1;
	memcpy(f->line + f->line_len, data, len);
	f->line_len += len;
	if (lf)
		take_line(f);
	else
		take_part(f);
	return len;
}

void smtp_fsm_closed(struct smtp_fsm *f)
{
	begin_step(f);
	end(f, f->reason);
}

void smtp_fsm_timeout(struct smtp_fsm *f)
{
	begin_step(f);
	switch (f->state) {
	case SMTP_QUIT:
	case SMTP_ENDED:
		end(f, f->reason);
		break;
	case SMTP_GREETING:
		end(f, HEALTH_GREETING_TIMEOUT);
		break;
	default: /* it greeted, then fell silent: the list has no nearer word */
		end(f, HEALTH_PROTO_ERROR);
		break;
	}
}

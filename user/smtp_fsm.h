/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dialogue of a probe as an SMTP client: greeting, EHLO (or HELO), a dry run
 * of a recipient where one is given, QUIT. Pure: it is fed bytes, a close or a
 * time-out, and says what to send and when it is over, with which reason. It owns
 * no socket, clock or memory. Caller: probe.c.
 */
#ifndef SMTP_FSM_H
#define SMTP_FSM_H

#include <stdbool.h>
#include <stddef.h>

#include "verdict.h"

/* RFC 5321, 4.5.3.1.5 allows 512 bytes with the CR LF; real banners and EHLO
 * answers go over it, and senders take them. */
#define SMTP_LINE_MAX 2048
/* 4.5.3.1.4: a command with its CR LF. We are strict in what we send. */
#define SMTP_COMMAND_MAX 512
/* Lines of one reply. EHLO answers have a dozen; more than this is no SMTP. */
#define SMTP_REPLY_LINES_MAX 100

#define SMTP_STATES(X)                                                                             \
	X(GREETING, "greeting")                                                                    \
	X(EHLO, "ehlo")                                                                            \
	X(HELO, "helo")                                                                            \
	X(MAIL, "mail")                                                                            \
	X(RCPT, "rcpt")                                                                            \
	X(RSET, "rset")                                                                            \
	X(QUIT, "quit")                                                                            \
	X(ENDED, "ended")

/* Each state but the last waits for the reply that it is named after. */
enum smtp_state {
#define SMTP_STATE_ENUM(id, name) SMTP_##id,
	SMTP_STATES(SMTP_STATE_ENUM)
#undef SMTP_STATE_ENUM
		SMTP_STATE_COUNT
};

/* Read freely, change only through smtp_fsm_*. */
struct smtp_fsm {
	enum smtp_state state;
	enum health_reason reason; /* settled from QUIT on */
	int greeting;		   /* code of its final line; 0: not yet */
	const char *helo, *rcpt;   /* the caller's */
	int reply_code;		   /* of the reply being read */
	unsigned reply_lines;	   /* of it so far; 0: none */
	bool has_line;		   /* `line` is complete, or was given up */
	size_t line_len;
	char line[SMTP_LINE_MAX + 1]; /* once complete without CR LF, with a NUL */
	char send[SMTP_COMMAND_MAX + 1];
};

/* `helo` and `rcpt` (NULL: no dry run) must outlive the fsm. 0, or -EINVAL when
 * one of them does not fit into a command. */
int smtp_fsm_init(struct smtp_fsm *f, const char *helo, const char *rcpt);
/* Takes bytes up to the end of one line at most and returns how many. Then
 * has_line tells of a line to record, and send (not "") is to be sent. */
size_t smtp_fsm_feed(struct smtp_fsm *f, const char *data, size_t len);
/* The server has closed, or the time of the present state is up: both end it;
 * has_line tells of a line that was left unfinished. */
void smtp_fsm_closed(struct smtp_fsm *f);
void smtp_fsm_timeout(struct smtp_fsm *f);
const char *smtp_state_name(enum smtp_state state);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judgement of one backend address: from outcomes of probes to a state. Pure:
 * time is an argument (ms, any monotonic origin). The closed list of health
 * reasons lives here; names are the ones of INTERFACES (metrics, JSON, log).
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_REASONS(X)                                                                          \
	X(OK, "ok")                                                                                \
	X(CONNECT_REFUSED, "connect_refused")                                                      \
	X(CONNECT_TIMEOUT, "connect_timeout")                                                      \
	X(UNREACHABLE, "unreachable")                                                              \
	X(GREETING_TIMEOUT, "greeting_timeout")                                                    \
	X(GREETING_4XX, "greeting_4xx")                                                            \
	X(GREETING_5XX, "greeting_5xx")                                                            \
	X(GREETING_MALFORMED, "greeting_malformed")                                                \
	X(EHLO_REJECTED, "ehlo_rejected")                                                          \
	X(STARTTLS_MISSING, "starttls_missing")                                                    \
	X(TLS_HANDSHAKE, "tls_handshake")                                                          \
	X(CERT_EXPIRED, "cert_expired")                                                            \
	X(CERT_NAME_MISMATCH, "cert_name_mismatch")                                                \
	X(CERT_UNTRUSTED, "cert_untrusted")                                                        \
	X(RCPT_4XX, "rcpt_4xx")                                                                    \
	X(RCPT_5XX, "rcpt_5xx")                                                                    \
	X(CLOSED_EARLY, "closed_early")                                                            \
	X(PROTO_ERROR, "proto_error")

enum health_reason {
#define HEALTH_REASON_ENUM(id, name) HEALTH_##id,
	HEALTH_REASONS(HEALTH_REASON_ENUM)
#undef HEALTH_REASON_ENUM
		HEALTH_REASON_COUNT
};

enum health_state { HEALTH_CHECKING, HEALTH_UP, HEALTH_DOWN, HEALTH_STATE_COUNT };

struct verdict_policy {
	unsigned rise, fall;
	unsigned interval_ms, fast_interval_ms, hold_down_ms;
};

/* Zeroed, then verdict_init. Read freely, change only through verdict_*. */
struct verdict {
	enum health_state state;
	enum health_reason reason; /* why it is in this state */
	uint64_t since_ms;	   /* of the state */
	unsigned streak;	   /* consecutive outcomes against the state */
	bool changing;		   /* streak > 0 or checking: use the fast interval */
	bool is_new;		   /* no outcome yet: the first wait is spread */
	uint64_t held_until_ms;	   /* up, but not to serve before this (hold-down); 0: none */
};

/* `known` is HEALTH_CHECKING on a cold start (the first outcome decides alone and
 * hold-down does not apply), else the last known state of an adopted data path. */
void verdict_init(struct verdict *v, enum health_state known, uint64_t now_ms);
/* Takes one outcome; true when state, reason or serving may have changed. */
bool verdict_outcome(struct verdict *v, const struct verdict_policy *policy,
		     enum health_reason outcome, uint64_t now_ms);
/* Up and past the hold-down. */
bool verdict_serves(const struct verdict *v, uint64_t now_ms);
/* When to probe next, in ms from now; `random` is any 32 random bits: jitter is
 * +-20 %, and the first call for a backend spreads over the interval. */
unsigned verdict_next_ms(const struct verdict *v, const struct verdict_policy *policy,
			 uint32_t random);
/* connect_timeout and unreachable: open flows cannot go on either. */
bool health_reason_is_unreachable(enum health_reason reason);
const char *health_reason_name(enum health_reason reason);
const char *health_state_name(enum health_state state);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's end of the control socket (mxlb/ctl.h): one request, one reply, and
 * a limit on every wait. The adapter of the socket; knows no verb. Used by the CLI.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>
#include <stddef.h>

struct ctl_client {
	const char *path;
	unsigned timeout_ms; /* to connect and send; then for each silence of the daemon */
	size_t reply_max;    /* bytes; 0: CTL_CLIENT_REPLY_MAX */
};

/* Two million flows as JSON; a longer reply is no reply but a fault. */
#define CTL_CLIENT_REPLY_MAX ((size_t)512 << 20)

struct ctl_answer {
	int exit;     /* one of enum mxlb_exit */
	json_t *data; /* or NULL */
	char *error;  /* or NULL */
};

/* Sends the request and reads the reply into *reply, to be freed. `answer_ms`: the
 * longest wait for the answer's first byte, 0: timeout_ms. 0, or: -E2BIG the request
 * is too long, -EMSGSIZE the reply is; -EPROTO it is not one; -ECONNRESET it never
 * came; -ETIMEDOUT; -ENAMETOOLONG; what connect() says. */
int ctl_client_ask(const struct ctl_client *client, unsigned answer_ms, const json_t *request,
		   struct ctl_answer *reply);
void ctl_answer_free(struct ctl_answer *reply);
/* "daemon not reachable: Connection refused; is mxlbd running? ..." for an error of
 * ctl_client_ask: why, and what to do. Returns buf. */
char *ctl_client_why(int err, char *buf, size_t size);

#endif

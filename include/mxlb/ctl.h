/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How mxlbctl talks to mxlbd: a unix stream socket, one request and one reply a
 * connection, each one JSON object and a newline. Source of the idea: birdc and
 * HAProxy's socket. `monitor` (later) keeps the connection and sends many lines.
 *
 *   request  {"argv": ["backend", "drain", "mx1"], "options": {"service": "mx-in"}}
 *            argv are the full words of the verb, then its arguments; options are
 *            the long options without dashes; a flag's value is true.
 *   reply    {"exit": 0, "data": ...}              data: the document of --json
 *            {"exit": 4, "error": "what: why; what to do"}
 */
#ifndef MXLB_CTL_H
#define MXLB_CTL_H

#define MXLB_CTL_SOCKET	     "/run/mxlb/control.sock"
#define MXLB_CTL_GROUP	     "mxlb"
#define MXLB_CTL_REQUEST_MAX 65536 /* bytes; a longer request is refused */

/* Exit codes of mxlbctl; the reply's `exit` is one of these. */
enum mxlb_exit {
	MXLB_EXIT_OK,
	MXLB_EXIT_WARN,		/* degraded, or a warning stands */
	MXLB_EXIT_REFUSED,	/* refused, bad arguments, bad config */
	MXLB_EXIT_UNREACHABLE,	/* no daemon */
	MXLB_EXIT_NO_SUCH,	/* no such service or backend */
	MXLB_EXIT_TIMEOUT,	/* drain --wait */
	MXLB_EXIT_LAST_BACKEND, /* would remove the last usable backend */
};

#endif

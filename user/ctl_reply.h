/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handle by which a command answers, at once or later, exactly once. It lives
 * in its connection. Whoever answers later says with `cancel` how to stop that.
 */
#ifndef CTL_REPLY_H
#define CTL_REPLY_H

#include <jansson.h>

#include "mxlb/ctl.h"

struct ctl_reply {
	/* Takes over the text, one line with its newline. Set by the server. */
	void (*done)(char *text, size_t len, void *arg);
	void *arg;
	/* Called when nobody waits any more; then the handle must not be used again.
	 * Set by a command that answers later. */
	void (*cancel)(void *arg);
	void *cancel_arg;
};

/* Takes data over. */
void ctl_reply_data(struct ctl_reply *reply, enum mxlb_exit code, json_t *data);
/* The same of data that is JSON text already. */
void ctl_reply_text(struct ctl_reply *reply, enum mxlb_exit code, const char *data);
/* "what: why; what to do" */
void ctl_reply_error(struct ctl_reply *reply, enum mxlb_exit code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif

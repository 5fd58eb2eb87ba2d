/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two shapes of a reply; see mxlb/ctl.h.
 */
#include "ctl_reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "view.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9))

static void reply_end(struct ctl_reply *reply, char *text, int len)
{
	reply->cancel = NULL;
	reply->done(len < 0 ? mem_check(NULL) : text, (size_t)len, reply->arg);
}

void ctl_reply_text(struct ctl_reply *reply, enum mxlb_exit code, const char *data)
{
	char *text = NULL;
	int len = asprintf(&text, "{\"exit\":%d,\"data\":%s}\n", (int)code, data);

	reply_end(reply, text, len);
}

void ctl_reply_data(struct ctl_reply *reply, enum mxlb_exit code, json_t *data)
{
	char *text = mem_check(json_dumps(mem_check(data), DUMP_FLAGS));

	json_decref(data);
	ctl_reply_text(reply, code, text);
	free(text);
}

void ctl_reply_error(struct ctl_reply *reply, enum mxlb_exit code, const char *fmt, ...)
{
	char *text = NULL, *quoted, *line = NULL;
	json_t *error;
	va_list args;
	int len;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	error = mem_check(view_text(mem_check(text)));
	quoted = mem_check(json_dumps(error, DUMP_FLAGS));
	len = asprintf(&line, "{\"exit\":%d,\"error\":%s}\n", (int)code, quoted);
	json_decref(error);
	free(quoted);
	free(text);
	reply_end(reply, line, len);
}

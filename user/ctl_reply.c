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

static void reply_end(struct ctl_reply *reply, json_t *document)
{
	reply->cancel = NULL;
	reply->done(mem_check(document), reply->arg);
}

void ctl_reply_data(struct ctl_reply *reply, enum mxlb_exit code, json_t *data)
{
	reply_end(reply, json_pack("{s:i, s:o}", "exit", (int)code, "data", mem_check(data)));
}

void ctl_reply_error(struct ctl_reply *reply, enum mxlb_exit code, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	reply_end(reply,
		  json_pack("{s:i, s:o}", "exit", (int)code, "error", view_text(mem_check(text))));
	free(text);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the operator's words mean for a backend, and whether they are wise. Pure but
 * for the wall clock. Caller: ctl_backend.
 */
#ifndef CTL_ADMIN_H
#define CTL_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admin;
struct model_backend;

#define ADMIN_TEXT_MAX 160

/* The admin state that `verb` (drain, maint, ready, weight) makes of the backend's own.
 * `weight` is "50", "50%" or "reset", of `weight` only; message may be NULL. 0, or
 * -EINVAL with a full message in `why`. */
int admin_wanted(const struct model_backend *backend, const char *verb, const char *weight,
		 const char *message, const char *by, struct admin *wanted, char *why,
		 size_t why_len);
/* Would it take away the last backend of the service that can serve? */
bool admin_takes_last(const struct model_backend *backend, const struct admin *wanted,
		      uint64_t now_ms);
/* "ready -> drain", "weight 100 -> 50" or "no change". Returns buf. */
char *admin_change_text(const struct model_backend *backend, const struct admin *wanted,
			char buf[ADMIN_TEXT_MAX]);

#endif

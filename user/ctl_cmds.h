/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of the control socket: one table of words, arguments and options, and
 * a handler for each. A handler answers through call->reply exactly once; all but
 * `probe` do so before they return, and the call itself does not outlive it.
 */
#ifndef CTL_CMDS_H
#define CTL_CMDS_H

#include <stddef.h>

struct ctl_peer;
struct ctl_reply;
struct ctl_request;
struct daemon;

struct ctl_call {
	struct daemon *daemon;
	const struct ctl_peer *peer;
	const struct ctl_request *request;
	struct ctl_reply *reply;
	const char *verb;	 /* "drain", "show": the last word of the table's entry */
	const char *const *args; /* what followed it; NULL after the last */
	size_t n_args;
};

/* Finds the command and has it answer. */
void ctl_run(struct daemon *daemon, const struct ctl_peer *peer, const struct ctl_request *request,
	     struct ctl_reply *reply);

void ctl_backend_list(const struct ctl_call *call);
void ctl_backend_show(const struct ctl_call *call);
void ctl_backend_admin(const struct ctl_call *call); /* drain, maint, ready, weight */
void ctl_config_diff(const struct ctl_call *call);
void ctl_config_reload(const struct ctl_call *call);
void ctl_config_show(const struct ctl_call *call);
void ctl_flow_count(const struct ctl_call *call);
void ctl_flow_list(const struct ctl_call *call);
void ctl_metrics(const struct ctl_call *call);
void ctl_probe(const struct ctl_call *call);
void ctl_service_list(const struct ctl_call *call);
void ctl_service_show(const struct ctl_call *call);
void ctl_status(const struct ctl_call *call);
void ctl_version(const struct ctl_call *call);

#endif

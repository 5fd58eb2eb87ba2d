/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Someone asks: request -> command table -> model or snapshot -> reply. Owns the
 * control socket and its connections; what the commands do stands in ctl_cmds.
 */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

struct ctl_server;
struct daemon;

/* Listens on the config's control socket; daemon->model must be there, and privileges
 * not yet dropped (the socket gets its group). Logs why not; a negative errno. */
int ctl_server_new(struct daemon *daemon, struct ctl_server **server);
/* The config was replaced: gives the socket the group that it now names. A failure is
 * a warning, and the group before keeps the socket. */
void ctl_server_sync(struct ctl_server *server);
/* Removes the socket; requests in work are dropped. Takes NULL. */
void ctl_server_free(struct ctl_server *server);

#endif

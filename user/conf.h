/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration as the file says it, checked and with defaults filled in.
 * Pure: no I/O (conf_yaml.c reads the text). Times are milliseconds. Everything
 * that a struct conf points to belongs to it and goes with conf_free.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "mxlb/abi.h"

enum conf_datapath {
	CONF_DATAPATH_AUTO,
	CONF_DATAPATH_XDP,
	CONF_DATAPATH_XDP_GENERIC,
	CONF_DATAPATH_TC,
	CONF_DATAPATH_COUNT
};
enum conf_probe_type { CONF_PROBE_SMTP, CONF_PROBE_TCP, CONF_PROBE_NONE };
enum conf_proxy { CONF_PROXY_NONE, CONF_PROXY_V1, CONF_PROXY_V2 };
enum conf_tls { CONF_TLS_OFF, CONF_TLS_CHECK, CONF_TLS_REQUIRE };
enum conf_tls_mode { CONF_TLS_STARTTLS, CONF_TLS_IMPLICIT };
enum conf_on_down { CONF_ON_DOWN_AUTO, CONF_ON_DOWN_RESET, CONF_ON_DOWN_KEEP };
enum conf_connections { CONF_CONNECTIONS_NONE, CONF_CONNECTIONS_FAILED, CONF_CONNECTIONS_ALL };

struct conf_interface {
	char *name;
	enum conf_datapath datapath; /* the file's `datapath` where the item has none */
};

struct conf_flows {
	unsigned max, half_open;
	unsigned idle_timeout_ms, half_open_timeout_ms, closed_timeout_ms;
};

struct conf_probe {
	char *name;
	enum conf_probe_type type;
	unsigned interval_ms, fast_interval_ms;
	unsigned connect_timeout_ms, greeting_timeout_ms, timeout_ms;
	unsigned rise, fall;
	char *helo;				/* NULL: the host name */
	struct mxlb_addr source[MXLB_FAMILIES]; /* zero: the kernel chooses */
	enum conf_proxy proxy;
	enum conf_tls tls;
	enum conf_tls_mode tls_mode;
	char *tls_name; /* or NULL */
	unsigned tls_interval_ms;
	char *tls_ca; /* "system", "none" or a file */
	char *rcpt;   /* or NULL */
};

struct conf_backend {
	char *name;
	struct mxlb_addr addr[MXLB_FAMILIES];
	bool has_addr[MXLB_FAMILIES];
	unsigned port; /* host order */
	unsigned preference, weight, max_connections;
};

struct conf_service {
	char *name;
	struct mxlb_addr *addresses; /* the VIPs, all on `port` */
	size_t n_addresses;
	unsigned port; /* host order */
	enum mxlb_forward forward;
	enum mxlb_scheduler scheduler;
	unsigned prefix[MXLB_FAMILIES];
	double load_factor; /* 0: unbounded */
	enum mxlb_unavailable unavailable;
	enum conf_on_down on_down;
	unsigned slow_start_ms, hold_down_ms;
	const struct conf_probe *probe; /* one of conf.probes; never NULL */
	struct conf_backend *backends;
	size_t n_backends;
	char *mx, *a; /* DNS pools, or NULL */
};

struct conf {
	struct conf_interface *interfaces;
	size_t n_interfaces;
	enum conf_datapath datapath;
	struct conf_flows flows;
	unsigned hash_seed;
	char *vip_interface; /* or NULL */
	char *control_socket, *control_group;
	bool control_group_named; /* the file names the group: it must exist */
	char **metrics_listen;	  /* "127.0.0.1:9725"; none: metrics are off */
	size_t n_metrics_listen;
	int log_level;	/* enum log_level */
	int log_format; /* enum log_format */
	enum conf_connections log_connections;
	char *pin_dir, *state_dir;
	char **resolver_servers; /* none: /etc/resolv.conf */
	size_t n_resolver_servers;
	unsigned resolver_refresh_min_ms;
	struct conf_probe **probes; /* the built-in "smtp" probe is among them when used */
	size_t n_probes;
	struct conf_service *services;
	size_t n_services;
};

/* Faults found in one run: lines "FILE:LINE:COLUMN: path: what; what is right". */
struct conf_errors {
	char **lines;
	size_t n;
};

/* Parses and checks. 0 and a conf to free, or -EINVAL with at least one line in
 * errors (an unreadable file is a line too). `errors` starts zeroed. */
int conf_load(const char *path, struct conf **conf, struct conf_errors *errors);
/* The same over text; `path` only names it in messages. */
int conf_load_text(const char *path, const char *text, size_t len, struct conf **conf,
		   struct conf_errors *errors);
void conf_errors_free(struct conf_errors *errors);
void conf_free(struct conf *conf);

/* Names of the settings whose change needs a restart, as "a, b", or NULL when a
 * reload from `old` to `new` may go on. The text is static or owned by the caller
 * through free(); NULL means none. */
char *conf_needs_restart(const struct conf *old, const struct conf *new);

const char *conf_datapath_name(enum conf_datapath datapath);
const char *conf_scheduler_name(enum mxlb_scheduler scheduler);
const char *conf_forward_name(enum mxlb_forward forward);

#endif

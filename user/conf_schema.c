/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables, and nothing else: a new setting is one line here and one member in
 * conf.h. Order matters once: probes come before the services that name them, and
 * `datapath` before the interfaces that inherit it.
 */
#include "conf_schema.h"

#include "conf.h"
#include "conf_text.h"

#define MS		    1ull
#define SECOND		    1000ull
#define MINUTE		    (60 * SECOND)
#define HOUR		    (60 * MINUTE)
#define METRICS_PORT	    9725
#define METRICS_LISTEN_MAX  16
#define DNS_PORT	    53
#define RESOLVER_SERVER_MAX 8

const char *const conf_datapath_words[] = {"auto", "xdp", "xdp-generic", "tc", NULL};
const char *const conf_scheduler_words[] = {"source", "round-robin", "random", "least-connections",
					    NULL};
const char *const conf_forward_words[] = {"nat", "dsr", "tunnel", NULL};
static const char *const unavailable_words[] = {"reset", "drop", NULL};
static const char *const on_down_words[] = {"auto", "reset", "keep", NULL};
static const char *const probe_type_words[] = {"smtp", "tcp", "none", NULL};
static const char *const proxy_words[] = {"none", "v1", "v2", NULL};
static const char *const tls_words[] = {"off", "check", "require", NULL};
static const char *const tls_mode_words[] = {"starttls", "implicit", NULL};
static const char *const level_words[] = {"error", "warn", "info", "debug", NULL};
static const char *const format_words[] = {"text", "json", NULL};
static const char *const connections_words[] = {"none", "failed", "all", NULL};

/* Words are written through an int. */
_Static_assert(sizeof(enum mxlb_forward) == sizeof(int), "enums are ints");

const struct conf_rule conf_interface_name_rule = {conf_text_interface,
						   "an interface name of at most 15 characters"};
const struct conf_rule conf_service_name_rule = {conf_text_service,
						 "a name of 1 to 63 letters, digits and . _ ~ -"};
const struct conf_rule conf_backend_name_rule = {conf_text_backend,
						 "a name of 1 to 255 letters, digits and . _ ~ -"};
static const struct conf_rule path_rule = {conf_text_path, "an absolute path"};
static const struct conf_rule socket_rule = {conf_text_socket,
					     "an absolute path of at most 107 bytes"};
static const struct conf_rule group_rule = {conf_text_group, "the name of a group"};
static const struct conf_rule host_rule = {conf_text_host, "a host name"};
static const struct conf_rule helo_rule = {conf_text_helo, "a host name or an address in brackets"};
static const struct conf_rule mailbox_rule = {conf_text_mailbox, "a mail address, user@host"};
static const struct conf_rule ca_rule = {conf_text_ca,
					 "system, none, or the absolute path of a file"};

#define AT(type, member) .offset = offsetof(struct type, member)
#define LIST(type, member)                                                                         \
	.offset = offsetof(struct type, member), .offset_n = offsetof(struct type, n_##member)
#define RANGE(from, to) .min = (from), .max = (to)

#define NUMBER(...)   .kind = CONF_KIND_NUMBER, __VA_ARGS__
#define DURATION(...) .kind = CONF_KIND_DURATION, __VA_ARGS__
#define WORD(list)    .kind = CONF_KIND_WORD, .words = (list)
#define TEXT(by)      .kind = CONF_KIND_TEXT, .rule = &(by)
#define SECTION(of)   .kind = CONF_KIND_SECTION, .keys = (of)

/* clang-format off: one key, one line */
static const struct conf_key flows_keys[] = {
	{"max", NUMBER(RANGE(1024, 16777216)), AT(conf, flows.max), .def = "262144",
	 .needs_restart = true},
	{"half_open", NUMBER(RANGE(1024, 4194304)), AT(conf, flows.half_open), .def = "65536",
	 .needs_restart = true},
	{"idle_timeout", DURATION(RANGE(11 * MINUTE, 24 * HOUR)), AT(conf, flows.idle_timeout_ms),
	 .def = "15m", .needs_restart = true},
	{"half_open_timeout", DURATION(RANGE(SECOND, 5 * MINUTE)),
	 AT(conf, flows.half_open_timeout_ms), .def = "60s", .needs_restart = true},
	{"closed_timeout", DURATION(RANGE(SECOND, 5 * MINUTE)), AT(conf, flows.closed_timeout_ms),
	 .def = "30s", .needs_restart = true},
	{0},
};

static const struct conf_key control_keys[] = {
	{"socket", TEXT(socket_rule), AT(conf, control_socket), .def = "/run/mxlb/control.sock",
	 .needs_restart = true},
	{"group", TEXT(group_rule), AT(conf, control_group), .def = "mxlb"},
	{0},
};

static const struct conf_key metrics_keys[] = {
	{"listen", CONF_KIND_ENDPOINTS, LIST(conf, metrics_listen),
	 RANGE(METRICS_PORT, METRICS_LISTEN_MAX), .def = "127.0.0.1:9725"},
	{0},
};

static const struct conf_key log_keys[] = {
	{"level", WORD(level_words), AT(conf, log_level), .def = "info"},
	{"format", WORD(format_words), AT(conf, log_format), .def = "text"},
	{"connections", WORD(connections_words), AT(conf, log_connections), .def = "none"},
	{0},
};

static const struct conf_key resolver_keys[] = {
	{"servers", CONF_KIND_ENDPOINTS, LIST(conf, resolver_servers),
	 RANGE(DNS_PORT, RESOLVER_SERVER_MAX)},
	{"refresh_min", DURATION(RANGE(SECOND, HOUR)), AT(conf, resolver_refresh_min_ms),
	 .def = "30s"},
	{0},
};

const struct conf_key conf_interface_keys[] = {
	{"name", TEXT(conf_interface_name_rule), AT(conf_interface, name), .is_required = true},
	{"datapath", WORD(conf_datapath_words), AT(conf_interface, datapath)},
	{0},
};

const struct conf_key conf_probe_keys[] = {
	{"type", WORD(probe_type_words), AT(conf_probe, type), .def = "smtp"},
	{"interval", DURATION(RANGE(100 * MS, HOUR)), AT(conf_probe, interval_ms), .def = "10s"},
	{"fast_interval", DURATION(RANGE(100 * MS, HOUR)), AT(conf_probe, fast_interval_ms),
	 .def = "2s"},
	{"connect_timeout", DURATION(RANGE(100 * MS, 5 * MINUTE)),
	 AT(conf_probe, connect_timeout_ms), .def = "2s"},
	{"greeting_timeout", DURATION(RANGE(100 * MS, 5 * MINUTE)),
	 AT(conf_probe, greeting_timeout_ms), .def = "10s"},
	{"timeout", DURATION(RANGE(100 * MS, 5 * MINUTE)), AT(conf_probe, timeout_ms),
	 .def = "20s"},
	{"rise", NUMBER(RANGE(1, 100)), AT(conf_probe, rise), .def = "2"},
	{"fall", NUMBER(RANGE(1, 100)), AT(conf_probe, fall), .def = "3"},
	{"helo", TEXT(helo_rule), AT(conf_probe, helo)},
	{"source", CONF_KIND_ADDRESS_PAIR, AT(conf_probe, source), .max = MXLB_FAMILIES},
	{"proxy", WORD(proxy_words), AT(conf_probe, proxy), .def = "none"},
	{"tls", WORD(tls_words), AT(conf_probe, tls), .def = "off"},
	{"tls_mode", WORD(tls_mode_words), AT(conf_probe, tls_mode), .def = "starttls"},
	{"tls_name", TEXT(host_rule), AT(conf_probe, tls_name)},
	{"tls_interval", DURATION(RANGE(SECOND, 24 * HOUR)), AT(conf_probe, tls_interval_ms),
	 .def = "5m"},
	{"tls_ca", TEXT(ca_rule), AT(conf_probe, tls_ca), .def = "system"},
	{"rcpt", TEXT(mailbox_rule), AT(conf_probe, rcpt)},
	{0},
};

static const struct conf_key affinity_keys[] = {
	{"ipv4_prefix", NUMBER(RANGE(8, 32)), AT(conf_service, prefix[MXLB_V4]), .def = "24"},
	{"ipv6_prefix", NUMBER(RANGE(16, 128)), AT(conf_service, prefix[MXLB_V6]), .def = "64"},
	{"load_factor", CONF_KIND_FACTOR, AT(conf_service, load_factor), RANGE(101, 1000),
	 .def = "1.25"},
	{0},
};

const struct conf_key conf_backend_keys[] = {
	{"address", CONF_KIND_ADDRESS_PAIR, AT(conf_backend, addr), .max = MXLB_FAMILIES,
	 .is_required = true},
	{"port", NUMBER(RANGE(1, 65535)), AT(conf_backend, port)}, /* default: the service's */
	{"preference", NUMBER(RANGE(0, 65535)), AT(conf_backend, preference), .def = "10"},
	{"weight", NUMBER(RANGE(0, 1000)), AT(conf_backend, weight), .def = "100"},
	{"max_connections", NUMBER(RANGE(0, 1000000)), AT(conf_backend, max_connections),
	 .def = "0"},
	{0},
};

const struct conf_key conf_service_keys[] = {
	{"address", CONF_KIND_ADDRESSES, LIST(conf_service, addresses),
	 .max = MXLB_MAX_VIPS_PER_SERVICE, .is_required = true},
	{"port", NUMBER(RANGE(1, 65535)), AT(conf_service, port), .def = "25"},
	{"forward", WORD(conf_forward_words), AT(conf_service, forward), .def = "nat"},
	{"scheduler", WORD(conf_scheduler_words), AT(conf_service, scheduler), .def = "source"},
	{"affinity", SECTION(affinity_keys)},
	{"unavailable", WORD(unavailable_words), AT(conf_service, unavailable), .def = "reset"},
	{"on_down", WORD(on_down_words), AT(conf_service, on_down), .def = "auto"},
	{"slow_start", DURATION(RANGE(0, HOUR)), AT(conf_service, slow_start_ms), .def = "60s"},
	{"hold_down", DURATION(RANGE(0, HOUR)), AT(conf_service, hold_down_ms), .def = "10s"},
	{"probe", CONF_KIND_PROBE, AT(conf_service, probe)},
	{"backends", CONF_KIND_BACKENDS, LIST(conf_service, backends),
	 .max = MXLB_MAX_BACKENDS_PER_SERVICE, .keys = conf_backend_keys},
	{"mx", TEXT(host_rule), AT(conf_service, mx)},
	{"a", TEXT(host_rule), AT(conf_service, a)},
	{0},
};

const struct conf_key conf_root_keys[] = {
	{"datapath", WORD(conf_datapath_words), AT(conf, datapath), .def = "auto"},
	{"interfaces", CONF_KIND_INTERFACES, LIST(conf, interfaces), .max = 256,
	 .keys = conf_interface_keys, .is_required = true},
	{"flows", SECTION(flows_keys)},
	{"hash_seed", NUMBER(RANGE(0, 4294967295)), AT(conf, hash_seed), .def = "0",
	 .needs_restart = true},
	{"vip_interface", TEXT(conf_interface_name_rule), AT(conf, vip_interface)},
	{"control", SECTION(control_keys)},
	{"metrics", SECTION(metrics_keys), .can_be_off = true},
	{"log", SECTION(log_keys)},
	{"pin_dir", TEXT(path_rule), AT(conf, pin_dir), .def = "/sys/fs/bpf/mxlb",
	 .needs_restart = true},
	{"state_dir", TEXT(path_rule), AT(conf, state_dir), .def = "/var/lib/mxlb",
	 .needs_restart = true},
	{"resolver", SECTION(resolver_keys)},
	{"probes", CONF_KIND_PROBES, LIST(conf, probes), .max = 256, .keys = conf_probe_keys},
	{"services", CONF_KIND_SERVICES, LIST(conf, services), .max = MXLB_MAX_SERVICES,
	 .keys = conf_service_keys, .is_required = true},
	{0},
};
/* clang-format on */

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations that are right: every key of the contract and its default, YAML's
 * ways of writing them, and what a reload may change.
 */
/* uses: addr.c conf.c conf_schema.c conf_text.c conf_value.c conf_format.c */
/* uses: conf_node.c */
/* uses: conf_yaml.c conf_fault.c conf_suggest.c conf_read.c conf_check.c */
/* uses: conf_endpoints.c conf_host.c conf_load.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "conf.h"
#include "log.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define BACKENDS   "    backends: {mx1: {address: 10.0.0.11}}\n"
#define SERVICE	   "services:\n  mx-in:\n    address: 192.0.2.25\n"
#define MINIMAL	   "interfaces: [eth0]\n" SERVICE BACKENDS

static struct conf *load(const char *text)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	int err = conf_load_text("t.yaml", text, strlen(text), &conf, &errors);

	if (err)
		fail_msg("%s\n%s", errors.n ? errors.lines[0] : "no line", text);
	assert_int_equal(errors.n, 0);
	return conf;
}

/* True when `text` loads; false when it is refused with a line or more. */
static bool loads(const char *text)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	int err = conf_load_text("t.yaml", text, strlen(text), &conf, &errors);

	assert_true(err ? errors.n > 0 && !conf : !errors.n && conf);
	conf_errors_free(&errors);
	conf_free(conf);
	return !err;
}

static void assert_addr(const struct mxlb_addr *addr, const char *want)
{
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(addr, text), want);
}

static void fills_global_defaults(void **state)
{
	struct conf *conf = load(MINIMAL);

	assert_int_equal(conf->n_interfaces, 1);
	assert_string_equal(conf->interfaces[0].name, "eth0");
	assert_int_equal(conf->interfaces[0].datapath, CONF_DATAPATH_AUTO);
	assert_int_equal(conf->datapath, CONF_DATAPATH_AUTO);
	assert_int_equal(conf->flows.max, 262144);
	assert_int_equal(conf->flows.half_open, 65536);
	assert_int_equal(conf->flows.idle_timeout_ms, 900000);
	assert_int_equal(conf->flows.half_open_timeout_ms, 60000);
	assert_int_equal(conf->flows.closed_timeout_ms, 30000);
	assert_int_equal(conf->hash_seed, 0);
	assert_null(conf->vip_interface);
	assert_string_equal(conf->control_socket, "/run/mxlb/control.sock");
	assert_string_equal(conf->control_group, "mxlb");
	assert_false(conf->control_group_named);
	assert_int_equal(conf->n_metrics_listen, 1);
	assert_string_equal(conf->metrics_listen[0], "127.0.0.1:9725");
	assert_int_equal(conf->log_level, LOG_LEVEL_INFO);
	assert_int_equal(conf->log_format, LOG_FORMAT_TEXT);
	assert_int_equal(conf->log_connections, CONF_CONNECTIONS_NONE);
	assert_string_equal(conf->pin_dir, "/sys/fs/bpf/mxlb");
	assert_string_equal(conf->state_dir, "/var/lib/mxlb");
	assert_int_equal(conf->n_resolver_servers, 0);
	assert_int_equal(conf->resolver_refresh_min_ms, 30000);
	conf_free(conf);
}

static void fills_service_defaults(void **state)
{
	struct conf *conf = load(MINIMAL);
	const struct conf_service *service = &conf->services[0];
	const struct conf_backend *backend = &service->backends[0];

	assert_int_equal(conf->n_services, 1);
	assert_string_equal(service->name, "mx-in");
	assert_int_equal(service->n_addresses, 1);
	assert_addr(&service->addresses[0], "192.0.2.25");
	assert_int_equal(service->port, 25);
	assert_int_equal(service->forward, MXLB_NAT);
	assert_int_equal(service->scheduler, MXLB_SOURCE);
	assert_int_equal(service->prefix[MXLB_V4], 24);
	assert_int_equal(service->prefix[MXLB_V6], 64);
	assert_true(service->load_factor == 1.25);
	assert_int_equal(service->unavailable, MXLB_RESET);
	assert_int_equal(service->on_down, CONF_ON_DOWN_AUTO);
	assert_int_equal(service->slow_start_ms, 60000);
	assert_int_equal(service->hold_down_ms, 10000);
	assert_null(service->mx);
	assert_null(service->a);
	assert_int_equal(service->n_backends, 1);
	assert_string_equal(backend->name, "mx1");
	assert_true(backend->has_addr[MXLB_V4]);
	assert_false(backend->has_addr[MXLB_V6]);
	assert_int_equal(backend->port, 25);
	assert_int_equal(backend->preference, 10);
	assert_int_equal(backend->weight, 100);
	assert_int_equal(backend->max_connections, 0);
	conf_free(conf);
}

static void has_a_builtin_probe(void **state)
{
	struct conf *conf = load(MINIMAL);
	const struct conf_probe *probe = conf->services[0].probe;

	assert_int_equal(conf->n_probes, 1);
	assert_ptr_equal(probe, conf->probes[0]);
	assert_string_equal(probe->name, "smtp");
	assert_int_equal(probe->type, CONF_PROBE_SMTP);
	assert_int_equal(probe->interval_ms, 10000);
	assert_int_equal(probe->fast_interval_ms, 2000);
	assert_int_equal(probe->connect_timeout_ms, 2000);
	assert_int_equal(probe->greeting_timeout_ms, 10000);
	assert_int_equal(probe->timeout_ms, 20000);
	assert_int_equal(probe->rise, 2);
	assert_int_equal(probe->fall, 3);
	assert_null(probe->helo);
	assert_true(addr_is_zero(&probe->source[MXLB_V4]));
	assert_true(addr_is_zero(&probe->source[MXLB_V6]));
	assert_int_equal(probe->proxy, CONF_PROXY_NONE);
	assert_int_equal(probe->tls, CONF_TLS_OFF);
	assert_int_equal(probe->tls_mode, CONF_TLS_STARTTLS);
	assert_null(probe->tls_name);
	assert_int_equal(probe->tls_interval_ms, 300000);
	assert_string_equal(probe->tls_ca, "system");
	assert_null(probe->rcpt);
	conf_free(conf);
}

static void builtin_probe_is_made_when_used(void **state)
{
	struct conf *conf = load("probes: {mail: {}}\n" MINIMAL "    probe: mail\n");

	assert_int_equal(conf->n_probes, 1);
	assert_string_equal(conf->services[0].probe->name, "mail");
	conf_free(conf);
	/* Named without being defined, and defined anew. */
	conf = load(MINIMAL "    probe: smtp\n");
	assert_string_equal(conf->services[0].probe->name, "smtp");
	conf_free(conf);
	conf = load(MINIMAL "probes: {smtp: {interval: 30s}}\n");
	assert_int_equal(conf->n_probes, 1);
	assert_int_equal(conf->services[0].probe->interval_ms, 30000);
	conf_free(conf);
}

static const char full_text[] =
	"interfaces: [eth0, {name: eth1, datapath: tc}, {name: eth2}]\n"
	"datapath: xdp-generic\n"
	"flows: {max: 1024, half_open: 4194304, idle_timeout: 11m, half_open_timeout: 1s,\n"
	"  closed_timeout: 5m}\n"
	"hash_seed: 4294967295\n"
	"vip_interface: lo\n"
	"control: {socket: /run/x.sock, group: root}\n"
	"metrics: {listen: [\"0.0.0.0:9000\", \"[::1]:9001\", 127.0.0.2]}\n"
	"log: {level: debug, format: json, connections: failed}\n"
	"pin_dir: /sys/fs/bpf/other\n"
	"state_dir: /srv/mxlb\n"
	"resolver: {servers: [192.0.2.53, \"[::1]:5353\"], refresh_min: 1m}\n"
	"probes:\n"
	"  mail: {type: tcp, interval: 1h, fast_interval: 100ms, connect_timeout: 300ms,\n"
	"    greeting_timeout: 2s, timeout: 5m, rise: 1, fall: 100, helo: lb1.example.net,\n"
	"    source: [10.0.0.5, \"fd00::5\"], proxy: v2, tls: require, tls_mode: implicit,\n"
	"    tls_name: mx.example.net, tls_interval: 24h, tls_ca: none,\n"
	"    rcpt: postmaster@example.net}\n"
	"services:\n"
	"  mx-in:\n"
	"    address: [192.0.2.25, \"2001:db8::25\"]\n"
	"    port: 587\n"
	"    forward: nat\n"
	"    scheduler: least-connections\n"
	"    affinity: {ipv4_prefix: 8, ipv6_prefix: 128, load_factor: 0}\n"
	"    unavailable: drop\n"
	"    on_down: keep\n"
	"    slow_start: 0s\n"
	"    hold_down: 1h\n"
	"    probe: mail\n"
	"    mx: pool.internal.example\n"
	"    backends:\n"
	"      mx1: {address: [\"fd00::11\", 10.0.0.11], port: 2525, preference: 65535,\n"
	"        weight: 1000, max_connections: 1000000}\n"
	"      mx2: {address: 10.0.0.12, weight: 0}\n";

static void reads_every_global_key(void **state)
{
	struct conf *conf = load(full_text);

	assert_int_equal(conf->datapath, CONF_DATAPATH_XDP_GENERIC);
	assert_int_equal(conf->n_interfaces, 3);
	assert_int_equal(conf->interfaces[0].datapath, CONF_DATAPATH_XDP_GENERIC);
	assert_string_equal(conf->interfaces[1].name, "eth1");
	assert_int_equal(conf->interfaces[1].datapath, CONF_DATAPATH_TC);
	assert_int_equal(conf->interfaces[2].datapath, CONF_DATAPATH_XDP_GENERIC);
	assert_int_equal(conf->flows.max, 1024);
	assert_int_equal(conf->flows.half_open, 4194304);
	assert_int_equal(conf->flows.idle_timeout_ms, 660000);
	assert_int_equal(conf->flows.half_open_timeout_ms, 1000);
	assert_int_equal(conf->flows.closed_timeout_ms, 300000);
	assert_true(conf->hash_seed == 4294967295u);
	assert_string_equal(conf->vip_interface, "lo");
	assert_string_equal(conf->control_socket, "/run/x.sock");
	assert_string_equal(conf->control_group, "root");
	assert_true(conf->control_group_named);
	assert_int_equal(conf->n_metrics_listen, 3);
	assert_string_equal(conf->metrics_listen[0], "0.0.0.0:9000");
	assert_string_equal(conf->metrics_listen[1], "[::1]:9001");
	assert_string_equal(conf->metrics_listen[2], "127.0.0.2:9725");
	assert_int_equal(conf->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(conf->log_format, LOG_FORMAT_JSON);
	assert_int_equal(conf->log_connections, CONF_CONNECTIONS_FAILED);
	assert_string_equal(conf->pin_dir, "/sys/fs/bpf/other");
	assert_string_equal(conf->state_dir, "/srv/mxlb");
	assert_int_equal(conf->n_resolver_servers, 2);
	assert_string_equal(conf->resolver_servers[0], "192.0.2.53:53");
	assert_string_equal(conf->resolver_servers[1], "[::1]:5353");
	assert_int_equal(conf->resolver_refresh_min_ms, 60000);
	conf_free(conf);
}

static void reads_every_probe_key(void **state)
{
	struct conf *conf = load(full_text);
	const struct conf_probe *probe = conf->probes[0];

	assert_int_equal(conf->n_probes, 1);
	assert_string_equal(probe->name, "mail");
	assert_int_equal(probe->type, CONF_PROBE_TCP);
	assert_int_equal(probe->interval_ms, 3600000);
	assert_int_equal(probe->fast_interval_ms, 100);
	assert_int_equal(probe->connect_timeout_ms, 300);
	assert_int_equal(probe->greeting_timeout_ms, 2000);
	assert_int_equal(probe->timeout_ms, 300000);
	assert_int_equal(probe->rise, 1);
	assert_int_equal(probe->fall, 100);
	assert_string_equal(probe->helo, "lb1.example.net");
	assert_addr(&probe->source[MXLB_V4], "10.0.0.5");
	assert_addr(&probe->source[MXLB_V6], "fd00::5");
	assert_int_equal(probe->proxy, CONF_PROXY_V2);
	assert_int_equal(probe->tls, CONF_TLS_REQUIRE);
	assert_int_equal(probe->tls_mode, CONF_TLS_IMPLICIT);
	assert_string_equal(probe->tls_name, "mx.example.net");
	assert_int_equal(probe->tls_interval_ms, 86400000);
	assert_string_equal(probe->tls_ca, "none");
	assert_string_equal(probe->rcpt, "postmaster@example.net");
	conf_free(conf);
}

static void reads_every_service_key(void **state)
{
	struct conf *conf = load(full_text);
	const struct conf_service *service = &conf->services[0];
	const struct conf_backend *mx1 = &service->backends[0], *mx2 = &service->backends[1];

	assert_int_equal(service->n_addresses, 2);
	assert_addr(&service->addresses[1], "2001:db8::25");
	assert_int_equal(service->port, 587);
	assert_int_equal(service->scheduler, MXLB_LEAST_CONNECTIONS);
	assert_int_equal(service->prefix[MXLB_V4], 8);
	assert_int_equal(service->prefix[MXLB_V6], 128);
	assert_true(service->load_factor == 0);
	assert_int_equal(service->unavailable, MXLB_DROP);
	assert_int_equal(service->on_down, CONF_ON_DOWN_KEEP);
	assert_int_equal(service->slow_start_ms, 0);
	assert_int_equal(service->hold_down_ms, 3600000);
	assert_ptr_equal(service->probe, conf->probes[0]);
	assert_string_equal(service->mx, "pool.internal.example");
	assert_int_equal(service->n_backends, 2);
	assert_addr(&mx1->addr[MXLB_V4], "10.0.0.11");
	assert_addr(&mx1->addr[MXLB_V6], "fd00::11");
	assert_int_equal(mx1->port, 2525);
	assert_int_equal(mx1->preference, 65535);
	assert_int_equal(mx1->weight, 1000);
	assert_int_equal(mx1->max_connections, 1000000);
	assert_int_equal(mx2->port, 587); /* the service's */
	assert_int_equal(mx2->weight, 0);
	conf_free(conf);
}

static void ports_follow_the_service_whatever_the_order(void **state)
{
	struct conf *conf = load("interfaces: [eth0]\n" SERVICE BACKENDS "    port: 2525\n");

	assert_int_equal(conf->services[0].backends[0].port, 2525);
	conf_free(conf);
}

static void default_parts_fit_their_whole(void **state)
{
	struct conf *conf = load(MINIMAL "probes: {smtp: {interval: 500ms, timeout: 1s}}\n");
	const struct conf_probe *probe = conf->probes[0];

	assert_int_equal(probe->fast_interval_ms, 500);
	assert_int_equal(probe->connect_timeout_ms, 1000);
	assert_int_equal(probe->greeting_timeout_ms, 1000);
	conf_free(conf);
}

static void metrics_can_be_off(void **state)
{
	struct conf *conf = load(MINIMAL "metrics: off\n");

	assert_int_equal(conf->n_metrics_listen, 0);
	conf_free(conf);
}

static void resolves_aliases_and_merges(void **state)
{
	struct conf *conf = load("interfaces: [eth0]\n"
				 "probes:\n"
				 "  one: &one {interval: 30s, rise: 5}\n"
				 "  two: {<<: *one, rise: 7}\n"
				 "services:\n"
				 "  a: {address: 192.0.2.1, probe: two, backends: &pool\n"
				 "    {mx1: {address: 10.0.0.11}}}\n"
				 "  b: {address: 192.0.2.2, backends: *pool}\n");

	assert_int_equal(conf->probes[1]->interval_ms, 30000);
	assert_int_equal(conf->probes[1]->rise, 7);
	assert_int_equal(conf->probes[0]->rise, 5);
	assert_string_equal(conf->services[1].backends[0].name, "mx1");
	conf_free(conf);
}

static void takes_crlf_and_a_byte_order_mark(void **state)
{
	struct conf *conf = load("\xef\xbb\xbfinterfaces: [eth0]\r\nservices:\r\n"
				 "  s:\r\n    address: 192.0.2.1\r\n    a: b.example\r\n");

	assert_string_equal(conf->services[0].a, "b.example");
	conf_free(conf);
}

static void tunnels_may_cross_families(void **state)
{
	assert_true(loads("interfaces: [e]\nservices: {s: {address: 192.0.2.1, forward: tunnel,\n"
			  "  backends: {b: {address: \"fd00::1\"}}}}\n"));
	assert_false(loads("interfaces: [e]\nservices: {s: {address: 192.0.2.1, forward: nat,\n"
			   "  backends: {b: {address: \"fd00::1\"}}}}\n"));
}

static void restarts_are_named(void **state)
{
	static const struct {
		const char *line, *want; /* want NULL: a reload will do */
	} rows[] = {
		{"flows: {max: 2048}", "flows.max"},
		{"flows: {half_open: 2048}", "flows.half_open"},
		{"flows: {idle_timeout: 20m}", "flows.idle_timeout"},
		{"flows: {half_open_timeout: 5s, closed_timeout: 5s}",
		 "flows.half_open_timeout, flows.closed_timeout"},
		{"hash_seed: 7", "hash_seed"},
		{"pin_dir: /x", "pin_dir"},
		{"state_dir: /x", "state_dir"},
		{"control: {socket: /x}", "control.socket"},
		{"state_dir: /x\nhash_seed: 1\nflows: {max: 4096}",
		 "flows.max, hash_seed, state_dir"},
		{"flows: {max: 262144, idle_timeout: 900s}", NULL},
		{"log: {level: debug}\nmetrics: off\nprobes: {x: {}}\ndatapath: tc", NULL},
	};
	struct conf *old = load(MINIMAL);
	char text[512];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct conf *new;
		char *names;

		(void)snprintf(text, sizeof(text), MINIMAL "%s\n", rows[i].line);
		new = load(text);
		names = conf_needs_restart(old, new);
		if (rows[i].want)
			assert_string_equal(names ? names : "none", rows[i].want);
		else
			assert_null(names);
		free(names);
		conf_free(new);
	}
	conf_free(old);
}

static void loads_files(void **state)
{
	char path[] = "/tmp/mxlb-test-conf-XXXXXX";
	int fd = mkstemp(path);
	struct conf_errors errors = {0};
	struct conf *conf = NULL;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, MINIMAL, strlen(MINIMAL)), strlen(MINIMAL));
	close(fd);
	assert_int_equal(conf_load(path, &conf, &errors), 0);
	assert_int_equal(conf->n_services, 1);
	conf_free(conf);
	conf_errors_free(&errors);
	unlink(path);
}

static void names_are_those_of_the_file(void **state)
{
	assert_string_equal(conf_datapath_name(CONF_DATAPATH_XDP_GENERIC), "xdp-generic");
	assert_string_equal(conf_scheduler_name(MXLB_LEAST_CONNECTIONS), "least-connections");
	assert_string_equal(conf_forward_name(MXLB_TUNNEL), "tunnel");
	conf_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_global_defaults),
		cmocka_unit_test(fills_service_defaults),
		cmocka_unit_test(has_a_builtin_probe),
		cmocka_unit_test(builtin_probe_is_made_when_used),
		cmocka_unit_test(reads_every_global_key),
		cmocka_unit_test(reads_every_probe_key),
		cmocka_unit_test(reads_every_service_key),
		cmocka_unit_test(ports_follow_the_service_whatever_the_order),
		cmocka_unit_test(default_parts_fit_their_whole),
		cmocka_unit_test(metrics_can_be_off),
		cmocka_unit_test(resolves_aliases_and_merges),
		cmocka_unit_test(takes_crlf_and_a_byte_order_mark),
		cmocka_unit_test(tunnels_may_cross_families),
		cmocka_unit_test(restarts_are_named),
		cmocka_unit_test(loads_files),
		cmocka_unit_test(names_are_those_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

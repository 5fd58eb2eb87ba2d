/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges of keys and numbers of objects: what just passes and what just does not.
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

#include "conf.h"

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

static void keeps_the_limits(void **state)
{
	/* A line of the file, and whether it is within the range. */
	static const struct {
		const char *line;
		bool ok;
	} rows[] = {
		{"flows: {max: 1024}", true},
		{"flows: {max: 1023}", false},
		{"flows: {max: 16777216}", true},
		{"flows: {max: 16777217}", false},
		{"flows: {half_open: 1024}", true},
		{"flows: {half_open: 1023}", false},
		{"flows: {half_open: 4194305}", false},
		{"flows: {idle_timeout: 11m}", true},
		{"flows: {idle_timeout: 659s}", false},
		{"flows: {idle_timeout: 24h}", true},
		{"flows: {idle_timeout: 1d}", true},
		{"flows: {idle_timeout: 86401s}", false},
		{"flows: {half_open_timeout: 999ms}", false},
		{"flows: {half_open_timeout: 301s}", false},
		{"flows: {closed_timeout: 999ms}", false},
		{"flows: {closed_timeout: 5m}", true},
		{"hash_seed: 4294967296", false},
		{"hash_seed: -1", false},
		{"hash_seed: 18446744073709551617", false},
		{"hash_seed: 0x10", false},
		{"hash_seed: 1.0", false},
		{"probes: {p: {interval: 99ms}}", false},
		{"probes: {p: {interval: 100ms}}", true},
		{"probes: {p: {interval: 3601s}}", false},
		{"probes: {p: {fast_interval: 99ms}}", false},
		{"probes: {p: {fast_interval: 10s}}", true},
		{"probes: {p: {fast_interval: 10001ms}}", false},
		{"probes: {p: {connect_timeout: 99ms}}", false},
		{"probes: {p: {timeout: 301s}}", false},
		{"probes: {p: {greeting_timeout: 20s}}", true},
		{"probes: {p: {greeting_timeout: 21s}}", false},
		{"probes: {p: {greeting_timeout: 21s, type: tcp}}", true},
		{"probes: {p: {connect_timeout: 21s}}", false},
		{"probes: {p: {rise: 0}}", false},
		{"probes: {p: {rise: 100}}", true},
		{"probes: {p: {fall: 101}}", false},
		{"probes: {p: {tls_interval: 999ms}}", false},
		{"probes: {p: {tls_interval: 1s}}", true},
		{"probes: {p: {tls_interval: 25h}}", false},
		{"probes: {p: {source: [10.0.0.1, 10.0.0.2]}}", false},
		{"probes: {p: {tls: maybe}}", false},
		{"probes: {p: {tls: check}}", true},
		{"probes: {p: {rcpt: \"a@b.example\"}}", true},
		{"probes: {p: {rcpt: \"a@b.example> SIZE=1\"}}", false},
		{"probes: {p: {rcpt: \"a@b.example\\r\\nDATA\"}}", false},
		{"probes: {p: {helo: \"[192.0.2.1]\"}}", true},
		{"probes: {p: {rcpt: \"<a@b.example\"}}", false},
		{"probes: {p: {helo: \"a b\"}}", false},
		{"probes: {p: {tls_ca: relative.pem}}", false},
		{"vip_interface: abcdefghijklmno", true},
		{"vip_interface: abcdefghijklmnop", false},
		{"metrics: off", true},
		{"metrics: \"off\"", true},
		{"metrics: no", false},
		{"log: off", false},
		{"metrics: {listen: \"224.0.0.1\"}", true}, /* the bind will tell */
		{"metrics: {listen: \"localhost:9725\"}", false},
		{"metrics: {listen: \":9725\"}", false},
		{"metrics: {listen: []}", false},
		{"control: {socket: run.sock}", false},
		{"control: {group: \"\"}", false},
		{"log: {level: warning}", false},
		{"resolver: {refresh_min: 999ms}", false},
		{"resolver: {servers: ns.example}", false},
		{"pin_dir: bpf", false},
	};
	char text[512];

	for (size_t i = 0; i < ROWS(rows); i++) {
		(void)snprintf(text, sizeof(text), MINIMAL "%s\n", rows[i].line);
		if (loads(text) != rows[i].ok)
			fail_msg("%s: %s", rows[i].line, rows[i].ok ? "refused" : "accepted");
	}
}

static void keeps_the_limits_of_services(void **state)
{
	static const struct {
		const char *line; /* of a service, or a backend where it has one */
		bool ok;
	} rows[] = {
		{"port: 0", false},
		{"port: 65535", true},
		{"port: 65536", false},
		{"affinity: {ipv4_prefix: 7}", false},
		{"affinity: {ipv4_prefix: 32}", true},
		{"affinity: {ipv6_prefix: 15}", false},
		{"affinity: {ipv6_prefix: 129}", false},
		{"affinity: {load_factor: 1}", false},
		{"affinity: {load_factor: 1.01}", true},
		{"affinity: {load_factor: 1.009}", false},
		{"affinity: {load_factor: 10}", true},
		{"affinity: {load_factor: 10.01}", false},
		{"affinity: {load_factor: 0.0}", true},
		{"affinity: {load_factor: .}", false},
		{"affinity: {load_factor: nan}", false},
		{"affinity: {load_factor: 1e1}", false},
		{"affinity:", true},
		{"slow_start: 0", true},
		{"slow_start: 3601s", false},
		{"hold_down: 1h", true},
		{"hold_down: 1.5s", false},
		{"hold_down: 5 s", false},
		{"hold_down: 5S", false},
		{"hold_down: s", false},
		{"hold_down: 99999999999999999999d", false},
		{"hold_down: 18014398509481984d", false}, /* 0 ms, modulo 2^64 */
		{"mx: pool.example.", true},
		{"mx: -bad.example", false},
		{"mx: a..b", false},
		{"backends: {x: {address: 10.0.0.1, weight: 1001}}", false},
		{"backends: {x: {address: 10.0.0.1, preference: 65536}}", false},
		{"backends: {x: {address: 10.0.0.1, max_connections: 1000001}}", false},
		{"backends: {x: {address: 10.0.0.1, port: 0}}", false},
		{"backends: {x: {address: 0.0.0.0}}", false},
		{"backends: {x: {address: \"::\"}}", false},
		{"backends: {x: {address: 255.255.255.255}}", false},
		{"backends: {x: {address: \"ff02::1\"}}", false},
		{"backends: {x: {address: 239.1.2.3}}", false},
		{"backends: {x~2.a_b-c: {address: 10.0.0.1}}", true},
		{"backends: {x/y: {address: 10.0.0.1}}", false},
		{"backends: {\"\": {address: 10.0.0.1}}", false},
	};
	char text[512];

	for (size_t i = 0; i < ROWS(rows); i++) {
		(void)snprintf(text, sizeof(text), "interfaces: [eth0]\n" SERVICE "%s    %s\n",
			       strncmp(rows[i].line, "backends", 8) ? BACKENDS : "", rows[i].line);
		if (loads(text) != rows[i].ok)
			fail_msg("%s: %s", rows[i].line, rows[i].ok ? "refused" : "accepted");
	}
}

static void reads_every_unit(void **state)
{
	static const struct {
		const char *text;
		unsigned ms;
	} rows[] = {{"500ms", 500}, {"5s", 5000}, {"15m", 900000}, {"1h", 3600000}, {"0d", 0}};
	char text[512];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct conf *conf;

		(void)snprintf(text, sizeof(text), MINIMAL "    hold_down: %s\n", rows[i].text);
		conf = load(text);
		assert_int_equal(conf->services[0].hold_down_ms, rows[i].ms);
		conf_free(conf);
	}
}

/* "services" with n of something; the caller frees it. */
static char *many(const char *head, const char *fmt, unsigned n, const char *tail)
{
	char *text = NULL, name[256];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	(void)fputs(head, out);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%u.%u", i / 200, i % 200 + 1);
		for (const char *c = fmt; *c; c++)
			(void)(*c == '#' ? fputs(name, out) : fputc(*c, out));
	}
	(void)fputs(tail, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void keeps_the_numbers_of_objects(void **state)
{
	static const struct {
		const char *head, *fmt, *tail;
		unsigned max;
	} rows[] = {
		{"interfaces: [e]\nservices:\n  s:\n    address: 192.0.2.1\n    backends:\n",
		 "      mx#: {address: 10.0.#}\n", "", 512},
		{"interfaces: [e]\nservices:\n",
		 "  mx#:\n    address: 172.16.#\n    backends: {a: {address: 10.0.#}}\n", "", 256},
		{"interfaces: [e]\nservices:\n  s:\n    mx: a.example\n    address: [",
		 "172.16.#, ", "172.17.0.1]\n", 15},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char *fits = many(rows[i].head, rows[i].fmt, rows[i].max, rows[i].tail);
		char *over = many(rows[i].head, rows[i].fmt, rows[i].max + 1, rows[i].tail);

		assert_true(loads(fits));
		assert_false(loads(over));
		free(fits);
		free(over);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_limits),
		cmocka_unit_test(keeps_the_limits_of_services),
		cmocka_unit_test(reads_every_unit),
		cmocka_unit_test(keeps_the_numbers_of_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a reload would change, as `config diff` tells it. Each row edits one text.
 */
/* uses: addr.c conf.c conf_schema.c conf_text.c conf_value.c conf_format.c */
/* uses: conf_node.c */
/* uses: conf_yaml.c conf_fault.c conf_suggest.c conf_read.c conf_check.c */
/* uses: conf_endpoints.c conf_host.c conf_load.c conf_diff.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "conf_diff.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LINES_MAX  8

static const char base[] = "interfaces: [eth0, eth1]\n"
			   "probes: {mail: {helo: lb1.example}}\n"
			   "services:\n"
			   "  mx-in:\n"
			   "    address: 192.0.2.25\n"
			   "    probe: mail\n"
			   "    backends:\n"
			   "      mx1: {address: 10.0.0.11}\n"
			   "      mx2: {address: 10.0.0.12, weight: 50}\n";

static struct conf *load(const char *text)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;

	if (conf_load_text("d.yaml", text, strlen(text), &conf, &errors))
		fail_msg("%s\n%s", errors.lines[0], text);
	return conf;
}

/* `base` with the first `from` replaced by `to`; the caller frees it. */
static char *edit(const char *from, const char *to)
{
	const char *at = strstr(base, from);
	char *text = NULL;

	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from)) >=
		    0);
	return text;
}

static void assert_changes(const struct conf_changes *changes, const char *const *want)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct conf_change *c = &changes->items[i];
		char line[512];

		(void)snprintf(line, sizeof(line), "%s %s %s: %s", conf_op_name(c->op), c->object,
			       c->name, c->text);
		if (!want[i])
			fail_msg("too much: %s", line);
		assert_string_equal(line, want[i]);
	}
	if (want[changes->n])
		fail_msg("missing: %s", want[changes->n]);
}

static void assert_diff(const char *old_text, const char *new_text, const char *const *want)
{
	struct conf *old = load(old_text), *new = load(new_text);
	struct conf_changes changes = {0};

	assert_int_equal(conf_diff(old, new, &changes), 0);
	assert_changes(&changes, want);
	conf_changes_free(&changes);
	conf_free(old);
	conf_free(new);
}

static void same_means_none(void **state)
{
	static const char *const none[] = {NULL};
	/* Order, spelling and defaults written out are no changes. */
	const char *other = "probes: {mail: {helo: lb1.example, interval: 10000ms}}\n"
			    "interfaces: [{name: eth1, datapath: auto}, eth0]\n"
			    "metrics: {listen: 127.0.0.1}\n"
			    "services:\n"
			    "  mx-in:\n"
			    "    probe: mail\n"
			    "    address: [192.0.2.25]\n"
			    "    hold_down: 10s\n"
			    "    backends:\n"
			    "      mx2: {address: 10.0.0.12, weight: 50, port: 25}\n"
			    "      mx1: {address: 10.0.0.11}\n";

	assert_diff(base, base, none);
	assert_diff(base, other, none);
}

static void changes_are_told(void **state)
{
	static const struct {
		const char *from, *to;
		const char *lines[LINES_MAX];
	} rows[] = {
		{"weight: 50",
		 "weight: 70, max_connections: 9",
		 {"change backend mx-in/mx2: weight 50 -> 70, max_connections 0 -> 9"}},
		{"address: 10.0.0.11",
		 "address: [10.0.0.21, \"fd00::21\"], port: 2525",
		 {"change backend mx-in/mx1: address 10.0.0.11 -> 10.0.0.21, fd00::21, port 25 -> "
		  "2525"}},
		{"    probe: mail\n",
		 "    probe: smtp\n    hold_down: 30s\n    affinity: {load_factor: 2}\n",
		 {"add probe smtp: type smtp, interval 10s, fast_interval 2s, connect_timeout 2s, "
		  "greeting_timeout 10s, timeout 20s, rise 2, fall 3, proxy none, tls off, "
		  "tls_mode starttls, tls_interval 5m, tls_ca system",
		  "change service mx-in: affinity.load_factor 1.25 -> 2, hold_down 10s -> 30s, "
		  "probe mail -> smtp"}},
		{"address: 192.0.2.25",
		 "address: [192.0.2.25, \"2001:db8::25\"]",
		 {"change service mx-in: address 192.0.2.25 -> 192.0.2.25, 2001:db8::25"}},
		{"helo: lb1.example",
		 "interval: 1m",
		 {"change probe mail: interval 10s -> 1m, helo lb1.example -> unset"}},
		{"interfaces: [eth0, eth1]",
		 "interfaces: [{name: eth1, datapath: tc}, eth2]",
		 {"change interface eth1: datapath auto -> tc",
		  "add interface eth2: name eth2, datapath auto",
		  "remove interface eth0: name eth0, datapath auto"}},
		{"interfaces:",
		 "metrics: off\nlog: {level: debug}\nflows: {max: 4096}\ninterfaces:",
		 {"change setting flows.max: 262144 -> 4096",
		  "change setting metrics.listen: 127.0.0.1:9725 -> unset",
		  "change setting log.level: info -> debug"}},
		{"      mx1:",
		 "      mx3:",
		 {"add backend mx-in/mx3: address 10.0.0.11, port 25, preference 10, weight 100, "
		  "max_connections 0",
		  "remove backend mx-in/mx1: address 10.0.0.11, port 25, preference 10, weight "
		  "100, max_connections 0"}},
		{"  mx-in:",
		 "  other:",
		 {"add service other: address 192.0.2.25, port 25, forward nat, scheduler source, "
		  "affinity.ipv4_prefix 24, affinity.ipv6_prefix 64, affinity.load_factor 1.25, "
		  "unavailable reset, on_down auto, slow_start 1m, hold_down 10s, probe mail",
		  "add backend other/mx1: address 10.0.0.11, port 25, preference 10, weight 100, "
		  "max_connections 0",
		  "add backend other/mx2: address 10.0.0.12, port 25, preference 10, weight 50, "
		  "max_connections 0",
		  "remove service mx-in: address 192.0.2.25, port 25, forward nat, scheduler "
		  "source, affinity.ipv4_prefix 24, affinity.ipv6_prefix 64, "
		  "affinity.load_factor 1.25, unavailable reset, on_down auto, slow_start 1m, "
		  "hold_down 10s, probe mail",
		  "remove backend mx-in/mx1: address 10.0.0.11, port 25, preference 10, weight "
		  "100, max_connections 0",
		  "remove backend mx-in/mx2: address 10.0.0.12, port 25, preference 10, weight "
		  "50, max_connections 0"}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char *text = edit(rows[i].from, rows[i].to);

		assert_diff(base, text, rows[i].lines);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_means_none),
		cmocka_unit_test(changes_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations that are wrong: the exact lines that the operator gets. Every
 * row is a text and all of its lines, in order.
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

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LINES_MAX  12
#define IN	   "interfaces: [e]\n"
/* A service whose backends follow from line 5 on. */
#define S IN "services:\n  s: {address: [192.0.2.1, \"2001:db8::1\"], backends: {\n"

struct row {
	const char *text;
	const char *lines[LINES_MAX];
};

static void assert_lines(const struct conf_errors *errors, const char *const *want)
{
	size_t n = 0;

	for (; want[n] && n < errors->n; n++)
		assert_string_equal(errors->lines[n], want[n]);
	if (want[n])
		fail_msg("missing: %s", want[n]);
	if (n < errors->n)
		fail_msg("too much: %s", errors->lines[n]);
}

static void assert_faults(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct conf_errors errors = {0};
		struct conf *conf = NULL;
		int err = conf_load_text("f.yaml", rows[i].text, strlen(rows[i].text), &conf,
					 &errors);

		assert_lines(&errors, rows[i].lines);
		assert_int_equal(err, -EINVAL);
		assert_null(conf);
		conf_errors_free(&errors);
	}
}

static void ten_faults_in_one_run(void **state)
{
	static const struct row row = {
		"# ten faults\n"
		"interfaces: [eth0, {name: eth1, datapth: tc}]\n"
		"datapath: fast\n"
		"flows:\n"
		"  max: 1000\n"
		"  idle_timeout: 5m\n"
		"  max: 2048\n"
		"probes:\n"
		"  mail: {interval: 10}\n"
		"services:\n"
		"  mx-in:\n"
		"    address: [192.0.2.25, 224.0.0.1]\n"
		"    port: smtp\n"
		"    backends:\n"
		"      mx1: {address: 10.0.0.11, weight: [1]}\n"
		"      mx2: {address: 192.0.2.25}\n",
		{
			"f.yaml:2:33: interfaces[1].datapth: unknown key; did you mean datapath?",
			"f.yaml:3:11: datapath: \"fast\" is not known here; must be auto, xdp, "
			"xdp-generic or tc",
			"f.yaml:5:8: flows.max: \"1000\" is out of range; must be a number from "
			"1024 to 16777216",
			"f.yaml:6:17: flows.idle_timeout: \"5m\" is out of range; must be a "
			"duration from 11m to 24h",
			"f.yaml:7:3: flows.max: duplicate key, first given on line 5; keep one of "
			"them",
			"f.yaml:9:20: probes.mail.interval: \"10\" has no unit; must be a duration "
			"from 100ms to 1h",
			"f.yaml:12:27: services.mx-in.address[1]: \"224.0.0.1\" is a multicast "
			"address; must be 1 to 16 different unicast IP addresses",
			"f.yaml:13:11: services.mx-in.port: \"smtp\" is not a whole number; must "
			"be a number from 1 to 65535",
			"f.yaml:15:33: services.mx-in.backends.mx1.weight: is a list; must be a "
			"number from 0 to 1000",
			"f.yaml:16:22: services.mx-in.backends.mx2.address: 192.0.2.25:25 is a VIP "
			"of service mx-in; must be the backend's own",
		}};

	assert_faults(&row, 1);
}

static void missing_parts(void **state)
{
	static const struct row rows[] = {
		{"",
		 {"f.yaml:1:1: interfaces: is missing; must be a list such as [eth0]",
		  "f.yaml:1:1: services: is missing; must be a mapping of names to services"}},
		{"# nothing\nflows: {}\n",
		 {"f.yaml:2:1: interfaces: is missing; must be a list such as [eth0]",
		  "f.yaml:2:1: services: is missing; must be a mapping of names to services"}},
		{"interfaces: []\nservices: {}\n",
		 {"f.yaml:1:1: interfaces: has 0 entries; must be 1 to 256",
		  "f.yaml:2:1: services: is empty; must be a mapping of names"}},
		{"interfaces:\nservices:\n",
		 {"f.yaml:1:1: interfaces: is empty; must be a list such as [eth0]",
		  "f.yaml:2:1: services: is empty; must be a mapping of names"}},
		{IN "services:\n  s:\n    port: 25\n",
		 {"f.yaml:3:3: services.s.address: is missing; must be 1 to 16 different unicast "
		  "IP addresses",
		  "f.yaml:3:3: services.s.backends: is missing; must have at least one backend, "
		  "or mx or a"}},
		{S "  b: {weight: 1}, c:}}\n",
		 {"f.yaml:4:3: services.s.backends.b.address: is missing; must be a unicast IP "
		  "address, at most one of each family",
		  "f.yaml:4:19: services.s.backends.c.address: is missing; must be a unicast IP "
		  "address, at most one of each family"}},
		{"interfaces: [{datapath: tc}]\nservices: {s: {address: 192.0.2.1, a: b.c}}\n",
		 {"f.yaml:1:14: interfaces[0].name: is missing; must be an interface name of at "
		  "most 15 characters"}},
	};

	assert_faults(rows, ROWS(rows));
}

static void wrong_types(void **state)
{
	static const struct row rows[] = {
		{"[a, b]\n", {"f.yaml:1:1: the file is a list; must be a mapping of keys"}},
		{"word\n", {"f.yaml:1:1: the file is a plain value; must be a mapping of keys"}},
		{"interfaces: eth0\nservices: [s]\n",
		 {"f.yaml:1:13: interfaces: is a plain value; must be a list such as [eth0]",
		  "f.yaml:2:1: services: is a list; must be a mapping of names"}},
		{IN "flows: 5\nmetrics: [x]\nlog:\n  - a\nhash_seed: {a: 1}\nservices: {s: 5}\n",
		 {"f.yaml:2:8: flows: is a plain value; must be a mapping of keys",
		  "f.yaml:3:1: metrics: is a list; must be a mapping of keys, or off",
		  "f.yaml:4:1: log: is a list; must be a mapping of keys",
		  "f.yaml:6:1: hash_seed: is a mapping; must be a number from 0 to 4294967295",
		  "f.yaml:7:15: services.s: is a plain value; must be a mapping of keys"}},
		{IN "services: {s: {address: {a: 1}, port: , probe: [x], mx: ~, a: b.c}}\n",
		 {"f.yaml:2:16: services.s.address: is a mapping; must be 1 to 16 different "
		  "unicast IP addresses",
		  "f.yaml:2:33: services.s.port: is empty; must be a number from 1 to 65535",
		  "f.yaml:2:41: services.s.probe: is a list; must be the name of a probe",
		  "f.yaml:2:53: services.s.mx: is empty; must be a host name"}},
	};

	assert_faults(rows, ROWS(rows));
}

static void names_and_keys(void **state)
{
	static const struct row rows[] = {
		{IN "services: {s: {address: 192.0.2.1, mx: a.b}, \"a b\": {address: 192.0.2.2, "
		    "mx: a.b}}\n",
		 {"f.yaml:2:46: services.a b: bad name; must be a name of 1 to 63 letters, digits "
		  "and . _ ~ -"}},
		{IN "services: {s: {address: 192.0.2.1, mx: a.b}, s: {}}\n",
		 {"f.yaml:2:46: services.s: duplicate key, first given on line 2; keep one of "
		  "them"}},
		{IN "zzz: 1\nfLows: {}\nservices: {s: {address: 192.0.2.1, mx: a.b}}\n",
		 {"f.yaml:2:1: zzz: unknown key; must be one of datapath, interfaces, flows, "
		  "hash_seed, vip_interface, control, metrics, log, pin_dir, state_dir, resolver, "
		  "probes, services",
		  "f.yaml:3:1: fLows: unknown key; did you mean flows?"}},
		{"interfaces: [eth0, eth1, eth0, abcdefghijklmnop, a/b]\n"
		 "services: {s: {address: 192.0.2.1, mx: a.b}}\n",
		 {"f.yaml:1:26: interfaces[2]: eth0 is given twice; must be listed once",
		  "f.yaml:1:32: interfaces[3]: \"abcdefghijklmnop\" is not accepted; must be an "
		  "interface name of at most 15 characters",
		  "f.yaml:1:50: interfaces[4]: \"a/b\" is not accepted; must be an interface name "
		  "of at most 15 characters"}},
		{IN "\"a\\tb\\e[31m\": 1\nservices: {s: {address: 192.0.2.1, mx: a.b}}\n",
		 {"f.yaml:2:1: a?b?[31m: unknown key; must be one of datapath, interfaces, flows, "
		  "hash_seed, vip_interface, control, metrics, log, pin_dir, state_dir, resolver, "
		  "probes, services"}},
	};

	assert_faults(rows, ROWS(rows));
}

static void contradictions_of_probes(void **state)
{
	static const struct row rows[] = {
		{IN "services: {s: {address: 192.0.2.1, mx: a.b, probe: x}}\n"
		    "probes:\n"
		    "  one: {interval: 5s, fast_interval: 6s}\n"
		    "  two: {timeout: 1500ms, connect_timeout: 2s, greeting_timeout: 1m}\n",
		 {"f.yaml:2:52: services.s.probe: no probe is named \"x\"; must be one, two or "
		  "smtp",
		  "f.yaml:4:38: probes.one.fast_interval: 6s is longer than interval, which is 5s; "
		  "must be at most that",
		  "f.yaml:5:43: probes.two.connect_timeout: 2s is longer than timeout, which is "
		  "1500ms; must be at most that",
		  "f.yaml:5:65: probes.two.greeting_timeout: 1m is longer than timeout, which is "
		  "1500ms; must be at most that"}},
		{IN "services: {s: {address: 192.0.2.1, mx: a.b, probe: x}}\n",
		 {"f.yaml:2:52: services.s.probe: no probe is named \"x\"; must be smtp"}},
		{IN "services: {s: {address: 192.0.2.1, mx: a.b}}\n"
		    "probes: {p: {source: [10.0.0.1, \"::1\", 10.0.0.2]}}\n",
		 {"f.yaml:3:14: probes.p.source: is too long a list; must be a unicast IP "
		  "address, at most one of each family"}},
		{IN "services: {s: {address: 192.0.2.1, mx: a.b}}\n"
		    "probes: {p: {source: [10.0.0.1, 10.0.0.2]}}\n",
		 {"f.yaml:3:33: probes.p.source[1]: \"10.0.0.2\" is a second IPv4 address; must "
		  "be a unicast IP address, at most one of each family"}},
	};

	assert_faults(rows, ROWS(rows));
}

static void contradictions_of_services(void **state)
{
	static const struct row rows[] = {
		{IN "services: {s: {address: 192.0.2.1, mx: a.b, a: c.d}}\n",
		 {"f.yaml:2:48: services.s.a: cannot stand beside mx; must be one of the two"}},
		{S "  b: {address: 10.0.0.1, port: 26}},\n  forward: dsr}\n",
		 {"f.yaml:4:32: services.s.backends.b.port: 26 differs from the service's port "
		  "with forward: dsr; must be 25, or left out"}},
		{S "  b: {address: 10.0.0.1, port: 26}},\n  forward: tunnel, port: 27}\n",
		 {"f.yaml:4:32: services.s.backends.b.port: 26 differs from the service's port "
		  "with forward: tunnel; must be 27, or left out"}},
		{IN "services:\n  s: {address: 192.0.2.1, backends: {b: {address: \"fd00::1\"}}}\n"
		    "  t: {address: \"::2\", backends: {b: {address: 10.0.0.1}}}\n",
		 {"f.yaml:3:51: services.s.backends.b.address: no address of a family that the "
		  "service has; must have an IPv4 address",
		  "f.yaml:4:47: services.t.backends.b.address: no address of a family that the "
		  "service has; must have an IPv6 address"}},
	};

	assert_faults(rows, ROWS(rows));
}

static void conflicts_of_endpoints(void **state)
{
	static const struct row rows[] = {
		/* Two backends, one address; another port is another endpoint. */
		{S "  b: {address: 10.0.0.1}, c: {address: 10.0.0.1, port: 26},\n"
		   "  d: {address: 10.0.0.1}, e: {address: [\"fd00::1\", 10.0.0.1]}}}\n",
		 {"f.yaml:5:16: services.s.backends.d.address: 10.0.0.1:25 is backend b already; "
		  "must be unique within the service",
		  "f.yaml:5:31: services.s.backends.e.address: 10.0.0.1:25 is backend d already; "
		  "must be unique within the service"}},
		/* A backend that is a VIP, of its own service and of another. */
		{S "  b: {address: 192.0.2.1}, c: {address: \"2001:db8::1\"},\n"
		   "  d: {address: 192.0.2.1, port: 26}, e: {address: 192.0.2.9}}}\n"
		   "  t: {address: 192.0.2.9, a: x.y}\n",
		 {"f.yaml:4:16: services.s.backends.b.address: 192.0.2.1:25 is a VIP of service s; "
		  "must be the backend's own",
		  "f.yaml:4:41: services.s.backends.c.address: [2001:db8::1]:25 is a VIP of "
		  "service s; must be the backend's own",
		  "f.yaml:5:51: services.s.backends.e.address: 192.0.2.9:25 is a VIP of service t; "
		  "must be the backend's own"}},
		/* One VIP in two services, and on another port. */
		{IN "services:\n  s: {address: 192.0.2.1, a: x.y}\n"
		    "  t: {address: [192.0.2.2, 192.0.2.1], a: x.y}\n"
		    "  u: {address: 192.0.2.1, port: 587, a: x.y}\n",
		 {"f.yaml:4:7: services.t.address: 192.0.2.1:25 is a VIP of service s already; "
		  "must be in one service only"}},
		{IN "services:\n  s: {address: [192.0.2.1, 192.0.2.1], a: x.y}\n",
		 {"f.yaml:3:28: services.s.address[1]: \"192.0.2.1\" is given twice; must be 1 to "
		  "16 different unicast IP addresses"}},
	};

	assert_faults(rows, ROWS(rows));
}

/* Eight IPv4 VIPs and eight IPv6 ones. */
#define EIGHT(net) net "1, " net "2, " net "3, " net "4, " net "5, " net "6, " net "7, " net "8"
#define V6(n)	   "\"2001:db8::" n "\", "
#define EIGHT_V6   V6("1") V6("2") V6("3") V6("4") V6("5") V6("6") V6("7") V6("8")

static void too_many_vips_before_a_backend(void **state)
{
	static const struct row rows[] = {
		{IN "services:\n"
		    "  s: {address: [" EIGHT_V6 EIGHT(
			    "192.0.2.") "], backends: {\n"
					"    b: {address: [10.0.0.1, \"fd00::1\"]}}}\n"
					"  t: {address: 192.0.2.9, backends: {\n"
					"    b: {address: [10.0.0.1, \"fd00::1\"]}, c: {address: "
					"10.0.0.2}}}\n",
		 {"f.yaml:6:9: services.t.backends.b.address: 10.0.0.1:25 stands behind 9 VIPs of "
		  "its family; must be at most 8"}},
		{IN "services:\n"
		    "  s: {address: [" EIGHT("192.0.2.") ", 192.0.2.9], backends: {\n"
							 "    b: {address: 10.0.0.1}}}\n",
		 {"f.yaml:4:18: services.s.backends.b.address: 10.0.0.1:25 stands behind 9 VIPs of "
		  "its family; must be at most 8"}},
	};
	/* A backend given twice is one fault, not two. */
	static const struct row twice = {
		IN "services:\n"
		   "  s: {address: [" EIGHT(
			   "192.0.2.") "], backends: {\n"
				       "    b: {address: 10.0.0.1}, c: {address: 10.0.0.1}}}\n",
		{"f.yaml:4:42: services.s.backends.c.address: 10.0.0.1:25 is backend b already; "
		 "must be unique within the service"}};
	const char *eight = IN "services:\n  s: {address: [" EIGHT_V6 EIGHT(
		"192.0.2.") "], backends: {\n    b: {address: [10.0.0.1, \"fd00::1\"]}}}\n";
	struct conf_errors errors = {0};
	struct conf *conf = NULL;

	assert_faults(rows, ROWS(rows));
	assert_faults(&twice, 1);
	assert_int_equal(conf_load_text("f.yaml", eight, strlen(eight), &conf, &errors), 0);
	conf_free(conf);
}

static void broken_yaml(void **state)
{
	static const struct row rows[] = {
		{"a: b: c\n",
		 {"f.yaml:1:5: YAML: invalid nested block mapping on the same line; "
		  "must be valid YAML"}},
		{"a:\n\t- c\n",
		 {"f.yaml:2:1: YAML: tab character may not be used as indentation; "
		  "must be valid YAML"}},
		{"a: *x\n",
		 {"f.yaml:1:5: YAML: alias to an unknown anchor; must follow its "
		  "&anchor"}},
		{"a: &x [*x]\n",
		 {"f.yaml:1:9: YAML: alias to an unknown anchor; must follow its "
		  "&anchor"}},
		{"a: 1\n---\nb: 1\n", {"f.yaml:2:1: YAML: a second document; must be one only"}},
		{"[a]: 1\n", {"f.yaml:1:1: YAML: a key that is no word; must be a plain key"}},
		{"a: \"x\\0y\"\n", {"f.yaml:1:5: YAML: a NUL character in a value; take it out"}},
		{"%YAML 1.2\n---\na: 1\n", {"f.yaml:1:1: YAML: a directive; take the line out"}},
		{"\xef\xbb\xbf%YAML 1.2\n---\na: 1\n",
		 {"f.yaml:1:1: YAML: a directive; take the line out"}},
		{"# a\r%b\n", {"f.yaml:1:4: YAML: a control character; take it out"}},
		{"a: 1\nb: \x01\n", {"f.yaml:2:4: YAML: a control character; take it out"}},
		{"a: {<<: 5}\n",
		 {"f.yaml:1:4: YAML: \"<<\" cannot be merged here; must refer to "
		  "a mapping"}},
	};

	assert_faults(rows, ROWS(rows));
}

static void hostile_yaml(void **state)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	char *text = malloc(40000);

	assert_non_null(text);
	memset(text, '[', 40000);
	assert_int_equal(conf_load_text("f.yaml", text, 40000, &conf, &errors), -EINVAL);
	assert_int_equal(errors.n, 1);
	conf_errors_free(&errors);
	for (size_t i = 0; i < 40000; i += 2)
		memcpy(text + i, i ? ",a" : "[a", 2);
	assert_int_equal(conf_load_text("f.yaml", text, 40000, &conf, &errors), -EINVAL);
	assert_non_null(strstr(errors.lines[0], "too many items here; must be at most 1024"));
	conf_errors_free(&errors);
	free(text);
}

static void many_faults_end_at_a_thousand(void **state)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	(void)fputs(IN "services:\n", out);
	for (int i = 0; i < 200; i++)
		(void)fprintf(out, "  s%d: {address: x, a: a.b, b: 1, c: 1, d: 1, e: 1, f: 1}\n",
			      i);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(conf_load_text("f.yaml", text, len, &conf, &errors), -EINVAL);
	assert_int_equal(errors.n, 1001);
	assert_non_null(strstr(errors.lines[1000], "there are more faults; mend these first"));
	conf_errors_free(&errors);
	free(text);
}

static void unreadable_files_are_lines(void **state)
{
	static const char *const missing[] = {
		"/nonexistent/m.yaml:1:1: file: cannot be read: No such file or directory; must be "
		"a readable file",
		NULL};
	static const char *const directory[] = {
		"/tmp:1:1: file: cannot be read: Is a directory; must be a readable file", NULL};
	struct conf_errors errors = {0};
	struct conf *conf = NULL;

	assert_int_equal(conf_load("/nonexistent/m.yaml", &conf, &errors), -EINVAL);
	assert_lines(&errors, missing);
	conf_errors_free(&errors);
	assert_int_equal(conf_load("/tmp", &conf, &errors), -EINVAL);
	assert_lines(&errors, directory);
	conf_errors_free(&errors);
	assert_null(conf);
}

static void the_host_must_have_what_is_named(void **state)
{
	static const char text[] = IN "control: {group: no-such-group}\n"
				      "probes: {p: {tls_ca: /nonexistent.pem}}\n"
				      "services: {s: {address: 192.0.2.1, a: b.c}}\n";
	char path[] = "/tmp/mxlb-test-conf-XXXXXX", line[2][256];
	const char *const want[] = {line[0], line[1], NULL};
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	(void)snprintf(
		line[0], sizeof(line[0]),
		"%s:2:18: control.group: no group \"no-such-group\" on this host; must exist "
		"(groupadd --system no-such-group)",
		path);
	(void)snprintf(
		line[1], sizeof(line[1]),
		"%s:3:22: probes.p.tls_ca: /nonexistent.pem: No such file or directory; must "
		"be a readable file, system or none",
		path);
	assert_int_equal(conf_load(path, &conf, &errors), -EINVAL);
	assert_lines(&errors, want);
	conf_errors_free(&errors);
	/* The text alone is no affair of the host. */
	assert_int_equal(conf_load_text("f.yaml", text, strlen(text), &conf, &errors), 0);
	conf_free(conf);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_faults_in_one_run),
		cmocka_unit_test(missing_parts),
		cmocka_unit_test(wrong_types),
		cmocka_unit_test(names_and_keys),
		cmocka_unit_test(contradictions_of_probes),
		cmocka_unit_test(contradictions_of_services),
		cmocka_unit_test(conflicts_of_endpoints),
		cmocka_unit_test(too_many_vips_before_a_backend),
		cmocka_unit_test(broken_yaml),
		cmocka_unit_test(hostile_yaml),
		cmocka_unit_test(many_faults_end_at_a_thousand),
		cmocka_unit_test(unreadable_files_are_lines),
		cmocka_unit_test(the_host_must_have_what_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

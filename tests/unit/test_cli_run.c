/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole commands against a scripted daemon: what is asked, what is printed where,
 * and the exit code. `drain --wait` and `config check` are the ones with a life of
 * their own.
 */
/* uses: cli_run.c cli_args.c cli_grammar.c cli_help.c cli_doc.c cli_status.c */
/* uses: cli_backend.c */
/* uses: cli_drain.c cli_flow.c cli_probe.c cli_config.c cli_misc.c ctl_client.c */
/* uses: out.c out_json.c out_format.c addr.c conf.c conf_schema.c conf_text.c */
/* uses: conf_value.c */
/* uses: conf_format.c conf_node.c conf_yaml.c conf_fault.c conf_suggest.c */
/* uses: conf_read.c */
/* uses: conf_check.c conf_endpoints.c conf_host.c conf_load.c */
#include "fake_daemon.h"

#include "cli.h"

#define ARGV_MAX 16

static struct fake_daemon fake;
static char out_text_seen[4096], err_text_seen[4096];

/* Runs words separated by '|'; keeps what it printed. */
static enum mxlb_exit run_at(const char *path, const char *line)
{
	struct cli cli = {.client = {.path = path, .timeout_ms = 2000}};
	char copy[512], *rest = copy, *argv[ARGV_MAX] = {(char *)"mxlbctl"}, *word;
	FILE *real = stderr;
	enum mxlb_exit code;
	int argc = 1;

	memset(out_text_seen, 0, sizeof(out_text_seen));
	memset(err_text_seen, 0, sizeof(err_text_seen));
	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, "|")))
		argv[argc++] = word;
	if (cli_args_parse(argc, argv, &cli.args))
		fail_msg("%s: %s", line, cli.args.error);
	cli.is_json = cli.args.option[OPTION_JSON].is_set;
	cli.is_quiet = cli.args.option[OPTION_QUIET].is_set;
	cli.out = (struct out){fmemopen(out_text_seen, sizeof(out_text_seen), "w"), false, 80};
	stderr = fmemopen(err_text_seen, sizeof(err_text_seen), "w");
	code = cli_run(&cli);
	fclose(cli.out.file);
	fclose(stderr);
	stderr = real;
	return code;
}

static enum mxlb_exit run(const char *const *script, const char *line)
{
	enum mxlb_exit code;

	fake_start(&fake, script);
	code = run_at(fake.path, line);
	fake_stop(&fake);
	return code;
}

#define SCRIPT(...)    ((const char *const[]){__VA_ARGS__, NULL})
#define REQUEST(a, o)  "{\"argv\":[" a "],\"options\":{" o "}}\n"
#define OPEN(state, n) "{\"admin\":{\"state\":\"" state "\"},\"connections\":{\"open\":" #n "}}"
#define SHOWN(list)    "{\"exit\":0,\"data\":[" list "]}\n"

/* ---- requests -------------------------------------------------------------- */

static void requests_have_full_words_and_long_options(void **state)
{
	static const struct {
		const char *line, *request;
	} rows[] = {
		{"st", REQUEST("\"status\"", "")},
		{"b|l|mx-in", REQUEST("\"backend\",\"list\",\"mx-in\"", "")},
		{"b|m|mx1|--force|-m|new disk|--service|mx-in|--dry-run",
		 REQUEST("\"backend\",\"maint\",\"mx1\"",
			 "\"service\":\"mx-in\",\"force\":true,\"dry-run\":true,"
			 "\"message\":\"new disk\"")},
		{"b|w|mx1|50%", REQUEST("\"backend\",\"weight\",\"mx1\",\"50%\"", "")},
		{"-q|f|l|--client|2001:db8::/32|--backend|mx1|--state|closing|--limit|7",
		 REQUEST("\"flow\",\"list\"", "\"client\":\"2001:db8::/32\",\"backend\":\"mx1\","
					      "\"state\":\"closing\",\"limit\":\"7\"")},
		{"-j|c|d|/etc/a.yaml", REQUEST("\"config\",\"diff\",\"/etc/a.yaml\"", "")},
		{"m", REQUEST("\"metrics\"", "")},
		{"v", REQUEST("\"version\"", "")},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)run(SCRIPT("{\"exit\":0}\n"), rows[i].line);
		assert_int_equal(fake.n_requests, 1);
		assert_string_equal(fake.requests[0], rows[i].request);
	}
}

static void a_relative_file_is_made_absolute(void **state)
{
	char dir[256], wanted[512];

	assert_non_null(getcwd(dir, sizeof(dir)));
	(void)run(SCRIPT("{\"exit\":0}\n"), "config|diff|a/b.yaml");
	snprintf(wanted, sizeof(wanted), REQUEST("\"config\",\"diff\",\"%s/a/b.yaml\"", ""), dir);
	assert_string_equal(fake.requests[0], wanted);
}

static void what_is_not_utf8_is_not_sent(void **state)
{
	assert_int_equal(run(SCRIPT("{\"exit\":0}\n"), "b|s|mx\xff"), MXLB_EXIT_REFUSED);
	assert_int_equal(fake.n_requests, 0);
	assert_string_equal(err_text_seen, "mxlbctl: arguments: not UTF-8; give names as the "
					   "configuration has them\n");
}

/* So that a dead daemon is noticed soon although a probe may take long. */
static void a_slow_verb_asks_whether_anyone_is_there(void **state)
{
	assert_int_equal(
		run(SCRIPT("{\"exit\":0}\n", "{\"exit\":1,\"data\":[]}\n"), "probe|mx1|-v"),
		MXLB_EXIT_WARN);
	assert_int_equal(fake.n_requests, 2);
	assert_string_equal(fake.requests[0], REQUEST("\"version\"", ""));
	assert_string_equal(fake.requests[1], REQUEST("\"probe\",\"mx1\"", "\"verbose\":true"));
}

/* ---- answers --------------------------------------------------------------- */

static void json_goes_out_as_it_came(void **state)
{
	assert_int_equal(run(SCRIPT("{\"exit\":1,\"data\":{\"b\":1,\"a\":0.1}}\n"), "-j|status"),
			 MXLB_EXIT_WARN);
	assert_string_equal(out_text_seen, "{\n  \"b\": 1,\n  \"a\": 0.1\n}\n");
	assert_string_equal(err_text_seen, "");
}

static void quiet_prints_errors_only(void **state)
{
	assert_int_equal(run(SCRIPT("{\"exit\":0,\"data\":{\"count\":3}}\n"), "f|c|-q"), 0);
	assert_string_equal(out_text_seen, "");
	assert_int_equal(run(SCRIPT("{\"exit\":0,\"data\":{\"count\":3}}\n"), "f|c|-qj"), 0);
	assert_string_equal(out_text_seen, "");
	assert_int_equal(
		run(SCRIPT("{\"exit\":4,\"error\":\"mx9: no such backend\"}\n"), "-q|b|s|mx9"),
		MXLB_EXIT_NO_SUCH);
	assert_string_equal(err_text_seen, "mxlbctl: mx9: no such backend\n");
}

static void exit_codes_are_the_daemons(void **state)
{
	static const enum mxlb_exit codes[] = {MXLB_EXIT_OK, MXLB_EXIT_WARN, MXLB_EXIT_REFUSED,
					       MXLB_EXIT_NO_SUCH, MXLB_EXIT_LAST_BACKEND};
	char reply[64];

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		snprintf(reply, sizeof(reply), "{\"exit\":%d,\"error\":\"a: b; c\"}\n", codes[i]);
		assert_int_equal(run(SCRIPT(reply), "-j|backend|drain|mx1"), codes[i]);
		assert_string_equal(err_text_seen, "mxlbctl: a: b; c\n");
		assert_string_equal(out_text_seen, "");
	}
}

/* Faults of a file keep the form FILE:LINE:COLUMN: path: text. */
static void faults_of_a_file_have_no_prefix(void **state)
{
	assert_int_equal(run(SCRIPT("{\"exit\":0}\n",
				    "{\"exit\":2,\"error\":\"config reload: refused; correct:\\n"
				    "/a.yaml:3:4: b.c: is bad; must be good\\n"
				    "/a.yaml:7:1: d: is 1:2; must be less\\n\"}\n"),
			     "config|reload"),
			 MXLB_EXIT_REFUSED);
	assert_string_equal(err_text_seen, "mxlbctl: config reload: refused; correct:\n"
					   "/a.yaml:3:4: b.c: is bad; must be good\n"
					   "/a.yaml:7:1: d: is 1:2; must be less\n");
}

static void errors_are_clean(void **state)
{
	(void)run(SCRIPT("{\"exit\":2,\"error\":\"a \\u001b[2J: b:1: c\"}\n"), "status");
	assert_string_equal(err_text_seen, "mxlbctl: a ?[2J: b:1: c\n");
}

static void without_a_daemon_it_is_3(void **state)
{
	assert_int_equal(run_at("/nonexistent/sock", "-j|status"), MXLB_EXIT_UNREACHABLE);
	assert_string_equal(err_text_seen,
			    "mxlbctl: /nonexistent/sock: daemon not reachable: No such file or "
			    "directory; is mxlbd running? (systemctl status mxlbd)\n");
	assert_string_equal(out_text_seen, "");
	assert_int_equal(run(SCRIPT("hello\n"), "status"), MXLB_EXIT_UNREACHABLE);
	assert_int_equal(run_at("/nonexistent/sock", "probe|mx1"), MXLB_EXIT_UNREACHABLE);
	assert_int_equal(run_at("/nonexistent/sock", "b|d|mx1|--wait"), MXLB_EXIT_UNREACHABLE);
}

static void version_is_there_without_a_daemon(void **state)
{
	assert_int_equal(run_at("/nonexistent/sock", "version"), MXLB_EXIT_UNREACHABLE);
	assert_string_equal(out_text_seen, "mxlbctl " MXLB_VERSION "\n");
	assert_int_equal(run_at("/nonexistent/sock", "version|-j"), MXLB_EXIT_UNREACHABLE);
	assert_string_equal(out_text_seen, "{\n  \"version\": \"" MXLB_VERSION "\"\n}\n");
	assert_int_equal(run(SCRIPT("{\"exit\":0,\"data\":{\"version\":\"0.2.0\",\"abi\":3,"
				    "\"kernel\":\"6.1.0\",\"libbpf\":\"1.1.0\"}}\n"),
			     "version"),
			 MXLB_EXIT_OK);
	assert_string_equal(out_text_seen, "mxlbctl " MXLB_VERSION "\n"
					   "mxlbd 0.2.0, ABI 3, kernel 6.1.0, libbpf 1.1.0\n");
}

static void metrics_are_prometheus_text(void **state)
{
	(void)run(SCRIPT("{\"exit\":0,\"data\":\"# TYPE a gauge\\na 1\\n\"}\n"), "metrics");
	assert_string_equal(out_text_seen, "# TYPE a gauge\na 1\n");
}

/* ---- drain ----------------------------------------------------------------- */

static void drain_without_wait_asks_once(void **state)
{
	assert_int_equal(run(SCRIPT(SHOWN(OPEN("drain", 5))), "b|d|mx1"), 0);
	assert_int_equal(fake.n_requests, 1);
	assert_string_equal(out_text_seen, "/: drain, weight 0 of 0, 5 open: no new connections; "
					   "open ones go on, probes go on\n");
}

static void drain_waits_for_the_last_of_all_services(void **state)
{
	assert_int_equal(
		run(SCRIPT(SHOWN(OPEN("drain", 5)), SHOWN(OPEN("drain", 1) "," OPEN("drain", 1)),
			   SHOWN(OPEN("drain", 1) "," OPEN("drain", 0)),
			   SHOWN(OPEN("drain", 0) "," OPEN("drain", 0))),
		    "-j|b|d|mx1|--wait|--service|mx-in|-m|new disk"),
		0);
	assert_int_equal(fake.n_requests, 4);
	assert_string_equal(fake.requests[0],
			    REQUEST("\"backend\",\"drain\",\"mx1\"",
				    "\"service\":\"mx-in\",\"message\":\"new disk\""));
	for (int i = 1; i < 4; i++)
		assert_string_equal(fake.requests[i], REQUEST("\"backend\",\"show\",\"mx1\"",
							      "\"service\":\"mx-in\""));
	assert_ptr_equal(strstr(out_text_seen, "{\n  \"backend\": \"mx1\",\n  \"drained\": true,\n"
					       "  \"open\": 0,\n  \"waited_seconds\": "),
			 out_text_seen);
	assert_string_equal(err_text_seen, "");
}

static void drain_gives_up_after_its_time(void **state)
{
	assert_int_equal(run(SCRIPT(SHOWN(OPEN("drain", 3))), "b|d|mx1|--wait|--timeout|50ms"),
			 MXLB_EXIT_TIMEOUT);
	assert_non_null(strstr(out_text_seen, "\nmx1: 3 still open after 0."));
	assert_string_equal(err_text_seen,
			    "mxlbctl: mx1: 3 open at the end of --timeout, the drain stays in "
			    "place; wait again, or end it with: mxlbctl backend ready mx1\n");
	assert_int_equal(run(SCRIPT(SHOWN(OPEN("drain", 3))), "-j|b|d|mx1|--wait|--timeout|50ms"),
			 MXLB_EXIT_TIMEOUT);
	assert_non_null(strstr(out_text_seen, "\"drained\": false,\n  \"open\": 3,"));
}

static void a_refused_drain_is_not_waited_for(void **state)
{
	assert_int_equal(run(SCRIPT("{\"exit\":6,\"error\":\"a: b; c\"}\n"), "b|d|mx1|--wait"),
			 MXLB_EXIT_LAST_BACKEND);
	assert_int_equal(fake.n_requests, 1);
	assert_int_equal(run(SCRIPT(SHOWN(OPEN("ready", 3))), "b|d|mx1|--wait|--dry-run"), 0);
	assert_int_equal(fake.n_requests, 1);
}

static void a_backend_that_is_gone_is_drained(void **state)
{
	assert_int_equal(run(SCRIPT(SHOWN(OPEN("drain", 3)),
				    "{\"exit\":4,\"error\":\"mx1: no such backend\"}\n"),
			     "b|d|mx1|--wait"),
			 0);
	assert_non_null(strstr(out_text_seen, "mx1: drained after "));
	assert_string_equal(err_text_seen, "");
}

static void a_drain_that_someone_ends_is_an_error(void **state)
{
	assert_int_equal(
		run(SCRIPT(SHOWN(OPEN("drain", 3)), SHOWN(OPEN("ready", 3))), "b|d|mx1|--wait"),
		MXLB_EXIT_REFUSED);
	assert_string_equal(err_text_seen, "mxlbctl: mx1: someone made it ready while it drained; "
					   "drain it again\n");
}

/* An answer that breaks off stands for a daemon that is being restarted. */
static void a_wait_outlives_a_restart(void **state)
{
	assert_int_equal(run(SCRIPT(SHOWN(OPEN("drain", 3)), SHOWN(OPEN("drain", 3)), "",
				    SHOWN(OPEN("drain", 0))),
			     "b|d|mx1|--wait"),
			 0);
	assert_int_equal(fake.n_requests, 4);
	assert_string_equal(err_text_seen, "");
}

static void what_goes_wrong_while_waiting_is_said(void **state)
{
	assert_int_equal(
		run(SCRIPT(SHOWN(OPEN("drain", 3)), "{\"exit\":2,\"error\":\"a: b; c\"}\n"),
		    "b|d|mx1|--wait"),
		MXLB_EXIT_REFUSED);
	assert_string_equal(err_text_seen, "mxlbctl: a: b; c\n");
}

static void a_warning_of_the_drain_stays(void **state)
{
	assert_int_equal(
		run(SCRIPT("{\"exit\":1,\"error\":\"mx1: not saved\"}\n", SHOWN(OPEN("drain", 0))),
		    "b|d|mx1|--wait"),
		MXLB_EXIT_WARN);
	assert_int_equal(fake.n_requests, 2);
}

/* ---- config ---------------------------------------------------------------- */

static char file_path[32];

static enum mxlb_exit check(const char *text, const char *before)
{
	char line[128];
	enum mxlb_exit code;
	FILE *file;
	int fd;

	strcpy(file_path, "/tmp/mxlb-test-XXXXXX");
	fd = mkstemp(file_path);
	assert_return_code(fd, errno);
	file = fdopen(fd, "w");
	fputs(text, file);
	fclose(file);
	snprintf(line, sizeof(line), "%sconfig|check|%s", before, file_path);
	code = run_at("/nonexistent", line);
	unlink(file_path);
	return code;
}

#define GOOD                                                                                       \
	"interfaces: [lo]\n"                                                                       \
	"services:\n"                                                                              \
	"  mx-in:\n"                                                                               \
	"    address: 192.0.2.25\n"                                                                \
	"    port: 25\n"                                                                           \
	"    backends:\n"                                                                          \
	"      mx1: {address: 10.0.0.11}\n"                                                        \
	"      mx2: {address: 10.0.0.12}\n"

static void check_needs_no_daemon(void **state)
{
	char wanted[128];

	assert_int_equal(check(GOOD, ""), MXLB_EXIT_OK);
	snprintf(wanted, sizeof(wanted), "%s: ok: 1 service, 2 backends\n", file_path);
	assert_string_equal(out_text_seen, wanted);
	assert_string_equal(err_text_seen, "");
	assert_int_equal(check(GOOD, "-j|"), MXLB_EXIT_OK);
	assert_string_equal(out_text_seen, "{\n  \"ok\": true,\n  \"errors\": []\n}\n");
	assert_int_equal(check(GOOD, "-q|"), MXLB_EXIT_OK);
	assert_string_equal(out_text_seen, "");
}

static void check_gives_each_fault_a_line(void **state)
{
	char first[64], second[64];

	assert_int_equal(check(GOOD "colour: blue\nhash_seed: many\n", ""), MXLB_EXIT_REFUSED);
	assert_string_equal(out_text_seen, "");
	snprintf(first, sizeof(first), "%s:9:1: colour: ", file_path);
	snprintf(second, sizeof(second), "\n%s:10:12: hash_seed: ", file_path);
	assert_ptr_equal(strstr(err_text_seen, first), err_text_seen);
	assert_non_null(strstr(err_text_seen, second));
	assert_int_equal(check(GOOD "colour: blue\n", "-j|"), MXLB_EXIT_REFUSED);
	assert_non_null(strstr(out_text_seen, "\"ok\": false,\n  \"errors\": [\n    \"/tmp/"));
	assert_non_null(strstr(err_text_seen, ":9:1: colour: "));
}

static void diff_and_reload_in_words(void **state)
{
	assert_int_equal(run(SCRIPT("{\"exit\":1,\"data\":{\"changes\":[{\"op\":\"change\","
				    "\"object\":\"backend\",\"name\":\"mx-in/mx2\","
				    "\"text\":\"weight: 100 -> 50\"},{\"op\":\"remove\","
				    "\"object\":\"backend\",\"name\":\"mx-in/mx3\",\"text\":\"\"}],"
				    "\"needs_restart\":true}}\n"),
			     "config|diff"),
			 MXLB_EXIT_WARN);
	assert_string_equal(out_text_seen, "change backend mx-in/mx2: weight: 100 -> 50\n"
					   "remove backend mx-in/mx3\n"
					   "needs a restart; a reload will be refused\n");
	assert_int_equal(run(SCRIPT("{\"exit\":0,\"data\":{\"changes\":[],\"needs_restart\":false}}"
				    "\n"),
			     "config|diff"),
			 MXLB_EXIT_OK);
	assert_string_equal(out_text_seen, "no changes\n");
	assert_int_equal(run(SCRIPT("{\"exit\":0,\"data\":{\"reloaded\":true,\"path\":\"/a.yaml\"}}"
				    "\n"),
			     "config|reload"),
			 MXLB_EXIT_OK);
	assert_string_equal(out_text_seen, "reloaded: /a.yaml is in force\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_have_full_words_and_long_options),
		cmocka_unit_test(a_relative_file_is_made_absolute),
		cmocka_unit_test(what_is_not_utf8_is_not_sent),
		cmocka_unit_test(a_slow_verb_asks_whether_anyone_is_there),
		cmocka_unit_test(json_goes_out_as_it_came),
		cmocka_unit_test(quiet_prints_errors_only),
		cmocka_unit_test(exit_codes_are_the_daemons),
		cmocka_unit_test(faults_of_a_file_have_no_prefix),
		cmocka_unit_test(errors_are_clean),
		cmocka_unit_test(without_a_daemon_it_is_3),
		cmocka_unit_test(version_is_there_without_a_daemon),
		cmocka_unit_test(metrics_are_prometheus_text),
		cmocka_unit_test(drain_without_wait_asks_once),
		cmocka_unit_test(drain_waits_for_the_last_of_all_services),
		cmocka_unit_test(drain_gives_up_after_its_time),
		cmocka_unit_test(a_refused_drain_is_not_waited_for),
		cmocka_unit_test(a_backend_that_is_gone_is_drained),
		cmocka_unit_test(a_drain_that_someone_ends_is_an_error),
		cmocka_unit_test(a_wait_outlives_a_restart),
		cmocka_unit_test(what_goes_wrong_while_waiting_is_said),
		cmocka_unit_test(a_warning_of_the_drain_stays),
		cmocka_unit_test(check_needs_no_daemon),
		cmocka_unit_test(check_gives_each_fault_a_line),
		cmocka_unit_test(diff_and_reload_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

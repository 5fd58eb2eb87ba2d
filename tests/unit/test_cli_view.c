/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Documents as people see them. What is missing must do no harm: daemons of other
 * versions say more, or less.
 */
/* uses: cli_status.c cli_backend.c cli_flow.c cli_probe.c cli_doc.c out.c */
/* uses: out_json.c out_format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cli.h"
#include "cli_doc.h"

#define MX1                                                                                        \
	"{\"service\":\"mx-in\",\"name\":\"mx1\","                                                 \
	"\"addresses\":[\"10.0.0.11:25\",\"[fd00::11]:25\"],\"preference\":10,"                    \
	"\"weight\":{\"configured\":100,\"effective\":100},"                                       \
	"\"admin\":{\"state\":\"ready\",\"by\":\"\",\"since\":null,\"message\":\"\"},"             \
	"\"health\":{\"state\":\"up\",\"reason\":\"ok\",\"since\":\"2026-11-24T07:00:00Z\"},"      \
	"\"families\":{\"4\":{\"state\":\"up\",\"reason\":\"ok\",\"serving\":true,\"open\":2},"    \
	"\"6\":{\"state\":\"up\",\"reason\":\"ok\",\"serving\":true,\"open\":1}},"                 \
	"\"serving\":true,\"connections\":{\"open\":3,\"limit\":90,\"total\":41},"                 \
	"\"probe\":{\"last\":\"2026-11-24T07:20:05Z\",\"ok\":true,\"code\":220,"                   \
	"\"greeting_seconds\":0.0016}}"
#define MX2                                                                                        \
	"{\"service\":\"mx-in\",\"name\":\"mx2\",\"addresses\":[\"10.0.0.12:25\"],"                \
	"\"preference\":20,\"weight\":{\"configured\":100,\"effective\":0},"                       \
	"\"admin\":{\"state\":\"drain\",\"by\":\"root\",\"since\":\"2026-11-24T07:16:31Z\","       \
	"\"message\":\"new disk\"},"                                                               \
	"\"health\":{\"state\":\"down\",\"reason\":\"connect_refused\","                           \
	"\"since\":\"2026-11-24T07:00:00Z\"},"                                                     \
	"\"families\":{\"4\":{\"state\":\"down\",\"reason\":\"connect_refused\","                  \
	"\"serving\":false,\"open\":0}},"                                                          \
	"\"serving\":false,\"connections\":{\"open\":0,\"limit\":0,\"total\":7},"                  \
	"\"probe\":{\"last\":null,\"ok\":false,\"code\":0,\"greeting_seconds\":null}}"
#define SERVICE                                                                                    \
	"{\"name\":\"mx-in\",\"vips\":[\"192.0.2.25:25\",\"[2001:db8::25]:25\"],"                  \
	"\"forward\":\"nat\",\"scheduler\":\"source\",\"state\":\"degraded\","                     \
	"\"active_preference\":10,\"fail_open\":false,"                                            \
	"\"connections\":{\"open\":3,\"total\":48,\"refused\":1},\"backends\":[" MX1 "," MX2 "]}"

static struct cli cli;

/* Compares what `view` makes of a document with `text`. */
static void assert_view(void (*view)(struct cli *, const json_t *), const char *json,
			const char *text)
{
	json_t *doc = json_loads(json, JSON_DECODE_ANY, NULL);
	char *printed;
	size_t len;

	assert_non_null(doc);
	cli.out = (struct out){open_memstream(&printed, &len), false, 80};
	view(&cli, doc);
	fclose(cli.out.file);
	json_decref(doc);
	assert_string_equal(printed, text);
	free(printed);
}

static int reset(void **state)
{
	cli = (struct cli){0};
	return 0;
}

/* ---- status, services ------------------------------------------------------ */

static void status_is_one_screen(void **state)
{
	assert_view(cli_view_status,
		    "{\"version\":\"0.1.0\",\"uptime_seconds\":1051215.5,\"config\":{"
		    "\"path\":\"/etc/mxlb/mxlb.yaml\",\"ok\":true,"
		    "\"loaded\":\"2026-11-24T07:20:11Z\"},\"interfaces\":["
		    "{\"name\":\"eth0\",\"datapath\":\"xdp\",\"note\":\"\"},"
		    "{\"name\":\"eth1\",\"datapath\":\"tc\",\"note\":\"no native XDP\"}],"
		    "\"flows\":{\"established\":3,\"half_open\":1,\"max\":262144},"
		    "\"services\":[" SERVICE "]}",
		    "mxlb 0.1.0  up 12d4h\n"
		    "config: /etc/mxlb/mxlb.yaml ok, in force since 2026-11-24T07:20:11Z\n"
		    "interface: eth0 xdp\n"
		    "interface: eth1 tc (no native XDP)\n"
		    "flows: 3 established, 1 half open, room for 262144\n"
		    "\n"
		    "mx-in  degraded  192.0.2.25:25, [2001:db8::25]:25\n"
		    "nat, source; 3 open, 48 total, 1 refused\n"
		    /* 7+13+4+6+5+15+4+5+8 are 67; eight gaps of 2 are too much for 80 */
		    "BACKEND ADDRESS       PREF WEIGHT ADMIN HEALTH          OPEN TOTAL GREETING\n"
		    "mx1     10.0.0.11:25    10    100 ready up              3/90    41   1.6 ms\n"
		    "        [fd00::11]:25\n"
		    "mx2     10.0.0.12:25    20  0/100 drain down               0     7        -\n"
		    "                                        connect_refused\n");
}

static void a_refused_reload_shows(void **state)
{
	assert_view(cli_view_status,
		    "{\"version\":\"0.1.0\",\"uptime_seconds\":5,"
		    "\"config\":{\"path\":\"/a\",\"ok\":false,\"loaded\":null}}",
		    "mxlb 0.1.0  up 5.0s\n"
		    "config: /a refused at the last reload\n"
		    "flows: 0 established, 0 half open, room for 0\n");
}

static void services_are_a_table(void **state)
{
	assert_view(cli_view_services, "[" SERVICE "]",
		    "SERVICE  VIP                STATE     SERVING  PREF  OPEN  TOTAL  REFUSED\n"
		    "mx-in    192.0.2.25:25      degraded      1/2    10     3     48        1\n"
		    "         [2001:db8::25]:25\n");
}

static void a_service_that_fails_open_says_so(void **state)
{
	assert_view(cli_view_service,
		    "{\"name\":\"a\",\"state\":\"degraded\",\"vips\":[\"192.0.2.1:25\"],"
		    "\"forward\":\"dsr\",\"scheduler\":\"random\",\"fail_open\":true}",
		    "a  degraded  192.0.2.1:25\n"
		    "dsr, random; 0 open, 0 total, 0 refused\n"
		    "fail-open: all backends are down, so all are tried\n");
	assert_view(cli_view_services,
		    "[{\"name\":\"a\",\"state\":\"degraded\",\"vips\":[\"192.0.2.1:25\"],"
		    "\"active_preference\":null,\"fail_open\":true,\"backends\":[]}]",
		    "SERVICE  VIP           STATE               SERVING  PREF  OPEN  TOTAL  "
		    "REFUSED\n"
		    "a        192.0.2.1:25  degraded fail-open      0/0     -     0      0        "
		    "0\n");
}

/* ---- backends -------------------------------------------------------------- */

static void backends_of_one_service_need_no_column_for_it(void **state)
{
	assert_view(cli_view_backends, "[" MX1 "]",
		    "BACKEND  ADDRESS        PREF  WEIGHT  ADMIN  HEALTH  OPEN  TOTAL  GREETING\n"
		    "mx1      10.0.0.11:25     10     100  ready  up      3/90     41    1.6 ms\n"
		    "         [fd00::11]:25\n");
	assert_view(cli_view_backends,
		    "[" MX1 ",{\"service\":\"out\",\"name\":\"b\",\"addresses\":[\"10.0.0.1:25\"],"
		    "\"health\":{\"state\":\"checking\",\"reason\":\"ok\"}}]",
		    "SERVICE BACKEND ADDRESS       PREF WEIGHT ADMIN HEALTH   OPEN TOTAL GREETING\n"
		    "mx-in   mx1     10.0.0.11:25    10    100 ready up       3/90    41   1.6 ms\n"
		    "                [fd00::11]:25\n"
		    "out     b       10.0.0.1:25      0      0       checking    0     0        "
		    "-\n");
	assert_view(cli_view_backends, "[]", "");
}

static void a_backend_in_full(void **state)
{
	assert_view(cli_view_backend, "[" MX1 "," MX2 "]",
		    "mx-in/mx1\n"
		    "address      10.0.0.11:25, [fd00::11]:25\n"
		    "preference   10\n"
		    "weight       100, configured 100\n"
		    "admin        ready\n"
		    "health       up (ok) since 2026-11-24T07:00:00Z\n"
		    "serving      yes\n"
		    "IPv4         up (ok), serving, 2 open\n"
		    "IPv6         up (ok), serving, 1 open\n"
		    "connections  3 open, limit 90, 41 total\n"
		    "last probe   ok at 2026-11-24T07:20:05Z, code 220, greeting 1.6 ms\n"
		    "\n"
		    "mx-in/mx2\n"
		    "address      10.0.0.12:25\n"
		    "preference   20\n"
		    "weight       0, configured 100\n"
		    "admin        drain by root since 2026-11-24T07:16:31Z: new disk\n"
		    "health       down (connect_refused) since 2026-11-24T07:00:00Z\n"
		    "serving      no\n"
		    "IPv4         down (connect_refused), not serving, 0 open\n"
		    "connections  0 open, limit none, 7 total\n"
		    "last probe   none yet\n");
}

static void a_change_says_what_happens(void **state)
{
	assert_view(cli_view_changed, "[" MX1 "," MX2 "]",
		    "mx-in/mx1: ready, weight 100 of 100, 3 open: takes new connections when its "
		    "turn comes\n"
		    "mx-in/mx2: drain, weight 0 of 100, 0 open: no new connections; open ones go "
		    "on, probes go on\n");
	assert_view(cli_view_changed,
		    "[{\"service\":\"a\",\"name\":\"b\",\"admin\":{\"state\":\"maint\"}}]",
		    "a/b: maint, weight 0 of 0, 0 open: no new connections; open ones go on, "
		    "probes stop\n");
	assert_view(cli_view_changed,
		    "{\"dry_run\":true,\"changes\":[{\"service\":\"mx-in\",\"backend\":\"mx1\","
		    "\"text\":\"ready -> drain\"}]}",
		    "dry run: mx-in/mx1: ready -> drain\n");
}

/* ---- flows, probes --------------------------------------------------------- */

static void flows_are_a_table(void **state)
{
	assert_view(cli_view_flows,
		    "[{\"service\":\"mx-in\",\"client\":\"203.0.113.7:51514\","
		    "\"vip\":\"192.0.2.25:25\",\"backend\":\"mx1\",\"state\":\"established\","
		    "\"age_seconds\":3.14,\"idle_seconds\":0.2,\"bytes_in\":2100,"
		    "\"bytes_out\":900}]",
		    /* 17+13+7+11+4+4+6+5 are 67; seven gaps of 2 are too much for 80 */
		    "CLIENT            VIP           BACKEND STATE        AGE IDLE     IN   OUT\n"
		    "203.0.113.7:51514 192.0.2.25:25 mx1     established 3.1s 0.2s 2.1 kB 900 B\n");
	assert_view(cli_view_flows, "[]", "");
	assert_view(cli_view_count, "{\"count\":3}", "3\n");
}

#define PROBES                                                                                     \
	"[{\"service\":\"mx-in\",\"backend\":\"mx1\",\"address\":\"10.0.0.11:25\",\"ok\":true,"    \
	"\"reason\":\"ok\",\"code\":220,\"greeting_seconds\":0.0016,"                              \
	"\"duration_seconds\":0.0041,\"dialogue\":["                                               \
	"{\"seconds\":0.001,\"from\":\"server\",\"text\":\"220 mx1\\u001b[2J\"},"                  \
	"{\"seconds\":0.002,\"from\":\"client\",\"text\":\"QUIT\"}]},"                             \
	"{\"service\":\"mx-in\",\"backend\":\"mx1\",\"address\":\"[fd00::11]:25\",\"ok\":false,"   \
	"\"reason\":\"connect_refused\",\"code\":0,\"greeting_seconds\":null,"                     \
	"\"duration_seconds\":0.0001,\"dialogue\":[]}]"

static void a_probe_is_a_line_an_address(void **state)
{
	assert_view(cli_view_probes, PROBES,
		    "mx-in/mx1 10.0.0.11:25: ok, code 220, greeting 1.6 ms, all 4.1 ms\n"
		    "mx-in/mx1 [fd00::11]:25: failed: connect_refused, all 0.1 ms\n");
	assert_view(cli_view_probes,
		    "{\"service\":\"a\",\"backend\":\"b\",\"address\":\"10.0.0.1:25\",\"ok\":true,"
		    "\"reason\":\"ok\",\"duration_seconds\":1.5}",
		    "a/b 10.0.0.1:25: ok, all 1.5 s\n");
}

static void verbose_prints_the_dialogue(void **state)
{
	cli.args.option[OPTION_VERBOSE].is_set = true;
	assert_view(cli_view_probes, PROBES,
		    "  0.001  < 220 mx1?[2J\n"
		    "  0.002  > QUIT\n"
		    "mx-in/mx1 10.0.0.11:25: ok, code 220, greeting 1.6 ms, all 4.1 ms\n"
		    "mx-in/mx1 [fd00::11]:25: failed: connect_refused, all 0.1 ms\n");
}

/* ---- documents ------------------------------------------------------------- */

static void paths_lead_into_documents(void **state)
{
	json_t *doc = json_loads("{\"a\":{\"b\":\"text\",\"n\":7,\"r\":0.5,\"t\":true,"
				 "\"l\":[\"x\",1,\"y\"]},\"a.b\":1}",
				 0, NULL);
	char buf[8];

	assert_string_equal(doc_text(doc, "a.b"), "text");
	assert_int_equal(doc_integer(doc, "a.n"), 7);
	assert_true(doc_number(doc, "a.r") == 0.5);
	assert_true(doc_is_true(doc, "a.t"));
	assert_string_equal(doc_join(doc, "a.l", ", ", buf, sizeof(buf)), "x, y");
	assert_string_equal(doc_join(doc, "a.l", "-between-", buf, sizeof(buf)), "x-betwe");
	assert_string_equal(doc_text(doc, "a"), "");
	assert_string_equal(doc_text(doc, "a.b.c"), "");
	assert_int_equal(doc_integer(doc, "a.b"), 0);
	assert_false(doc_is_true(doc, "a.n"));
	assert_false(doc_has_number(doc, "a.b"));
	assert_null(doc_get(doc, "c.d"));
	assert_null(doc_get(NULL, "a"));
	json_decref(doc);
}

static void documents_that_lack_everything_do_no_harm(void **state)
{
	static void (*const views[])(struct cli *, const json_t *) = {
		cli_view_status,   cli_view_services, cli_view_service,
		cli_view_backends, cli_view_backend,  cli_view_changed,
		cli_view_flows,	   cli_view_count,    cli_view_probes,
	};
	static const char *const docs[] = {"{}",
					   "[]",
					   "[{}]",
					   "[1]",
					   "\"text\"",
					   "null",
					   "{\"services\":[1],\"backends\":{},\"interfaces\":7}"};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		for (size_t j = 0; j < sizeof(docs) / sizeof(docs[0]); j++) {
			json_t *doc = json_loads(docs[j], JSON_DECODE_ANY, NULL);

			cli.out = (struct out){fopen("/dev/null", "we"), true, 80};
			views[i](&cli, doc);
			fclose(cli.out.file);
			json_decref(doc);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(status_is_one_screen, reset),
		cmocka_unit_test_setup(a_refused_reload_shows, reset),
		cmocka_unit_test_setup(services_are_a_table, reset),
		cmocka_unit_test_setup(a_service_that_fails_open_says_so, reset),
		cmocka_unit_test_setup(backends_of_one_service_need_no_column_for_it, reset),
		cmocka_unit_test_setup(a_backend_in_full, reset),
		cmocka_unit_test_setup(a_change_says_what_happens, reset),
		cmocka_unit_test_setup(flows_are_a_table, reset),
		cmocka_unit_test_setup(a_probe_is_a_line_an_address, reset),
		cmocka_unit_test_setup(verbose_prints_the_dialogue, reset),
		cmocka_unit_test_setup(paths_lead_into_documents, reset),
		cmocka_unit_test_setup(documents_that_lack_everything_do_no_harm, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

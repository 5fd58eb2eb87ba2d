/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Prometheus text: lines written by hand, and what must hold of any text.
 */
/* uses: metrics_text.c metrics_daemon.c metrics_service.c metrics_backend.c */
/* uses: metrics_page.c */
/* uses: addr.c verdict.c model.c model_new.c plan.c plan_diff.c ring.c conf.c */
/* uses: conf_check.c */
/* uses: conf_endpoints.c conf_fault.c conf_format.c conf_host.c conf_load.c */
/* uses: conf_node.c */
/* uses: conf_read.c conf_schema.c conf_suggest.c conf_text.c conf_value.c */
/* uses: conf_yaml.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "metrics_page.h"
#include "metrics_text.h"
#include "model_lab.h"

const double health_buckets[MXLB_PROBE_BUCKETS - 1] = {0.001, 0.0025, 0.005, 0.01, 0.05, 0.1,
						       0.5,   1,      2.5,   6,	   10};

static int setup(void **state)
{
	*state = lab_model();
	return 0;
}

static int teardown(void **state)
{
	model_free(*state);
	return 0;
}

static void assert_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, line, len) && at[len] == '\n')
			return;
	}
	fail_msg("no line: %s\nin:\n%s", line, text);
}

static void assert_lines(const char *text, const char *const *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_line(text, lines[i]);
}

#define ASSERT_LINES(text, lines) assert_lines(text, lines, sizeof(lines) / sizeof((lines)[0]))

static size_t count_of(const char *text, const char *part)
{
	size_t n = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		n++;
	return n;
}

/* Calls check for each line of a text, which it cuts. */
static void each_line(char *text, void (*check)(char *line, void *arg), void *arg)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			check(line, arg);
}

struct seen {
	char *type;	/* of the family whose samples come now */
	char **samples; /* names with labels */
	size_t n;
};

static void check_sample(char *line, struct seen *seen)
{
	char *value = strrchr(line, ' '), *end;
	size_t family = strlen(seen->type) - strlen(strrchr(seen->type, ' '));

	assert_non_null(value);
	*value++ = '\0';
	(void)strtod(value, &end);
	assert_true(*end == '\0' && end != value);
	if (strncmp(line, seen->type, family) != 0)
		fail_msg("%s stands below the TYPE of %s", line, seen->type);
	for (size_t i = 0; i < seen->n; i++)
		assert_string_not_equal(seen->samples[i], line);
	seen->samples = mem_append(seen->samples, &seen->n, sizeof(*seen->samples));
	seen->samples[seen->n - 1] = line;
}

static void check_line(char *line, void *arg)
{
	struct seen *seen = arg;

	if (!strncmp(line, "# TYPE ", 7))
		seen->type = line + 7;
	else if (strncmp(line, "# HELP ", 7) != 0)
		check_sample(line, seen);
}

/* Samples stand below their TYPE, have a number, and no two have the same labels. */
static void test_every_line_is_a_sample_or_about_one(void **state)
{
	struct snapshot snap = lab_snapshot(*state);
	char *text = metrics_text(&snap);
	struct seen seen = {0};

	assert_int_equal(count_of(text, "# HELP "), count_of(text, "# TYPE "));
	assert_int_equal(count_of(text, "# TYPE "), 29);
	each_line(text, check_line, &seen);
	assert_true(seen.n > 300);
	free(seen.samples);
	free(text);
	lab_snapshot_free(&snap);
}

/* Nothing has happened yet: every counter is there, at 0. */
static void test_counters_are_there_from_the_start(void **state)
{
	static const char *const lines[] = {
		"mxlb_build_info{version=\"" MXLB_VERSION "\"} 1",
		"mxlb_config_last_reload_successful 1",
		"mxlb_config_last_reload_success_timestamp_seconds 1700000000",
		"mxlb_interface_attached{interface=\"eth0\",mode=\"xdp\"} 1",
		"mxlb_interface_attached{interface=\"eth0\",mode=\"tc\"} 1",
		"mxlb_interface_attached{interface=\"eth1\",mode=\"tc\"} 1",
		"mxlb_packets_total{interface=\"eth1\",action=\"redirect\"} 0",
		"mxlb_dropped_packets_total{reason=\"fragment_tiny\"} 0",
		"mxlb_dropped_packets_total{reason=\"flow_gone\"} 0",
		"mxlb_flows{table=\"established\"} 0",
		"mxlb_flows_max{table=\"established\"} 262144",
		"mxlb_flows_max{table=\"half_open\"} 65536",
		"mxlb_flow_table_entries 0",
		"mxlb_flow_table_full_total 0",
		"mxlb_flows_adopted_total 0",
		"mxlb_events_lost_total 0",
		"mxlb_service_syns_total{service=\"mx-in\",family=\"6\"} 0",
		"mxlb_service_refused_connections_total{service=\"mx-out\",family=\"4\","
		"reason=\"no_backend\"} 0",
		"mxlb_service_fail_open{service=\"mx-out\"} 0",
		"mxlb_service_backends{service=\"mx-in\",state=\"up\"} 3",
		"mxlb_service_backends{service=\"mx-in\",state=\"drain\"} 0",
		"mxlb_backend_up{service=\"mx-in\",backend=\"mx1\",family=\"6\"} 1",
		"mxlb_backend_connections_limit{service=\"mx-in\",backend=\"mx1\"} 90",
		"mxlb_backend_weight{service=\"mx-in\",backend=\"mx3\",kind=\"effective\"} 0",
		"mxlb_backend_weight{service=\"mx-in\",backend=\"mx1\",kind=\"effective\"} 100",
		"mxlb_backend_state_changes_total{service=\"mx-in\",backend=\"mx1\",to=\"down\"} 0",
		"mxlb_backend_sessions_ended_total{service=\"mx-in\",backend=\"mx1\","
		"how=\"lb_reset\"} 0",
		"mxlb_probe_attempts_total{service=\"mx-in\",backend=\"mx1\",family=\"6\","
		"reason=\"cert_expired\"} 0",
		"mxlb_probe_greeting_seconds_bucket{service=\"mx-in\",backend=\"mx1\","
		"family=\"4\",le=\"+Inf\"} 0",
	};
	struct snapshot snap = lab_snapshot(*state);
	char *text = metrics_text(&snap);

	ASSERT_LINES(text, lines);
	assert_null(strstr(text, "service=\"mx-out\",family=\"6\""));
	assert_null(strstr(text, "backend=\"mx2\",family=\"6\""));
	free(text);
	lab_snapshot_free(&snap);
}

static void test_counters_come_through(void **state)
{
	static const char *const lines[] = {
		"mxlb_packets_total{interface=\"eth0\",action=\"redirect\"} 1001",
		"mxlb_packets_total{interface=\"eth0\",action=\"drop\"} 4",
		"mxlb_dropped_packets_total{reason=\"bad_flags\"} 5",
		"mxlb_flows{table=\"established\"} 6",
		"mxlb_flows{table=\"half_open\"} 7",
		"mxlb_flows_adopted_total 8",
		"mxlb_flow_table_entries 17",
		"mxlb_flow_table_full_total 9",
		"mxlb_events_lost_total 10",
		"mxlb_service_syns_total{service=\"mx-in\",family=\"4\"} 11",
		"mxlb_service_connections_total{service=\"mx-in\",family=\"4\"} 12",
		"mxlb_service_refused_connections_total{service=\"mx-in\",family=\"4\","
		"reason=\"no_backend\"} 13",
		"mxlb_backend_connections_total{service=\"mx-in\",backend=\"mx1\",family=\"6\"} 14",
		"mxlb_backend_connections{service=\"mx-in\",backend=\"mx1\",family=\"6\"} 15",
		"mxlb_backend_packets_total{service=\"mx-in\",backend=\"mx1\",family=\"6\","
		"direction=\"in\"} 16",
		"mxlb_backend_bytes_total{service=\"mx-in\",backend=\"mx1\",family=\"6\","
		"direction=\"out\"} 18446744073709551615",
		"mxlb_backend_sessions_ended_total{service=\"mx-in\",backend=\"mx1\",how=\"fin\"} "
		"5",
	};
	struct snapshot snap = lab_snapshot(*state);
	struct snapshot_backend *mx1 = &snap.services[0].backends[0];
	char *text;

	snap.interfaces[0].count.packets[MXLB_ACTION_REDIRECT] = 1001;
	snap.interfaces[0].count.packets[MXLB_ACTION_DROP] = 4;
	snap.drops[MXLB_REASON_BAD_FLAGS] = 5;
	snap.tallies = (struct mxlb_tallies){.established = 6,
					     .half_open = 7,
					     .entries = 17,
					     .adopted = 8,
					     .table_full = 9,
					     .events_lost = 10};
	snap.services[0].count[MXLB_V4] =
		(struct mxlb_service_count){.syns = 11, .connections = 12, .refused = 13};
	mx1->load.open[MXLB_V6] = 15;
	mx1->count[MXLB_V6] = (struct mxlb_backend_count){
		.connections = 14, .packets = {16, 0}, .bytes = {0, UINT64_MAX}, .ended = {2}};
	mx1->count[MXLB_V4].ended[MXLB_END_FIN] = 3;
	text = metrics_text(&snap);
	ASSERT_LINES(text, lines);
	free(text);
	lab_snapshot_free(&snap);
}

/* Buckets hold all that is not above their bound. */
static void test_probes(void **state)
{
#define OF_MX1 "{service=\"mx-in\",backend=\"mx1\",family=\"4\""
	static const char *const lines[] = {
		"mxlb_probe_attempts_total" OF_MX1 ",reason=\"ok\"} 7",
		"mxlb_probe_duration_seconds_bucket" OF_MX1 ",le=\"0.001\"} 1",
		"mxlb_probe_duration_seconds_bucket" OF_MX1 ",le=\"0.0025\"} 3",
		"mxlb_probe_duration_seconds_bucket" OF_MX1 ",le=\"10\"} 3",
		"mxlb_probe_duration_seconds_bucket" OF_MX1 ",le=\"+Inf\"} 7",
		"mxlb_probe_duration_seconds_sum" OF_MX1 "} 44.25",
		"mxlb_probe_duration_seconds_count" OF_MX1 "} 7",
		"mxlb_backend_state_changes_total{service=\"mx-in\",backend=\"mx1\",to=\"down\"} 3",
	};
	struct mxlb_probe_count v4 = {.attempts = {[HEALTH_OK] = 7},
				      .changes = {[HEALTH_DOWN] = 2},
				      .duration = {.bucket = {1, 2, [MXLB_PROBE_BUCKETS - 1] = 4},
						   .sum = 44250000000,
						   .count = 7}};
	struct mxlb_probe_count v6 = {.changes = {[HEALTH_DOWN] = 1}};
	struct snapshot snap = lab_snapshot(*state);
	char *text;

	snap.services[0].backends[0].stats[MXLB_V4] = &v4;
	snap.services[0].backends[0].stats[MXLB_V6] = &v6;
	text = metrics_text(&snap);
	ASSERT_LINES(text, lines);
	free(text);
	lab_snapshot_free(&snap);
}

/* Each backend counts once. */
static void test_states_of_backends(void **state)
{
	static const char *const lines[] = {
		"mxlb_service_backends{service=\"mx-in\",state=\"up\"} 0",
		"mxlb_service_backends{service=\"mx-in\",state=\"degraded\"} 1",
		"mxlb_service_backends{service=\"mx-in\",state=\"down\"} 1",
		"mxlb_service_backends{service=\"mx-in\",state=\"maint\"} 1",
		"mxlb_backend_up{service=\"mx-in\",backend=\"mx1\",family=\"6\"} 0",
		"mxlb_backend_up{service=\"mx-in\",backend=\"mx2\",family=\"4\"} 1",
		"mxlb_backend_up{service=\"mx-in\",backend=\"mx3\",family=\"4\"} 0",
	};
	struct model *model = *state;
	struct snapshot snap = lab_snapshot(model);
	char *text;

	lab_judge(lab_backend(model, "mx-in", "mx1"), MXLB_V6, HEALTH_DOWN, HEALTH_UNREACHABLE);
	lab_backend(model, "mx-in", "mx2")->admin.state = ADMIN_MAINT;
	lab_judge(lab_backend(model, "mx-in", "mx3"), MXLB_V4, HEALTH_DOWN, HEALTH_UNREACHABLE);
	text = metrics_text(&snap);
	ASSERT_LINES(text, lines);
	free(text);
	lab_snapshot_free(&snap);
}

/* mx2 has moved to another address; the one before still has flows. */
static void test_a_successor_of_the_same_name(void **state)
{
	static const char yaml[] = "interfaces: [eth0]\nservices: {mx-in: {address: 192.0.2.25, "
				   "backends: {mx2: {address: 10.0.0.99}}}}\n";
	struct model *model = lab_reload(*state, yaml);
	struct snapshot snap = lab_snapshot(model);
	char *text = metrics_text(&snap);

	*state = model;
	assert_true(model_service_find(model, "mx-in")->n_backends > 1);
	assert_int_equal(count_of(text, "mxlb_backend_up{service=\"mx-in\",backend=\"mx2\""), 1);
	free(text);
	lab_snapshot_free(&snap);
}

static void test_an_interface_that_is_gone(void **state)
{
	struct dataplane_interface odd = {.name = "a\"b\\c", .datapath = CONF_DATAPATH_TC};
	struct snapshot snap = lab_snapshot(*state);
	char *text;

	snap.interfaces[0].interface = &odd;
	text = metrics_text(&snap);
	assert_line(text, "mxlb_interface_attached{interface=\"a\\\"b\\\\c\",mode=\"tc\"} 0");
	free(text);
	lab_snapshot_free(&snap);
}

static void test_status_page(void **state)
{
	struct dataplane_interface odd = {.name = "<b>&\"", .datapath = CONF_DATAPATH_TC};
	struct snapshot snap = lab_snapshot(*state);
	char *text;

	snap.interfaces[0].interface = &odd;
	text = metrics_page(&snap);
	assert_non_null(strstr(text, "mx-in: <span class=up>up</span>"));
	assert_non_null(strstr(text, "<td>mx3</td><td class=ready>ready</td><td class=up>up</td>"));
	assert_non_null(strstr(text, "<td>&lt;b>&amp;&quot;</td>"));
	free(text);
	lab_snapshot_free(&snap);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_every_line_is_a_sample_or_about_one),
		TEST(test_counters_are_there_from_the_start),
		TEST(test_counters_come_through),
		TEST(test_probes),
		TEST(test_states_of_backends),
		TEST(test_a_successor_of_the_same_name),
		TEST(test_an_interface_that_is_gone),
		TEST(test_status_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

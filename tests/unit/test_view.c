/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON documents, each against one written by hand from INTERFACES.md.
 */
/* uses: view.c view_backend.c view_flow.c view_probe.c addr.c verdict.c model.c */
/* uses: model_new.c plan.c */
/* uses: plan_diff.c ring.c conf.c conf_check.c conf_diff.c conf_endpoints.c */
/* uses: conf_fault.c */
/* uses: conf_format.c conf_host.c conf_load.c conf_node.c conf_read.c conf_schema.c */
/* uses: conf_suggest.c conf_text.c conf_value.c conf_yaml.c view_conf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "conf_diff.h"
#include "model_lab.h"
#include "probe.h"
#include "view.h"

/* Takes `got` over. */
static void assert_document(json_t *got, const char *expected)
{
	json_error_t error;
	json_t *want = json_loads(expected, JSON_DECODE_ANY, &error);

	assert_non_null(got);
	if (!want)
		fail_msg("expected document: line %d: %s", error.line, error.text);
	if (!json_equal(got, want)) {
		char *text = json_dumps(got, JSON_INDENT(1) | JSON_DECODE_ANY | JSON_ENCODE_ANY);

		fail_msg("not as expected:\n%s", text);
	}
	json_decref(want);
	json_decref(got);
}

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

/* mx1 of mx-in, with counters. */
static json_t *view_of(struct model *model, const char *service, const char *name)
{
	struct snapshot_backend b = {.backend = lab_backend(model, service, name)};

	b.count[MXLB_V4].connections = 40;
	b.count[MXLB_V6].connections = 1;
	b.load = (struct mxlb_load){.flows = 7, .open = {2, 1}};
	return view_backend(&b);
}

static void test_backend_that_is_well(void **state)
{
	assert_document(
		view_of(*state, "mx-in", "mx1"),
		"{\"schema\":\"mxlb.backend/1\",\"service\":\"mx-in\",\"name\":\"mx1\","
		"\"addresses\":[\"10.0.0.11:25\",\"[fd00::11]:25\"],\"preference\":10,"
		"\"weight\":{\"configured\":100,\"effective\":100},"
		"\"admin\":{\"state\":\"ready\",\"by\":\"\",\"since\":\"2023-11-14T22:13:10Z\","
		"\"message\":\"\"},"
		"\"health\":{\"state\":\"up\",\"reason\":\"ok\",\"since\":\"2023-11-14T22:13:20Z\"}"
		","
		"\"families\":{\"4\":{\"state\":\"up\",\"reason\":\"ok\",\"serving\":true,\"open\":"
		"2},"
		"\"6\":{\"state\":\"up\",\"reason\":\"ok\",\"serving\":true,\"open\":1}},"
		"\"serving\":true,\"connections\":{\"open\":3,\"limit\":90,\"total\":41},"
		"\"probe\":{\"last\":\"2023-11-14T22:13:30Z\",\"ok\":true,\"code\":220,"
		"\"greeting_seconds\":0.0016}}");
}

static void test_backend_drained_with_one_family_down(void **state)
{
	struct model_backend *mx1 = lab_backend(*state, "mx-in", "mx1");

	mx1->admin = (struct admin){.state = ADMIN_DRAIN, .since = LAB_TIME + 1};
	strcpy(mx1->admin.by, "root");
	strcpy(mx1->admin.message, "new disk");
	lab_judge(mx1, MXLB_V6, HEALTH_DOWN, HEALTH_GREETING_TIMEOUT);
	mx1->leg[MXLB_V4].probe.last += 5; /* the good one is later, the bad one is shown */
	lab_plan(*state);
	assert_document(
		view_of(*state, "mx-in", "mx1"),
		"{\"schema\":\"mxlb.backend/1\",\"service\":\"mx-in\",\"name\":\"mx1\","
		"\"addresses\":[\"10.0.0.11:25\",\"[fd00::11]:25\"],\"preference\":10,"
		"\"weight\":{\"configured\":100,\"effective\":0},"
		"\"admin\":{\"state\":\"drain\",\"by\":\"root\",\"since\":\"2023-11-14T22:13:21Z\","
		"\"message\":\"new disk\"},"
		"\"health\":{\"state\":\"degraded\",\"reason\":\"greeting_timeout\","
		"\"since\":\"2023-11-14T22:13:20Z\"},"
		"\"families\":{\"4\":{\"state\":\"up\",\"reason\":\"ok\",\"serving\":false,"
		"\"open\":2},"
		"\"6\":{\"state\":\"down\",\"reason\":\"greeting_timeout\",\"serving\":false,"
		"\"open\":1}},"
		"\"serving\":false,\"connections\":{\"open\":3,\"limit\":90,\"total\":41},"
		"\"probe\":{\"last\":\"2023-11-14T22:13:30Z\",\"ok\":false,\"code\":0,"
		"\"greeting_seconds\":null}}");
}

static void test_backend_before_its_first_probe(void **state)
{
	struct model_backend *mx2 = lab_backend(*state, "mx-in", "mx2");
	json_t *doc;

	mx2->leg[MXLB_V4].verdict = (struct verdict){.state = HEALTH_CHECKING};
	mx2->leg[MXLB_V4].probe = (struct model_probe){.greeting_seconds = -1};
	lab_plan(*state);
	doc = view_of(*state, "mx-in", "mx2");
	assert_document(json_incref(json_object_get(doc, "probe")),
			"{\"last\":null,\"ok\":false,\"code\":0,\"greeting_seconds\":null}");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(doc, "health"), "state")),
		"checking");
	assert_null(json_object_get(json_object_get(doc, "families"), "6"));
	assert_true(json_is_false(json_object_get(doc, "serving")));
	json_decref(doc);
}

/* Sums over families and backends; a VIP that is leaving is not shown. */
static void test_service(void **state)
{
	struct model *model = *state;
	struct snapshot snap = lab_snapshot(model);
	struct snapshot_service *s = &snap.services[0];
	json_t *doc;

	s->count[MXLB_V4] =
		(struct mxlb_service_count){.syns = 50, .connections = 40, .refused = 3};
	s->count[MXLB_V6] = (struct mxlb_service_count){.syns = 9, .connections = 1, .refused = 2};
	s->backends[0].load.open[MXLB_V4] = 2;
	s->backends[0].load.open[MXLB_V6] = 1;
	s->backends[1].load.open[MXLB_V4] = 4;
	model->services[0]->vips[1].is_leaving = true;
	doc = view_service(s);
	assert_int_equal(json_array_size(json_object_get(doc, "backends")), 3);
	json_object_del(doc, "backends");
	assert_document(doc, "{\"schema\":\"mxlb.service/1\",\"name\":\"mx-in\","
			     "\"vips\":[\"192.0.2.25:25\"],\"forward\":\"nat\","
			     "\"scheduler\":\"source\",\"state\":\"up\",\"active_preference\":10,"
			     "\"fail_open\":false,"
			     "\"connections\":{\"open\":7,\"total\":41,\"refused\":5}}");
	lab_snapshot_free(&snap);
}

static void test_service_without_a_backend(void **state)
{
	struct model *model = *state;
	struct snapshot snap;
	json_t *doc;

	lab_judge(model->services[1]->backends[0], MXLB_V4, HEALTH_DOWN, HEALTH_CONNECT_REFUSED);
	lab_plan(model);
	snap = lab_snapshot(model);
	doc = view_service(&snap.services[1]);
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "down");
	assert_true(json_is_null(json_object_get(doc, "active_preference")));
	json_decref(doc);
	lab_snapshot_free(&snap);
}

/* IPv6 still has mx1; IPv4 has come down to the standby. */
static void test_service_whose_families_differ(void **state)
{
	struct model *model = *state;
	struct snapshot snap = lab_snapshot(model);
	json_t *doc;

	lab_judge(lab_backend(model, "mx-in", "mx1"), MXLB_V4, HEALTH_DOWN, HEALTH_UNREACHABLE);
	lab_judge(lab_backend(model, "mx-in", "mx2"), MXLB_V4, HEALTH_DOWN, HEALTH_UNREACHABLE);
	lab_plan(model);
	doc = view_service(&snap.services[0]);
	assert_int_equal(json_integer_value(json_object_get(doc, "active_preference")), 10);
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "degraded");
	json_decref(doc);
	lab_snapshot_free(&snap);
}

static void test_status(void **state)
{
	struct snapshot snap = lab_snapshot(*state);
	json_t *doc;

	snap.tallies = (struct mxlb_tallies){.established = 3, .half_open = 1, .entries = 6};
	doc = view_status(&snap);
	assert_int_equal(json_array_size(json_object_get(doc, "services")), 2);
	json_object_del(doc, "services");
	assert_document(doc,
			"{\"schema\":\"mxlb.status/1\",\"version\":\"" MXLB_VERSION "\","
			"\"uptime_seconds\":12.5,\"config\":{\"path\":\"/etc/mxlb/mxlb.yaml\","
			"\"ok\":true,\"loaded\":\"2023-11-14T22:13:20Z\"},"
			"\"interfaces\":[{\"name\":\"eth0\",\"datapath\":\"xdp\",\"note\":\"\"},"
			"{\"name\":\"eth1\",\"datapath\":\"tc\",\"note\":\"as configured\"}],"
			"\"flows\":{\"established\":3,\"half_open\":1,\"entries\":6,"
			"\"max\":262144}}");
	lab_snapshot_free(&snap);
}

/* A drain is wanted and does not count, a standby that is down does. */
static void test_what_is_well(void **state)
{
	struct model *model = *state;
	struct snapshot snap = lab_snapshot(model);

	assert_true(view_is_well(&snap));
	lab_backend(model, "mx-in", "mx2")->admin.state = ADMIN_DRAIN;
	lab_plan(model);
	assert_true(view_is_well(&snap));
	lab_judge(lab_backend(model, "mx-in", "mx3"), MXLB_V4, HEALTH_DOWN, HEALTH_UNREACHABLE);
	lab_plan(model);
	assert_false(view_is_well(&snap));
	lab_snapshot_free(&snap);
}

static json_t *flow_document(const struct model *model, const struct mxlb_flow_key *key,
			     const struct mxlb_flow *flow, uint64_t now_ns)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	json_t *doc;

	view_flow(out, model, key, flow, now_ns);
	assert_int_equal(fclose(out), 0);
	doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	return doc;
}

static void test_flow(void **state)
{
	struct model *model = *state;
	struct mxlb_flow_key key = {.client_port = __builtin_bswap16(51514),
				    .vip = model->services[0]->vips[1].id};
	struct mxlb_flow flow = {
		.created = 1000000000,
		.seen = 3337, /* ticks of 1.048576 ms: 3.499 s */
		.state = MXLB_FLOW_ESTABLISHED,
		.backend = lab_backend(model, "mx-in", "mx2")->id,
		.service = model->services[0]->id,
		.bytes_in = 2100,
		.bytes_out = 900,
	};

	memcpy(key.client.b, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
	assert_document(flow_document(model, &key, &flow, 4000000000),
			"{\"schema\":\"mxlb.flow/1\",\"service\":\"mx-in\","
			"\"client\":\"[2001:db8::7]:51514\",\"vip\":\"[2001:db8::25]:25\","
			"\"backend\":\"mx2\",\"state\":\"established\",\"age_seconds\":3.0,"
			"\"idle_seconds\":0.5,\"bytes_in\":2100,\"bytes_out\":900}");
}

/* Ids that have just left, a clock read before the flow's last packet. */
static void test_flow_of_strangers(void **state)
{
	struct mxlb_flow_key key = {.client = {.b = {[10] = 255, 255, 203, 0, 113, 7}}};
	struct mxlb_flow flow = {
		.created = 10, .seen = 1, .state = 9, .backend = 99, .service = 99};

	assert_document(flow_document(*state, &key, &flow, 5),
			"{\"schema\":\"mxlb.flow/1\",\"service\":\"\",\"client\":\"203.0.113.7:0\","
			"\"vip\":\"\",\"backend\":\"\",\"state\":\"\",\"age_seconds\":0.0,"
			"\"idle_seconds\":0.0,\"bytes_in\":0,\"bytes_out\":0}");
}

/* The tick of its last packet was 256 before they went round, and now is 256 after. */
static void test_flow_whose_ticks_have_gone_round(void **state)
{
	struct mxlb_flow_key key = {0};
	struct mxlb_flow flow = {.seen = 0xffffff00};
	json_t *doc = flow_document(*state, &key, &flow, (1ull << 52) + (256ull << 20) + 99);

	assert_document(json_incref(json_object_get(doc, "idle_seconds")), "0.536");
	json_decref(doc);
}

static void test_probe(void **state)
{
	static char greeting[] = "220 mx3 ESMTP", quit[] = "QUIT", binary[] = "221 \xff\xfe";
	struct probe_line lines[] = {
		{0.5, true, greeting}, {0.75, false, quit}, {1.0, true, binary}};
	struct probe_result result = {.reason = HEALTH_OK,
				      .code = 220,
				      .greeting_seconds = 0.5,
				      .duration_seconds = 1.25,
				      .lines = lines,
				      .n_lines = 3};

	assert_document(view_probe(lab_backend(*state, "mx-in", "mx3"), MXLB_V4, &result),
			"{\"schema\":\"mxlb.probe/1\",\"service\":\"mx-in\",\"backend\":\"mx3\","
			"\"address\":\"10.0.0.13:25\",\"ok\":true,\"reason\":\"ok\",\"code\":220,"
			"\"greeting_seconds\":0.5,\"duration_seconds\":1.25,\"dialogue\":["
			"{\"seconds\":0.5,\"from\":\"server\",\"text\":\"220 mx3 ESMTP\"},"
			"{\"seconds\":0.75,\"from\":\"client\",\"text\":\"QUIT\"},"
			"{\"seconds\":1.0,\"from\":\"server\",\"text\":\"221 ??\"}]}");
}

static void test_probe_that_never_connected(void **state)
{
	struct probe_result result = {
		.reason = HEALTH_CONNECT_REFUSED, .greeting_seconds = -1, .duration_seconds = 0.25};

	assert_document(view_probe(lab_backend(*state, "mx-in", "mx1"), MXLB_V6, &result),
			"{\"schema\":\"mxlb.probe/1\",\"service\":\"mx-in\",\"backend\":\"mx1\","
			"\"address\":\"[fd00::11]:25\",\"ok\":false,"
			"\"reason\":\"connect_refused\",\"code\":0,\"greeting_seconds\":null,"
			"\"duration_seconds\":0.25,\"dialogue\":[]}");
}

static void test_config_in_force(void **state)
{
	struct model *model = *state;
	json_t *doc = view_conf(model->conf);
	json_t *services = json_object_get(doc, "services");

	assert_document(json_incref(json_object_get(services, "mx-out")),
			"{\"address\":[\"192.0.2.26\"],\"port\":25,\"forward\":\"nat\","
			"\"scheduler\":\"source\",\"affinity\":{\"ipv4_prefix\":24,"
			"\"ipv6_prefix\":64,\"load_factor\":1.25},\"unavailable\":\"reset\","
			"\"on_down\":\"auto\",\"slow_start\":\"1m\",\"hold_down\":\"10s\","
			"\"probe\":\"smtp\",\"backends\":{\"mx1\":{\"address\":[\"10.0.0.11\"],"
			"\"port\":25,\"preference\":10,\"weight\":100,\"max_connections\":0}},"
			"\"mx\":null,\"a\":null}");
	json_object_del(doc, "services");
	json_object_del(doc, "probes");
	assert_document(
		doc,
		"{\"datapath\":\"auto\",\"interfaces\":[{\"name\":\"eth0\",\"datapath\":\"auto\"},"
		"{\"name\":\"eth1\",\"datapath\":\"tc\"}],\"flows\":{\"max\":262144,"
		"\"half_open\":65536,\"idle_timeout\":\"15m\",\"half_open_timeout\":\"1m\","
		"\"closed_timeout\":\"30s\"},\"hash_seed\":0,\"vip_interface\":null,"
		"\"control\":{\"socket\":\"/run/mxlb/control.sock\",\"group\":\"mxlb\"},"
		"\"metrics\":{\"listen\":[\"127.0.0.1:9725\"]},\"log\":{\"level\":\"info\","
		"\"format\":\"text\",\"connections\":\"none\"},\"pin_dir\":\"/sys/fs/bpf/mxlb\","
		"\"state_dir\":\"/var/lib/mxlb\",\"resolver\":{\"servers\":[],"
		"\"refresh_min\":\"30s\"}}");
}

static void test_metrics_off_is_said_as_in_the_file(void **state)
{
	static const char yaml[] =
		"interfaces: [eth0]\nmetrics: off\n"
		"services: {s: {address: 192.0.2.1, backends: {b: {address: 10.0.0.1}}}}\n";
	struct conf *conf = lab_conf(yaml);
	json_t *doc = view_conf(conf);

	assert_document(json_incref(json_object_get(doc, "metrics")), "\"off\"");
	json_decref(doc);
	conf_free(conf);
}

static void test_config_changes(void **state)
{
	static char name[] = "mx-in/mx2", text[] = "weight 100 -> 50";
	struct conf_change items[] = {{CONF_OP_CHANGE, "backend", name, text}};
	struct conf_changes changes = {items, 1};

	assert_document(view_changes(&changes, false),
			"{\"changes\":[{\"op\":\"change\",\"object\":\"backend\","
			"\"name\":\"mx-in/mx2\",\"text\":\"weight 100 -> 50\"}],"
			"\"needs_restart\":false}");
	changes.n = 0;
	assert_document(view_changes(&changes, true), "{\"changes\":[],\"needs_restart\":true}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_backend_that_is_well),
		TEST(test_backend_drained_with_one_family_down),
		TEST(test_backend_before_its_first_probe),
		TEST(test_service),
		TEST(test_service_without_a_backend),
		TEST(test_service_whose_families_differ),
		TEST(test_status),
		TEST(test_what_is_well),
		TEST(test_flow),
		TEST(test_flow_of_strangers),
		TEST(test_flow_whose_ticks_have_gone_round),
		TEST(test_probe),
		TEST(test_probe_that_never_connected),
		TEST(test_config_in_force),
		TEST(test_metrics_off_is_said_as_in_the_file),
		TEST(test_config_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

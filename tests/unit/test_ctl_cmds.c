/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands, asked in JSON as a client does, over a model that stands still. The
 * maps, the probes and apply are played here.
 */
/* uses: ctl_cmds.c ctl_admin.c ctl_backend.c ctl_config.c ctl_flow.c ctl_probe.c */
/* uses: ctl_reply.c */
/* uses: ctl_request.c ctl_targets.c observe.c log.c metrics_text.c metrics_daemon.c */
/* uses: metrics_service.c metrics_backend.c view.c view_backend.c view_flow.c */
/* uses: view_probe.c */
/* uses: view_conf.c addr.c verdict.c model.c model_new.c plan.c plan_diff.c ring.c */
/* uses: conf.c */
/* uses: conf_check.c conf_diff.c conf_endpoints.c conf_fault.c conf_format.c */
/* uses: conf_host.c */
/* uses: conf_load.c conf_node.c conf_read.c conf_schema.c conf_suggest.c */
/* uses: conf_text.c */
/* uses: conf_value.c conf_yaml.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "apply.h"
#include "ctl_cmds.h"
#include "ctl_peer.h"
#include "ctl_reply.h"
#include "ctl_request.h"
#include "clock.h"
#include "daemon.h"
#include "dpmaps.h"
#include "log.h"
#include "model_lab.h"
#include "probe.h"

struct probe {
	struct probe_spec spec;
	bool is_running;
};

/* What the played parts have been told to do, and what they were asked. */
static struct {
	int admin_err[8]; /* of the i-th apply_admin */
	unsigned n_admin;
	bool reload_fails;
	struct probe probes[8];
	unsigned n_probes, n_cancelled;
	int probe_err; /* of the second probe_start */
} play;

static struct daemon daemon_;
static char config_path[] = "/tmp/mxlb-test-XXXXXX";
static struct ctl_peer peer = {.name = "root", .is_allowed = true};
static json_t *answer; /* the last reply */

/* ---- the played parts --------------------------------------------------------- */

const double health_buckets[MXLB_PROBE_BUCKETS - 1] = {0};

uint64_t clock_now_ms(void)
{
	return LAB_NOW_MS;
}

const struct mxlb_probe_count *health_count(const struct health *health,
					    const struct model_backend *backend,
					    enum mxlb_family family)
{
	return NULL;
}

bool health_probe_is_on_way(struct daemon *daemon, uint32_t vip, const struct mxlb_endpoint *local)
{
	return !vip;
}

const struct dataplane_interface *dataplane_interfaces(const struct dataplane *plane, size_t *n)
{
	*n = 2;
	return lab_interfaces;
}

int dpmaps_service_count(struct dpmaps *maps, uint32_t service, enum mxlb_family family,
			 struct mxlb_service_count *sum)
{
	*sum = (struct mxlb_service_count){.connections = 20};
	return 0;
}

int dpmaps_backend_count(struct dpmaps *maps, uint32_t backend, enum mxlb_family family,
			 struct mxlb_backend_count *sum)
{
	return -ENOENT;
}

int dpmaps_drops(struct dpmaps *maps, __u32 reason, __u64 *sum)
{
	*sum = 0;
	return 0;
}

int dpmaps_interface_count(struct dpmaps *maps, unsigned ifindex, struct mxlb_interface_count *sum)
{
	*sum = (struct mxlb_interface_count){0};
	return 0;
}

int dpmaps_load(struct dpmaps *maps, uint32_t backend, struct mxlb_load *load)
{
	*load = (struct mxlb_load){.open = {1, 0}};
	return 0;
}

int dpmaps_tallies(struct dpmaps *maps, struct mxlb_tallies *tallies)
{
	*tallies = (struct mxlb_tallies){.established = 3};
	return 0;
}

int dpmaps_events_fd(struct dpmaps *maps)
{
	return -ENOSYS;
}

int dpmaps_events_drain(struct dpmaps *maps, dpmaps_event_fn fn, void *arg)
{
	return -ENOSYS;
}

/* Five flows: four of mx-in, one of mx-out. */
int dpmaps_flows(struct dpmaps *maps, dpmaps_flow_fn fn, void *arg)
{
	static const struct {
		unsigned last; /* of 203.0.113.0/24; 0: IPv6 */
		const char *service, *backend;
		enum mxlb_flow_state state;
	} rows[] = {
		{7, "mx-in", "mx1", MXLB_FLOW_ESTABLISHED},
		{8, "mx-in", "mx1", MXLB_FLOW_HALF_OPEN},
		{130, "mx-in", "mx2", MXLB_FLOW_ESTABLISHED},
		{0, "mx-in", "mx2", MXLB_FLOW_CLOSING},
		{7, "mx-out", "mx1", MXLB_FLOW_ESTABLISHED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct model_service *service =
			model_service_find(daemon_.model, rows[i].service);
		struct mxlb_flow flow = {
			.state = rows[i].state,
			.service = (__u16)service->id,
			.backend = (__u16)model_backend_find(service, rows[i].backend)->id};
		struct mxlb_flow_key key = {
			.client = {.b = {[10] = 255, 255, 203, 0, 113, (__u8)rows[i].last}},
			.vip = (__u16)service->vips[0].id};

		if (!rows[i].last)
			memcpy(key.client.b, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
		if (!fn(&key, &flow, arg))
			return 0;
	}
	return 0;
}

int apply_admin(struct daemon *daemon, struct model_backend *backend, const struct admin *admin)
{
	backend->admin = *admin;
	lab_plan(daemon->model);
	return play.admin_err[play.n_admin++ % 8];
}

int apply_reload(struct daemon *daemon, char **why)
{
	if (!play.reload_fails)
		return 0;
	*why = mem_dup("/x.yaml:1:2: a: wrong; right\n/x.yaml:2:2: b: wrong; right");
	return -EINVAL;
}

int probe_start(struct event_base *base, const struct probe_spec *spec, struct probe **probe)
{
	if (play.n_probes == 1 && play.probe_err)
		return play.probe_err;
	*probe = &play.probes[play.n_probes++];
	**probe = (struct probe){.spec = *spec, .is_running = true};
	return 0;
}

void probe_cancel(struct probe *probe)
{
	play.n_cancelled += probe != NULL;
	if (probe)
		probe->is_running = false;
}

/* ---- asking ------------------------------------------------------------------- */

static void answered(char *text, size_t len, void *arg)
{
	assert_null(answer);
	assert_int_equal(text[len - 1], '\n');
	answer = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(answer);
	free(text);
}

static struct ctl_reply reply;

static void forget_answer(void)
{
	json_decref(answer);
	answer = NULL;
}

/* Sends a request; its reply is in `answer`, if it has come. */
static void ask(const char *text)
{
	struct ctl_request request;
	char why[256];

	forget_answer();
	reply = (struct ctl_reply){.done = answered};
	if (ctl_request_parse(text, strlen(text), &request, why, sizeof(why)))
		fail_msg("%s", why);
	ctl_run(&daemon_, &peer, &request, &reply);
	ctl_request_free(&request);
}

static int exit_code(void)
{
	assert_non_null(answer);
	return (int)json_integer_value(json_object_get(answer, "exit"));
}

static const json_t *data(void)
{
	return json_object_get(answer, "data");
}

static const char *error(void)
{
	const char *text = json_string_value(json_object_get(answer, "error"));

	return text ? text : "";
}

static enum admin_state admin_of(const char *service, const char *name)
{
	return lab_backend(daemon_.model, service, name)->admin.state;
}

static int setup(void **state)
{
	int fd;

	memset(&play, 0, sizeof(play));
	peer.uid = 0;
	strcpy(config_path + strlen(config_path) - 6, "XXXXXX");
	fd = mkstemp(config_path);
	if (fd < 0 || write(fd, lab_yaml, strlen(lab_yaml)) < 0)
		return -1;
	(void)close(fd);
	daemon_ = (struct daemon){.model = lab_model(),
				  .config_path = config_path,
				  .config_loaded = LAB_TIME,
				  .config_ok = true,
				  .helo = "lb1.example.net"};
	return 0;
}

static int teardown(void **state)
{
	(void)unlink(config_path);
	forget_answer();
	model_free(daemon_.model);
	return 0;
}

/* ---- rows --------------------------------------------------------------------- */

struct row {
	const char *request;
	int exit;
	const char *says; /* part of the error, or of the data */
};

static void assert_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *text;

		ask(rows[i].request);
		text = json_dumps(answer, JSON_COMPACT);
		if (exit_code() != rows[i].exit || !strstr(text, rows[i].says))
			fail_msg("%s\n got: %s", rows[i].request, text);
		free(text);
	}
}

#define ASSERT_ROWS(rows) assert_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_what_is_shown(void **state)
{
	static const struct row rows[] = {
		{"{\"argv\":[\"status\"]}", 0, "mxlb.status/1"},
		{"{\"argv\":[\"service\",\"list\"]}", 0, "\"data\":[{\"schema\":\"mxlb.service/1"},
		{"{\"argv\":[\"service\",\"show\",\"mx-out\"]}", 0, "\"name\":\"mx-out\""},
		{"{\"argv\":[\"service\",\"show\",\"mx\"]}", 4, "mx: no such service; "},
		{"{\"argv\":[\"backend\",\"show\",\"mx9\"]}", 4, "mx9: no such backend; "},
		{"{\"argv\":[\"backend\",\"list\",\"mx\"]}", 4, "no such service"},
		{"{\"argv\":[\"config\",\"show\"]}", 0, "\"idle_timeout\":\"15m\""},
		{"{\"argv\":[\"metrics\"]}", 0, "# HELP mxlb_build_info"},
		{"{\"argv\":[\"version\"]}", 0, "\"abi\":2,\"kernel\":"},
	};

	ASSERT_ROWS(rows);
}

static void test_lists_of_backends(void **state)
{
	static const struct {
		const char *request;
		size_t n;
	} rows[] = {
		{"{\"argv\":[\"backend\",\"list\"]}", 4},
		{"{\"argv\":[\"backend\",\"list\",\"mx-in\"]}", 3},
		{"{\"argv\":[\"backend\",\"list\"],\"options\":{\"service\":\"mx-out\"}}", 1},
		{"{\"argv\":[\"backend\",\"show\",\"mx1\"]}", 2},
		{"{\"argv\":[\"backend\",\"show\",\"mx1\"],\"options\":{\"service\":\"mx-in\"}}",
		 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(rows[i].request);
		assert_int_equal(exit_code(), 0);
		assert_int_equal(json_array_size(data()), rows[i].n);
	}
}

static void test_status_says_what_is_wrong_by_its_exit(void **state)
{
	lab_judge(lab_backend(daemon_.model, "mx-in", "mx3"), MXLB_V4, HEALTH_DOWN,
		  HEALTH_GREETING_TIMEOUT);
	lab_plan(daemon_.model);
	ask("{\"argv\":[\"status\"]}");
	assert_int_equal(exit_code(), 1);
	assert_non_null(data());
}

static void test_what_is_refused(void **state)
{
	static const struct row rows[] = {
		{"{\"argv\":[\"backend\",\"explode\",\"mx1\"]}", 2,
		 "backend explode: unknown command; known are: status, service list"},
		{"{\"argv\":[\"backend\"]}", 2, "backend: unknown command"},
		{"{\"argv\":[\"status\",\"now\"]}", 2, "status: wrong arguments; give: none"},
		{"{\"argv\":[\"backend\",\"drain\"]}", 2, "wrong arguments; give: NAME"},
		{"{\"argv\":[\"status\"],\"options\":{\"force\":true}}", 2,
		 "status: unknown option --force; it takes: none"},
		{"{\"argv\":[\"backend\",\"drain\",\"mx2\"],\"options\":{\"forc\":true}}", 2,
		 "unknown option --forc"},
		{"{\"argv\":[\"backend\",\"weight\",\"mx2\",\"1001\"]}", 2, "weight 1001: "},
		{"{\"argv\":[\"backend\",\"weight\",\"mx2\",\"-1\"]}", 2, "weight -1: "},
		{"{\"argv\":[\"backend\",\"weight\",\"mx2\",\"%\"]}", 2, "weight %: "},
		{"{\"argv\":[\"backend\",\"weight\",\"mx2\",\"1001%\"]}", 2, "weight 1001%: "},
		{"{\"argv\":[\"backend\",\"weight\",\"mx2\",\"\"]}", 2, "weight : "},
		{"{\"argv\":[\"flow\",\"list\"],\"options\":{\"client\":\"10.0.0.0/33\"}}", 2,
		 "--client 10.0.0.0/33: "},
		{"{\"argv\":[\"flow\",\"list\"],\"options\":{\"state\":\"open\"}}", 2,
		 "--state open: is not accepted; give half_open, established or closing"},
		{"{\"argv\":[\"flow\",\"list\"],\"options\":{\"limit\":\"0\"}}", 2, "--limit 0: "},
		{"{\"argv\":[\"flow\",\"list\"],\"options\":{\"backend\":\"mx9\"}}", 4,
		 "mx9: no such"},
		{"{\"argv\":[\"flow\",\"count\"],\"options\":{\"service\":\"x\"}}", 4,
		 "x: no such"},
	};

	ASSERT_ROWS(rows);
	assert_int_equal(play.n_admin, 0);
}

static void test_a_message_that_is_too_long(void **state)
{
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"{\"argv\":[\"backend\",\"drain\",\"mx2\"],\"options\":{\"message\":\"%0256d\"}}",
		0);
	ask(text);
	assert_int_equal(exit_code(), 2);
	assert_string_equal(error(), "message: too long; give at most 255 bytes");
	assert_int_equal(play.n_admin, 0);
}

/* ---- changes ------------------------------------------------------------------ */

static void test_drain_and_ready(void **state)
{
	const struct admin *admin = &lab_backend(daemon_.model, "mx-in", "mx2")->admin;

	ask("{\"argv\":[\"backend\",\"drain\",\"mx2\"],\"options\":{\"message\":\"new disk\"}}");
	assert_int_equal(exit_code(), 0);
	assert_int_equal(admin->state, ADMIN_DRAIN);
	assert_string_equal(admin->by, "root");
	assert_string_equal(admin->message, "new disk");
	assert_true(admin->since > LAB_TIME);
	assert_int_equal(json_array_size(data()), 1);
	ask("{\"argv\":[\"backend\",\"ready\",\"mx2\"]}");
	assert_int_equal(admin->state, ADMIN_READY);
	assert_string_equal(admin->message, "");
}

static void test_a_change_means_every_service(void **state)
{
	ask("{\"argv\":[\"backend\",\"drain\",\"mx1\"],\"options\":{\"force\":true}}");
	assert_int_equal(exit_code(), 0);
	assert_int_equal(json_array_size(data()), 2);
	assert_int_equal(admin_of("mx-in", "mx1"), ADMIN_DRAIN);
	assert_int_equal(admin_of("mx-out", "mx1"), ADMIN_DRAIN);
}

/* mx1 is one of three in mx-in, but all that mx-out has. */
static void test_the_last_backend_of_any_service_stops_all(void **state)
{
	static const struct row rows[] = {
		{"{\"argv\":[\"backend\",\"drain\",\"mx1\"]}", 6,
		 "mx-out/mx1: is the last usable backend"},
		{"{\"argv\":[\"backend\",\"maint\",\"mx1\"]}", 6, "--force"},
		{"{\"argv\":[\"backend\",\"weight\",\"mx1\",\"0\"]}", 6, "last"},
		{"{\"argv\":[\"backend\",\"weight\",\"mx1\",\"0%\"]}", 6, "last"},
		{"{\"argv\":[\"backend\",\"drain\",\"mx1\"],\"options\":{\"dry-run\":true}}", 6,
		 "last"},
		{"{\"argv\":[\"backend\",\"drain\",\"mx1\"],\"options\":{\"service\":\"mx-out\"}}",
		 6, "last"},
	};

	ASSERT_ROWS(rows);
	assert_int_equal(play.n_admin, 0);
	ask("{\"argv\":[\"backend\",\"drain\",\"mx1\"],\"options\":{\"service\":\"mx-in\"}}");
	assert_int_equal(exit_code(), 0);
	assert_int_equal(admin_of("mx-out", "mx1"), ADMIN_READY);
}

/* mx3 is only a standby, and serves when nobody else does. */
static void test_a_healthy_standby_counts_as_usable(void **state)
{
	struct model_backend *mx3 = lab_backend(daemon_.model, "mx-in", "mx3");

	lab_backend(daemon_.model, "mx-in", "mx1")->admin.state = ADMIN_DRAIN;
	ask("{\"argv\":[\"backend\",\"drain\",\"mx2\"]}");
	assert_int_equal(exit_code(), 0);
	ask("{\"argv\":[\"backend\",\"ready\",\"mx2\"]}");
	lab_judge(mx3, MXLB_V4, HEALTH_DOWN, HEALTH_UNREACHABLE);
	ask("{\"argv\":[\"backend\",\"drain\",\"mx2\"]}");
	assert_int_equal(exit_code(), 6);
}

/* What serves no one can be taken away. */
static void test_a_backend_that_is_down_is_not_the_last(void **state)
{
	lab_judge(lab_backend(daemon_.model, "mx-out", "mx1"), MXLB_V4, HEALTH_DOWN,
		  HEALTH_CONNECT_REFUSED);
	lab_plan(daemon_.model);
	ask("{\"argv\":[\"backend\",\"maint\",\"mx1\"],\"options\":{\"service\":\"mx-out\"}}");
	assert_int_equal(exit_code(), 0);
}

static void test_a_backend_that_fails_open_can_be_the_last(void **state)
{
	lab_judge(lab_backend(daemon_.model, "mx-out", "mx1"), MXLB_V4, HEALTH_DOWN,
		  HEALTH_GREETING_5XX);
	lab_plan(daemon_.model);
	ask("{\"argv\":[\"backend\",\"maint\",\"mx1\"],\"options\":{\"service\":\"mx-out\"}}");
	assert_int_equal(exit_code(), 6);
}

static void test_weight(void **state)
{
	const struct model_backend *mx2 = lab_backend(daemon_.model, "mx-in", "mx2");

	ask("{\"argv\":[\"backend\",\"weight\",\"mx2\",\"50%\"]}");
	assert_int_equal(exit_code(), 0);
	assert_int_equal(mx2->admin.weight_kind, WEIGHT_PERCENT);
	assert_int_equal(mx2->admin.weight, 50);
	ask("{\"argv\":[\"backend\",\"weight\",\"mx2\",\"7\"]}");
	assert_int_equal(mx2->admin.weight_kind, WEIGHT_ABSOLUTE);
	assert_int_equal(model_backend_weight(mx2), 7);
	ask("{\"argv\":[\"backend\",\"weight\",\"mx2\",\"reset\"]}");
	assert_int_equal(model_backend_weight(mx2), 100);
	assert_int_equal(mx2->admin.state, ADMIN_READY);
}

static void test_a_weight_does_not_hide_who_drained(void **state)
{
	const struct admin *admin = &lab_backend(daemon_.model, "mx-in", "mx2")->admin;

	ask("{\"argv\":[\"backend\",\"drain\",\"mx2\"],\"options\":{\"message\":\"new disk\"}}");
	strcpy(peer.name, "eve");
	ask("{\"argv\":[\"backend\",\"weight\",\"mx2\",\"7\"]}");
	strcpy(peer.name, "root");
	assert_int_equal(admin->state, ADMIN_DRAIN);
	assert_string_equal(admin->by, "root");
	assert_string_equal(admin->message, "new disk");
}

static void test_dry_run_says_and_does_not(void **state)
{
	static const struct row rows[] = {
		{"{\"argv\":[\"backend\",\"drain\",\"mx2\"],\"options\":{\"dry-run\":true}}", 0,
		 "{\"dry_run\":true,\"changes\":[{\"service\":\"mx-in\",\"backend\":\"mx2\","
		 "\"text\":\"ready -> drain\"}]}"},
		{"{\"argv\":[\"backend\",\"weight\",\"mx2\",\"50%\"],\"options\":{\"dry-run\":true}"
		 "}",
		 0, "\"text\":\"weight 100 -> 50\""},
		{"{\"argv\":[\"backend\",\"ready\",\"mx2\"],\"options\":{\"dry-run\":true}}", 0,
		 "\"text\":\"no change\""},
	};

	ASSERT_ROWS(rows);
	assert_int_equal(play.n_admin, 0);
}

/* The second of two fails: the first is taken back. */
static void test_all_or_none(void **state)
{
	play.admin_err[1] = -EPERM;
	ask("{\"argv\":[\"backend\",\"maint\",\"mx1\"],\"options\":{\"force\":true}}");
	assert_int_equal(exit_code(), 2);
	assert_int_equal(admin_of("mx-in", "mx1"), ADMIN_READY);
	assert_int_equal(admin_of("mx-out", "mx1"), ADMIN_READY);
	assert_int_equal(play.n_admin, 4);
}

/* A full disk must not keep anyone from draining. */
static void test_a_change_that_could_not_be_saved_stands(void **state)
{
	play.admin_err[0] = -EIO;
	ask("{\"argv\":[\"backend\",\"maint\",\"mx2\"]}");
	assert_int_equal(exit_code(), 1);
	assert_non_null(strstr(error(), "in force, but not saved"));
	assert_int_equal(admin_of("mx-in", "mx2"), ADMIN_MAINT);
}

static void test_a_backend_that_has_left(void **state)
{
	static const char yaml[] = "interfaces: [eth0]\nservices: {mx-in: {address: 192.0.2.25, "
				   "backends: {mx2: {address: 10.0.0.12}}}}\n";

	daemon_.model = lab_reload(daemon_.model, yaml);
	ask("{\"argv\":[\"backend\",\"drain\",\"mx3\"]}");
	assert_int_equal(exit_code(), 2);
	assert_non_null(strstr(error(), "mx-in/mx3: has left the config"));
}

/* ---- flows -------------------------------------------------------------------- */

static void test_flow_filters(void **state)
{
	static const struct {
		const char *options;
		json_int_t count;
	} rows[] = {
		{"", 5},
		{"\"client\":\"203.0.113.7\"", 2},
		{"\"client\":\"203.0.113.0/25\"", 3},
		{"\"client\":\"2001:db8::/32\"", 1},
		{"\"client\":\"0.0.0.0/0\"", 4},
		{"\"service\":\"mx-in\"", 4},
		{"\"backend\":\"mx1\"", 3},
		{"\"backend\":\"mx1\",\"service\":\"mx-in\"", 2},
		{"\"state\":\"established\"", 3},
		{"\"state\":\"closing\",\"backend\":\"mx1\"", 0},
		{"\"limit\":\"2\"", 2},
	};
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(text, sizeof(text),
			       "{\"argv\":[\"flow\",\"count\"],\"options\":{%s}}", rows[i].options);
		ask(text);
		assert_int_equal(exit_code(), 0);
		assert_int_equal(json_integer_value(json_object_get(data(), "count")),
				 rows[i].count);
		(void)snprintf(text, sizeof(text),
			       "{\"argv\":[\"flow\",\"list\"],\"options\":{%s}}", rows[i].options);
		ask(text);
		assert_int_equal(json_array_size(data()), rows[i].count);
	}
}

/* ---- probes ------------------------------------------------------------------- */

static void probe_ends(unsigned i, enum health_reason reason)
{
	struct probe_result result = {.reason = reason, .greeting_seconds = -1};

	play.probes[i].is_running = false;
	play.probes[i].spec.on_done(&result, play.probes[i].spec.arg);
}

static void test_probe_of_one_address(void **state)
{
	ask("{\"argv\":[\"probe\",\"mx2\"]}");
	assert_null(answer);
	assert_int_equal(play.n_probes, 1);
	assert_string_equal(play.probes[0].spec.helo, "lb1.example.net");
	assert_int_equal(play.probes[0].spec.port, __builtin_bswap16(25));
	probe_ends(0, HEALTH_OK);
	assert_int_equal(exit_code(), 0);
	assert_true(json_is_object(data()));
	assert_int_equal(play.n_cancelled, 0);
	assert_null(reply.cancel);
}

/* In the order of services and families, whatever the order in which they end; and
 * over a reload, which frees the model. */
static void test_probe_of_several_addresses(void **state)
{
	ask("{\"argv\":[\"probe\",\"mx1\"],\"options\":{\"verbose\":true}}");
	assert_int_equal(play.n_probes, 3);
	daemon_.model = lab_reload(daemon_.model, lab_yaml);
	assert_int_equal(play.probes[1].spec.conf->connect_timeout_ms, 2000);
	probe_ends(1, HEALTH_CONNECT_REFUSED);
	probe_ends(2, HEALTH_OK);
	assert_null(answer);
	probe_ends(0, HEALTH_OK);
	assert_int_equal(exit_code(), 1);
	assert_int_equal(json_array_size(data()), 3);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(data(), 1), "address")),
		"[fd00::11]:25");
}

static void test_probe_when_the_client_has_gone(void **state)
{
	ask("{\"argv\":[\"probe\",\"mx1\"]}");
	probe_ends(0, HEALTH_OK);
	assert_non_null(reply.cancel);
	reply.cancel(reply.cancel_arg);
	assert_int_equal(play.n_cancelled, 2);
	assert_null(answer);
}

static void test_probe_that_cannot_start(void **state)
{
	play.probe_err = -EADDRNOTAVAIL;
	ask("{\"argv\":[\"probe\",\"mx1\"]}");
	assert_int_equal(exit_code(), 2);
	assert_int_equal(play.n_cancelled, 1);
}

/* ---- configuration ------------------------------------------------------------- */

static void config_write(const char *text)
{
	FILE *file = fopen(config_path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void test_config_diff(void **state)
{
	ask("{\"argv\":[\"config\",\"diff\"]}");
	assert_int_equal(exit_code(), 0);
	assert_int_equal(json_array_size(json_object_get(data(), "changes")), 0);
	config_write("interfaces: [eth0]\nhash_seed: 7\n"
		     "services: {s: {address: 192.0.2.1, backends: {b: {address: 10.0.0.1}}}}\n");
	ask("{\"argv\":[\"config\",\"diff\"]}");
	assert_int_equal(exit_code(), 1);
	assert_true(json_is_true(json_object_get(data(), "needs_restart")));
	config_write("interfaces: [eth0\n");
	ask("{\"argv\":[\"config\",\"diff\"]}");
	assert_int_equal(exit_code(), 2);
	assert_non_null(strstr(error(), "\n/tmp/mxlb-test-"));
}

/* Errors quote the file, and we read as root. */
static void test_config_diff_of_another_file(void **state)
{
	static const struct row rows[] = {
		{"{\"argv\":[\"config\",\"diff\",\"/etc/shadow\"]}", 2, "only root"},
		{"{\"argv\":[\"config\",\"diff\",\"mxlb.yaml\"]}", 2, "not an absolute path"},
		{"{\"argv\":[\"config\",\"diff\"]}", 0, "\"changes\":[]"},
	};

	peer.uid = 1000;
	ASSERT_ROWS(rows);
	peer.uid = 0;
	ask("{\"argv\":[\"config\",\"diff\",\"/nonexistent.yaml\"]}");
	assert_int_equal(exit_code(), 2);
	assert_non_null(strstr(error(), "/nonexistent.yaml"));
}

static void test_config_reload(void **state)
{
	ask("{\"argv\":[\"config\",\"reload\"]}");
	assert_int_equal(exit_code(), 0);
	play.reload_fails = true;
	ask("{\"argv\":[\"config\",\"reload\"]}");
	assert_int_equal(exit_code(), 2);
	assert_non_null(strstr(error(), "stays in force"));
	assert_non_null(strstr(error(), "\n/x.yaml:1:2: a: wrong; right\n/x.yaml:2:2: b:"));
}

/* ---- requests ------------------------------------------------------------------ */

static void test_requests_that_are_none(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "not JSON"},
		{"hello", "not JSON"},
		{"{\"argv\":[\"status\"]} x", "not JSON"},
		{"{\"argv\":[\"status\"],\"argv\":[\"x\"]}", "not JSON"},
		{"[]", "must be a JSON object"},
		{"{}", "argv: must be a list"},
		{"{\"argv\":[]}", "argv: must be a list"},
		{"{\"argv\":\"status\"}", "argv: must be a list"},
		{"{\"argv\":[1]}", "word 1: must be a text"},
		{"{\"argv\":[\"a\",\"\\u001b[2J\"]}", "word 2: must be a text"},
		{"{\"argv\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
		 "1 to 8 words"},
		{"{\"argv\":[\"a\"],\"options\":[]}", "options: must be an object"},
		{"{\"argv\":[\"a\"],\"options\":{\"x\":1}}", "options: x: must be true or a text"},
		{"{\"argv\":[\"a\"],\"options\":{\"m\":\"a\\nb\"}}", "options: m: must be"},
		{"{\"argv\":[\"\xff\"]}", "not JSON"},
	};
	struct ctl_request request;
	char why[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ctl_request_parse(rows[i].text, strlen(rows[i].text), &request,
						   why, sizeof(why)),
				 -EINVAL);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].text, why);
	}
}

static void test_a_request(void **state)
{
	static const char text[] = "{\"argv\": [\"backend\", \"drain\", \"mx1\"], \"options\": "
				   "{\"service\": \"mx-in\", \"force\": true, \"x\": false}}";
	struct ctl_request request;
	char why[256];

	assert_int_equal(ctl_request_parse(text, strlen(text), &request, why, sizeof(why)), 0);
	assert_int_equal(request.n_words, 3);
	assert_string_equal(request.words[2], "mx1");
	assert_string_equal(ctl_request_text(&request, "service"), "mx-in");
	assert_null(ctl_request_text(&request, "force"));
	assert_true(ctl_request_flag(&request, "force"));
	assert_false(ctl_request_flag(&request, "service"));
	assert_null(ctl_request_unknown(&request, "service force dry-run"));
	assert_string_equal(ctl_request_unknown(&request, "services forc"), "service");
	ctl_request_free(&request);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_what_is_shown),
		TEST(test_lists_of_backends),
		TEST(test_status_says_what_is_wrong_by_its_exit),
		TEST(test_what_is_refused),
		TEST(test_a_message_that_is_too_long),
		TEST(test_drain_and_ready),
		TEST(test_a_change_means_every_service),
		TEST(test_the_last_backend_of_any_service_stops_all),
		TEST(test_a_healthy_standby_counts_as_usable),
		TEST(test_a_backend_that_is_down_is_not_the_last),
		TEST(test_a_backend_that_fails_open_can_be_the_last),
		TEST(test_weight),
		TEST(test_a_weight_does_not_hide_who_drained),
		TEST(test_dry_run_says_and_does_not),
		TEST(test_all_or_none),
		TEST(test_a_change_that_could_not_be_saved_stands),
		TEST(test_a_backend_that_has_left),
		TEST(test_flow_filters),
		TEST(test_probe_of_one_address),
		TEST(test_probe_of_several_addresses),
		TEST(test_probe_when_the_client_has_gone),
		TEST(test_probe_that_cannot_start),
		TEST(test_config_diff),
		TEST(test_config_diff_of_another_file),
		TEST(test_config_reload),
		TEST(test_requests_that_are_none),
		TEST(test_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

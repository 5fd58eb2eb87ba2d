/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state file over a real directory: what is written comes back, what is broken
 * is kept aside, what fails leaves the old file.
 */
/* uses: state.c state_admin.c model.c model_new.c verdict.c */
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
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "model.h"
#include "state.h"

static const char text_two[] = "interfaces: [eth0]\n"
			       "services:\n"
			       "  mx-in:\n"
			       "    address: 192.0.2.25\n"
			       "    backends:\n"
			       "      mx1: {address: 10.0.0.11}\n"
			       "      mx2: {address: 10.0.0.12}\n"
			       "  pool:\n"
			       "    address: 192.0.2.26\n"
			       "    mx: pool.example\n";

/* The same without mx1. */
static const char text_one[] = "interfaces: [eth0]\n"
			       "services:\n"
			       "  mx-in:\n"
			       "    address: 192.0.2.25\n"
			       "    backends:\n"
			       "      mx2: {address: 10.0.0.12}\n"
			       "  pool:\n"
			       "    address: 192.0.2.26\n"
			       "    mx: pool.example\n";

static char top[64], dir[96];
static char why[512];

/* ---- helpers ---- */

static struct model *model_of(const char *text, const struct model *old)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	struct model *model;

	if (conf_load_text("s.yaml", text, strlen(text), &conf, &errors))
		fail_msg("%s", errors.lines[0]);
	model = model_new(conf, old, 1000);
	assert_non_null(model);
	return model;
}

static struct admin *admin_of(const struct model *model, const char *service, const char *backend)
{
	return &model_backend_find(model_service_find(model, service), backend)->admin;
}

static struct state *load(void)
{
	struct state *state;

	why[0] = '\0';
	assert_int_equal(state_load(dir, &state, why, sizeof(why)), 0);
	assert_string_equal(why, "");
	return state;
}

static void save(struct state *state, const struct model *model)
{
	if (state_save(state, model, why, sizeof(why)))
		fail_msg("%s", why);
}

static const char *path_of(const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void file_write(const char *text)
{
	FILE *file;

	(void)mkdir(dir, 0750);
	file = fopen(path_of("state.json"), "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char *file_read(const char *name)
{
	static char text[4096];
	FILE *file = fopen(path_of(name), "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static int each_setup(void **state)
{
	(void)snprintf(top, sizeof(top), "/tmp/mxlb-state-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	(void)snprintf(dir, sizeof(dir), "%s/mxlb", top);
	return 0;
}

static int each_teardown(void **state)
{
	(void)rmdir(path_of("state.json")); /* of one test */
	(void)unlink(path_of("state.json"));
	(void)unlink(path_of("state.json.tmp"));
	(void)unlink(path_of("state.json.broken"));
	(void)rmdir(dir);
	return rmdir(top);
}

/* ---- what is written comes back ---- */

static void test_without_a_file_nothing_is_set(void **unused)
{
	struct model *model = model_of(text_two, NULL);
	struct state *state = load();

	state_apply(state, model);
	assert_int_equal(admin_of(model, "mx-in", "mx1")->state, ADMIN_READY);
	assert_null(state_item(state, STATE_QDISCS, 0));
	assert_int_equal(access(dir, F_OK), -1); /* reading makes nothing */
	state_free(state);
	state_free(NULL);
	model_free(model);
}

static void assert_same_admin(const struct admin *a, const struct admin *b)
{
	assert_int_equal(a->state, b->state);
	assert_true(a->since == b->since);
	assert_string_equal(a->by, b->by);
	assert_string_equal(a->message, b->message);
	assert_int_equal(a->weight_kind, b->weight_kind);
	assert_int_equal(a->weight, b->weight);
}

static void test_admin_states_survive(void **unused)
{
	static const struct admin rows[] = {
		{ADMIN_DRAIN, 1700000000, "root", "new disk", WEIGHT_CONFIGURED, 0},
		{ADMIN_MAINT, 951782400, "", "", WEIGHT_PERCENT, 50}, /* a 29 February */
		{ADMIN_READY, 4102444800, "bob", "\"quoted\" \\ \n gr\xc3\xbc\xc3\x9f",
		 WEIGHT_ABSOLUTE, 0},
		{ADMIN_READY, 1700000000, "x", "", WEIGHT_PERCENT, 1000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model *model = model_of(text_two, NULL), *again = model_of(text_two, NULL);
		struct state *state = load();

		*admin_of(model, "mx-in", "mx1") = rows[i];
		save(state, model);
		state_free(state);
		state = load();
		state_apply(state, again);
		assert_same_admin(admin_of(again, "mx-in", "mx1"), &rows[i]);
		assert_int_equal(admin_of(again, "mx-in", "mx2")->state, ADMIN_READY);
		state_free(state);
		model_free(model);
		model_free(again);
	}
}

static void test_defaults_are_not_written(void **unused)
{
	struct model *model = model_of(text_two, NULL);
	struct state *state = load();

	admin_of(model, "mx-in", "mx1")->state = ADMIN_DRAIN;
	admin_of(model, "mx-in", "mx2")->since = 1700000000; /* was drained once */
	save(state, model);
	assert_non_null(strstr(file_read("state.json"), "\"mx-in/mx1\""));
	assert_null(strstr(file_read("state.json"), "mx2"));
	admin_of(model, "mx-in", "mx1")->state = ADMIN_READY;
	save(state, model);
	assert_null(strstr(file_read("state.json"), "mx1"));
	state_free(state);
	model_free(model);
}

static void test_a_cut_message_does_not_break_the_file(void **unused)
{
	struct model *model = model_of(text_two, NULL);
	struct state *state = load();
	struct admin *admin = admin_of(model, "mx-in", "mx1");

	admin->state = ADMIN_DRAIN;
	(void)snprintf(admin->message, sizeof(admin->message), "gr\xc3"); /* half a character */
	save(state, model);
	state_free(state);
	state = load();
	state_apply(state, model);
	assert_string_equal(admin->message, "gr?");
	state_free(state);
	model_free(model);
}

static void test_entries_of_backends_that_are_gone(void **unused)
{
	struct model *two = model_of(text_two, NULL), *one;
	struct state *state;

	file_write("{\"schema\":\"mxlb.state/1\",\"qdiscs\":[],\"addresses\":[],\"backends\":{"
		   "\"mx-in/mx1\":{\"admin\":\"drain\",\"since\":\"2026-01-02T03:04:05Z\"},"
		   "\"pool/a.example\":{\"admin\":\"maint\",\"since\":\"2026-01-02T03:04:05Z\"},"
		   "\"was/x\":{\"admin\":\"maint\",\"since\":\"2026-01-02T03:04:05Z\"}}}");
	state = load();
	state_apply(state, two);
	assert_int_equal(admin_of(two, "mx-in", "mx1")->state, ADMIN_DRAIN);
	assert_true(admin_of(two, "mx-in", "mx1")->since == 1767323045);
	/* A pool's backend is not known yet; a service that is gone will not be. */
	save(state, two);
	assert_non_null(strstr(file_read("state.json"), "pool/a.example"));
	assert_null(strstr(file_read("state.json"), "was/x"));
	/* A backend that left the config is `removed`, and no drain is kept for it. */
	one = model_of(text_one, two);
	assert_int_equal(admin_of(one, "mx-in", "mx1")->state, ADMIN_REMOVED);
	state_apply(state, one);
	assert_int_equal(admin_of(one, "mx-in", "mx1")->state, ADMIN_REMOVED);
	save(state, one);
	assert_null(strstr(file_read("state.json"), "mx-in/mx1"));
	assert_non_null(strstr(file_read("state.json"), "pool/a.example"));
	state_free(state);
	model_free(one);
	model_free(two);
}

static void test_lists_survive(void **unused)
{
	struct state *state = load();

	assert_int_equal(state_add(state, STATE_QDISCS, "eth0"), 0);
	assert_int_equal(state_add(state, STATE_QDISCS, "eth1"), 0);
	assert_int_equal(state_add(state, STATE_QDISCS, "eth0"), 0); /* once is enough */
	assert_int_equal(state_add(state, STATE_ADDRESSES, "lo 192.0.2.25"), 0);
	save(state, NULL);
	state_free(state);
	state = load();
	assert_string_equal(state_item(state, STATE_QDISCS, 0), "eth0");
	assert_string_equal(state_item(state, STATE_QDISCS, 1), "eth1");
	assert_null(state_item(state, STATE_QDISCS, 2));
	assert_true(state_has(state, STATE_ADDRESSES, "lo 192.0.2.25"));
	assert_false(state_has(state, STATE_ADDRESSES, "eth0"));
	state_remove(state, STATE_QDISCS, "eth0");
	state_remove(state, STATE_QDISCS, "eth9");
	assert_string_equal(state_item(state, STATE_QDISCS, 0), "eth1");
	assert_false(state_has(state, STATE_QDISCS, "eth0"));
	state_free(state);
}

/* ---- files ---- */

static void test_modes_and_no_leftovers(void **unused)
{
	struct state *state = load();
	mode_t mask = umask(0);

	(void)mkdir(dir, 0750);
	assert_int_equal(symlink("/nonexistent/x", path_of("state.json.tmp")), 0); /* a crash's */
	save(state, NULL);
	assert_int_equal(rmdir(dir), -1);
	assert_int_equal(mode_of(path_of("state.json")), 0600);
	assert_int_equal(access(path_of("state.json.tmp"), F_OK), -1);
	(void)unlink(path_of("state.json"));
	assert_int_equal(rmdir(dir), 0);
	save(state, NULL); /* makes the directory */
	assert_int_equal(mode_of(dir), 0750);
	umask(mask);
	state_free(state);
}

static void test_a_failed_save_tells_and_keeps_the_old(void **unused)
{
	struct state *state = load();

	assert_int_equal(state_add(state, STATE_QDISCS, "eth0"), 0);
	save(state, NULL);
	(void)mkdir(path_of("state.json.tmp"), 0700); /* in the way of the new one */
	assert_int_equal(state_add(state, STATE_QDISCS, "eth1"), 0);
	assert_int_equal(state_save(state, NULL, why, sizeof(why)), -EEXIST);
	assert_non_null(strstr(why, "cannot write "));
	assert_non_null(strstr(why, dir));
	assert_null(strstr(file_read("state.json"), "eth1"));
	assert_int_equal(rmdir(path_of("state.json.tmp")), 0);
	save(state, NULL);
	assert_non_null(strstr(file_read("state.json"), "eth1"));
	state_free(state);
}

#define FULL(backends)                                                                             \
	"{\"schema\":\"mxlb.state/1\",\"qdiscs\":[],\"addresses\":[],\"backends\":" backends "}"

static void test_broken_files_are_kept_aside(void **unused)
{
	static const struct {
		const char *text, *fault;
	} rows[] = {
		{"", "line 1"},
		{"{\n\"schema\":", "line 2"},
		{"[]", "no state of schema"},
		{"{\"schema\":\"mxlb.state/2\",\"backends\":{}}", "no state of schema"},
		{"{\"schema\":\"mxlb.state/1\",\"backends\":{}}", "qdiscs is no list"},
		{"{\"schema\":\"mxlb.state/1\",\"qdiscs\":[1],\"addresses\":[],\"backends\":{}}",
		 "qdiscs is no list"},
		{FULL("{\"a/b\":7}"), "backend a/b is no object"},
		{FULL("{\"a/b\":{\"admin\":\"drain\"}}"), "backend a/b is no object"},
		{FULL("{\"a/b\":{\"admin\":\"off\",\"since\":\"2026-01-02T03:04:05Z\"}}"),
		 "unknown admin state"},
		{FULL("{\"a/b\":{\"admin\":\"removed\",\"since\":\"2026-01-02T03:04:05Z\"}}"),
		 "unknown admin state"},
		{FULL("{\"a/b\":{\"admin\":\"drain\",\"since\":\"today\"}}"), "no time"},
		{FULL("{\"a/b\":{\"admin\":\"ready\",\"since\":\"2026-01-02T03:04:05Z\","
		      "\"weight\":\"-5\"}}"),
		 "neither N nor N%"},
		{FULL("{\"a/b\":{\"admin\":\"ready\",\"since\":\"2026-01-02T03:04:05Z\","
		      "\"weight\":\"5%%\"}}"),
		 "neither N nor N%"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct state *state = NULL;

		file_write(rows[i].text);
		assert_int_equal(state_load(dir, &state, why, sizeof(why)), -EINVAL);
		if (!strstr(why, rows[i].fault) || !strstr(why, "kept as state.json.broken"))
			fail_msg("%s: %s", rows[i].text, why);
		assert_string_equal(file_read("state.json.broken"), rows[i].text);
		assert_int_equal(access(path_of("state.json"), F_OK), -1);
		save(state, NULL); /* an empty one, to go on with */
		state_free(state);
	}
}

static void test_an_unreadable_file_is_told(void **unused)
{
	struct state *state = NULL;

	(void)mkdir(dir, 0750);
	assert_int_equal(symlink("state.json", path_of("state.json")), 0); /* a loop */
	assert_int_equal(state_load(dir, &state, why, sizeof(why)), -ELOOP);
	assert_non_null(strstr(why, "cannot read "));
	assert_non_null(state);
	state_free(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_a_file_nothing_is_set),
		TEST(test_admin_states_survive),
		TEST(test_defaults_are_not_written),
		TEST(test_a_cut_message_does_not_break_the_file),
		TEST(test_entries_of_backends_that_are_gone),
		TEST(test_lists_survive),
		TEST(test_modes_and_no_leftovers),
		TEST(test_a_failed_save_tells_and_keeps_the_old),
		TEST(test_broken_files_are_kept_aside),
		TEST(test_an_unreadable_file_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

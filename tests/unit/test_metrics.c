/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metrics listeners from a client's side, on the loopback: paths, methods, and
 * what a reload opens and closes. What the pages say is played here.
 */
/* uses: metrics.c log.c addr.c verdict.c model.c model_new.c plan.c plan_diff.c ring.c conf.c */
/* uses: conf_check.c conf_endpoints.c conf_fault.c conf_format.c conf_host.c conf_load.c */
/* uses: conf_node.c conf_read.c conf_schema.c conf_suggest.c conf_text.c conf_value.c */
/* uses: conf_yaml.c */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "addr.h"
#include "daemon.h"
#include "log.h"
#include "metrics.h"
#include "metrics_page.h"
#include "metrics_text.h"
#include "model_lab.h"
#include "observe.h"

#define TURNS_MAX 500 /* of the loop, at most 10 ms each */

static struct daemon daemon_;
static struct metrics *metrics;

void observe_snapshot(const struct daemon *daemon, struct snapshot *snap)
{
	*snap = (struct snapshot){0};
}

void snapshot_free(struct snapshot *snap)
{
}

char *metrics_text(const struct snapshot *snap)
{
	return mem_dup("mxlb_up 1\n");
}

char *metrics_page(const struct snapshot *snap)
{
	return mem_dup("<html>\n");
}

/* A port that was free a moment ago, as "ADDRESS:PORT". */
static char *address_free(const char *host, char *buf)
{
	struct mxlb_endpoint endpoint;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	assert_int_equal(endpoint_parse(host, 0, &endpoint), 0);
	len = addr_sockaddr(&endpoint.addr, 0, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	endpoint.port = ((struct sockaddr_in *)&ss)->sin_port; /* of both families */
	(void)close(fd);
	return endpoint_format(&endpoint, buf);
}

static void listen_set(const char *first, const char *second)
{
	struct conf *conf = daemon_.model->conf;
	const char *texts[] = {first, second};

	for (size_t i = 0; i < conf->n_metrics_listen; i++)
		free(conf->metrics_listen[i]);
	free(conf->metrics_listen);
	conf->metrics_listen = mem_zero(2, sizeof(char *));
	conf->n_metrics_listen = 0;
	for (size_t i = 0; i < 2; i++)
		if (texts[i])
			conf->metrics_listen[conf->n_metrics_listen++] = mem_dup(texts[i]);
}

static int client_open(const char *at)
{
	struct mxlb_endpoint endpoint;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	assert_int_equal(endpoint_parse(at, 0, &endpoint), 0);
	len = addr_sockaddr(&endpoint.addr, endpoint.port, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!connect(fd, (struct sockaddr *)&ss, len))
		return fd;
	(void)close(fd);
	return -errno;
}

/* Sends a request that ends the connection, and reads to its end. To be freed. */
static char *ask(const char *at, const char *method, const char *target)
{
	struct timeval tick = {.tv_usec = 10000};
	char *text = mem_zero(1, 65536);
	int fd = client_open(at);
	size_t len = 0;

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method,
			    target) > 0);
	for (int i = 0; i < TURNS_MAX; i++) {
		ssize_t n;

		(void)event_base_loopexit(daemon_.base, &tick);
		(void)event_base_loop(daemon_.base, EVLOOP_ONCE);
		n = recv(fd, text + len, 65535 - len, MSG_DONTWAIT);
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	return text;
}

static int setup(void **state)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	daemon_ = (struct daemon){.base = event_base_new(), .model = lab_model()};
	metrics = NULL;
	return 0;
}

static int teardown(void **state)
{
	metrics_free(metrics);
	model_free(daemon_.model);
	event_base_free(daemon_.base);
	return 0;
}

static void test_paths_and_methods(void **state)
{
	static const struct {
		const char *method, *target, *status, *part;
		bool has_no_body;
	} rows[] = {
		{"GET", "/metrics", "HTTP/1.1 200", "text/plain; version=0.0.4", false},
		{"GET", "/metrics", "HTTP/1.1 200", "\r\n\r\nmxlb_up 1\n", false},
		{"GET", "/metrics?name=x", "HTTP/1.1 200", "\r\n\r\nmxlb_up 1\n", false},
		{"GET", "/healthz", "HTTP/1.1 200", "\r\n\r\nok\n", false},
		{"GET", "/", "HTTP/1.1 200", "text/html", false},
		{"GET", "/", "HTTP/1.1 200", "\r\n\r\n<html>\n", false},
		{"HEAD", "/healthz", "HTTP/1.1 200", "Content-Length: 3\r\n", true},
		{"GET", "/healthzz", "HTTP/1.1 404", "/healthz", false},
		{"GET", "/../etc/passwd", "HTTP/1.1 404", "/healthz", false},
		{"POST", "/metrics", "HTTP/1.1 405", "Allow: GET, HEAD", false},
		{"DELETE", "/", "HTTP/1.1 405", "Allow: GET, HEAD", false},
	};
	char at[ADDR_TEXT_MAX];

	listen_set(address_free("127.0.0.1", at), NULL);
	assert_int_equal(metrics_new(&daemon_, &metrics), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *reply = ask(at, rows[i].method, rows[i].target);
		char *body = strstr(reply, "\r\n\r\n");

		if (strncmp(reply, rows[i].status, strlen(rows[i].status)) != 0 ||
		    !strstr(reply, rows[i].part))
			fail_msg("%s %s: %s", rows[i].method, rows[i].target, reply);
		if (rows[i].has_no_body)
			assert_string_equal(body, "\r\n\r\n");
		free(reply);
	}
}

static void assert_listens(const char *at, bool listens)
{
	char *reply;
	int fd;

	if (!listens) {
		fd = client_open(at);
		assert_int_equal(fd, -ECONNREFUSED);
		return;
	}
	reply = ask(at, "GET", "/healthz");
	assert_non_null(strstr(reply, "ok\n"));
	free(reply);
}

static void test_a_reload_opens_and_closes(void **state)
{
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX], c[ADDR_TEXT_MAX];

	address_free("127.0.0.1", a);
	address_free("127.0.0.2", b);
	address_free("::1", c);
	listen_set(a, b);
	assert_int_equal(metrics_new(&daemon_, &metrics), 0);
	assert_listens(a, true);
	assert_listens(b, true);
	listen_set(c, b);
	metrics_sync(metrics);
	assert_listens(a, false);
	assert_listens(b, true);
	assert_listens(c, true);
	listen_set(NULL, NULL);
	metrics_sync(metrics);
	assert_listens(b, false);
	assert_listens(c, false);
}

/* An address that no interface has: at the start an error, later a warning. */
static void test_what_cannot_be_opened(void **state)
{
	char at[ADDR_TEXT_MAX];

	listen_set("192.0.2.77:9725", NULL);
	assert_int_equal(metrics_new(&daemon_, &metrics), -EADDRNOTAVAIL);
	assert_null(metrics);
	listen_set(address_free("127.0.0.1", at), NULL);
	assert_int_equal(metrics_new(&daemon_, &metrics), 0);
	listen_set("192.0.2.77:9725", NULL);
	metrics_sync(metrics);
	assert_listens(at, true);
}

static void test_a_port_that_is_taken(void **state)
{
	struct metrics *second = NULL;
	char at[ADDR_TEXT_MAX];

	listen_set(address_free("127.0.0.1", at), NULL);
	assert_int_equal(metrics_new(&daemon_, &metrics), 0);
	assert_int_equal(metrics_new(&daemon_, &second), -EADDRINUSE);
	assert_null(second);
	metrics_sync(NULL); /* as when metrics never were */
	metrics_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_paths_and_methods),
		TEST(test_a_reload_opens_and_closes),
		TEST(test_what_cannot_be_opened),
		TEST(test_a_port_that_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

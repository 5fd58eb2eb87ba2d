/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket from a client's side: a real socket in a directory of its own,
 * one event loop for both ends, and a command that is played here.
 */
/* uses: ctl_server.c ctl_socket.c ctl_peer.c ctl_reply.c ctl_request.c log.c view.c */
/* uses: view_backend.c addr.c verdict.c model.c model_new.c plan.c plan_diff.c */
/* uses: ring.c conf.c */
/* uses: conf_check.c conf_endpoints.c conf_fault.c conf_format.c conf_host.c */
/* uses: conf_load.c */
/* uses: conf_node.c conf_read.c conf_schema.c conf_suggest.c conf_text.c */
/* uses: conf_value.c */
/* uses: conf_yaml.c */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl_cmds.h"
#include "ctl_peer.h"
#include "ctl_reply.h"
#include "ctl_request.h"
#include "ctl_server.h"
#include "ctl_socket.h"
#include "daemon.h"
#include "log.h"
#include "model_lab.h"

#define TURNS_MAX 2000 /* of the loop, at most 10 ms each */

static char dir[] = "/tmp/mxlb-ctl-XXXXXX";
static char path[128];
static struct daemon daemon_;
static struct ctl_server *server;
static struct ctl_reply *pending; /* of the command "later" */
static unsigned n_cancelled;

static void cancelled(void *arg)
{
	n_cancelled++;
	pending = NULL;
}

/* The played commands: "long N" answers N bytes, "later" waits, all else is echoed. */
void ctl_run(struct daemon *daemon, const struct ctl_peer *peer, const struct ctl_request *request,
	     struct ctl_reply *reply)
{
	if (!strcmp(request->words[0], "later")) {
		pending = reply;
		reply->cancel = cancelled;
	} else if (!strcmp(request->words[0], "long")) {
		int len = atoi(request->words[1]);
		char *text = mem_zero((size_t)len + 1, 1);

		memset(text, 'x', (size_t)len);
		ctl_reply_data(reply, MXLB_EXIT_OK, json_string(text));
		free(text);
	} else {
		ctl_reply_data(
			reply, MXLB_EXIT_WARN,
			json_pack("{s:s, s:s}", "word", request->words[0], "by", peer->name));
	}
}

static int client_open(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		(void)close(fd);
		return -errno;
	}
	return fd;
}

static void turn(void)
{
	struct timeval tv = {.tv_usec = 10000};

	(void)event_base_loopexit(daemon_.base, &tv);
	(void)event_base_loop(daemon_.base, EVLOOP_ONCE);
}

/* Sends all of it, as far as the server takes it. */
static void client_send(int fd, const char *text, size_t len)
{
	for (int i = 0; len && i < TURNS_MAX; i++) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EPIPE) {
			return;
		}
		turn();
	}
}

/* Reads to the end of the stream; the text is to be freed. */
static char *client_receive(int fd)
{
	char *text = mem_zero(1, 1);
	size_t len = 0;

	for (int i = 0; i < TURNS_MAX; i++) {
		char part[65536];
		ssize_t n = recv(fd, part, sizeof(part), 0);

		if (n > 0) {
			text = mem_check(realloc(text, len + (size_t)n + 1));
			memcpy(text + len, part, (size_t)n);
			text[len += (size_t)n] = '\0';
		} else if (n == 0 || errno == ECONNRESET) {
			(void)close(fd);
			return text;
		}
		turn();
	}
	fail_msg("the server did not close; so far: %.200s", text);
	return NULL;
}

static char *ask(const char *request)
{
	int fd = client_open();

	assert_true(fd >= 0);
	client_send(fd, request, strlen(request));
	return client_receive(fd);
}

static void assert_says(char *reply, const char *part)
{
	if (!strstr(reply, part) || reply[strlen(reply) - 1] != '\n')
		fail_msg("%s\n is not in: %s", part, reply);
	free(reply);
}

static void conf_set(const char *group)
{
	struct conf *conf = daemon_.model->conf;

	free(conf->control_socket);
	free(conf->control_group);
	conf->control_socket = mem_dup(path);
	conf->control_group = mem_dup(group);
}

static int setup(void **state)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/run/control.sock", dir);
	daemon_ = (struct daemon){.base = event_base_new(), .model = lab_model()};
	conf_set("no-such-group");
	n_cancelled = 0;
	pending = NULL;
	server = NULL;
	return 0;
}

static int teardown(void **state)
{
	char run[128];

	ctl_server_free(server);
	model_free(daemon_.model);
	event_base_free(daemon_.base);
	(void)unlink(path);
	(void)snprintf(run, sizeof(run), "%s/run", dir);
	(void)rmdir(run);
	return rmdir(dir);
}

static void start(void)
{
	assert_int_equal(ctl_server_new(&daemon_, &server), 0);
}

static mode_t mode_of(const char *file)
{
	struct stat st;

	assert_int_equal(lstat(file, &st), 0);
	return st.st_mode & 07777;
}

/* ---- the file ------------------------------------------------------------------ */

static void test_directory_and_modes(void **state)
{
	char run[128];

	(void)snprintf(run, sizeof(run), "%s/run", dir);
	start();
	assert_int_equal(mode_of(run), 0755 & ~umask(022));
	assert_int_equal(mode_of(path), 0600);
	ctl_server_free(server);
	server = NULL;
	assert_int_equal(access(path, F_OK), -1);
}

static void test_the_group_gets_the_socket(void **state)
{
	struct stat st;

	if (geteuid() != 0)
		skip();
	conf_set("nogroup");
	start();
	assert_int_equal(mode_of(path), 0660);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_gid, ctl_group_id("nogroup"));
	conf_set("no-such-group"); /* a reload: the group is to have it no more */
	ctl_server_sync(server);
	assert_int_equal(mode_of(path), 0600);
}

/* Between bind and chown it is nobody else's, whatever the umask. */
static void test_a_new_socket_is_private(void **state)
{
	mode_t before = umask(0);
	char why[256];
	int fd = ctl_socket_open(path, why, sizeof(why));

	(void)umask(before);
	assert_true(fd >= 0);
	assert_int_equal(mode_of(path), 0600);
	(void)close(fd);
}

static void test_a_stale_socket_is_removed(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char run[128];

	(void)snprintf(run, sizeof(run), "%s/run", dir);
	assert_int_equal(mkdir(run, 0755), 0);
	strcpy(addr.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)close(fd);
	start();
	assert_says(ask("{\"argv\":[\"hello\"]}\n"), "\"word\":\"hello\"");
}

static void test_a_live_socket_is_not_taken(void **state)
{
	struct ctl_server *second = NULL;

	start();
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	assert_int_equal(ctl_server_new(&daemon_, &second), -EADDRINUSE);
	assert_null(second);
	assert_says(ask("{\"argv\":[\"hello\"]}\n"), "\"word\":\"hello\"");
}

static void test_a_file_is_not_removed(void **state)
{
	char run[128];
	int fd;

	(void)snprintf(run, sizeof(run), "%s/run", dir);
	assert_int_equal(mkdir(run, 0755), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(ctl_server_new(&daemon_, &server), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
}

/* ---- requests ------------------------------------------------------------------- */

static void test_one_request_one_reply(void **state)
{
	start();
	assert_says(ask("{\"argv\":[\"hello\"]}\n"), "{\"exit\":1,\"data\":{\"word\":\"hello\"");
	assert_says(ask("{\"argv\":[\"hello\"]}\n{\"argv\":[\"again\"]}\n"), "hello");
	assert_says(ask("nonsense\n"), "{\"exit\":2,\"error\":\"request: not JSON: ");
	assert_says(ask("\n"), "{\"exit\":2,\"error\":\"request: not JSON: ");
}

static void test_a_request_in_pieces(void **state)
{
	static const char text[] = "{\"argv\":[\"hello\"]}\n";
	int fd;

	start();
	fd = client_open();
	for (size_t i = 0; i < strlen(text); i++)
		client_send(fd, text + i, 1);
	assert_says(client_receive(fd), "hello");
}

static void test_the_end_of_input_ends_a_request(void **state)
{
	int fd;

	start();
	fd = client_open();
	client_send(fd, "{\"argv\":[\"hello\"]}", 18);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_says(client_receive(fd), "hello");
	fd = client_open();
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	free(client_receive(fd));
}

static void test_a_request_that_is_too_long(void **state)
{
	size_t len = MXLB_CTL_REQUEST_MAX * 2;
	char *text = mem_zero(len + 1, 1);

	memset(text, ' ', len);
	start();
	assert_says(ask(text), "{\"exit\":2,\"error\":\"request: longer than 65536 bytes");
	text[MXLB_CTL_REQUEST_MAX + 1] = '\n';
	assert_says(ask(text), "longer than 65536 bytes");
	text[MXLB_CTL_REQUEST_MAX] = '\n';
	assert_says(ask(text), "not JSON");
	free(text);
}

static void test_a_long_reply_comes_whole(void **state)
{
	char *reply;

	start();
	reply = ask("{\"argv\":[\"long\",\"20000000\"]}\n");
	assert_int_equal(strlen(reply), 20000000 + strlen("{\"exit\":0,\"data\":\"\"}\n"));
	free(reply);
}

static void test_a_reply_that_comes_later(void **state)
{
	int fd;

	start();
	fd = client_open();
	client_send(fd, "{\"argv\":[\"later\"]}\n", 19);
	for (int i = 0; i < TURNS_MAX && !pending; i++)
		turn();
	assert_non_null(pending);
	assert_says(ask("{\"argv\":[\"hello\"]}\n"), "hello"); /* nobody waits for it */
	ctl_reply_error(pending, MXLB_EXIT_WARN, "late");
	assert_says(client_receive(fd), "{\"exit\":1,\"error\":\"late\"}");
	assert_int_equal(n_cancelled, 0);
}

static void test_the_end_of_the_server_cancels(void **state)
{
	char *rest;
	int fd;

	start();
	fd = client_open();
	client_send(fd, "{\"argv\":[\"later\"]}\n", 19);
	for (int i = 0; i < TURNS_MAX && !pending; i++)
		turn();
	ctl_server_free(server);
	server = NULL;
	assert_int_equal(n_cancelled, 1);
	rest = client_receive(fd);
	assert_string_equal(rest, "");
	free(rest);
}

/* Beyond the limit a client waits until another has gone, and is served then. */
static void test_many_connections(void **state)
{
	int idle[40], fd;

	start();
	for (size_t i = 0; i < 40; i++)
		assert_true((idle[i] = client_open()) >= 0);
	fd = client_open();
	client_send(fd, "{\"argv\":[\"hello\"]}\n", 19);
	for (size_t i = 0; i < 40; i++)
		(void)close(idle[i]);
	assert_says(client_receive(fd), "hello");
}

static void test_a_client_that_goes_away(void **state)
{
	int fd;

	start();
	fd = client_open();
	client_send(fd, "{\"argv\":[\"long\",\"20000000\"]}\n", 29);
	(void)close(fd);
	for (int i = 0; i < 10; i++)
		turn();
	assert_says(ask("{\"argv\":[\"hello\"]}\n"), "hello");
}

/* Whoever is not root and not in the group; the mode is no help here. It is answered
 * unasked, and may still ask without its write failing. */
static void test_strangers(void **state)
{
	static const char refusal[] = "{\"exit\":2,\"error\":\"permission denied: user nobody";
	char text[512] = "";
	ssize_t n = -1;
	int fd;

	if (geteuid() != 0)
		skip();
	start();
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(seteuid(65534), 0);
	fd = client_open();
	assert_int_equal(seteuid(0), 0);
	assert_true(fd >= 0);
	for (int i = 0; i < TURNS_MAX && n < 0; i++) {
		turn();
		n = recv(fd, text, sizeof(text) - 1, 0);
	}
	assert_int_equal(strncmp(text, refusal, strlen(refusal)), 0);
	turn();
	assert_int_equal(send(fd, "{\"argv\":[\"hello\"]}\n", 19, MSG_NOSIGNAL), 19);
	free(client_receive(fd));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_directory_and_modes),
		TEST(test_the_group_gets_the_socket),
		TEST(test_a_new_socket_is_private),
		TEST(test_a_stale_socket_is_removed),
		TEST(test_a_live_socket_is_not_taken),
		TEST(test_a_file_is_not_removed),
		TEST(test_one_request_one_reply),
		TEST(test_a_request_in_pieces),
		TEST(test_the_end_of_input_ends_a_request),
		TEST(test_a_request_that_is_too_long),
		TEST(test_a_long_reply_comes_whole),
		TEST(test_a_reply_that_comes_later),
		TEST(test_the_end_of_the_server_cancels),
		TEST(test_many_connections),
		TEST(test_a_client_that_goes_away),
		TEST(test_strangers),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as mxlbd does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

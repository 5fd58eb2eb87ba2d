/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a service manager would read from its socket.
 */
/* uses: notify.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"

static char path[64];
static int manager = -1;

/* Binds at `name` ('@' for abstract) and points the environment there. */
static void manager_listen(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {2, 0};
	size_t n = strlen(name);

	memcpy(address.sun_path, name, n);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_true(manager >= 0);
	setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(bind(manager, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static const char *manager_read(void)
{
	static char text[1024];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static int each_setup(void **state)
{
	(void)snprintf(path, sizeof(path), "/tmp/mxlb-notify-%d", (int)getpid());
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

static int each_teardown(void **state)
{
	if (manager >= 0)
		close(manager);
	manager = -1;
	(void)unlink(path);
	return 0;
}

static void assert_states_arrive(void)
{
	unsigned long long usec;
	int end = 0;

	assert_int_equal(notify_ready(), 0);
	assert_string_equal(manager_read(), "READY=1");
	assert_int_equal(notify_reloading(), 0);
	assert_int_equal(sscanf(manager_read(), "RELOADING=1\nMONOTONIC_USEC=%llu%n", &usec, &end),
			 1);
	assert_true(usec > 0);
	assert_true(end > 0);
	assert_int_equal(notify_stopping(), 0);
	assert_string_equal(manager_read(), "STOPPING=1");
}

static void test_over_a_path(void **state)
{
	manager_listen(path);
	assert_states_arrive();
}

static void test_over_an_abstract_name(void **state)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "@mxlb-notify-%d", (int)getpid());
	manager_listen(name);
	assert_states_arrive();
}

static void test_status_is_one_line_and_bounded(void **state)
{
	char longer[400];

	manager_listen(path);
	assert_int_equal(notify_status("%d of %d backends up\nREADY=0", 2, 3), 0);
	assert_string_equal(manager_read(), "STATUS=2 of 3 backends up READY=0");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(notify_status("%s", longer), 0);
	assert_int_equal(strlen(manager_read()), strlen("STATUS=") + 200);
}

static void test_without_a_manager_nothing_happens(void **state)
{
	assert_int_equal(notify_ready(), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_status("x"), 0);
}

static void test_bad_sockets_are_errors(void **state)
{
	char longer[200];

	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_ready(), -EINVAL);
	setenv("NOTIFY_SOCKET", "@", 1);
	assert_int_equal(notify_ready(), -EINVAL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	assert_int_equal(notify_ready(), -EINVAL);
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(notify_ready(), -ENOENT);
}

/* A manager that does not read must not stop us. */
static void test_a_full_socket_does_not_block(void **state)
{
	int err = 0;

	manager_listen(path);
	for (int i = 0; i < 10000 && err == 0; i++)
		err = notify_ready();
	assert_int_equal(err, -EAGAIN);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_over_a_path),
		TEST(test_over_an_abstract_name),
		TEST(test_status_is_one_line_and_bounded),
		TEST(test_without_a_manager_nothing_happens),
		TEST(test_bad_sockets_are_errors),
		TEST(test_a_full_socket_does_not_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The drop, in a child process, for there is no way back. For who is not root a user
 * namespace gives the privileges to be dropped; refusal is tested by dropping twice.
 */
/* uses: priv.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "priv.h"
#include "private_net.h"

static const unsigned long long kept =
	1ULL << CAP_BPF | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON;

/* A set of /proc/self/status, as "CapEff". */
static unsigned long long caps(const char *set)
{
	unsigned long long value = ~0ULL;
	char line[128], name[32];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31[^:]: %llx", name, &value) == 2 && !strcmp(name, set))
			break;
	}
	if (file)
		fclose(file);
	return value;
}

/* A child's exit status is the line of the claim that failed. */
#define CLAIM(claim)                                                                               \
	do {                                                                                       \
		if (!(claim))                                                                      \
			_exit(__LINE__ % 250 + 1);                                                 \
	} while (0)

static void in_child(void (*story)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		story();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status))
		fail_msg("the claim at line %d (mod 250) failed", WEXITSTATUS(status) - 1);
}

static void story_drop(void)
{
	char why[256] = "", missing[64] = "x";

	CLAIM(private_net_enter() == 0);
	CLAIM(priv_has_needed(missing, sizeof(missing)));
	CLAIM(missing[0] == '\0');
	CLAIM(priv_drop(why, sizeof(why)) == 0);
	CLAIM(why[0] == '\0');
	CLAIM(getuid() == 0 && geteuid() == 0);
	CLAIM(caps("CapEff") == kept);
	CLAIM(caps("CapPrm") == kept);
	CLAIM(caps("CapInh") == 0);
	CLAIM(caps("CapBnd") == 0);
	CLAIM(caps("CapAmb") == 0);
	CLAIM(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	/* What is kept is enough, also for a second look at a reload. */
	CLAIM(priv_has_needed(missing, sizeof(missing)));
	CLAIM(system("PATH=$PATH:/usr/sbin:/sbin; ip link set lo up 2>/dev/null") != 0);
	CLAIM(priv_drop(why, sizeof(why)) == 0);
}

static void test_drop_keeps_three(void **state)
{
	in_child(story_drop);
}

/* As any user has it: no capability at all. */
static void story_refused(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	char why[256] = "", missing[64], small[6];

	CLAIM(syscall(SYS_capset, &header, none) == 0);
	CLAIM(!priv_has_needed(missing, sizeof(missing)));
	CLAIM(!strcmp(missing, "bpf, net_admin, perfmon"));
	CLAIM(!priv_has_needed(small, sizeof(small)));
	CLAIM(!strcmp(small, "bpf, "));
	CLAIM(!priv_has_needed(NULL, 0));
	CLAIM(priv_drop(why, sizeof(why)) == -EPERM);
	CLAIM(!strcmp(why, "not permitted (missing: bpf, net_admin, perfmon); run it as root"));
	CLAIM(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0); /* a refusal changes nothing */
}

static void test_drop_refused_without_privileges(void **state)
{
	in_child(story_refused);
}

/* A unit that takes CAP_SETPCAP away: the bounding set stays, the rest goes. */
static void story_no_setpcap(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	char why[256] = "";

	CLAIM(private_net_enter() == 0);
	CLAIM(syscall(SYS_capget, &header, data) == 0);
	data[0].effective &= ~(1U << CAP_SETPCAP);
	data[0].permitted &= ~(1U << CAP_SETPCAP);
	CLAIM(syscall(SYS_capset, &header, data) == 0);
	CLAIM(priv_drop(why, sizeof(why)) == 0);
	CLAIM(caps("CapEff") == kept);
	CLAIM(caps("CapPrm") == kept);
	CLAIM(caps("CapAmb") == 0);
	CLAIM(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void test_drop_without_setpcap(void **state)
{
	in_child(story_no_setpcap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop_keeps_three),
		cmocka_unit_test(test_drop_refused_without_privileges),
		cmocka_unit_test(test_drop_without_setpcap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build/bench-load: the benchmark's own traffic, one command for each part of it. What all
 * parts share is here too. Called by tools/bench_net.py.
 */
#include "bench_load.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} parts[] = {
	{"sink", sink_main, "[PORT]: a mail server that takes every mail and forgets it"},
	{"smtp", smtp_main, "OPTIONS: a crowd of mail clients; prints JSON (see smtp --help)"},
	{"frames", frames_main, "OPTIONS: raw TCP frames out of an interface (see frames --help)"},
	{"drop", drop_main, "[INTERFACE]: drops what arrives there, as long as it runs"},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

void load_die(const char *format, ...)
{
	int err = errno;
	va_list args;

	fputs("bench-load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, err ? ": %s\n" : "\n", strerror(err));
	exit(1);
}

uint64_t load_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max) {
		errno = 0;
		load_die("%s: '%s' is not a number from %llu to %llu", name, text,
			 (unsigned long long)min, (unsigned long long)max);
	}
	return value;
}

uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Sockets by the thousand; and no part may outlive the benchmark. */
static void load_prepare(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		load_die("getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		load_die("setrlimit: %llu open files", (unsigned long long)files.rlim_max);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN); /* a peer that closes early is seen by write() */
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < PARTS; i++) {
		if (!strcmp(argv[1], parts[i].name)) {
			load_prepare();
			return parts[i].run(argc - 1, argv + 1);
		}
	}
	fprintf(stderr, "usage: bench-load PART ...; the parts are\n");
	for (size_t i = 0; i < PARTS; i++)
		fprintf(stderr, "  %s %s\n", parts[i].name, parts[i].help);
	return 2;
}

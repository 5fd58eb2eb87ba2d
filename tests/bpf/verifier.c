/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of the kernel's verifier each program takes: instructions looked at, and stack.
 * The limit is a million; a change that brings a program near it is seen here, long before
 * some kernel refuses it. The figures of each kernel series are in tests/verifier.txt.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "mxlb/knobs.h"
#include "mxlb_sweep.skel.h"
#include "mxlb_tc.skel.h"
#include "mxlb_xdp.skel.h"

#define FIGURES	     "tests/verifier.txt"
#define GROWTH	     20 /* per cent that a program may grow before it is told */
#define PROGRAMS_MAX 16
#define LINES_MAX    64
#define LOG_SIZE     65536
#define LOG_STATS    4 /* of the kernel's log levels */

static const char usage[] =
	"usage: verifier [--write | --print]\n"
	"Loads every program and compares what the kernel's verifier takes for it with\n" FIGURES
	", where the running kernel's series is known. Needs root; run it in the repo's root.\n"
	"  --write  puts today's figures there\n"
	"  --print  shows the file as it would be written: for tests/vm/run, whose guest keeps "
	"nothing\n"
	"Exit status: 0 as expected, 1 a program has grown, or does not load, 2 wrong usage.\n";

static const char head[] =
	"# SPDX-License-Identifier: BSD-2-Clause\n"
	"#\n"
	"# What the verifier takes for each program, by kernel series: instructions that it "
	"looked\n"
	"# at (the limit is a million) and bytes of stack, of the program and of its functions.\n"
	"# Made by build/tests/bpf/verifier --write; see tests/bpf/verifier.c.\n"
	"#\n"
	"# kernel program insns stack\n";

struct figure {
	char kernel[16], program[32], stack[96];
	unsigned insns;
};

static struct figure known[LINES_MAX], seen[PROGRAMS_MAX];
static unsigned known_count, seen_count;
static char series[16];

static void series_read(void)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	(void)uname(&name); /* can't fail */
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2)
		(void)snprintf(series, sizeof(series), "%u.%u", major, minor);
}

static void figures_read(void)
{
	FILE *file = fopen(FIGURES, "r");
	char line[256];

	while (file && known_count < LINES_MAX && fgets(line, sizeof(line), file)) {
		struct figure *figure = &known[known_count];

		if (sscanf(line, "%15s %31s %u %95s", figure->kernel, figure->program,
			   &figure->insns, figure->stack) == 4 &&
		    figure->kernel[0] != '#')
			known_count++;
	}
	if (file)
		(void)fclose(file); /* only read */
}

/* Those of other kernels stay. */
static void figures_print(FILE *file)
{
	fputs(head, file);
	for (unsigned i = 0; i < known_count; i++)
		if (strcmp(known[i].kernel, series))
			fprintf(file, "%s %s %u %s\n", known[i].kernel, known[i].program,
				known[i].insns, known[i].stack);
	for (unsigned i = 0; i < seen_count; i++)
		fprintf(file, "%s %s %u %s\n", series, seen[i].program, seen[i].insns,
			seen[i].stack);
}

static int figures_write(void)
{
	FILE *file = fopen(FIGURES, "w");

	if (!file) {
		fprintf(stderr, "verifier: %s: %s; run it in the repo's root\n", FIGURES,
			strerror(errno));
		return 1;
	}
	figures_print(file);
	return fclose(file) != 0;
}

static const struct figure *figure_find(const char *program)
{
	for (unsigned i = 0; i < known_count; i++)
		if (!strcmp(known[i].kernel, series) && !strcmp(known[i].program, program))
			return &known[i];
	return NULL;
}

/* "stack depth 144+0" and "processed 4711 insns", of the lines at the log's end. */
static void figure_take(const char *program, const char *log)
{
	struct figure *figure = &seen[seen_count++];
	const char *stack = strstr(log, "stack depth "), *insns = strstr(log, "processed ");

	(void)snprintf(figure->program, sizeof(figure->program), "%s", program);
	if (!stack || sscanf(stack, "stack depth %95s", figure->stack) != 1)
		(void)snprintf(figure->stack, sizeof(figure->stack), "?");
	if (!insns || sscanf(insns, "processed %u", &figure->insns) != 1)
		figure->insns = 0;
}

/* Maps of its own: nothing is pinned. */
static void object_unpin(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)(void)
		bpf_map__set_pin_path(map, NULL); /* fails for want of memory only */
}

static int object_look(struct bpf_object *object)
{
	static char logs[PROGRAMS_MAX][LOG_SIZE];
	struct bpf_program *program = NULL;
	unsigned count = 0;
	int err;

	object_unpin(object);
	while ((program = bpf_object__next_program(object, program)) && count < PROGRAMS_MAX) {
		logs[count][0] = '\0';
		bpf_program__set_log_level(program, LOG_STATS);
		bpf_program__set_log_buf(program, logs[count++], LOG_SIZE);
	}
	err = bpf_object__load(object);
	if (err)
		printf("verifier: %s does not load on %s: %s\n%s\n", bpf_object__name(object),
		       series, strerror(-err), logs[0]);
	count = 0;
	while ((program = bpf_object__next_program(object, program)) && seen_count < PROGRAMS_MAX)
		figure_take(bpf_program__name(program), logs[count++]);
	return err;
}

static int objects_look(void)
{
	struct mxlb_xdp *xdp = mxlb_xdp__open();
	struct mxlb_tc *tc = mxlb_tc__open();
	struct mxlb_sweep *sweep = mxlb_sweep__open();
	int err = -ENOMEM;

	if (xdp && tc && sweep)
		err = object_look(xdp->obj);
	if (!err)
		err = object_look(tc->obj);
	if (!err)
		err = object_look(sweep->obj);
	mxlb_xdp__destroy(xdp);
	mxlb_tc__destroy(tc);
	mxlb_sweep__destroy(sweep);
	return err;
}

/* How many have grown, or are not known. */
static unsigned figures_compare(void)
{
	unsigned grown = 0;

	for (unsigned i = 0; i < seen_count; i++) {
		const struct figure *before = figure_find(seen[i].program);
		bool is_larger = before && (unsigned long)seen[i].insns * 100 >
						   (unsigned long)before->insns * (100 + GROWTH);

		printf("  %-17s %6u insns, stack %s", seen[i].program, seen[i].insns,
		       seen[i].stack);
		if (before)
			printf("; %u%s\n", before->insns, is_larger ? ": GROWN" : " in the file");
		else
			printf("; not in the file\n");
		grown += is_larger || !before;
	}
	return grown;
}

static bool series_is_known(void)
{
	for (unsigned i = 0; i < known_count; i++)
		if (!strcmp(known[i].kernel, series))
			return true;
	return false;
}

static int check(void)
{
	unsigned grown;

	printf("verifier, kernel %s:\n", series);
	grown = figures_compare();
	if (!series_is_known()) {
		printf("  %s knows no kernel %s; nothing to compare with\n", FIGURES, series);
		return 0;
	}
	if (grown)
		printf("verifier: %u programs take over %d %% more than " FIGURES
		       " says, or are new.\n"
		       "If that is how it must be, run: build/tests/bpf/verifier --write\n",
		       grown, GROWTH);
	return grown != 0;
}

int main(int argc, char **argv)
{
	const char *option = argc == 2 ? argv[1] : "";

	if (!strcmp(option, "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc > 1 && strcmp(option, "--write") && strcmp(option, "--print")) {
		fputs(usage, stderr);
		return 2;
	}
	series_read();
	figures_read();
	if (objects_look())
		return 1;
	if (!strcmp(option, "--write"))
		return figures_write();
	if (strcmp(option, "--print"))
		return check();
	figures_print(stdout);
	return 0;
}

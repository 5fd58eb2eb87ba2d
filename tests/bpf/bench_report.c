/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report: a table for people, and the same as JSON. Growth is judged by the ratio to
 * the floor: as long as that does not rise with the number of flows, mxlb's own factor is
 * no worse than the floor's. Two ratios are compared there, so both errors count.
 */
#include "bench_stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <jansson.h>

static const char *const hook_names[HOOKS] = {"xdp", "tc"};
static const char *const family_names[MXLB_FAMILIES] = {"ipv4", "ipv6"};

static unsigned missed;

/* The processor's name, as far as the kernel tells one. */
static const char *cpu_model(void)
{
	static char line[256];
	FILE *file = fopen("/proc/cpuinfo", "r");
	const char *name = "unknown";

	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strstr(line, ": ");

		if (!colon || strncmp(line, "model name", 10))
			continue;
		line[strcspn(line, "\n")] = '\0';
		name = colon + 2;
		break;
	}
	if (file)
		(void)fclose(file); /* was only read */
	return name;
}

static const char *kernel_release(void)
{
	static struct utsname name;

	return uname(&name) ? "unknown" : name.release;
}

static const char *judge(bool is_met)
{
	missed += !is_met;
	return is_met ? "met" : "MISSED";
}

/* ---- packets ------------------------------------------------------------------- */

static json_t *json_spread(const struct bench_spread *spread)
{
	return json_pack("{s:f, s:f, s:f}", "low", spread->low, "median", spread->median, "high",
			 spread->high);
}

static json_t *json_line(const struct bench_line *line)
{
	const struct bench_aim *aim = &bench_aims[line->kind];
	json_t *json = json_pack("{s:s, s:s, s:i, s:s, s:o, s:o, s:o, s:o}", "hook",
				 hook_names[line->hook], "family", family_names[line->family],
				 "flows", (int)bench_flows[line->size], "packet", aim->name,
				 "nothing_ns", json_spread(&line->nothing), "mxlb_ns",
				 json_spread(&line->mxlb), "net_mxlb_ns",
				 json_spread(&line->net_mxlb), "ratio", json_spread(&line->ratio));

	if (aim->floor != BENCH_NOTHING) {
		json_object_set_new(json, "floor_ns", json_spread(&line->floor));
		json_object_set_new(json, "net_floor_ns", json_spread(&line->net_floor));
		json_object_set_new(json, "ratio_all", json_spread(&line->ratio_all));
	}
	if (!aim->limit)
		return json;
	json_object_set_new(json, "ratio", json_spread(&line->ratio));
	json_object_set_new(json, "limit", json_real(aim->limit));
	json_object_set_new(json, "met", json_boolean(line->is_met));
	return json;
}

static void print_heads(void)
{
	printf("Nanoseconds a packet, medians of %u rounds that take turns; kernel %s, %s.\n"
	       "all: with the system's loop, the prologue that makes the packet, and a tail call.\n"
	       "net: without these, which are what `nothing` takes: a program that returns at "
	       "once.\n"
	       "floor: bare translation; for a new connection with one insertion into a table.\n"
	       "ratio: mxlb to floor; in brackets a quarter of the rounds are below, a quarter\n"
	       "above. Of packets that are not ours: mxlb to nothing, both without a prologue.\n\n"
	       "                        |             all               |     net\n"
	       "                        | nothing  floor   mxlb  ratio  | floor   mxlb  ratio\n",
	       bench_rounds(), kernel_release(), cpu_model());
}

static void print_line(const struct bench_line *line)
{
	const struct bench_aim *aim = &bench_aims[line->kind];
	bool is_against_floor = aim->floor != BENCH_NOTHING;

	printf("  %-22s| %6.1f ", aim->name, line->nothing.median);
	if (is_against_floor)
		printf("%7.1f %7.1f  %5.2f  | %5.1f %6.1f", line->floor.median, line->mxlb.median,
		       line->ratio_all.median, line->net_floor.median, line->net_mxlb.median);
	else
		printf("        %7.1f         |       %6.1f", line->mxlb.median,
		       line->net_mxlb.median);
	if (aim->limit)
		printf("  %5.2f [%.2f %.2f] <= %.1f %s", line->ratio.median, line->ratio.low,
		       line->ratio.high, aim->limit, judge(line->is_met));
	printf("\n");
}

static void report_packets(json_t *all, enum hook hook, enum mxlb_family family, unsigned size)
{
	printf("%s, %s, %u flows\n", hook_names[hook], family_names[family], bench_flows[size]);
	for (int kind = 0; kind < BENCH_KINDS; kind++) {
		struct bench_line line;

		if (size && !bench_is_ours(kind))
			continue; /* they ask no table of flows */
		bench_line_read(&line, hook, family, size, kind);
		print_line(&line);
		json_array_append_new(all, json_line(&line));
	}
}

/* ---- growth -------------------------------------------------------------------- */

static void report_growth(json_t *all, enum hook hook, enum mxlb_family family,
			  enum bench_kind kind)
{
	struct bench_line few, many;
	double floor, mxlb, error;
	bool is_met;

	bench_line_read(&few, hook, family, 0, kind);
	bench_line_read(&many, hook, family, BENCH_SIZES - 1, kind);
	floor = many.net_floor.median / few.net_floor.median;
	mxlb = many.net_mxlb.median / few.net_mxlb.median;
	error = hypot(bench_margin(&few.ratio), bench_margin(&many.ratio));
	is_met = many.ratio.median <= few.ratio.median + error;
	printf("  %-3s %s  %-15s| floor x %.2f  mxlb x %.2f  ratio %.2f, then %.2f +- %.2f %s\n",
	       hook_names[hook], family_names[family], bench_aims[kind].name, floor, mxlb,
	       few.ratio.median, many.ratio.median, error, judge(is_met));
	json_array_append_new(all,
			      json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:b}", "hook",
					hook_names[hook], "family", family_names[family], "packet",
					bench_aims[kind].name, "floor", floor, "mxlb", mxlb,
					"ratio_few", few.ratio.median, "ratio_many",
					many.ratio.median, "error", error, "met", is_met));
}

/* ---- both ---------------------------------------------------------------------- */

static int json_write(json_t *report, const char *path)
{
	int err = json_dump_file(report, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6));

	if (err)
		fprintf(stderr, "bench: cannot write %s; is its directory there?\n", path);
	return err ? 1 : 0;
}

int bench_report(const char *json_path)
{
	json_t *packets = json_array(), *growth = json_array(), *report;
	int exit_code = 0;

	print_heads();
	for (int hook = 0; hook < HOOKS; hook++)
		for (int family = 0; family < MXLB_FAMILIES; family++)
			for (unsigned size = 0; size < BENCH_SIZES; size++)
				report_packets(packets, hook, family, size);
	printf("\ngrowth of the net cost from %u to %u flows\n", bench_flows[0],
	       bench_flows[BENCH_SIZES - 1]);
	for (int hook = 0; hook < HOOKS; hook++)
		for (int family = 0; family < MXLB_FAMILIES; family++)
			for (int kind = 0; bench_aims[kind].floor != BENCH_NOTHING; kind++)
				report_growth(growth, hook, family, kind);
	printf("%u aims missed\n", missed);
	report = json_pack("{s:s, s:s, s:i, s:o, s:o, s:i}", "kernel", kernel_release(), "cpu",
			   cpu_model(), "rounds", (int)bench_rounds(), "packets", packets, "growth",
			   growth, "missed", (int)missed);
	if (json_path)
		exit_code = json_write(report, json_path);
	json_decref(report);
	return exit_code;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mxlbctl prints: tables in the width there is, colours, unprintable bytes,
 * figures, JSON and trees.
 */
/* uses: out.c out_json.c out_format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "out.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static char *printed;
static size_t printed_len;

static struct out out_open(unsigned width, bool is_coloured)
{
	struct out out = {open_memstream(&printed, &printed_len), is_coloured, width};

	assert_non_null(out.file);
	return out;
}

static void assert_printed(struct out *out, const char *text)
{
	fclose(out->file);
	assert_string_equal(printed, text);
	free(printed);
}

/* ---- tables ---------------------------------------------------------------- */

static const struct out_column columns[] = {
	{"NAME", false}, {"ADDRESS", false}, {"NOTE", false}, {"OPEN", true}};

static struct out_table *two_backends(const char *note)
{
	struct out_table *table = out_table_new(columns, ROWS(columns));

	out_cell(table, OUT_PLAIN, "mx1");
	out_cell(table, OUT_PLAIN, "10.0.0.11:25\n[fd00::11]:25");
	out_cell(table, OUT_PLAIN, "%s", note);
	out_cell(table, OUT_PLAIN, "%d", 3);
	out_cell(table, OUT_PLAIN, "mx2-long");
	out_cell(table, OUT_PLAIN, "10.0.0.12:25");
	out_cell(table, OUT_PLAIN, "%s", "");
	out_cell(table, OUT_PLAIN, "%d", 12345);
	return table;
}

static void a_table_is_aligned(void **state)
{
	struct out out = out_open(80, false);

	out_table_end(two_backends("new disk"), &out);
	assert_printed(&out, "NAME      ADDRESS                     NOTE       OPEN\n"
			     "mx1       10.0.0.11:25 [fd00::11]:25  new disk      3\n"
			     "mx2-long  10.0.0.12:25                          12345\n");
}

static void a_column_without_values_is_left_out(void **state)
{
	struct out out = out_open(80, false);

	out_table_end(two_backends(""), &out);
	assert_printed(&out, "NAME      ADDRESS                      OPEN\n"
			     "mx1       10.0.0.11:25 [fd00::11]:25      3\n"
			     "mx2-long  10.0.0.12:25                12345\n");
}

/* 8 + 26 + 8 + 5 and three gaps of 2 are 53. */
static void a_table_breaks_cells_before_it_is_too_wide(void **state)
{
	struct out out = out_open(53, false);

	out_table_end(two_backends("new disk"), &out);
	assert_printed(&out, "NAME      ADDRESS                     NOTE       OPEN\n"
			     "mx1       10.0.0.11:25 [fd00::11]:25  new disk      3\n"
			     "mx2-long  10.0.0.12:25                          12345\n");
	out = out_open(52, false);
	out_table_end(two_backends("new disk"), &out);
	assert_printed(&out, "NAME      ADDRESS        NOTE       OPEN\n"
			     "mx1       10.0.0.11:25   new disk      3\n"
			     "          [fd00::11]:25\n"
			     "mx2-long  10.0.0.12:25             12345\n");
}

/* 8 + 13 + 8 + 5 and three gaps of 2 are 40. */
static void then_it_narrows_its_gaps(void **state)
{
	struct out out = out_open(39, false);

	out_table_end(two_backends("new disk"), &out);
	assert_printed(&out, "NAME     ADDRESS       NOTE      OPEN\n"
			     "mx1      10.0.0.11:25  new disk     3\n"
			     "         [fd00::11]:25\n"
			     "mx2-long 10.0.0.12:25           12345\n");
	out = out_open(10, false); /* nothing is cut: it may be needed */
	out_table_end(two_backends("new disk"), &out);
	assert_printed(&out, "NAME     ADDRESS       NOTE      OPEN\n"
			     "mx1      10.0.0.11:25  new disk     3\n"
			     "         [fd00::11]:25\n"
			     "mx2-long 10.0.0.12:25           12345\n");
}

static void a_table_without_rows_is_nothing(void **state)
{
	struct out out = out_open(80, false);

	out_table_end(out_table_new(columns, ROWS(columns)), &out);
	assert_printed(&out, "");
}

static void pairs_have_no_head(void **state)
{
	static const struct out_column pair[2];
	struct out_table *table = out_table_new(pair, 2);
	struct out out = out_open(80, false);

	out_cell(table, OUT_PLAIN, "weight");
	out_cell(table, OUT_PLAIN, "100");
	out_cell(table, OUT_PLAIN, "preference");
	out_cell(table, OUT_PLAIN, "10");
	out_table_end(table, &out);
	assert_printed(&out, "weight      100\n"
			     "preference  10\n");
}

static void colour_takes_no_room(void **state)
{
	static const struct out_column two[] = {{"A", false}, {"B", true}};
	struct out_table *table = out_table_new(two, 2);
	struct out out = out_open(80, true);

	out_cell(table, OUT_BAD, "down");
	out_cell(table, OUT_PLAIN, "1");
	out_cell(table, OUT_GOOD, "up");
	out_cell(table, OUT_WARN, "22");
	out_table_end(table, &out);
	assert_printed(&out, "\033[1mA\033[0m      \033[1mB\033[0m\n"
			     "\033[31mdown\033[0m   1\n"
			     "\033[32mup\033[0m    \033[33m22\033[0m\n");
}

static void width_counts_characters(void **state)
{
	static const struct out_column two[] = {{"A", false}, {"B", false}};
	struct out_table *table = out_table_new(two, 2);
	struct out out = out_open(80, false);

	out_cell(table, OUT_PLAIN, "Jürgen");
	out_cell(table, OUT_PLAIN, "x");
	out_cell(table, OUT_PLAIN, "Juergen");
	out_cell(table, OUT_PLAIN, "y");
	out_table_end(table, &out);
	assert_printed(&out, "A        B\n"
			     "Jürgen   x\n"
			     "Juergen  y\n");
}

/* ---- lines ----------------------------------------------------------------- */

static void control_characters_do_not_reach_the_terminal(void **state)
{
	struct out out = out_open(80, true);

	out_text(&out, OUT_PLAIN, "%s\n", "220 \033[31mred\007\r\tJürgen");
	out_text(&out, OUT_PLAIN, "%s\n",
		 "\xc2\x9b"
		 "2J \xff\xc3 \xe2\x82\xac \x7f.");
	assert_printed(&out, "220 ?[31mred???Jürgen\n"
			     "??2J ?? \xe2\x82\xac ?.\n");
}

static void no_colour_but_on_a_terminal(void **state)
{
	FILE *file = tmpfile();
	struct out out;

	assert_non_null(file);
	out_setup(&out, file, false);
	assert_false(out.is_coloured);
	assert_int_equal(out.width, 80);
	assert_ptr_equal(out.file, file);
	fclose(file);
}

static void figures(void **state)
{
	static const struct {
		double value;
		char *(*format)(double value, char *buf);
		const char *text;
	} rows[] = {
		{0.24, out_age, "0.2s"},
		{9.94, out_age, "9.9s"},
		{42.9, out_age, "42s"},
		{60, out_age, "1m00s"},
		{220.1, out_age, "3m40s"},
		{3599, out_age, "59m59s"},
		{15120, out_age, "4h12m"},
		{86400, out_age, "1d0h"},
		{1051215.5, out_age, "12d4h"},
		{-1, out_age, "0.0s"},
		{0.0016, out_delay, "1.6 ms"},
		{0.00001, out_delay, "0.0 ms"},
		{0.012, out_delay, "12 ms"},
		{0.999, out_delay, "999 ms"},
		{1.24, out_delay, "1.2 s"},
		{0.9996, out_delay, "1.0 s"},
		{0, out_bytes, "0 B"},
		{900, out_bytes, "900 B"},
		{2100, out_bytes, "2.1 kB"},
		{999949, out_bytes, "999.9 kB"},
		{999999, out_bytes, "1.0 MB"},
		{5e9, out_bytes, "5.0 GB"},
		{1.5e15, out_bytes, "1500.0 TB"},
	};
	char buf[OUT_FORMAT_MAX];

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_string_equal(rows[i].format(rows[i].value, buf), rows[i].text);
}

/* ---- JSON ------------------------------------------------------------------ */

static void json_keeps_order_and_figures(void **state)
{
	json_t *doc =
		json_loads("{\"z\":1,\"a\":0.0016,\"m\":[\"x\"],\"e\":[],\"n\":null}", 0, NULL);
	struct out out = out_open(80, false);

	out_json(&out, doc);
	assert_printed(&out, "{\n"
			     "  \"z\": 1,\n"
			     "  \"a\": 0.0016,\n"
			     "  \"m\": [\n"
			     "    \"x\"\n"
			     "  ],\n"
			     "  \"e\": [],\n"
			     "  \"n\": null\n"
			     "}\n");
	json_decref(doc);
}

static void a_tree_reads_as_yaml(void **state)
{
	json_t *doc = json_loads("{\"max\":262144,\"factor\":1.25,\"off\":null,\"none\":[],"
				 "\"log\":{\"level\":\"info\"},"
				 "\"address\":[\"192.0.2.25\",\"2001:db8::25\"],"
				 "\"interfaces\":[{\"name\":\"eth0\",\"up\":true},\"eth1\"]}",
				 0, NULL);
	struct out out = out_open(80, false);

	out_tree(&out, doc);
	assert_printed(&out, "max: 262144\n"
			     "factor: 1.25\n"
			     "off: null\n"
			     "none: \n"
			     "log:\n"
			     "  level: info\n"
			     "address: 192.0.2.25, 2001:db8::25\n"
			     "interfaces:\n"
			     "  -\n"
			     "    name: eth0\n"
			     "    up: true\n"
			     "  - eth1\n");
	json_decref(doc);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_aligned),
		cmocka_unit_test(a_column_without_values_is_left_out),
		cmocka_unit_test(a_table_breaks_cells_before_it_is_too_wide),
		cmocka_unit_test(then_it_narrows_its_gaps),
		cmocka_unit_test(a_table_without_rows_is_nothing),
		cmocka_unit_test(pairs_have_no_head),
		cmocka_unit_test(colour_takes_no_room),
		cmocka_unit_test(width_counts_characters),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(no_colour_but_on_a_terminal),
		cmocka_unit_test(figures),
		cmocka_unit_test(json_keeps_order_and_figures),
		cmocka_unit_test(a_tree_reads_as_yaml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: words by prefix, options wherever they stand, and for each
 * fault a message that says what could have been.
 */
/* uses: cli_args.c cli_grammar.c cli_help.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli_args.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ARGV_MAX   16

/* Parses words separated by '|', which may hold blanks. `copy` keeps them. */
static int parse(const char *line, char *copy, struct cli_args *args)
{
	char *argv[ARGV_MAX] = {(char *)"mxlbctl"}, *word;
	int argc = 1;

	strcpy(copy, line);
	while (*line && (word = strsep(&copy, "|")))
		argv[argc++] = word;
	return cli_args_parse(argc, argv, args);
}

/* ---- words ----------------------------------------------------------------- */

static void finds_verbs_by_name_and_prefix(void **state)
{
	static const struct {
		const char *line;
		enum cli_verb verb;
		size_t n_args;
	} rows[] = {
		{"status", VERB_STATUS, 0},
		{"st", VERB_STATUS, 0},
		{"service|list", VERB_SERVICE_LIST, 0},
		{"se|s|mx-in", VERB_SERVICE_SHOW, 1},
		{"backend|list", VERB_BACKEND_LIST, 0},
		{"b|l", VERB_BACKEND_LIST, 0},
		{"b|l|mx-in", VERB_BACKEND_LIST, 1},
		{"b|s|mx1", VERB_BACKEND_SHOW, 1},
		{"b|d|mx1", VERB_BACKEND_DRAIN, 1},
		{"b|m|mx1", VERB_BACKEND_MAINT, 1},
		{"b|r|mx1", VERB_BACKEND_READY, 1},
		{"b|w|mx1|50%", VERB_BACKEND_WEIGHT, 2},
		{"f|l", VERB_FLOW_LIST, 0},
		{"flow|count", VERB_FLOW_COUNT, 0},
		{"p|mx1", VERB_PROBE, 1},
		{"c|c", VERB_CONFIG_CHECK, 0},
		{"config|check|a.yaml", VERB_CONFIG_CHECK, 1},
		{"c|s", VERB_CONFIG_SHOW, 0},
		{"c|d|a.yaml", VERB_CONFIG_DIFF, 1},
		{"c|r", VERB_CONFIG_RELOAD, 0},
		{"m", VERB_METRICS, 0},
		{"v", VERB_VERSION, 0},
	};
	struct cli_args args;
	char copy[256];

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (parse(rows[i].line, copy, &args) || cli_verb_id(args.verb) != rows[i].verb ||
		    args.n_args != rows[i].n_args || args.is_help)
			fail_msg("%s: %s", rows[i].line, args.error);
	}
}

static void takes_arguments_in_order(void **state)
{
	struct cli_args args;
	char copy[256];

	assert_int_equal(parse("backend|weight|mx1|50%", copy, &args), 0);
	assert_string_equal(args.arg[0], "mx1");
	assert_string_equal(args.arg[1], "50%");
	assert_int_equal(parse("backend|show|--|-odd", copy, &args), 0);
	assert_string_equal(args.arg[0], "-odd");
	assert_int_equal(parse("config|check|-", copy, &args), 0);
	assert_string_equal(args.arg[0], "-");
}

/* ---- options --------------------------------------------------------------- */

static void options_stand_anywhere(void **state)
{
	static const char *const rows[] = {
		"--json|-s|/tmp/s|backend|drain|mx1|-m|new disk",
		"backend|--message=new disk|drain|-j|mx1|--socket|/tmp/s",
		"-js/tmp/s|b|d|-mnew disk|mx1",
		"b|d|mx1|--socket=/tmp/s|-jm|new disk",
	};
	struct cli_args args;
	char copy[256];

	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(parse(rows[i], copy, &args), 0);
		assert_int_equal(cli_verb_id(args.verb), VERB_BACKEND_DRAIN);
		assert_string_equal(args.arg[0], "mx1");
		assert_true(args.option[OPTION_JSON].is_set);
		assert_string_equal(args.option[OPTION_SOCKET].text, "/tmp/s");
		assert_string_equal(args.option[OPTION_MESSAGE].text, "new disk");
		assert_false(args.option[OPTION_WAIT].is_set);
		assert_false(args.option[OPTION_QUIET].is_set);
	}
}

static void values_are_read(void **state)
{
	struct cli_args args;
	char copy[256];

	assert_int_equal(parse("b|d|mx1|--wait|--timeout|15m|--connect-timeout=250ms", copy, &args),
			 0);
	assert_true(args.option[OPTION_TIMEOUT].number == 900000);
	assert_true(args.option[OPTION_CONNECT_TIMEOUT].number == 250);
	assert_int_equal(parse("f|l|--limit|100|--limit|7", copy, &args), 0);
	assert_true(args.option[OPTION_LIMIT].number == 7);
	assert_string_equal(args.option[OPTION_LIMIT].text, "7");
	assert_int_equal(parse("f|l|--client||--state|closing", copy, &args), 0);
	assert_string_equal(args.option[OPTION_CLIENT].text, "");
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		unsigned long long ms;
	} good[] = {{"500ms", 500},
		    {"5s", 5000},
		    {"15m", 900000},
		    {"2h", 7200000},
		    {"14d", 1209600000},
		    {"0s", 0},
		    {"4294967295ms", 4294967295ull}};
	static const char *const bad[] = {"",
					  "5",
					  "s",
					  "-5s",
					  "+5s",
					  " 5s",
					  "5 s",
					  "5sec",
					  "5.5s",
					  "0x5s",
					  "4294967296ms",
					  "50d",
					  "99999999999999999999s"};
	unsigned long long ms = 42;

	for (size_t i = 0; i < ROWS(good); i++) {
		assert_int_equal(cli_duration_parse(good[i].text, &ms), 0);
		assert_true(ms == good[i].ms);
	}
	ms = 42;
	for (size_t i = 0; i < ROWS(bad); i++) {
		if (cli_duration_parse(bad[i], &ms) != -EINVAL || ms != 42)
			fail_msg("accepted \"%s\"", bad[i]);
	}
}

/* ---- faults ---------------------------------------------------------------- */

static void faults_say_what_could_be(void **state)
{
	static const char nouns[] =
		"status, service, backend, flow, probe, config, metrics, version, help";
	static const struct {
		const char *line, *error, *list;
	} rows[] = {
		{"", "command: missing what to do; could be: ", nouns},
		{"-j", "command: missing what to do; could be: ", nouns},
		{"nonsense", "nonsense: unknown; could be: ", nouns},
		/* verbs that are not there yet */
		{"trace|203.0.113.7", "trace: unknown; could be: ", nouns},
		{"tls|list", "tls: unknown; could be: ", nouns},
		{"monitor", "monitor: unknown; could be: ", nouns},
		{"flow|kill", "flow kill: unknown; could be: ", "list, count"},
		{"s", "s: ambiguous; could be: ", "status, service"},
		{"statusx", "statusx: unknown; could be: ", nouns},
		{"backend", "backend: missing what to do; could be: ",
		 "list, show, drain, maint, ready, weight"},
		{"b|explode|mx1",
		 "backend explode: unknown; could be: ", "list, show, drain, maint, ready, weight"},
		{"config|", "config : unknown; could be: ", "check, show, diff, reload"},
		{"b|d", "backend drain: NAME is missing; usage: mxlbctl ",
		 "backend drain NAME [--service S] [--force] [--dry-run] [--message TEXT] [--wait] "
		 "[--timeout DUR]"},
		{"b|w|mx1", "backend weight: WEIGHT is missing; usage: mxlbctl ",
		 "backend weight NAME WEIGHT [--service S] [--force] [--dry-run]"},
		{"p", "probe: BACKEND is missing; usage: mxlbctl ",
		 "probe BACKEND [--service S] [--verbose]"},
		{"status|now", "now: one word too many; usage: mxlbctl ", "status"},
		{"c|c|a|b", "b: one word too many; usage: mxlbctl ", "config check [FILE]"},
		{"a|b|c|d|e|f|g|h|i", "i: one word too many; see mxlbctl --help", ""},
		{"b|l|--wait", "--wait: not for backend list; could be: ", "--service"},
		{"status|--force", "--force: not for status; could be: ",
		 "--json, --socket, --quiet, --no-color, --connect-timeout, --help, --version"},
		{"status|--colour", "--colour: no such option; see mxlbctl --help", ""},
		{"status|-jx", "-x: no such option; see mxlbctl --help", ""},
		{"status|--jso", "--jso: no such option; see mxlbctl --help", ""},
		{"status|--json=1", "--json=1: takes no value; give --json alone", ""},
		{"status|--socket", "--socket: its value is missing; give --socket PATH", ""},
		{"b|d|mx1|-m", "--message: its value is missing; give --message TEXT", ""},
		{"b|d|mx1|--wait|--timeout|soon",
		 "--timeout soon: not a duration; give one such as 500ms, 5s or 15m", ""},
		{"status|--connect-timeout|0s",
		 "--connect-timeout 0s: no time at all; give 1ms or more", ""},
		{"b|d|mx1|--timeout|5s", "--timeout: nothing to wait for; add --wait", ""},
		{"f|l|--limit|ten", "--limit ten: not a number; give one such as 100", ""},
		{"f|l|--limit|-1", "--limit -1: not a number; give one such as 100", ""},
		{"f|l|--limit|99999999999999999999",
		 "--limit 99999999999999999999: not a number; give one such as 100", ""},
	};
	char copy[256], wanted[512];
	struct cli_args args;

	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(parse(rows[i].line, copy, &args), -EINVAL);
		snprintf(wanted, sizeof(wanted), "%s%s", rows[i].error, rows[i].list);
		assert_string_equal(args.error, wanted);
	}
}

/* A message is cut rather than too long. */
static void long_words_do_no_harm(void **state)
{
	static char line[2000], copy[2000];
	struct cli_args args;

	memset(line, 'x', sizeof(line) - 1);
	assert_int_equal(parse(line, copy, &args), -EINVAL);
	assert_int_equal(strlen(args.error), sizeof(args.error) - 1);
}

/* ---- help ------------------------------------------------------------------ */

static char *help_of(const char *line)
{
	struct cli_args args;
	char copy[256], *text;
	size_t len;
	FILE *file;

	if (parse(line, copy, &args) || !args.is_help)
		fail_msg("%s: no help: %s", line, args.error);
	file = open_memstream(&text, &len);
	cli_help(file, &args);
	fclose(file);
	return text;
}

static void help_is_of_the_level_it_stands_at(void **state)
{
	static const struct {
		const char *line, *begins, *has;
	} rows[] = {
		{"--help", "usage: mxlbctl [OPTIONS] OBJECT", "  backend weight NAME WEIGHT     a"},
		{"-h", "usage: mxlbctl [OPTIONS] OBJECT", "exit codes: 0 done; 1 degraded"},
		{"help", "usage: mxlbctl [OPTIONS] OBJECT", "  -s, --socket PATH              the"},
		{"backend|-h", "usage: mxlbctl backend VERB",
		 "  backend ready NAME             ends"},
		{"help|b", "usage: mxlbctl backend VERB", "  backend list [SERVICE]         back"},
		{"b|d|-h", "usage: mxlbctl backend drain NAME [--service S]",
		 "\n  -m, --message TEXT             why, for"},
		{"help|b|d", "usage: mxlbctl backend drain NAME [--service S]",
		 "\n      --timeout DUR              longest"},
		{"-h|b|d|mx1", "usage: mxlbctl backend drain NAME", "--connect-timeout DUR"},
		{"probe|--help", "usage: mxlbctl probe BACKEND [--service S] [--verbose]\n\n",
		 "-v, "},
		{"help|status", "usage: mxlbctl status\n\n", "Exits 1"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char *text = help_of(rows[i].line);

		if (strncmp(text, rows[i].begins, strlen(rows[i].begins)) != 0 ||
		    !strstr(text, rows[i].has))
			fail_msg("%s:\n%s", rows[i].line, text);
		free(text);
	}
}

static void help_of_a_noun_is_of_no_other(void **state)
{
	char *text = help_of("help|flow");

	assert_string_equal(text, "usage: mxlbctl flow VERB [ARGUMENTS] [OPTIONS]\n\n"
				  "  flow list                      connections, one a line\n"
				  "  flow count                     how many there are\n\n"
				  "More: mxlbctl flow VERB --help\n");
	free(text);
}

static void help_of_what_is_not_there_is_a_fault(void **state)
{
	struct cli_args args;
	char copy[256];

	assert_int_equal(parse("help|trace", copy, &args), -EINVAL);
	assert_non_null(strstr(args.error, "trace: unknown; could be: status"));
	assert_int_equal(parse("backend|explode|-h", copy, &args), -EINVAL);
	assert_non_null(strstr(args.error, "backend explode: unknown; could be: list"));
}

static void version_needs_no_verb(void **state)
{
	struct cli_args args;
	char copy[256];

	assert_int_equal(parse("--version", copy, &args), 0);
	assert_true(args.option[OPTION_VERSION].is_set);
	assert_int_equal(parse("-V|status", copy, &args), 0);
	assert_true(args.option[OPTION_VERSION].is_set);
}

/* Each row of the two tables is there, and help fits 90 columns. */
static void the_tables_are_whole(void **state)
{
	char *text = help_of("--help");

	for (int i = 0; i < OPTION_COUNT; i++) {
		assert_non_null(cli_options[i].name);
		assert_non_null(cli_options[i].help);
		assert_true(!cli_options[i].value == !cli_options[i].value_name);
	}
	for (int i = 0; i < VERB_COUNT; i++) {
		assert_non_null(cli_verbs[i].noun);
		assert_non_null(cli_verbs[i].help);
	}
	for (char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 90);
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_verbs_by_name_and_prefix),
		cmocka_unit_test(takes_arguments_in_order),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(durations),
		cmocka_unit_test(faults_say_what_could_be),
		cmocka_unit_test(long_words_do_no_harm),
		cmocka_unit_test(help_is_of_the_level_it_stands_at),
		cmocka_unit_test(help_of_a_noun_is_of_no_other),
		cmocka_unit_test(help_of_what_is_not_there_is_a_fault),
		cmocka_unit_test(version_needs_no_verb),
		cmocka_unit_test(the_tables_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

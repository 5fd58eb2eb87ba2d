/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of mxlbctl: nouns, verbs, arguments and options are one table
 * (cli_grammar.c); parsing, messages and help are all read off it. Pure: no I/O
 * but the help text. Knows nothing of the daemon.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cli_option {
	/* of every verb */
	OPTION_JSON,
	OPTION_SOCKET,
	OPTION_QUIET,
	OPTION_NO_COLOR,
	OPTION_CONNECT_TIMEOUT,
	OPTION_HELP,
	OPTION_VERSION,
	/* of some */
	OPTION_SERVICE,
	OPTION_FORCE,
	OPTION_DRY_RUN,
	OPTION_MESSAGE,
	OPTION_WAIT,
	OPTION_TIMEOUT,
	OPTION_CLIENT,
	OPTION_BACKEND,
	OPTION_STATE,
	OPTION_LIMIT,
	OPTION_VERBOSE,
	OPTION_COUNT
};

enum cli_verb {
	VERB_STATUS,
	VERB_SERVICE_LIST,
	VERB_SERVICE_SHOW,
	VERB_BACKEND_LIST,
	VERB_BACKEND_SHOW,
	VERB_BACKEND_DRAIN,
	VERB_BACKEND_MAINT,
	VERB_BACKEND_READY,
	VERB_BACKEND_WEIGHT,
	VERB_FLOW_LIST,
	VERB_FLOW_COUNT,
	VERB_PROBE,
	VERB_CONFIG_CHECK,
	VERB_CONFIG_SHOW,
	VERB_CONFIG_DIFF,
	VERB_CONFIG_RELOAD,
	VERB_METRICS,
	VERB_VERSION,
	VERB_HELP,
	VERB_COUNT
};

enum cli_value { VALUE_NONE, VALUE_TEXT, VALUE_NUMBER, VALUE_DURATION };

struct cli_option_def {
	const char *name; /* without dashes */
	char letter;	  /* or 0 */
	enum cli_value value;
	const char *value_name;
	bool is_global;
	bool is_sent; /* goes to the daemon, under its name */
	const char *help;
};

#define CLI_ARGS_MAX 2

struct cli_verb_def {
	const char *noun;
	const char *verb;	       /* NULL: the noun stands alone */
	const char *arg[CLI_ARGS_MAX]; /* "NAME"; "[FILE]" may be left out; NULL: no more */
	unsigned options;	       /* bits 1 << enum cli_option, besides the global ones */
	bool is_slow;		       /* may work for long before it answers; see cli_ask */
	const char *help;
	const char *more; /* sentences for the verb's own help, or NULL */
};

extern const struct cli_option_def cli_options[OPTION_COUNT];
extern const struct cli_verb_def cli_verbs[VERB_COUNT];

struct cli_setting {
	bool is_set;
	const char *text;	   /* as given; NULL for flags */
	unsigned long long number; /* of VALUE_NUMBER; of VALUE_DURATION in ms */
};

/* Texts are borrowed from argv. */
struct cli_args {
	bool is_help;			 /* print cli_help and do nothing else */
	const char *noun;		 /* of cli_verbs; NULL: help of everything */
	const struct cli_verb_def *verb; /* NULL only for help of a noun or of everything */
	const char *arg[CLI_ARGS_MAX];
	size_t n_args;
	struct cli_setting option[OPTION_COUNT];
	char error[512]; /* after -EINVAL: "what: why; what to do" */
};

/* Fills args. 0, or -EINVAL and args->error; options seen before the fault are set. */
int cli_args_parse(int argc, char *const argv[], struct cli_args *args);
enum cli_verb cli_verb_id(const struct cli_verb_def *verb);
bool cli_verb_takes(const struct cli_verb_def *verb, enum cli_option option);
/* "500ms 5s 15m 2h 14d" to milliseconds. 0, or -EINVAL. */
int cli_duration_parse(const char *text, unsigned long long *ms);
/* The help that args ask for: of everything, of a noun, or of a verb. */
void cli_help(FILE *file, const struct cli_args *args);
/* "backend drain NAME [--wait] ..." with the verb's own options. Returns buf. */
char *cli_usage(const struct cli_verb_def *verb, char *buf, size_t size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From argv to struct cli_args. Options are taken out first, wherever they stand;
 * the words that are left are then looked up in the table, by unique prefix. Each
 * refusal says what could have stood there.
 */
#include "cli_args.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Noun, verb and arguments, and `help` before them; more is refused anyhow. */
#define WORDS_MAX 8
#define LIST_MAX  256

struct words {
	const char *at[VERB_COUNT];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct cli_args *args, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(args->error, sizeof(args->error), fmt, ap); /* cut is better than none */
	va_end(ap);
	return -EINVAL;
}

enum cli_verb cli_verb_id(const struct cli_verb_def *verb)
{
	return (enum cli_verb)(verb - cli_verbs);
}

bool cli_verb_takes(const struct cli_verb_def *verb, enum cli_option option)
{
	return cli_options[option].is_global || verb->options & 1u << option;
}

int cli_duration_parse(const char *text, unsigned long long *ms)
{
	static const struct {
		const char *name;
		unsigned long long ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	unsigned long long number;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		if (errno || number > UINT_MAX / units[i].ms)
			return -EINVAL;
		*ms = number * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

/* ---- options --------------------------------------------------------------- */

/* "--service S, -m/--message TEXT, ..." of a verb; all of the global ones for NULL. */
static const char *options_list(const struct cli_verb_def *verb, char *buf)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 0; i < OPTION_COUNT && len < LIST_MAX; i++) {
		const struct cli_option_def *def = &cli_options[i];

		if (verb ? !(verb->options & 1u << i) : !def->is_global)
			continue;
		len += (size_t)snprintf(buf + len, LIST_MAX - len, "%s--%s", len ? ", " : "",
					def->name);
	}
	return buf;
}

static int option_set(struct cli_args *args, enum cli_option option, const char *value)
{
	struct cli_setting *setting = &args->option[option];
	const struct cli_option_def *def = &cli_options[option];
	char *end;

	setting->is_set = true;
	setting->text = value;
	if (!value)
		return 0;
	if (def->value == VALUE_DURATION && cli_duration_parse(value, &setting->number))
		return refuse(args, "--%s %s: not a duration; give one such as 500ms, 5s or 15m",
			      def->name, value);
	if (def->value == VALUE_DURATION && setting->number == 0)
		return refuse(args, "--%s %s: no time at all; give 1ms or more", def->name, value);
	if (def->value == VALUE_NUMBER) {
		errno = 0;
		setting->number = strtoull(value, &end, 10);
		if (*value < '0' || *value > '9' || *end || errno || setting->number > INT_MAX)
			return refuse(args, "--%s %s: not a number; give one such as 100",
				      def->name, value);
	}
	return 0;
}

/* The value is what follows '=' or the letter, or else the next word, then taken. */
static int option_take(struct cli_args *args, enum cli_option option, const char *attached,
		       char *const **next)
{
	const struct cli_option_def *def = &cli_options[option];

	if (def->value == VALUE_NONE && attached)
		return refuse(args, "--%s=%s: takes no value; give --%s alone", def->name, attached,
			      def->name);
	if (def->value == VALUE_NONE)
		return option_set(args, option, NULL);
	if (!attached && !**next)
		return refuse(args, "--%s: its value is missing; give --%s %s", def->name,
			      def->name, def->value_name);
	if (!attached)
		attached = *(*next)++;
	return option_set(args, option, attached);
}

static int long_option(struct cli_args *args, const char *text, char *const **next)
{
	size_t len = strcspn(text, "=");

	for (int i = 0; i < OPTION_COUNT; i++) {
		if (strlen(cli_options[i].name) == len && !strncmp(cli_options[i].name, text, len))
			return option_take(args, (enum cli_option)i,
					   text[len] ? text + len + 1 : NULL, next);
	}
	return refuse(args, "--%.*s: no such option; see mxlbctl --help", (int)len, text);
}

/* "-j", "-jq", "-m TEXT", "-mTEXT" */
static int short_options(struct cli_args *args, const char *letters, char *const **next)
{
	for (; *letters; letters++) {
		int i = 0, err;

		while (i < OPTION_COUNT && cli_options[i].letter != *letters)
			i++;
		if (i == OPTION_COUNT)
			return refuse(args, "-%c: no such option; see mxlbctl --help", *letters);
		if (cli_options[i].value != VALUE_NONE)
			return option_take(args, (enum cli_option)i,
					   letters[1] ? letters + 1 : NULL, next);
		err = option_take(args, (enum cli_option)i, NULL, next);
		if (err)
			return err;
	}
	return 0;
}

/* Takes the options out of argv, which ends with NULL. */
static int options_parse(struct cli_args *args, char *const *next, struct words *words)
{
	bool only_words = false;
	int err = 0;

	while (!err && *next) {
		const char *word = *next++;

		if (only_words || word[0] != '-' || !word[1]) {
			if (words->n == WORDS_MAX)
				return refuse(args, "%s: one word too many; see mxlbctl --help",
					      word);
			words->at[words->n++] = word;
		} else if (!strcmp(word, "--")) {
			only_words = true;
		} else if (word[1] == '-') {
			err = long_option(args, word + 2, &next);
		} else {
			err = short_options(args, word + 1, &next);
		}
	}
	return err;
}

/* ---- words ----------------------------------------------------------------- */

/* All nouns for NULL, else the verbs of a noun. */
static void choices(const char *noun, struct words *words)
{
	words->n = 0;
	for (int i = 0; i < VERB_COUNT; i++) {
		const struct cli_verb_def *def = &cli_verbs[i];

		if (noun ? !strcmp(def->noun, noun) && def->verb
			 : i == 0 || strcmp(def->noun, cli_verbs[i - 1].noun) != 0)
			words->at[words->n++] = noun ? def->verb : def->noun;
	}
}

/* "a, b, c" of those that begin with `prefix`; returns how many, *first the first. */
static size_t words_list(const struct words *words, const char *prefix, char *buf,
			 const char **first)
{
	size_t len = 0, n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < words->n && len < LIST_MAX; i++) {
		if (strncmp(words->at[i], prefix, strlen(prefix)) != 0)
			continue;
		if (n++ == 0)
			*first = words->at[i];
		len += (size_t)snprintf(buf + len, LIST_MAX - len, "%s%s", len ? ", " : "",
					words->at[i]);
	}
	return n;
}

/* Finds a word by its name or by a unique prefix. `after`: the noun before it, or "". */
static int word_find(struct cli_args *args, const char *after, const char *word, const char **found)
{
	const char *space = *after ? " " : "", *first = NULL;
	struct words words;
	char list[LIST_MAX];
	size_t n;

	choices(*after ? after : NULL, &words);
	for (size_t i = 0; word && i < words.n; i++) {
		if (!strcmp(words.at[i], word)) {
			*found = words.at[i];
			return 0;
		}
	}
	n = words_list(&words, word ? word : "", list, &first);
	if (word && n == 1) {
		*found = first;
		return 0;
	}
	if (!word)
		return refuse(args, "%s: missing what to do; could be: %s",
			      *after ? after : "command", list);
	if (n > 1 && *word)
		return refuse(args, "%s%s%s: ambiguous; could be: %s", after, space, word, list);
	(void)words_list(&words, "", list, &first);
	return refuse(args, "%s%s%s: unknown; could be: %s", after, space, word, list);
}

static const struct cli_verb_def *verb_get(const char *noun, const char *verb)
{
	for (int i = 0; i < VERB_COUNT; i++) {
		const struct cli_verb_def *def = &cli_verbs[i];

		if (!strcmp(def->noun, noun) && (!def->verb || (verb && !strcmp(def->verb, verb))))
			return def;
	}
	return NULL;
}

/* Looks up noun and verb; returns how many words they took, or -EINVAL. */
static int command_find(struct cli_args *args, const struct words *words, size_t from)
{
	const char *verb = NULL, *word = from < words->n ? words->at[from] : NULL;
	int err = 0;

	if (!word && args->is_help)
		return 0;
	err = word_find(args, "", word, &args->noun);
	if (err)
		return err;
	args->verb = verb_get(args->noun, NULL);
	if (args->verb)
		return 1;
	word = from + 1 < words->n ? words->at[from + 1] : NULL;
	if (!word && args->is_help)
		return 1;
	err = word_find(args, args->noun, word, &verb);
	if (err)
		return err;
	args->verb = verb_get(args->noun, verb);
	return 2;
}

static int arguments_take(struct cli_args *args, const struct words *words, size_t from)
{
	const struct cli_verb_def *def = args->verb;
	char usage[LIST_MAX];

	while (from < words->n && args->n_args < CLI_ARGS_MAX && def->arg[args->n_args])
		args->arg[args->n_args++] = words->at[from++];
	if (from < words->n)
		return refuse(args, "%s: one word too many; usage: mxlbctl %s", words->at[from],
			      cli_usage(def, usage, sizeof(usage)));
	if (args->n_args < CLI_ARGS_MAX && def->arg[args->n_args] &&
	    def->arg[args->n_args][0] != '[')
		return refuse(args, "%s%s%s: %s is missing; usage: mxlbctl %s", def->noun,
			      def->verb ? " " : "", def->verb ? def->verb : "",
			      def->arg[args->n_args], cli_usage(def, usage, sizeof(usage)));
	return 0;
}

static int options_check(struct cli_args *args)
{
	char list[LIST_MAX];

	for (int i = 0; i < OPTION_COUNT; i++) {
		if (!args->option[i].is_set || cli_verb_takes(args->verb, (enum cli_option)i))
			continue;
		return refuse(args, "--%s: not for %s%s%s; could be: %s", cli_options[i].name,
			      args->verb->noun, args->verb->verb ? " " : "",
			      args->verb->verb ? args->verb->verb : "",
			      options_list(args->verb->options ? args->verb : NULL, list));
	}
	if (args->option[OPTION_TIMEOUT].is_set && !args->option[OPTION_WAIT].is_set)
		return refuse(args, "--timeout: nothing to wait for; add --wait");
	return 0;
}

int cli_args_parse(int argc, char *const argv[], struct cli_args *args)
{
	struct words words = {.n = 0};
	size_t from = 0;
	int n;

	memset(args, 0, sizeof(*args));
	if (argc > 0 && options_parse(args, argv + 1, &words))
		return -EINVAL;
	args->is_help = args->option[OPTION_HELP].is_set;
	if (args->option[OPTION_VERSION].is_set)
		return 0;
	n = command_find(args, &words, from);
	if (n > 0 && args->verb && cli_verb_id(args->verb) == VERB_HELP) {
		args->is_help = true;
		args->noun = NULL;
		args->verb = NULL;
		n = command_find(args, &words, ++from);
	}
	if (n < 0)
		return n;
	if (args->is_help)
		return 0;
	if (arguments_take(args, &words, from + (size_t)n))
		return -EINVAL;
	return options_check(args);
}

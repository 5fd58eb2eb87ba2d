/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help and usage lines, written off the grammar's table.
 */
#include "cli_args.h"

#include <string.h>

#define USAGE_MAX  256
#define HELP_START 34 /* column of what a command is for */

char *cli_usage(const struct cli_verb_def *verb, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "%s%s%s", verb->noun, verb->verb ? " " : "",
				      verb->verb ? verb->verb : "");

	for (int i = 0; i < CLI_ARGS_MAX && verb->arg[i] && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, " %s", verb->arg[i]);
	for (int i = 0; i < OPTION_COUNT && len < size; i++) {
		const struct cli_option_def *def = &cli_options[i];

		if (!(verb->options & 1u << i))
			continue;
		len += (size_t)snprintf(buf + len, size - len, " [--%s%s%s]", def->name,
					def->value ? " " : "", def->value ? def->value_name : "");
	}
	return buf;
}

static void options_help(FILE *file, const struct cli_verb_def *verb)
{
	char name[64];

	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct cli_option_def *def = &cli_options[i];
		char letter[8] = "    ";

		if (verb ? !(verb->options & 1u << i) : !def->is_global)
			continue;
		if (def->letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ", def->letter);
		(void)snprintf(name, sizeof(name), "%s--%s%s%s", letter, def->name,
			       def->value ? " " : "", def->value ? def->value_name : "");
		fprintf(file, "  %-*s %s\n", HELP_START - 4, name, def->help);
	}
}

/* Of all verbs, or of a noun's. */
static void verbs_help(FILE *file, const char *noun)
{
	char line[USAGE_MAX];

	for (int i = 0; i < VERB_COUNT; i++) {
		struct cli_verb_def def = cli_verbs[i];

		if (noun && strcmp(def.noun, noun) != 0)
			continue;
		def.options = 0; /* they are in the verb's own help */
		fprintf(file, "  %-*s %s\n", HELP_START - 4, cli_usage(&def, line, sizeof(line)),
			def.help);
	}
}

static void verb_help(FILE *file, const struct cli_verb_def *verb)
{
	char usage[USAGE_MAX];

	fprintf(file, "usage: mxlbctl %s\n\n%s\n", cli_usage(verb, usage, sizeof(usage)),
		verb->help);
	if (verb->more)
		fprintf(file, "%s\n", verb->more);
	if (verb->options) {
		fprintf(file, "\noptions:\n");
		options_help(file, verb);
	}
	fprintf(file, "\ngeneral options:\n");
	options_help(file, NULL);
}

void cli_help(FILE *file, const struct cli_args *args)
{
	if (args->verb) {
		verb_help(file, args->verb);
		return;
	}
	if (args->noun) {
		fprintf(file, "usage: mxlbctl %s VERB [ARGUMENTS] [OPTIONS]\n\n", args->noun);
		verbs_help(file, args->noun);
		fprintf(file, "\nMore: mxlbctl %s VERB --help\n", args->noun);
		return;
	}
	fprintf(file, "usage: mxlbctl [OPTIONS] OBJECT [VERB] [ARGUMENTS]\n\n");
	verbs_help(file, NULL);
	fprintf(file, "\ngeneral options, before or after the verb:\n");
	options_help(file, NULL);
	fprintf(file,
		"\nWords may be shortened while they stay unique: mxlbctl b l. "
		"Options of a verb: mxlbctl\nOBJECT VERB --help.\n\n"
		"exit codes: 0 done; 1 degraded, or a warning; 2 refused, bad arguments or bad "
		"config;\n3 daemon not reachable; 4 no such thing; 5 timed out; 6 would remove "
		"the last usable\nbackend\n");
}

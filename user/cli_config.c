/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `config`: check does all by itself; diff and reload are the daemon's, since only it
 * knows what is in force.
 */
#include "cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_doc.h"
#include "conf.h"
#include "mem.h"

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void checked_view(struct cli *cli, const char *file, const struct conf *conf)
{
	size_t backends = 0;

	for (size_t i = 0; i < conf->n_services; i++)
		backends += conf->services[i].n_backends;
	out_text(&cli->out, OUT_PLAIN, "%s: ok: %zu service%s, %zu backend%s\n", file,
		 conf->n_services, plural(conf->n_services), backends, plural(backends));
}

static void checked_json(struct cli *cli, const struct conf_errors *errors)
{
	json_t *lines = json_array(), *doc;

	for (size_t i = 0; i < errors->n; i++) {
		/* A line may quote what is no UTF-8; it is on stderr then, and shorter here. */
		if (json_array_append_new(lines, json_string(errors->lines[i])))
			(void)json_array_append_new(lines, json_string("not UTF-8"));
	}
	doc = json_pack("{s:b, s:o}", "ok", errors->n == 0, "errors", lines);
	out_json(&cli->out, doc);
	json_decref(doc);
}

enum mxlb_exit cli_config_check(struct cli *cli)
{
	const char *file = cli->args.n_args ? cli->args.arg[0] : CLI_CONFIG;
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	int err = conf_load(file, &conf, &errors);

	for (size_t i = 0; i < errors.n; i++)
		cli_error("%s", errors.lines[i]);
	if (cli->is_json && !cli->is_quiet)
		checked_json(cli, &errors);
	else if (!err && !cli->is_quiet)
		checked_view(cli, file, conf);
	conf_errors_free(&errors);
	conf_free(conf);
	return err ? MXLB_EXIT_REFUSED : MXLB_EXIT_OK;
}

/* The daemon's directory is another. The caller frees it; NULL: there is none. */
static char *path_absolute(const char *file)
{
	char *dir, *path = NULL;

	if (*file == '/')
		return mem_dup(file);
	dir = getcwd(NULL, 0);
	if (dir && asprintf(&path, "%s/%s", dir, file) < 0)
		path = NULL;
	free(dir);
	return path;
}

enum mxlb_exit cli_config_diff(struct cli *cli)
{
	struct ctl_answer reply = {0};
	struct cli_args args = cli->args;
	char *path = NULL;
	enum mxlb_exit code;
	json_t *request;

	if (args.n_args) {
		path = path_absolute(args.arg[0]);
		if (!path) {
			cli_error("%s: the current directory is gone; give the whole path",
				  args.arg[0]);
			return MXLB_EXIT_REFUSED;
		}
		args.arg[0] = path;
	}
	request = cli_request(&args);
	code = cli_ask(cli, request, false, &reply);
	cli_print(cli, reply.data, cli_view_diff);
	ctl_answer_free(&reply);
	json_decref(request);
	free(path);
	return code;
}

static void changes_view(struct cli *cli, const json_t *changes)
{
	const json_t *change;
	size_t i;

	json_array_foreach (changes, i, change) {
		const char *op = doc_text(change, "op"), *text = doc_text(change, "text");
		enum out_colour colour = !strcmp(op, "add")	 ? OUT_GOOD
					 : !strcmp(op, "remove") ? OUT_BAD
								 : OUT_WARN;

		out_text(&cli->out, colour, "%s", op);
		out_text(&cli->out, OUT_PLAIN, " %s %s%s%s\n", doc_text(change, "object"),
			 doc_text(change, "name"), *text ? ": " : "", text);
	}
}

void cli_view_diff(struct cli *cli, const json_t *doc)
{
	const json_t *changes = doc_get(doc, "changes");

	changes_view(cli, changes);
	if (json_is_array(changes) && !json_array_size(changes))
		out_text(&cli->out, OUT_PLAIN, "no changes\n");
	if (doc_is_true(doc, "needs_restart"))
		out_text(&cli->out, OUT_WARN, "needs a restart; a reload will be refused\n");
}

void cli_view_reload(struct cli *cli, const json_t *doc)
{
	changes_view(cli, doc_get(doc, "changes"));
	out_text(&cli->out, OUT_PLAIN, "reloaded: %s is in force\n", doc_text(doc, "path"));
}

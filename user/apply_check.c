/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See apply_check.h. What the config language knows and this version can't do is an
 * error here, not silence: a service that seems to have a pool from DNS and hasn't loses
 * mail.
 */
#include "apply_check.h"

#include <stdarg.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "preflight.h"

char *apply_text(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return mem_check(text);
}

/* Appends a line to `lines`, which may be NULL. */
static char *line_add(char *lines, const char *line)
{
	char *joined = lines ? apply_text("%s\n%s", lines, line) : mem_dup(line);

	free(lines);
	return joined;
}

static char *refuse_unfinished(const char *path, const struct conf *conf, char *lines)
{
	for (size_t i = 0; i < conf->n_services; i++) {
		const struct conf_service *service = &conf->services[i];
		char *line;

		if (!service->mx && !service->a)
			continue;
		line = apply_text("%s: services.%s: mx, a: pools from DNS are not there in this "
				  "version; list backends",
				  path, service->name);
		lines = line_add(lines, line);
		free(line);
	}
	return lines;
}

char *apply_load(const char *path, struct conf **conf)
{
	struct conf_errors errors = {0};
	char *lines = NULL;

	if (!conf_load(path, conf, &errors)) {
		lines = refuse_unfinished(path, *conf, NULL);
		if (lines) {
			conf_free(*conf);
			*conf = NULL;
		}
		return lines;
	}
	for (size_t i = 0; i < errors.n; i++)
		lines = line_add(lines, errors.lines[i]);
	conf_errors_free(&errors);
	return lines ? lines : apply_text("%s: can't be read", path);
}

static void take_finding(enum preflight_level level, const char *text, void *arg)
{
	char **lines = arg;

	if (level == PREFLIGHT_ERROR)
		*lines = line_add(*lines, text);
	else if (level == PREFLIGHT_WARN)
		log_warn("%s", text);
	else
		log_info("%s", text);
}

char *apply_preflight(const struct conf *conf)
{
	char *lines = NULL;
	int err;

	for (size_t i = 0; i < conf->n_probes; i++)
		if (conf->probes[i]->tls != CONF_TLS_OFF)
			log_warn("probes.%s.tls: probes don't look at TLS in this version; they go "
				 "on without",
				 conf->probes[i]->name);
	err = preflight(conf, take_finding, &lines);
	if (err && !lines)
		lines = apply_text("host check: %s", strerror(-err));
	return lines;
}

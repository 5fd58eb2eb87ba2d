/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a configuration. Beside what the sanitizers find: a refusal has
 * lines of the promised form, and what is accepted equals itself.
 */
/* uses: addr.c conf.c conf_schema.c conf_text.c conf_value.c conf_format.c */
/* uses: conf_node.c */
/* uses: conf_yaml.c conf_fault.c conf_suggest.c conf_read.c conf_check.c */
/* uses: conf_endpoints.c conf_host.c conf_load.c conf_diff.c */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "conf_diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_lines(const struct conf_errors *errors)
{
	unsigned line, column;
	int end;

	require(errors->n > 0, "a refusal has a line");
	for (size_t i = 0; i < errors->n; i++) {
		end = 0;
		require(sscanf(errors->lines[i], "f.yaml:%u:%u: %n", &line, &column, &end) == 2 &&
				end > 0,
			"a line begins with FILE:LINE:COLUMN");
		require(line > 0 && column > 0, "places count from 1");
		for (const char *c = errors->lines[i]; *c; c++)
			require((unsigned char)*c >= ' ' && *c != 0x7f, "a line is one line");
	}
}

static void check_conf(const struct conf *conf)
{
	struct conf_changes changes = {0};

	require(conf->n_interfaces > 0 && conf->n_services > 0, "the required parts are there");
	for (size_t i = 0; i < conf->n_services; i++)
		require(conf->services[i].probe && conf->services[i].n_addresses > 0,
			"a service is whole");
	require(!conf_diff(conf, conf, &changes) && changes.n == 0, "a conf equals itself");
	require(!conf_needs_restart(conf, conf), "nothing changed needs no restart");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;

	if (conf_load_text("f.yaml", (const char *)data, size, &conf, &errors)) {
		require(!conf, "a refusal makes no conf");
		check_lines(&errors);
	} else {
		require(conf && errors.n == 0, "an accepted conf has no lines");
		check_conf(conf);
	}
	conf_errors_free(&errors);
	conf_free(conf);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a file to a struct conf: text, tree, model, checks, in this order. The
 * steps after the tree all run, so that the operator sees every fault at once.
 */
#include "conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_check.h"
#include "conf_fault.h"
#include "conf_read.h"
#include "conf_yaml.h"

/* The largest configuration that passes has some 2 MB. */
#define TEXT_MAX (8u << 20)

static void text_to_conf(const char *text, size_t len, bool on_this_host, struct conf *conf,
			 struct conf_faults *faults, struct conf_tree *tree)
{
	struct conf_yaml_fault fault;

	if (conf_yaml_parse(text, len, tree, &fault)) {
		conf_fault_at(faults, fault.line, fault.column, NULL, "YAML: %s", fault.text);
		return;
	}
	faults->root = tree->root;
	conf_read(tree->root, conf, faults);
	conf_check(conf, faults);
	if (on_this_host)
		conf_check_host(conf, faults);
}

static int load(const char *path, const char *text, size_t len, bool on_this_host,
		struct conf **conf, struct conf_errors *errors)
{
	struct conf_faults faults = {.file = path};
	struct conf_tree tree = {0};
	struct conf *made = calloc(1, sizeof(*made));
	int err;

	if (made)
		text_to_conf(text, len, on_this_host, made, &faults, &tree);
	else
		conf_fault_at(&faults, 1, 1, NULL, "file: out of memory; free some and try again");
	err = conf_faults_finish(&faults, errors);
	conf_tree_free(&tree);
	if (err)
		conf_free(made);
	else
		*conf = made;
	return err;
}

int conf_load_text(const char *path, const char *text, size_t len, struct conf **conf,
		   struct conf_errors *errors)
{
	return load(path, text, len, false, conf, errors);
}

/* The whole file. 0 and a text to free, or a negative errno. */
static int file_read(const char *path, char **text, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *buf = NULL, *grown;
	size_t size = 0, n = 0;
	int err = file ? 0 : -errno;

	while (!err && n == size) {
		size = size ? size * 2 : 65536;
		grown = size > TEXT_MAX ? NULL : realloc(buf, size);
		if (grown) {
			buf = grown;
			n += fread(buf + n, 1, size - n, file);
		}
		if (!grown)
			err = size > TEXT_MAX ? -EFBIG : -ENOMEM;
		else if (ferror(file))
			err = errno ? -errno : -EIO;
	}
	if (file)
		(void)fclose(file); /* only read from */
	if (err) {
		free(buf);
		return err;
	}
	*text = buf;
	*len = n;
	return 0;
}

int conf_load(const char *path, struct conf **conf, struct conf_errors *errors)
{
	char *text;
	size_t len;
	int err = file_read(path, &text, &len);

	if (err) {
		struct conf_faults faults = {.file = path};

		conf_fault_at(&faults, 1, 1, NULL,
			      "file: cannot be read: %s; must be a readable file", strerror(-err));
		return conf_faults_finish(&faults, errors);
	}
	err = load(path, text, len, true, conf, errors);
	free(text);
	return err;
}

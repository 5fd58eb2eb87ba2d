/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML text to a tree of nodes: the adapter of libfyaml.
 */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include <stddef.h>

#include "conf_node.h"

/* What ended the reading; it names the first fault only, as YAML cannot be read
 * past one with any sense. */
struct conf_yaml_fault {
	unsigned line, column;
	char text[160];
};

/* Reads one document. 0 and a tree to free (root NULL when the text is empty), or
 * -EINVAL, -E2BIG or -ENOMEM and the fault. */
int conf_yaml_parse(const char *text, size_t len, struct conf_tree *tree,
		    struct conf_yaml_fault *fault);

#endif

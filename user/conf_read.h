/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree of nodes into a struct conf, by the tables of conf_schema. Finds what a
 * single key can tell: unknown and duplicate keys, types, ranges, missing keys.
 */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "conf.h"
#include "conf_fault.h"

/* Fills a zeroed conf and adds to faults. The conf is to be freed by conf_free in
 * any case; with faults it is whole enough for conf_check. */
void conf_read(const struct conf_node *root, struct conf *conf, struct conf_faults *faults);

#endif

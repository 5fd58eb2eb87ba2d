/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong between keys that are right by themselves.
 */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "conf.h"
#include "conf_fault.h"

/* Contradictions within and between objects. Pure. */
void conf_check(const struct conf *conf, struct conf_faults *faults);
/* Its part about who stands on which address and port. Pure. */
void conf_check_endpoints(const struct conf *conf, struct conf_faults *faults);
/* What this host must have: a named control group, readable tls_ca files. */
void conf_check_host(const struct conf *conf, struct conf_faults *faults);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration asks of this host. The one check that does I/O, and hence
 * no part of conf_load_text. A missing default group is only a warning, which the
 * control server gives; one that the file names must exist.
 */
#include "conf_check.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

static void check_group(const struct conf *conf, struct conf_faults *faults)
{
	if (conf->control_group_named && conf->control_group && !getgrnam(conf->control_group))
		conf_fault(faults, CONF_PATH("control", "group"),
			   "no group \"%s\" on this host; must exist (groupadd --system %s)",
			   conf->control_group, conf->control_group);
}

static void check_ca(const struct conf_probe *probe, struct conf_faults *faults)
{
	const char *ca = probe->tls_ca;

	if (ca && ca[0] == '/' && access(ca, R_OK))
		conf_fault(faults, CONF_PATH("probes", probe->name, "tls_ca"),
			   "%s: %s; must be a readable file, system or none", ca, strerror(errno));
}

void conf_check_host(const struct conf *conf, struct conf_faults *faults)
{
	check_group(conf, faults);
	for (size_t i = 0; i < conf->n_probes; i++)
		check_ca(conf->probes[i], faults);
}

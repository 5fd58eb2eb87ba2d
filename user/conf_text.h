/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the texts of a configuration may look like: one predicate a rule. They
 * also keep line breaks out of what is later said in SMTP or on a command line.
 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include <stdbool.h>

bool conf_text_interface(const char *text);
bool conf_text_service(const char *text);
bool conf_text_backend(const char *text);
bool conf_text_path(const char *text);
bool conf_text_socket(const char *text);
bool conf_text_group(const char *text);
bool conf_text_host(const char *text);
bool conf_text_helo(const char *text);
bool conf_text_mailbox(const char *text);
bool conf_text_ca(const char *text);

#endif

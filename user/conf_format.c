/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members into text, driven by the schema: for faults ("must be ..."), for
 * `config diff` and for whoever compares two configurations. Pure.
 */
#include "conf_value.h"

#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "conf.h"

static const struct {
	const char *name;
	unsigned long long ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

/* In the largest unit that loses nothing; not in days, as "24h" says more than "1d". */
char *conf_duration_format(unsigned long long ms, char *buf)
{
	size_t unit = sizeof(units) / sizeof(units[0]) - 1;

	while (unit > 0 && (ms % units[unit].ms || ms == 0))
		unit--;
	if (ms == 0)
		unit = 1; /* "0s" */
	(void)snprintf(buf, CONF_DURATION_MAX, "%llu%s", ms / units[unit].ms, units[unit].name);
	return buf;
}

/* "nat, dsr or tunnel" */
static void words_format(const char *const *words, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; words[i] && len < size; i++) {
		const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";

		len += (size_t)snprintf(buf + len, size - len, "%s%s", before, words[i]);
	}
}

char *conf_value_wants(const struct conf_key *key, char *buf)
{
	char min[CONF_DURATION_MAX], max[CONF_DURATION_MAX];

	switch (key->kind) {
	case CONF_KIND_NUMBER:
		(void)snprintf(buf, CONF_WANTS_MAX, "a number from %llu to %llu", key->min,
			       key->max);
		break;
	case CONF_KIND_DURATION:
		conf_duration_format(key->min, min);
		conf_duration_format(key->max, max);
		(void)snprintf(buf, CONF_WANTS_MAX, "a duration from %s to %s", min, max);
		break;
	case CONF_KIND_FACTOR:
		(void)snprintf(buf, CONF_WANTS_MAX, "0 or a number from %g to %g",
			       (double)key->min / 100, (double)key->max / 100);
		break;
	case CONF_KIND_WORD:
		words_format(key->words, buf, CONF_WANTS_MAX);
		break;
	case CONF_KIND_TEXT:
		(void)snprintf(buf, CONF_WANTS_MAX, "%s", key->rule->wants);
		break;
	case CONF_KIND_ADDRESSES:
		(void)snprintf(buf, CONF_WANTS_MAX, "1 to %llu different unicast IP addresses",
			       key->max);
		break;
	case CONF_KIND_ADDRESS_PAIR:
		(void)snprintf(buf, CONF_WANTS_MAX,
			       "a unicast IP address, at most one of each family");
		break;
	case CONF_KIND_ENDPOINTS:
		(void)snprintf(buf, CONF_WANTS_MAX, "an address and port such as 127.0.0.1:%llu",
			       key->min);
		break;
	case CONF_KIND_INTERFACES:
		(void)snprintf(buf, CONF_WANTS_MAX, "a list such as [eth0]");
		break;
	case CONF_KIND_SERVICES:
		(void)snprintf(buf, CONF_WANTS_MAX, "a mapping of names to services");
		break;
	default:
		(void)snprintf(buf, CONF_WANTS_MAX, "%s",
			       key->can_be_off ? "a mapping of keys, or off" : "a mapping of keys");
	}
	return buf;
}

/* A list's texts joined; frees nothing. */
static void addresses_print(FILE *out, const struct mxlb_addr *list, size_t n)
{
	const char *before = "";
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		if (addr_is_zero(&list[i]))
			continue;
		(void)fprintf(out, "%s%s", before, addr_format(&list[i], text));
		before = ", ";
	}
}

static void value_print(FILE *out, const struct conf_key *key, const void *base)
{
	const void *member = (const char *)base + key->offset;
	const size_t *n = (const size_t *)((const char *)base + key->offset_n);
	const struct conf_probe *const *probe = member;
	char text[CONF_DURATION_MAX];

	switch (key->kind) {
	case CONF_KIND_NUMBER:
		(void)fprintf(out, "%u", *(const unsigned *)member);
		break;
	case CONF_KIND_DURATION:
		(void)fputs(conf_duration_format(*(const unsigned *)member, text), out);
		break;
	case CONF_KIND_FACTOR:
		(void)fprintf(out, "%g", *(const double *)member);
		break;
	case CONF_KIND_WORD:
		(void)fputs(key->words[*(const int *)member], out);
		break;
	case CONF_KIND_TEXT:
		if (*(char *const *)member)
			(void)fputs(*(char *const *)member, out);
		break;
	case CONF_KIND_PROBE:
		(void)fputs((*probe)->name, out);
		break;
	case CONF_KIND_ADDRESSES:
		addresses_print(out, *(struct mxlb_addr *const *)member, *n);
		break;
	case CONF_KIND_ADDRESS_PAIR:
		addresses_print(out, member, MXLB_FAMILIES);
		break;
	case CONF_KIND_ENDPOINTS:
		for (size_t i = 0; i < *n; i++)
			(void)fprintf(out, "%s%s", i ? ", " : "", (*(char **const *)member)[i]);
		break;
	default:
		break;
	}
}

char *conf_value_format(const struct conf_key *key, const void *base)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (key->kind >= CONF_KIND_SECTION)
		return NULL;
	out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	value_print(out, key, base);
	if (ftell(out) == 0)
		(void)fputs("unset", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

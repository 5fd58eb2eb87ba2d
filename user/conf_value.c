/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text into members, driven by the schema. Pure. The way back is conf_format.c;
 * together they are all that knows how a duration or a factor is written.
 */
#include "conf_value.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "conf.h"

static const struct {
	const char *name;
	unsigned long long ms;
} units[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};
#define UNITS (sizeof(units) / sizeof(units[0]))

static const char out_of_range[] = "is out of range";
static const char no_memory[] = "cannot be kept for want of memory";
static const char given_twice[] = "is given twice";

/* Digits at the start of text; *end is what follows. A number too large becomes
 * UINT64_MAX, which no range holds. False when there are no digits. */
static bool digits_read(const char *text, uint64_t *value, const char **end)
{
	uint64_t sum = 0;

	*end = text;
	for (; **end >= '0' && **end <= '9'; (*end)++) {
		uint64_t digit = (uint64_t)(**end - '0');

		sum = sum > (UINT64_MAX - digit) / 10 ? UINT64_MAX : sum * 10 + digit;
	}
	*value = sum;
	return *end != text;
}

static int put_range(const struct conf_key *key, unsigned *member, uint64_t value, const char **why)
{
	if (value < key->min || value > key->max) {
		*why = out_of_range;
		return -ERANGE;
	}
	*member = (unsigned)value;
	return 0;
}

static int put_number(const struct conf_key *key, unsigned *member, const char *text,
		      const char **why)
{
	uint64_t value;
	const char *end;

	/* A negative number is a number, but never in range. */
	if (!digits_read(text + (*text == '-'), &value, &end) || *end) {
		*why = "is not a whole number";
		return -EINVAL;
	}
	return put_range(key, member, *text == '-' ? UINT64_MAX : value, why);
}

static int put_duration(const struct conf_key *key, unsigned *member, const char *text,
			const char **why)
{
	uint64_t value;
	const char *end;

	if (!digits_read(text, &value, &end)) {
		*why = "is not a duration";
		return -EINVAL;
	}
	if (!*end && value == 0)
		return put_range(key, member, 0, why);
	for (size_t i = 0; i < UNITS; i++) {
		if (strcmp(end, units[i].name))
			continue;
		value = value > UINT64_MAX / units[i].ms ? UINT64_MAX : value * units[i].ms;
		return put_range(key, member, value, why);
	}
	*why = *end ? "has an unknown unit" : "has no unit";
	return -EINVAL;
}

static int put_factor(const struct conf_key *key, double *member, const char *text,
		      const char **why)
{
	double value;
	char *end;

	/* strtod would take nan, inf, hex and exponents. */
	if (!*text || strspn(text, "0123456789.") != strlen(text)) {
		*why = "is not a number";
		return -EINVAL;
	}
	value = strtod(text, &end);
	if (*end || end == text) {
		*why = "is not a number";
		return -EINVAL;
	}
	if (value != 0 && (value * 100 < (double)key->min || value * 100 > (double)key->max)) {
		*why = out_of_range;
		return -ERANGE;
	}
	*member = value;
	return 0;
}

static int put_word(const struct conf_key *key, int *member, const char *text, const char **why)
{
	for (int i = 0; key->words[i]; i++) {
		if (strcmp(text, key->words[i]))
			continue;
		*member = i;
		return 0;
	}
	*why = "is not known here";
	return -EINVAL;
}

static int put_text(const struct conf_key *key, char **member, const char *text, const char **why)
{
	char *copy;

	if (!key->rule->accepts(text)) {
		*why = "is not accepted";
		return -EINVAL;
	}
	copy = strdup(text);
	if (!copy) {
		*why = no_memory;
		return -ENOMEM;
	}
	free(*member);
	*member = copy;
	return 0;
}

/* Reads an address that a packet may come from or go to. */
static int host_addr_parse(const char *text, struct mxlb_addr *addr, const char **why)
{
	struct mxlb_addr parsed;
	__u8 first;

	if (addr_parse(text, &parsed)) {
		*why = "is not an IP address";
		return -EINVAL;
	}
	first = addr_family(&parsed) == MXLB_V4 ? parsed.b[12] : parsed.b[0];
	if (addr_is_zero(&parsed) || (addr_family(&parsed) == MXLB_V4 && parsed.w[3] == 0))
		*why = "is the unspecified address";
	else if (addr_family(&parsed) == MXLB_V4 ? (first & 0xf0) == 0xe0 : first == 0xff)
		*why = "is a multicast address";
	else if (addr_family(&parsed) == MXLB_V4 && parsed.w[3] == 0xffffffff)
		*why = "is the broadcast address";
	if (*why)
		return -EINVAL;
	*addr = parsed;
	return 0;
}

static int put_address(const struct conf_key *key, struct mxlb_addr **list, size_t *n,
		       const char *text, const char **why)
{
	struct mxlb_addr addr, *grown;
	int err = host_addr_parse(text, &addr, why);

	if (err)
		return err;
	for (size_t i = 0; i < *n; i++) {
		if (addr_equal(&addr, &(*list)[i])) {
			*why = given_twice;
			return -EINVAL;
		}
	}
	if (*n >= key->max) {
		*why = "is one too many";
		return -E2BIG;
	}
	grown = reallocarray(*list, *n + 1, sizeof(*grown));
	if (!grown) {
		*why = no_memory;
		return -ENOMEM;
	}
	grown[*n] = addr;
	*list = grown;
	(*n)++;
	return 0;
}

static int put_address_pair(struct mxlb_addr *pair, const char *text, const char **why)
{
	struct mxlb_addr addr;
	int err = host_addr_parse(text, &addr, why);

	if (err)
		return err;
	if (!addr_is_zero(&pair[addr_family(&addr)])) {
		*why = addr_family(&addr) == MXLB_V4 ? "is a second IPv4 address"
						     : "is a second IPv6 address";
		return -EINVAL;
	}
	pair[addr_family(&addr)] = addr;
	return 0;
}

/* Kept as text in its one full form, so that a later diff compares like with like. */
static int put_endpoint(const struct conf_key *key, char ***list, size_t *n, const char *text,
			const char **why)
{
	struct mxlb_endpoint endpoint;
	char full[ADDR_TEXT_MAX], **grown;

	if (endpoint_parse(text, (unsigned)key->min, &endpoint)) {
		*why = "is not an address and port";
		return -EINVAL;
	}
	endpoint_format(&endpoint, full);
	for (size_t i = 0; i < *n; i++) {
		if (!strcmp(full, (*list)[i])) {
			*why = given_twice;
			return -EINVAL;
		}
	}
	if (*n >= key->max) {
		*why = "is one too many";
		return -E2BIG;
	}
	grown = reallocarray(*list, *n + 1, sizeof(*grown));
	if (grown)
		*list = grown;
	if (!grown || !(grown[*n] = strdup(full))) {
		*why = no_memory;
		return -ENOMEM;
	}
	(*n)++;
	return 0;
}

int conf_value_put(const struct conf_key *key, void *base, const char *text, const char **why)
{
	void *member = (char *)base + key->offset;
	size_t *n = (size_t *)((char *)base + key->offset_n);

	*why = NULL;
	switch (key->kind) {
	case CONF_KIND_NUMBER:
		return put_number(key, member, text, why);
	case CONF_KIND_DURATION:
		return put_duration(key, member, text, why);
	case CONF_KIND_FACTOR:
		return put_factor(key, member, text, why);
	case CONF_KIND_WORD:
		return put_word(key, member, text, why);
	case CONF_KIND_TEXT:
		return put_text(key, member, text, why);
	case CONF_KIND_ADDRESSES:
		return put_address(key, member, n, text, why);
	case CONF_KIND_ADDRESS_PAIR:
		return put_address_pair(member, text, why);
	case CONF_KIND_ENDPOINTS:
		return put_endpoint(key, member, n, text, why);
	default:
		*why = "is no value";
		return -EINVAL;
	}
}

static void value_free(const struct conf_key *key, void *member, size_t *n)
{
	char ***texts = member;

	if (key->kind == CONF_KIND_TEXT) {
		free(*(char **)member);
		*(char **)member = NULL;
	} else if (key->kind == CONF_KIND_ADDRESSES) {
		free(*(struct mxlb_addr **)member);
		*(struct mxlb_addr **)member = NULL;
		*n = 0;
	} else if (key->kind == CONF_KIND_ENDPOINTS) {
		for (size_t i = 0; i < *n; i++)
			free((*texts)[i]);
		free(*texts);
		*texts = NULL;
		*n = 0;
	}
}

void conf_values_free(const struct conf_key *keys, void *base)
{
	for (const struct conf_key *key = keys; key->name; key++) {
		if (key->kind == CONF_KIND_SECTION)
			conf_values_free(key->keys, base);
		else
			value_free(key, (char *)base + key->offset,
				   (size_t *)((char *)base + key->offset_n));
	}
}

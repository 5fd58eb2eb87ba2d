/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One backend's admin state as JSON and back. What an operator's terminal sent may
 * be cut in the middle of a character; JSON takes whole ones only.
 */
#include "state_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool state_admin_is_default(const struct admin *admin)
{
	return admin->state == ADMIN_READY && admin->weight_kind == WEIGHT_CONFIGURED;
}

/* ---- writing ---- */

static json_t *text_write(const char *text)
{
	json_t *json = json_string(text);
	char *ascii;

	if (json)
		return json;
	ascii = strdup(text); /* not UTF-8, or out of memory */
	for (char *c = ascii; c && *c; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	json = ascii ? json_string(ascii) : NULL;
	free(ascii);
	return json;
}

static json_t *time_write(time_t when)
{
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&when, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *weight_write(const struct admin *admin)
{
	return json_sprintf(admin->weight_kind == WEIGHT_PERCENT ? "%u%%" : "%u", admin->weight);
}

json_t *state_admin_write(const struct admin *admin)
{
	json_t *entry = json_pack("{s:s, s:o, s:o, s:o}", "admin", admin_state_name(admin->state),
				  "by", text_write(admin->by), "since", time_write(admin->since),
				  "message", text_write(admin->message));

	if (entry && admin->weight_kind != WEIGHT_CONFIGURED &&
	    json_object_set_new(entry, "weight", weight_write(admin)) != 0) {
		json_decref(entry);
		return NULL;
	}
	return entry;
}

/* ---- reading ---- */

static int time_read(const char *text, time_t *when)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return -EINVAL;
	*when = timegm(&tm);
	return 0;
}

/* "120" or "50%". */
static int weight_read(const char *text, struct admin *admin)
{
	unsigned weight;
	char unit = '\0', rest;
	int n = text[0] >= '0' && text[0] <= '9' ? sscanf(text, "%9u%c%c", &weight, &unit, &rest)
						 : 0;

	if (n < 1 || n > 2 || (n == 2 && unit != '%'))
		return -EINVAL;
	admin->weight_kind = n == 2 ? WEIGHT_PERCENT : WEIGHT_ABSOLUTE;
	admin->weight = weight;
	return 0;
}

int state_admin_read(const json_t *entry, struct admin *admin, const char **fault)
{
	const char *state, *by = "", *since, *message = "", *weight = NULL;
	struct admin read = {.weight_kind = WEIGHT_CONFIGURED};

	*fault = "is no object of texts";
	if (json_unpack((json_t *)entry, "{s:s, s?s, s:s, s?s, s?s}", "admin", &state, "by", &by,
			"since", &since, "message", &message, "weight", &weight) != 0)
		return -EINVAL;
	*fault = "has an unknown admin state";
	if (admin_state_parse(state, &read.state) != 0 || read.state == ADMIN_REMOVED)
		return -EINVAL;
	*fault = "has a `since` that is no time";
	if (time_read(since, &read.since) != 0)
		return -EINVAL;
	*fault = "has a `weight` that is neither N nor N%";
	if (weight && weight_read(weight, &read) != 0)
		return -EINVAL;
	(void)snprintf(read.by, sizeof(read.by), "%s", by); /* we wrote no longer ones */
	(void)snprintf(read.message, sizeof(read.message), "%s", message);
	*admin = read;
	return 0;
}

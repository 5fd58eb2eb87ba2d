/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the operator's words mean for a backend, and whether they are wise.
 */
#include "ctl_admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl_request.h"
#include "model.h"

#define WEIGHT_MAX  1000 /* as in the config */
#define PERCENT_MAX 1000

static int weight_read(const char *text, struct admin *admin)
{
	size_t len = strlen(text);
	unsigned long number;
	char digits[16];

	admin->weight = 0;
	admin->weight_kind = WEIGHT_CONFIGURED;
	if (!strcmp(text, "reset"))
		return 0;
	admin->weight_kind = len && text[len - 1] == '%' ? WEIGHT_PERCENT : WEIGHT_ABSOLUTE;
	if (len >= sizeof(digits))
		return -EINVAL;
	(void)snprintf(digits, sizeof(digits), "%s", text);
	if (admin->weight_kind == WEIGHT_PERCENT)
		digits[len - 1] = '\0';
	if (ctl_number(digits, 0, admin->weight_kind == WEIGHT_PERCENT ? PERCENT_MAX : WEIGHT_MAX,
		       &number))
		return -EINVAL;
	admin->weight = (unsigned)number;
	return 0;
}

static struct model_backend backend_with(const struct model_backend *backend,
					 const struct admin *admin)
{
	struct model_backend with = *backend;

	with.admin = *admin;
	return with;
}

static unsigned weight_with(const struct model_backend *backend, const struct admin *admin)
{
	struct model_backend with = backend_with(backend, admin);

	return model_backend_weight(&with);
}

static int weight_wanted(const struct model_backend *backend, const char *text,
			 struct admin *wanted, char *why, size_t why_len)
{
	if (weight_read(text, wanted)) {
		(void)snprintf(why, why_len,
			       "weight %.32s: is none; give 0 to %d, 0%% to %d%%, or reset", text,
			       WEIGHT_MAX, PERCENT_MAX);
		return -EINVAL;
	}
	if (weight_with(backend, wanted) <= WEIGHT_MAX)
		return 0;
	(void)snprintf(why, why_len,
		       "weight %.32s: of the configured %u is more than %d; give less", text,
		       backend->conf.weight, WEIGHT_MAX);
	return -EINVAL;
}

/* Who has drained it and why is not for a change of its weight to overwrite. */
static void state_wanted(const char *verb, const char *message, const char *by,
			 struct admin *wanted)
{
	enum admin_state before = wanted->state;

	if (strcmp(verb, "weight") != 0)
		(void)admin_state_parse(verb, &wanted->state); /* the verbs are names of states */
	else if (before != ADMIN_READY)
		return;
	if (wanted->state != before)
		wanted->since = time(NULL);
	(void)snprintf(wanted->by, sizeof(wanted->by), "%s", by);
	(void)snprintf(wanted->message, sizeof(wanted->message), "%s", message ? message : "");
}

int admin_wanted(const struct model_backend *backend, const char *verb, const char *weight,
		 const char *message, const char *by, struct admin *wanted, char *why,
		 size_t why_len)
{
	*wanted = backend->admin;
	if (message && strlen(message) >= sizeof(wanted->message)) {
		(void)snprintf(why, why_len, "message: too long; give at most %zu bytes",
			       sizeof(wanted->message) - 1);
		return -EINVAL;
	}
	state_wanted(verb, message, by, wanted);
	if (!strcmp(verb, "weight"))
		return weight_wanted(backend, weight, wanted, why, why_len);
	return 0;
}

/* A backend that fails open serves although it is not usable. */
static bool is_usable(const struct model_backend *backend, uint64_t now_ms)
{
	for (int family = 0; family < MXLB_FAMILIES; family++)
		if (backend->leg[family].is_fail_open || model_leg_usable(backend, family, now_ms))
			return true;
	return false;
}

bool admin_takes_last(const struct model_backend *backend, const struct admin *wanted,
		      uint64_t now_ms)
{
	const struct model_service *service = backend->service;

	if (wanted->state == ADMIN_READY && weight_with(backend, wanted))
		return false;
	if (!is_usable(backend, now_ms))
		return false;
	for (size_t i = 0; i < service->n_backends; i++)
		if (service->backends[i] != backend && is_usable(service->backends[i], now_ms))
			return false;
	return true;
}

char *admin_change_text(const struct model_backend *backend, const struct admin *wanted,
			char buf[ADMIN_TEXT_MAX])
{
	unsigned before = model_backend_weight(backend), after = weight_with(backend, wanted);

	if (wanted->state != backend->admin.state)
		(void)snprintf(buf, ADMIN_TEXT_MAX, "%s -> %s",
			       admin_state_name(backend->admin.state),
			       admin_state_name(wanted->state));
	else if (before != after)
		(void)snprintf(buf, ADMIN_TEXT_MAX, "weight %u -> %u", before, after);
	else
		(void)snprintf(buf, ADMIN_TEXT_MAX, "no change");
	return buf;
}

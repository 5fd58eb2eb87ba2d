/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The predicates behind the schema's text rules. Pure, ASCII only, no locale.
 */
#include "conf_text.h"

#include <limits.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "addr.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

#define SERVICE_NAME_MAX 63
#define BACKEND_NAME_MAX 255 /* with "service/" it fits MXLB_NAME_MAX */
#define HOST_MAX	 253 /* RFC 1035, 2.3.4, as text without the final dot */
#define LABEL_MAX	 63
#define GROUP_MAX	 32
#define MAILBOX_MAX	 254 /* RFC 5321, 4.5.3.1.3: a path of 256 with its brackets */
#define LOCAL_PART_MAX	 64

_Static_assert(SERVICE_NAME_MAX + 1 + BACKEND_NAME_MAX + 1 <= MXLB_NAME_MAX, "names fit the map");

/* True when text is 1 to max of these characters. */
static bool text_is_of(const char *text, const char *allowed, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strspn(text, allowed) == len;
}

static bool text_is_visible(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
			return false;
	}
	return true;
}

bool conf_text_interface(const char *text)
{
	/* dev_valid_name of the kernel refuses the same; ':' is for old aliases. */
	return *text && strlen(text) < IFNAMSIZ && strcmp(text, ".") && strcmp(text, "..") &&
	       text_is_visible(text) && !strpbrk(text, "/:");
}

bool conf_text_service(const char *text)
{
	return text_is_of(text, LETTERS DIGITS "._~-", SERVICE_NAME_MAX);
}

bool conf_text_backend(const char *text)
{
	return text_is_of(text, LETTERS DIGITS "._~-", BACKEND_NAME_MAX);
}

static bool path_is_shorter(const char *text, size_t size)
{
	if (text[0] != '/' || strlen(text) >= size)
		return false;
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

bool conf_text_path(const char *text)
{
	return path_is_shorter(text, PATH_MAX);
}

bool conf_text_socket(const char *text)
{
	return path_is_shorter(text, sizeof(((struct sockaddr_un *)0)->sun_path));
}

bool conf_text_group(const char *text)
{
	return text_is_of(text, LETTERS DIGITS "._-", GROUP_MAX) && *text != '-';
}

/* One label from `text`, which ends at `len`: no hyphen at either end. An
 * underscore is let through, for internal zones have it. */
static bool label_is_good(const char *text, size_t len)
{
	return len > 0 && len <= LABEL_MAX && text[0] != '-' && text[len - 1] != '-';
}

bool conf_text_host(const char *text)
{
	size_t len = strlen(text);

	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > HOST_MAX || strspn(text, LETTERS DIGITS "._-") < len)
		return false;
	for (const char *end = text + len; text <= end;) {
		const char *dot = memchr(text, '.', (size_t)(end - text));
		size_t label = (size_t)((dot ? dot : end) - text);

		if (!label_is_good(text, label))
			return false;
		text += label + 1;
	}
	return true;
}

bool conf_text_helo(const char *text)
{
	size_t len = strlen(text);

	if (text[0] != '[')
		return conf_text_host(text);
	return len > 2 && len < HOST_MAX && text[len - 1] == ']' &&
	       strspn(text + 1, LETTERS DIGITS ".:") == len - 2;
}

bool conf_text_mailbox(const char *text)
{
	const char *at = strrchr(text, '@');

	return at && at > text && at - text <= LOCAL_PART_MAX && strlen(text) <= MAILBOX_MAX &&
	       text_is_visible(text) && !strpbrk(text, "<>\"\\") && strchr(text, '@') == at &&
	       conf_text_host(at + 1);
}

bool conf_text_ca(const char *text)
{
	return !strcmp(text, "system") || !strcmp(text, "none") || conf_text_path(text);
}

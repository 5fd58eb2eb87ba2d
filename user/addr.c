/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text to address and back. Every address is 16 bytes, so nothing above this
 * file asks for the family but where it matters on the wire. Utility layer.
 */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define V4_MAPPED_BITS 96
#define PORT_MAX       65535

static const __u8 v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int addr_parse(const char *text, struct mxlb_addr *addr)
{
	struct mxlb_addr parsed;

	memcpy(parsed.b, v4_prefix, sizeof(v4_prefix));
	/* A mapped address read as IPv6 lands on the very bytes of its IPv4 twin. */
	if (inet_pton(AF_INET, text, &parsed.w[3]) != 1 && inet_pton(AF_INET6, text, parsed.b) != 1)
		return -EINVAL;
	*addr = parsed;
	return 0;
}

/* Decimal digits only: strtoul would let signs, blanks and hex through. */
static int digits_parse(const char *text, unsigned max, unsigned *value)
{
	unsigned sum = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		sum = sum * 10 + (unsigned)(*text - '0');
		if (sum > max)
			return -EINVAL;
	}
	*value = sum;
	return 0;
}

/* Copies text[0..len) so that it can be parsed as a string of its own. */
static int addr_parse_part(const char *text, size_t len, struct mxlb_addr *addr)
{
	char part[ADDR_TEXT_MAX];

	if (len >= sizeof(part))
		return -EINVAL;
	memcpy(part, text, len);
	part[len] = '\0';
	return addr_parse(part, addr);
}

/* Cuts "[v6]:port" or "v4:port"; *port_text is NULL where the text has no port. */
static int endpoint_split(const char *text, struct mxlb_addr *addr, const char **port_text)
{
	const char *end = strchr(text, text[0] == '[' ? ']' : ':');
	int err;

	if (!end)
		return -EINVAL;
	if (text[0] != '[') {
		*port_text = end + 1;
		return addr_parse_part(text, (size_t)(end - text), addr);
	}
	err = addr_parse_part(text + 1, (size_t)(end - text - 1), addr);
	if (err || !memchr(text, ':', (size_t)(end - text)))
		return -EINVAL; /* brackets are for IPv6 */
	if (end[1] && end[1] != ':')
		return -EINVAL;
	*port_text = end[1] ? end + 2 : NULL;
	return 0;
}

int endpoint_parse(const char *text, unsigned port, struct mxlb_endpoint *endpoint)
{
	struct mxlb_endpoint parsed = {0};
	const char *port_text = NULL;
	int err = 0;

	if (addr_parse(text, &parsed.addr))
		err = endpoint_split(text, &parsed.addr, &port_text);
	if (!err && port_text) {
		err = digits_parse(port_text, PORT_MAX, &port);
		if (!err && port == 0)
			err = -EINVAL;
	}
	if (err)
		return err;
	parsed.port = htons((__u16)port);
	*endpoint = parsed;
	return 0;
}

int cidr_parse(const char *text, struct mxlb_addr *addr, unsigned *prefix)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct mxlb_addr parsed;
	unsigned bits;

	if (addr_parse_part(text, len, &parsed))
		return -EINVAL;
	bits = addr_family(&parsed) == MXLB_V4 ? 32 : 128;
	if (slash && digits_parse(slash + 1, bits, &bits))
		return -EINVAL;
	*addr = parsed;
	*prefix = bits;
	return 0;
}

char *addr_format(const struct mxlb_addr *addr, char *buf)
{
	if (addr_family(addr) == MXLB_V4)
		(void)inet_ntop(AF_INET, &addr->w[3], buf, ADDR_TEXT_MAX); /* always fits */
	else
		(void)inet_ntop(AF_INET6, addr->b, buf, ADDR_TEXT_MAX);
	return buf;
}

char *endpoint_format(const struct mxlb_endpoint *endpoint, char *buf)
{
	bool is_v4 = addr_family(&endpoint->addr) == MXLB_V4;
	char addr[ADDR_TEXT_MAX];

	addr_format(&endpoint->addr, addr);
	(void)snprintf(buf, ADDR_TEXT_MAX, is_v4 ? "%.45s:%u" : "[%.45s]:%u", addr,
		       ntohs(endpoint->port));
	return buf;
}

enum mxlb_family addr_family(const struct mxlb_addr *addr)
{
	return memcmp(addr->b, v4_prefix, sizeof(v4_prefix)) ? MXLB_V6 : MXLB_V4;
}

bool addr_equal(const struct mxlb_addr *a, const struct mxlb_addr *b)
{
	return !memcmp(a->b, b->b, sizeof(a->b));
}

bool addr_is_zero(const struct mxlb_addr *addr)
{
	static const struct mxlb_addr zero;

	return addr_equal(addr, &zero);
}

struct mxlb_addr addr_mask(enum mxlb_family family, unsigned prefix)
{
	unsigned bits = prefix + (family == MXLB_V4 ? V4_MAPPED_BITS : 0);
	struct mxlb_addr mask;

	for (unsigned i = 0; i < sizeof(mask.b); i++) {
		unsigned left = bits > i * 8 ? bits - i * 8 : 0;

		mask.b[i] = left >= 8 ? 0xff : (__u8)(0xff00u >> left);
	}
	return mask;
}

bool addr_in_prefix(const struct mxlb_addr *addr, const struct mxlb_addr *net, unsigned prefix)
{
	enum mxlb_family family = addr_family(net);
	struct mxlb_addr mask = addr_mask(family, prefix);

	if (addr_family(addr) != family)
		return false; /* else ::/0 would hold every IPv4 address */
	for (unsigned i = 0; i < sizeof(mask.b); i++) {
		if ((addr->b[i] ^ net->b[i]) & mask.b[i])
			return false;
	}
	return true;
}

socklen_t addr_sockaddr(const struct mxlb_addr *addr, __be16 port, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (addr_family(addr) == MXLB_V4) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ss;

		sin->sin_family = AF_INET;
		sin->sin_port = port;
		sin->sin_addr.s_addr = addr->w[3];
		return sizeof(*sin);
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = port;
	memcpy(&sin6->sin6_addr, addr->b, sizeof(addr->b));
	return sizeof(*sin6);
}

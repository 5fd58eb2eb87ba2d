/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as mxlb holds them: 16 bytes, v4-mapped for IPv4, ports in network
 * byte order. Utility layer: knows nothing of mxlb but abi.h.
 */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "mxlb/abi.h"

/* Longest text of addr_format and endpoint_format with the NUL: "[v6]:65535". */
#define ADDR_TEXT_MAX 56

/* Reads "192.0.2.1" or "2001:db8::1". 0, or -EINVAL. A v4-mapped text is IPv4. */
int addr_parse(const char *text, struct mxlb_addr *addr);
/* Reads "192.0.2.1:25", "[::1]:25", or an address alone with `port` (host order). */
int endpoint_parse(const char *text, unsigned port, struct mxlb_endpoint *endpoint);
/* Reads "192.0.2.0/24" or a plain address; *prefix counts over the v4-mapped form's
 * own family (0..32 or 0..128). 0, or -EINVAL. */
int cidr_parse(const char *text, struct mxlb_addr *addr, unsigned *prefix);
/* Both return buf, which holds at least ADDR_TEXT_MAX bytes. */
char *addr_format(const struct mxlb_addr *addr, char *buf);
char *endpoint_format(const struct mxlb_endpoint *endpoint, char *buf);
enum mxlb_family addr_family(const struct mxlb_addr *addr);
bool addr_equal(const struct mxlb_addr *a, const struct mxlb_addr *b);
bool addr_is_zero(const struct mxlb_addr *addr);
/* True when the first `prefix` bits (of the address's own family) agree. */
bool addr_in_prefix(const struct mxlb_addr *addr, const struct mxlb_addr *net, unsigned prefix);
/* The mask of a prefix over 16 bytes; for MXLB_V4 the 96 mapped bits are set too. */
struct mxlb_addr addr_mask(enum mxlb_family family, unsigned prefix);
/* Fills a sockaddr_in or sockaddr_in6; returns its length. */
socklen_t addr_sockaddr(const struct mxlb_addr *addr, __be16 port, struct sockaddr_storage *ss);

#endif

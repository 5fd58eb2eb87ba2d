/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hash that maps a client's prefix to a slot of a ring. Shared, because
 * `mxlbctl trace` must say what the data path then does, and two routers with one
 * seed must agree whatever their processor. Not meant against collisions that an
 * attacker wants: the bounded load is what protects a backend.
 */
#ifndef MXLB_HASH_H
#define MXLB_HASH_H

#include "mxlb/abi.h"

/* `addr` is already masked to the affinity prefix. Bytes are taken in network order. */
static inline __attribute__((always_inline)) __u32 mxlb_hash(const struct mxlb_addr *addr,
							     __u32 seed)
{
	__u64 hash = seed ^ 0x9e3779b97f4a7c15ull;

	for (int i = 0; i < 4; i++) {
		hash ^= __builtin_bswap32(addr->w[i]);
		hash *= 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
	}
	return (__u32)(hash ^ (hash >> 29));
}

/* The slot of `doors` for an endpoint. Within one machine only, so bytes are taken as they
 * lie. `zero` must be zero. */
static inline __attribute__((always_inline)) __u32 mxlb_door(const struct mxlb_endpoint *endpoint)
{
	const __be32 *w = endpoint->addr.w;
	__u64 hash = ((__u64)w[0] << 32 | w[1]) * 0x9e3779b97f4a7c15ull;

	hash ^= ((__u64)w[2] << 32 | w[3]) + endpoint->port;
	hash *= 0xff51afd7ed558ccdull;
	return hash >> 32 & (MXLB_DOORS - 1);
}

#endif

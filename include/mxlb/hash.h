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

#endif

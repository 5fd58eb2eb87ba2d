/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Incremental Internet checksums (RFC 1624, equation 3). A difference is a sum of
 * ~old + new in one's complement, kept in 32 bits. Because addresses are v4-mapped,
 * the mapped prefix cancels out, and one function serves both families.
 */
#ifndef CSUM_H
#define CSUM_H

#include "mxlb/abi.h"

static __always_inline __u32 csum_fold32(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

static __always_inline __u32 csum_fold16(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Of a v4-mapped address the prefix weighs nothing: 0xffff is the other zero. */
static __always_inline __u32 csum_sum_addr(const struct mxlb_addr *addr)
{
	return csum_fold32((__u64)addr->w[0] + addr->w[1] + addr->w[2] + addr->w[3]);
}

static __always_inline __u32 csum_diff_addr(const struct mxlb_addr *from,
					    const struct mxlb_addr *to)
{
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < 4; i++)
		sum += (__u64)(__u32)~from->w[i] + to->w[i];
	return csum_fold32(sum);
}

static __always_inline __u32 csum_diff16(__be16 from, __be16 to)
{
	return (__u32)(__u16)~from + to;
}

/* Applies a difference to a checksum field. */
static __always_inline __u16 csum_apply(__u16 field, __u64 diff)
{
	__u64 sum = (__u16)~field + diff;

	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The look-up table of a service: Maglev (NSDI 2016, section 3.4), weighted, built
 * from names and a seed alone, so that two routers with one config agree whatever
 * their history. Pure.
 */
#ifndef RING_H
#define RING_H

#include <stddef.h>
#include <stdint.h>

struct ring_member {
	const char *name; /* what the permutation is drawn from */
	uint32_t id;	  /* what the slots hold */
	unsigned weight;  /* members of weight 0 get no slot */
};

/* A prime of some 500 slots a member: shares follow weights within 2 %, and one member
 * leaving moves at most 1 % of the other keys. */
uint32_t ring_size(size_t n_members);
/* Fills slots[0..size). -ENOENT without a member of weight > 0, -ENOMEM. */
int ring_build(const struct ring_member *members, size_t n, uint32_t seed, uint32_t *slots,
	       uint32_t size);

#endif

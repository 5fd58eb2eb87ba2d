/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring: two builders agree, shares follow weights, one leaving moves few.
 */
/* uses: ring.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "ring.h"

#define MEMBERS_MAX 512

static char names[MEMBERS_MAX][16];
static struct ring_member members[MEMBERS_MAX];

static void members_make(size_t n, unsigned weight)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "mx%zu", i + 1);
		members[i] = (struct ring_member){names[i], (uint32_t)i + 1, weight};
	}
}

static uint32_t *build(size_t n, uint32_t seed, uint32_t size)
{
	uint32_t *slots = calloc(size, sizeof(*slots));

	assert_non_null(slots);
	assert_int_equal(ring_build(members, n, seed, slots, size), 0);
	return slots;
}

static unsigned share(const uint32_t *slots, uint32_t size, uint32_t id)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < size; i++)
		count += slots[i] == id;
	return count;
}

static void test_sizes_are_prime_and_ample(void **state)
{
	assert_int_equal(ring_size(1), 16381);
	assert_int_equal(ring_size(32), 16381);
	assert_int_equal(ring_size(33), 65537);
	assert_int_equal(ring_size(512), 262147);
}

static void test_order_and_ids_do_not_matter(void **state)
{
	uint32_t *one, *two;
	struct ring_member swapped;

	members_make(5, 100);
	one = build(5, 7, 16381);
	swapped = members[0];
	members[0] = members[4];
	members[4] = swapped;
	two = build(5, 7, 16381);
	assert_memory_equal(one, two, 16381 * sizeof(*one));
	free(two);
	/* Another router may number them otherwise: the same names stand in the slots. */
	for (int i = 0; i < 5; i++)
		members[i].id += 40;
	two = build(5, 7, 16381);
	for (uint32_t i = 0; i < 16381; i++)
		assert_int_equal(two[i], one[i] + 40);
	free(one);
	free(two);
}

static void test_seed_matters(void **state)
{
	uint32_t *one, *two;

	members_make(5, 100);
	one = build(5, 7, 16381);
	two = build(5, 8, 16381);
	assert_memory_not_equal(one, two, 16381 * sizeof(*one));
	free(one);
	free(two);
}

/* 300 : 100 : 100 of 16381 slots is 9828.6 : 3276.2 : 3276.2; two per cent of the ideal. */
static void test_shares_follow_weights(void **state)
{
	uint32_t *slots;

	members_make(3, 100);
	members[0].weight = 300;
	slots = build(3, 0, 16381);
	assert_in_range(share(slots, 16381, 1), 9632, 10025);
	assert_in_range(share(slots, 16381, 2), 3211, 3341);
	assert_in_range(share(slots, 16381, 3), 3211, 3341);
	free(slots);
}

static void test_weight_zero_gets_nothing(void **state)
{
	uint32_t *slots;

	members_make(3, 100);
	members[1].weight = 0;
	slots = build(3, 0, 16381);
	assert_int_equal(share(slots, 16381, 2), 0);
	free(slots);
	members[0].weight = members[2].weight = 0;
	slots = calloc(16381, sizeof(*slots));
	assert_int_equal(ring_build(members, 3, 0, slots, 16381), -ENOENT);
	assert_int_equal(ring_build(members, 0, 0, slots, 16381), -ENOENT);
	free(slots);
}

/* Of the keys that were not the leaver's at most one in a hundred moves. */
static void test_one_leaving_moves_few(void **state)
{
	static const size_t counts[] = {2, 3, 10, 50, 200};

	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		size_t n = counts[c];
		uint32_t size = ring_size(n), moved = 0, others = 0;
		uint32_t *before, *after;

		members_make(n, 100);
		before = build(n, 1, size);
		members[n / 2].weight = 0;
		after = build(n, 1, size);
		for (uint32_t i = 0; i < size; i++) {
			if (before[i] == n / 2 + 1)
				continue;
			others++;
			moved += before[i] != after[i];
		}
		print_message("%zu members, one leaves: %u of %u other slots move\n", n, moved,
			      others);
		assert_true(moved * 100 <= others);
		free(before);
		free(after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_are_prime_and_ample),
		cmocka_unit_test(test_order_and_ids_do_not_matter),
		cmocka_unit_test(test_seed_matters),
		cmocka_unit_test(test_shares_follow_weights),
		cmocka_unit_test(test_weight_zero_gets_nothing),
		cmocka_unit_test(test_one_leaving_moves_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `doors` beside a fake kernel: an array, and the two hashes that it copies. After each
 * write whatever the hashes hold must be found, as a packet would look for it.
 */
/* uses: dpmaps_doors.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "dpmaps_doors.h"
#include "mem.h"
#include "mxlb/hash.h"
#include "plan.h"

#define NEVER UINT32_MAX

/* The kernel: outlives any one struct doors, as a daemon's successor finds it. */
static struct mxlb_door slots[MXLB_DOORS];
static bool is_read[MXLB_DOORS]; /* a packet may still hold what stood there */
static struct dp_state hashes;
static struct mxlb_endpoint changing; /* may be found, in this moment, or not */
static unsigned n_writes, n_waits, writes_left;
static struct doors *doors;

/* ---- what a packet finds ---- */

static struct mxlb_endpoint endpoint(const char *last_bytes, unsigned port)
{
	struct mxlb_endpoint e = {.port = __builtin_bswap16((uint16_t)port)};

	e.addr.b[10] = e.addr.b[11] = 0xff;
	memcpy(&e.addr.b[12], last_bytes, 4);
	return e;
}

static bool same(const struct mxlb_endpoint *a, const struct mxlb_endpoint *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static const struct mxlb_vip *vip_hash(const struct mxlb_endpoint *key)
{
	for (size_t i = 0; i < hashes.n_vips; i++)
		if (same(&hashes.vips[i].key, key))
			return &hashes.vips[i].value;
	return NULL;
}

static const struct mxlb_origin *origin_hash(const struct mxlb_endpoint *key)
{
	for (size_t i = 0; i < hashes.n_origins; i++)
		if (same(&hashes.origins[i].key, key))
			return &hashes.origins[i].value;
	return NULL;
}

static const struct mxlb_door *slot_of(const struct mxlb_endpoint *key)
{
	return &slots[mxlb_door(key)];
}

static const struct mxlb_vip *vip_find(const struct mxlb_endpoint *key)
{
	const struct mxlb_door *door = slot_of(key);

	if (door->kind == MXLB_DOOR_CROWDED)
		return vip_hash(key);
	return door->kind == MXLB_DOOR_VIP && same(&door->key, key) ? &door->vip : NULL;
}

static const struct mxlb_origin *origin_find(const struct mxlb_endpoint *key)
{
	const struct mxlb_door *door = slot_of(key);

	if (door->kind == MXLB_DOOR_CROWDED)
		return origin_hash(key);
	return door->kind == MXLB_DOOR_ORIGIN && same(&door->key, key) ? &door->origin : NULL;
}

static void assert_all_found(void)
{
	for (size_t i = 0; i < hashes.n_vips; i++) {
		const struct dp_vip *vip = &hashes.vips[i];
		const struct mxlb_vip *found = vip_find(&vip->key);

		if (same(&vip->key, &changing))
			continue;
		assert_non_null(found);
		assert_memory_equal(found, &vip->value, sizeof(*found));
	}
	for (size_t i = 0; i < hashes.n_origins; i++) {
		const struct dp_origin *origin = &hashes.origins[i];
		const struct mxlb_origin *found = origin_find(&origin->key);

		if (same(&origin->key, &changing))
			continue;
		assert_non_null(found);
		assert_memory_equal(found, &origin->value, sizeof(*found));
	}
}

/* ---- the fake kernel's array ---- */

static bool is_served(const struct mxlb_door *door)
{
	return door->kind == MXLB_DOOR_VIP || door->kind == MXLB_DOOR_ORIGIN;
}

/* Kind and content must not change in one write, nor the content while it is read. */
static int on_write(__u32 slot, const struct mxlb_door *door, void *arg)
{
	struct mxlb_door *old = &slots[slot], other_kind = *door;

	assert_ptr_equal(arg, slots);
	assert_true(slot < MXLB_DOORS);
	if (!writes_left)
		return -EIO;
	writes_left -= writes_left != NEVER;
	other_kind.kind = old->kind;
	if (memcmp(old, &other_kind, sizeof(*old)) != 0) {
		assert_int_equal(old->kind, MXLB_DOOR_CROWDED);
		assert_int_equal(door->kind, MXLB_DOOR_CROWDED);
		assert_false(is_read[slot]);
	}
	is_read[slot] |= is_served(old) && !is_served(door);
	*old = *door;
	n_writes++;
	assert_all_found();
	return 0;
}

static void on_wait(void *arg)
{
	assert_ptr_equal(arg, slots);
	memset(is_read, 0, sizeof(is_read));
	n_waits++;
}

static const struct doors_ops ops = {on_write, on_wait};

/* A daemon that starts: it knows the array, and will hear of the hashes. Packets of the
 * time of an earlier one have passed. */
static void daemon_start(void)
{
	doors_free(doors);
	writes_left = NEVER;
	memset(is_read, 0, sizeof(is_read));
	doors = doors_new(&ops, slots, slots);
}

/* ---- updates, as dpmaps carries them out ---- */

static int crowd(const struct mxlb_endpoint *key)
{
	int err;

	err = doors_crowd(doors, key);
	changing = *key;
	return err;
}

static void changed(void)
{
	memset(&changing, 0, sizeof(changing));
	assert_all_found();
}

static int vip_set(const struct mxlb_endpoint *key, struct mxlb_vip value)
{
	struct mxlb_vip *old = (struct mxlb_vip *)vip_hash(key);

	if (crowd(key))
		return -EIO;
	if (!old) {
		hashes.vips = mem_append(hashes.vips, &hashes.n_vips, sizeof(*hashes.vips));
		hashes.vips[hashes.n_vips - 1].key = *key;
		old = &hashes.vips[hashes.n_vips - 1].value;
	}
	*old = value;
	changed();
	return 0;
}

static int vip_del(const struct mxlb_endpoint *key)
{
	struct mxlb_vip *gone = (struct mxlb_vip *)vip_hash(key);
	size_t at = (size_t)((struct dp_vip *)((char *)gone - offsetof(struct dp_vip, value)) -
			     hashes.vips);

	if (crowd(key))
		return -EIO;
	hashes.vips[at] = hashes.vips[--hashes.n_vips];
	changed();
	assert_null(vip_find(key));
	return 0;
}

static int origin_set(const struct mxlb_endpoint *key, unsigned vip, unsigned backend)
{
	struct mxlb_origin *old = (struct mxlb_origin *)origin_hash(key);

	if (crowd(key))
		return -EIO;
	if (!old) {
		hashes.origins =
			mem_append(hashes.origins, &hashes.n_origins, sizeof(*hashes.origins));
		hashes.origins[hashes.n_origins - 1].key = *key;
		old = &hashes.origins[hashes.n_origins - 1].value;
	}
	old->of[0].vip = (uint16_t)vip;
	old->of[0].backend = (uint16_t)backend;
	changed();
	return 0;
}

static int origin_del(const struct mxlb_endpoint *key)
{
	size_t at = 0;

	while (!same(&hashes.origins[at].key, key))
		at++;
	if (crowd(key))
		return -EIO;
	hashes.origins[at] = hashes.origins[--hashes.n_origins];
	changed();
	assert_null(origin_find(key));
	return 0;
}

static void fill(void)
{
	assert_int_equal(doors_fill(doors, &hashes), 0);
	assert_all_found();
	n_writes = n_waits = 0;
}

/* Another endpoint that has the slot of `key`. */
static struct mxlb_endpoint sharer(const struct mxlb_endpoint *key)
{
	struct mxlb_endpoint e = endpoint("\x0a\x09\x00\x00", 25);

	for (unsigned i = 1; i < 1 << 24; i++) {
		e.addr.w[3] = __builtin_bswap32(0x0a090000 + i);
		if (mxlb_door(&e) == mxlb_door(key))
			return e;
	}
	fail_msg("no address of 16 million shares the slot");
	return e;
}

static unsigned count(enum mxlb_door_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < MXLB_DOORS; i++)
		n += slots[i].kind == kind;
	return n;
}

/* ---- tests ---- */

static const struct mxlb_vip first_vip = {.id = 1, .service = 3};

static void test_each_endpoint_gets_a_slot(void **state)
{
	struct mxlb_endpoint vip = endpoint("\xc0\x00\x02\x19", 25);
	struct mxlb_endpoint mx1 = endpoint("\x0a\x00\x00\x0b", 25);

	assert_int_equal(origin_set(&mx1, 1, 5), 0);
	assert_int_equal(vip_set(&vip, first_vip), 0);
	fill();
	assert_int_equal(slot_of(&vip)->kind, MXLB_DOOR_VIP);
	assert_int_equal(slot_of(&vip)->vip.id, 1);
	assert_int_equal(slot_of(&vip)->vip.service, 3);
	assert_int_equal(slot_of(&mx1)->kind, MXLB_DOOR_ORIGIN);
	assert_int_equal(slot_of(&mx1)->origin.of[0].vip, 1);
	assert_int_equal(slot_of(&mx1)->origin.of[0].backend, 5);
	assert_int_equal(count(MXLB_DOOR_NONE), MXLB_DOORS - 2);
	/* Once more, and nothing is left to do. */
	fill();
	assert_int_equal(doors_fill(doors, &hashes), 0);
	assert_int_equal(n_writes, 0);
}

static void test_two_in_one_slot_are_crowded_until_one_leaves(void **state)
{
	struct mxlb_endpoint vip = endpoint("\xc0\x00\x02\x19", 25);
	struct mxlb_endpoint other = sharer(&vip);

	assert_int_equal(vip_set(&vip, first_vip), 0);
	fill();
	assert_int_equal(origin_set(&other, 1, 7), 0);
	fill();
	assert_int_equal(slot_of(&vip)->kind, MXLB_DOOR_CROWDED);
	assert_int_equal(vip_del(&vip), 0);
	fill();
	assert_int_equal(slot_of(&vip)->kind, MXLB_DOOR_ORIGIN);
	assert_true(same(&slot_of(&vip)->key, &other));
	assert_int_equal(slot_of(&vip)->origin.of[0].backend, 7);
	assert_int_equal(origin_del(&other), 0);
	fill();
	assert_int_equal(count(MXLB_DOOR_NONE), MXLB_DOORS);
}

static void test_one_endpoint_that_is_both_is_crowded(void **state)
{
	struct mxlb_endpoint both = endpoint("\xc0\x00\x02\x19", 25);

	assert_int_equal(vip_set(&both, first_vip), 0);
	assert_int_equal(origin_set(&both, 1, 7), 0);
	fill();
	assert_int_equal(slot_of(&both)->kind, MXLB_DOOR_CROWDED);
}

/* on_write sees to it that each content waits until its slot is not read. */
static void test_changes_wait_once_for_the_packets(void **state)
{
	struct mxlb_endpoint vip = endpoint("\xc0\x00\x02\x19", 25);
	struct mxlb_endpoint mx[20];
	struct mxlb_vip leaving = first_vip;

	leaving.is_leaving = 1;
	assert_int_equal(vip_set(&vip, first_vip), 0);
	for (unsigned i = 0; i < 20; i++) {
		mx[i] = endpoint("\x0a\x00\x00\x00", 1000 + i);
		assert_int_equal(origin_set(&mx[i], 1, i + 1), 0);
	}
	assert_int_equal(doors_fill(doors, &hashes), 0);
	assert_int_equal(n_waits, 0); /* of empty slots nothing was read */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(origin_set(&mx[i], 2, i + 1), 0);
	assert_int_equal(vip_set(&vip, leaving), 0);
	assert_int_equal(doors_fill(doors, &hashes), 0);
	assert_int_equal(n_waits, 1);
	assert_int_equal(slot_of(&vip)->vip.is_leaving, 1);
	assert_int_equal(slot_of(&mx[19])->origin.of[0].vip, 2);
	mx[0] = endpoint("\x0a\x00\x00\x00", 2000);
	assert_int_equal(origin_set(&mx[0], 2, 21), 0);
	assert_int_equal(doors_fill(doors, &hashes), 0);
	assert_int_equal(n_waits, 1); /* nor since */
}

/* An update that touches each kind of change. */
static int update(const struct mxlb_endpoint *e)
{
	struct mxlb_vip leaving = first_vip;
	int err;

	leaving.is_leaving = 1;
	err = origin_set(&e[2], 1, 9); /* into the slot of e[0] */
	if (!err)
		err = vip_set(&e[0], leaving);
	if (!err)
		err = vip_del(&e[1]);
	if (!err)
		err = origin_del(&e[4]); /* which shares with e[3] */
	return err ? err : doors_fill(doors, &hashes);
}

static void world_of_update(struct mxlb_endpoint *e)
{
	e[0] = endpoint("\xc0\x00\x02\x19", 25);
	e[1] = endpoint("\xc0\x00\x02\x1a", 25);
	e[2] = sharer(&e[0]);
	e[3] = endpoint("\x0a\x00\x00\x0b", 25);
	e[4] = sharer(&e[3]);
	memset(slots, 0, sizeof(slots));
	hashes.n_vips = hashes.n_origins = 0;
	daemon_start();
	assert_int_equal(vip_set(&e[0], first_vip), 0);
	assert_int_equal(vip_set(&e[1], (struct mxlb_vip){.id = 2, .service = 3}), 0);
	assert_int_equal(origin_set(&e[3], 1, 5), 0);
	assert_int_equal(origin_set(&e[4], 1, 6), 0);
	fill();
}

static void assert_after_fill(const struct mxlb_endpoint *e)
{
	assert_int_equal(slot_of(&e[0])->kind, MXLB_DOOR_CROWDED);
	assert_int_equal(slot_of(&e[1])->kind, MXLB_DOOR_NONE);
	assert_int_equal(slot_of(&e[3])->kind, MXLB_DOOR_ORIGIN);
	assert_int_equal(slot_of(&e[3])->origin.of[0].backend, 5);
	assert_int_equal(count(MXLB_DOOR_NONE), MXLB_DOORS - 2);
}

/* Ended after each of its writes in turn, by a kill or by a kernel that refuses one. The next
 * daemon, or the next try, carries out what was left, as a plan over the hashes has it. */
static void broken_off_at_each_write(bool is_killed)
{
	struct mxlb_endpoint e[5];
	unsigned after = 0;

	for (;; after++) {
		world_of_update(e);
		writes_left = after;
		if (!update(e))
			break;
		memset(&changing, 0, sizeof(changing));
		assert_all_found();
		if (is_killed)
			daemon_start();
		writes_left = NEVER;
		fill(); /* what the hashes have by now */
		assert_int_equal(slot_of(&e[0])->kind,
				 origin_hash(&e[2]) ? MXLB_DOOR_CROWDED : MXLB_DOOR_VIP);
		assert_int_equal(slot_of(&e[3])->kind,
				 origin_hash(&e[4]) ? MXLB_DOOR_CROWDED : MXLB_DOOR_ORIGIN);
		if (vip_hash(&e[1])) /* the rest of the update */
			assert_int_equal(vip_del(&e[1]), 0);
		if (!origin_hash(&e[2]))
			assert_int_equal(origin_set(&e[2], 1, 9), 0);
		if (origin_hash(&e[4]))
			assert_int_equal(origin_del(&e[4]), 0);
		fill();
		assert_after_fill(e);
	}
	assert_after_fill(e);
	assert_true(after >= 6);
}

static void test_killed_at_each_write(void **state)
{
	broken_off_at_each_write(true);
}

static void test_refused_at_each_write(void **state)
{
	broken_off_at_each_write(false);
}

static void test_a_start_mends_what_is_wrong(void **state)
{
	struct mxlb_endpoint vip = endpoint("\xc0\x00\x02\x19", 25);
	struct mxlb_endpoint stray = endpoint("\xc0\x00\x02\x63", 25);

	hashes.vips = mem_append(hashes.vips, &hashes.n_vips, sizeof(*hashes.vips));
	hashes.vips[0] = (struct dp_vip){.key = vip, .value = first_vip};
	slots[mxlb_door(&stray)] = (struct mxlb_door){.key = stray, .kind = MXLB_DOOR_VIP};
	slots[mxlb_door(&vip)] = (struct mxlb_door){.key = vip, .kind = MXLB_DOOR_VIP};
	changing = vip;
	daemon_start();
	assert_int_equal(doors_fill(doors, &hashes), 0);
	assert_int_equal(n_waits, 1);
	changed();
	assert_null(vip_find(&stray));
	assert_int_equal(count(MXLB_DOOR_NONE), MXLB_DOORS - 1);
}

/* ---- the program ---- */

static int each_setup(void **state)
{
	memset(slots, 0, sizeof(slots));
	memset(is_read, 0, sizeof(is_read));
	memset(&changing, 0, sizeof(changing));
	hashes.n_vips = hashes.n_origins = 0;
	n_writes = n_waits = 0;
	daemon_start();
	return 0;
}

static int each_teardown(void **state)
{
	doors_free(doors);
	doors = NULL;
	free(hashes.vips);
	free(hashes.origins);
	memset(&hashes, 0, sizeof(hashes));
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_endpoint_gets_a_slot),
		TEST(test_two_in_one_slot_are_crowded_until_one_leaves),
		TEST(test_one_endpoint_that_is_both_is_crowded),
		TEST(test_changes_wait_once_for_the_packets),
		TEST(test_killed_at_each_write),
		TEST(test_refused_at_each_write),
		TEST(test_a_start_mends_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

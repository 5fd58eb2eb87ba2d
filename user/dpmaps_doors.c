/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slot of `doors` changes in two steps, and each daemon may be killed between any two
 * writes of them. First, before the hashes change, the slot is declared crowded, so that
 * the hashes are asked for what is in it; they are right at every moment. Last, when all of
 * an update is in the hashes, slots get their new content, still crowded, and then their
 * kind. A packet that has read the kind before the first step may read the content after
 * it: hence the wait between them, one for a whole update.
 */
#include "dpmaps_doors.h"

#include <stdbool.h>

#include "mem.h"
#include "mxlb/hash.h"
#include "plan.h"

struct doors {
	const struct doors_ops *ops;
	void *arg;
	bool is_stale; /* some slot may not be as the hashes would have it */
	bool is_read;  /* a slot was crowded that packets may still be reading */
	struct mxlb_door now[MXLB_DOORS];
	struct mxlb_door want[MXLB_DOORS]; /* of doors_fill, here for its size */
};

struct doors *doors_new(const struct doors_ops *ops, void *arg, const struct mxlb_door *now)
{
	struct doors *doors = mem_zero(1, sizeof(*doors));

	doors->ops = ops;
	doors->arg = arg;
	doors->is_stale = true;
	memcpy(doors->now, now, sizeof(doors->now));
	return doors;
}

void doors_free(struct doors *doors)
{
	free(doors);
}

static int slot_write(struct doors *doors, __u32 slot, const struct mxlb_door *door)
{
	int err = doors->ops->write(slot, door, doors->arg);

	if (!err)
		doors->now[slot] = *door;
	return err;
}

static int slot_crowd(struct doors *doors, __u32 slot)
{
	struct mxlb_door door = doors->now[slot];

	if (door.kind == MXLB_DOOR_CROWDED)
		return 0;
	/* Of an empty slot no packet reads more than its kind. */
	doors->is_read |= door.kind != MXLB_DOOR_NONE;
	door.kind = MXLB_DOOR_CROWDED;
	return slot_write(doors, slot, &door);
}

int doors_crowd(struct doors *doors, const struct mxlb_endpoint *endpoint)
{
	doors->is_stale = true;
	return slot_crowd(doors, mxlb_door(endpoint));
}

static void want_put(struct doors *doors, const struct mxlb_door *door)
{
	struct mxlb_door *slot = &doors->want[mxlb_door(&door->key)];

	if (slot->kind == MXLB_DOOR_NONE) {
		*slot = *door;
		return;
	}
	memset(slot, 0, sizeof(*slot));
	slot->kind = MXLB_DOOR_CROWDED;
}

static void want_all(struct doors *doors, const struct dp_state *state)
{
	struct mxlb_door door;

	memset(doors->want, 0, sizeof(doors->want));
	for (size_t i = 0; i < state->n_vips; i++) {
		memset(&door, 0, sizeof(door));
		door.key = state->vips[i].key;
		door.kind = MXLB_DOOR_VIP;
		door.vip = state->vips[i].value;
		want_put(doors, &door);
	}
	for (size_t i = 0; i < state->n_origins; i++) {
		memset(&door, 0, sizeof(door));
		door.key = state->origins[i].key;
		door.kind = MXLB_DOOR_ORIGIN;
		door.origin = state->origins[i].value;
		want_put(doors, &door);
	}
}

static bool slot_differs(const struct doors *doors, __u32 slot)
{
	/* As bytes: there is no padding, and of the union all that is unused is zero. */
	const void *now = &doors->now[slot], *want = &doors->want[slot];

	return memcmp(now, want, sizeof(doors->now[slot])) != 0;
}

/* Of a crowded slot only. */
static int slot_fill(struct doors *doors, __u32 slot)
{
	struct mxlb_door door = doors->want[slot];
	int err;

	door.kind = MXLB_DOOR_CROWDED;
	err = slot_write(doors, slot, &door);
	if (!err && doors->want[slot].kind != MXLB_DOOR_CROWDED)
		err = slot_write(doors, slot, &doors->want[slot]);
	return err;
}

int doors_fill(struct doors *doors, const struct dp_state *state)
{
	int err = 0;

	if (!doors->is_stale)
		return 0;
	want_all(doors, state);
	for (__u32 slot = 0; slot < MXLB_DOORS && !err; slot++) {
		if (slot_differs(doors, slot))
			err = slot_crowd(doors, slot);
	}
	if (doors->is_read && !err) {
		doors->ops->wait(doors->arg);
		doors->is_read = false;
	}
	for (__u32 slot = 0; slot < MXLB_DOORS && !err; slot++) {
		if (slot_differs(doors, slot))
			err = slot_fill(doors, slot);
	}
	doors->is_stale = err != 0;
	return err;
}

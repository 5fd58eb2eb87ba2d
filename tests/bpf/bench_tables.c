/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills and empties the tables, in batches. All have the same clients: each with its
 * flow in mxlb's table and in the one to insert into, and with an entry for each
 * direction in the floor's; those about to open a connection are in the floor's only.
 */
#include "bench_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bench_programs.h"
#include "harness.h"

#define RING	    512 /* slots, all of MX1 */
#define BACKLOG	    1000000
#define CLIENTS_MAX (100000 + BENCH_OPENINGS)

/* One of the tables, and what was put there. */
struct table {
	int fd;
	size_t key_size, value_size;
	__u8 *keys, *values;
	__u32 count;
};

static struct table flows, inserts, floors[MXLB_FAMILIES];
static unsigned established_flows;

static void table_open(struct table *table, int fd, size_t key_size, size_t value_size)
{
	table->fd = fd;
	table->key_size = key_size;
	table->value_size = value_size;
	table->keys = calloc(2 * CLIENTS_MAX, key_size);
	table->values = calloc(2 * CLIENTS_MAX, value_size);
	bench_need(table->keys && table->values, "memory for the tables");
}

static void table_add(struct table *table, const void *key, const void *value)
{
	memcpy(table->keys + table->count * table->key_size, key, table->key_size);
	memcpy(table->values + table->count * table->value_size, value, table->value_size);
	table->count++;
}

static void table_put(struct table *table)
{
	__u32 count = table->count;

	bench_need(!bpf_map_update_batch(table->fd, table->keys, table->values, &count, NULL),
		   "filling a table");
}

static void table_clear(struct table *table)
{
	__u32 count = table->count;

	if (count)
		bench_need(!bpf_map_delete_batch(table->fd, table->keys, &count, NULL),
			   "emptying a table");
	table->count = 0;
}

void tables_open(void)
{
	const size_t key = sizeof(struct mxlb_flow_key), flow = sizeof(struct mxlb_flow);

	table_open(&flows, lab_map("flows"), key, flow);
	table_open(&inserts, programs_table("inserts"), key, flow);
	table_open(&floors[MXLB_V4], programs_table("floor4"), sizeof(struct floor_key4),
		   sizeof(struct floor_to));
	table_open(&floors[MXLB_V6], programs_table("floor6"), sizeof(struct floor_key6),
		   sizeof(struct floor_to));
}

/* An established flow whose next hops both hooks have found. */
static struct mxlb_flow model_flow(void)
{
	static const struct seg segs[] = {{.from = CLIENT, .to = VIP, .flags = A},
					  {.from = MX1, .to = CLIENT, .flags = A}};
	static struct frame in, out;
	struct mxlb_flow_key key = lab_key(CLIENT, VIP_ID);
	struct mxlb_flow flow;

	established();
	for (int hook = 0; hook < HOOKS; hook++) {
		for (size_t i = 0; i < COUNT(segs); i++) {
			struct lab_run run = {.hook = hook, .side = people[segs[i].from].side};

			frame_build(&in, &segs[i], lab_family);
			bench_need(!lab_packet(&run, &in, &out), "the first packets");
		}
	}
	bench_need(lab_flow_get(&key, &flow), "the first flow");
	bench_need(!bpf_map_delete_elem(flows.fd, &key), "the first flow");
	return flow;
}

static void floor_add(unsigned client, enum mxlb_direction direction)
{
	struct floor_key4 key4 = bench_key4(client, direction);
	struct floor_key6 key6 = bench_key6(client, direction);
	struct floor_to to = bench_to(direction);

	table_add(&floors[lab_family],
		  lab_family == MXLB_V4 ? (const void *)&key4 : (const void *)&key6, &to);
}

/* The floor does not know the VIP's id. */
static struct mxlb_flow_key insert_key(unsigned client)
{
	struct mxlb_flow_key key = bench_key(client);

	key.vip = 0;
	return key;
}

static void clients_add(unsigned count)
{
	struct mxlb_flow model = model_flow();

	for (unsigned client = 0; client < count + BENCH_OPENINGS; client++) {
		struct mxlb_flow_key key = bench_key(client), to_insert = insert_key(client);

		floor_add(client, MXLB_IN);
		if (client >= count)
			continue;
		floor_add(client, MXLB_OUT);
		table_add(&flows, &key, &model);
		table_add(&inserts, &to_insert, &model);
	}
}

static void settings_widen(void)
{
	struct mxlb_settings settings;
	__u32 ring[RING];

	lab_get("settings", 0, &settings);
	settings.half_open_max = BACKLOG;
	lab_set("settings", 0, &settings);
	for (unsigned slot = 0; slot < RING; slot++)
		ring[slot] = MX1;
	lab_ring(SERVING, ring, RING);
}

void bench_fill(enum mxlb_family family, unsigned count)
{
	table_clear(&flows);
	table_clear(&inserts);
	table_clear(&floors[MXLB_V4]);
	table_clear(&floors[MXLB_V6]);
	lab_reset(family);
	settings_widen();
	established_flows = count;
	clients_add(count);
	table_put(&flows);
	table_put(&inserts);
	table_put(&floors[family]);
}

void tables_forget(enum bench_stage stage)
{
	static struct mxlb_flow_key keys[BENCH_OPENINGS];
	struct table *table = stage == BENCH_MXLB ? &flows : &inserts;
	__u32 count = BENCH_OPENINGS;
	struct mxlb_tallies tallies;

	if (stage != BENCH_MXLB && stage != BENCH_INSERT)
		return;
	for (unsigned i = 0; i < BENCH_OPENINGS; i++)
		keys[i] = (stage == BENCH_MXLB ? bench_key : insert_key)(established_flows + i);
	bench_need(!bpf_map_delete_batch(table->fd, keys, &count, NULL), "closing connections");
	lab_get("tallies", 0, &tallies);
	tallies.half_open = 0;
	tallies.entries = established_flows;
	lab_set("tallies", 0, &tallies);
}

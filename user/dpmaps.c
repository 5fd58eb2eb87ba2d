/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plan steps carried out on BPF maps, and the pinned content read back. See dpmaps.h;
 * counters, flows and events are in dpmaps_read.c.
 */
#include "dpmaps_priv.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dpmaps_doors.h"
#include "mem.h"
#include "plan.h"

/* Longer than any packet is under way within a BPF program. */
#define PACKET_US 10000

static int set(int fd, const void *key, const void *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

/* ---- life ---- */

static int door_bit_write(struct dpmaps *maps, __u32 slot, bool is_set)
{
	__u32 word = slot / 64;
	__u64 bit = 1ull << slot % 64;

	maps->door_bits[word] = is_set ? maps->door_bits[word] | bit : maps->door_bits[word] & ~bit;
	return set(maps->fds.door_bits, &word, &maps->door_bits[word]);
}

/* The bit of a slot stands as long as there is something in it, and a moment longer. */
static int door_write(__u32 slot, const struct mxlb_door *door, void *arg)
{
	struct dpmaps *maps = arg;
	int err = 0;

	if (door->kind != MXLB_DOOR_NONE)
		err = door_bit_write(maps, slot, true);
	if (!err)
		err = set(maps->fds.doors, &slot, door);
	if (!err && door->kind == MXLB_DOOR_NONE)
		err = door_bit_write(maps, slot, false);
	return err;
}

/* After a daemon that was killed between the two: bits as the slots have them. */
static int door_bits_open(struct dpmaps *maps, const struct mxlb_door *now)
{
	int err = 0;

	for (__u32 slot = 0; slot < MXLB_DOORS; slot++) {
		if (now[slot].kind != MXLB_DOOR_NONE)
			maps->door_bits[slot / 64] |= 1ull << slot % 64;
	}
	for (__u32 word = 0; word < MXLB_DOORS / 64 && !err; word++)
		err = set(maps->fds.door_bits, &word, &maps->door_bits[word]);
	return err;
}

/* Programs run within an RCU read section, and this system call waits for all of those.
 * It is refused where a processor runs without ticks (nohz_full). */
static void door_wait(void *arg)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		(void)usleep(PACKET_US);
}

static int doors_open(struct dpmaps *maps)
{
	static const struct doors_ops ops = {door_write, door_wait};
	struct mxlb_door *now = mem_zero(MXLB_DOORS, sizeof(*now));
	uint32_t *slots = mem_zero(MXLB_DOORS, sizeof(*slots));
	uint32_t n = MXLB_DOORS, position;
	int err = 0;

	if (bpf_map_lookup_batch(maps->fds.doors, NULL, &position, slots, now, &n, NULL) &&
	    errno != ENOENT) /* that is the end */
		err = -errno;
	else
		err = door_bits_open(maps, now);
	if (!err)
		maps->doors = doors_new(&ops, maps, now);
	free(slots);
	free(now);
	return err;
}

int dpmaps_new(const struct dpmaps_fds *fds, struct dpmaps **maps)
{
	int n_cpus = libbpf_num_possible_cpus(), err;
	struct dpmaps *new;

	if (n_cpus < 0)
		return n_cpus;
	new = mem_zero(1, sizeof(*new));
	new->fds = *fds;
	new->n_cpus = n_cpus;
	err = doors_open(new);
	if (err)
		dpmaps_free(new);
	else
		*maps = new;
	return err;
}

void dpmaps_free(struct dpmaps *maps)
{
	if (!maps)
		return;
	ring_buffer__free(maps->events);
	doors_free(maps->doors);
	free(maps);
}

/* ---- steps ---- */

/* What is gone already is as wanted. */
static int del(int fd, const void *key)
{
	return bpf_map_delete_elem(fd, key) && errno != ENOENT ? -errno : 0;
}

static int name_set(struct dpmaps *maps, uint32_t kind, uint32_t id, const char *text)
{
	struct mxlb_name_key key = {kind, id};
	struct mxlb_name name = {0};

	(void)snprintf(name.text, sizeof(name.text), "%s", text);
	return set(maps->fds.names, &key, &name);
}

static int name_del(struct dpmaps *maps, uint32_t kind, uint32_t id)
{
	struct mxlb_name_key key = {kind, id};

	return del(maps->fds.names, &key);
}

/* A freed id must not hand its counts to the next owner. */
static int counts_zero(struct dpmaps *maps, int fd, uint32_t id, size_t size)
{
	void *zeros = mem_zero(maps->n_cpus, size);
	int err = 0;

	for (uint32_t family = 0; family < MXLB_FAMILIES && !err; family++) {
		uint32_t index = id * MXLB_FAMILIES + family;

		err = set(fd, &index, zeros);
	}
	free(zeros);
	return err;
}

static int service_set(struct dpmaps *maps, const struct dp_service *service)
{
	int err = name_set(maps, MXLB_NAME_SERVICE, service->id, service->name);

	return err ? err : set(maps->fds.services, &service->id, &service->value);
}

static int service_del(struct dpmaps *maps, uint32_t id)
{
	struct mxlb_service none = {0};
	int err = set(maps->fds.services, &id, &none);

	if (!err)
		err = counts_zero(maps, maps->fds.service_counts, id,
				  sizeof(struct mxlb_service_count));
	return err ? err : name_del(maps, MXLB_NAME_SERVICE, id);
}

/* Does the id stand for other addresses than before? */
static bool backend_moves(struct dpmaps *maps, uint32_t id, const struct mxlb_backend *value)
{
	struct mxlb_backend old;
	bool moves = false;

	if (bpf_map_lookup_elem(maps->fds.backends, &id, &old))
		return true;
	for (int family = 0; family < MXLB_FAMILIES; family++)
		moves |= memcmp(&old.leg[family].addr, &value->leg[family].addr,
				sizeof(old.leg[family].addr)) != 0;
	return moves || old.forward != value->forward;
}

/* The data path keeps next hops by backend id, too: it must forget those of an id's earlier
 * owner before a ring leads to the new one. */
static int backend_set(struct dpmaps *maps, const struct dp_backend *backend,
		       const struct mxlb_backend *value)
{
	bool moves = backend_moves(maps, backend->id, value);
	int err = name_set(maps, MXLB_NAME_BACKEND, backend->id, backend->name);

	if (!err)
		err = set(maps->fds.backends, &backend->id, value);
	return err || !moves ? err : dpmaps_hops_changed(maps);
}

/* The addresses stay until the id is used again: the last packets of flows that are
 * closing still find their way. */
static int backend_del(struct dpmaps *maps, uint32_t id)
{
	struct mxlb_backend gone;
	struct mxlb_load empty = {0};
	int err = bpf_map_lookup_elem(maps->fds.backends, &id, &gone) ? -errno : 0;

	gone.exists = 0;
	if (!err)
		err = set(maps->fds.backends, &id, &gone);
	if (!err)
		err = set(maps->fds.backend_load, &id, &empty);
	if (!err)
		err = counts_zero(maps, maps->fds.backend_counts, id,
				  sizeof(struct mxlb_backend_count));
	for (uint32_t family = 0; family < MXLB_FAMILIES && !err; family++) {
		uint32_t index = id * MXLB_FAMILIES + family;

		err = del(maps->fds.probe_counts, &index);
	}
	return err ? err : name_del(maps, MXLB_NAME_BACKEND, id);
}

/* The way back first: a flow must never find a VIP whose replies have none. */
static int vip_set(struct dpmaps *maps, const struct dp_vip *vip)
{
	uint32_t id = vip->value.id;
	int err = set(maps->fds.vip_endpoints, &id, &vip->key);

	return err ? err : set(maps->fds.vips, &vip->key, &vip->value);
}

static int vip_del(struct dpmaps *maps, const struct mxlb_endpoint *key, uint32_t id)
{
	struct mxlb_endpoint none = {0};
	int err = del(maps->fds.vips, key);

	return err ? err : set(maps->fds.vip_endpoints, &id, &none);
}

/* Fills a new inner map: index 0 the size, then the slots, in one call. */
static int ring_fill(int fd, const struct dp_ring *ring, uint32_t size)
{
	uint32_t *keys = mem_zero(size + 1, sizeof(*keys));
	uint32_t *slots = mem_zero(size + 1, sizeof(*slots));
	uint32_t count = size + 1;
	int err = ring_build(ring->members, ring->n_members, ring->seed, slots + 1, size);

	slots[0] = size;
	for (uint32_t i = 0; i <= size; i++)
		keys[i] = i;
	if (!err && bpf_map_update_batch(fd, keys, slots, &count, NULL))
		err = -errno;
	free(keys);
	free(slots);
	return err;
}

static int ring_set(int outer, const struct dp_ring *ring)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP);
	uint32_t size = ring_size(ring->n_members);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ring", sizeof(uint32_t), sizeof(uint32_t),
				size + 1, &opts);
	int err = fd < 0 ? fd : ring_fill(fd, ring, size);

	if (!err)
		err = set(outer, &ring->index, &fd);
	if (fd >= 0)
		close(fd); /* the outer map holds it now */
	return err;
}

static int step_carry_out(struct dpmaps *maps, const struct plan_step *step,
			  const struct dp_state *want)
{
	const struct dpmaps_fds *fds = &maps->fds;

	switch (step->kind) {
	case PLAN_SERVICE_SET:
		return service_set(maps, &want->services[step->index]);
	case PLAN_BACKEND_RAISE:
	case PLAN_BACKEND_LOWER:
		return backend_set(maps, &want->backends[step->index], &step->backend);
	case PLAN_ORIGIN_SET:
		return set(fds->origins, &step->key, &want->origins[step->index].value);
	case PLAN_RING_SET:
		return ring_set(fds->rings, &want->rings[step->index]);
	case PLAN_STANDBY_SET:
		return ring_set(fds->standby_rings, &want->standbys[step->index]);
	case PLAN_VIP_SET:
		return vip_set(maps, &want->vips[step->index]);
	case PLAN_VIP_DEL:
		return vip_del(maps, &step->key, step->id);
	case PLAN_RING_DEL:
		return del(fds->rings, &step->id);
	case PLAN_STANDBY_DEL:
		return del(fds->standby_rings, &step->id);
	case PLAN_ORIGIN_DEL:
		return del(fds->origins, &step->key);
	case PLAN_BACKEND_DEL:
		return backend_del(maps, step->id);
	case PLAN_SERVICE_DEL:
		return service_del(maps, step->id);
	default:
		return -EINVAL;
	}
}

static bool step_is_of_endpoint(const struct plan_step *step)
{
	return step->kind == PLAN_VIP_SET || step->kind == PLAN_VIP_DEL ||
	       step->kind == PLAN_ORIGIN_SET || step->kind == PLAN_ORIGIN_DEL;
}

int dpmaps_apply(struct dpmaps *maps, const struct plan *plan, const struct dp_state *want,
		 const char **what)
{
	int err = 0;

	for (size_t i = 0; i < plan->n_steps && !err; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step_is_of_endpoint(step))
			err = doors_crowd(maps->doors, &step->key);
		if (!err)
			err = step_carry_out(maps, step, want);
		if (err)
			*what = plan_kind_name(step->kind);
	}
	if (err)
		return err;
	err = doors_fill(maps->doors, want);
	if (err)
		*what = "doors";
	return err;
}

/* ---- what is there ---- */

static char *name_get(struct dpmaps *maps, uint32_t kind, uint32_t id)
{
	struct mxlb_name_key key = {kind, id};
	struct mxlb_name name = {0};

	if (bpf_map_lookup_elem(maps->fds.names, &key, &name))
		return NULL;
	name.text[sizeof(name.text) - 1] = '\0';
	return mem_dup(name.text);
}

static void read_services(struct dpmaps *maps, struct dp_state *s)
{
	for (uint32_t id = 0; id < MXLB_MAX_SERVICES; id++) {
		struct mxlb_service value;
		char *name;

		if (bpf_map_lookup_elem(maps->fds.services, &id, &value) || !value.exists)
			continue;
		name = name_get(maps, MXLB_NAME_SERVICE, id);
		if (!name)
			continue;
		s->services = mem_append(s->services, &s->n_services, sizeof(*s->services));
		s->services[s->n_services - 1] = (struct dp_service){id, value, name};
	}
}

static void read_backends(struct dpmaps *maps, struct dp_state *s)
{
	for (uint32_t id = 1; id < MXLB_MAX_BACKENDS; id++) {
		struct mxlb_backend value;
		char *name;

		if (bpf_map_lookup_elem(maps->fds.backends, &id, &value) || !value.exists)
			continue;
		name = name_get(maps, MXLB_NAME_BACKEND, id);
		if (!name)
			continue;
		s->backends = mem_append(s->backends, &s->n_backends, sizeof(*s->backends));
		s->backends[s->n_backends - 1] = (struct dp_backend){id, value, name};
	}
}

static void read_vips(struct dpmaps *maps, struct dp_state *s)
{
	struct mxlb_endpoint key, *previous = NULL;

	while (!bpf_map_get_next_key(maps->fds.vips, previous, &key)) {
		struct dp_vip vip = {.key = key};

		if (!bpf_map_lookup_elem(maps->fds.vips, &key, &vip.value)) {
			s->vips = mem_append(s->vips, &s->n_vips, sizeof(*s->vips));
			s->vips[s->n_vips - 1] = vip;
		}
		previous = &key;
	}
}

static void read_origins(struct dpmaps *maps, struct dp_state *s)
{
	struct mxlb_endpoint key, *previous = NULL;

	while (!bpf_map_get_next_key(maps->fds.origins, previous, &key)) {
		struct dp_origin origin = {.key = key};

		if (!bpf_map_lookup_elem(maps->fds.origins, &key, &origin.value)) {
			s->origins = mem_append(s->origins, &s->n_origins, sizeof(*s->origins));
			s->origins[s->n_origins - 1] = origin;
		}
		previous = &key;
	}
}

static void read_rings(int outer, struct dp_ring **rings, size_t *n)
{
	for (uint32_t i = 0; i < MXLB_MAX_SERVICES * MXLB_FAMILIES; i++) {
		uint32_t inner;

		if (bpf_map_lookup_elem(outer, &i, &inner))
			continue;
		*rings = mem_append(*rings, n, sizeof(**rings));
		(*rings)[*n - 1] = (struct dp_ring){.index = i, .is_unknown = true};
	}
}

void dpmaps_read(struct dpmaps *maps, struct dp_state *state)
{
	*state = (struct dp_state){0};
	read_services(maps, state);
	read_backends(maps, state);
	read_vips(maps, state);
	read_origins(maps, state);
	read_rings(maps->fds.rings, &state->rings, &state->n_rings);
	read_rings(maps->fds.standby_rings, &state->standbys, &state->n_standbys);
	dp_state_sort(state);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the data path has counted and holds: sums over processors, flows, events, and
 * the small settings that the daemon changes while it runs.
 */
#include "dpmaps_priv.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "mem.h"

#define FLOWS_BATCH 4096

/* Every per-CPU value is a row of __u64: add them up, whatever it is. */
static int sum_up(struct dpmaps *maps, int fd, uint32_t index, void *sum, size_t size)
{
	size_t words = size / sizeof(__u64);
	__u64 *values = mem_zero(maps->n_cpus, size);
	__u64 *to = sum;

	memset(sum, 0, size);
	if (bpf_map_lookup_elem(fd, &index, values)) {
		free(values);
		return -errno;
	}
	for (int cpu = 0; cpu < maps->n_cpus; cpu++)
		for (size_t i = 0; i < words; i++)
			to[i] += values[cpu * words + i];
	free(values);
	return 0;
}

int dpmaps_service_count(struct dpmaps *maps, uint32_t service, enum mxlb_family family,
			 struct mxlb_service_count *sum)
{
	return sum_up(maps, maps->fds.service_counts, service * MXLB_FAMILIES + family, sum,
		      sizeof(*sum));
}

int dpmaps_backend_count(struct dpmaps *maps, uint32_t backend, enum mxlb_family family,
			 struct mxlb_backend_count *sum)
{
	return sum_up(maps, maps->fds.backend_counts, backend * MXLB_FAMILIES + family, sum,
		      sizeof(*sum));
}

int dpmaps_drops(struct dpmaps *maps, __u32 reason, __u64 *sum)
{
	return sum_up(maps, maps->fds.drops, reason, sum, sizeof(*sum));
}

int dpmaps_interface_count(struct dpmaps *maps, unsigned ifindex, struct mxlb_interface_count *sum)
{
	return sum_up(maps, maps->fds.interface_counts, ifindex % MXLB_IFINDEX_SLOTS, sum,
		      sizeof(*sum));
}

int dpmaps_probe_count(struct dpmaps *maps, uint32_t backend, enum mxlb_family family,
		       struct mxlb_probe_count *count)
{
	uint32_t index = backend * MXLB_FAMILIES + family;

	memset(count, 0, sizeof(*count));
	return bpf_map_lookup_elem(maps->fds.probe_counts, &index, count) && errno != ENOENT
		       ? -errno
		       : 0;
}

int dpmaps_probe_count_set(struct dpmaps *maps, uint32_t backend, enum mxlb_family family,
			   const struct mxlb_probe_count *count)
{
	uint32_t index = backend * MXLB_FAMILIES + family;

	return bpf_map_update_elem(maps->fds.probe_counts, &index, count, BPF_ANY) ? -errno : 0;
}

bool dpmaps_probe_is_on_way(struct dpmaps *maps, const struct mxlb_flow_key *key)
{
	struct mxlb_endpoint backend;

	return !bpf_map_lookup_elem(maps->fds.probe_flows, key, &backend);
}

int dpmaps_load(struct dpmaps *maps, uint32_t backend, struct mxlb_load *load)
{
	return bpf_map_lookup_elem(maps->fds.backend_load, &backend, load) ? -errno : 0;
}

int dpmaps_tallies(struct dpmaps *maps, struct mxlb_tallies *tallies)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(maps->fds.tallies, &zero, tallies) ? -errno : 0;
}

int dpmaps_hops_changed(struct dpmaps *maps)
{
	struct mxlb_settings settings;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(maps->fds.settings, &zero, &settings))
		return -errno;
	settings.hop_generation++;
	return bpf_map_update_elem(maps->fds.settings, &zero, &settings, BPF_ANY) ? -errno : 0;
}

int dpmaps_set_limits(struct dpmaps *maps, uint32_t half_open_max, uint32_t flows_max)
{
	struct mxlb_settings settings;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(maps->fds.settings, &zero, &settings))
		return -errno;
	settings.half_open_max = half_open_max;
	settings.flows_max = flows_max;
	settings.hop_generation++;
	return bpf_map_update_elem(maps->fds.settings, &zero, &settings, BPF_ANY) ? -errno : 0;
}

/* Batches of a hash map end with -ENOENT, the last one filled as far as it goes. */
static int flows_walk(int fd, dpmaps_flow_fn fn, void *arg)
{
	struct mxlb_flow_key *keys = mem_zero(FLOWS_BATCH, sizeof(*keys));
	struct mxlb_flow *values = mem_zero(FLOWS_BATCH, sizeof(*values));
	uint32_t position = 0;
	bool is_first = true, go_on = true;
	int err = 0;

	while (go_on && !err) {
		uint32_t n = FLOWS_BATCH;

		if (bpf_map_lookup_batch(fd, is_first ? NULL : &position, &position, keys, values,
					 &n, NULL))
			err = -errno;
		is_first = false;
		for (uint32_t i = 0; i < n && go_on && (!err || err == -ENOENT); i++)
			go_on = fn(&keys[i], &values[i], arg);
	}
	free(keys);
	free(values);
	return err == -ENOENT ? 0 : err;
}

int dpmaps_flows(struct dpmaps *maps, dpmaps_flow_fn fn, void *arg)
{
	return flows_walk(maps->fds.flows, fn, arg);
}

struct copy {
	int to;
	unsigned lost;
};

/* A flow that is there already is newer: the programs have moved on to this table. */
static bool flow_copy(const struct mxlb_flow_key *key, const struct mxlb_flow *flow, void *arg)
{
	struct copy *copy = arg;

	if (bpf_map_update_elem(copy->to, key, flow, BPF_NOEXIST) && errno != EEXIST)
		copy->lost++;
	return true;
}

int dpmaps_flows_copy(int from_fd, struct dpmaps *to, unsigned *lost)
{
	struct copy copy = {.to = to->fds.flows};
	int err = flows_walk(from_fd, flow_copy, &copy);

	*lost = copy.lost;
	return err;
}

static int event_pass_on(void *arg, void *data, size_t size)
{
	struct dpmaps *maps = arg;

	if (size >= sizeof(struct mxlb_event) && maps->on_event)
		maps->on_event(data, maps->on_event_arg);
	return 0;
}

static int events_open(struct dpmaps *maps)
{
	if (!maps->events)
		maps->events = ring_buffer__new(maps->fds.events, event_pass_on, maps, NULL);
	return maps->events ? 0 : -errno;
}

int dpmaps_events_fd(struct dpmaps *maps)
{
	int err = events_open(maps);

	return err ? err : ring_buffer__epoll_fd(maps->events);
}

int dpmaps_events_drain(struct dpmaps *maps, dpmaps_event_fn fn, void *arg)
{
	int err = events_open(maps);

	if (err)
		return err;
	maps->on_event = fn;
	maps->on_event_arg = arg;
	err = ring_buffer__consume(maps->events);
	maps->on_event = NULL;
	return err < 0 ? err : 0;
}

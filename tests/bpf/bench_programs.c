/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmark's programs: those of the floors are loaded here, mxlb's are the lab's.
 */
#include "bench_programs.h"

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench_tables.h"
#include "harness.h"
#include "tests/bpf/floor_tc.skel.h"
#include "tests/bpf/floor_xdp.skel.h"

#define MAPS_MAX 64

static struct floor_xdp *xdp;
static struct floor_tc *tc;
/* With the prologue in front, and without. */
static int ours[HOOKS][BENCH_STAGES], alone[HOOKS][BENCH_STAGES];

static bool program_uses(const struct bpf_prog_info *info, __u32 map)
{
	const __u32 *maps = (const __u32 *)(uintptr_t)info->map_ids;

	for (__u32 i = 0; i < info->nr_map_ids && i < MAPS_MAX; i++)
		if (maps[i] == map)
			return true;
	return false;
}

static __u32 map_id(const char *name)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	bench_need(!bpf_obj_get_info_by_fd(lab_map(name), &info, &len), name);
	return info.id;
}

/* The lab's program of that name: of all that the kernel has, the one with the lab's maps. */
static int bench_program(const char *name)
{
	__u32 id = 0, flows = map_id("flows");

	while (!bpf_prog_get_next_id(id, &id)) {
		__u32 maps[MAPS_MAX], len = sizeof(struct bpf_prog_info);
		struct bpf_prog_info info = {.map_ids = (uintptr_t)maps, .nr_map_ids = MAPS_MAX};
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue; /* gone meanwhile */
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, name) &&
		    program_uses(&info, flows))
			return fd;
		close(fd);
	}
	bench_need(false, name);
	return -1;
}

static void stage_set(int stages, enum bench_stage stage, int program)
{
	__u32 key = stage;

	bench_need(!bpf_map_update_elem(stages, &key, &program, BPF_ANY), "a tail call");
}

static void load_xdp(void)
{
	bench_need((xdp = floor_xdp__open()) != NULL, "opening the XDP floors");
	bench_need(!bpf_map__set_max_entries(xdp->maps.floor4, 2 * lab_flows) &&
			   !bpf_map__set_max_entries(xdp->maps.floor6, 2 * lab_flows) &&
			   !bpf_map__set_max_entries(xdp->maps.inserts, lab_flows),
		   "sizing the floors");
	bench_need(!floor_xdp__load(xdp), "loading the XDP floors");
	for (enum side side = WAN; side <= LAN; side++) {
		__u32 ifindex = lab_ifindex(side);

		bench_need(!bpf_map_update_elem(bpf_map__fd(xdp->maps.floor_devices), &ifindex,
						&ifindex, BPF_ANY),
			   "the floor's devmap");
	}
}

static void load_tc(void)
{
	bench_need((tc = floor_tc__open()) != NULL, "opening the TC floors");
	bench_need(!bpf_map__reuse_fd(tc->maps.floor4, bpf_map__fd(xdp->maps.floor4)) &&
			   !bpf_map__reuse_fd(tc->maps.floor6, bpf_map__fd(xdp->maps.floor6)) &&
			   !bpf_map__reuse_fd(tc->maps.inserts, bpf_map__fd(xdp->maps.inserts)),
		   "sharing the floors' tables");
	bench_need(!floor_tc__load(tc), "loading the TC floors");
}

static void programs_find(enum hook hook, const struct bpf_object *object, const char *mxlb)
{
	static const char *const prologues[] = {"to_nothing", "to_floor", "to_insert", "to_mxlb"};
	static const char *const stages[] = {"nothing", "floor_dnat", "floor_dnat_insert"};
	int table = bpf_object__find_map_fd_by_name(object, "stages");

	for (int stage = 0; stage < BENCH_STAGES; stage++) {
		ours[hook][stage] =
			bpf_program__fd(bpf_object__find_program_by_name(object, prologues[stage]));
		alone[hook][stage] = stage == BENCH_MXLB
					     ? bench_program(mxlb)
					     : bpf_program__fd(bpf_object__find_program_by_name(
						       object, stages[stage]));
		stage_set(table, stage, alone[hook][stage]);
	}
}

/* Without this the kernel patches its own code before and after each run, to call the
 * program directly, which costs more than the run. Of interfaces that are down, so that
 * nothing else comes to the programs. */
static void keep_direct_calls(void)
{
	static const char *const idle[] = {"idle0", "idle1", "idle2", "idle3", "idle4", "idle5"};
	const int programs[] = {ours[XDP][BENCH_NOTHING],  ours[XDP][BENCH_FLOOR],
				ours[XDP][BENCH_INSERT],   ours[XDP][BENCH_MXLB],
				alone[XDP][BENCH_NOTHING], alone[XDP][BENCH_MXLB]};

	lab_ip("link add idle0 type veth peer name idle1\n"
	       "link add idle2 type veth peer name idle3\n"
	       "link add idle4 type veth peer name idle5\n");
	for (size_t i = 0; i < COUNT(programs); i++)
		bench_need(!bpf_xdp_attach((int)if_nametoindex(idle[i]), programs[i],
					   XDP_FLAGS_DRV_MODE, NULL),
			   "attaching to an interface of the lab");
}

int programs_get(enum hook hook, enum bench_stage stage, bool is_made)
{
	return is_made ? ours[hook][stage] : alone[hook][stage];
}

struct bench_state *programs_state(enum hook hook)
{
	return hook == XDP ? &xdp->bss->bench : &tc->bss->bench;
}

int programs_table(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(xdp->obj, name);

	bench_need(fd >= 0, name);
	return fd;
}

void programs_open(void)
{
	load_xdp();
	load_tc();
	programs_find(XDP, xdp->obj, "mxlb_xdp_in");
	keep_direct_calls();
	programs_find(TC, tc->obj, "mxlb_tc_in");
}

void programs_close(void)
{
	floor_xdp__destroy(xdp);
	floor_tc__destroy(tc);
}

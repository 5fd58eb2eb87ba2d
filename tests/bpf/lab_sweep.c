/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sweeper's part of the lab. It is a third object over the same pinned maps, as in the
 * daemon, and ends with the process.
 *
 * uses: dpmaps_sweep.c
 */
#include "lab_sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dpmaps_priv.h"
#include "dpmaps_sweep.h"
#include "mxlb/knobs.h"
#include "mxlb_sweep.skel.h"

#define PIN_ROOT "/sys/fs/bpf"

static struct mxlb_sweep *object;

static void need(bool is_fine, const char *what)
{
	if (is_fine)
		return;
	fprintf(stderr, "tests/bpf: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void load(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = PIN_ROOT);

	object = mxlb_sweep__open_opts(&opts);
	need(object != NULL, "opening the sweeper");
	object->rodata->knobs = lab_knobs;
	need(!bpf_map__set_max_entries(object->maps.flows, lab_flows), "the flow table's size");
	need(!mxlb_sweep__load(object), "loading the sweeper");
}

struct dpmaps_sweep *lab_sweeper(void)
{
	static struct dpmaps_sweep *sweeper;
	static struct dpmaps maps; /* as much of it as the sweeper borrows */

	if (sweeper)
		return sweeper;
	load();
	maps.fds.flows = lab_map("flows");
	maps.fds.sweep_begin = bpf_program__fd(object->progs.mxlb_sweep_begin);
	maps.fds.sweep_slice = bpf_program__fd(object->progs.mxlb_sweep_slice);
	maps.fds.sweep_judge = bpf_program__fd(object->progs.mxlb_sweep_judge);
	maps.fds.sweep_keys = bpf_map__fd(object->maps.sweep_keys);
	sweeper = dpmaps_sweep_new(&maps);
	return sweeper;
}

void lab_sweep_reset(void)
{
	const struct mxlb_recount none = {0};

	(void)lab_sweeper();
	lab_set("recounts", 0, &none);
}

void lab_sweep_begin(struct mxlb_sweep_args *args)
{
	need(!dpmaps_sweep_begin(lab_sweeper(), args), "the sweeper: a pass begins");
}

void lab_sweep_slice(struct mxlb_sweep_args *args, const struct mxlb_flow_key *keys, unsigned n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(*args));
	static struct mxlb_sweep_keys slice;
	__u32 zero = 0;

	(void)lab_sweeper();
	memcpy(slice.of, keys, n * sizeof(*keys));
	need(!bpf_map_update_elem(bpf_map__fd(object->maps.sweep_keys), &zero, &slice, BPF_ANY),
	     "the sweeper's keys");
	args->keys = n;
	need(!bpf_prog_test_run_opts(bpf_program__fd(object->progs.mxlb_sweep_slice), &opts),
	     "the sweeper: a slice");
}

struct mended lab_sweep_judge(struct mxlb_sweep_args *args)
{
	struct mended mended = {0};
	int more;

	while ((more = dpmaps_sweep_judge(lab_sweeper(), args)) > 0) {
		mended.count++;
		mended.of = args->judged;
		memcpy(mended.by, args->mended, sizeof(mended.by));
	}
	need(!more, "the sweeper: a pass ends");
	return mended;
}

struct mended lab_sweep(struct mxlb_sweep_args *args)
{
	int more;

	lab_sweep_begin(args);
	while ((more = dpmaps_sweep_slice(lab_sweeper(), args)) > 0)
		;
	need(!more, "the sweeper: a slice of the table");
	return lab_sweep_judge(args);
}

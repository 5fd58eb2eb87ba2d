/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slice of keys goes from `flows` to `sweep_keys`, whole buckets at a time: what is deleted
 * or comes between two slices moves no other flow past the cursor. Empty buckets the kernel
 * passes in one go: about a millisecond for each million that `flows.max` gives the table.
 */
#include "dpmaps_sweep.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dpmaps_priv.h"
#include "mem.h"

struct dpmaps_sweep {
	const struct dpmaps_fds *fds;
	bool is_first;	   /* the next slice is the pass's first */
	uint32_t position; /* the kernel's: where it begins */
	struct mxlb_sweep_keys keys;
	/* Not looked at, but the kernel gives no keys without them. */
	struct mxlb_flow values[MXLB_SWEEP_SLICE];
};

struct dpmaps_sweep *dpmaps_sweep_new(struct dpmaps *maps)
{
	struct dpmaps_sweep *sweep = mem_zero(1, sizeof(*sweep));

	sweep->fds = &maps->fds;
	return sweep;
}

void dpmaps_sweep_free(struct dpmaps_sweep *sweep)
{
	free(sweep);
}

static int program_run(int fd, struct mxlb_sweep_args *args)
{
	/* A syscall program's context is copied back to where it came from. */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(*args));

	return bpf_prog_test_run_opts(fd, &opts);
}

int dpmaps_sweep_begin(struct dpmaps_sweep *sweep, struct mxlb_sweep_args *args)
{
	sweep->is_first = true;
	return program_run(sweep->fds->sweep_begin, args);
}

int dpmaps_sweep_slice(struct dpmaps_sweep *sweep, struct mxlb_sweep_args *args)
{
	uint32_t n = MXLB_SWEEP_SLICE, zero = 0;
	bool is_last = false;
	int err;

	if (bpf_map_lookup_batch(sweep->fds->flows, sweep->is_first ? NULL : &sweep->position,
				 &sweep->position, sweep->keys.of, sweep->values, &n, NULL)) {
		if (errno != ENOENT)
			return -errno;
		is_last = true;
	}
	sweep->is_first = false;
	args->keys = n;
	if (bpf_map_update_elem(sweep->fds->sweep_keys, &zero, &sweep->keys, BPF_ANY))
		return -errno;
	err = program_run(sweep->fds->sweep_slice, args);
	return err ? err : !is_last;
}

int dpmaps_sweep_judge(struct dpmaps_sweep *sweep, struct mxlb_sweep_args *args)
{
	int err = program_run(sweep->fds->sweep_judge, args);

	if (err)
		return err;
	return args->mended[0] || args->mended[1] || args->mended[2];
}

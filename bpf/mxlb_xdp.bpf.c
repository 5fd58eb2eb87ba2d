/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP object: pipeline.h under hook_xdp.h. */
#include "hook_xdp.h"
#include "pipeline.h"

SEC("xdp.frags")
int mxlb_xdp_in(HOOK_CTX *ctx)
{
	return mxlb_run(ctx);
}

/* The kernel lends helpers to GPL code only; the text is dual-licensed. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

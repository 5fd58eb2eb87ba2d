/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The TC object: pipeline.h under hook_tc.h, and the way out of probes. */
#include "hook_tc.h"
#include "pipeline.h"
#include "probe_out.h"

SEC("tc")
int mxlb_tc_in(HOOK_CTX *ctx)
{
	return mxlb_run(ctx);
}

SEC("tc")
int mxlb_tc_out(HOOK_CTX *ctx)
{
	return probe_out(ctx, ctx->mark);
}

/* The kernel lends helpers to GPL code only; the text is dual-licensed. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of what pinned maps hold, to serve as `old` for the first model of a daemon
 * that adopts them. It has no conf. Pure.
 */
#ifndef MODEL_ADOPT_H
#define MODEL_ADOPT_H

#include "model.h"
#include "plan.h"

struct model *model_adopt(const struct dp_state *state, uint64_t now_ms);

#endif

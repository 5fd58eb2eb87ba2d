/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames over the lab's own wires, through the TC program as it is attached to real
 * devices: for what test runs can't build, such as a tag that stands beside the frame.
 */
#ifndef LAB_WIRE_H
#define LAB_WIRE_H

#include "lab.h"

/* Attaches the TC program to every interface; and takes it off again, or what the kernel says
 * of its own accord would be counted in others' tests. */
void wire_open(void);
void wire_close(void);
/* Sends a frame into the router's interface on one side, and waits until one leaves that is
 * the wanted one; false after two seconds, and `last` is the last that did. */
bool wire_run(enum side in_side, const struct frame *in, enum side out_side,
	      const struct frame *want, struct frame *last);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mxlb-decap's two halves share: how long its address lists are, and what
 * it counts.
 */
#ifndef DECAP_H
#define DECAP_H

#define DECAP_MAX_ADDRS 64

enum decap_count {
	DECAP_TAKEN,
	DECAP_NOT_VIP,	/* left alone: the inner destination is no VIP */
	DECAP_NOT_FROM, /* dropped: to a VIP, but from none of --from */
	DECAP_FAILED,	/* dropped: malformed, or the kernel could not shorten it */
	DECAP_COUNTS
};

#endif

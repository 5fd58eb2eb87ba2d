/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation that can't fail: a daemon of some megabytes that can't get a few more
 * cannot do its work, and half a plan would be worse than a restart, which adopts
 * the data path and loses no session.
 */
#ifndef MEM_H
#define MEM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *mem_check(void *p)
{
	if (!p) {
		fputs("mxlb: out of memory\n", stderr);
		abort();
	}
	return p;
}

static inline void *mem_zero(size_t n, size_t size)
{
	return mem_check(calloc(n ? n : 1, size));
}

/* Room for one more element, zeroed; *n counts it. Doubles at powers of two. */
static inline void *mem_append(void *array, size_t *n, size_t size)
{
	if (!(*n & (*n - 1)))
		array = mem_check(realloc(array, (*n ? *n * 2 : 1) * size));
	memset((char *)array + *n * size, 0, size);
	(*n)++;
	return array;
}

static inline char *mem_dup(const char *text)
{
	return text ? mem_check(strdup(text)) : NULL;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reasons for which packets are dropped, each beside the row that provokes it:
 * on the terminal, and as docs/reasons.md, which must say the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define DOCS	 "docs/reasons.md"
#define MADE	 "build/tests/bpf/reasons.md"
#define TEXT_MAX 16384

static const struct {
	const char *name, *text;
} reasons[] = {
#define REASON_TEXT(id, word, what) [MXLB_REASON_##id] = {word, what},
	MXLB_REASONS(REASON_TEXT)
#undef REASON_TEXT
};

static const char head[] =
	"<!-- SPDX-License-Identifier: BSD-2-Clause -->\n"
	"# Why a packet is dropped\n\n"
	"Packets that are not mxlb's own business pass untouched. One that is, and can't be\n"
	"forwarded or answered, is dropped for one of these reasons, and counted in\n"
	"`mxlb_dropped_packets_total{reason=\"...\"}`. The last column names the packet, among "
	"those of\n"
	"`tests/bpf`, that shows it.\n\n"
	"Made by `build/tests/bpf/run`; a change here is lost.\n\n"
	"| reason | meaning | shown by |\n"
	"|---|---|---|\n";

/* No row can make the kernel refuse a redirect. */
static bool is_unreachable(enum mxlb_reason reason)
{
	return reason == MXLB_REASON_NONE || reason == MXLB_REASON_REDIRECT_FAILED;
}

static void text_make(char *text, size_t len)
{
	size_t used = (size_t)snprintf(text, len, "%s", head);

	for (int i = 1; i < MXLB_REASON_COUNT && used < len; i++) {
		struct rows_proof proof = rows_proof((enum mxlb_reason)i);

		used += (size_t)snprintf(text + used, len - used, "| `%s` | %s | %s%s%s |\n",
					 reasons[i].name, reasons[i].text,
					 proof.row ? proof.station : "no packet",
					 proof.row ? ": " : "", proof.row ? proof.row->name : "");
	}
	if (used >= len)
		abort();
}

/* An unreadable file is an empty one. */
static void text_read(const char *path, char *text, size_t len)
{
	FILE *file = fopen(path, "r");

	text[0] = '\0';
	if (!file)
		return;
	text[fread(text, 1, len - 1, file)] = '\0';
	(void)fclose(file); /* only read */
}

static unsigned docs_compare(void)
{
	static char want[TEXT_MAX], have[TEXT_MAX];
	FILE *file;

	text_make(want, sizeof(want));
	text_read(DOCS, have, sizeof(have));
	if (!strcmp(want, have))
		return 0;
	file = fopen(MADE, "w");
	if (!file || fputs(want, file) < 0 || fclose(file)) {
		printf("  %s is out of date, and %s can't be written; run it in the repo's root\n",
		       DOCS, MADE);
		return 1;
	}
	printf("  %s is out of date; look at it and run: cp %s %s\n", DOCS, MADE, DOCS);
	return 1;
}

unsigned rows_print_reasons(void)
{
	unsigned missing = 0;

	for (int i = 1; i < MXLB_REASON_COUNT; i++) {
		const struct row *row = rows_proof((enum mxlb_reason)i).row;

		if (is_unreachable((enum mxlb_reason)i))
			continue;
		printf("  %-16s %s\n", reasons[i].name, row ? row->name : "BY NO ROW");
		missing += !row;
	}
	return missing + docs_compare();
}

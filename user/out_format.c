/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures as people read them: two units at most, and no more digits than say
 * something.
 */
#include "out.h"

char *out_age(double seconds, char *buf)
{
	unsigned long long s = seconds > 0 ? (unsigned long long)seconds : 0;

	if (seconds < 10)
		(void)snprintf(buf, OUT_FORMAT_MAX, "%.1fs", seconds > 0 ? seconds : 0);
	else if (s < 60)
		(void)snprintf(buf, OUT_FORMAT_MAX, "%llus", s);
	else if (s < 3600)
		(void)snprintf(buf, OUT_FORMAT_MAX, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		(void)snprintf(buf, OUT_FORMAT_MAX, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		(void)snprintf(buf, OUT_FORMAT_MAX, "%llud%lluh", s / 86400, s / 3600 % 24);
	return buf;
}

char *out_delay(double seconds, char *buf)
{
	if (seconds < 0.9995)
		(void)snprintf(buf, OUT_FORMAT_MAX, "%.*f ms", seconds < 0.00995 ? 1 : 0,
			       seconds * 1000);
	else
		(void)snprintf(buf, OUT_FORMAT_MAX, "%.1f s", seconds);
	return buf;
}

char *out_bytes(double bytes, char *buf)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	size_t unit = 0;

	while (bytes >= 999.95 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		bytes /= 1000;
		unit++;
	}
	(void)snprintf(buf, OUT_FORMAT_MAX, "%.*f %s", unit ? 1 : 0, bytes, units[unit]);
	return buf;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the service manager how we are: sd_notify(3), without libsystemd. All do
 * nothing and return 0 where no manager asked for it (NOTIFY_SOCKET is not set).
 * 0, or a negative errno, which a caller may ignore. Caller: mxlbd.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

int notify_ready(void);
/* Before a reload; notify_ready ends it. */
int notify_reloading(void);
int notify_stopping(void);
/* One line for `systemctl status`; longer than 200 bytes is cut. */
int notify_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif

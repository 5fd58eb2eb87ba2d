/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench_cpu.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_load.h"

#define TASKS_MAX     4096
#define KERNEL_THREAD 0x00200000u /* PF_KTHREAD of the kernel's sched.h */

static struct {
	int pid;
	uint64_t begun;
} tasks[TASKS_MAX];
static unsigned int task_count;

/* False once the task is gone: kernel threads come and go. */
static bool task_clock(int pid, uint64_t *ns)
{
	struct timespec t;
	clockid_t id;

	if (clock_getcpuclockid(pid, &id) || clock_gettime(id, &t))
		return false;
	*ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	return true;
}

void cpu_watch(int pid)
{
	uint64_t ns;

	if (task_count == TASKS_MAX || !task_clock(pid, &ns))
		load_die("process %d: no clock of its", pid);
	tasks[task_count++].pid = pid;
}

/* Fields 2 and 9 of /proc/PID/stat: name and flags. */
static bool is_kernel_thread(int pid, const char *prefix)
{
	unsigned int flags = 0;
	char path[64], name[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fscanf(f, "%*d (%63[^)]) %*c %*d %*d %*d %*d %*d %u", name, &flags) != 2)
		flags = 0;
	fclose(f);
	return (flags & KERNEL_THREAD) && !strncmp(name, prefix, strlen(prefix));
}

void cpu_watch_kernel(const char *prefix)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		load_die("/proc");
	while ((entry = readdir(dir)) && task_count < TASKS_MAX) {
		int pid = (int)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && is_kernel_thread(pid, prefix))
			tasks[task_count++].pid = pid;
	}
	closedir(dir);
}

void cpu_begin(void)
{
	for (unsigned int i = 0; i < task_count; i++)
		(void)task_clock(tasks[i].pid, &tasks[i].begun); /* gone: 0, and nothing spent */
}

uint64_t cpu_spent(void)
{
	uint64_t sum = 0, now;

	for (unsigned int i = 0; i < task_count; i++) {
		if (task_clock(tasks[i].pid, &now))
			sum += now - tasks[i].begun;
	}
	return sum;
}

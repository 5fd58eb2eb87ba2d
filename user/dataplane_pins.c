/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bpffs and what mxlb keeps in it:
 *   PIN_DIR/abi-N/MAP          maps of that ABI
 *   PIN_DIR/xdp-IFINDEX        link of native XDP (xdpgeneric-IFINDEX: of generic)
 *   PIN_DIR/tc-IFINDEX/        our TC filter is there
 *   PIN_DIR/qdisc-IFINDEX/     we made the clsact qdisc there: it goes with a purge
 * Names carry the ifindex, since a bpffs allows no dot, which interface names may have.
 * A bpffs that mxlbd mounts has the source "mxlb", by which a purge knows it.
 */
#include "dataplane_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BPFFS_USUAL "/sys/fs/bpf"
#define BPFFS_NAME  "mxlb"

static bool is_bpffs(const char *dir)
{
	struct statfs fs;

	return !statfs(dir, &fs) && fs.f_type == BPF_FS_MAGIC;
}

static int mount_bpffs(const char *dir)
{
	return mount(BPFFS_NAME, dir, "bpf", 0, "mode=0700") ? -errno : 0;
}

/* mkdir -p. Directories made are root's alone: who can open pins can change the maps. */
static int make_dirs(const char *dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(path, 0755) && errno != EEXIST && access(path, F_OK))
			return -errno;
		*at = '/';
	}
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	return 0;
}

static bool is_below_usual(const char *dir)
{
	size_t len = strlen(BPFFS_USUAL);

	return !strncmp(dir, BPFFS_USUAL, len) && (dir[len] == '/' || !dir[len]);
}

/* sysfs allows no directory of ours: below the usual place the whole of it is mounted,
 * elsewhere pin_dir itself. */
static int ensure_bpffs(const char *pin_dir)
{
	int err;

	if (is_below_usual(pin_dir) && !is_bpffs(BPFFS_USUAL)) {
		err = mount_bpffs(BPFFS_USUAL);
		if (err)
			return err;
	}
	err = make_dirs(pin_dir);
	if (!err && !is_bpffs(pin_dir))
		err = mount_bpffs(pin_dir);
	return err;
}

int pins_open(const char *pin_dir, int *lock_fd, char *why, size_t why_len)
{
	int err = ensure_bpffs(pin_dir), fd;

	if (err) {
		snprintf(why, why_len,
			 "pin_dir %s: no bpffs there, and mounting one failed: %s; run mxlbd as "
			 "root, "
			 "or: mount -t bpf bpf %s",
			 pin_dir, strerror(-err), pin_dir);
		return err;
	}
	fd = open(pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
		err = -errno;
		snprintf(why, why_len, "pin_dir %s: %s", pin_dir,
			 err == -EWOULDBLOCK
				 ? "another mxlbd is running with it; stop that one first"
				 : strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	*lock_fd = fd;
	return 0;
}

void pins_path(const struct dataplane *plane, char *path, size_t len, const char *kind,
	       unsigned ifindex)
{
	snprintf(path, len, "%s/%s-%u", plane->pin_dir, kind, ifindex);
}

/* Depth is bounded by what we make: maps stand two levels below pin_dir. */
static int remove_below(const char *dir, int depth)
{
	DIR *handle = opendir(dir);
	struct dirent *entry;
	int err = 0;

	if (!handle)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (entry = readdir(handle))) {
		char path[PATH_MAX];

		if (strchr(entry->d_name, '.'))
			continue; /* itself, its parent, or the bpffs's own iterators */
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (!unlink(path))
			continue;
		err = depth ? remove_below(path, depth - 1) : -errno;
		if (!err && rmdir(path))
			err = -errno;
	}
	closedir(handle);
	return err;
}

int pins_remove_all(const char *pin_dir)
{
	int err = is_bpffs(pin_dir) ? remove_below(pin_dir, 2) : 0;

	if (!err && rmdir(pin_dir) && errno != ENOENT && errno != EBUSY)
		err = -errno;
	return err;
}

static bool is_other_abi(const char *name)
{
	char ours[16];

	(void)snprintf(ours, sizeof(ours), "abi-%d", MXLB_ABI);
	return !strncmp(name, "abi-", 4) && strcmp(name, ours) != 0;
}

bool pins_have_other_abi(const char *pin_dir)
{
	DIR *handle = opendir(pin_dir);
	struct dirent *entry;
	bool found = false;

	while (handle && !found && (entry = readdir(handle)))
		found = is_other_abi(entry->d_name);
	if (handle)
		closedir(handle);
	return found;
}

int pins_remove_other_abis(const char *pin_dir)
{
	DIR *handle = opendir(pin_dir);
	struct dirent *entry;
	int err = 0;

	if (!handle)
		return -errno;
	while (!err && (entry = readdir(handle))) {
		char path[PATH_MAX];

		if (!is_other_abi(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", pin_dir, entry->d_name);
		err = remove_below(path, 1);
		if (!err && rmdir(path))
			err = -errno;
	}
	closedir(handle);
	return err;
}

void pins_mark(const char *pin_dir, unsigned ifindex)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/tc-%u", pin_dir, ifindex);
	(void)mkdir(path, 0700); /* there already, most times */
}

void pins_unmark(const char *pin_dir, unsigned ifindex)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/tc-%u", pin_dir, ifindex);
	(void)rmdir(path);
}

/* The ifindex of an interface's pin or mark, as "xdp-7"; 0: it is another thing. */
static unsigned pin_ifindex(const char *name)
{
	static const char *const kinds[] = {"xdp-", "xdpgeneric-", "tc-", "qdisc-"};
	unsigned long ifindex = 0;
	char *end;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !ifindex; i++) {
		size_t len = strlen(kinds[i]);

		if (strncmp(name, kinds[i], len) != 0)
			continue;
		ifindex = strtoul(name + len, &end, 10);
		if (*end || ifindex > INT_MAX)
			ifindex = 0;
	}
	return (unsigned)ifindex;
}

void pins_each_interface(const char *pin_dir, void (*fn)(unsigned ifindex, void *arg), void *arg)
{
	DIR *handle = opendir(pin_dir);
	struct dirent *entry;

	while (handle && (entry = readdir(handle))) {
		unsigned ifindex = pin_ifindex(entry->d_name);

		if (ifindex)
			fn(ifindex, arg);
	}
	if (handle)
		closedir(handle);
}

/* Is the bpffs at `dir` one that mxlbd mounted? Fields as in proc_pid_mountinfo(5). */
static bool is_our_mount(const char *dir)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[PATH_MAX + 256], at[PATH_MAX], type[64], source[256];
	bool found = false;

	while (file && fgets(line, sizeof(line), file)) {
		const char *rest = strstr(line, " - ");

		if (sscanf(line, "%*s %*s %*s %*s %4095s", at) == 1 && rest &&
		    sscanf(rest, " - %63s %255s", type, source) == 2 && !strcmp(at, dir))
			found = !strcmp(type, "bpf") && !strcmp(source, BPFFS_NAME);
	}
	if (file)
		fclose(file);
	return found;
}

static bool is_empty(const char *dir)
{
	DIR *handle = opendir(dir);
	struct dirent *entry;
	bool empty = handle != NULL;

	while (handle && empty && (entry = readdir(handle)))
		empty = strchr(entry->d_name, '.') != NULL;
	if (handle)
		closedir(handle);
	return empty;
}

void pins_unmount(const char *pin_dir)
{
	if (is_our_mount(pin_dir)) {
		(void)umount(pin_dir); /* busy: someone else's business by now */
		(void)rmdir(pin_dir);
	} else if (is_below_usual(pin_dir) && is_our_mount(BPFFS_USUAL) && is_empty(BPFFS_USUAL)) {
		(void)umount(BPFFS_USUAL);
	}
}

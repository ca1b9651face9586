/* Claims of kernel interfaces: locked files.
 *
 * The kernel takes a lock off with the last descriptor. The file goes when its claim is given
 * back, by its holder; one that was killed leaves it, unlocked and empty, for the next. A file that
 * went between being opened and locked is no claim: it is looked at again then. Not an abstract
 * socket, which any user of the machine could have bound first. */
#include "dataplane/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0755, FILE_MODE = 0600, ATTEMPTS = 100 };

/* Whether nobody but root, or who runs this, can have made or locked what is in it. */
static int make_folder(const char *folder, bool *ret_has_made)
{
	struct stat st;

	*ret_has_made = mkdir(folder, FOLDER_MODE) == 0;
	if (!*ret_has_made && errno != EEXIST)
		return -errno;
	if (lstat(folder, &st) < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return st.st_uid == 0 || st.st_uid == geteuid() ? 0 : -EPERM;
}

/* An index means something in its network namespace only. */
static int make_path(const char *folder, int ifindex, char path[DP_CLAIM_PATH_LEN])
{
	struct stat st;
	int len;

	if (stat("/proc/self/ns/net", &st) < 0)
		return -errno;
	len = snprintf(path, DP_CLAIM_PATH_LEN, "%s/port-%llu-%d.lock", folder,
		(unsigned long long)st.st_ino, ifindex);
	return len < DP_CLAIM_PATH_LEN ? 0 : -ENAMETOOLONG;
}

/* The locked file, or -errno; -EAGAIN: it, or its folder, is not there any more. */
static int lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	struct stat mine, named;
	int r = 0;

	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	else if (fstat(fd, &mine) < 0 || lstat(path, &named) < 0)
		r = errno == ENOENT ? -EAGAIN : -errno;
	else if (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
		r = -EAGAIN;
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

static int try(const char *folder, struct dp_claim *claim)
{
	int r = make_folder(folder, &claim->has_made_folder);

	if (r < 0)
		return r;
	claim->fd = lock(claim->path);
	if (claim->fd < 0 && claim->has_made_folder)
		(void)rmdir(folder);
	return claim->fd < 0 ? claim->fd : 0;
}

int dp_claim_take(const char *folder, int ifindex, struct dp_claim *ret)
{
	struct dp_claim claim;
	int r = make_path(folder, ifindex, claim.path);

	if (r < 0)
		return r;
	r = -EAGAIN;
	for (unsigned i = 0; i < ATTEMPTS && r == -EAGAIN; i++)
		r = try(folder, &claim);
	if (r == 0)
		*ret = claim;
	return r;
}

void dp_claim_give_back(struct dp_claim *claim)
{
	if (claim->fd < 0)
		return;
	(void)unlink(claim->path); // still locked: nobody else can hold one of that name
	if (claim->has_made_folder)
		(void)rmdir(dirname(claim->path)); // unless others use it
	(void)close(claim->fd);
	claim->fd = -1;
}

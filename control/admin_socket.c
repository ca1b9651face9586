/* The files behind the admin sockets: made so that nobody connects who may not.
 *
 * A bound socket refuses connections until it listens; owner and mode are set in between, so
 * that there is no moment with wrong ones and no need for a umask, which other threads share. */
#include "control/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	DIRECTORY_MODE = 0755,
	BACKLOG = API_MAX_CLIENTS,
	MAX_GROUP_BUFFER = 1 << 20, // a group may have many members
};

static int make_address(const char *path, struct sockaddr_un *ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	(void)strcpy(address.sun_path, path);
	*ret = address;
	return 0;
}

/* The directory that holds `path`, one level. */
static int make_directory(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char *slash;

	(void)snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return 0;
	*slash = '\0';
	return mkdir(directory, DIRECTORY_MODE) == 0 || errno == EEXIST ? 0 : -errno;
}

/* Whether somebody listens: -EADDRINUSE; 0 if not; -errno. */
static int probe(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		r = -EADDRINUSE;
	else if (errno == EAGAIN) // lives, with a full backlog
		r = -EADDRINUSE;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		r = -errno;
	(void)close(fd);
	return r;
}

/* Removes a socket that a dead instance left; anything else there is somebody's file. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int r;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	r = probe(address);
	if (r < 0)
		return r;
	return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int find_group(const char *name, gid_t *ret)
{
	size_t size = 1024;
	char *buffer = NULL;
	struct group group, *found = NULL;
	int r;

	do {
		char *larger = realloc(buffer, size *= 2);

		if (!larger) {
			free(buffer);
			return -ENOMEM;
		}
		buffer = larger;
		r = getgrnam_r(name, &group, buffer, size, &found);
	} while (r == ERANGE && size < MAX_GROUP_BUFFER);
	if (found)
		*ret = group.gr_gid;
	free(buffer);
	if (r != 0)
		return -r;
	return found ? 0 : -ENOENT;
}

static int set_rights(const char *path, const char *group, unsigned mode)
{
	gid_t gid = (gid_t)-1;
	int r;

	if (group) {
		r = find_group(group, &gid);
		if (r < 0)
			return r;
		if (chown(path, (uid_t)-1, gid) < 0)
			return -errno;
	}
	return chmod(path, mode) == 0 ? 0 : -errno;
}

int ctl_admin_socket_open(
	const char *path, const char *group, unsigned mode, struct ctl_socket *ret)
{
	struct sockaddr_un address;
	struct stat st;
	int fd, r;

	r = make_address(path, &address);
	if (r == 0)
		r = make_directory(path);
	if (r == 0)
		r = remove_stale(&address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		goto close_fd;
	}
	r = set_rights(path, group, mode);
	if (r < 0)
		goto unlink_path;
	if (stat(path, &st) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		goto unlink_path;
	}
	*ret = (struct ctl_socket){fd, path, st.st_dev, st.st_ino};
	return 0;

unlink_path:
	(void)unlink(path);
close_fd:
	(void)close(fd);
	return r;
}

void ctl_admin_socket_remove(const struct ctl_socket *s)
{
	struct stat st;

	if (lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		(void)unlink(s->path);
}

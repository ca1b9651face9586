/* Could a user execute this file? As the kernel would decide it by mode and owner (path_resolution
 * (7), execve(2)), without becoming that user.
 *
 * A guess for the start: what happens at run time is the spawner's to tell. Only looks. */
#include "conf/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MAY_READ = 4, MAY_EXECUTE = 1, MAX_HEAD = 256 };

struct question {
	const struct conf_user *user;
	char *why;
};

int conf_user_find(const char *name, struct conf_user *ret_user)
{
	const struct passwd *entry = getpwnam(name);
	struct conf_user user = {.name = name, .n_groups = CONF_MAX_USER_GROUPS};

	if (!entry)
		return -ENOENT;
	user.uid = entry->pw_uid;
	// Of a user with more groups the first ones count.
	if (getgrouplist(name, entry->pw_gid, user.groups, &user.n_groups) < 0)
		user.n_groups = CONF_MAX_USER_GROUPS;
	*ret_user = user;
	return 0;
}

/* True, so that it can be returned. */
__attribute__((format(printf, 2, 3))) static bool fault(
	const struct question *q, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(q->why, CONF_FAULT_LEN, format, args);
	va_end(args);
	return true;
}

static bool is_member(const struct conf_user *user, gid_t group)
{
	for (int i = 0; i < user->n_groups; i++)
		if (user->groups[i] == group)
			return true;
	return false;
}

/* `need` is a bit of rwx. Root reads and searches what it likes, and executes what anybody may. */
static bool may(const struct conf_user *user, const struct stat *st, mode_t need)
{
	if (user->uid == 0)
		return need != MAY_EXECUTE || S_ISDIR(st->st_mode) || (st->st_mode & 0111);
	if (user->uid == st->st_uid)
		return st->st_mode & need << 6;
	if (is_member(user, st->st_gid))
		return st->st_mode & need << 3;
	return st->st_mode & need;
}

static bool is_denied(
	const struct question *q, const char *path, const struct stat *st, const char *what)
{
	return fault(q, "\"%.200s\" cannot be %s by user \"%.32s\": mode %04o, owner %u, group %u",
		path, what, q->user->name, st->st_mode & 07777, st->st_uid, st->st_gid);
}

/* Every directory on the way to `path`. */
static bool is_way_closed(const struct question *q, const char *path)
{
	char dir[PATH_MAX];
	struct stat st;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = slash == path ? 1 : (size_t)(slash - path);

		(void)snprintf(dir, sizeof(dir), "%.*s", (int)len, path);
		if (stat(dir, &st) < 0)
			return fault(q, "\"%.200s\": %s", path, strerror(errno));
		if (!may(q->user, &st, MAY_EXECUTE))
			return is_denied(q, dir, &st, "searched");
	}
	return false;
}

static bool is_file_closed(const struct question *q, const char *path, struct stat *ret_st)
{
	char real[PATH_MAX];
	struct statvfs fs;
	struct stat st;

	if (strlen(path) >= PATH_MAX || !realpath(path, real) || stat(real, &st) < 0)
		return fault(q, "\"%.200s\": %s", path, strerror(errno));
	// The way of the name, and what its symbolic links lead to.
	if (is_way_closed(q, path) || is_way_closed(q, real))
		return true;
	if (!S_ISREG(st.st_mode))
		return fault(q, "\"%.200s\" is %s", path,
			S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
	if (!may(q->user, &st, MAY_EXECUTE))
		return is_denied(q, path, &st, "executed");
	if (statvfs(real, &fs) == 0 && (fs.f_flag & ST_NOEXEC))
		return fault(q, "\"%.200s\" is on a file system that is mounted noexec", path);
	*ret_st = st;
	return false;
}

/* The first bytes; false if this process may not read them. */
static bool read_head(const char *path, char *head, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd >= 0 ? read(fd, head, MAX_HEAD - 1) : -1;

	if (fd >= 0)
		(void)close(fd);
	if (n < 0)
		return false;
	head[n] = '\0';
	*ret_len = (size_t)n;
	return true;
}

static bool is_text(const char *head, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)head[i] < ' ' && !strchr("\t\n\r\f\v", head[i]))
			return false;
	return true;
}

/* What a "#!" line asks for (execve(2)): the interpreter is opened by the user, and so is the
 * script, by the interpreter. */
static bool is_script_closed(
	const struct question *q, const char *path, const struct stat *st, char *head)
{
	char *interpreter = head + 2 + strspn(head + 2, " \t");
	char why[CONF_FAULT_LEN];
	struct question inner = {q->user, why};
	struct stat unused;

	if (!may(q->user, st, MAY_READ))
		return is_denied(q, path, st, "read");
	interpreter[strcspn(interpreter, " \t\n")] = '\0';
	if (*interpreter != '/')
		return fault(q, "\"%.200s\": its interpreter has no absolute path", path);
	if (is_file_closed(&inner, interpreter, &unused))
		return fault(q, "\"%.100s\": its interpreter %.300s", path, why);
	return false;
}

bool conf_program_has_fault(const char *path, const struct conf_user *user, char *ret_why)
{
	const struct question q = {user, ret_why};
	struct stat st = {0};
	char head[MAX_HEAD];
	size_t len;

	if (is_file_closed(&q, path, &st))
		return true;
	if (!read_head(path, head, &len))
		return false;
	if (strncmp(head, "#!", 2) == 0)
		return is_script_closed(&q, path, &st, head);
	if (is_text(head, len))
		return fault(&q, "\"%.200s\" is neither a program nor begins with \"#!\"", path);
	return false;
}

/* Password files and certificate files: may they be trusted, and do they hold what they should?
 * A password goes to the caller and nowhere else: no message quotes a byte of the file. */
#include "conf/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LOOKED_AT = 1024 * 1024, CHUNK_LEN = 4096 };

struct reason {
	char *why;
	size_t size;
};

/* -EINVAL, so that it can be returned. */
__attribute__((format(printf, 2, 3))) static int refuse(
	const struct reason *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reason->why, reason->size, format, args);
	va_end(args);
	return -EINVAL;
}

/* A descriptor of a regular file. */
static int open_regular(const char *path, const struct reason *reason, struct stat *ret_st)
{
	// A FIFO must not make us wait for its writer.
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)refuse(reason, "\"%.200s\": %s", path, strerror(errno));
		goto close;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)refuse(reason, "\"%.200s\" is %s", path,
			S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
		goto close;
	}
	*ret_st = st;
	return fd;

close:
	if (fd >= 0)
		(void)close(fd);
	return -EINVAL;
}

/* Up to `size` bytes; less at the end of the file only. Negative errno. */
static ssize_t read_up_to(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int check_owner(const char *path, const struct stat *st, const struct reason *reason)
{
	if (st->st_mode & 0077)
		return refuse(reason,
			"\"%.200s\" is open to others than its owner: mode %04o (0600 or 0400 is "
			"right)",
			path, st->st_mode & 07777);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return refuse(reason,
			"\"%.200s\" belongs to user %u, not to root or the daemon's user", path,
			st->st_uid);
	return 0;
}

/* Cuts what was read down to its first line. */
static int take_line(char *text, size_t len, const char *path, const struct reason *reason)
{
	size_t line;

	if (len > CONF_MAX_SECRET)
		return refuse(reason, "\"%.200s\" is larger than %d bytes", path, CONF_MAX_SECRET);
	text[len] = '\0';
	line = strcspn(text, "\r\n");
	if (text[line] == '\0' && line < len)
		return refuse(reason, "\"%.200s\" holds a NUL byte", path);
	if (line == 0)
		return refuse(reason, "\"%.200s\": its first line is empty", path);
	text[line] = '\0';
	return 0;
}

int conf_secret_read(const char *path, char *ret_secret, char *ret_why, size_t size_why)
{
	const struct reason reason = {ret_why, size_why};
	char text[CONF_MAX_SECRET + 2]; // one more tells a larger file
	struct stat st;
	ssize_t n;
	int err;
	int fd = open_regular(path, &reason, &st);

	if (fd < 0)
		return fd;
	err = check_owner(path, &st, &reason);
	if (err < 0)
		goto close;
	n = read_up_to(fd, text, sizeof(text) - 1);
	err = n < 0 ? refuse(&reason, "\"%.200s\": %s", path, strerror((int)-n))
		    : take_line(text, (size_t)n, path, &reason);
	if (err == 0)
		memcpy(ret_secret, text, strlen(text) + 1);
	explicit_bzero(text, sizeof(text));
close:
	(void)close(fd);
	return err;
}

int conf_secret_check_certificates(const char *path, char *ret_why, size_t size_why)
{
	static const char mark[] = "-----BEGIN CERTIFICATE-----";
	const size_t overlap = sizeof(mark) - 2; // the mark may stand across two chunks
	const struct reason reason = {ret_why, size_why};
	char chunk[CHUNK_LEN] = "";
	bool is_found = false;
	struct stat st;
	size_t kept = 0;
	ssize_t n = 1;
	int fd = open_regular(path, &reason, &st);

	if (fd < 0)
		return fd;
	for (size_t all = 0; !is_found && n > 0 && all < MAX_LOOKED_AT; all += (size_t)n) {
		n = read_up_to(fd, chunk + kept, sizeof(chunk) - kept);
		if (n <= 0)
			break;
		is_found = memmem(chunk, kept + (size_t)n, mark, sizeof(mark) - 1) != NULL;
		kept += (size_t)n;
		if (kept > overlap) {
			memmove(chunk, chunk + kept - overlap, overlap);
			kept = overlap;
		}
	}
	(void)close(fd);
	if (n < 0)
		return refuse(&reason, "\"%.200s\": %s", path, strerror((int)-n));
	return is_found ? 0 : refuse(&reason, "\"%.200s\" holds no certificate in PEM", path);
}

/* Files as tracks: up while the file is there and its first word is not "0".
 *
 * inotify tells of a folder when a file in it was written and closed, moved or deleted; not when it
 * was made, which is before it is written. Once a second each file is looked at besides, and its
 * folder: another one than is watched is watched from then on. Files have to be on a local file
 * system, since this waits for them. */
#include "vrrp/track_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NO_WATCH = -1, EVENT_BYTES = 16384, READ_BYTES = 64, LOOKS_A_TURN = 256 };

static const uint32_t events = IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
			       IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
static const char blanks[] = " \t\r\n";

struct file {
	struct vrrp_track *track;
	const char *name; // in its folder
	int watch;        // its folder's, or NO_WATCH
};

struct vrrp_track_files {
	int fd; // inotify
	struct event *readable;
	struct file *files;
	unsigned n;
	unsigned next; // to look at
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void look(struct file *f) ON_CONTROL;
static void look_at_named(struct vrrp_track_files *all, const struct inotify_event *e) ON_CONTROL;
static void on_readable(evutil_socket_t fd, short what, void *arg) ON_CONTROL;

/* ---- files ---------------------------------------------------------------------------------- */

/* The first bytes of a file that is one, ended by NUL; "": of anything else, which is there, too.
 * -errno. */
static int read_beginning(const char *path, char *buf, size_t size)
{
	struct stat st;
	ssize_t n = 0;
	int fd, r = 0;

	buf[0] = '\0';
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0; // opening a device or a pipe may do things
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		r = -errno;
	else
		buf[n] = '\0';
	(void)close(fd);
	return r;
}

static bool says_zero(const char *text)
{
	const char *word = text + strspn(text, blanks);

	return word[0] == '0' && strcspn(word, blanks) == 1;
}

static void look(struct file *f)
{
	char text[READ_BYTES];
	int r = read_beginning(f->track->conf->path, text, sizeof(text));

	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EINTR)
		return; // says nothing about the file
	if (r < 0)
		vrrp_track_set(f->track, false, strerror(-r));
	else if (says_zero(text))
		vrrp_track_set(f->track, false, "says 0");
	else
		vrrp_track_set(f->track, true, "");
}

/* ---- folders -------------------------------------------------------------------------------- */

static bool is_used(const struct vrrp_track_files *all, int watch)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->files[i].watch == watch)
			return true;
	return false;
}

/* The folder that is there now; NO_WATCH while there is none. */
static void watch(struct vrrp_track_files *all, struct file *f)
{
	const char *path = f->track->conf->path;
	const int len = (int)(f->name - path);
	const int before = f->watch;
	char folder[PATH_MAX];

	(void)snprintf(folder, sizeof(folder), "%.*s", len, path);
	f->watch = inotify_add_watch(all->fd, folder, events); // the same for the same folder
	if (before != f->watch && before != NO_WATCH && !is_used(all, before))
		(void)inotify_rm_watch(all->fd, before);
}

static void look_at_named(struct vrrp_track_files *all, const struct inotify_event *e)
{
	const bool is_of_folder = e->len == 0;

	for (unsigned i = 0; i < all->n; i++) {
		struct file *f = &all->files[i];

		if (f->watch == e->wd && (is_of_folder || strcmp(f->name, e->name) == 0))
			look(f);
	}
}

/* A queue that was full has lost something. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vrrp_track_files *all = arg;
	union {
		struct inotify_event first; // for its alignment
		char bytes[EVENT_BYTES];
	} buffer;
	ssize_t n;

	(void)what;
	n = read(fd, buffer.bytes, sizeof(buffer.bytes));
	for (const char *at = buffer.bytes; n > 0 && at < buffer.bytes + n;) {
		const struct inotify_event *e = (const void *)at;

		if (e->mask & IN_Q_OVERFLOW)
			vrrp_track_files_look(all);
		else
			look_at_named(all, e);
		at += sizeof(*e) + e->len;
	}
}

void vrrp_track_files_look(struct vrrp_track_files *all)
{
	const unsigned n = all->n < LOOKS_A_TURN ? all->n : LOOKS_A_TURN;

	for (unsigned i = 0; i < n; i++) {
		struct file *f = &all->files[all->next];

		all->next = (all->next + 1) % all->n;
		watch(all, f);
		look(f);
	}
}

/* ---- beginning and end ---------------------------------------------------------------------- */

int vrrp_track_files_start(const struct vrrp_track_set *set, struct vrrp_track_files **ret)
{
	struct vrrp_track_files *all = calloc(1, sizeof(*all));
	int r = -ENOMEM;

	if (!all)
		return -ENOMEM;
	all->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (all->fd < 0) {
		r = -errno;
		goto stop;
	}
	all->files = calloc(set->n, sizeof(*all->files));
	all->readable = event_new(set->base, all->fd, EV_READ | EV_PERSIST, on_readable, all);
	if (!all->files || !all->readable || event_add(all->readable, NULL) < 0)
		goto stop;
	all->n = set->n;
	for (unsigned i = 0; i < set->n; i++)
		all->files[i] = (struct file){.track = set->tracks[i],
			.name = strrchr(set->tracks[i]->conf->path, '/') + 1,
			.watch = NO_WATCH};
	for (unsigned i = 0; i < set->n; i++) {
		watch(all, &all->files[i]); // before it is looked at: no change is missed
		look(&all->files[i]);
	}
	*ret = all;
	return 0;
stop:
	vrrp_track_files_stop(all);
	return r;
}

void vrrp_track_files_stop(struct vrrp_track_files *all)
{
	if (!all)
		return;
	if (all->readable)
		event_free(all->readable);
	if (all->fd >= 0)
		(void)close(all->fd);
	free(all->files);
	free(all);
}

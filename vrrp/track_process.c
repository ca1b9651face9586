/* Processes as tracks: up while one of that name runs.
 *
 * A name is found by a search through /proc, a part of it a turn, and then stands for one process,
 * which alone is looked at every second: only when that is gone is the whole searched again. So a
 * name that nobody has costs a search a second, and others next to nothing. A name is that of the
 * kernel (/proc/PID/comm, 15 bytes of it), or the base name of the program as it was called. */
#include "vrrp/track_internal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOBODY = 0, ENTRIES_A_TURN = 128, COMM_LEN = 15, STAT_BYTES = 512 };

struct name {
	const char *text;
	int pid; // or NOBODY
};

struct vrrp_track_processes {
	struct vrrp_track **tracks;
	unsigned n_tracks;
	struct name *names; // sorted, each once
	unsigned n_names;
	DIR *proc; // NULL: no search is on
	struct event *more;
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void tell(struct vrrp_track_processes *all) ON_CONTROL;
static void end_search(struct vrrp_track_processes *all) ON_CONTROL;
static void search(struct vrrp_track_processes *all) ON_CONTROL;
static void on_more(evutil_socket_t fd, short what, void *arg) ON_CONTROL;

/* ---- names ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static struct name *find_name(const struct vrrp_track_processes *all, const char *text)
{
	const struct name key = {.text = text};

	return bsearch(&key, all->names, all->n_names, sizeof(key), compare);
}

static int collect_names(struct vrrp_track_processes *all)
{
	unsigned n = 0;

	all->names = calloc(all->n_tracks, sizeof(*all->names));
	if (!all->names)
		return -ENOMEM;
	for (unsigned i = 0; i < all->n_tracks; i++)
		all->names[i].text = all->tracks[i]->conf->process;
	qsort(all->names, all->n_tracks, sizeof(*all->names), compare);
	for (unsigned i = 0; i < all->n_tracks; i++)
		if (n == 0 || strcmp(all->names[n - 1].text, all->names[i].text) != 0)
			all->names[n++] = all->names[i];
	all->n_names = n;
	return 0;
}

static void tell(struct vrrp_track_processes *all)
{
	for (unsigned i = 0; i < all->n_tracks; i++) {
		struct vrrp_track *t = all->tracks[i];
		const bool is_up = find_name(all, t->conf->process)->pid != NOBODY;

		vrrp_track_set(t, is_up, is_up ? "" : "not running");
	}
}

/* ---- one process ---------------------------------------------------------------------------- */

/* The beginning of a file of the process, ended by NUL; false: it is gone. */
static bool read_of(int pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n >= 0;
}

/* Its name in the kernel: "PID (NAME) STATE ...", where the name may have any bytes. False: it is
 * gone, or dead and not waited for yet. */
static bool read_comm(int pid, char *buf)
{
	char stat[STAT_BYTES];
	const char *begin, *end;

	if (!read_of(pid, "stat", stat, sizeof(stat)))
		return false;
	begin = strchr(stat, '(');
	end = strrchr(stat, ')');
	if (!begin || !end || end < begin || end[1] != ' ' || strchr("ZXx", end[2]))
		return false;
	(void)snprintf(buf, COMM_LEN + 1, "%.*s", (int)(end - begin - 1), begin + 1);
	return true;
}

/* The base name of what it was called; "": a thread of the kernel. */
static const char *read_program(int pid, char *buf, size_t size)
{
	const char *slash;

	if (!read_of(pid, "cmdline", buf, size))
		buf[0] = '\0';
	slash = strrchr(buf, '/');
	return slash ? slash + 1 : buf;
}

static bool is_still(const struct name *name)
{
	char comm[COMM_LEN + 1], program[PATH_MAX];

	if (name->pid == NOBODY || !read_comm(name->pid, comm))
		return false;
	return strcmp(comm, name->text) == 0 ||
	       strcmp(read_program(name->pid, program, sizeof(program)), name->text) == 0;
}

/* ---- the search ----------------------------------------------------------------------------- */

static void note(struct name *name, int pid)
{
	if (name && name->pid == NOBODY)
		name->pid = pid;
}

static void look_at(struct vrrp_track_processes *all, int pid)
{
	char comm[COMM_LEN + 1], program[PATH_MAX];

	if (!read_comm(pid, comm))
		return;
	note(find_name(all, comm), pid);
	note(find_name(all, read_program(pid, program, sizeof(program))), pid);
}

static void end_search(struct vrrp_track_processes *all)
{
	(void)closedir(all->proc);
	all->proc = NULL;
	tell(all);
}

static bool has_missing(const struct vrrp_track_processes *all)
{
	for (unsigned i = 0; i < all->n_names; i++)
		if (all->names[i].pid == NOBODY)
			return true;
	return false;
}

/* A part of it; the rest in the loop's next turn, after what else is due. */
static void search(struct vrrp_track_processes *all)
{
	const struct timeval at_once = {0};
	const struct dirent *entry = NULL;

	for (unsigned i = 0; i < ENTRIES_A_TURN; i++) {
		entry = readdir(all->proc);
		if (!entry)
			break;
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at(all, (int)strtol(entry->d_name, NULL, 10));
	}
	if (!entry || !has_missing(all))
		end_search(all);
	else
		(void)event_add(all->more, &at_once);
}

static void on_more(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	search(arg);
}

void vrrp_track_processes_look(struct vrrp_track_processes *all)
{
	if (all->proc)
		return; // a search that takes longer than a second
	for (unsigned i = 0; i < all->n_names; i++)
		if (!is_still(&all->names[i]))
			all->names[i].pid = NOBODY;
	if (!has_missing(all))
		return;
	all->proc = opendir("/proc");
	if (all->proc)
		search(all);
}

/* ---- beginning and end ---------------------------------------------------------------------- */

int vrrp_track_processes_start(const struct vrrp_track_set *set, struct vrrp_track_processes **ret)
{
	struct vrrp_track_processes *all = calloc(1, sizeof(*all));
	int r = -ENOMEM;

	if (!all)
		return -ENOMEM;
	all->tracks = calloc(set->n, sizeof(struct vrrp_track *));
	all->more = event_new(set->base, -1, 0, on_more, all);
	if (!all->tracks || !all->more)
		goto stop;
	memcpy(all->tracks, set->tracks, set->n * sizeof(struct vrrp_track *));
	all->n_tracks = set->n;
	r = collect_names(all);
	if (r)
		goto stop;
	vrrp_track_processes_look(all);
	*ret = all;
	return 0;
stop:
	vrrp_track_processes_stop(all);
	return r;
}

void vrrp_track_processes_stop(struct vrrp_track_processes *all)
{
	if (!all)
		return;
	if (all->proc)
		(void)closedir(all->proc);
	if (all->more)
		event_free(all->more);
	free(all->tracks);
	free(all->names);
	free(all);
}

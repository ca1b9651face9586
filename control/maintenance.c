/* Servers held by files.
 *
 * Whatever inotify reports, the directory is read again as a whole: so a lost event, a full queue
 * and a rename are nothing special. Once a second the path is looked at besides: another directory
 * than the one that is watched is watched from then on, and one that has changed unnoticed (not
 * every file system tells) is read. A directory that is gone holds nobody; one that cannot be read
 * changes nothing.
 *
 * What is read is bounded; the directory has to be on a local file system, since this waits for it.
 * Names that belong to no server are told once each, but for those of editors. */
#include "control/maintenance.h"

#include "base/log.h"
#include "control/events.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ENTRIES = 4096, MAX_STRAYS = 64, EVENT_BYTES = 16384, NO_WATCH = -1 };

static const uint32_t events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
			       IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

/* A server's name, in all pools. */
struct name {
	const char *text;
	bool is_held; // as applied
	bool is_seen; // by the scan at hand
};

/* A name that belongs to no server, and was told. */
struct stray {
	char text[CONF_MAX_NAME + 1];
	bool is_seen;
};

struct ctl_maintenance {
	const char *path;
	int fd;    // inotify
	int watch; // or NO_WATCH
	struct event *readable;
	struct name *names; // sorted by text
	unsigned n_names;
	unsigned *name_of; // by id of a server
	struct stray strays[MAX_STRAYS];
	unsigned n_strays;
	struct stat watched; // the directory: which one
	struct stat seen;    // when it was last read
	int told_error;      // errno of what was last told about the directory
	bool is_too_large;
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void apply(struct ctl *ctl, struct name *name) ON_CONTROL;
static void apply_all(struct ctl *ctl) ON_CONTROL;
static void lose(struct ctl *ctl, int error) ON_CONTROL;
static void scan(struct ctl *ctl) ON_CONTROL;
static void look(struct ctl *ctl, bool must_scan) ON_CONTROL;
static void on_readable(evutil_socket_t fd, short what, void *arg) ON_CONTROL;

/* ---- names ----------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static struct name *find_name(const struct ctl_maintenance *m, const char *text)
{
	const struct name key = {.text = text};

	return bsearch(&key, m->names, m->n_names, sizeof(key), compare_names);
}

static int collect_names(const struct ctl *ctl, struct ctl_maintenance *m)
{
	unsigned n = 0;

	m->names = calloc((size_t)ctl->n_servers + 1, sizeof(*m->names));
	m->name_of = calloc((size_t)ctl->n_servers + 1, sizeof(*m->name_of));
	if (!m->names || !m->name_of)
		return -ENOMEM;
	for (unsigned i = 0; i < ctl->n_servers; i++)
		m->names[i].text = ctl->servers[i].conf->name;
	qsort(m->names, ctl->n_servers, sizeof(*m->names), compare_names);
	for (unsigned i = 0; i < ctl->n_servers; i++)
		if (n == 0 || strcmp(m->names[n - 1].text, m->names[i].text) != 0)
			m->names[n++] = m->names[i];
	m->n_names = n;
	for (unsigned i = 0; i < ctl->n_servers; i++)
		m->name_of[i] = (unsigned)(find_name(m, ctl->servers[i].conf->name) - m->names);
	return 0;
}

static bool is_of_an_editor(const char *text)
{
	size_t len = strlen(text);

	return text[0] == '.' || text[0] == '#' || (len > 0 && text[len - 1] == '~');
}

static void note_stray(struct ctl_maintenance *m, const char *text)
{
	struct stray *s;

	for (unsigned i = 0; i < m->n_strays; i++)
		if (strncmp(m->strays[i].text, text, CONF_MAX_NAME) == 0) {
			m->strays[i].is_seen = true;
			return;
		}
	if (m->n_strays == MAX_STRAYS || is_of_an_editor(text))
		return;
	s = &m->strays[m->n_strays++];
	(void)snprintf(s->text, sizeof(s->text), "%s", text);
	s->is_seen = true;
	log_warn("maintenance: %s/%s: no server has that name: it holds nobody", m->path, s->text);
}

/* Those that are gone would be told again. */
static void forget_strays(struct ctl_maintenance *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_strays; i++)
		if (m->strays[i].is_seen)
			m->strays[n++] = m->strays[i];
	m->n_strays = n;
}

/* ---- what is held ---------------------------------------------------------------------------- */

static void apply(struct ctl *ctl, struct name *name)
{
	const struct ctl_maintenance *m = ctl->maintenance;

	name->is_held = name->is_seen;
	ctl_event(ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_MAINTENANCE,
			.level = LOG_LEVEL_NOTICE,
			.object = name->text,
			.before = name->is_held ? "free" : "held",
			.after = name->is_held ? "held" : "free",
			.cause = "file"},
		"server %s: %s: file=%s/%s", name->text,
		name->is_held ? "taken out by a file" : "back: its file is gone", m->path,
		name->text);
	for (unsigned i = 0; i < ctl->n_servers; i++)
		if (&m->names[m->name_of[i]] == name)
			ctl_server_set_held(ctl, i, name->is_held);
}

static void apply_all(struct ctl *ctl)
{
	struct ctl_maintenance *m = ctl->maintenance;

	for (unsigned i = 0; i < m->n_names; i++)
		if (m->names[i].is_held != m->names[i].is_seen)
			apply(ctl, &m->names[i]);
	forget_strays(m);
}

/* What is there already and was not seen in time stays as it is. */
static void keep_unseen(struct ctl_maintenance *m)
{
	for (unsigned i = 0; i < m->n_names; i++)
		m->names[i].is_seen |= m->names[i].is_held;
	if (!m->is_too_large)
		log_error("maintenance: %s has more than %d entries: the rest is not read", m->path,
			MAX_ENTRIES);
	m->is_too_large = true;
}

static void unsee(struct ctl_maintenance *m)
{
	for (unsigned i = 0; i < m->n_names; i++)
		m->names[i].is_seen = false;
	for (unsigned i = 0; i < m->n_strays; i++)
		m->strays[i].is_seen = false;
}

/* 0; 1: there is more; -errno. */
static int read_entries(struct ctl_maintenance *m, DIR *dir)
{
	const struct dirent *entry;

	for (unsigned n = 0; n < MAX_ENTRIES; n++) {
		struct name *name;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		name = find_name(m, entry->d_name);
		if (name)
			name->is_seen = true;
		else
			note_stray(m, entry->d_name);
	}
	return 1;
}

/* Nobody is held if it is not there; if it cannot be read, who was held still is. */
static void lose(struct ctl *ctl, int error)
{
	struct ctl_maintenance *m = ctl->maintenance;
	const bool is_gone = error == ENOENT || error == ENOTDIR;

	if (m->told_error != error)
		log_warn("maintenance: %s: %s: %s until it can be read", m->path, strerror(error),
			is_gone ? "no file holds a server" : "nothing changes");
	m->told_error = error;
	m->seen = (struct stat){0}; // the next look reads it
	if (!is_gone)
		return;
	unsee(m);
	apply_all(ctl);
}

static void scan(struct ctl *ctl)
{
	struct ctl_maintenance *m = ctl->maintenance;
	DIR *dir = opendir(m->path);
	int r;

	if (!dir) {
		lose(ctl, errno);
		return;
	}
	unsee(m);
	r = read_entries(m, dir);
	(void)closedir(dir);
	if (r < 0) {
		lose(ctl, -r);
		return;
	}
	if (m->told_error != 0)
		log_notice("maintenance: %s can be read again", m->path);
	m->told_error = 0;
	if (r > 0)
		keep_unseen(m);
	else
		m->is_too_large = false;
	apply_all(ctl);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void unwatch(struct ctl_maintenance *m)
{
	if (m->watch != NO_WATCH)
		(void)inotify_rm_watch(m->fd, m->watch);
	m->watch = NO_WATCH;
}

/* Watches before it reads: what happens in between is read twice, not missed. */
static void look(struct ctl *ctl, bool must_scan)
{
	struct ctl_maintenance *m = ctl->maintenance;
	struct stat now;

	if (stat(m->path, &now) < 0) {
		int error = errno;

		unwatch(m);
		lose(ctl, error);
		return;
	}
	if (m->watch == NO_WATCH || !is_same(&now, &m->watched)) {
		unwatch(m);
		m->watch = inotify_add_watch(m->fd, m->path, events);
		if (m->watch < 0) {
			m->watch = NO_WATCH;
			lose(ctl, errno);
			return;
		}
		m->watched = now;
		must_scan = true;
	}
	if (!must_scan && is_unchanged(&now, &m->seen))
		return;
	m->seen = now;
	scan(ctl);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	char bytes[EVENT_BYTES];

	(void)what;
	(void)!read(fd, bytes, sizeof(bytes)); // more of them come in the next turn
	look(arg, true);
}

void ctl_maintenance_look(struct ctl *ctl)
{
	if (ctl->maintenance)
		look(ctl, false);
}

/* ---- life ------------------------------------------------------------------------------------ */

int ctl_maintenance_start(struct ctl *ctl)
{
	struct ctl_maintenance *m;
	int r;

	if (!ctl->conf->health.maintenance_dir)
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->path = ctl->conf->health.maintenance_dir;
	m->watch = NO_WATCH;
	ctl->maintenance = m;
	m->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	r = m->fd < 0 ? -errno : collect_names(ctl, m);
	if (r == 0) {
		m->readable = event_new(ctl->base, m->fd, EV_READ | EV_PERSIST, on_readable, ctl);
		r = m->readable && event_add(m->readable, NULL) == 0 ? 0 : -ENOMEM;
	}
	if (r < 0) {
		ctl_maintenance_stop(ctl);
		return r;
	}
	look(ctl, true);
	return 0;
}

void ctl_maintenance_stop(struct ctl *ctl)
{
	struct ctl_maintenance *m = ctl->maintenance;

	if (!m)
		return;
	if (m->readable)
		event_free(m->readable);
	if (m->fd >= 0)
		(void)close(m->fd);
	free(m->names);
	free(m->name_of);
	free(m);
	ctl->maintenance = NULL;
}

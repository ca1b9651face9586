/* The daemon's side of the spawner: start and end of the process, and the channels to it.
 *
 * A channel is one end of a pair of SOCK_SEQPACKET sockets: messages keep their bounds, and the end
 * of either side shows on the other, however it came. Nothing here waits but spawner_stop(). */
#include "base/spawn.h"

#include "base/spawn_wire.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of a channel, each way; as far as the kernel allows. */
enum { SOCKET_BYTES = 1 << 20, STOP_MS = 5000 };

struct spawn_channel {
	int fd;
};

struct spawner {
	struct spawn_channel channels[SPAWN_MAX_CHANNELS];
	unsigned n_channels;
	pid_t pid; // 0: none
};

/* ---- life ------------------------------------------------------------------------------------ */

static int find_user(const char *name, struct spawn_user *ret)
{
	const struct passwd *entry;
	struct spawn_user user = {.n_groups = SPAWN_MAX_GROUPS};

	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? -errno : -ENOENT;
	user.uid = entry->pw_uid;
	user.gid = entry->pw_gid;
	user.may_switch = geteuid() == 0;
	if (!user.may_switch && user.uid != geteuid())
		return -EPERM;
	// more groups than that: it has the first ones
	if (getgrouplist(name, user.gid, user.groups, &user.n_groups) < 0)
		user.n_groups = SPAWN_MAX_GROUPS;
	*ret = user;
	return 0;
}

/* The other end, or -errno. */
static int open_channel(struct spawn_channel *c)
{
	const int bytes = SOCKET_BYTES;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++)
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
			(void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	c->fd = ends[0];
	return ends[1];
}

static int start(struct spawner *s, const struct spawn_user *user)
{
	int others[SPAWN_MAX_CHANNELS];
	unsigned n = 0;
	int r = 0;

	for (; n < s->n_channels; n++) {
		r = open_channel(&s->channels[n]);
		if (r < 0)
			break;
		others[n] = r;
	}
	if (r >= 0) {
		const struct spawn_setup setup = {user, others, n};

		r = spawn_main_fork(&setup);
	}
	for (unsigned i = 0; i < n; i++)
		(void)close(others[i]);
	if (r < 0)
		return r;
	s->pid = r;
	return 0;
}

int spawner_start(const char *user, unsigned n_channels, struct spawner **ret)
{
	struct spawn_user found;
	struct spawner *s;
	int r;

	if (n_channels == 0 || n_channels > SPAWN_MAX_CHANNELS)
		return -EINVAL;
	r = find_user(user, &found);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->n_channels = n_channels;
	for (unsigned i = 0; i < n_channels; i++)
		s->channels[i].fd = -1;
	r = start(s, &found);
	if (r < 0) {
		spawner_stop(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* It has nothing to wait for but processes that were killed; one that does not go is left. */
static void wait_for_end(pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	for (unsigned ms = 0; ms < STOP_MS; ms += 2) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		(void)nanosleep(&pause, NULL);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

void spawner_stop(struct spawner *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_channels; i++)
		if (s->channels[i].fd >= 0)
			(void)close(s->channels[i].fd);
	if (s->pid > 0)
		wait_for_end(s->pid);
	free(s);
}

struct spawn_channel *spawner_channel(struct spawner *s, unsigned i)
{
	return &s->channels[i];
}

int spawner_pid(const struct spawner *s)
{
	return s->pid;
}

/* ---- a channel ------------------------------------------------------------------------------- */

static int send_message(const struct spawn_channel *c, const void *bytes, size_t len)
{
	if (send(c->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return -EAGAIN;
	default:
		return -EPIPE;
	}
}

int spawn_run(struct spawn_channel *c, const struct spawn_request *request)
{
	union spawn_buffer buffer;
	size_t len;
	int r;

	r = spawn_wire_encode(request, &buffer, &len);
	return r < 0 ? r : send_message(c, &buffer, len);
}

int spawn_cancel(struct spawn_channel *c, uint64_t id)
{
	const struct spawn_message message = {.kind = SPAWN_CANCEL, .id = id};

	return send_message(c, &message, sizeof(message));
}

int spawn_fd(const struct spawn_channel *c)
{
	return c->fd;
}

int spawn_take(struct spawn_channel *c, struct spawn_result *ret)
{
	struct spawn_result result;
	ssize_t n = recv(c->fd, &result, sizeof(result), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(result)) {
		*ret = result;
		return 1;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
}

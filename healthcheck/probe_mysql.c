/* The probe of check type `mysql`: up means that the login succeeds and, with `query`, that its
 * answer has at least one row.
 *
 * libmariadb's non-blocking calls run in a coroutine that yields when the server is to be waited
 * for. Two things it does not bound, so we stand between it and its socket (struct PVIO_METHODS
 * of its plugin interface): it reads on as long as there is anything, which would keep the loop
 * from everybody else; and it keeps what it reads. Here a probe reads TURN_BYTES a turn and
 * TOTAL_BYTES in all, then it has failed. There, too, is where the errno of what failed is seen.
 *
 * The server sees a login and a quit, and neither an aborted connection nor an unread error. Of the
 * rows, the first is read. What the server may ask of the client is restricted: no local files,
 * and only authentication that proves the password without sending it. caching_sha2_password is
 * none: without TLS it sends the password encrypted with a key that the server sends, whoever that
 * is. A server that proposes it gets mysql_native_password, and may ask for the account's own. No
 * TLS, no files of options, no reconnect. Memory of a running probe: 128 KiB of stack and
 * TOTAL_BYTES. */
#include "healthcheck/endpoint.h"
#include "healthcheck/probe.h"
#include "healthcheck/trace.h"

#include <errmsg.h>
#include <errno.h>
#include <event2/event.h>
#include <mysql.h>
#include <mysql/client_plugin.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#include <ma_pvio.h>

enum {
	TURN_BYTES = 64 * 1024,
	TOTAL_BYTES = 256 * 1024,
	STACK_BYTES = 128 * 1024,
	MAX_FIELDS = 4096, // of a row; MySQL has no more
	WORDS_LEN = 120,
	// of a call that is told to give up; one is enough, but for a library's bug
	MAX_RESUMES = 8,
};

enum phase { CONNECTING, QUERYING, FETCHING };

/* One probe under way. */
struct session {
	MYSQL mysql; // first: libmariadb gives it back to our methods
	const struct hc_probe_job *job;
	char host[ADDR_STR_LEN];      // as libmariadb wants it, to the end of the connect
	PVIO_METHODS methods;         // of this connection
	const PVIO_METHODS *original; // libmariadb's own
	enum phase phase;
	const char *step;
	struct event *event;
	size_t turn_left, total_left; // bytes that may be read
	int error;                    // positive errno of a system call that failed
	bool is_closed;               // by the server
	bool is_waiting;              // a call is suspended
	bool is_cancelled;
	/* Results of the phases' calls. */
	MYSQL *connected;
	int query_failed;
	MYSQL_RES *result;
	MYSQL_ROW row;
	bool is_over;
	struct hc_outcome outcome;
};

struct mysql_probe {
	struct session *session; // NULL: does not run
};

static const char connect_name[] = "connect", greeting_name[] = "greeting", login_name[] = "login",
		  query_name[] = "query", mysql_name[] = "mysql";

/* ---- between libmariadb and its socket ---------------------------------------------------- */

static struct session *session_of(const MARIADB_PVIO *pvio)
{
	return (struct session *)pvio->mysql;
}

static ssize_t give_up(int error)
{
	errno = error;
	return -1;
}

static void note_error(struct session *s)
{
	if (errno != EAGAIN && errno != EINTR)
		s->error = errno;
}

static ssize_t read_bounded(MARIADB_PVIO *pvio, uchar *bytes, size_t n)
{
	struct session *s = session_of(pvio);
	ssize_t r;

	if (s->is_cancelled || s->total_left == 0)
		return give_up(ECANCELED);
	if (s->turn_left == 0)
		return give_up(EAGAIN); // the rest wakes the loop again
	n = n < s->total_left ? n : s->total_left;
	n = n < s->turn_left ? n : s->turn_left;
	r = s->original->async_read(pvio, bytes, n);
	if (r < 0) {
		note_error(s);
		return r;
	}
	s->is_closed = r == 0;
	s->total_left -= (size_t)r;
	s->turn_left -= (size_t)r;
	return r;
}

static ssize_t write_noting(MARIADB_PVIO *pvio, const uchar *bytes, size_t n)
{
	struct session *s = session_of(pvio);
	ssize_t r;

	if (s->is_cancelled)
		return give_up(ECANCELED);
	if (s->step == greeting_name) // the client has nothing to say before
		s->step = login_name;
	r = s->original->async_write(pvio, bytes, n);
	if (r < 0)
		note_error(s);
	return r;
}

static my_bool connect_noting(MARIADB_PVIO *pvio, MA_PVIO_CINFO *to)
{
	struct session *s = (struct session *)to->mysql;
	my_bool has_failed = s->original->connect(pvio, to);

	if (has_failed)
		s->error = errno;
	else
		s->step = greeting_name;
	return has_failed;
}

/* Starts the connect with our methods in the place of the plugin's. Nobody else in this process
 * uses libmariadb, and the plugin has its own again before anything else may run. */
static int connect_start(struct session *s)
{
	const struct conf_check_own *own = &s->job->check->own;
	MARIADB_PVIO_PLUGIN *plugin = (MARIADB_PVIO_PLUGIN *)mysql_client_find_plugin(
		&s->mysql, "pvio_socket", MARIADB_CLIENT_PVIO_PLUGIN);
	PVIO_METHODS *original;
	int waits;

	if (!plugin)
		return 0; // s->connected stays NULL
	original = plugin->methods;
	s->original = original;
	s->methods = *original;
	s->methods.async_read = read_bounded;
	s->methods.async_write = write_noting;
	s->methods.connect = connect_noting;
	plugin->methods = &s->methods;
	waits = mysql_real_connect_start(&s->connected, &s->mysql, s->host, own->user,
		own->password, own->database, s->job->port, NULL, 0);
	plugin->methods = original;
	return waits;
}

/* ---- words -------------------------------------------------------------------------------- */

/* What a server says is anybody's text. */
static const char *clean(const char *text, char *buf)
{
	size_t n = 0;

	for (; text[n] && n < WORDS_LEN - 1; n++)
		buf[n] = text[n] >= ' ' && text[n] < 0x7f ? text[n] : '?';
	buf[n] = '\0';
	return buf;
}

static bool is_servers(unsigned number)
{
	return (number >= ER_ERROR_FIRST && number < CR_MIN_ERROR) ||
	       (number >= 3000 && number < CER_MIN_ERROR);
}

static struct hc_outcome server_error(const struct session *s, unsigned number, const char *text)
{
	char buf[WORDS_LEN];

	if (number == ER_ACCESS_DENIED_ERROR || number == ER_ACCESS_DENIED_NO_PASSWORD_ERROR)
		return hc_probe_failed(
			"%s: access denied for '%s'", mysql_name, s->job->check->own.user);
	return hc_probe_failed("%s: error %u: %s", mysql_name, number, clean(text, buf));
}

static struct hc_outcome failure(struct session *s)
{
	const unsigned number = mysql_errno(&s->mysql);
	const char *text = mysql_error(&s->mysql);
	char buf[WORDS_LEN];

	if (is_servers(number))
		return server_error(s, number, text);
	if (s->error)
		return hc_probe_error(s->step, s->error);
	if (s->is_closed)
		return hc_probe_failed("%s: closed by the server", s->step);
	if (s->total_left == 0)
		return hc_probe_failed("%s: more than %d KiB sent", s->step, TOTAL_BYTES / 1024);
	if (number == CR_PLUGIN_NOT_ALLOWED)
		return hc_probe_failed(
			"%s: the server asks for another kind of authentication", s->step);
	// out of memory is what absurd lengths lead to
	if (number == CR_MALFORMED_PACKET || number == CR_SERVER_LOST ||
		number == CR_OUT_OF_MEMORY || number == CR_UNKNOWN_ERROR || number == 0)
		return hc_probe_failed("%s: malformed answer", s->step);
	return hc_probe_failed("%s: %s", s->step, clean(text, buf));
}

/* ---- phases ------------------------------------------------------------------------------- */

static int end(struct session *s, struct hc_outcome outcome)
{
	s->outcome = outcome;
	s->is_over = true;
	return 0;
}

static int after_connect(struct session *s)
{
	const char *query = s->job->check->own.query;

	if (!s->connected)
		return end(s, failure(s));
	hc_trace_note(
		s->job->trace, "logged in, server version %s", mysql_get_server_info(&s->mysql));
	if (!query)
		return end(s, hc_probe_ok("logged in"));
	s->phase = QUERYING;
	s->step = query_name;
	hc_trace_bytes(s->job->trace, HC_TRACE_SENT, query, strlen(query));
	return mysql_real_query_start(&s->query_failed, &s->mysql, query, strlen(query));
}

static int after_query(struct session *s)
{
	const unsigned n_fields = mysql_field_count(&s->mysql);

	if (s->query_failed)
		return end(s, failure(s));
	if (n_fields > MAX_FIELDS)
		return end(s, hc_probe_failed("%s: malformed answer", s->step));
	if (n_fields > 0)
		s->result = mysql_use_result(&s->mysql);
	if (!s->result)
		return end(s, hc_probe_failed("%s: query returned no row", mysql_name));
	s->phase = FETCHING;
	return mysql_fetch_row_start(&s->row, s->result);
}

static int after_fetch(struct session *s)
{
	if (s->row)
		return end(s, hc_probe_ok("query returned a row"));
	if (mysql_errno(&s->mysql) != 0)
		return end(s, failure(s));
	return end(s, hc_probe_failed("%s: query returned no row", mysql_name));
}

/* Begins what follows a call that is complete. What to wait for, or 0. */
static int next(struct session *s)
{
	switch (s->phase) {
	case CONNECTING:
		return after_connect(s);
	case QUERYING:
		return after_query(s);
	case FETCHING:
		break;
	}
	return after_fetch(s);
}

/* Goes on with the suspended call. What to wait for, or 0: it is complete. */
static int resume(struct session *s, int ready)
{
	switch (s->phase) {
	case CONNECTING:
		return mysql_real_connect_cont(&s->connected, &s->mysql, ready);
	case QUERYING:
		return mysql_real_query_cont(&s->query_failed, &s->mysql, ready);
	case FETCHING:
		break;
	}
	return mysql_fetch_row_cont(&s->row, s->result, ready);
}

/* ---- the loop ----------------------------------------------------------------------------- */

/* A suspended call is told to give up; then nothing is left to wait for. */
static void give_up_call(struct session *s)
{
	s->is_cancelled = true;
	for (unsigned i = 0; i < MAX_RESUMES && s->is_waiting; i++)
		s->is_waiting = resume(s, MYSQL_WAIT_TIMEOUT) != 0;
}

static void close_session(struct session *s)
{
	int waits;

	if (s->event)
		event_free(s->event);
	give_up_call(s);
	if (s->result) {
		// the rest of the rows is not to be read
		s->result->handle = NULL;
		mysql_free_result(s->result);
	}
	// the quit, unless there is nobody to say it to
	s->is_cancelled = !s->is_over;
	waits = mysql_close_start(&s->mysql);
	s->is_cancelled = true;
	for (unsigned i = 0; i < MAX_RESUMES && waits; i++)
		waits = mysql_close_cont(&s->mysql, MYSQL_WAIT_TIMEOUT);
	free(s);
}

static void on_socket(evutil_socket_t fd, short what, void *arg);

/* False: no memory. */
static bool watch(struct mysql_probe *p, int waits)
{
	struct session *s = p->session;
	const short what = (short)((waits & MYSQL_WAIT_READ ? EV_READ : 0) |
				   (waits & MYSQL_WAIT_WRITE ? EV_WRITE : 0));

	// once: the call may close the descriptor when it goes on
	s->event = event_new(s->job->shared->base, mysql_get_socket(&s->mysql), what, on_socket, p);
	return s->event && event_add(s->event, NULL) == 0;
}

/* `waits` is what the last call waits for. True: the probe runs on. */
static bool advance(struct mysql_probe *p, int waits)
{
	struct session *s = p->session;

	while (!waits && !s->is_over)
		waits = next(s);
	s->is_waiting = waits != 0;
	if (!waits)
		return false;
	if (watch(p, waits))
		return true;
	s->outcome = hc_probe_error(s->step, ENOMEM);
	return false;
}

static struct hc_outcome finish(struct mysql_probe *p)
{
	struct hc_outcome outcome = p->session->outcome;

	hc_trace_note(p->session->job->trace, "%s", outcome.detail);
	close_session(p->session);
	p->session = NULL;
	return outcome;
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct mysql_probe *p = arg;
	struct session *s = p->session;
	const struct hc_probe_job *job = s->job;
	const int ready =
		(what & EV_READ ? MYSQL_WAIT_READ : 0) | (what & EV_WRITE ? MYSQL_WAIT_WRITE : 0);
	struct hc_outcome outcome;

	(void)fd;
	event_free(s->event);
	s->event = NULL;
	s->turn_left = TURN_BYTES;
	if (advance(p, resume(s, ready)))
		return;
	outcome = finish(p);
	job->on_done(job->arg, &outcome);
}

static void set_options(struct session *s)
{
	static const char authentication[] = "mysql_native_password,client_ed25519",
			  first_authentication[] = "mysql_native_password";
	const size_t stack_bytes = STACK_BYTES;
	const unsigned protocol = MYSQL_PROTOCOL_TCP, local_infile = 0;
	const unsigned long max_packet = TOTAL_BYTES;
	const struct addr *source = hc_endpoint_source(s->job);
	char text[ADDR_STR_LEN];

	(void)mysql_optionsv(&s->mysql, MYSQL_OPT_NONBLOCK, &stack_bytes);
	(void)mysql_optionsv(&s->mysql, MYSQL_OPT_PROTOCOL, &protocol);
	(void)mysql_optionsv(&s->mysql, MYSQL_OPT_LOCAL_INFILE, &local_infile);
	(void)mysql_optionsv(&s->mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
	(void)mysql_optionsv(&s->mysql, MARIADB_OPT_RESTRICTED_AUTH, authentication);
	(void)mysql_optionsv(&s->mysql, MYSQL_DEFAULT_AUTH, first_authentication);
	if (source)
		(void)mysql_optionsv(&s->mysql, MYSQL_OPT_BIND, addr_format(source, text));
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	struct mysql_probe *p = state;
	struct session *s = calloc(1, sizeof(*s));

	if (!s || !mysql_init(&s->mysql)) {
		free(s);
		*ret_outcome = hc_probe_error(connect_name, ENOMEM);
		return false;
	}
	p->session = s;
	s->job = job;
	s->step = connect_name;
	s->turn_left = TURN_BYTES;
	s->total_left = TOTAL_BYTES;
	(void)addr_format(&job->address, s->host);
	set_options(s);
	if (advance(p, connect_start(s)))
		return true;
	*ret_outcome = finish(p);
	return false;
}

static const char *step(const void *state)
{
	const struct mysql_probe *p = state;

	return p->session->step;
}

static void cancel(void *state)
{
	struct mysql_probe *p = state;

	close_session(p->session);
	p->session = NULL;
}

const struct hc_probe_ops *hc_probe_mysql_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct mysql_probe),
		.start = start,
		.step = step,
		.cancel = cancel,
	};

	return &ops;
}

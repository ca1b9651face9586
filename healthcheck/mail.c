/* The common course of mail probes: connection, commands, leave.
 *
 * The commands are said here and not by libcurl, for two reasons. Leave: libcurl takes it when it
 * closes a connection, and waits for the answer then and there, with the loop standing still.
 * Login: libcurl would rather use Kerberos, which waits for other servers, when a server offers it.
 *
 * A server that closes instead of answering the last command is fine; one that does neither, or
 * that goes on without an end, is not. An answer is read up to HC_MAIL_ANSWER_BYTES, in one turn of
 * the loop if it is all there. Secrets go neither into the trace nor into words, nor does what a
 * server says to them. */
#include "healthcheck/mail.h"

#include "healthcheck/trace.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool say_command(struct hc_mail *m) ON_HEALTH;
static int hear_answer(struct hc_mail *m, enum hc_mail_answer *ret_answer) ON_HEALTH;
static int take_line(struct hc_mail *m, enum hc_mail_answer *ret_answer) ON_HEALTH;
static void finish(struct hc_mail *m, const struct hc_outcome *outcome) ON_HEALTH;
static void go_on(void *arg) ON_HEALTH;
static void on_connected(void *arg, CURLcode code) ON_HEALTH;

/* The first line of `bytes`, what is not printable as '?'. */
static void copy_line(const char *bytes, size_t n, char *buf, size_t size)
{
	size_t i;

	for (i = 0; i < n && i + 1 < size && bytes[i] != '\r' && bytes[i] != '\n'; i++)
		buf[i] = bytes[i];
	buf[i] = '\0';
	for (i = 0; buf[i]; i++)
		buf[i] = isprint((unsigned char)buf[i]) ? buf[i] : '?';
}

/* The verb of a command: its first word, or behind a tag (IMAP) its second. */
static void note_command(struct hc_mail *m, const char *bytes, size_t n)
{
	char line[HC_MAIL_WORDS_LEN], tag[16], first[32] = "", second[32] = "";
	bool has_tag;

	copy_line(bytes, n, line, sizeof(line));
	(void)sscanf(line, "%31s %31s", first, second);
	has_tag = sscanf(first, "%*1[A-Z]%15[0-9]", tag) == 1;
	memcpy(m->verb, has_tag ? second : first, sizeof(m->verb));
	m->has_answer = false;
	m->n_helo += strcmp(m->verb, "HELO") == 0;
	(void)snprintf(m->step, sizeof(m->step), "answer to %s", m->verb);
}

static void note_line(struct hc_mail *m, const char *bytes, size_t n)
{
	m->has_answer = true;
	copy_line(bytes, n, m->line, sizeof(m->line));
	if (!m->has_greeting)
		memcpy(m->greeting, m->line, sizeof(m->greeting));
	m->has_greeting = true;
}

static void on_wire(void *arg, curl_infotype kind, const char *bytes, size_t n)
{
	if (kind == CURLINFO_HEADER_OUT)
		note_command(arg, bytes, n);
	else if (kind == CURLINFO_HEADER_IN)
		note_line(arg, bytes, n);
}

const char *hc_mail_step(const void *mail)
{
	const struct hc_mail *m = mail;

	if (m->is_connected)
		return m->step;
	if (!m->has_greeting)
		return hc_curl_step(&m->call, "greeting");
	// the answer to STARTTLS is there, so the handshake is what goes on
	if (m->has_answer && (strcmp(m->verb, "STARTTLS") == 0 || strcmp(m->verb, "STLS") == 0))
		return "tls";
	return m->verb[0] ? m->step : "greeting";
}

void hc_mail_cancel(void *mail)
{
	struct hc_mail *m = mail;

	hc_curl_close(&m->call);
	hc_talk_reset(&m->talk);
	explicit_bzero(m->command, sizeof(m->command));
}

static void finish(struct hc_mail *m, const struct hc_outcome *outcome)
{
	const struct hc_probe_job *job = m->job;

	hc_mail_cancel(m);
	job->on_done(job->arg, outcome);
}

/* ---- commands -------------------------------------------------------------------------------- */

/* False if there is no command left. */
static bool say_command(struct hc_mail *m)
{
	const char *secret = NULL;
	size_t shown;

	if (!m->dialect->command(m, m->i_command, m->command, &secret))
		return false;
	note_command(m, m->command, strlen(m->command));
	m->is_secret = secret != NULL;
	m->n_answer = 0;
	shown = secret ? (size_t)(secret - m->command) : strlen(m->command);
	hc_trace_bytes(m->job->trace, HC_TRACE_SENT, m->command, shown);
	if (secret)
		hc_trace_note(m->job->trace, "(what follows is not shown)");
	hc_talk_say(&m->talk, m->command, strlen(m->command));
	return true;
}

static bool is_last_command(const struct hc_mail *m)
{
	char next[HC_MAIL_COMMAND_LEN];
	const char *secret;
	const bool is_last = !m->dialect->command(m, m->i_command + 1, next, &secret);

	explicit_bzero(next, sizeof(next));
	return is_last;
}

/* Bytes of the line that may be shown. */
static size_t public_part(const struct hc_mail *m, const char *line, size_t n)
{
	unsigned n_words = 0;

	if (!m->is_secret)
		return n;
	for (size_t i = 0; i < n; i++) {
		n_words += line[i] == ' ' || line[i] == '\r' || line[i] == '\n';
		if (n_words == m->dialect->n_status_words)
			return i;
	}
	return 0;
}

/* 1: the answer is complete and *ret_answer; 0: it is not, yet. */
static int take_line(struct hc_mail *m, enum hc_mail_answer *ret_answer)
{
	const char *end = m->talk.heard ? memchr(m->talk.heard, '\n', m->talk.n_heard) : NULL;
	size_t n, n_shown;

	*ret_answer = HC_MAIL_MORE;
	if (!end)
		return 0;
	n = (size_t)(end + 1 - m->talk.heard);
	m->n_answer += n;
	n_shown = public_part(m, m->talk.heard, n);
	hc_trace_bytes(m->job->trace, HC_TRACE_RECEIVED, m->talk.heard, n_shown);
	note_line(m, m->talk.heard, n_shown);
	*ret_answer = m->dialect->read_line(m->talk.heard, n);
	hc_talk_use(&m->talk, n);
	return 1;
}

/* 0 and *ret_answer, or a negative errno: -EAGAIN, go_on() comes; -ENOBUFS: it is too long. */
static int hear_answer(struct hc_mail *m, enum hc_mail_answer *ret_answer)
{
	enum hc_mail_answer answer;
	int r = hc_talk_flush(&m->talk);

	if (r < 0)
		return r;
	do {
		while (take_line(m, &answer) == 0) {
			if (m->n_answer + m->talk.n_heard >= HC_MAIL_ANSWER_BYTES)
				return -ENOBUFS;
			r = hc_talk_hear(&m->talk);
			if (r < 0)
				return r;
		}
	} while (answer == HC_MAIL_MORE);
	*ret_answer = answer;
	return 0;
}

static void go_on(void *arg)
{
	struct hc_mail *m = arg;
	struct hc_outcome outcome = hc_probe_ok("%s", m->greeting);
	enum hc_mail_answer answer = HC_MAIL_YES;
	int r;

	for (;;) {
		const bool is_last = is_last_command(m);

		r = hear_answer(m, &answer);
		if (r == -EAGAIN)
			return;
		if (is_last && (r == 0 || r == -EPIPE || r == -ECONNRESET))
			break;
		if (r < 0) {
			outcome = hc_talk_failed(hc_mail_step(m), r);
			break;
		}
		if (answer == HC_MAIL_NO) {
			outcome = hc_probe_failed(
				"%s: %s: got \"%s\"", m->dialect->name, m->verb, m->line);
			break;
		}
		m->i_command++;
		(void)say_command(m);
	}
	finish(m, &outcome);
}

/* ---- the connection -------------------------------------------------------------------------- */

struct hc_outcome hc_mail_failed(const struct hc_mail *m, CURLcode code)
{
	const char *name = m->dialect->name;

	switch (code) {
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_REMOTE_ACCESS_DENIED:
		if (m->verb[0] && m->has_answer)
			return hc_probe_failed("%s: %s: got \"%s\"", name, m->verb, m->line);
		return hc_probe_failed("%s: greeting: got \"%s\"", name, m->greeting);
	case CURLE_USE_SSL_FAILED:
		if (strcmp(m->verb, "STARTTLS") == 0 || strcmp(m->verb, "STLS") == 0)
			return hc_probe_failed("%s: %s: got \"%s\"", name, m->verb, m->line);
		return hc_probe_failed("%s: no STARTTLS is offered", name);
	default:
		return hc_curl_outcome(&m->call, hc_mail_step(m), code);
	}
}

static void on_connected(void *arg, CURLcode code)
{
	struct hc_mail *m = arg;
	struct hc_outcome outcome;

	if (!m->dialect->judge_greeting(m, code, &outcome)) {
		finish(m, &outcome);
		return;
	}
	m->is_connected = true;
	(void)say_command(m); // there is always one: leave
	go_on(m);
}

bool hc_mail_start(struct hc_mail *m, const struct hc_mail_dialect *dialect,
	const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	char path[256] = "/";
	const struct hc_curl_setup setup = {
		.scheme = dialect->name,
		.path = path,
		.is_connection = true,
		.on_done = on_connected,
		.on_wire = on_wire,
		.arg = m,
	};
	int r;

	memset(m, 0, sizeof(*m));
	m->dialect = dialect;
	m->job = job;
	m->talk = (struct hc_talk){.call = &m->call, .on_ready = go_on};
	if (dialect->path)
		dialect->path(job, path, sizeof(path));
	r = hc_curl_open(&m->call, job, &setup);
	if (r == 0)
		r = hc_curl_start(&m->call);
	if (r == 0)
		return true;
	hc_mail_cancel(m);
	*ret_outcome = hc_probe_error(dialect->name, -r);
	return false;
}

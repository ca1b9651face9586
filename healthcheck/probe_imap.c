/* The probe of check type `imap`: up means a greeting, a login if a user is given (the command
 * LOGIN of RFC 9051 §6.2.3, which every server knows), and LOGOUT. */
#include "healthcheck/mail.h"
#include "healthcheck/probe.h"

#include <stdio.h>
#include <string.h>

/* Of the last command; libcurl's own tags have other letters or fewer digits. */
static const char tag[] = "P001 ";

static bool start(
	void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome) ON_HEALTH;

static bool judge_greeting(const struct hc_mail *m, CURLcode code, struct hc_outcome *ret_outcome)
{
	if (code != CURLE_OK)
		*ret_outcome = hc_mail_failed(m, code);
	return code == CURLE_OK;
}

/* A quoted string, RFC 9051 §4.3. Returns where it ends. */
static char *quote(char *at, const char *text)
{
	*at++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*at++ = '\\';
		*at++ = *text;
	}
	*at++ = '"';
	return at;
}

static bool command(const struct hc_mail *m, unsigned i, char *buf, const char **ret_secret)
{
	const struct conf_check_own *own = &m->job->check->own;
	char *at = buf;

	if (!own->user || i > 0) {
		(void)snprintf(buf, HC_MAIL_COMMAND_LEN, "%sLOGOUT\r\n", tag);
		return i == (own->user ? 1 : 0);
	}

	// there is room: the loader saw to the lengths of both
	at = stpcpy(stpcpy(at, tag), "LOGIN ");
	at = quote(at, own->user);
	*at++ = ' ';
	*ret_secret = at;
	at = quote(at, own->password);
	(void)stpcpy(at, "\r\n");
	return true;
}

/* "* ..." is untagged; the tagged one is the last (RFC 9051 §2.2.2). */
static enum hc_mail_answer read_line(const char *line, size_t n)
{
	const size_t n_tag = sizeof(tag) - 1;

	if (n < n_tag + 2 || memcmp(line, tag, n_tag) != 0)
		return HC_MAIL_MORE;
	return strncasecmp(line + n_tag, "OK", 2) == 0 ? HC_MAIL_YES : HC_MAIL_NO;
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	static const struct hc_mail_dialect dialect = {
		.name = "imap",
		.n_status_words = 2, // the tag, and yes or no
		.judge_greeting = judge_greeting,
		.command = command,
		.read_line = read_line,
	};

	return hc_mail_start(state, &dialect, job, ret_outcome);
}

const struct hc_probe_ops *hc_probe_imap_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct hc_mail),
		.start = start,
		.step = hc_mail_step,
		.cancel = hc_mail_cancel,
	};

	return &ops;
}

/* The probe of check type `smtp`: up means a greeting with an expected code, an EHLO that was
 * accepted (with STARTTLS: in clear, and again over TLS), and QUIT. A server's log has the EHLO and
 * the QUIT, and no lost connection. */
#include "healthcheck/codes.h"
#include "healthcheck/mail.h"
#include "healthcheck/probe.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static bool start(
	void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome) ON_HEALTH;

/* The name for EHLO. libcurl takes it from the URL's path, and undoes the %xx there. */
static void path(const struct hc_probe_job *job, char *buf, size_t size)
{
	const char *name = job->check->own.helo;
	size_t n = 1;

	for (; name && *name && n + 4 < size; name++) {
		if (isalnum((unsigned char)*name) || *name == '.' || *name == '-')
			buf[n++] = *name;
		else
			n += (size_t)snprintf(buf + n, size - n, "%%%02x", (unsigned char)*name);
	}
	buf[n] = '\0';
}

static bool judge_greeting(const struct hc_mail *m, CURLcode code, struct hc_outcome *ret_outcome)
{
	const struct conf_check_own *own = &m->job->check->own;
	const long greeting = strtol(m->greeting, NULL, 10);
	char codes[64];

	if (greeting != 0 && !hc_codes_has(own->expect, own->n_expect, greeting)) {
		*ret_outcome = hc_probe_failed("smtp: got %ld, expected %s", greeting,
			hc_codes_format(own->expect, own->n_expect, codes, sizeof(codes)));
		return false;
	}
	if (code != CURLE_OK) {
		*ret_outcome = hc_mail_failed(m, code);
		return false;
	}
	// libcurl makes do with HELO
	if (m->n_helo > 0)
		*ret_outcome = hc_probe_failed("smtp: EHLO refused");
	return m->n_helo == 0;
}

static bool command(const struct hc_mail *m, unsigned i, char *buf, const char **ret_secret)
{
	(void)m;
	(void)ret_secret;
	if (i > 0)
		return false;
	(void)snprintf(buf, HC_MAIL_COMMAND_LEN, "QUIT\r\n");
	return true;
}

/* RFC 5321 §4.2.1: "250-first", "250 last". */
static enum hc_mail_answer read_line(const char *line, size_t n)
{
	if (n > 3 && line[3] == '-')
		return HC_MAIL_MORE;
	return line[0] == '2' ? HC_MAIL_YES : HC_MAIL_NO;
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	static const struct hc_mail_dialect dialect = {
		.name = "smtp",
		.path = path,
		.judge_greeting = judge_greeting,
		.command = command,
		.read_line = read_line,
	};

	return hc_mail_start(state, &dialect, job, ret_outcome);
}

const struct hc_probe_ops *hc_probe_smtp_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct hc_mail),
		.start = start,
		.step = hc_mail_step,
		.cancel = hc_mail_cancel,
	};

	return &ops;
}

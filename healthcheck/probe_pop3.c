/* The probe of check type `pop3`: up means a greeting, a login if a user is given (USER and PASS,
 * RFC 1939 §7, which every server knows), and QUIT. */
#include "healthcheck/mail.h"
#include "healthcheck/probe.h"

#include <stdio.h>
#include <string.h>

static bool start(
	void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome) ON_HEALTH;

static bool judge_greeting(const struct hc_mail *m, CURLcode code, struct hc_outcome *ret_outcome)
{
	if (code != CURLE_OK)
		*ret_outcome = hc_mail_failed(m, code);
	return code == CURLE_OK;
}

static bool command(const struct hc_mail *m, unsigned i, char *buf, const char **ret_secret)
{
	const struct conf_check_own *own = &m->job->check->own;

	if (!own->user)
		i += 2;
	if (i == 0)
		(void)snprintf(buf, HC_MAIL_COMMAND_LEN, "USER %s\r\n", own->user);
	if (i == 1) {
		(void)snprintf(buf, HC_MAIL_COMMAND_LEN, "PASS %s\r\n", own->password);
		*ret_secret = buf + strlen("PASS ");
	}
	if (i == 2)
		(void)snprintf(buf, HC_MAIL_COMMAND_LEN, "QUIT\r\n");
	return i <= 2;
}

static enum hc_mail_answer read_line(const char *line, size_t n)
{
	return n > 3 && memcmp(line, "+OK", 3) == 0 ? HC_MAIL_YES : HC_MAIL_NO;
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	static const struct hc_mail_dialect dialect = {
		.name = "pop3",
		.n_status_words = 1,
		.judge_greeting = judge_greeting,
		.command = command,
		.read_line = read_line,
	};

	return hc_mail_start(state, &dialect, job, ret_outcome);
}

const struct hc_probe_ops *hc_probe_pop3_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct hc_mail),
		.start = start,
		.step = hc_mail_step,
		.cancel = hc_mail_cancel,
	};

	return &ops;
}

#pragma once

#include "conf/model.h"
#include "healthcheck/curl.h"
#include "healthcheck/talk.h"

/* What the probes of mail servers have in common: libcurl makes the connection, with its greeting,
 * its EHLO, CAPABILITY or CAPA, and STARTTLS; what follows is a few commands with one answer each,
 * the last of which takes leave. */

enum {
	/* The longest login: a verb, user and password with each of their bytes escaped. */
	HC_MAIL_COMMAND_LEN = 2 * (CONF_MAX_USER + CONF_MAX_SECRET) + 32,
	HC_MAIL_ANSWER_BYTES = 65536, // of one answer, all of its lines; more is a failure
	HC_MAIL_WORDS_LEN = 80,
};

enum hc_mail_answer {
	HC_MAIL_MORE, // the line is not the answer's last
	HC_MAIL_YES,
	HC_MAIL_NO,
};

struct hc_mail;

struct hc_mail_dialect {
	const char *name; // "smtp"; libcurl's scheme, too
	/* Words a line of an answer begins with that say yes or no ("P001 NO": 2). Of the answer
	 * to a secret no more is kept: what follows may repeat it. */
	unsigned n_status_words;
	/* The path of libcurl's URL, "/..."; NULL: "/". */
	void (*path)(const struct hc_probe_job *job, char *buf, size_t size);
	/* Looks at the made connection, or at the failure (`code`): true if all is well so far. */
	bool (*judge_greeting)(
		const struct hc_mail *m, CURLcode code, struct hc_outcome *ret_outcome);
	/* Command i after the connection was made, ended by CR LF; false: there is none. What not
	 * all may read begins at *ret_secret. */
	bool (*command)(const struct hc_mail *m, unsigned i, char *buf, const char **ret_secret);
	enum hc_mail_answer (*read_line)(const char *line, size_t n);
};

struct hc_mail {
	const struct hc_mail_dialect *dialect;
	const struct hc_probe_job *job;
	struct hc_curl_call call;
	struct hc_talk talk;
	bool is_connected;
	bool has_greeting;
	bool has_answer;                   // since the last command
	char greeting[HC_MAIL_WORDS_LEN];  // its first line
	char line[HC_MAIL_WORDS_LEN];      // the last line that came
	char verb[32];                     // of the last command; "" before the first
	char step[64];                     // "answer to EHLO"
	unsigned n_helo;                   // libcurl fell back to HELO
	unsigned i_command;                // of the dialect's
	bool is_secret;                    // a part of the command under way
	size_t n_answer;                   // bytes of the answer to it that were looked at
	char command[HC_MAIL_COMMAND_LEN]; // under way
};

bool hc_mail_start(struct hc_mail *m, const struct hc_mail_dialect *dialect,
	const struct hc_probe_job *job, struct hc_outcome *ret_outcome) ON_HEALTH;
const char *hc_mail_step(const void *mail) ANY_THREAD;
void hc_mail_cancel(void *mail) ON_HEALTH;

/* What libcurl's failure means if the greeting is not to blame. */
struct hc_outcome hc_mail_failed(const struct hc_mail *m, CURLcode code) ANY_THREAD;

/* PCRE2 with bounds. One thread uses a pattern at a time: the room for the result is part of it.
 *
 * PCRE2's own limit of steps is one for each place where a match may start: not a bound for
 * 64 KiB of them. The time is, and the steps of the pattern look at it: of the processor, so that
 * a busy machine does not make a pattern fail. */
#include "healthcheck/regex.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A step may walk over all the bytes: some 50 microseconds for 64 KiB. */
enum { MAX_STEPS = 100000, MAX_HEAP_KIB = 1024, STEPS_A_LOOK = 32 };

struct hc_regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	/* Of the match under way, or the last. */
	unsigned n_steps;
	int64_t start_us;
	int64_t took_us;
};

static int64_t cpu_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* PCRE2 calls it before each item of the pattern, wherever it tries it. */
static int on_step(pcre2_callout_block *block, void *arg)
{
	struct hc_regex *regex = arg;

	(void)block;
	if (++regex->n_steps % STEPS_A_LOOK != 0 || cpu_us() - regex->start_us < HC_REGEX_MAX_US)
		return 0;
	return PCRE2_ERROR_CALLOUT;
}

int hc_regex_new(const char *pattern, struct hc_regex **ret)
{
	struct hc_regex *regex = calloc(1, sizeof(*regex));
	int error, r = -ENOMEM;
	size_t at;

	if (!regex)
		return -ENOMEM;
	regex->code = pcre2_compile(
		(PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_AUTO_CALLOUT, &error, &at, NULL);
	if (!regex->code) {
		r = error == PCRE2_ERROR_HEAP_FAILED ? -ENOMEM : -EINVAL;
		goto free_regex;
	}
	regex->data = pcre2_match_data_create(1, NULL);
	regex->limits = pcre2_match_context_create(NULL);
	if (!regex->data || !regex->limits)
		goto free_regex;
	(void)pcre2_set_match_limit(regex->limits, MAX_STEPS);
	(void)pcre2_set_heap_limit(regex->limits, MAX_HEAP_KIB);
	(void)pcre2_set_callout(regex->limits, on_step, regex);
	*ret = regex;
	return 0;

free_regex:
	hc_regex_free(regex);
	return r;
}

void hc_regex_free(struct hc_regex *regex)
{
	if (!regex)
		return;
	pcre2_match_context_free(regex->limits);
	pcre2_match_data_free(regex->data);
	pcre2_code_free(regex->code);
	free(regex);
}

int hc_regex_match(struct hc_regex *regex, const void *bytes, size_t n, size_t *ret_end)
{
	int r;

	regex->n_steps = 0;
	regex->start_us = cpu_us();
	r = pcre2_match(regex->code, bytes, n, 0, 0, regex->data, regex->limits);
	regex->took_us = cpu_us() - regex->start_us;
	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	if (r == PCRE2_ERROR_NOMEMORY)
		return -ENOMEM;
	if (r < 0)
		return -ELOOP;
	if (ret_end)
		*ret_end = pcre2_get_ovector_pointer(regex->data)[1];
	return 1;
}

int64_t hc_regex_took_us(const struct hc_regex *regex)
{
	return regex->took_us;
}

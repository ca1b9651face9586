/* Groups targets that would run the identical check: same address, same port, and checks that
 * do the same, whatever they are called. Eleven services of one host with one check of one port
 * are one probe. Decides nothing about time. */
#include "healthcheck/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return compare_numbers(a != NULL, b != NULL);
	return strcmp(a, b);
}

static int compare_bytes(const struct conf_bytes *a, const struct conf_bytes *b)
{
	const int order = compare_numbers(a->length, b->length);

	return order != 0 || a->length == 0 ? order : memcmp(a->bytes, b->bytes, a->length);
}

static int compare_addresses(const struct addr *a, bool has_a, const struct addr *b, bool has_b)
{
	return has_a && has_b ? addr_compare(a, b) : compare_numbers(has_a, has_b);
}

static int compare_codes(
	const struct conf_codes *a, unsigned n_a, const struct conf_codes *b, unsigned n_b)
{
	int order = compare_numbers(n_a, n_b);

	for (unsigned i = 0; i < n_a && order == 0; i++) {
		order = compare_numbers(a[i].first, b[i].first);
		if (order == 0)
			order = compare_numbers(a[i].last, b[i].last);
	}
	return order;
}

static int compare_requests(const struct conf_check_own *a, const struct conf_check_own *b)
{
	int order = compare_numbers(a->n_requests, b->n_requests);

	for (unsigned i = 0; i < a->n_requests && order == 0; i++) {
		const struct conf_http_request *x = &a->requests[i], *y = &b->requests[i];
		const char *const texts[][2] = {{x->method, y->method}, {x->path, y->path},
			{x->host, y->host}, {x->body, y->body}, {x->body_sha256, y->body_sha256}};

		order = compare_codes(x->expect, x->n_expect, y->expect, y->n_expect);
		for (unsigned t = 0; t < LENGTH(texts) && order == 0; t++)
			order = compare_texts(texts[t][0], texts[t][1]);
	}
	return order;
}

static int compare_steps(const struct conf_check_own *a, const struct conf_check_own *b)
{
	int order = compare_numbers(a->n_steps, b->n_steps);

	for (unsigned i = 0; i < a->n_steps && order == 0; i++) {
		const struct conf_text_step *x = &a->steps[i], *y = &b->steps[i];

		order = compare_numbers(x->is_send, y->is_send);
		if (order == 0)
			order = compare_bytes(&x->send, &y->send);
		if (order == 0)
			order = compare_texts(x->expect, y->expect);
	}
	return order;
}

static int compare_commands(const struct conf_check_own *a, const struct conf_check_own *b)
{
	int order = compare_numbers(a->n_command, b->n_command);

	for (unsigned i = 0; i < a->n_command && order == 0; i++)
		order = compare_texts(a->command[i], b->command[i]);
	return order;
}

static int compare_own(const struct conf_check_own *a, const struct conf_check_own *b)
{
	const uint64_t numbers[][2] = {{a->tls, b->tls}, {a->verify, b->verify},
		{a->record, b->record}, {a->transport, b->transport},
		{a->dynamic_weight, b->dynamic_weight}};
	const char *const texts[][2] = {{a->sni, b->sni}, {a->ca_file, b->ca_file},
		{a->user, b->user}, {a->password, b->password}, {a->helo, b->helo},
		{a->base, b->base}, {a->filter, b->filter}, {a->database, b->database},
		{a->query, b->query}, {a->name, b->name}, {a->receive, b->receive}};
	int order = 0;

	for (unsigned i = 0; i < LENGTH(numbers) && order == 0; i++)
		order = compare_numbers(numbers[i][0], numbers[i][1]);
	for (unsigned i = 0; i < LENGTH(texts) && order == 0; i++)
		order = compare_texts(texts[i][0], texts[i][1]);
	if (order == 0)
		order = compare_codes(a->expect, a->n_expect, b->expect, b->n_expect);
	if (order == 0)
		order = compare_requests(a, b);
	if (order == 0)
		order = compare_bytes(&a->send, &b->send);
	if (order == 0)
		order = compare_steps(a, b);
	return order != 0 ? order : compare_commands(a, b);
}

/* Every field that changes what a probe does or what its results lead to stands here and above;
 * not the name, and neither check->port nor ->address, which are settled in hc_target. */
static int compare_checks(const struct conf_check *a, const struct conf_check *b)
{
	const uint64_t keys[][2] = {
		{a->type, b->type},
		{a->interval_ms, b->interval_ms},
		{a->timeout_ms, b->timeout_ms},
		{a->retry_ms, b->retry_ms},
		{a->fall, b->fall},
		{a->rise, b->rise},
	};
	int order = 0;

	if (a == b)
		return 0;
	for (unsigned i = 0; i < LENGTH(keys) && order == 0; i++)
		order = compare_numbers(keys[i][0], keys[i][1]);
	for (unsigned f = 0; f < CONF_N_FAMILIES && order == 0; f++)
		order = compare_addresses(
			&a->source[f], a->has_source[f], &b->source[f], b->has_source[f]);
	return order != 0 ? order : compare_own(&a->own, &b->own);
}

/* A kind that has no use for a port is the same probe whatever the service's. */
static uint16_t port_of(const struct hc_target *t)
{
	return t->check->type == CONF_CHECK_PING ? 0 : t->port;
}

static int compare_probes(const struct hc_target *a, const struct hc_target *b)
{
	int order = addr_compare(&a->address, &b->address);

	if (order == 0)
		order = compare_numbers(port_of(a), port_of(b));
	if (order == 0)
		order = compare_checks(a->check, b->check);
	return order;
}

/* For qsort(): the caller's order within one probe, so that reports come in that order. */
static int compare_targets(const void *left, const void *right)
{
	const struct hc_target *a = *(const struct hc_target *const *)left;
	const struct hc_target *b = *(const struct hc_target *const *)right;
	int order = compare_probes(a, b);

	return order != 0 ? order : (a > b) - (a < b);
}

int hc_plan_init(const struct hc_target *targets, unsigned n, struct hc_plan *ret_plan)
{
	const struct hc_target **sorted = calloc((size_t)n + 1, sizeof(*sorted));
	unsigned *first = calloc((size_t)n + 1, sizeof(*first));
	unsigned n_probes = 0;

	if (!sorted || !first) {
		free(sorted);
		free(first);
		return -ENOMEM;
	}

	for (unsigned i = 0; i < n; i++)
		sorted[i] = &targets[i];
	qsort(sorted, n, sizeof(*sorted), compare_targets);
	for (unsigned i = 0; i < n; i++) {
		if (i == 0 || compare_probes(sorted[i - 1], sorted[i]) != 0)
			first[n_probes++] = i;
	}
	first[n_probes] = n;

	*ret_plan = (struct hc_plan){
		.sorted = sorted, .n_sorted = n, .first = first, .n_probes = n_probes};
	return 0;
}

void hc_plan_fini(struct hc_plan *plan)
{
	free(plan->sorted);
	free(plan->first);
}

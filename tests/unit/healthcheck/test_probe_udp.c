/* The probe `udp` against a socket of the test on loopback, which answers as it is told. */
#include "healthcheck/endpoint.h"
#include "loopback.h"
#include "one_probe.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 150 };

/* Answers each datagram with `answer`, if there is one. */
struct answerer {
	int fd;
	int via; // the socket that answers; its own, mostly
	struct event *readable;
	struct conf_bytes answer;
	char got[64];
	ssize_t n_got;
	struct addr from;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct answerer *a = arg;
	union hc_endpoint from;
	socklen_t len = sizeof(from);

	(void)what;
	a->n_got = recvfrom(fd, a->got, sizeof(a->got), 0, &from.any, &len);
	assert_true(a->n_got >= 0);
	a->from = from.any.sa_family == AF_INET ? addr_from_v4(from.v4.sin_addr.s_addr)
						: addr_from_v6(&from.v6.sin6_addr);
	if (a->answer.bytes)
		assert_true(
			sendto(a->via, a->answer.bytes, a->answer.length, 0, &from.any, len) >= 0);
}

static uint16_t answerer_start(struct answerer *a, struct event_base *base, const char *address)
{
	const struct addr at = loopback_addr(address);
	union hc_endpoint own;
	socklen_t len = hc_endpoint_fill(&at, 0, &own);

	*a = (struct answerer){.fd = socket(own.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
	a->via = a->fd;
	assert_true(a->fd >= 0);
	assert_int_equal(bind(a->fd, &own.any, len), 0);
	assert_int_equal(getsockname(a->fd, &own.any, &len), 0);
	a->readable = event_new(base, a->fd, EV_READ | EV_PERSIST, on_readable, a);
	assert_int_equal(event_add(a->readable, NULL), 0);
	return ntohs(own.any.sa_family == AF_INET ? own.v4.sin_port : own.v6.sin6_port);
}

static void answerer_stop(struct answerer *a)
{
	event_free(a->readable);
	(void)close(a->fd);
}

static struct conf_check check_for(const char *receive)
{
	return (struct conf_check){.type = CONF_CHECK_UDP,
		.timeout_ms = TIMEOUT_MS,
		.own = {.send = {.bytes = "pi\0ng", .length = 5}, .receive = receive}};
}

static void judge_answer(const char *receive, const struct conf_bytes *answer,
	enum hc_result result, const char *detail)
{
	const struct conf_check check = check_for(receive);
	struct one_probe p;
	struct answerer a;
	uint16_t port;

	one_probe_init(&p, hc_probe_udp_ops(), &check, "127.0.0.1");
	port = answerer_start(&a, p.base, "127.0.0.1");
	a.answer = *answer;
	one_probe_expect(&p, port, result, detail);
	assert_int_equal(a.n_got, 5);
	assert_memory_equal(a.got, "pi\0ng", 5);
	answerer_stop(&a);
	one_probe_fini(&p);
}

static void answer_is_matched_with_receive(void **state)
{
	const struct conf_bytes pong = {.bytes = "pong\0 7", .length = 7};
	const struct conf_bytes empty = {.bytes = "", .length = 0};

	(void)state;
	judge_answer("^pong\\x00 [0-9]$", &pong, HC_OK, "answered");
	judge_answer("^ping", &pong, HC_FAILED, "udp: the answer does not match");
	judge_answer("^pong", &empty, HC_FAILED, "udp: the answer does not match");
	judge_answer("^$", &empty, HC_OK, "answered");
	judge_answer(NULL, &pong, HC_OK, "answered");
	judge_answer(NULL, &empty, HC_OK, "answered");
}

static void pattern_that_explodes_is_a_failure_in_little_time(void **state)
{
	char bytes[2000];
	const struct conf_bytes answer = {.bytes = bytes, .length = sizeof(bytes)};
	const int64_t start_ms = now_ms();

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	judge_answer("^(a+)+(?:b|c)$", &answer, HC_FAILED, "udp: the pattern takes too long");
	assert_true(now_ms() - start_ms < 2000);
}

static void silence_is_up_only_without_receive(void **state)
{
	const struct conf_bytes none = {0};

	(void)state;
	judge_answer(NULL, &none, HC_OK, "no answer, and no error either");
	judge_answer("x", &none, HC_FAILED, "udp: timed out after 150ms");
}

static void port_where_nobody_listens_is_down_at_once(void **state)
{
	static const char *const patterns[] = {NULL, "x"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct conf_check check = check_for(patterns[i]);
		struct one_probe p;
		struct answerer a;
		uint16_t port;

		one_probe_init(&p, hc_probe_udp_ops(), &check, "127.0.0.1");
		port = answerer_start(&a, p.base, "127.0.0.1");
		answerer_stop(&a);
		one_probe_expect(&p, port, HC_FAILED, "udp: refused");
		assert_false(p.has_timed_out);
		one_probe_fini(&p);
	}
}

static void datagrams_of_others_are_not_the_answer(void **state)
{
	const struct conf_check check = check_for("pong");
	struct one_probe p;
	struct answerer a, other;
	uint16_t port;

	(void)state;
	one_probe_init(&p, hc_probe_udp_ops(), &check, "127.0.0.1");
	port = answerer_start(&a, p.base, "127.0.0.1");
	(void)answerer_start(&other, p.base, "127.0.0.1");
	a.answer = (struct conf_bytes){.bytes = "pong", .length = 4};
	a.via = other.fd;
	one_probe_expect(&p, port, HC_FAILED, "udp: timed out after 150ms");
	answerer_stop(&other);
	answerer_stop(&a);
	one_probe_fini(&p);
}

static void probe_comes_from_the_source_address(void **state)
{
	struct conf_check check = check_for(NULL);
	const struct conf_bytes pong = {.bytes = "pong", .length = 4};
	struct one_probe p;
	struct answerer a;
	uint16_t port;

	(void)state;
	check.has_source[CONF_V4] = true;
	check.source[CONF_V4] = loopback_addr("127.0.0.7");
	one_probe_init(&p, hc_probe_udp_ops(), &check, "127.0.0.1");
	port = answerer_start(&a, p.base, "127.0.0.1");
	a.answer = pong;
	one_probe_expect(&p, port, HC_OK, "answered");
	assert_true(addr_equal(&a.from, &check.source[CONF_V4]));
	check.source[CONF_V4] = loopback_addr("203.0.113.77"); // not of this machine
	one_probe_expect(&p, port, HC_NOT_MADE, "not probed: no local address or port is free");
	answerer_stop(&a);
	one_probe_fini(&p);
}

static void v6_works_as_v4_does(void **state)
{
	const struct conf_check check = check_for("^pong$");
	struct one_probe p;
	struct answerer a;
	uint16_t port;

	(void)state;
	if (!loopback_has_v6())
		skip();
	one_probe_init(&p, hc_probe_udp_ops(), &check, "::1");
	port = answerer_start(&a, p.base, "::1");
	a.answer = (struct conf_bytes){.bytes = "pong", .length = 4};
	one_probe_expect(&p, port, HC_OK, "answered");
	answerer_stop(&a);
	one_probe_expect(&p, port, HC_FAILED, "udp: refused");
	one_probe_fini(&p);
}

static void cancelled_probe_leaves_nothing(void **state)
{
	const struct conf_check check = check_for("pong");
	struct one_probe p;
	struct answerer a;
	unsigned n;
	uint16_t port;

	(void)state;
	one_probe_init(&p, hc_probe_udp_ops(), &check, "127.0.0.1");
	port = answerer_start(&a, p.base, "127.0.0.1");
	a.answer = (struct conf_bytes){.bytes = "pong", .length = 4};
	one_probe_expect(&p, port, HC_OK, "answered");
	n = count_descriptors();
	for (unsigned turns = 0; turns < 4; turns++)
		one_probe_cut_off(&p, port, turns);
	assert_int_equal(count_descriptors(), n);
	answerer_stop(&a);
	one_probe_fini(&p);
}

static void pattern_that_is_none_is_refused_at_init(void **state)
{
	const struct conf_check check = check_for("(");
	const struct hc_probe_job job = {.check = &check};
	void *probe = calloc(1, hc_probe_udp_ops()->state_bytes);

	(void)state;
	assert_int_equal(hc_probe_udp_ops()->init(probe, &job), -EINVAL);
	free(probe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_is_matched_with_receive),
		cmocka_unit_test(pattern_that_explodes_is_a_failure_in_little_time),
		cmocka_unit_test(silence_is_up_only_without_receive),
		cmocka_unit_test(port_where_nobody_listens_is_down_at_once),
		cmocka_unit_test(datagrams_of_others_are_not_the_answer),
		cmocka_unit_test(probe_comes_from_the_source_address),
		cmocka_unit_test(v6_works_as_v4_does),
		cmocka_unit_test(cancelled_probe_leaves_nothing),
		cmocka_unit_test(pattern_that_is_none_is_refused_at_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The probe `dns` against servers of the test on loopback, UDP and TCP, which turn the query
 * into an answer by the case's script. */
#include "healthcheck/endpoint.h"
#include "loopback.h"
#include "one_probe.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 200, MESSAGE_BYTES = 512, QUERY_HEADER = 12 };

/* How the server answers. */
enum script {
	ANSWERS,
	NO_RECORD, // only a CNAME
	NXDOMAIN,
	SERVFAIL,
	REFUSED,
	TRUNCATED, // TC, and no record
	CUT_SHORT, // a record that is not all there
	EMPTY,     // no byte (over TCP: a length of 0)
	WRONG_ID,
	OTHER_NAME, // another question
	GARBAGE,
	SILENT,
	IN_PIECES, // TCP: a byte at a time
	HALF,      // TCP: the first half, then the end
	RESETS,    // TCP
	CLOSES,    // TCP
	FLOODS,    // answers of wrong identifier without end
};

struct dns_server {
	struct event_base *base;
	enum script script;
	bool is_tcp;
	int fd, client; // client: of TCP
	struct event *event, *client_event;
	struct addr from;
	unsigned n_queries;
};

/* Makes the answer to a query of n bytes in place; its length. */
static size_t make_answer(enum script script, uint8_t *m, size_t n)
{
	static const uint8_t a[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
	static const uint8_t cname[] = {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12};

	m[2] |= 0x80;
	if (script == NXDOMAIN || script == SERVFAIL || script == REFUSED) {
		m[3] |= script == NXDOMAIN ? 3 : script == SERVFAIL ? 2 : 5;
		return n;
	}
	if (script == TRUNCATED) {
		m[2] |= 0x02;
		return n;
	}
	if (script == EMPTY)
		return 0;
	if (script == GARBAGE) {
		memset(m, 0xff, n);
		return n;
	}
	if (script == WRONG_ID || script == FLOODS)
		m[0] ^= 0x55;
	if (script == OTHER_NAME)
		m[QUERY_HEADER + 1] ^= 1;
	m[7] = 1;
	if (script == NO_RECORD) {
		memcpy(m + n, cname, sizeof(cname));
		return n + sizeof(cname);
	}
	memcpy(m + n, a, sizeof(a));
	return n + sizeof(a) - (script == CUT_SHORT ? 2 : 0);
}

static struct addr address_of(const union hc_endpoint *e)
{
	return e->any.sa_family == AF_INET ? addr_from_v4(e->v4.sin_addr.s_addr)
					   : addr_from_v6(&e->v6.sin6_addr);
}

static void on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct dns_server *s = arg;
	uint8_t m[MESSAGE_BYTES];
	union hc_endpoint from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, m, sizeof(m) / 2, 0, &from.any, &len);
	size_t n_answer;

	(void)what;
	assert_true(n > QUERY_HEADER);
	s->n_queries++;
	s->from = address_of(&from);
	if (s->script == SILENT)
		return;
	n_answer = make_answer(s->script, m, (size_t)n);
	for (unsigned i = 0; i < (s->script == FLOODS ? 100 : 1); i++)
		assert_true(sendto(fd, m, n_answer, 0, &from.any, len) >= 0);
}

static void drop_client(struct dns_server *s)
{
	if (s->client_event)
		event_free(s->client_event);
	s->client_event = NULL;
	if (s->client >= 0)
		(void)close(s->client);
	s->client = -1;
}

static void answer_tcp(struct dns_server *s, uint8_t *framed, size_t n)
{
	const size_t n_answer = make_answer(s->script, framed + 2, n - 2), all = n_answer + 2;

	framed[0] = (uint8_t)(n_answer >> 8);
	framed[1] = (uint8_t)n_answer;
	if (s->script == HALF) {
		assert_int_equal(send(s->client, framed, all / 2, MSG_NOSIGNAL), all / 2);
		drop_client(s);
		return;
	}
	if (s->script != IN_PIECES) {
		assert_int_equal(send(s->client, framed, all, MSG_NOSIGNAL), all);
		return;
	}
	for (size_t i = 0; i < all; i++)
		assert_int_equal(send(s->client, framed + i, 1, MSG_NOSIGNAL), 1);
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	struct dns_server *s = arg;
	uint8_t m[MESSAGE_BYTES];
	ssize_t n = recv(fd, m, sizeof(m) / 2, 0);

	(void)what;
	if (n <= 0 || s->script == CLOSES) {
		drop_client(s);
		return;
	}
	s->n_queries++;
	if (s->script == RESETS) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		drop_client(s);
		return;
	}
	if (s->script != SILENT)
		answer_tcp(s, m, (size_t)n);
}

static void on_tcp(evutil_socket_t fd, short what, void *arg)
{
	struct dns_server *s = arg;
	union hc_endpoint from;
	socklen_t len = sizeof(from);
	int client = accept(fd, &from.any, &len);

	(void)what;
	assert_true(client >= 0);
	s->from = address_of(&from);
	drop_client(s);
	s->client = client;
	s->client_event = event_new(s->base, s->client, EV_READ | EV_PERSIST, on_client, s);
	assert_int_equal(event_add(s->client_event, NULL), 0);
}

static uint16_t dns_server_start(
	struct dns_server *s, struct event_base *base, const char *address, bool is_tcp)
{
	const struct addr at = loopback_addr(address);
	union hc_endpoint own;
	socklen_t len = hc_endpoint_fill(&at, 0, &own);

	*s = (struct dns_server){.base = base, .is_tcp = is_tcp, .client = -1};
	s->fd = socket(own.any.sa_family,
		(is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, &own.any, len), 0);
	if (is_tcp)
		assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, &own.any, &len), 0);
	s->event = event_new(base, s->fd, EV_READ | EV_PERSIST, is_tcp ? on_tcp : on_udp, s);
	assert_int_equal(event_add(s->event, NULL), 0);
	return ntohs(own.any.sa_family == AF_INET ? own.v4.sin_port : own.v6.sin6_port);
}

static void dns_server_stop(struct dns_server *s)
{
	drop_client(s);
	event_free(s->event);
	(void)close(s->fd);
}

static struct conf_check check_for(bool is_tcp)
{
	return (struct conf_check){.type = CONF_CHECK_DNS,
		.timeout_ms = TIMEOUT_MS,
		.own = {.name = "www.example.net",
			.record = CONF_DNS_A,
			.transport = is_tcp ? CONF_PROTO_TCP : CONF_PROTO_UDP}};
}

struct cell {
	enum script script;
	enum hc_result result;
	const char *detail;
};

static void judge_cells(bool is_tcp, const struct cell *cells, size_t n)
{
	const struct conf_check check = check_for(is_tcp);
	struct one_probe p;
	struct dns_server s;
	uint16_t port;

	one_probe_init(&p, hc_probe_dns_ops(), &check, "127.0.0.1");
	port = dns_server_start(&s, p.base, "127.0.0.1", is_tcp);
	for (size_t i = 0; i < n; i++) {
		s.script = cells[i].script;
		s.n_queries = 0;
		one_probe_expect(&p, port, cells[i].result, cells[i].detail);
		assert_true(s.n_queries <= 1); // one try
	}
	dns_server_stop(&s);
	one_probe_expect(&p, port, HC_FAILED, is_tcp ? "connect: refused" : "dns: refused");
	one_probe_fini(&p);
}

static void udp_answers_are_judged(void **state)
{
	static const struct cell cells[] = {
		{ANSWERS, HC_OK, "answered"},
		{NO_RECORD, HC_FAILED, "dns: no A record"},
		{NXDOMAIN, HC_FAILED, "dns: NXDOMAIN"},
		{SERVFAIL, HC_FAILED, "dns: SERVFAIL"},
		{REFUSED, HC_FAILED, "dns: REFUSED"},
		{TRUNCATED, HC_FAILED, "dns: truncated, no A record"},
		{CUT_SHORT, HC_FAILED, "dns: malformed answer"},
		// who does not know the query does not answer it
		{WRONG_ID, HC_FAILED, "dns: timed out after 200ms"},
		{OTHER_NAME, HC_FAILED, "dns: timed out after 200ms"},
		{GARBAGE, HC_FAILED, "dns: timed out after 200ms"},
		{EMPTY, HC_FAILED, "dns: timed out after 200ms"},
		{FLOODS, HC_FAILED, "dns: timed out after 200ms"},
		{SILENT, HC_FAILED, "dns: timed out after 200ms"},
		{ANSWERS, HC_OK, "answered"},
	};

	(void)state;
	judge_cells(false, cells, sizeof(cells) / sizeof(cells[0]));
}

static void tcp_answers_are_judged(void **state)
{
	static const struct cell cells[] = {
		{ANSWERS, HC_OK, "answered"},
		{IN_PIECES, HC_OK, "answered"},
		{NO_RECORD, HC_FAILED, "dns: no A record"},
		{NXDOMAIN, HC_FAILED, "dns: NXDOMAIN"},
		{CUT_SHORT, HC_FAILED, "dns: malformed answer"},
		{HALF, HC_FAILED, "dns: closed by the server"},
		{CLOSES, HC_FAILED, "dns: closed by the server"},
		{RESETS, HC_FAILED, "dns: reset by the server"},
		{GARBAGE, HC_FAILED, "dns: timed out after 200ms"},
		{SILENT, HC_FAILED, "dns: timed out after 200ms"},
		{ANSWERS, HC_OK, "answered"},
	};

	(void)state;
	judge_cells(true, cells, sizeof(cells) / sizeof(cells[0]));
}

static void swallowed_connect_times_out_in_connect(void **state)
{
	const struct conf_check check = check_for(true);
	struct one_probe p;
	struct server s;

	(void)state;
	server_start(&s, "127.0.0.1");
	server_swallow(&s);
	one_probe_init(&p, hc_probe_dns_ops(), &check, "127.0.0.1");
	one_probe_expect(&p, s.port, HC_FAILED, "connect: timed out after 200ms");
	one_probe_fini(&p);
	server_stop(&s);
}

static void probe_comes_from_the_source_address(void **state)
{
	(void)state;
	for (int is_tcp = 0; is_tcp <= 1; is_tcp++) {
		struct conf_check check = check_for(is_tcp);
		struct one_probe p;
		struct dns_server s;
		uint16_t port;

		check.has_source[CONF_V4] = true;
		check.source[CONF_V4] = loopback_addr("127.0.0.7");
		one_probe_init(&p, hc_probe_dns_ops(), &check, "127.0.0.1");
		port = dns_server_start(&s, p.base, "127.0.0.1", is_tcp);
		one_probe_expect(&p, port, HC_OK, "answered");
		assert_true(addr_equal(&s.from, &check.source[CONF_V4]));
		check.source[CONF_V4] = loopback_addr("203.0.113.77"); // not of this machine
		one_probe_expect(
			&p, port, HC_NOT_MADE, "not probed: no local address or port is free");
		dns_server_stop(&s);
		one_probe_fini(&p);
	}
}

static void v6_works_as_v4_does(void **state)
{
	(void)state;
	if (!loopback_has_v6())
		skip();
	for (int is_tcp = 0; is_tcp <= 1; is_tcp++) {
		const struct conf_check check = check_for(is_tcp);
		struct one_probe p;
		struct dns_server s;
		uint16_t port;

		one_probe_init(&p, hc_probe_dns_ops(), &check, "::1");
		port = dns_server_start(&s, p.base, "::1", is_tcp);
		one_probe_expect(&p, port, HC_OK, "answered");
		dns_server_stop(&s);
		one_probe_fini(&p);
	}
}

static void name_that_is_none_is_told(void **state)
{
	struct conf_check check = check_for(false);
	struct one_probe p;

	(void)state;
	check.own.name = "a..b";
	one_probe_init(&p, hc_probe_dns_ops(), &check, "127.0.0.1");
	one_probe_expect(&p, 53, HC_FAILED, "dns: not a domain name");
	one_probe_fini(&p);
}

static void cancelled_probe_leaves_nothing(void **state)
{
	(void)state;
	for (int is_tcp = 0; is_tcp <= 1; is_tcp++) {
		const struct conf_check check = check_for(is_tcp);
		struct one_probe p;
		struct dns_server s;
		unsigned n;
		uint16_t port;

		one_probe_init(&p, hc_probe_dns_ops(), &check, "127.0.0.1");
		port = dns_server_start(&s, p.base, "127.0.0.1", is_tcp);
		s.script = IN_PIECES;
		n = count_descriptors();
		for (unsigned turns = 0; turns < 8; turns++) {
			one_probe_cut_off(&p, port, turns);
			drop_client(&s);
			assert_int_equal(count_descriptors(), n);
		}
		dns_server_stop(&s);
		one_probe_fini(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_answers_are_judged),
		cmocka_unit_test(tcp_answers_are_judged),
		cmocka_unit_test(swallowed_connect_times_out_in_connect),
		cmocka_unit_test(probe_comes_from_the_source_address),
		cmocka_unit_test(v6_works_as_v4_does),
		cmocka_unit_test(name_that_is_none_is_told),
		cmocka_unit_test(cancelled_probe_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

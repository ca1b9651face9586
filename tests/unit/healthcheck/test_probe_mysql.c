/* The probe `mysql` against a server of the test on loopback that knows as much of the protocol as
 * a case needs: greeting, answer to the login, answer to the query, each as it should be or not.
 * That the login of a real server works is for the end-to-end tests. */
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

enum { TIMEOUT_MS = 200, INBOX_BYTES = 4096, PACKET_HEADER = 4 };

enum phase { GREETING, LOGIN, QUERY, N_PHASES };

/* What the server does in a phase. */
enum act {
	AS_IT_SHOULD, // greets, lets in, gives a row
	SAYS_NOTHING,
	CLOSES,
	RESETS,
	GARBAGE,
	HALF,             // of a packet, and no more
	ERROR,            // a packet of the protocol that says so
	NO_ROW,           // QUERY: columns, and the end
	NO_RESULT,        // QUERY: done, as for an UPDATE
	ASKS_FOR_FILE,    // QUERY: LOAD DATA LOCAL
	ASKS_IN_CLEAR,    // LOGIN: for the password as it is
	SHA2,             // GREETING: MySQL 8's proposal; LOGIN: insists on it
	NATIVE,           // LOGIN: asks for mysql_native_password, and takes it
	LOGGED_IN,        // LOGIN: after that
	ENDLESS_ROWS,     // QUERY
	ENDLESS_FIELDS,   // QUERY: descriptions of columns
	ENDLESS_PROGRESS, // LOGIN, QUERY: reports of progress
	ENDLESS_PACKET,   // LOGIN, QUERY: one of 16 MB after the other
	MANY_FIELDS,      // QUERY: says it has 16 million columns, sends one
};

struct mysql_server {
	struct event_base *base;
	enum act acts[N_PHASES];
	enum phase phase;
	int fd, client;
	struct event *event, *readable, *writable;
	uint8_t endless[1024]; // sent again and again
	size_t n_endless;
	uint8_t inbox[INBOX_BYTES]; // all that this client said
	size_t n_inbox;
	struct addr from;
};

/* ---- packets ------------------------------------------------------------------------------ */

struct bytes {
	uint8_t at[512];
	size_t n;
};

static void put(struct bytes *b, const void *bytes, size_t n)
{
	assert_true(b->n + n <= sizeof(b->at));
	memcpy(b->at + b->n, bytes, n);
	b->n += n;
}

static void put_packet(struct bytes *b, uint8_t sequence, const void *bytes, size_t n)
{
	const uint8_t header[PACKET_HEADER] = {(uint8_t)n, (uint8_t)(n >> 8), 0, sequence};

	put(b, header, sizeof(header));
	put(b, bytes, n);
}

static void put_greeting(struct bytes *b)
{
	static const char greeting[] = "\x0a"
				       "10.11.6-test\0"
				       "\1\0\0\0"
				       "abcdefgh\0"
				       "\x09\xa2"       // long password, database, 4.1, ...
				       "\x2d\2\0\x08\0" // character set, status, plugins
				       "\x15"           // length of the challenge
				       "\0\0\0\0\0\0\0\0\0\0"
				       "ijklmnopqrst\0"
				       "mysql_native_password";

	put_packet(b, 0, greeting, sizeof(greeting));
}

static void put_ok(struct bytes *b, uint8_t sequence)
{
	put_packet(b, sequence, "\0\0\0\2\0\0\0", 7);
}

static void put_error(struct bytes *b, uint8_t sequence, uint16_t number, const char *text)
{
	uint8_t packet[128] = {0xff, (uint8_t)number, (uint8_t)(number >> 8)};
	size_t n = 3 + strlen(text);

	memcpy(packet + 3, text, strlen(text));
	put_packet(b, sequence, packet, n);
}

static void put_field(struct bytes *b, uint8_t sequence)
{
	static const char field[] = "\3def\0\0\0\0011\0\x0c\x3f\0\1\0\0\0\3\x81\0\0\0\0";

	put_packet(b, sequence, field, sizeof(field) - 1);
}

static void put_eof(struct bytes *b, uint8_t sequence)
{
	put_packet(b, sequence, "\xfe\0\0\2\0", 5);
}

static void put_result(struct bytes *b, bool has_row)
{
	put_packet(b, 1, "\1", 1);
	put_field(b, 2);
	put_eof(b, 3);
	if (has_row)
		put_packet(b, 4, "\0011", 2);
	put_eof(b, (uint8_t)(has_row ? 5 : 4));
}

static void put_as_it_should(struct bytes *b, enum phase phase)
{
	if (phase == GREETING)
		put_greeting(b);
	else if (phase == LOGIN)
		put_ok(b, 2);
	else
		put_result(b, true);
}

/* ---- the server --------------------------------------------------------------------------- */

static void drop_client(struct mysql_server *s)
{
	if (s->readable)
		event_free(s->readable);
	if (s->writable)
		event_free(s->writable);
	if (s->client >= 0)
		(void)close(s->client);
	s->readable = s->writable = NULL;
	s->client = -1;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct mysql_server *s = arg;

	(void)what;
	for (unsigned i = 0; i < 1000; i++) {
		ssize_t n = send(fd, s->endless, s->n_endless, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return;
		// goes on in the middle of a packet
		if ((size_t)n < s->n_endless) {
			uint8_t rest[sizeof(s->endless)];

			memcpy(rest, s->endless + n, s->n_endless - (size_t)n);
			memmove(s->endless + s->n_endless - (size_t)n, s->endless, (size_t)n);
			memcpy(s->endless, rest, s->n_endless - (size_t)n);
			return;
		}
	}
}

/* After what is in `b`, `again` without end. */
static void send_without_end(struct mysql_server *s, const struct bytes *b, struct bytes *again)
{
	assert_int_equal(send(s->client, b->at, b->n, MSG_NOSIGNAL), b->n);
	memcpy(s->endless, again->at, again->n);
	s->n_endless = again->n;
	s->writable = event_new(s->base, s->client, EV_WRITE | EV_PERSIST, on_writable, s);
	assert_int_equal(event_add(s->writable, NULL), 0);
}

static void send_endless(struct mysql_server *s, enum act act)
{
	struct bytes b = {0}, again = {0};

	if (act == ENDLESS_ROWS || act == ENDLESS_FIELDS) {
		put_packet(&b, 1, "\1", 1);
		put_field(&b, 2);
		if (act == ENDLESS_ROWS)
			put_eof(&b, 3);
	}
	// sequence numbers that are wrong soon: nobody minds before the bounds do
	if (act == ENDLESS_ROWS)
		put_packet(&again, 4, "\0011", 2);
	if (act == ENDLESS_FIELDS)
		put_field(&again, 3);
	if (act == ENDLESS_PROGRESS)
		put_packet(&again, 1, "\xff\xff\xff\1\1\1\0\0\0\1x", 11);
	if (act == ENDLESS_PACKET) {
		const uint8_t header[] = {0xff, 0xff, 0xff, s->phase == LOGIN ? 2 : 1};

		put(&b, header, sizeof(header));
		memset(again.at, 'x', sizeof(again.at));
		again.n = sizeof(again.at);
	}
	send_without_end(s, &b, &again);
}

static void put_act(struct bytes *b, enum act act, enum phase phase)
{
	static const char clear[] = "\xfemysql_clear_password\0";
	static const char native[] = "\xfemysql_native_password\0xxxxxxxxxxxxxxxxxxxx";
	static const char sha2[] = "\376caching_sha2_password\0xxxxxxxxxxxxxxxxxxxx";
	const uint8_t sequence = phase == GREETING ? 0 : phase == LOGIN ? 2 : 1;

	put_as_it_should(b, phase);
	if (act == HALF)
		b->n /= 2;
	if (act == AS_IT_SHOULD || act == HALF)
		return;
	b->n = 0;
	if (act == GARBAGE)
		put(b, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	if (act == ERROR && phase == GREETING)
		put_error(b, sequence, 1040, "Too many connections");
	if (act == ERROR && phase == LOGIN)
		put_error(b, sequence, 1045, "#28000Access denied for user");
	if (act == ERROR && phase == QUERY)
		put_error(b, sequence, 1146, "#42S02No such table\n\x1b[2J");
	if (act == NO_ROW)
		put_result(b, false);
	if (act == NO_RESULT)
		put_ok(b, 1);
	if (act == ASKS_FOR_FILE)
		put_packet(b, 1, "\xfb/etc/passwd", 12);
	if (act == ASKS_IN_CLEAR)
		put_packet(b, 2, clear, sizeof(clear) - 1);
	if (act == LOGGED_IN)
		put_ok(b, 4);
	if (act == NATIVE || (act == SHA2 && phase == LOGIN))
		put_packet(b, 2, act == NATIVE ? native : sha2, sizeof(sha2));
	if (act == SHA2 && phase == GREETING) {
		put_greeting(b); // its end is a name as long as the other
		memcpy(b->at + b->n - sizeof("mysql_native_password"), "caching_sha2_password", 21);
	}
	if (act == MANY_FIELDS) {
		put_packet(b, 1, "\xfd\xff\xff\xff", 4);
		put_field(b, 2);
		put_eof(b, 3);
		put_packet(b, 4, "\0011", 2);
	}
}

/* Does what is to be done in s->phase. */
static void play(struct mysql_server *s)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	const enum act act = s->acts[s->phase];
	struct bytes b = {0};

	if (act >= ENDLESS_ROWS && act <= ENDLESS_PACKET) {
		send_endless(s, act);
		return;
	}
	if (act == RESETS)
		(void)setsockopt(s->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (act == RESETS || act == CLOSES) {
		drop_client(s);
		return;
	}
	if (act == SAYS_NOTHING)
		return;
	put_act(&b, act, s->phase);
	assert_int_equal(send(s->client, b.at, b.n, MSG_NOSIGNAL), b.n);
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
	struct mysql_server *s = arg;
	ssize_t n = recv(fd, s->inbox + s->n_inbox, sizeof(s->inbox) - s->n_inbox, 0);
	const enum act act = s->acts[s->phase];

	(void)what;
	if (n <= 0) {
		drop_client(s);
		return;
	}
	s->n_inbox += (size_t)n;
	if (act == NATIVE)
		s->acts[LOGIN] = LOGGED_IN;
	else if (s->phase < QUERY && (act == AS_IT_SHOULD || act == SHA2))
		s->phase++;
	else
		return;
	play(s);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct mysql_server *s = arg;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);

	(void)what;
	drop_client(s);
	s->client = accept(fd, (struct sockaddr *)&from, &len);
	assert_true(s->client >= 0);
	if (from.ss_family == AF_INET)
		s->from = addr_from_v4(((struct sockaddr_in *)&from)->sin_addr.s_addr);
	s->phase = GREETING;
	s->n_inbox = 0;
	s->readable = event_new(s->base, s->client, EV_READ | EV_PERSIST, on_client, s);
	assert_int_equal(event_add(s->readable, NULL), 0);
	play(s);
}

static void mysql_server_start(
	struct mysql_server *s, struct event_base *base, struct server *listener)
{
	*s = (struct mysql_server){.base = base, .fd = listener->fd, .client = -1};
	s->event = event_new(base, s->fd, EV_READ | EV_PERSIST, on_accept, s);
	assert_int_equal(event_add(s->event, NULL), 0);
}

static void mysql_server_stop(struct mysql_server *s)
{
	drop_client(s);
	event_free(s->event);
}

/* A quit is the last that the server was told, and then the end. */
static bool was_told_quit(const struct mysql_server *s)
{
	static const uint8_t quit[] = {1, 0, 0, 0, 1};

	return s->client < 0 && s->n_inbox >= sizeof(quit) &&
	       memcmp(s->inbox + s->n_inbox - sizeof(quit), quit, sizeof(quit)) == 0;
}

/* ---- cases -------------------------------------------------------------------------------- */

static struct conf_check check_for(const char *query)
{
	return (struct conf_check){.type = CONF_CHECK_MYSQL,
		.timeout_ms = TIMEOUT_MS,
		.own = {.user = "probe", .password = "secret", .query = query}};
}

struct rig {
	struct conf_check check;
	struct one_probe probe;
	struct server listener;
	struct mysql_server server;
};

static void rig_start(struct rig *r, const char *address, const char *query)
{
	r->check = check_for(query);
	one_probe_init(&r->probe, hc_probe_mysql_ops(), &r->check, address);
	server_start(&r->listener, address);
	mysql_server_start(&r->server, r->probe.base, &r->listener);
}

static void rig_stop(struct rig *r)
{
	mysql_server_stop(&r->server);
	server_stop(&r->listener);
	one_probe_fini(&r->probe);
}

struct cell {
	enum phase phase;
	enum act act;
	enum hc_result result;
	const char *detail;
};

static void each_answer_of_the_server_has_its_words(void **state)
{
	static const struct cell cells[] = {
		{GREETING, AS_IT_SHOULD, HC_OK, "query returned a row"},
		{GREETING, SAYS_NOTHING, HC_FAILED, "greeting: timed out after 200ms"},
		{GREETING, HALF, HC_FAILED, "greeting: timed out after 200ms"},
		{GREETING, CLOSES, HC_FAILED, "greeting: closed by the server"},
		{GREETING, ERROR, HC_FAILED, "mysql: error 1040: Too many connections"},
		{LOGIN, SAYS_NOTHING, HC_FAILED, "login: timed out after 200ms"},
		{LOGIN, HALF, HC_FAILED, "login: timed out after 200ms"},
		{LOGIN, CLOSES, HC_FAILED, "login: closed by the server"},
		{LOGIN, RESETS, HC_FAILED, "login: reset by the server"},
		{LOGIN, ERROR, HC_FAILED, "mysql: access denied for 'probe'"},
		{QUERY, SAYS_NOTHING, HC_FAILED, "query: timed out after 200ms"},
		{QUERY, HALF, HC_FAILED, "query: timed out after 200ms"},
		{QUERY, CLOSES, HC_FAILED, "query: closed by the server"},
		{QUERY, RESETS, HC_FAILED, "query: reset by the server"},
		{QUERY, ERROR, HC_FAILED, "mysql: error 1146: No such table??[2J"},
		{QUERY, NO_ROW, HC_FAILED, "mysql: query returned no row"},
		{QUERY, NO_RESULT, HC_FAILED, "mysql: query returned no row"},
		{GREETING, AS_IT_SHOULD, HC_OK, "query returned a row"},
	};
	struct rig r;

	(void)state;
	rig_start(&r, "127.0.0.1", "SELECT 1");
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		memset(r.server.acts, 0, sizeof(r.server.acts)); // AS_IT_SHOULD
		r.server.acts[cells[i].phase] = cells[i].act;
		one_probe_expect(&r.probe, r.listener.port, cells[i].result, cells[i].detail);
	}
	rig_stop(&r);
}

static void garbage_is_a_failure_at_once(void **state)
{
	static const char *const details[] = {
		"greeting: malformed answer", "login: malformed answer", "query: malformed answer"};
	struct rig r;

	(void)state;
	rig_start(&r, "127.0.0.1", "SELECT 1");
	for (enum phase phase = GREETING; phase <= QUERY; phase++) {
		memset(r.server.acts, 0, sizeof(r.server.acts)); // AS_IT_SHOULD
		r.server.acts[phase] = GARBAGE;
		one_probe_expect(&r.probe, r.listener.port, HC_FAILED, details[phase]);
	}
	rig_stop(&r);
}

static void server_without_end_is_cut_off(void **state)
{
	static const struct {
		enum phase phase;
		enum act act;
		const char *detail;
	} cells[] = {
		{LOGIN, ENDLESS_PROGRESS, "login: more than 256 KiB sent"},
		{LOGIN, ENDLESS_PACKET, "login: malformed answer"},
		{QUERY, ENDLESS_FIELDS, "query: more than 256 KiB sent"},
		{QUERY, ENDLESS_PROGRESS, "query: more than 256 KiB sent"},
		{QUERY, ENDLESS_PACKET, "query: malformed answer"},
		{QUERY, MANY_FIELDS, "query: malformed answer"},
	};
	struct rig r;

	(void)state;
	rig_start(&r, "127.0.0.1", "SELECT 1");
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		memset(r.server.acts, 0, sizeof(r.server.acts)); // AS_IT_SHOULD
		r.server.acts[cells[i].phase] = cells[i].act;
		one_probe_expect(&r.probe, r.listener.port, HC_FAILED, cells[i].detail);
		assert_false(r.probe.has_timed_out);
	}
	rig_stop(&r);
}

static void first_row_of_endless_rows_is_enough(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, "127.0.0.1", "SELECT 1");
	r.server.acts[QUERY] = ENDLESS_ROWS;
	one_probe_expect(&r.probe, r.listener.port, HC_OK, "query returned a row");
	rig_stop(&r);
}

static bool has_said(const struct mysql_server *s, const char *text)
{
	return memmem(s->inbox, s->n_inbox, text, strlen(text)) != NULL;
}

static void server_gets_neither_files_nor_the_password(void **state)
{
	static const char other_kind[] =
		"login: the server asks for another kind of authentication";
	struct rig r;

	(void)state;
	rig_start(&r, "127.0.0.1", "SELECT 1");
	r.server.acts[QUERY] = ASKS_FOR_FILE;
	one_probe_run(&r.probe, r.listener.port);
	assert_int_equal(r.probe.outcome.result, HC_FAILED);
	assert_true(has_said(&r.server, "SELECT 1"));
	assert_false(has_said(&r.server, "root:"));

	r.server.acts[LOGIN] = ASKS_IN_CLEAR;
	one_probe_expect(&r.probe, r.listener.port, HC_FAILED, other_kind);
	assert_true(has_said(&r.server, "probe"));
	assert_false(has_said(&r.server, "secret"));

	// which would give the password to whoever answers
	r.server.acts[GREETING] = r.server.acts[LOGIN] = SHA2;
	one_probe_expect(&r.probe, r.listener.port, HC_FAILED, other_kind);
	assert_false(has_said(&r.server, "caching_sha2_password"));
	rig_stop(&r);
}

static void login_is_enough_without_query_and_ends_with_quit(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, "127.0.0.1", NULL);
	one_probe_expect(&r.probe, r.listener.port, HC_OK, "logged in");
	assert_true(was_told_quit(&r.server));
	r.server.acts[GREETING] = SHA2; // as MySQL 8, which then asks for the account's kind
	r.server.acts[LOGIN] = NATIVE;
	one_probe_expect(&r.probe, r.listener.port, HC_OK, "logged in");
	memset(r.server.acts, 0, sizeof(r.server.acts)); // AS_IT_SHOULD
	r.check.own.query = "SELECT 1";
	one_probe_expect(&r.probe, r.listener.port, HC_OK, "query returned a row");
	assert_true(was_told_quit(&r.server));
	rig_stop(&r);
}

static void connects_that_fail_have_the_words_of_connects(void **state)
{
	struct rig r;
	uint16_t port;

	(void)state;
	rig_start(&r, "127.0.0.1", NULL);
	port = r.listener.port;
	mysql_server_stop(&r.server);
	server_swallow(&r.listener);
	one_probe_expect(&r.probe, port, HC_FAILED, "connect: timed out after 200ms");
	server_refuse(&r.listener);
	one_probe_expect(&r.probe, port, HC_FAILED, "connect: refused");
	server_stop(&r.listener);
	one_probe_fini(&r.probe);
}

static void probe_comes_from_the_source_address(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, "127.0.0.1", "SELECT 1");
	r.check.has_source[CONF_V4] = true;
	r.check.source[CONF_V4] = loopback_addr("127.0.0.7");
	one_probe_expect(&r.probe, r.listener.port, HC_OK, "query returned a row");
	assert_true(addr_equal(&r.server.from, &r.check.source[CONF_V4]));
	r.check.source[CONF_V4] = loopback_addr("203.0.113.77"); // not of this machine
	one_probe_expect(&r.probe, r.listener.port, HC_NOT_MADE,
		"not probed: no local address or port is free");
	rig_stop(&r);
}

static void v6_works_as_v4_does(void **state)
{
	struct rig r;

	(void)state;
	if (!loopback_has_v6())
		skip();
	rig_start(&r, "::1", "SELECT 1");
	one_probe_expect(&r.probe, r.listener.port, HC_OK, "query returned a row");
	rig_stop(&r);
}

static void cancelled_probe_leaves_nothing(void **state)
{
	struct rig r;
	unsigned n;

	(void)state;
	rig_start(&r, "127.0.0.1", "SELECT 1");
	one_probe_expect(&r.probe, r.listener.port, HC_OK, "query returned a row");
	n = count_descriptors();
	for (unsigned turns = 0; turns < 12; turns++) {
		one_probe_cut_off(&r.probe, r.listener.port, turns);
		(void)event_base_loop(r.probe.base, EVLOOP_NONBLOCK);
		drop_client(&r.server);
		assert_int_equal(count_descriptors(), n);
	}
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_of_the_server_has_its_words),
		cmocka_unit_test(garbage_is_a_failure_at_once),
		cmocka_unit_test(server_without_end_is_cut_off),
		cmocka_unit_test(first_row_of_endless_rows_is_enough),
		cmocka_unit_test(server_gets_neither_files_nor_the_password),
		cmocka_unit_test(login_is_enough_without_query_and_ends_with_quit),
		cmocka_unit_test(connects_that_fail_have_the_words_of_connects),
		cmocka_unit_test(probe_comes_from_the_source_address),
		cmocka_unit_test(v6_works_as_v4_does),
		cmocka_unit_test(cancelled_probe_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

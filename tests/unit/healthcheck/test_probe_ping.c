/* The probe `ping` in a network namespace of its own: the kernel's own replies, and those of a
 * responder that answers in the kernel's place, as it should or not. Needs a raw socket, that is
 * root or user namespaces. */
#include "base/checksum.h"
#include "healthcheck/endpoint.h"
#include "healthcheck/icmp.h"
#include "loopback.h"
#include "one_probe.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/icmp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 100, V4_HEADER = 20, ERROR_HEADER = 8 };

/* 127.0.0.1 pings 127.0.0.2, and 127.0.0.3 is somebody else. */
static const char server_text[] = "127.0.0.2", other_text[] = "127.0.0.3";

enum script {
	REPLIES,
	SILENT,
	OTHER_TOKEN,
	OTHER_IDENTIFIER,
	OTHER_SEQUENCE,
	OTHER_SERVER, // replies from another address
	CUT_SHORT,
	WRONG_SUM,
	UNREACHABLE,          // by another machine, all quoted
	UNREACHABLE_8,        // eight bytes quoted
	UNREACHABLE_FORGED,   // the quoted token is another
	UNREACHABLE_ELSEWHERE // about another server
};

struct responder {
	enum script script;
	int fd;
	struct event *readable;
	struct addr from; // of the last request
	unsigned n;       // answers to each request
};

static void set_checksum(uint8_t *icmp, size_t n)
{
	uint16_t sum;

	icmp[2] = icmp[3] = 0;
	sum = (uint16_t)~checksum_sum(icmp, n, 0);
	memcpy(icmp + 2, &sum, sizeof(sum));
}

static void send_from(const char *from, const uint8_t *icmp, size_t n)
{
	const struct addr source = loopback_addr(from), to = loopback_addr("127.0.0.1");
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	union hc_endpoint e;
	socklen_t len = hc_endpoint_fill(&source, 0, &e);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &e.any, len), 0);
	len = hc_endpoint_fill(&to, 0, &e);
	assert_int_equal(sendto(fd, icmp, n, 0, &e.any, len), n);
	(void)close(fd);
}

static void send_reply(const struct responder *r, uint8_t *icmp, size_t n)
{
	icmp[0] = ICMP_ECHOREPLY;
	if (r->script == OTHER_IDENTIFIER)
		icmp[5] ^= 1;
	if (r->script == OTHER_SEQUENCE)
		icmp[7] ^= 1;
	if (r->script == OTHER_TOKEN)
		icmp[15] ^= 1;
	if (r->script == CUT_SHORT)
		n--;
	set_checksum(icmp, n);
	if (r->script == WRONG_SUM)
		icmp[3] ^= 1;
	send_from(r->script == OTHER_SERVER ? other_text : server_text, icmp, n);
}

/* `ip` is the whole request. */
static void send_error(const struct responder *r, uint8_t *ip, size_t n)
{
	uint8_t error[128] = {ICMP_DEST_UNREACH, ICMP_HOST_UNREACH};

	if (r->script == UNREACHABLE_8)
		n = V4_HEADER + 8;
	if (r->script == UNREACHABLE_FORGED)
		ip[V4_HEADER + 15] ^= 1;
	if (r->script == UNREACHABLE_ELSEWHERE)
		ip[19] ^= 8;
	memcpy(error + ERROR_HEADER, ip, n);
	set_checksum(error, n + ERROR_HEADER);
	send_from(other_text, error, n + ERROR_HEADER);
}

static void on_request(evutil_socket_t fd, short what, void *arg)
{
	struct responder *r = arg;
	uint8_t ip[128];
	ssize_t n = recv(fd, ip, sizeof(ip), 0);
	be32 from;

	(void)what;
	assert_true(n == V4_HEADER + HC_ICMP_REQUEST_BYTES);
	memcpy(&from, ip + 12, sizeof(from));
	r->from = addr_from_v4(from);
	for (unsigned i = 0; i < r->n && r->script != SILENT; i++) {
		if (r->script >= UNREACHABLE)
			send_error(r, ip, (size_t)n);
		else
			send_reply(r, ip + V4_HEADER, (size_t)n - V4_HEADER);
	}
}

static void responder_start(struct responder *r, struct event_base *base)
{
	const struct icmp_filter requests = {.data = ~(1u << ICMP_ECHO)};

	*r = (struct responder){.n = 1};
	r->fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
	assert_true(r->fd >= 0);
	assert_int_equal(setsockopt(r->fd, SOL_RAW, ICMP_FILTER, &requests, sizeof(requests)), 0);
	r->readable = event_new(base, r->fd, EV_READ | EV_PERSIST, on_request, r);
	assert_int_equal(event_add(r->readable, NULL), 0);
}

static void responder_stop(struct responder *r)
{
	event_free(r->readable);
	(void)close(r->fd);
}

/* ---- the namespace ------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void kernel_replies(bool does)
{
	write_file("/proc/sys/net/ipv4/icmp_echo_ignore_all", does ? "0" : "1");
}

static int enter_namespace(void **state)
{
	static bool has_namespace; // written once
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	has_namespace = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	*state = &has_namespace;
	if (!has_namespace)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	(void)close(fd);
	return 0;
}

static void skip_without_namespace(void **state)
{
	if (!*(const bool *)*state)
		skip();
}

/* ---- claims ------------------------------------------------------------------------------- */

static const struct conf_check plain = {.type = CONF_CHECK_PING, .timeout_ms = TIMEOUT_MS};

static void kernel_of_a_server_answers(void **state)
{
	struct one_probe p;

	skip_without_namespace(state);
	kernel_replies(true);
	one_probe_init(&p, hc_probe_ping_ops(), &plain, "127.0.0.2");
	one_probe_expect(&p, 0, HC_OK, "answered");
	kernel_replies(false);
	one_probe_expect(&p, 0, HC_FAILED, "ping: timed out after 100ms");
	one_probe_fini(&p);
}

static void v6_works_as_v4_does(void **state)
{
	struct one_probe p;

	skip_without_namespace(state);
	if (!loopback_has_v6())
		skip();
	one_probe_init(&p, hc_probe_ping_ops(), &plain, "::1");
	write_file("/proc/sys/net/ipv6/icmp/echo_ignore_all", "0");
	one_probe_expect(&p, 0, HC_OK, "answered");
	write_file("/proc/sys/net/ipv6/icmp/echo_ignore_all", "1");
	one_probe_expect(&p, 0, HC_FAILED, "ping: timed out after 100ms");
	one_probe_fini(&p);
}

static void only_the_answer_to_this_request_counts(void **state)
{
	static const struct {
		enum script script;
		enum hc_result result;
		const char *detail;
	} cells[] = {
		{REPLIES, HC_OK, "answered"},
		{SILENT, HC_FAILED, "ping: timed out after 100ms"},
		{OTHER_TOKEN, HC_FAILED, "ping: timed out after 100ms"},
		{OTHER_IDENTIFIER, HC_FAILED, "ping: timed out after 100ms"},
		{OTHER_SEQUENCE, HC_FAILED, "ping: timed out after 100ms"},
		{OTHER_SERVER, HC_FAILED, "ping: timed out after 100ms"},
		{CUT_SHORT, HC_FAILED, "ping: timed out after 100ms"},
		{WRONG_SUM, HC_FAILED, "ping: timed out after 100ms"},
		{UNREACHABLE, HC_FAILED, "ping: host unreachable"},
		{UNREACHABLE_8, HC_FAILED, "ping: host unreachable"},
		{UNREACHABLE_FORGED, HC_FAILED, "ping: timed out after 100ms"},
		{UNREACHABLE_ELSEWHERE, HC_FAILED, "ping: timed out after 100ms"},
		{REPLIES, HC_OK, "answered"},
	};
	struct one_probe p;
	struct responder r;

	skip_without_namespace(state);
	kernel_replies(false);
	one_probe_init(&p, hc_probe_ping_ops(), &plain, server_text);
	responder_start(&r, p.base);
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		r.script = cells[i].script;
		one_probe_expect(&p, 0, cells[i].result, cells[i].detail);
	}
	responder_stop(&r);
	one_probe_fini(&p);
}

static void second_answer_is_nobodys(void **state)
{
	struct one_probe p;
	struct responder r;

	skip_without_namespace(state);
	kernel_replies(false);
	one_probe_init(&p, hc_probe_ping_ops(), &plain, server_text);
	responder_start(&r, p.base);
	r.n = 200; // more than are read a turn
	one_probe_expect(&p, 0, HC_OK, "answered");
	one_probe_expect(&p, 0, HC_OK, "answered");
	responder_stop(&r);
	one_probe_fini(&p);
}

static void request_comes_from_the_source_address(void **state)
{
	struct conf_check check = plain;
	struct one_probe p;
	struct responder r;

	skip_without_namespace(state);
	kernel_replies(false);
	check.has_source[CONF_V4] = true;
	check.source[CONF_V4] = loopback_addr("127.0.0.7");
	one_probe_init(&p, hc_probe_ping_ops(), &check, server_text);
	responder_start(&r, p.base);
	r.script = SILENT;
	one_probe_expect(&p, 0, HC_FAILED, "ping: timed out after 100ms");
	assert_true(addr_equal(&r.from, &check.source[CONF_V4]));
	kernel_replies(true);
	one_probe_expect(&p, 0, HC_OK, "answered");
	check.source[CONF_V4] = loopback_addr("203.0.113.77"); // not of this machine
	one_probe_expect(&p, 0, HC_NOT_MADE, "not probed: no local address or port is free");
	responder_stop(&r);
	one_probe_fini(&p);
}

static void server_without_a_route_is_a_failure(void **state)
{
	struct one_probe p;

	skip_without_namespace(state);
	one_probe_init(&p, hc_probe_ping_ops(), &plain, "192.0.2.1");
	one_probe_expect(&p, 0, HC_FAILED, "ping: network unreachable");
	one_probe_fini(&p);
}

/* One loop, many pings at a time: each gets its own answer, over one socket. */
static void many_pings_share_a_socket(void **state)
{
	enum { N = 500 };
	static struct one_probe probes[N];
	unsigned n_descriptors;

	skip_without_namespace(state);
	kernel_replies(true);
	one_probe_init(&probes[0], hc_probe_ping_ops(), &plain, "127.0.0.2");
	one_probe_expect(&probes[0], 0, HC_OK, "answered");
	n_descriptors = count_descriptors();
	for (unsigned i = 1; i < N; i++) {
		struct one_probe *p = &probes[i];

		*p = probes[0];
		p->state = calloc(1, p->ops->state_bytes);
		p->job.arg = p;
		p->job.address = addr_from_v4(htonl(0x7f000002u + i));
		p->is_running = true;
		assert_true(p->ops->start(p->state, &p->job, &p->outcome));
	}
	assert_int_equal(count_descriptors(), n_descriptors);
	for (unsigned i = 0; i < N; i++) {
		(void)event_base_loop(probes[0].base, EVLOOP_NONBLOCK);
		assert_false(probes[i].n_late);
	}
	for (unsigned i = 1; i < N; i++) {
		while (probes[i].is_running)
			(void)event_base_loop(probes[0].base, EVLOOP_ONCE);
		assert_string_equal(probes[i].outcome.detail, "answered");
		free(probes[i].state);
	}
	one_probe_fini(&probes[0]);
}

static void cancelled_probe_leaves_nothing(void **state)
{
	struct one_probe p;
	unsigned n;

	skip_without_namespace(state);
	kernel_replies(true);
	one_probe_init(&p, hc_probe_ping_ops(), &plain, "127.0.0.2");
	one_probe_expect(&p, 0, HC_OK, "answered");
	n = count_descriptors();
	for (unsigned turns = 0; turns < 3; turns++)
		one_probe_cut_off(&p, 0, turns);
	assert_int_equal(count_descriptors(), n);
	one_probe_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_of_a_server_answers),
		cmocka_unit_test(v6_works_as_v4_does),
		cmocka_unit_test(only_the_answer_to_this_request_counts),
		cmocka_unit_test(second_answer_is_nobodys),
		cmocka_unit_test(request_comes_from_the_source_address),
		cmocka_unit_test(server_without_a_route_is_a_failure),
		cmocka_unit_test(many_pings_share_a_socket),
		cmocka_unit_test(cancelled_probe_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}

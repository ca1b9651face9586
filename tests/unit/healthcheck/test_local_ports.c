/* Trouble with this machine's own ports, in a network namespace that has four of them: a probe
 * that reaches itself, and a probe for which no port is left. Skipped where the kernel lets
 * nobody make a namespace; needs no root elsewhere. */
#include "healthcheck/health.h"

#include "loopback.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST_PORT = 40000, N_PORTS = 4, N_PROBES = 200, PATIENCE_MS = 5000 };

static bool bring_loopback_up(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;

	if (fd >= 0)
		(void)close(fd);
	return is_up;
}

static bool limit_ports(void)
{
	int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	bool is_set = false;

	if (fd >= 0) {
		is_set = dprintf(fd, "%d %d\n", FIRST_PORT, FIRST_PORT + N_PORTS - 1) > 0;
		(void)close(fd);
	}
	return is_set;
}

static int enter_namespace(void **state)
{
	static const bool yes = true;

	*state = NULL;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && bring_loopback_up() && limit_ports())
		*state = (void *)&yes;
	return 0;
}

static void require_namespace(void **state)
{
	if (*state)
		return;
	print_message("skipped: this machine allows no network namespace here\n");
	skip();
}

static const struct conf_check check = {.type = CONF_CHECK_TCP,
	.interval_ms = 2,
	.timeout_ms = 2,
	.retry_ms = 2,
	.fall = 1,
	.rise = 1};

/* All of N_PROBES results have this state and these words. */
static void assert_all(uint16_t port, enum hc_state state, const char *detail)
{
	const struct hc_target target = {.address = loopback_addr("127.0.0.1"),
		.port = port,
		.check = &check,
		.name = "a/b"};
	const int64_t deadline_ms = now_ms() + PATIENCE_MS;
	struct pollfd p = {.events = POLLIN};
	struct hc_report r;
	struct hc *hc;
	unsigned n = 0;

	assert_int_equal(hc_start(&target, 1, NULL, &hc), 0);
	p.fd = hc_fd(hc);
	while (n < N_PROBES && now_ms() < deadline_ms) {
		(void)poll(&p, 1, 100);
		for (; hc_take(hc, &r); n++) {
			assert_string_equal(r.detail, detail);
			assert_int_equal(r.state, state);
		}
	}
	hc_stop(hc);
	assert_true(n >= N_PROBES);
}

/* About every second connect to a free port gets just that port as its own, and succeeds. */
static void a_probe_that_reaches_itself_is_refused(void **state)
{
	require_namespace(state);
	assert_all(FIRST_PORT, HC_DOWN, "connect: refused");
}

static void lack_of_local_ports_says_nothing_about_the_server(void **state)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(80),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;
	int listener, taken[N_PORTS];

	require_namespace(state);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(listener, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(listener, 2 * N_PORTS), 0);
	for (unsigned i = 0; i < N_PORTS; i++) {
		taken[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(taken[i], (const struct sockaddr *)&to, sizeof(to)), 0);
	}

	assert_all(80, HC_UNKNOWN, "not probed: no local address or port is free");
	for (unsigned i = 0; i < N_PORTS; i++)
		(void)close(taken[i]);
	(void)close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probe_that_reaches_itself_is_refused),
		cmocka_unit_test(lack_of_local_ports_says_nothing_about_the_server),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}

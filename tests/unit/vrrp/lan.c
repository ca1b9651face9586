/* A LAN of two namespaces, for the tests of sockets. */
#include "lan.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct addr lan_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

void lan_go_there(const struct lan *lan)
{
	assert_int_equal(setns(lan->there, CLONE_NEWNET), 0);
}

void lan_come_back(const struct lan *lan)
{
	assert_int_equal(setns(lan->here, CLONE_NEWNET), 0);
}

static int open_namespace(pid_t pid)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int capture_on(int ifindex)
{
	const struct sockaddr_ll where = {
		.sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&where, sizeof(where)), 0);
	return fd;
}

static void read_mac(const char *name, uint8_t mac[6])
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	(void)close(fd);
}

/* The link-local address that the kernel made of a MAC (RFC 4291 appendix A). */
static struct addr link_local_of(const uint8_t mac[6])
{
	const uint8_t bytes[16] = {
		0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};

	return addr_from_v6(bytes);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* The kernel makes link-local addresses a while after a link is up. */
static void await_address(const struct addr *a, int ifindex)
{
	struct sockaddr_in6 where = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)ifindex};
	const int64_t end = now_ms() + WAIT_MS;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&where.sin6_addr, a->bytes, sizeof(a->bytes));
	while (bind(fd, (const struct sockaddr *)&where, sizeof(where)) < 0) {
		assert_true(now_ms() < end);
		(void)usleep(1000);
	}
	(void)close(fd);
}

int lan_set_up(void **state)
{
	struct lan *lan = calloc(1, sizeof(*lan));
	uint8_t mac[6];

	assert_non_null(lan);
	assert_true(namespaces_open(&lan->ns));
	lan->here = open_namespace(getpid());
	lan->there = open_namespace(lan->ns.there);
	read_mac("p0", lan->mac);
	lan->link_local[0] = link_local_of(lan->mac);
	for (unsigned i = 0; i < 2; i++)
		lan->p[i] = (int)if_nametoindex(i == 0 ? "p0" : "p1");
	lan_go_there(lan);
	read_mac("q0", mac);
	lan->link_local[1] = link_local_of(mac);
	for (unsigned i = 0; i < 2; i++)
		lan->q[i] = (int)if_nametoindex(i == 0 ? "q0" : "q1");
	lan->capture = capture_on(lan->q[0]);
	await_address(&lan->link_local[1], lan->q[0]);
	lan_come_back(lan);
	await_address(&lan->link_local[0], lan->p[0]);
	*state = lan;
	return 0;
}

int lan_tear_down(void **state)
{
	struct lan *lan = *state;

	(void)close(lan->capture);
	(void)close(lan->here);
	(void)close(lan->there);
	namespaces_close(&lan->ns);
	free(lan);
	return 0;
}

static bool begins_with(const uint8_t *frame, const uint8_t *begin, const uint8_t *mask, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((!mask || mask[i]) && frame[i] != begin[i])
			return false;
	return true;
}

size_t lan_await_frame(const struct lan *lan, const uint8_t *begin, const uint8_t *mask, size_t len,
	uint8_t *ret_frame)
{
	const int64_t end = now_ms() + WAIT_MS;
	struct pollfd ready = {lan->capture, POLLIN, 0};

	while (now_ms() < end) {
		ssize_t n = recv(lan->capture, ret_frame, MAX_FRAME, 0);

		if (n >= (ssize_t)len && begins_with(ret_frame, begin, mask, len))
			return (size_t)n;
		if (n < 0)
			(void)poll(&ready, 1, 100);
	}
	return 0;
}

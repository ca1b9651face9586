/* Announcements on a LAN: they leave as they were made, and a neighbour's kernel believes them. */
#include "vrrp/announce.h"

#include "lan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t new_mac[6] = {0x02, 0, 0, 0, 0, 0x02};

static unsigned send_one(int fd, int ifindex, const uint8_t *mac, const struct addr *a, unsigned n)
{
	const struct vrrp_announcement announcement = {ifindex, mac, a, 1};

	return vrrp_announce_send(fd, &announcement, n);
}

static void each_address_is_announced_as_often_as_asked(void **state)
{
	const struct lan *lan = *state;
	const struct addr addresses[] = {lan_addr("192.0.2.100"), lan_addr("2001:db8:1::100")};
	const struct vrrp_announcement both = {lan->p[0], lan->mac, addresses, 2};
	uint8_t expected[VRRP_ANNOUNCE_MAX_LEN], frame[MAX_FRAME];
	int fd = vrrp_announce_open();

	assert_true(fd >= 0);
	assert_int_equal(vrrp_announce_send(fd, &both, 5), 15);
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned kind = 0; kind < 3; kind++) {
			const struct addr *a = &addresses[kind / 2];
			size_t len = vrrp_announce_frame(a, lan->mac, kind == 1, expected);

			assert_int_equal(lan_await_frame(lan, expected, NULL, len, frame), len);
		}
	}
	(void)close(fd);
}

static void what_cannot_leave_is_not_counted(void **state)
{
	const struct lan *lan = *state;
	const struct addr a = lan_addr("192.0.2.100");
	int fd = vrrp_announce_open();

	run_here("ip link set p0 down");
	assert_int_equal(send_one(fd, lan->p[0], lan->mac, &a, 5), 0);
	assert_int_equal(send_one(fd, 9999, lan->mac, &a, 5), 0);
	(void)close(fd);
}

static void a_neighbour_learns_the_new_mac(void **state)
{
	static const char *const texts[] = {"192.0.2.100", "2001:db8:1::100"};
	const struct lan *lan = *state;
	int fd = vrrp_announce_open();

	// the kernel keeps a fresh entry for a second, whatever it hears
	run_there(&lan->ns, "sysctl -qw net.ipv4.neigh.q0.locktime=0");
	for (unsigned i = 0; i < 2; i++) {
		const struct addr a = lan_addr(texts[i]);
		const char *shown = "";

		run_there(&lan->ns, "ip neigh replace %s lladdr 02:00:00:00:00:01 dev q0 nud stale",
			texts[i]);
		assert_int_equal(send_one(fd, lan->p[0], new_mac, &a, 1), i == 0 ? 2 : 1);
		for (unsigned t = 0; t < WAIT_MS / 10; t++) {
			shown = output_here("nsenter --target %d --net ip neigh show %s",
				(int)lan->ns.there, texts[i]);
			if (strstr(shown, "02:00:00:00:00:02"))
				break;
			(void)usleep(10000);
		}
		assert_non_null(strstr(shown, "02:00:00:00:00:02"));
	}
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_LAN(each_address_is_announced_as_often_as_asked),
		ON_LAN(what_cannot_leave_is_not_counted),
		ON_LAN(a_neighbour_learns_the_new_mac),
	};

	if (!namespaces_permitted())
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

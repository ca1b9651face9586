/* See scene.h. */
#include "scene.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

const struct packet_spec scene_to_service = {.src = RIG_CLIENT4,
	.dst = RIG_VIP4,
	.src_port = 40000,
	.dst_port = 80,
	.protocol = IPPROTO_TCP,
	.tcp_flags = DP_TCP_SYN};
const struct packet_spec scene_to_us = {.src = RIG_CLIENT4,
	.dst = "192.0.2.1",
	.src_port = 40000,
	.dst_port = 22,
	.protocol = IPPROTO_TCP,
	.payload_len = 77};

void scene_own(struct scene *s, bool is_owner)
{
	s->leases[0] = is_owner ? UINT64_MAX : 0;
}

void scene_open(struct scene *s, const char *name)
{
	const struct prefix local = {packet_addr("192.0.2.1"), 128};

	s->r = rig_new(name);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s->ends), 0);
	dp_locals_put(s->r->locals);
	s->r->locals = dp_locals_new(&local, 1);
	rig_publish(s->r);
	s->r->w->setup.taps[SCENE_PORT] = (struct dp_tap_queue){s->ends[SCENE_WORKER], s->r->pool};
	s->r->w->setup.taps[RIG_SERVER_SIDE].fd = -1;
	s->r->w->setup.leases = s->leases;
	scene_own(s, true);
}

void scene_close(struct scene *s)
{
	(void)close(s->ends[SCENE_KERNEL]);
	(void)close(s->ends[SCENE_WORKER]);
	rig_free(s->r);
}

struct packet scene_packet(struct scene *s, struct packet_spec spec)
{
	static const uint8_t mac[6] = {2, 0xbb, 0, 0, 0, SCENE_PORT};
	struct packet p = rig_packet(s->r, spec);

	memcpy(p.bytes, mac, sizeof(mac));
	return p;
}

void scene_expect_in_kernel(struct scene *s, const struct packet *p)
{
	uint8_t bytes[PACKET_ROOM];
	ssize_t n = read(s->ends[SCENE_KERNEL], bytes, sizeof(bytes));

	assert_int_equal(n, p->len);
	assert_memory_equal(bytes, p->bytes, p->len);
}

void scene_expect_nothing_in_kernel(struct scene *s)
{
	uint8_t byte;

	assert_int_equal(read(s->ends[SCENE_KERNEL], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

struct packet scene_tagged(const struct packet *p, unsigned n, uint16_t vlan)
{
	struct packet t = *p;

	for (unsigned i = 0; i < n; i++) {
		memmove(t.bytes + 16, t.bytes + 12, t.len - 12);
		packet_put16(t.bytes + 12, 0x8100);
		packet_put16(t.bytes + 14, vlan);
		t.len += 4;
	}
	return t;
}

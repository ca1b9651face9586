/* What workers copy and trace while somebody watches; filters; and what it costs when nobody reads.
 */
#include "dataplane/watch.h"

#include "rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

enum { TAPE = 65536 };

/* A rig with somebody who watches. */
struct scene {
	struct rig *r;
	struct dp_watch watch;
	struct dp_tape tape;
	struct dp_filter filter;
	uint8_t *bytes;
};

static struct scene *begin(const char *name, const char *filter, uint32_t size)
{
	struct scene *s = calloc(1, sizeof(*s));
	char why[256] = "";

	assert_non_null(s);
	s->bytes = aligned_alloc(64, size);
	assert_non_null(s->bytes);
	s->r = rig_new(name);
	if (dp_filter_init(&s->filter, filter, why, sizeof(why)) != 0)
		fail_msg("%s: %s", filter, why);
	dp_tape_init(&s->tape, s->bytes, size);
	s->watch.port = DP_NO_ID;
	s->r->w->watch = &s->watch;
	s->r->w->seen = s->r->tables;
	for (unsigned port = 0; port < RIG_PORTS; port++)
		s->r->w->setup.tx[port].via = -1;
	return s;
}

static struct scene *begin_capture(const char *name, const char *filter, uint32_t size)
{
	struct scene *s = begin(name, filter, size);

	s->watch.capture_tape = &s->tape;
	s->watch.capture_filter = &s->filter;
	s->watch.has_in = s->watch.has_out = true;
	s->watch.snaplen = DP_MAX_SNAPLEN;
	dp_watch_sent(s->r->w); // as at the end of the turn before
	return s;
}

static struct scene *begin_trace(const char *name, const char *filter, unsigned count)
{
	struct scene *s = begin(name, filter, TAPE);

	s->watch.trace_tape = &s->tape;
	s->watch.trace_filter = &s->filter;
	s->watch.traces_left = count;
	return s;
}

static void end(struct scene *s)
{
	rig_drop_output(s->r);
	s->r->w->watch = NULL;
	rig_free(s->r);
	dp_filter_fini(&s->filter);
	free(s->bytes);
	free(s);
}

static struct packet tcp(struct rig *r, const char *src, const char *dst, uint8_t flags)
{
	bool is_in = !strstr(src, "198.51.100.") && !strstr(src, "2001:db8:2:");

	return rig_packet(r, (struct packet_spec){src, dst, is_in ? 40000 : 8080,
				     is_in ? 80 : 40000, IPPROTO_TCP, .tcp_flags = flags});
}

/* ---- filters --------------------------------------------------------------------------------- */

static bool matches(const char *filter, struct rig *r, const struct packet *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
	struct dp_filter f;
	char why[256];
	bool is_match;

	assert_non_null(m);
	assert_int_equal(dp_filter_init(&f, filter, why, sizeof(why)), 0);
	memcpy(rte_pktmbuf_append(m, (uint16_t)p->len), p->bytes, p->len);
	is_match = dp_filter_matches(&f, m);
	assert_int_equal(is_match, rte_bpf_exec(f.bpf, m) != 0); // translated or not
	rte_pktmbuf_free(m);
	dp_filter_fini(&f);
	return is_match;
}

static void filters_are_those_of_tcpdump(void **state)
{
	static const struct {
		const char *filter;
		bool v4, v6;
	} cells[] = {
		{"", true, true},
		{"ip", true, false},
		{"ip6", false, true},
		{"tcp", true, true},
		{"udp", false, false},
		{"tcp port 80", true, true},
		{"port 81", false, false},
		{"host " RIG_CLIENT4, true, false},
		{"host " RIG_CLIENT6, false, true},
		{"src host " RIG_CLIENT6 " and tcp dst port 80", false, true},
		{"dst host " RIG_CLIENT6, false, false},
		{"host " RIG_CLIENT6 " and tcp", false, true},
		{"net 192.0.2.0/24 or net 2001:db8:1::/64", true, true},
		{"tcp[tcpflags] & tcp-syn != 0", true, false},
		{"tcp[13] = 2 or ip6[53] = 2", true, true},
		{"tcp[0:2] > 1023 and tcp[2:2] = 80 and tcp[12:4] & 0x20000 != 0", true, false},
		{"ip[0] & 0xf != 5", false, false},
		{"less 30", false, false},
		{"greater 30", true, true},
	};
	struct rig *r = rig_new("filters");
	struct packet v4 = tcp(r, RIG_CLIENT4, RIG_VIP4, DP_TCP_SYN);
	struct packet v6 = tcp(r, RIG_CLIENT6, RIG_VIP6, DP_TCP_SYN);

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		if (matches(cells[i].filter, r, &v4) != cells[i].v4)
			fail_msg("\"%s\" and IPv4", cells[i].filter);
		if (matches(cells[i].filter, r, &v6) != cells[i].v6)
			fail_msg("\"%s\" and IPv6", cells[i].filter);
	}
	rig_free(r);
}

static void what_is_no_filter_is_refused_with_the_reason(void **state)
{
	struct dp_filter f;
	char why[256] = "";

	(void)state;
	assert_int_equal(dp_filter_init(&f, "host host", why, sizeof(why)), -EINVAL);
	assert_true(strlen(why) > 0);
	dp_filter_fini(&f);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void expect_copy(
	struct scene *s, enum dp_point point, const struct dp_copy **ret, const uint8_t **ret_bytes)
{
	const struct dp_copy *c;
	uint32_t len;

	if (*ret)
		dp_tape_take(&s->tape);
	c = dp_tape_peek(&s->tape, &len);
	assert_non_null(c);
	assert_int_equal(c->point, point);
	assert_int_equal(len, sizeof(*c) + c->n_bytes);
	*ret = c;
	*ret_bytes = (const uint8_t *)(c + 1);
}

static const struct {
	const char *client, *vip;
	enum rig_service service;
} families[] = {{RIG_CLIENT4, RIG_VIP4, RIG_TCP4}, {RIG_CLIENT6, RIG_VIP6, RIG_TCP6}};

static void a_packet_is_there_as_it_came_and_as_it_goes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct scene *s = begin_capture("both sides", "tcp", TAPE);
		struct packet syn = tcp(s->r, families[i].client, families[i].vip, DP_TCP_SYN);
		const struct dp_copy *c = NULL;
		const uint8_t *bytes;
		struct rig_out out;
		uint32_t len;

		rig_send(s->r, RIG_CLIENT_SIDE, &syn);
		dp_watch_sent(s->r->w);
		expect_copy(s, DP_POINT_RECEIVED, &c, &bytes);
		assert_int_equal(c->frame_len, syn.len);
		assert_memory_equal(bytes, syn.bytes, syn.len);
		assert_int_equal(c->port, RIG_CLIENT_SIDE);
		assert_int_equal(c->service, families[i].service);
		assert_int_equal(c->server, DP_NO_ID); // not chosen yet
		expect_copy(s, DP_POINT_SENT, &c, &bytes);
		assert_true(rig_take(s->r, RIG_SERVER_SIDE, &out));
		assert_memory_equal(bytes, out.bytes, out.len);
		assert_int_equal(c->port, RIG_SERVER_SIDE);
		assert_int_equal(c->service, families[i].service);
		assert_int_equal(c->server, rig_conn(s->r, 0)->server);
		dp_watch_sent(s->r->w); // once only
		dp_tape_take(&s->tape);
		assert_null(dp_tape_peek(&s->tape, &len));
		end(s);
	}
}

static void a_dropped_packet_is_there_with_the_reason(void **state)
{
	struct scene *s = begin_capture("dropped", "", TAPE);
	struct packet lost = rig_packet(s->r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 40000,
						      8000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK});
	struct packet reset = tcp(s->r, RIG_CLIENT4, RIG_VIP4, DP_TCP_ACK);
	const struct dp_copy *c = NULL;
	const uint8_t *bytes;

	(void)state;
	rig_send(s->r, RIG_CLIENT_SIDE, &lost);
	expect_copy(s, DP_POINT_RECEIVED, &c, &bytes);
	expect_copy(s, DP_POINT_DROPPED, &c, &bytes);
	assert_int_equal(c->why, DP_DROP_NO_CONNECTION);
	assert_int_equal(c->service, RIG_RANGE4);
	assert_memory_equal(bytes, lost.bytes, lost.len);
	// one that is answered is shown before it becomes the answer
	rig_send(s->r, RIG_CLIENT_SIDE, &reset);
	dp_watch_sent(s->r->w);
	expect_copy(s, DP_POINT_RECEIVED, &c, &bytes);
	expect_copy(s, DP_POINT_DROPPED, &c, &bytes);
	assert_memory_equal(bytes, reset.bytes, reset.len);
	expect_copy(s, DP_POINT_SENT, &c, &bytes);
	assert_int_equal(c->port, RIG_CLIENT_SIDE);
	end(s);
}

static void only_what_was_asked_for_is_copied(void **state)
{
	static const struct {
		bool has_in, has_out;
		int port;
		unsigned n;
	} cells[] = {{true, true, DP_NO_ID, 2}, {true, false, DP_NO_ID, 1},
		{false, true, DP_NO_ID, 1}, {true, true, RIG_SERVER_SIDE, 1},
		{true, false, RIG_SERVER_SIDE, 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct scene *s = begin_capture("asked for", "", TAPE);
		struct packet syn = tcp(s->r, RIG_CLIENT4, RIG_VIP4, DP_TCP_SYN);
		const struct dp_copy *c;
		unsigned n = 0;
		uint32_t len;

		s->watch.has_in = cells[i].has_in;
		s->watch.has_out = cells[i].has_out;
		s->watch.port = cells[i].port;
		s->watch.snaplen = 20;
		rig_send(s->r, RIG_CLIENT_SIDE, &syn);
		dp_watch_sent(s->r->w);
		for (; (c = dp_tape_peek(&s->tape, &len)); n++) {
			assert_int_equal(c->n_bytes, 20);
			assert_int_equal(c->frame_len, syn.len);
			dp_tape_take(&s->tape);
		}
		assert_int_equal(n, cells[i].n);
		end(s);
	}
}

/* Nobody reads: every packet is forwarded all the same, and what was not copied is known. */
static void a_reader_that_stops_costs_copies_only(void **state)
{
	enum { N = 5000 };
	struct scene *s = begin_capture("slow reader", "", 4096);
	struct packet syn = tcp(s->r, RIG_CLIENT4, RIG_VIP4, DP_TCP_SYN);
	unsigned n = 0;
	uint32_t len;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		struct rig_out out;

		rig_send(s->r, RIG_CLIENT_SIDE, &syn);
		dp_watch_sent(s->r->w);
		rig_expect_one(s->r, RIG_SERVER_SIDE, &out);
	}
	for (; dp_tape_peek(&s->tape, &len); n++)
		dp_tape_take(&s->tape);
	assert_true(n > 0);
	assert_int_equal(n + dp_tape_lost(&s->tape), 2 * N);
	end(s);
}

/* ---- traces ---------------------------------------------------------------------------------- */

static struct dp_trace expect_trace(struct scene *s)
{
	const struct dp_trace_record *at;
	struct dp_trace t;
	uint32_t len;

	at = dp_tape_peek(&s->tape, &len);
	assert_non_null(at);
	t = at->t;
	dp_tape_take(&s->tape);
	return t;
}

static void a_trace_tells_what_each_stage_decided(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct scene *s = begin_trace("path", "tcp", 10);
		struct packet syn = tcp(s->r, families[i].client, families[i].vip, DP_TCP_SYN);
		struct packet answer;
		struct dp_trace t;

		rig_send(s->r, RIG_CLIENT_SIDE, &syn);
		t = expect_trace(s);
		assert_int_equal(t.end, DP_TRACE_SENT);
		assert_int_equal(t.n_stages, 7);
		assert_int_equal(t.port, RIG_CLIENT_SIDE);
		assert_int_equal(t.out_port, RIG_SERVER_SIDE);
		assert_int_equal(t.service, families[i].service);
		assert_true(t.is_ip && t.is_to_vip && t.is_new && !t.has_conn);
		assert_int_equal(t.server, rig_conn(s->r, 0)->server);
		assert_int_equal(t.weight, 1);
		assert_int_equal(t.weight_sum, 2);
		assert_string_equal(t.state_after, "SYN_RECV");
		assert_int_equal(t.timeout_ms, 30000);
		assert_true(addr_equal(&t.after.dst, &s->r->tables->servers[t.server].address));
		assert_int_equal(t.after.dst_port, 8080);
		assert_int_equal(t.before.dst_port, 80);
		rig_drop_output(s->r);

		answer = tcp(s->r, rig_server_text(s->r, 0), families[i].client,
			DP_TCP_SYN | DP_TCP_ACK);
		rig_pass_time(s->r, 7);
		rig_send(s->r, RIG_SERVER_SIDE, &answer);
		t = expect_trace(s);
		assert_int_equal(t.end, DP_TRACE_SENT);
		assert_true(t.has_conn && !t.is_new && !t.is_to_vip);
		assert_int_equal(t.age_ms, 7);
		assert_int_equal(t.after.src_port, 80);
		end(s);
	}
}

static void a_trace_tells_where_a_packet_ended(void **state)
{
	static const struct {
		const char *src, *dst;
		uint16_t port;
		uint8_t flags;
		enum dp_trace_end end;
		enum dp_drop why;
		unsigned n_stages;
	} cells[] = {
		{RIG_CLIENT4, RIG_VIP4, 8000, DP_TCP_ACK, DP_TRACE_DROPPED, DP_DROP_NO_CONNECTION,
			5},
		{RIG_CLIENT4, RIG_VIP4, 80, DP_TCP_ACK, DP_TRACE_ANSWERED, DP_DROP_NO_CONNECTION,
			5},
		{RIG_CLIENT6, RIG_VIP6, 81, DP_TCP_SYN, DP_TRACE_ANSWERED, DP_DROP_NO_SERVER, 5},
		{RIG_CLIENT4, RIG_VIP4, 83, DP_TCP_SYN, DP_TRACE_HELD, DP_KEEP, 7},
		{RIG_CLIENT4, "192.0.2.77", 80, DP_TCP_SYN, DP_TRACE_DROPPED, DP_DROP_NOT_OURS, 5},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct scene *s = begin_trace("ends", "", 10);
		struct packet p = rig_packet(
			s->r, (struct packet_spec){cells[i].src, cells[i].dst, 40000, cells[i].port,
				      IPPROTO_TCP, .tcp_flags = cells[i].flags});
		struct dp_trace t;

		rig_send(s->r, RIG_CLIENT_SIDE, &p);
		t = expect_trace(s);
		assert_int_equal(t.end, cells[i].end);
		assert_int_equal(t.why, cells[i].why);
		assert_int_equal(t.n_stages, cells[i].n_stages);
		if (t.end == DP_TRACE_HELD)
			assert_int_equal(t.out_port, RIG_SERVER_SIDE);
		end(s);
	}
}

static void no_more_are_traced_than_were_asked_for(void **state)
{
	struct scene *s = begin_trace("count", "tcp dst port 80", 3);
	struct packet packets[8];
	uint32_t len;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		packets[i] = rig_packet(
			s->r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, (uint16_t)(1000 + i),
				      i == 0 ? 8000 : 80, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN});
	rig_send_overlapping(s->r, RIG_CLIENT_SIDE, packets, 8);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(expect_trace(s).before.src_port, 1000 + i);
	assert_null(dp_tape_peek(&s->tape, &len));
	assert_int_equal(s->watch.n_slots, 0);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_are_those_of_tcpdump),
		cmocka_unit_test(what_is_no_filter_is_refused_with_the_reason),
		cmocka_unit_test(a_packet_is_there_as_it_came_and_as_it_goes),
		cmocka_unit_test(a_dropped_packet_is_there_with_the_reason),
		cmocka_unit_test(only_what_was_asked_for_is_copied),
		cmocka_unit_test(a_reader_that_stops_costs_copies_only),
		cmocka_unit_test(a_trace_tells_what_each_stage_decided),
		cmocka_unit_test(a_trace_tells_where_a_packet_ended),
		cmocka_unit_test(no_more_are_traced_than_were_asked_for),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}

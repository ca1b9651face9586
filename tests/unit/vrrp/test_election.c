/* Who is believed, who wins, and how long one waits. */
#include "vrrp/election.h"

#include "tests/unit/dataplane/seeded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N_ROUNDS = 20000, N_ADDRESSES = 2 };

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

/* ---- belief ---------------------------------------------------------------------------------- */

/* An instance at 192.0.2.2 and an advert from 192.0.2.3 that it believes. */
struct scene {
	struct conf_vrrp_instance conf;
	struct vrrp_judge judge;
	struct vrrp_advert advert;
	struct vrrp_envelope envelope;
	struct addr addresses[N_ADDRESSES];
	struct addr peers[2];
	struct prefix allow[1];
};

static void set_scene(struct scene *s, unsigned version)
{
	*s = (struct scene){
		.conf = {.check_ttl = true, .n_addresses = N_ADDRESSES},
		.judge = {.version = version,
			.advert_ms = 1000,
			.priority = 100,
			.source = address("192.0.2.2")},
		.advert = {.version = (uint8_t)version,
			.priority = 150,
			.interval_ms = 1000,
			.n_addresses = N_ADDRESSES},
		.envelope = {address("192.0.2.3"), address("224.0.0.18"), 255},
		.addresses = {address("192.0.2.100"), address("192.0.2.101")},
		.peers = {address("192.0.2.4"), address("192.0.2.3")},
		.allow = {prefix("192.0.2.0/24")},
	};
	s->judge.conf = &s->conf;
	s->conf.addresses = s->addresses;
	s->conf.unicast_peers = s->peers;
	s->conf.allow = s->allow;
	s->advert.addresses[0] = s->addresses[0];
	s->advert.addresses[1] = s->addresses[1];
}

/* The verdict, and in *ret_differs whether the list differs: -1 if nothing was said of it. */
static enum vrrp_error check(const struct scene *s, int *ret_differs)
{
	bool sentinels[2] = {false, true};
	enum vrrp_error error =
		vrrp_election_check(&s->judge, &s->advert, &s->envelope, &sentinels[0]);

	assert_int_equal(
		vrrp_election_check(&s->judge, &s->advert, &s->envelope, &sentinels[1]), error);
	*ret_differs = sentinels[0] == sentinels[1] ? sentinels[0] : -1;
	return error;
}

static void assert_refused(const struct scene *s, enum vrrp_error error)
{
	int differs;

	assert_int_equal(check(s, &differs), error);
	assert_int_equal(differs, -1);
}

static void assert_believed(const struct scene *s, bool want_differs)
{
	int differs;

	assert_int_equal(check(s, &differs), VRRP_OK);
	assert_int_equal(differs, want_differs);
}

static void a_good_advert_is_believed_in_both_versions(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s, 3);
	assert_believed(&s, false);
	set_scene(&s, 2);
	assert_believed(&s, false);
}

static void our_own_adverts_are_refused(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s, 3);
	s.envelope.source = s.judge.source;
	assert_refused(&s, VRRP_ERROR_OWN_SOURCE);
}

static void only_who_is_allowed_is_heard(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s, 3);
	s.conf.n_allow = 1;
	assert_believed(&s, false);
	s.envelope.source = address("198.51.100.3");
	assert_refused(&s, VRRP_ERROR_NOT_ALLOWED);
	s.conf.n_allow = 0;
	assert_believed(&s, false);
}

static void with_unicast_only_peers_are_heard_and_of_them_only_who_is_allowed(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s, 3);
	s.conf.is_unicast = true;
	assert_refused(&s, VRRP_ERROR_NOT_ALLOWED); // no peer at all
	s.conf.n_unicast_peers = 1;
	assert_refused(&s, VRRP_ERROR_NOT_ALLOWED);
	s.conf.n_unicast_peers = 2;
	assert_believed(&s, false);
	s.conf.n_allow = 1;
	assert_believed(&s, false);
	s.allow[0] = prefix("192.0.2.4");
	assert_refused(&s, VRRP_ERROR_NOT_ALLOWED);
}

static void a_ttl_other_than_255_is_refused_where_it_is_checked(void **state)
{
	struct scene s;

	(void)state;
	for (int ttl = -1; ttl <= 255; ttl++) {
		set_scene(&s, 3);
		s.envelope.ttl = ttl;
		if (ttl == 255)
			assert_believed(&s, false);
		else
			assert_refused(&s, VRRP_ERROR_TTL);
		s.conf.check_ttl = false;
		assert_believed(&s, false);
	}
}

static void the_other_version_is_refused(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s, 3);
	s.advert.version = 2;
	assert_refused(&s, VRRP_ERROR_VERSION);
	set_scene(&s, 2);
	s.advert.version = 3;
	assert_refused(&s, VRRP_ERROR_VERSION);
}

/* RFC 2338 §5.3.6, §10.2 */
static void version_2_asks_for_the_same_authentication(void **state)
{
	static const struct {
		const char *ours;
		uint8_t type;
		const char data[VRRP_AUTH_LEN + 1];
		bool is_right;
	} rows[] = {
		{NULL, VRRP_AUTH_NONE, "", true},
		{NULL, VRRP_AUTH_NONE, "anything", true},
		{NULL, VRRP_AUTH_SIMPLE, "", false},
		{"secret", VRRP_AUTH_SIMPLE, "secret", true},
		{"secret", VRRP_AUTH_SIMPLE, "secret\0x", false},
		{"secret", VRRP_AUTH_SIMPLE, "secreT", false},
		{"secret", VRRP_AUTH_SIMPLE, "secre", false},
		{"secret", VRRP_AUTH_SIMPLE, "secrets", false},
		{"secret", VRRP_AUTH_NONE, "secret", false},
		{"secret", 2, "secret", false}, // the authentication header of RFC 2338
		{"eight888", VRRP_AUTH_SIMPLE, "eight888", true},
		{"eight888", VRRP_AUTH_SIMPLE, "eight889", false},
		{"", VRRP_AUTH_SIMPLE, "", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene s;

		set_scene(&s, 2);
		s.conf.auth_pass = rows[i].ours;
		s.advert.auth_type = rows[i].type;
		memcpy(s.advert.auth_data, rows[i].data, VRRP_AUTH_LEN);
		if (rows[i].is_right)
			assert_believed(&s, false);
		else
			assert_refused(&s, VRRP_ERROR_AUTHENTICATION);
	}
}

static void another_interval_is_refused_in_version_2_and_believed_in_3(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s, 2);
	s.advert.interval_ms = 2000;
	assert_refused(&s, VRRP_ERROR_INTERVAL);
	set_scene(&s, 3);
	s.advert.interval_ms = 2000;
	assert_believed(&s, false);
}

static void another_list_is_told_and_refused_in_version_2_unless_from_the_owner(void **state)
{
	static const struct {
		const char *listed[3];
		bool differs;
	} rows[] = {
		{{"192.0.2.100", "192.0.2.101"}, false},
		{{"192.0.2.101", "192.0.2.100"}, false},
		{{"192.0.2.100"}, true},
		{{"192.0.2.100", "192.0.2.100"}, true},
		{{"192.0.2.101", "192.0.2.101"}, true},
		{{"192.0.2.100", "192.0.2.102"}, true},
		{{"192.0.2.100", "192.0.2.101", "192.0.2.102"}, true},
		{{"192.0.2.100", "192.0.2.101", "192.0.2.101"}, true},
	};
	int differs;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene s;

		set_scene(&s, 3);
		s.advert.n_addresses = 0;
		for (unsigned a = 0; a < 3 && rows[i].listed[a]; a++)
			s.advert.addresses[s.advert.n_addresses++] = address(rows[i].listed[a]);
		assert_believed(&s, rows[i].differs);
		s.advert.version = 2;
		s.judge.version = 2;
		assert_int_equal(
			check(&s, &differs), rows[i].differs ? VRRP_ERROR_ADDRESS_LIST : VRRP_OK);
		assert_int_equal(differs, rows[i].differs);
		s.advert.priority = VRRP_PRIORITY_OWNER;
		assert_believed(&s, rows[i].differs);
	}
}

/* All that can be wrong is; put right one by one, each is told in its turn. */
static void the_first_reason_counts(void **state)
{
	struct scene s;
	int differs;

	(void)state;
	set_scene(&s, 2);
	s.envelope = (struct vrrp_envelope){s.judge.source, s.envelope.destination, 64};
	s.conf.n_allow = 1;
	s.conf.auth_pass = "secret";
	s.advert.version = 3;
	s.advert.interval_ms = 50;
	s.advert.n_addresses = 1;
	assert_refused(&s, VRRP_ERROR_OWN_SOURCE);
	s.envelope.source = address("198.51.100.3");
	assert_refused(&s, VRRP_ERROR_NOT_ALLOWED);
	s.envelope.source = address("192.0.2.3");
	assert_refused(&s, VRRP_ERROR_TTL);
	s.envelope.ttl = 255;
	assert_refused(&s, VRRP_ERROR_VERSION);
	s.advert.version = 2;
	assert_refused(&s, VRRP_ERROR_AUTHENTICATION);
	s.conf.auth_pass = NULL;
	assert_refused(&s, VRRP_ERROR_INTERVAL);
	s.advert.interval_ms = 1000;
	assert_int_equal(check(&s, &differs), VRRP_ERROR_ADDRESS_LIST);
	s.advert.n_addresses = N_ADDRESSES;
	assert_believed(&s, false);
}

/* ---- who wins -------------------------------------------------------------------------------- */

static void priority_decides_and_then_the_higher_address(void **state)
{
	static const struct {
		const char *our_source, *source;
		unsigned ours, theirs;
		enum vrrp_verdict verdict;
	} rows[] = {
		{"192.0.2.2", "192.0.2.3", 100, 0, VRRP_PEER_RELEASES},
		{"192.0.2.2", "192.0.2.3", 1, 0, VRRP_PEER_RELEASES},
		{"192.0.2.2", "192.0.2.3", 100, 99, VRRP_PEER_LOWER},
		{"192.0.2.3", "192.0.2.2", 100, 101, VRRP_PEER_HIGHER},
		{"192.0.2.2", "192.0.2.3", 100, 100, VRRP_PEER_HIGHER},
		{"192.0.2.3", "192.0.2.2", 100, 100, VRRP_PEER_EQUAL},
		{"192.0.2.2", "192.0.2.2", 100, 100, VRRP_PEER_EQUAL},
		// unsigned: 198.51.100.1 is above 127.0.0.1 and below 203.0.113.1
		{"127.0.0.1", "198.51.100.1", 100, 100, VRRP_PEER_HIGHER},
		{"198.51.100.1", "127.0.0.1", 100, 100, VRRP_PEER_EQUAL},
		{"203.0.113.1", "198.51.100.1", 100, 100, VRRP_PEER_EQUAL},
		{"198.51.100.127", "198.51.100.128", 100, 100, VRRP_PEER_HIGHER},
		{"fe80::1", "fe80::2", 100, 100, VRRP_PEER_HIGHER},
		{"fe80::8000:0:0:0", "fe80::7fff:0:0:0", 100, 100, VRRP_PEER_EQUAL},
		{"192.0.2.2", "192.0.2.3", 255, 255, VRRP_PEER_HIGHER},
		{"192.0.2.2", "192.0.2.3", 127, 128, VRRP_PEER_HIGHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr our_source = address(rows[i].our_source);
		struct addr source = address(rows[i].source);

		assert_int_equal(
			vrrp_election_compare(rows[i].ours, &our_source, rows[i].theirs, &source),
			rows[i].verdict);
	}
}

/* Of two nodes with other addresses exactly one gives way as master, and both say which. */
static void two_nodes_never_both_win_and_never_both_lose(void **state)
{
	struct seeded seed = seeded_new("two_nodes_never_both_win_and_never_both_lose");

	(void)state;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		bool is_v4 = seeded_below(&seed, 2);
		struct addr a = seeded_addr(&seed, is_v4), b = seeded_addr(&seed, is_v4);
		unsigned pa = 1 + seeded_below(&seed, 3), pb = 1 + seeded_below(&seed, 3);
		bool a_yields = vrrp_election_compare(pa, &a, pb, &b) == VRRP_PEER_HIGHER;
		bool b_yields = vrrp_election_compare(pb, &b, pa, &a) == VRRP_PEER_HIGHER;

		assert_int_equal(a_yields, !b_yields);
	}
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void timers_are_those_of_the_standards(void **state)
{
	static const struct {
		unsigned version, priority;
		uint32_t advert_ms;
		uint64_t skew_us, down_us;
		unsigned lease_ms;
	} rows[] = {
		{3, 100, 1000, 609375, 3609375, 500},
		{3, 100, 100, 60937, 360937, 180},
		{3, 100, 10, 6093, 36093, 18},
		{3, 255, 1000, 3906, 3003906, 500},
		{3, 254, 10, 78, 30078, 15},
		{3, 1, 1000, 996093, 3996093, 500},
		{3, 1, 40950, 40790039, 163640039, 500},
		{2, 100, 1000, 609375, 3609375, 500},
		{2, 100, 3000, 609375, 9609375, 500}, // the skew does not grow with the interval
		{3, 100, 3000, 1828125, 10828125, 500},
		{2, 255, 1000, 3906, 3003906, 500},
		{2, 1, 255000, 996093, 765996093, 500},
		{3, 100, 0, 0, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned v = rows[i].version, p = rows[i].priority;
		uint32_t a = rows[i].advert_ms;

		assert_int_equal(vrrp_election_skew_us(v, p, a), rows[i].skew_us);
		assert_int_equal(vrrp_election_down_us(v, p, a), rows[i].down_us);
		assert_int_equal(vrrp_election_lease_ms(v, p, a), rows[i].lease_ms);
	}
}

/* What the lease is for: it is over when the first backup can be master, whatever its priority. */
static void a_lease_never_outlives_the_shortest_down_interval(void **state)
{
	(void)state;
	for (uint32_t a = 10; a <= 40950; a += 10) {
		for (unsigned p = 1; p <= 255; p++)
			assert_true(vrrp_election_lease_ms(3, p, a) * UINT64_C(1000) <
				    vrrp_election_down_us(3, 255, a));
	}
}

static void a_higher_priority_waits_less(void **state)
{
	(void)state;
	for (unsigned v = 2; v <= 3; v++) {
		for (unsigned p = 1; p < 255; p++)
			assert_true(vrrp_election_down_us(v, p, 1000) >
				    vrrp_election_down_us(v, p + 1, 1000));
	}
}

static void tracks_move_a_priority_within_its_bounds(void **state)
{
	static const struct {
		unsigned base;
		int adjustment;
		unsigned priority;
	} rows[] = {
		{100, 0, 100},
		{200, -101, 99},
		{100, -101, 1},
		{100, 153, 253},
		{100, 154, 254},
		{100, 155, 254},
		{254, 253, 254},
		{1, -253, 1},
		{100, INT32_MAX, 254},
		{100, INT32_MIN, 1},
		{255, -253, 255},
		{255, 1, 255},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			vrrp_election_priority(rows[i].base, rows[i].adjustment), rows[i].priority);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_advert_is_believed_in_both_versions),
		cmocka_unit_test(our_own_adverts_are_refused),
		cmocka_unit_test(only_who_is_allowed_is_heard),
		cmocka_unit_test(with_unicast_only_peers_are_heard_and_of_them_only_who_is_allowed),
		cmocka_unit_test(a_ttl_other_than_255_is_refused_where_it_is_checked),
		cmocka_unit_test(the_other_version_is_refused),
		cmocka_unit_test(version_2_asks_for_the_same_authentication),
		cmocka_unit_test(another_interval_is_refused_in_version_2_and_believed_in_3),
		cmocka_unit_test(
			another_list_is_told_and_refused_in_version_2_unless_from_the_owner),
		cmocka_unit_test(the_first_reason_counts),
		cmocka_unit_test(priority_decides_and_then_the_higher_address),
		cmocka_unit_test(two_nodes_never_both_win_and_never_both_lose),
		cmocka_unit_test(timers_are_those_of_the_standards),
		cmocka_unit_test(a_lease_never_outlives_the_shortest_down_interval),
		cmocka_unit_test(a_higher_priority_waits_less),
		cmocka_unit_test(tracks_move_a_priority_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

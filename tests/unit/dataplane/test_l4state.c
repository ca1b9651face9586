/* The state table against its rules in words: expected() is written from the rules (RFC 9293
 * §3.3.2 as a watcher in the middle sees it, dataplane.md §5), by conditions, not by cells. */
#include "dataplane/l4state.h"

#include "conf/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What is known of a TCP connection, instead of a state's name. */
struct knowledge {
	bool is_answered;     // server's SYN-ACK seen
	bool is_complete;     // client acknowledged it
	bool has_fin[2];      // by direction
	bool is_first_client; // whose FIN was first
	bool is_done;         // the last ACK was seen
	bool is_reset;
};

static const struct knowledge known[DP_L4_N_STATES] = {
	[DP_L4_SYN] = {.is_answered = false},
	[DP_L4_SYN_ACK] = {.is_answered = true},
	[DP_L4_ESTABLISHED] = {.is_answered = true, .is_complete = true},
	[DP_L4_FIN_CLIENT] = {true, true, {true, false}, true, false, false},
	[DP_L4_FIN_SERVER] = {true, true, {false, true}, false, false, false},
	[DP_L4_LAST_ACK_CLIENT] = {true, true, {true, true}, true, false, false},
	[DP_L4_LAST_ACK_SERVER] = {true, true, {true, true}, false, false, false},
	[DP_L4_TIME_WAIT] = {true, true, {true, true}, true, true, false},
	[DP_L4_CLOSE] = {.is_reset = true},
};

static enum dp_l4_state name_of(const struct knowledge *k)
{
	if (k->is_reset)
		return DP_L4_CLOSE;
	if (k->is_done)
		return DP_L4_TIME_WAIT;
	if (k->has_fin[DP_DIR_IN] && k->has_fin[DP_DIR_OUT])
		return k->is_first_client ? DP_L4_LAST_ACK_CLIENT : DP_L4_LAST_ACK_SERVER;
	if (k->has_fin[DP_DIR_IN])
		return DP_L4_FIN_CLIENT;
	if (k->has_fin[DP_DIR_OUT])
		return DP_L4_FIN_SERVER;
	if (!k->is_answered)
		return DP_L4_SYN;
	return k->is_complete ? DP_L4_ESTABLISHED : DP_L4_SYN_ACK;
}

/* A FIN counts once the server has answered. From a server that never answered it ends all;
 * from a client nobody answered it is noise. */
static void see_fin(struct knowledge *k, enum dp_dir dir)
{
	if (!k->is_answered) {
		k->is_reset = dir == DP_DIR_OUT;
		return;
	}
	if (!k->has_fin[DP_DIR_IN] && !k->has_fin[DP_DIR_OUT])
		k->is_first_client = dir == DP_DIR_IN;
	k->has_fin[dir] = true;
}

/* The last ACK comes from the one who closed first: he acknowledges the other's FIN. */
static void see_ack(struct knowledge *k, enum dp_dir dir)
{
	bool is_closed = k->has_fin[DP_DIR_IN] && k->has_fin[DP_DIR_OUT];

	if (is_closed && k->is_first_client == (dir == DP_DIR_IN))
		k->is_done = true;
	if (k->is_answered && dir == DP_DIR_IN)
		k->is_complete = true;
}

static enum dp_l4_state expected_tcp(enum dp_l4_state state, enum dp_l4_event kind, enum dp_dir dir)
{
	struct knowledge k = known[state];

	if (kind == DP_L4_EV_RST)
		return DP_L4_CLOSE;
	if (k.is_reset || k.is_done)
		return state;
	if (kind == DP_L4_EV_FIN)
		see_fin(&k, dir);
	if (kind == DP_L4_EV_ACK)
		see_ack(&k, dir);
	if (kind == DP_L4_EV_SYN_ACK && dir == DP_DIR_OUT)
		k.is_answered = true;
	return name_of(&k);
}

static enum dp_l4_state expected(enum dp_l4_state state, enum dp_l4_event kind, enum dp_dir dir)
{
	if (state == DP_L4_FREE)
		return DP_L4_FREE;
	if (state == DP_L4_UDP_UNANSWERED || state == DP_L4_UDP)
		return dir == DP_DIR_OUT ? DP_L4_UDP : state;
	return expected_tcp(state, kind, dir);
}

static void check_cell(enum dp_l4_state state, enum dp_l4_event kind, enum dp_dir dir)
{
	enum dp_l4_event event = (enum dp_l4_event)(kind + dir * DP_L4_EV_N_KINDS);

	if (dp_l4state_step(state, event) != expected(state, kind, dir))
		fail_msg("state %d, kind %d, direction %d", state, kind, dir);
}

static void every_cell_follows_the_rules_in_words(void **state)
{
	(void)state;
	for (int s = 0; s < DP_L4_N_STATES; s++)
		for (int kind = 0; kind < DP_L4_EV_N_KINDS; kind++) {
			check_cell((enum dp_l4_state)s, (enum dp_l4_event)kind, DP_DIR_IN);
			check_cell((enum dp_l4_state)s, (enum dp_l4_event)kind, DP_DIR_OUT);
		}
}

/* RST wins over SYN, SYN over FIN, FIN over ACK; PSH and the rest count for nothing. */
static void every_combination_of_flags_has_its_kind(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 256; flags++) {
		enum dp_l4_event want = DP_L4_EV_NONE;

		if (flags & DP_TCP_RST)
			want = DP_L4_EV_RST;
		else if (flags & DP_TCP_SYN)
			want = flags & DP_TCP_ACK ? DP_L4_EV_SYN_ACK : DP_L4_EV_SYN;
		else if (flags & DP_TCP_FIN)
			want = DP_L4_EV_FIN;
		else if (flags & DP_TCP_ACK)
			want = DP_L4_EV_ACK;
		assert_int_equal(dp_l4state_event((uint8_t)flags, DP_DIR_IN), want);
		assert_int_equal(
			dp_l4state_event((uint8_t)flags, DP_DIR_OUT), want + DP_L4_EV_N_KINDS);
	}
}

static enum dp_l4_state walk(enum dp_l4_state state, const char *story)
{
	for (; *story; story++) {
		enum dp_dir dir = *story >= 'a' ? DP_DIR_OUT : DP_DIR_IN;
		uint8_t flags = 0;

		switch (*story & ~0x20) {
		case 'S':
			flags = dir == DP_DIR_OUT ? DP_TCP_SYN | DP_TCP_ACK : DP_TCP_SYN;
			break;
		case 'F':
			flags = DP_TCP_FIN | DP_TCP_ACK;
			break;
		case 'A':
			flags = DP_TCP_ACK;
			break;
		case 'R':
			flags = DP_TCP_RST;
			break;
		default:
			fail();
		}
		state = dp_l4state_step(state, dp_l4state_event(flags, dir));
	}
	return state;
}

/* Capitals are the client's segments, small letters the server's. */
static void stories_end_where_they_should(void **state)
{
	(void)state;
	assert_int_equal(walk(DP_L4_SYN, "SSS"), DP_L4_SYN);
	assert_int_equal(walk(DP_L4_SYN, "AAA"), DP_L4_SYN); // a flood is not a handshake
	assert_int_equal(walk(DP_L4_SYN, "sA"), DP_L4_ESTABLISHED);
	assert_int_equal(walk(DP_L4_SYN, "sSsAaAaSs"), DP_L4_ESTABLISHED);
	assert_int_equal(walk(DP_L4_SYN, "sAFaa"), DP_L4_FIN_CLIENT);
	assert_int_equal(walk(DP_L4_SYN, "sAFafA"), DP_L4_TIME_WAIT);
	assert_int_equal(walk(DP_L4_SYN, "sAfAFa"), DP_L4_TIME_WAIT);
	assert_int_equal(walk(DP_L4_SYN, "sAfAF"), DP_L4_LAST_ACK_SERVER);
	assert_int_equal(walk(DP_L4_SYN, "sAFafAfA"), DP_L4_TIME_WAIT);
	assert_int_equal(walk(DP_L4_SYN, "r"), DP_L4_CLOSE);
	assert_int_equal(walk(DP_L4_SYN, "sAFafAR"), DP_L4_CLOSE);
	assert_int_equal(walk(DP_L4_SYN, "sFf"), DP_L4_LAST_ACK_CLIENT);
}

static void only_finished_connections_may_be_taken_over(void **state)
{
	(void)state;
	for (int s = 0; s < DP_L4_N_STATES; s++)
		assert_int_equal(!!dp_l4state_is_reusable((enum dp_l4_state)s),
			s == DP_L4_TIME_WAIT || s == DP_L4_CLOSE);
}

static void each_state_has_its_configured_timeout(void **state)
{
	const struct conf_timeouts conf = {
		.syn_received_ms = 1,
		.established_ms = 2,
		.fin_wait_ms = 3,
		.time_wait_ms = 4,
		.close_ms = 5,
		.last_ack_ms = 6,
		.udp_ms = 7,
		.udp_unanswered_ms = 8,
	};
	static const uint32_t want[DP_L4_N_STATES] = {0, 1, 1, 2, 3, 3, 6, 6, 4, 5, 8, 7};
	uint32_t got[DP_L4_N_STATES];

	(void)state;
	memset(got, 0xff, sizeof(got));
	dp_l4state_timeouts(&conf, got);
	assert_memory_equal(got, want, sizeof(want));
}

static void every_state_has_the_name_that_people_know(void **state)
{
	static const char *const want[DP_L4_N_STATES] = {"NONE", "SYN_RECV", "SYN_RECV",
		"ESTABLISHED", "FIN_WAIT", "FIN_WAIT", "LAST_ACK", "LAST_ACK", "TIME_WAIT", "CLOSE",
		"UDP_UNANSWERED", "UDP"};

	(void)state;
	for (int s = 0; s < DP_L4_N_STATES; s++)
		assert_string_equal(dp_l4state_name((enum dp_l4_state)s), want[s]);
	assert_string_equal(dp_l4state_name(DP_L4_N_STATES), "INVALID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_follows_the_rules_in_words),
		cmocka_unit_test(every_combination_of_flags_has_its_kind),
		cmocka_unit_test(stories_end_where_they_should),
		cmocka_unit_test(only_finished_connections_may_be_taken_over),
		cmocka_unit_test(each_state_has_its_configured_timeout),
		cmocka_unit_test(every_state_has_the_name_that_people_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

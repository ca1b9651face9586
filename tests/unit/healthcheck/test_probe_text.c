/* The probe `text` over plain TCP: dialogues that go as written, and every way in which they do
 * not. */
#include "loopback.h"
#include "probe_rig.h"
#include "scripted.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEND(text)                                                                                 \
	{                                                                                          \
		.is_send = true, .send = { text, sizeof(text) - 1 }                                \
	}
#define EXPECT(pattern)                                                                            \
	{                                                                                          \
		.expect = pattern                                                                  \
	}

/* Greeting, ping, pong. */
static const struct conf_text_step dialogue[] = {
	EXPECT("^hello"), SEND("ping\r\n"), EXPECT("pong"), SEND("bye\r\n")};

static void expect_of(const struct conf_check *check, const struct scripted_step *steps, unsigned n,
	enum hc_result result, const char *detail)
{
	struct scripted server;
	struct probe_rig rig;

	scripted_start(&server, steps, n);
	rig_start(&rig, hc_probe_text_ops(), check, server.port);
	rig_expect(&rig, result, detail);
	rig_stop(&rig);
	scripted_stop(&server);
}

static struct conf_check check_of(const struct conf_text_step *steps, unsigned n)
{
	return (struct conf_check){
		.type = CONF_CHECK_TEXT, .timeout_ms = 3000, .own = {.steps = steps, .n_steps = n}};
}

static void a_dialogue_as_written_is_up(void **state)
{
	static const struct scripted_step steps[] = {{SAY, "hello, world\r\n"}, {HEAR, "ping\r\n"},
		{SAY, "po"}, {SAY, "ng"}, {AWAIT_END, NULL}};
	const struct conf_check check = check_of(dialogue, 4);
	struct scripted server;
	struct probe_rig rig;

	(void)state;
	scripted_start(&server, steps, 5);
	rig_start(&rig, hc_probe_text_ops(), &check, server.port);
	for (unsigned i = 1; i <= 3; i++) {
		rig_expect(&rig, HC_OK, "4 steps as expected");
		scripted_await_end(&server, i);
		assert_string_equal(server.heard, "ping\r\nbye\r\n");
	}
	rig_stop(&rig);
	scripted_stop(&server);
}

/* What one expect leaves over is for the next: both match what came in one piece. */
static void an_expect_uses_what_it_matched_and_no_more(void **state)
{
	static const struct conf_text_step steps[] = {EXPECT("a"), EXPECT("^b"), EXPECT("^c$")};
	static const struct conf_text_step twice[] = {EXPECT("a"), EXPECT("a")};
	struct conf_check check = check_of(steps, 3);

	(void)state;
	expect_of(&check, STEPS({SAY, "abc"}, {HANG, NULL}), HC_OK, "3 steps as expected");
	check = check_of(twice, 2);
	expect_of(&check, STEPS({SAY, "abc"}), HC_FAILED,
		"text: step 2: expected /a/, got \"bc\": closed by the server");
}

static void bytes_are_sent_as_they_are(void **state)
{
	static const struct conf_text_step steps[] = {SEND("\x00\xff\r\nend"), EXPECT("ok")};
	static const struct scripted_step script[] = {{SAY, "ok"}, {AWAIT_END, NULL}};
	const struct conf_check check = check_of(steps, 2);
	struct scripted server;
	struct probe_rig rig;

	(void)state;
	scripted_start(&server, script, 2);
	rig_start(&rig, hc_probe_text_ops(), &check, server.port);
	rig_expect(&rig, HC_OK, "2 steps as expected");
	scripted_await_end(&server, 1);
	assert_int_equal(server.n_heard, 7);
	assert_memory_equal(server.heard, "\x00\xff\r\nend", 7);
	rig_stop(&rig);
	scripted_stop(&server);
}

/* More than the socket's buffers hold, towards a server that reads late. */
static void a_long_send_goes_out_in_pieces(void **state)
{
	static char many[8 << 20];
	static const struct scripted_step script[] = {
		{HEAR, "end"}, {SAY, "ok"}, {AWAIT_END, NULL}};
	const struct conf_text_step steps[] = {
		{.is_send = true, .send = {many, sizeof(many)}}, EXPECT("ok")};
	const struct conf_check check = check_of(steps, 2);
	struct scripted server;
	struct probe_rig rig;

	(void)state;
	memset(many, 'x', sizeof(many));
	memcpy(many + 1024, "end", 3); // the server keeps only the beginning
	scripted_start(&server, script, 3);
	rig_start(&rig, hc_probe_text_ops(), &check, server.port);
	rig_expect(&rig, HC_OK, "2 steps as expected");
	rig_stop(&rig);
	scripted_stop(&server);
}

static void each_way_to_go_wrong_has_its_words(void **state)
{
	static const struct {
		struct scripted_step steps[4];
		unsigned n;
		const char *detail;
	} cells[] = {
		{{{HANG, NULL}}, 1, "text: step 1: expected /^hello/: timed out after 300ms"},
		{{{SAY, "go\x01 away"}, {HANG, NULL}}, 2,
			"text: step 1: expected /^hello/, got \"go\": timed out after 300ms"},
		{{{SAY, "hello"}, {HEAR, "ping"}, {SAY, "pang"}}, 3,
			"text: step 3: expected /pong/, got \"pang\": closed by the server"},
		{{{SAY, "hello"}, {HEAR, "ping"}, {RESET, NULL}}, 3,
			"text: step 3: expected /pong/: reset by the server"},
		{{{HALF_CLOSE, NULL}, {HANG, NULL}}, 2,
			"text: step 1: expected /^hello/: closed by the server"},
		{{{SAY_EVER, "spam"}}, 1,
			"text: step 1: expected /^hello/, got "
			"\"spamspamspamspamspamspamspamspamspamspam\": the answer is too long"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct conf_check check = check_of(dialogue, 4);

		check.timeout_ms = strstr(cells[i].detail, "300ms") ? 300 : 3000;
		expect_of(&check, cells[i].steps, cells[i].n, HC_FAILED, cells[i].detail);
	}
}

/* Each place to start at looks at all that follows: seconds, without a bound over all of them. */
static void a_pattern_that_takes_too_long_fails_soon(void **state)
{
	static char many[60000 + 1];
	static const struct conf_text_step steps[] = {EXPECT("status.*ok")};
	const struct conf_check check = check_of(steps, 1);
	const int64_t start_ms = now_ms();

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(many); i++)
		many[i] = "status k"[i % 8];
	expect_of(&check, STEPS({SAY, many}, {HANG, NULL}), HC_FAILED,
		"text: step 1: expected /status.*ok/, got "
		"\"status kstatus kstatus kstatus kstatus k\": the pattern takes too long");
	assert_true(now_ms() - start_ms < 1500);
}

/* A match takes a few milliseconds, and is tried again with each byte that comes. */
static void all_matches_of_a_dialogue_have_one_budget(void **state)
{
	static char some[1800 + 1];
	static const struct conf_text_step steps[] = {EXPECT("status.*ok")};
	struct conf_check check = check_of(steps, 1);

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(some); i++)
		some[i] = "status k"[i % 8];
	check.timeout_ms = 8000;
	expect_of(&check, STEPS({SAY, some}, {SAY_SLOWLY, "status k"}), HC_FAILED,
		"text: step 1: expected /status.*ok/, got "
		"\"status kstatus kstatus kstatus kstatus k\": the pattern takes too long");
}

/* Some half of a millisecond a step, on bytes that are all there: more than one turn may have, and
 * nothing else comes that could wake the probe. */
static void a_dialogue_goes_on_when_its_turn_was_over(void **state)
{
	enum { N_STEPS = 22 }; // in a slow build still within what all matches may take
	static char many[48000 + 1];
	struct conf_text_step steps[N_STEPS];
	const struct conf_check check = check_of(steps, N_STEPS);

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(many); i++)
		many[i] = "status k"[i % 8];
	for (unsigned i = 0; i < N_STEPS; i++)
		steps[i] = (struct conf_text_step)EXPECT("^status.*ok|^status k");
	expect_of(&check, STEPS({SAY, many}, {HANG, NULL}), HC_OK, "22 steps as expected");
}

static void a_refused_or_swallowed_connect_fails_as_it_does_for_tcp(void **state)
{
	struct conf_check check = check_of(dialogue, 4);
	struct server server;
	struct probe_rig rig;

	(void)state;
	check.timeout_ms = 200;
	server_start(&server, "127.0.0.1");
	server_refuse(&server);
	rig_start(&rig, hc_probe_text_ops(), &check, server.port);
	rig_expect(&rig, HC_FAILED, "connect: refused");
	server_return(&server);
	server_swallow(&server);
	rig_expect(&rig, HC_FAILED, "connect: timed out after 200ms");
	rig_stop(&rig);
	server_stop(&server);
}

/* libcurl throws out idle connections on which something came in, once a second, when it makes
 * another: a made connection must not count as one. */
static void other_probes_do_not_disturb_a_dialogue(void **state)
{
	static const struct conf_text_step slow[] = {
		EXPECT("hello"), EXPECT("never, until the time is out")};
	static const struct scripted_step slow_script[] = {{SAY_SLOWLY, "hello "}};
	static const struct scripted_step script[] = {
		{SAY, "hello"}, {HEAR, "ping"}, {SAY, "pong"}, {AWAIT_END, NULL}};
	const struct conf_check check = check_of(dialogue, 4);
	struct conf_check slow_check = check_of(slow, 2);
	struct scripted server, slow_server;
	struct probe_rig rig, slow_rig;
	struct hc_shared *own;

	(void)state;
	scripted_start(&server, script, 4);
	scripted_start(&slow_server, slow_script, 1);
	rig_start(&rig, hc_probe_text_ops(), &check, server.port);
	rig_start(&slow_rig, hc_probe_text_ops(), &slow_check, slow_server.port);
	own = slow_rig.shared;
	slow_rig.job.shared = rig.shared;
	assert_true(rig_begin(&slow_rig, 0));
	for (int64_t end_ms = now_ms() + 2500; now_ms() < end_ms;) {
		rig_expect(&rig, HC_OK, "4 steps as expected");
		assert_true(slow_rig.is_running);
		(void)poll(NULL, 0, 50);
	}
	rig_cancel(&slow_rig);
	slow_rig.job.shared = own;
	rig_stop(&rig);
	rig_stop(&slow_rig);
	scripted_stop(&server);
	scripted_stop(&slow_server);
}

static void a_cancelled_probe_leaves_nothing_wherever_it_is(void **state)
{
	static const struct {
		const char *step;
		struct scripted_step steps[3];
		unsigned n;
	} cells[] = {
		{"text: step 1: expected /^hello/", {{HANG, NULL}}, 1},
		{"text: step 3: expected /pong/", {{SAY, "hello"}, {HANG, NULL}}, 2},
	};
	const struct conf_check check = check_of(dialogue, 4);

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		unsigned n_descriptors[2];
		struct scripted server;
		struct probe_rig rig;

		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, hc_probe_text_ops(), &check, server.port);
		for (unsigned k = 0; k < 2; k++) {
			assert_true(rig_begin(&rig, 100));
			assert_string_equal(rig.ops->step(rig.state), cells[i].step);
			rig_cancel(&rig);
			scripted_await_end(&server, k + 1);
			n_descriptors[k] = count_descriptors();
		}
		assert_int_equal(n_descriptors[0], n_descriptors[1]);
		rig_stop(&rig);
		scripted_stop(&server);
	}
}

static void the_dialogue_is_kept_if_wanted(void **state)
{
	static const struct scripted_step script[] = {
		{SAY, "hello\r\n"}, {HEAR, "ping"}, {SAY, "pong\r\n"}, {AWAIT_END, NULL}};
	const struct conf_check check = check_of(dialogue, 4);
	struct scripted server;
	struct probe_rig rig;
	char *text;

	(void)state;
	scripted_start(&server, script, 4);
	rig_start(&rig, hc_probe_text_ops(), &check, server.port);
	text = rig_dialogue(&rig);
	assert_non_null(strstr(text, "< hello\n> ping\n"));
	assert_non_null(strstr(text, "< pong\n> bye\n"));
	free(text);
	rig_stop(&rig);
	scripted_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dialogue_as_written_is_up),
		cmocka_unit_test(an_expect_uses_what_it_matched_and_no_more),
		cmocka_unit_test(bytes_are_sent_as_they_are),
		cmocka_unit_test(a_long_send_goes_out_in_pieces),
		cmocka_unit_test(each_way_to_go_wrong_has_its_words),
		cmocka_unit_test(a_pattern_that_takes_too_long_fails_soon),
		cmocka_unit_test(all_matches_of_a_dialogue_have_one_budget),
		cmocka_unit_test(a_dialogue_goes_on_when_its_turn_was_over),
		cmocka_unit_test(a_refused_or_swallowed_connect_fails_as_it_does_for_tcp),
		cmocka_unit_test(other_probes_do_not_disturb_a_dialogue),
		cmocka_unit_test(a_cancelled_probe_leaves_nothing_wherever_it_is),
		cmocka_unit_test(the_dialogue_is_kept_if_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

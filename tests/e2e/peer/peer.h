#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both ends of an end-to-end test: what stands before the balancer and what stands behind it.
 * Every command writes JSON on stdout, so that tests ask with jq and never parse prose. */

enum {
	PEER_MAX_PORTS = 64,
	PEER_MAX_NAME = 32,
	PEER_MAX_GREETING = 128, // "NAME ADDRESS PORT\n"
	PEER_MAX_SERVERS = 64,
};

struct peer_ports {
	uint16_t list[PEER_MAX_PORTS];
	unsigned n;
};

struct peer_options {
	const char *name;
	const char *log_path; // NULL: none
	struct peer_ports tcp;
	struct peer_ports udp;
	struct sockaddr_storage to;
	struct sockaddr_storage from; // ss_family 0: the kernel chooses
	unsigned count;
	unsigned concurrency;
	unsigned rate; // per second; 0: unlimited
	unsigned timeout_ms;
	unsigned interval_ms;
	unsigned duration_ms;
	unsigned window;    // datagrams under way at once, of each flow
	unsigned datagrams; // in all, of each flow
	uint64_t bytes;
	uint64_t seed;
	bool is_udp;
	bool is_held;
};

/* What became of one connection. */
enum peer_outcome {
	PEER_OK,
	PEER_REFUSED,
	PEER_RESET,
	PEER_TIMED_OUT,
	PEER_UNREACHABLE,
	PEER_CLOSED,         // ended before the greeting was complete
	PEER_SOURCE_CHANGED, // the server saw another client address or port than ours
	PEER_N_OUTCOMES
};

/* Who answered, and how often. */
struct peer_tally {
	struct {
		char name[PEER_MAX_NAME];
		unsigned count;
	} server[PEER_MAX_SERVERS];
	unsigned n;
};

/* Round-trip times, for percentiles. */
struct peer_times {
	uint32_t *us;
	size_t n;
	size_t capacity;
};

/* ---- commands: each returns the exit status ------------------------------------------------ */

int peer_serve(const struct peer_options *o);
int peer_connect(const struct peer_options *o);
int peer_chat(const struct peer_options *o);
int peer_order(const struct peer_options *o);
int peer_stream(const struct peer_options *o);
int peer_generate(const struct peer_options *o);

/* ---- util.c ---------------------------------------------------------------------------------
 */

uint64_t peer_now_us(void);
socklen_t peer_sockaddr_len(const struct sockaddr_storage *a);
/* "ADDRESS PORT", a mapped IPv4 address as IPv4. At most PEER_MAX_GREETING bytes with the 0. */
void peer_sockaddr_print(const struct sockaddr_storage *a, char *buf, size_t size_bytes);
/* Non-blocking socket, bound to `from` if that is set, connect under way. Negative errno. */
int peer_dial(const struct peer_options *o);
/* A descriptor that reads as the signals SIGTERM, SIGINT and SIGUSR1, which are blocked. */
int peer_signals(void);
/* The next signal of that descriptor; 0: none yet. */
int peer_signal_next(int fd);
enum peer_outcome peer_outcome_of(int error);
const char *peer_outcome_name(enum peer_outcome outcome);
/* False if there are too many names. */
bool peer_tally_count(struct peer_tally *t, const char *name);
void peer_tally_print(const struct peer_tally *t);
void peer_times_add(struct peer_times *t, uint64_t us);
/* Sorts, and prints {"p50": ..., "p99": ..., "max": ...}. */
void peer_times_print(struct peer_times *t);
void peer_times_fini(struct peer_times *t);
/* Takes "NAME ADDRESS PORT\n" apart. False: not a greeting. */
bool peer_greeting_parse(const char *line, char *ret_name, char *ret_client);
/* Fills a buffer from the generator that `state` is (never 0). */
void peer_generate_fill(uint64_t *state, void *buf, size_t len_bytes);

/* The race of schedule.h, run or read from what it was once. All comparisons are between exact
 * fractions: products of a numerator (below 2 * 2n * w) and a weight stay below 2^64 for 1024
 * servers of weight 65535. */
#include "dataplane/schedule.h"

#include <assert.h>

static bool is_earlier(const struct dp_schedule_runner *a, const struct dp_schedule_runner *b)
{
	uint64_t left = a->moment * b->weight;
	uint64_t right = b->moment * a->weight;

	return left != right ? left < right : a->server < b->server;
}

static void sift_down(struct dp_schedule_runner *heap, unsigned n, unsigned at)
{
	struct dp_schedule_runner moving = heap[at];

	for (;;) {
		unsigned child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && is_earlier(&heap[child + 1], &heap[child]))
			child++;
		if (!is_earlier(&heap[child], &moving))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moving;
}

void dp_schedule_init(struct dp_schedule *s, struct dp_schedule_entry *entries,
	const uint16_t *weights, unsigned n_servers)
{
	s->n_servers = n_servers;
	s->n_active = 0;
	s->n_turns = 0;
	s->entries = entries;
	for (unsigned i = 0; i < n_servers; i++)
		if (weights[i] > 0)
			entries[s->n_active++] = (struct dp_schedule_entry){weights[i], i};
}

struct dp_schedule_position dp_schedule_start(unsigned i, unsigned n)
{
	return (struct dp_schedule_position){.numerator = i, .denominator = n, .server = -1};
}

/* The server's first moment after the position; one that equals it counts as used by servers
 * up to the position's own, and as still to come for those behind it. */
static uint64_t first_moment_after(const struct dp_schedule *s, const struct dp_schedule_entry *e,
	const struct dp_schedule_position *position)
{
	uint64_t stride = 2 * (uint64_t)s->n_servers;
	uint64_t phase = 2 * (uint64_t)e->server + 1;
	uint64_t scaled, used;

	if (position->denominator == 0)
		return phase;
	scaled = position->numerator * stride * e->weight;
	used = scaled / position->denominator;
	if (used < phase)
		return phase;
	if (scaled % position->denominator == 0 && (used - phase) % stride == 0 &&
		(int64_t)e->server > position->server)
		return used;
	return phase + ((used - phase) / stride + 1) * stride;
}

static void build(const struct dp_schedule *s, struct dp_schedule_race *race,
	const struct dp_schedule_position *position)
{
	for (unsigned i = 0; i < s->n_active; i++) {
		const struct dp_schedule_entry *e = &s->entries[i];

		race->runners[i] = (struct dp_schedule_runner){
			.moment = first_moment_after(s, e, position),
			.weight = e->weight,
			.server = e->server,
		};
	}
	for (unsigned i = s->n_active / 2; i-- > 0;)
		sift_down(race->runners, s->n_active, i);
	race->is_built = true;
}

/* The earliest moment lies in the next cycle, so all do: every clock goes back by one. */
static void next_cycle(const struct dp_schedule *s, struct dp_schedule_race *race)
{
	for (unsigned i = 0; i < s->n_active; i++) {
		struct dp_schedule_runner *r = &race->runners[i];

		r->moment -= 2 * (uint64_t)s->n_servers * r->weight;
	}
}

static int run(const struct dp_schedule *s, struct dp_schedule_race *race,
	struct dp_schedule_position *position)
{
	struct dp_schedule_runner *first = race->runners;
	uint64_t cycle;
	int server;

	if (!race->is_built)
		build(s, race, position);

	cycle = 2 * (uint64_t)s->n_servers * first->weight;
	if (first->moment >= cycle)
		next_cycle(s, race);

	server = (int)first->server;
	*position = (struct dp_schedule_position){
		.numerator = first->moment,
		.denominator = cycle,
		.server = server,
	};
	first->moment += 2 * (uint64_t)s->n_servers;
	sift_down(race->runners, s->n_active, 0);
	return server;
}

static unsigned common_divisor(unsigned a, unsigned b)
{
	while (b > 0) {
		unsigned rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static unsigned count_laps(const uint16_t *weights, unsigned n_servers)
{
	unsigned laps = 0;

	for (unsigned i = 0; i < n_servers; i++)
		laps = common_divisor(laps, weights[i]);
	return laps;
}

unsigned dp_schedule_count_turns(const uint16_t *weights, unsigned n_servers)
{
	unsigned laps = count_laps(weights, n_servers);
	unsigned most = n_servers * DP_SCHEDULE_TURNS_EACH;
	uint64_t total = 0;

	if (most > DP_SCHEDULE_MAX_TURNS)
		most = DP_SCHEDULE_MAX_TURNS;
	for (unsigned i = 0; i < n_servers; i++)
		total += weights[i];
	return total > 0 && total / laps <= most ? (unsigned)(total / laps) : 0;
}

void dp_schedule_write_down(
	struct dp_schedule *s, struct dp_schedule_turn *turns, struct dp_schedule_runner *scratch)
{
	struct dp_schedule_race race = {.runners = scratch};
	struct dp_schedule_position position = {.denominator = 0};
	uint64_t total = 0;
	unsigned laps = 0;

	for (unsigned i = 0; i < s->n_active; i++) {
		laps = common_divisor(laps, s->entries[i].weight);
		total += s->entries[i].weight;
	}
	assert(laps > 0); // somebody has a weight
	s->turns = turns;
	s->n_laps = laps;
	s->n_turns = (unsigned)(total / laps);
	for (unsigned i = 0; i < s->n_turns; i++) {
		uint32_t server = (uint32_t)run(s, &race, &position);
		uint64_t cycle = position.denominator / (2 * (uint64_t)s->n_servers);

		turns[i] = (struct dp_schedule_turn){
			.moment = position.numerator,
			.weight = (uint32_t)cycle / laps,
			.server = server,
		};
	}
}

/* `into` of a lap is where the position stands, a fraction of its denominator. */
static bool is_behind(const struct dp_schedule *s, const struct dp_schedule_turn *turn,
	const struct dp_schedule_position *position, uint64_t into)
{
	uint64_t left = turn->moment * position->denominator;
	uint64_t right = into * 2 * s->n_servers * turn->weight;

	return left != right ? left > right : (int64_t)turn->server > position->server;
}

/* The first turn behind the position. */
static void find_place(const struct dp_schedule *s, struct dp_schedule_race *race,
	const struct dp_schedule_position *position)
{
	unsigned low = 0, n = s->n_turns;
	uint64_t laps = 0, into = 0;

	if (position->denominator == 0) {
		n = 0;
	} else {
		laps = position->numerator * s->n_laps / position->denominator;
		into = position->numerator * s->n_laps % position->denominator;
	}
	while (n > 0) {
		bool is_over = !is_behind(s, &s->turns[low + n / 2], position, into);

		low += is_over ? n / 2 + 1 : 0;
		n = is_over ? n - n / 2 - 1 : n / 2;
	}
	race->at = low < s->n_turns ? low : 0;
	race->lap = (unsigned)(laps + (low == s->n_turns)) % s->n_laps;
	race->is_built = true;
}

static int read_on(const struct dp_schedule *s, struct dp_schedule_race *race,
	struct dp_schedule_position *position)
{
	const struct dp_schedule_turn *turn;
	uint64_t lap;

	if (!race->is_built)
		find_place(s, race, position);
	turn = &s->turns[race->at];
	lap = 2 * (uint64_t)s->n_servers * turn->weight;
	*position = (struct dp_schedule_position){
		.numerator = turn->moment + race->lap * lap,
		.denominator = lap * s->n_laps,
		.server = turn->server,
	};
	if (++race->at == s->n_turns) {
		race->at = 0;
		race->lap = race->lap + 1 < s->n_laps ? race->lap + 1 : 0;
	}
	return (int)turn->server;
}

int dp_schedule_pick(const struct dp_schedule *s, struct dp_schedule_race *race,
	struct dp_schedule_position *position)
{
	if (s->n_turns > 0)
		return read_on(s, race, position);
	return s->n_active > 0 ? run(s, race, position) : DP_SCHEDULE_NONE;
}

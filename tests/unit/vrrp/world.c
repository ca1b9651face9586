/* The LAN, its clock, and the parts of the engine that are played. */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

enum { US_PER_S = 1000000, MAX_FD = 1024 };

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

/* One world at a time; the engine's parts, which are given no context, find it here. */
struct stage {
	int64_t now_us;
	struct event_base *base;
	struct world_node *starting; // whose sockets are being opened
	struct {
		struct world_node *node;
		unsigned instance;
	} of_fd[MAX_FD];
};

static struct stage *stage(void)
{
	static struct stage the;

	return &the;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	(void)clock;
	ret->tv_sec = stage()->now_us / US_PER_S;
	ret->tv_nsec = stage()->now_us % US_PER_S * 1000;
	return 0;
}

int64_t world_now_us(void)
{
	return stage()->now_us;
}

struct world_node *world_starting(void)
{
	return stage()->starting;
}

/* ---- sockets -------------------------------------------------------------------------------- */

int vrrp_socket_open(const struct conf_vrrp_instance *instance, int ifindex,
	const struct addr *source, struct vrrp_socket *ret)
{
	int fd;

	(void)source;
	if (stage()->starting->socket_error < 0)
		return stage()->starting->socket_error;
	fd = eventfd(0, EFD_NONBLOCK);
	assert(fd >= 0 && fd < MAX_FD);
	*ret = (struct vrrp_socket){
		.rx_fd = fd, .tx_fd = fd, .ifindex = ifindex, .family = instance->family};
	stage()->of_fd[fd].node = stage()->starting;
	stage()->of_fd[fd].instance = instance->family;
	return 0;
}

void vrrp_socket_close(struct vrrp_socket *s)
{
	if (s->rx_fd >= 0)
		(void)close(s->rx_fd);
	s->rx_fd = s->tx_fd = VRRP_SOCKET_CLOSED;
}

static bool hears(const struct world_node *from, const struct world_node *to, unsigned instance)
{
	return to != from && to->v && to->has_link && to->side == from->side &&
	       !to->is_deaf[instance];
}

static bool happens(unsigned percent)
{
	return percent != 0 && (unsigned)rand() % 100 < percent;
}

/* Late, twice or never, as the LAN is; in order. */
static void deliver(struct world_node *to, unsigned instance, const struct world_packet *packet)
{
	const struct world *w = to->world;
	unsigned *tail = &to->tail[instance];
	const struct world_packet *last = &to->queue[instance][(*tail - 1) % WORLD_QUEUE];
	int64_t at_us = stage()->now_us + LATENCY_US;

	if (happens(w->loss))
		return;
	if (w->jitter_us > 0)
		at_us += rand() % w->jitter_us;
	if (*tail != to->head[instance] && last->at_us > at_us)
		at_us = last->at_us;
	for (unsigned n = happens(w->doubling) ? 2 : 1; n > 0; n--) {
		struct world_packet *p = &to->queue[instance][*tail % WORLD_QUEUE];

		if (*tail - to->head[instance] == WORLD_QUEUE)
			return;
		*p = *packet;
		p->at_us = at_us;
		++*tail;
		to->world->n_packets++;
	}
}

int vrrp_socket_send(const struct vrrp_socket *s, const struct addr *source,
	const struct addr *peer, const uint8_t *bytes, size_t len)
{
	struct world_node *from = stage()->of_fd[s->tx_fd].node;
	unsigned instance = stage()->of_fd[s->tx_fd].instance;
	struct world_packet packet;

	if (from->is_dying || !from->has_link || from->is_deaf[instance])
		return 0;
	assert(len <= sizeof(packet.bytes));
	packet.len = (uint16_t)len;
	packet.envelope = (struct vrrp_envelope){.source = *source, .ttl = VRRP_TTL};
	(void)addr_parse(
		instance == CONF_V4 ? "224.0.0.18" : "ff02::12", &packet.envelope.destination);
	if (peer)
		packet.envelope.destination = *peer;
	memcpy(packet.bytes, bytes, len);
	for (unsigned i = 0; i < from->world->n; i++) {
		struct world_node *to = &from->world->nodes[i];

		if (hears(from, to, instance) &&
			(!peer || addr_equal(peer, &to->sources[instance])))
			deliver(to, instance, &packet);
	}
	return 0;
}

int vrrp_socket_receive(const struct vrrp_socket *s, uint8_t *bytes, size_t *ret_len,
	struct vrrp_envelope *ret_envelope)
{
	struct world_node *node = stage()->of_fd[s->rx_fd].node;
	unsigned instance = stage()->of_fd[s->rx_fd].instance;
	const struct world_packet *p;

	p = &node->queue[instance][node->head[instance] % WORLD_QUEUE];
	if (node->head[instance] == node->tail[instance] || p->at_us > stage()->now_us)
		return 0;
	node->head[instance]++;
	memcpy(bytes, p->bytes, p->len);
	*ret_len = p->len;
	*ret_envelope = p->envelope;
	return 1;
}

int vrrp_announce_open(void)
{
	return eventfd(0, EFD_NONBLOCK);
}

unsigned vrrp_announce_send(int fd, const struct vrrp_announcement *announcement, unsigned times)
{
	(void)fd;
	return announcement->n * times;
}

int vrrp_socket_narrow(const struct vrrp_socket *s, const struct vrrp_hearing *hearing)
{
	(void)s;
	(void)hearing;
	return 0;
}

/* ---- what the engine asks for --------------------------------------------------------------- */

static int take(void *arg, unsigned group, unsigned life_ms)
{
	struct world_node *node = arg;

	(void)group;
	node->n_taken++;
	if (node->refusal)
		return -1;
	node->is_holding = true;
	node->lease_until_us = stage()->now_us + (int64_t)life_ms * VRRP_US_PER_MS;
	return 0;
}

static void renew(void *arg, unsigned group, unsigned life_ms)
{
	struct world_node *node = arg;

	(void)group;
	assert(node->is_holding);
	node->lease_until_us = stage()->now_us + (int64_t)life_ms * VRRP_US_PER_MS;
}

static void leave(void *arg, unsigned group)
{
	struct world_node *node = arg;

	(void)group;
	if (node->is_dying)
		return;
	node->n_left++;
	node->is_holding = false;
}

static void on_event(void *arg, const struct vrrp_event *event)
{
	struct world_node *node = arg;

	if (!node->is_dying)
		(void)snprintf(node->last_why, sizeof(node->last_why), "%s", event->why);
	if (getenv("WORLD_TALKS"))
		(void)printf("%10.6f node %u: %s -> %s: %s\n", (double)stage()->now_us / US_PER_S,
			node->number, vrrp_state_name(event->before), vrrp_state_name(event->state),
			event->why);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void make_node(struct world *w, unsigned i, unsigned priority, uint32_t advert_ms)
{
	struct world_node *node = &w->nodes[i];
	static const char *const families[] = {"v4", "v6"};
	char text[ADDR_STR_LEN];

	*node = (struct world_node){.world = w, .number = i, .has_link = true};
	node->group = (struct conf_vrrp_group){.name = "g",
		.priority = priority,
		.advert_ms = advert_ms,
		.version = 3,
		.preempt = true,
		.wait_checks_ms = 1000,
		.max_learned_interval_ms = 10000,
		.instances = node->instances,
		.n_instances = WORLD_INSTANCES};
	(void)snprintf(text, sizeof(text), "192.0.2.%u", i + 1);
	(void)addr_parse(text, &node->sources[CONF_V4]);
	// the other way round, so that families would disagree on who is higher
	(void)snprintf(text, sizeof(text), "fe80::%u", WORLD_MAX_NODES - i);
	(void)addr_parse(text, &node->sources[CONF_V6]);
	(void)addr_parse("192.0.2.100", &node->addresses[CONF_V4][0]);
	(void)addr_parse("fe80::100", &node->addresses[CONF_V6][0]);
	(void)addr_parse("2001:db8::100", &node->addresses[CONF_V6][1]);
	for (enum conf_family f = 0; f < CONF_N_FAMILIES; f++)
		node->instances[f] = (struct conf_vrrp_instance){.name = families[f],
			.interface = &node->interface,
			.vrid = 10,
			.family = f,
			.addresses = node->addresses[f],
			.n_addresses = f == CONF_V4 ? 1 : 2,
			.check_ttl = true};
	node->conf.vrrp = (struct conf_vrrp){.groups = &node->group, .n_groups = 1};
	node->conf.n_interfaces = 1;
}

struct world *world_new(unsigned n, const unsigned *priorities, uint32_t advert_ms)
{
	struct world *w = calloc(1, sizeof(*w));

	assert(w && n <= WORLD_MAX_NODES);
	stage()->base = event_base_new();
	if (stage()->now_us == 0)
		stage()->now_us = US_PER_S;
	assert(stage()->base);
	w->n = n;
	for (unsigned i = 0; i < n; i++)
		make_node(w, i, priorities[i], advert_ms);
	return w;
}

static void tell_link(struct world_node *node)
{
	struct vrrp_link link = {.ifindex = 1,
		.is_up = node->has_link,
		.mac = {2, 0, 0, 0, 0, (uint8_t)node->number},
		.source = {node->sources[CONF_V4], node->sources[CONF_V6]}};

	stage()->starting = node;
	vrrp_set_link(node->v, 0, &link);
}

void world_start(struct world_node *node)
{
	const struct vrrp_callbacks callbacks = {node, take, renew, leave, on_event};
	int r;

	assert(!node->v);
	node->is_dying = node->is_frozen = false;
	node->is_holding = false; // a start takes away what a dead one left
	memset(node->head, 0, sizeof(node->head));
	memset(node->tail, 0, sizeof(node->tail));
	stage()->starting = node;
	node->run = (struct world_run){.id = VRRP_NO_RUN};
	// of programs nobody asks more than whether there are any
	r = vrrp_start(&node->conf, stage()->base,
		node->group.gate || node->group.notify ? (struct spawn_channel *)node : NULL,
		&callbacks, &node->v);
	assert(r == 0);
	(void)r;
	tell_link(node);
	vrrp_set_checked(node->v);
}

void world_kill(struct world_node *node)
{
	node->is_dying = true;
	vrrp_stop(node->v);
	node->v = NULL;
}

void world_stop(struct world_node *node)
{
	vrrp_stop(node->v);
	node->v = NULL;
}

void world_free(struct world *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->nodes[i].v)
			world_stop(&w->nodes[i]);
	event_base_free(stage()->base);
	free(w);
}

void world_set_link(struct world_node *node, bool is_up)
{
	node->has_link = is_up;
	if (node->v && !node->is_frozen)
		tell_link(node);
}

enum vrrp_state world_state(const struct world_node *node)
{
	struct vrrp_group_status status;

	vrrp_read_group(node->v, 0, &status);
	return status.state;
}

bool world_answers(const struct world_node *node)
{
	return node->is_holding && node->has_link && node->lease_until_us > stage()->now_us;
}

/* ---- time ----------------------------------------------------------------------------------- */

static int64_t next_of(const struct world_node *node)
{
	int64_t at_us = vrrp_sooner(node->v->due_us, world_program_ends_us(node));

	for (unsigned i = 0; i < WORLD_INSTANCES; i++)
		if (node->head[i] != node->tail[i])
			at_us = vrrp_sooner(
				at_us, node->queue[i][node->head[i] % WORLD_QUEUE].at_us);
	return at_us;
}

static bool is_running(const struct world_node *node)
{
	return node->v && !node->is_frozen;
}

static bool has_two_answering(const struct world *w, bool only_running)
{
	for (unsigned i = 0; i < w->n; i++)
		for (unsigned k = i + 1; k < w->n; k++) {
			const struct world_node *a = &w->nodes[i], *b = &w->nodes[k];

			if (a->side == b->side && world_answers(a) && world_answers(b) &&
				(!only_running || (is_running(a) && is_running(b))))
				return true;
		}
	return false;
}

static void measure(bool is_so, int64_t *since_us, int64_t *longest_us)
{
	if (!is_so)
		*since_us = 0;
	else if (*since_us == 0)
		*since_us = stage()->now_us;
	else if (stage()->now_us - *since_us > *longest_us)
		*longest_us = stage()->now_us - *since_us;
}

static void judge(struct world *w)
{
	measure(has_two_answering(w, true), &w->double_since_us, &w->longest_double_us);
	measure(has_two_answering(w, false), &w->undead_since_us, &w->longest_undead_us);
}

/* As a loop would have it: programs' ends first, which is the worse order. */
static void turn(struct world_node *node)
{
	const int64_t next_us = next_of(node);

	if (next_us == 0 || next_us > stage()->now_us)
		return;
	node->n_turns++;
	world_end_program(node);
	vrrp_turn(node->v);
}

void world_run(struct world *w, int64_t us)
{
	const int64_t end_us = stage()->now_us + us;

	for (;;) {
		int64_t at_us = 0;

		for (unsigned i = 0; i < w->n; i++)
			if (is_running(&w->nodes[i]))
				at_us = vrrp_sooner(at_us, next_of(&w->nodes[i]));
		if (at_us == 0 || at_us > end_us)
			break;
		if (at_us > stage()->now_us)
			stage()->now_us = at_us;
		judge(w);
		for (unsigned i = 0; i < w->n; i++)
			if (is_running(&w->nodes[i]))
				turn(&w->nodes[i]);
		judge(w);
	}
	stage()->now_us = end_us;
	judge(w);
}

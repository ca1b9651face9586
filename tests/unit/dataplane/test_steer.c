/* Handover between three workers, all played by one thread: every packet meets its flow's owner,
 * in order, with its note, and each worker's account balances. Packets are numbers in real
 * buffers; nothing is parsed here. */
#include "dataplane/steer.h"

#include "dataplane/owner.h"
#include "dataplane/pipeline.h"

#include "rig.h"
#include "seeded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

enum { WORKERS = 3, FLOWS = 64, POOL = 4095, RING = 64, ROOM = 256 };

struct numbered {
	uint32_t flow, sequence;
};

struct crew {
	struct dp_worker *w[WORKERS];
	struct rte_ring *rings[WORKERS][WORKERS];
	struct rte_mempool *pool;
	struct dp_owner owner;
	uint32_t sent[FLOWS], seen[FLOWS]; // the next sequence
};

static void build_rings(struct crew *c)
{
	char name[32];

	for (unsigned i = 0; i < WORKERS * WORKERS; i++) {
		(void)snprintf(name, sizeof(name), "ring-%u", i);
		if (i / WORKERS != i % WORKERS)
			c->rings[i / WORKERS][i % WORKERS] = dp_steer_ring_new(name, RING);
	}
}

static void build_worker(struct crew *c, unsigned i)
{
	const struct dp_memory_policy policy = {.use_hugetlb = false};
	struct dp_worker_setup setup = {
		.index = i,
		.n_workers = WORKERS,
		.n_ports = RIG_PORTS,
		.connections = 64,
		.half_open = 64,
		.tsc_hz = 1000000000,
		.owner = &c->owner,
	};

	for (unsigned other = 0; other < WORKERS; other++) {
		setup.ring_to[other] = c->rings[i][other];
		setup.ring_from[other] = c->rings[other][i];
	}
	for (unsigned port = 0; port < RIG_PORTS; port++)
		setup.tx[port].via = i == 0 ? -1 : 0; // worker 0 has the only queues
	for (unsigned port = 0; port < RIG_PORTS; port++)
		setup.taps[port].fd = -1;
	c->w[i] = aligned_alloc(64, sizeof(*c->w[i]));
	assert_non_null(c->w[i]);
	assert_int_equal(dp_worker_init(c->w[i], &setup, &policy), 0);
}

static int start_crew(void **state)
{
	struct crew *c = calloc(1, sizeof(*c));
	struct seeded random = seeded_new("steer");
	uint8_t key[DP_OWNER_KEY_LEN];

	assert_non_null(c);
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)seeded_u64(&random);
	dp_owner_init(&c->owner, key, WORKERS);
	c->pool = rte_pktmbuf_pool_create("crew", POOL, 0, 0, ROOM, SOCKET_ID_ANY);
	assert_non_null(c->pool);
	build_rings(c);
	for (unsigned i = 0; i < WORKERS; i++)
		build_worker(c, i);
	*state = c;
	return 0;
}

static void check_account(const struct dp_worker *w)
{
	const struct dp_worker_counters *n = &w->counters;
	uint64_t dropped = 0, aside = 0;

	for (unsigned i = DP_KEEP + 1; i < DP_N_DROPS; i++)
		dropped += n->drops[i];
	for (unsigned to = 0; to < WORKERS; to++)
		aside += w->handoff[to].n;
	assert_int_equal(aside, 0);
	assert_int_equal(n->rx + n->handoff_in, n->tx + dropped + n->handoff_out + n->held);
}

/* Every buffer is back, or in a worker's queue, which dp_worker_fini() empties. */
static int stop_crew(void **state)
{
	struct crew *c = *state;

	for (unsigned i = 0; i < WORKERS; i++) {
		check_account(c->w[i]);
		dp_worker_fini(c->w[i]);
		free(c->w[i]);
	}
	for (unsigned i = 0; i < WORKERS * WORKERS; i++)
		rte_ring_free(c->rings[i / WORKERS][i % WORKERS]);
	assert_int_equal(rte_mempool_avail_count(c->pool), POOL);
	rte_mempool_free(c->pool);
	free(c);
	return 0;
}

static be16 port_of(unsigned flow)
{
	return htons((uint16_t)(20000 + flow));
}

static unsigned owner_of(const struct crew *c, unsigned flow)
{
	struct addr client = addr_from_v4(htonl(0xc0000214));

	return dp_owner_of(&c->owner, &client, port_of(flow));
}

/* A buffer with the flow's next number. */
static struct rte_mbuf *next_packet(struct crew *c, unsigned flow)
{
	struct numbered n = {flow, c->sent[flow]++};
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, sizeof(n)), &n, sizeof(n));
	return m;
}

static void take(struct crew *c, unsigned worker, const struct rte_mbuf *m)
{
	struct numbered n;

	memcpy(&n, rte_pktmbuf_mtod(m, void *), sizeof(n));
	assert_int_equal(owner_of(c, n.flow), worker);
	assert_true(n.sequence >= c->seen[n.flow]);
	c->seen[n.flow] = n.sequence + 1;
}

/* What is left of a burst has arrived: counted as sent, as there is no port behind. */
static void keep_rest(struct crew *c, unsigned worker, struct dp_burst *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		assert_int_equal(b->pkt[i].in_port, 1);
		assert_ptr_equal(b->pkt[i].frame, rte_pktmbuf_mtod(b->pkt[i].m, uint8_t *));
		assert_int_equal(b->pkt[i].frame_len, rte_pktmbuf_data_len(b->pkt[i].m));
		take(c, worker, b->pkt[i].m);
		c->w[worker]->counters.tx++;
		rte_pktmbuf_free(b->pkt[i].m);
	}
	b->n = 0;
}

/* A burst received on port 1 by `worker`, of the flows given. */
static void receive(struct crew *c, unsigned worker, const unsigned *flows, unsigned n)
{
	struct dp_burst *b = &c->w[worker]->burst;

	memset(b, 0, sizeof(*b));
	for (unsigned i = 0; i < n; i++) {
		b->pkt[i].m = next_packet(c, flows[i]);
		b->pkt[i].frame = rte_pktmbuf_mtod(b->pkt[i].m, uint8_t *);
		b->pkt[i].frame_len = rte_pktmbuf_data_len(b->pkt[i].m);
		b->pkt[i].in_port = 1;
		b->pkt[i].key.client = addr_from_v4(htonl(0xc0000214));
		b->pkt[i].key.client_port = port_of(flows[i]);
		b->pkt[i].key.protocol = IPPROTO_UDP;
	}
	b->n = n;
	c->w[worker]->counters.rx += n;
	dp_steer_stage(c->w[worker], b);
	keep_rest(c, worker, b);
}

static unsigned turn(struct crew *c, unsigned worker)
{
	struct dp_worker *w = c->w[worker];
	unsigned n = 0;

	for (unsigned from = 0; from < WORKERS; from++) {
		if (from == worker)
			continue;
		n += dp_steer_receive(w, &w->burst, from);
		assert_true(w->burst.is_handed_over);
		dp_steer_stage(w, &w->burst); // leaves it alone
		keep_rest(c, worker, &w->burst);
	}
	return n;
}

static void packets_meet_their_owner_in_order(void **state)
{
	struct crew *c = *state;
	struct seeded random = seeded_new("steer: order");
	unsigned home[FLOWS]; // a flow comes in on one queue, as a NIC hashes it
	uint64_t received = 0, owned = 0, gone = 0, come = 0;

	for (unsigned f = 0; f < FLOWS; f++)
		home[f] = seeded_below(&random, WORKERS);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned worker = seeded_below(&random, WORKERS), n = 0;
		unsigned flows[DP_BURST];

		for (unsigned want = seeded_below(&random, DP_BURST + 1); n < want;) {
			flows[n] = seeded_below(&random, FLOWS);
			n += home[flows[n]] == worker;
		}
		receive(c, worker, flows, n);
		dp_steer_flush(c->w[worker]);
		for (unsigned i = 0; i < WORKERS; i++)
			while (turn(c, i) > 0)
				;
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct dp_worker_counters *n = &c->w[i]->counters;

		check_account(c->w[i]);
		assert_int_equal(n->drops[DP_DROP_HANDOFF_FULL], 0);
		received += n->rx;
		owned += n->tx;
		gone += n->handoff_out;
		come += n->handoff_in;
	}
	assert_int_equal(owned, received);
	assert_int_equal(gone, come);
	assert_in_range(gone * 100 / received, 40, 90); // two of three are another's
	assert_memory_equal(c->seen, c->sent, sizeof(c->sent));
}

static void a_full_ring_drops_and_counts_and_keeps_the_order(void **state)
{
	struct crew *c = *state;
	unsigned flow = 0, burst[DP_BURST], capacity = RING - 1;

	while (owner_of(c, flow) != 2)
		flow++;
	for (unsigned i = 0; i < DP_BURST; i++)
		burst[i] = flow;
	for (unsigned i = 0; i < 4; i++)
		receive(c, 0, burst, DP_BURST);
	dp_steer_flush(c->w[0]);
	assert_int_equal(c->w[0]->counters.handoff_out, capacity);
	assert_int_equal(c->w[0]->counters.drops[DP_DROP_HANDOFF_FULL], 4 * DP_BURST - capacity);
	while (turn(c, 2) > 0)
		;
	assert_int_equal(c->w[2]->counters.handoff_in, capacity);
	assert_int_equal(c->seen[flow], capacity); // the first ones, none of the later
	receive(c, 0, burst, 1);
	dp_steer_flush(c->w[0]);
	assert_int_equal(turn(c, 2), 1);
	assert_int_equal(c->seen[flow], 4 * DP_BURST + 1);
}

/* What another worker sends for us goes to the port's queue and not into the pipeline. */
static void a_packet_to_send_goes_to_the_ports_queue(void **state)
{
	struct crew *c = *state;
	struct dp_worker *from = c->w[1], *to = c->w[0];

	for (unsigned i = 0; i < 40; i++) {
		from->counters.rx++;
		dp_steer_send(from, 0, i % RIG_PORTS, next_packet(c, i % RIG_PORTS));
	}
	dp_steer_flush(from);
	assert_int_equal(from->counters.handoff_out, 40);
	assert_int_equal(dp_steer_receive(to, &to->burst, 1), DP_BURST);
	assert_int_equal(to->burst.n, 0);
	assert_int_equal(dp_steer_receive(to, &to->burst, 1), 40 - DP_BURST);
	assert_int_equal(to->counters.held, 40);
	for (unsigned port = 0; port < RIG_PORTS; port++) {
		const struct dp_tx_queue *q = &to->tx[port];

		assert_int_equal(q->head - q->tail, 40 / RIG_PORTS);
		for (uint32_t i = q->tail; i != q->head; i++) {
			struct numbered n;

			memcpy(&n, rte_pktmbuf_mtod(q->packets[i % DP_TX_QUEUE], void *),
				sizeof(n));
			assert_int_equal(n.flow, port);
			assert_int_equal(n.sequence, i - q->tail);
		}
	}
}

/* A worker without a queue of its own: dp_tx_flush() hands its packets over, none is lost. */
static void a_worker_without_a_queue_sends_through_another(void **state)
{
	struct crew *c = *state;

	for (unsigned i = 0; i < 10; i++) {
		c->w[2]->counters.rx++;
		dp_tx_queue_put(c->w[2], 1, next_packet(c, 5));
	}
	assert_int_equal(c->w[2]->counters.held, 10);
	dp_tx_flush(c->w[2]);
	dp_steer_flush(c->w[2]);
	assert_int_equal(c->w[2]->counters.held, 0);
	assert_int_equal(c->w[2]->counters.handoff_out, 10);
	assert_int_equal(dp_steer_receive(c->w[0], &c->w[0]->burst, 2), 10);
	assert_int_equal(c->w[0]->counters.held, 10);
}

/* ICMP and the like have no client endpoint: whoever received them keeps them. */
static void packets_without_a_client_endpoint_stay(void **state)
{
	struct crew *c = *state;
	struct dp_burst *b = &c->w[1]->burst;

	memset(b, 0, sizeof(*b));
	for (unsigned i = 0; i < DP_BURST; i++) {
		b->pkt[i].m = next_packet(c, i);
		b->pkt[i].frame = rte_pktmbuf_mtod(b->pkt[i].m, uint8_t *);
		b->pkt[i].key.client_port = port_of(i);
	}
	b->n = DP_BURST;
	c->w[1]->counters.rx += b->n;
	dp_steer_stage(c->w[1], b);
	assert_int_equal(b->n, DP_BURST);
	for (unsigned i = 0; i < b->n; i++)
		dp_burst_drop(c->w[1], &b->pkt[i], DP_DROP_NOT_OURS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			packets_meet_their_owner_in_order, start_crew, stop_crew),
		cmocka_unit_test_setup_teardown(
			a_full_ring_drops_and_counts_and_keeps_the_order, start_crew, stop_crew),
		cmocka_unit_test_setup_teardown(
			a_packet_to_send_goes_to_the_ports_queue, start_crew, stop_crew),
		cmocka_unit_test_setup_teardown(
			a_worker_without_a_queue_sends_through_another, start_crew, stop_crew),
		cmocka_unit_test_setup_teardown(
			packets_without_a_client_endpoint_stay, start_crew, stop_crew),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}

/* A card that does what it was told, in software: from the types, the key and the indirection table
 * to a queue. Both directions of a flow must come in on the queue of its owner. And the cards that
 * cannot. */
#include "dataplane/rss.h"

#include "dataplane/owner.h"

#include "seeded.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_thash.h>

enum { FLOWS = 2000, INPUT = 40 };

static const uint64_t transports = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
				   RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
static const uint64_t all_ends = RTE_ETH_RSS_L3_SRC_ONLY | RTE_ETH_RSS_L3_DST_ONLY |
				 RTE_ETH_RSS_L4_SRC_ONLY | RTE_ETH_RSS_L4_DST_ONLY;

/* What mlx5, cnxk and hns3 say of themselves, roughly. */
static struct rte_eth_dev_info able(void)
{
	return (struct rte_eth_dev_info){
		.flow_type_rss_offloads = transports | all_ends | RTE_ETH_RSS_IP,
		.hash_key_size = 40,
		.reta_size = 512,
	};
}

struct packet {
	struct addr src, dst;
	be16 src_port, dst_port;
	bool is_tcp;
};

struct card {
	struct dp_rss rss;
	const uint8_t *key;
	struct rte_eth_rss_reta_entry64 reta[DP_RSS_MAX_RETA / RTE_ETH_RETA_GROUP_SIZE];
};

static unsigned put(uint8_t *input, unsigned at, const void *bytes, unsigned len)
{
	memcpy(input + at, bytes, len);
	return at + len;
}

/* Source, destination, source port, destination port, without those that are not asked for. */
static unsigned fill_input(uint64_t types, const struct packet *p, uint8_t *input)
{
	unsigned len = addr_is_v4(&p->src) ? 4 : 16, at = 0;

	if (!(types & RTE_ETH_RSS_L3_DST_ONLY))
		at = put(input, at, p->src.bytes + 16 - len, len);
	if (!(types & RTE_ETH_RSS_L3_SRC_ONLY))
		at = put(input, at, p->dst.bytes + 16 - len, len);
	if (!(types & RTE_ETH_RSS_L4_DST_ONLY))
		at = put(input, at, &p->src_port, 2);
	if (!(types & RTE_ETH_RSS_L4_SRC_ONLY))
		at = put(input, at, &p->dst_port, 2);
	return at;
}

static uint64_t type_of(const struct packet *p)
{
	if (addr_is_v4(&p->src))
		return p->is_tcp ? RTE_ETH_RSS_NONFRAG_IPV4_TCP : RTE_ETH_RSS_NONFRAG_IPV4_UDP;
	return p->is_tcp ? RTE_ETH_RSS_NONFRAG_IPV6_TCP : RTE_ETH_RSS_NONFRAG_IPV6_UDP;
}

static unsigned queue_of(const struct card *card, const struct packet *p)
{
	uint8_t input[INPUT] = {0}, key[DP_OWNER_KEY_LEN] = {0};
	uint32_t words[INPUT / 4], hash;
	unsigned at;

	if (!(card->rss.types & type_of(p)))
		return 0;
	memcpy(key, card->key, card->rss.key_len); // the card has no more of it
	(void)fill_input(card->rss.types, p, input);
	memcpy(words, input, sizeof(words));
	for (unsigned i = 0; i < INPUT / 4; i++)
		words[i] = ntohl(words[i]);
	hash = rte_softrss(words, 18 / 4 + 1, key);
	at = hash % card->rss.reta_size;
	assert_true(card->reta[at / 64].mask & (1ULL << at % 64));
	return card->reta[at / 64].reta[at % 64];
}

static struct card card_for(const struct dp_owner *o, enum dp_rss_end end, uint16_t reta_size,
	uint8_t key_size, unsigned n_workers)
{
	struct rte_eth_dev_info info = able();
	struct card card = {.key = o->key};

	info.reta_size = reta_size;
	info.hash_key_size = key_size;
	assert_null(dp_rss_choose(&info, end, n_workers, n_workers, &card.rss));
	// nothing that the driver does not have: DPDK would refuse it
	assert_int_equal(card.rss.types & ~info.flow_type_rss_offloads, 0);
	dp_rss_fill(o, card.rss.reta_size, card.reta);
	return card;
}

/* Inbound: client to VIP, at the clients' port. Outbound: server to client, at the servers'. */
static void both_directions_come_in_on_the_owners_queue(void **state)
{
	static const uint16_t sizes[] = {128, 512, 2048};
	struct seeded random = seeded_new("rss: flows");
	static struct dp_owner o;
	uint8_t key[DP_OWNER_KEY_LEN];

	(void)state;
	for (unsigned round = 0; round < 24; round++) {
		unsigned n_workers = 2 + round % 7, hits[8] = {0};
		uint16_t reta = sizes[round % 3];
		struct card front, back;

		for (unsigned i = 0; i < sizeof(key); i++)
			key[i] = (uint8_t)seeded_u64(&random);
		dp_owner_init(&o, key, n_workers);
		front = card_for(&o, DP_RSS_SOURCE, reta, round % 2 ? 40 : 52, n_workers);
		back = card_for(&o, DP_RSS_DESTINATION, reta, round % 2 ? 52 : 40, n_workers);
		for (unsigned i = 0; i < FLOWS; i++) {
			struct addr client = seeded_addr(&random, i % 2);
			be16 port = (be16)seeded_u64(&random);
			struct packet in = {
				client, seeded_addr(&random, i % 2), port, htons(443), i % 3 == 0};
			struct packet out = {
				seeded_addr(&random, i % 2), client, htons(8443), port, i % 3 == 0};
			unsigned owner = dp_owner_of(&o, &client, port);

			assert_int_equal(queue_of(&front, &in), owner);
			assert_int_equal(queue_of(&back, &out), owner);
			hits[owner]++;
		}
		for (unsigned i = 0; i < n_workers; i++)
			assert_true(hits[i] > 0);
	}
}

/* One port for clients and servers: what servers send is spread by their own address. */
static void the_other_side_of_a_port_is_not_agreed_about(void **state)
{
	struct seeded random = seeded_new("rss: other side");
	static struct dp_owner o;
	uint8_t key[DP_OWNER_KEY_LEN];
	struct card front;
	unsigned hits = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)seeded_u64(&random);
	dp_owner_init(&o, key, 4);
	front = card_for(&o, DP_RSS_SOURCE, 128, 40, 4);
	for (unsigned i = 0; i < FLOWS; i++) {
		struct addr client = seeded_addr(&random, true);
		be16 port = (be16)seeded_u64(&random);
		struct packet out = {seeded_addr(&random, true), client, htons(8443), port, true};

		hits += queue_of(&front, &out) == dp_owner_of(&o, &client, port);
	}
	assert_in_range(hits, FLOWS / 8, FLOWS / 2); // a quarter, by chance
}

static void refuse(struct rte_eth_dev_info info, unsigned n_queues, const char *why)
{
	struct dp_rss rss = {.types = 1}, was = rss;
	const char *said = dp_rss_choose(&info, DP_RSS_SOURCE, n_queues, 4, &rss);

	assert_non_null(said);
	assert_string_equal(said, why);
	assert_memory_equal(&rss, &was, sizeof(rss));
}

static void a_card_that_cannot_agree_is_told_apart(void **state)
{
	struct rte_eth_dev_info info = able();

	(void)state;
	refuse(info, 3, "it has fewer queues than there are workers");
	info.flow_type_rss_offloads = 0; // net_af_packet, net_ring
	refuse(info, 4, "its driver does not hash TCP and UDP of both families");
	info.flow_type_rss_offloads = (transports | all_ends) & ~RTE_ETH_RSS_NONFRAG_IPV6_UDP;
	refuse(info, 4, "its driver does not hash TCP and UDP of both families");
	info.flow_type_rss_offloads = transports; // ixgbe, virtio
	refuse(info, 4, "its driver cannot hash one end of a packet alone");
	info.flow_type_rss_offloads = transports | RTE_ETH_RSS_L3_SRC_ONLY;
	refuse(info, 4, "its driver cannot hash one end of a packet alone");

	info = able();
	info.hash_key_size = 0;
	refuse(info, 4, "its hash key has another length");
	info.hash_key_size = 21; // 16 + 2 bytes of input, 4 of hash
	refuse(info, 4, "its hash key has another length");
	info.hash_key_size = 53;
	refuse(info, 4, "its hash key has another length");

	info = able();
	for (unsigned i = 0; i < 4; i++) {
		static const uint16_t sizes[] = {0, 64, 192, 4096};

		info.reta_size = sizes[i];
		refuse(info, 4, "its indirection table has another size");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_come_in_on_the_owners_queue),
		cmocka_unit_test(the_other_side_of_a_port_is_not_agreed_about),
		cmocka_unit_test(a_card_that_cannot_agree_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

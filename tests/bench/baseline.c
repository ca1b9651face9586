/* What the product is measured against, on the same driver in the same run. Prefetch as the
 * product's receive stage does it. */
#include "base/checksum.h"
#include "tests/bench/drive.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

enum { BURST = 32, ETHER = 14, IP4 = 20, IP6 = 40 };

static void swap_macs(uint8_t *data)
{
	uint8_t was[6];

	memcpy(was, data, 6);
	memcpy(data, data + 6, 6);
	memcpy(data + 6, was, 6);
}

static void apply_at(uint8_t *sum, uint16_t delta)
{
	uint16_t value;

	memcpy(&value, sum, sizeof(value));
	value = checksum_apply(value, delta);
	memcpy(sum, &value, sizeof(value));
}

/* Addresses swapped leave the sums as they are; so do ports. The update is made all the same,
 * with a delta that the compiler does not know to be 0. */
static void swap_ends(uint8_t *l3, uint8_t *l4, unsigned address_len, unsigned src_at)
{
	uint8_t was[16];
	uint16_t port;

	memcpy(was, l3 + src_at, address_len);
	memcpy(l3 + src_at, l3 + src_at + address_len, address_len);
	memcpy(l3 + src_at + address_len, was, address_len);
	memcpy(&port, l4, 2);
	memcpy(l4, l4 + 2, 2);
	memcpy(l4 + 2, &port, 2);
}

static bool swap_all(uint8_t *data, uint32_t len, uint16_t delta)
{
	uint8_t *l3 = data + ETHER, *l4;
	uint16_t type;
	uint8_t protocol;

	memcpy(&type, data + 12, sizeof(type));
	if (type == htons(0x0800) && len >= ETHER + IP4 + 8) {
		if (l3[0] != 0x45 || checksum_sum(l3, IP4, 0) != 0xffff)
			return false;
		l4 = l3 + IP4;
		protocol = l3[9];
		swap_ends(l3, l4, 4, 12);
		l3[8]--;
		apply_at(l3 + 10, checksum_delta16(htons(0x0100), 0));
	} else if (type == htons(0x86dd) && len >= ETHER + IP6 + 8) {
		l4 = l3 + IP6;
		protocol = l3[6];
		swap_ends(l3, l4, 16, 8);
		l3[7]--;
	} else {
		return false;
	}
	apply_at(l4 + (protocol == IPPROTO_TCP ? 16 : 6), delta);
	swap_macs(data);
	return true;
}

uint64_t baseline_mac(const struct world_port *port, unsigned n)
{
	uint64_t start = rte_rdtsc();

	for (unsigned done = 0; done < n;) {
		struct rte_mbuf *m[BURST];
		uint16_t got = rte_eth_rx_burst(port->ethdev, 0, m, BURST);

		for (unsigned i = 0; i < got; i++)
			rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
		for (unsigned i = 0; i < got; i++)
			swap_macs(rte_pktmbuf_mtod(m[i], uint8_t *));
		(void)rte_eth_tx_burst(port->ethdev, 0, m, got);
		done += got;
	}
	return rte_rdtsc() - start;
}

uint64_t baseline_swap(const struct world_port *port, unsigned n)
{
	uint64_t start = rte_rdtsc();
	volatile uint16_t none = 0;
	uint16_t delta = none;

	for (unsigned done = 0; done < n;) {
		struct rte_mbuf *m[BURST], *kept[BURST];
		uint16_t got = rte_eth_rx_burst(port->ethdev, 0, m, BURST), live = 0;

		for (unsigned i = 0; i < got; i++)
			rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
		for (unsigned i = 0; i < got; i++) {
			uint8_t *data = rte_pktmbuf_mtod(m[i], uint8_t *);

			if (swap_all(data, m[i]->data_len, delta))
				kept[live++] = m[i];
			else
				rte_pktmbuf_free(m[i]);
		}
		(void)rte_eth_tx_burst(port->ethdev, 0, kept, live);
		done += got;
	}
	return rte_rdtsc() - start;
}

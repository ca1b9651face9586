/* Gratuitous ARP and unsolicited neighbour advertisements, as whole frames through a packet socket:
 * it needs no address on the interface and no route. When and how often is the engine's. */
#include "vrrp/announce.h"

#include "base/checksum.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>

enum {
	PRIORITY_CONTROL = 7, // TC_PRIO_CONTROL
	IP6_VERSION = 0x60,
	HOP_LIMIT = 255,  // RFC 4861 §7.1.2
	OPTION_UNITS = 1, // of 8 bytes
};

struct arp_frame {
	struct ether_header ethernet;
	struct ether_arp arp;
} __attribute__((packed));

struct advertisement {
	struct nd_neighbor_advert advert;
	struct nd_opt_hdr option;
	uint8_t mac[ETHER_ADDR_LEN];
} __attribute__((packed));

struct nd_frame {
	struct ether_header ethernet;
	struct ip6_hdr ip;
	struct advertisement nd;
} __attribute__((packed));

static_assert(sizeof(struct nd_frame) == VRRP_ANNOUNCE_MAX_LEN, "the longest frame");

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static bool send_frame(int fd, int ifindex, const uint8_t *bytes, size_t len) ON_CONTROL;

static void fill_arp(
	const struct addr *address, const uint8_t mac[6], bool is_reply, struct arp_frame *ret)
{
	const be32 ip = addr_v4(address);
	struct ether_arp arp = {
		.ea_hdr = {htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), ETHER_ADDR_LEN, sizeof(ip),
			htons(is_reply ? ARPOP_REPLY : ARPOP_REQUEST)},
	};

	memcpy(arp.arp_sha, mac, ETHER_ADDR_LEN);
	memcpy(arp.arp_spa, &ip, sizeof(ip));
	// a reply names its receiver: RFC 5944 §4.6 has the sender's own there
	if (is_reply)
		memcpy(arp.arp_tha, mac, ETHER_ADDR_LEN);
	memcpy(arp.arp_tpa, &ip, sizeof(ip));
	*ret = (struct arp_frame){.ethernet.ether_type = htons(ETHERTYPE_ARP), .arp = arp};
	memset(ret->ethernet.ether_dhost, 0xff, ETHER_ADDR_LEN);
	memcpy(ret->ethernet.ether_shost, mac, ETHER_ADDR_LEN);
}

/* To all nodes, from the address itself. */
static void fill_advertisement(
	const struct addr *address, const uint8_t mac[6], struct nd_frame *ret)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	struct ip6_hdr ip = {.ip6_hlim = HOP_LIMIT,
		.ip6_nxt = IPPROTO_ICMPV6,
		.ip6_plen = htons(sizeof(struct advertisement))};
	struct advertisement nd = {
		.option = {ND_OPT_TARGET_LINKADDR, OPTION_UNITS},
		.advert.nd_na_hdr.icmp6_type = ND_NEIGHBOR_ADVERT,
	};
	uint16_t sum;

	nd.advert.nd_na_flags_reserved = ND_NA_FLAG_ROUTER | ND_NA_FLAG_OVERRIDE;
	memcpy(&nd.advert.nd_na_target, address->bytes, sizeof(address->bytes));
	memcpy(nd.mac, mac, ETHER_ADDR_LEN);
	ip.ip6_vfc = IP6_VERSION;
	memcpy(&ip.ip6_src, address->bytes, sizeof(address->bytes));
	memcpy(&ip.ip6_dst, all_nodes, sizeof(all_nodes));
	// pseudo header (RFC 8200 §8.1): both addresses, length, next header
	sum = checksum_sum(&ip.ip6_src, 2 * sizeof(ip.ip6_src), htons(IPPROTO_ICMPV6));
	sum = checksum_add(sum, ip.ip6_plen);
	nd.advert.nd_na_cksum = (uint16_t)~checksum_sum(&nd, sizeof(nd), sum);

	*ret = (struct nd_frame){.ethernet.ether_type = htons(ETHERTYPE_IPV6), .ip = ip, .nd = nd};
	memcpy(ret->ethernet.ether_dhost, all_nodes_mac, ETHER_ADDR_LEN);
	memcpy(ret->ethernet.ether_shost, mac, ETHER_ADDR_LEN);
}

size_t vrrp_announce_frame(
	const struct addr *address, const uint8_t mac[6], bool is_reply, uint8_t *bytes)
{
	struct arp_frame arp;
	struct nd_frame nd;

	if (addr_is_v4(address)) {
		fill_arp(address, mac, is_reply, &arp);
		memcpy(bytes, &arp, sizeof(arp));
		return sizeof(arp);
	}
	fill_advertisement(address, mac, &nd);
	memcpy(bytes, &nd, sizeof(nd));
	return sizeof(nd);
}

int vrrp_announce_open(void)
{
	const int priority = PRIORITY_CONTROL;
	// of no protocol: receives nothing
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)); // a favour
	return fd;
}

static bool send_frame(int fd, int ifindex, const uint8_t *bytes, size_t len)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};

	// tells the kernel's hooks, too, what it is
	memcpy(&to.sll_protocol, bytes + offsetof(struct ether_header, ether_type),
		sizeof(to.sll_protocol));
	return sendto(fd, bytes, len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) >= 0;
}

unsigned vrrp_announce_send(int fd, const struct vrrp_announcement *announcement, unsigned times)
{
	const struct vrrp_announcement *a = announcement;
	uint8_t bytes[VRRP_ANNOUNCE_MAX_LEN];
	unsigned sent = 0;
	size_t len;

	// round by round: what a full queue loses is not all of one address
	for (unsigned i = 0; i < times * a->n; i++) {
		const struct addr *address = &a->addresses[i % a->n];

		len = vrrp_announce_frame(address, a->mac, false, bytes);
		sent += send_frame(fd, a->ifindex, bytes, len);
		if (!addr_is_v4(address))
			continue;
		len = vrrp_announce_frame(address, a->mac, true, bytes);
		sent += send_frame(fd, a->ifindex, bytes, len);
	}
	return sent;
}

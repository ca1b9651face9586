/* The decision table of docs/xdp.md as packets and what becomes of them; and the services, servers
 * and local addresses that it speaks of. Two readers: the BPF program, and decide.c. */
#include "tests/unit/dataplane/xdp/cells.h"

#include "base/addr.h"

#include <stdlib.h>

// What ICMP errors quote.
const struct packet cell_from_service = {
	.src = VIP, .dst = CLIENT, .protocol = TCP, .src_port = 80, .dst_port = 40000};
static const struct packet from_udp_service = {
	.src = VIP, .dst = CLIENT, .protocol = UDP, .src_port = 53, .dst_port = 40000};
static const struct packet from_service_with_options = {.src = VIP,
	.dst = CLIENT,
	.protocol = TCP,
	.src_port = 80,
	.dst_port = 40000,
	.options = 8};
static const struct packet from_other_port = {
	.src = VIP, .dst = CLIENT, .protocol = TCP, .src_port = 22, .dst_port = 40000};
static const struct packet from_vip_ping = {.src = VIP, .dst = CLIENT, .protocol = ICMP};
static const struct packet later_from_service = {
	.src = VIP, .dst = CLIENT, .protocol = TCP, .fragment = LATER};
const struct packet cell_to_server = {
	.src = CLIENT, .dst = SERVER, .protocol = TCP, .src_port = 40000, .dst_port = 80};
static const struct packet later_to_server = {
	.src = CLIENT, .dst = SERVER, .protocol = UDP, .fragment = LATER};
static const struct packet probe = {
	.src = LOCAL, .dst = SERVER, .protocol = TCP, .src_port = 50000, .dst_port = 80};
static const struct packet to_stranger = {
	.src = CLIENT, .dst = STRANGER, .protocol = TCP, .src_port = 40000, .dst_port = 80};

static const struct packet of_stranger = {
	.src = STRANGER, .dst = CLIENT, .protocol = TCP, .src_port = 80, .dst_port = 40000};

// clang-format off
static const struct cell row_1[] = {
	{"TCP to a lost VIP's service", PACKET(.dst = LOST_VIP, .protocol = TCP, .dst_port = 80), NOT_OWNED, 0},
	{"TCP to a lost VIP's other port", PACKET(.dst = LOST_VIP, .protocol = TCP, .dst_port = 22), NOT_OWNED, 0},
	{"UDP to a lost VIP", PACKET(.dst = LOST_VIP, .protocol = UDP, .dst_port = 53), NOT_OWNED, 0},
	{"ping to a lost VIP", PACKET(.dst = LOST_VIP, .protocol = ICMP), NOT_OWNED, 0},
	{"GRE to a lost VIP", PACKET(.dst = LOST_VIP, .protocol = GRE), NOT_OWNED, 0},
	{"first fragment to a lost VIP", PACKET(.dst = LOST_VIP, .protocol = TCP, .dst_port = 80, .fragment = FIRST), NOT_OWNED, 0},
	{"later fragment to a lost VIP", PACKET(.dst = LOST_VIP, .protocol = TCP, .fragment = LATER), NOT_OWNED, 0},
	{"ICMP error to a lost VIP", ERROR_TO(LOST_VIP, &cell_from_service), NOT_OWNED, 0},
	{"truncated TCP to a lost VIP", PACKET(.dst = LOST_VIP, .protocol = TCP, .dst_port = 80, .cut = 18), NOT_OWNED, 0},
	{"from a server to a lost VIP", {.src = SERVER, .dst = LOST_VIP, .protocol = TCP, .dst_port = 80}, NOT_OWNED, 0},
	{"solicitation for a lost VIP to a group", {.src = CLIENT, .dst = MULTICAST, .protocol = ICMP, .icmp = SOLICITATION, .target = LOST_VIP}, NOT_OWNED, V6_ONLY},
	{"solicitation for a lost VIP to an owned one", {.src = CLIENT, .dst = VIP, .protocol = ICMP, .icmp = SOLICITATION, .target = LOST_VIP}, NOT_OWNED, V6_ONLY},
	{"solicitation for a lost VIP to our address", {.src = CLIENT, .dst = LOCAL, .protocol = ICMP, .icmp = SOLICITATION, .target = LOST_VIP}, NOT_OWNED, V6_ONLY},
	{"solicitation for a lost VIP behind options", {.src = CLIENT, .dst = MULTICAST, .protocol = ICMP, .icmp = SOLICITATION, .target = LOST_VIP, .options = 1}, NOT_OWNED, V6_ONLY},
	{"solicitation for an owned VIP", {.src = CLIENT, .dst = MULTICAST, .protocol = ICMP, .icmp = SOLICITATION, .target = VIP}, KERNEL, V6_ONLY},
	{"solicitation for our address", {.src = CLIENT, .dst = MULTICAST, .protocol = ICMP, .icmp = SOLICITATION, .target = LOCAL}, KERNEL, V6_ONLY},
	{"priority-tagged TCP to a lost VIP's service", PACKET(.dst = LOST_VIP, .protocol = TCP, .dst_port = 80, .tags = PRIORITY), NOT_OWNED, 0},
	{"priority-tagged TCP to a lost VIP's other port", PACKET(.dst = LOST_VIP, .protocol = TCP, .dst_port = 22, .tags = PRIORITY_AD), NOT_OWNED, 0},
	{"twice tagged ping to a lost VIP", PACKET(.dst = LOST_VIP, .protocol = ICMP, .tags = PRIORITY_TWICE), NOT_OWNED, 0},
	{"tagged solicitation for a lost VIP", {.src = CLIENT, .dst = MULTICAST, .protocol = ICMP, .icmp = SOLICITATION, .target = LOST_VIP, .tags = PRIORITY}, NOT_OWNED, V6_ONLY},
	{"tagged solicitation for an owned VIP", {.src = CLIENT, .dst = MULTICAST, .protocol = ICMP, .icmp = SOLICITATION, .target = VIP, .tags = PRIORITY}, KERNEL, V6_ONLY},
	{"advertisement of a lost VIP by its owner", {.src = CLIENT, .dst = BROADCAST, .protocol = ICMP, .icmp = ADVERTISEMENT, .target = LOST_VIP}, KERNEL, V6_ONLY},
};

static const struct cell row_2[] = {
	{"TCP to the service", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80), WORKER, 0},
	{"first port of a range", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 8000), WORKER, 0},
	{"last port of a range", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 8010), WORKER, 0},
	{"port before a range", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 7999), KERNEL, 0},
	{"port behind a range", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 8011), KERNEL, 0},
	{"port 0", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 0), KERNEL, 0},
	{"port 65535", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 65535), KERNEL, 0},
	{"UDP to the service", PACKET(.dst = VIP, .protocol = UDP, .dst_port = 53), WORKER, 0},
	{"UDP to the TCP port", PACKET(.dst = VIP, .protocol = UDP, .dst_port = 80), KERNEL, 0},
	{"TCP to the UDP port", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 53), KERNEL, 0},
	{"one option", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .options = 1), WORKER, 0},
	{"eight options", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .options = 8), WORKER, 0},
	{"eight options, other port", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 22, .options = 8), KERNEL, 0},
	{"ten words of options", PACKET(.dst = VIP, .protocol = UDP, .dst_port = 53, .options = 10), WORKER, V4_ONLY},
	{"nine extension headers", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 22, .options = 9), WORKER, V6_ONLY},
	{"atomic fragment to the service", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .fragment = ATOMIC), WORKER, 0},
	{"atomic fragment to another port", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 22, .fragment = ATOMIC), KERNEL, 0},
	{"a server calls the service", {.src = SERVER, .dst = VIP, .protocol = TCP, .dst_port = 80}, WORKER, 0},
	{"priority-tagged to the service", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .tags = PRIORITY), WORKER, 0},
	{"tagged by a provider's bridge to the service", PACKET(.dst = VIP, .protocol = UDP, .dst_port = 53, .tags = PRIORITY_AD), WORKER, 0},
	{"twice tagged to the service", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 8005, .tags = PRIORITY_TWICE), WORKER, 0},
	{"priority-tagged to another port", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 22, .tags = PRIORITY), KERNEL, 0},
	{"tagged frame cut within the ports", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .cut = 17, .tags = PRIORITY_TWICE), WORKER, 0},
	{"frame cut within the ports", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .cut = 17), WORKER, 0},
	{"frame cut behind the ports", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .cut = 10), WORKER, 0},
	{"frame cut behind another port", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 22, .cut = 10), WORKER, 0},
	{"packet ends within the ports", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .short_by = 18), WORKER, 0},
	{"packet ends behind the header", PACKET(.dst = VIP, .protocol = UDP, .dst_port = 53, .short_by = 8), WORKER, 0},
	{"frame cut within the extension headers", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .options = 2, .cut = 25), WORKER, V6_ONLY},
};

static const struct cell row_4[] = {
	{"about the service's packet", ERROR_TO(VIP, &cell_from_service), WORKER, 0},
	{"about the UDP service's packet", ERROR_TO(VIP, &from_udp_service), WORKER, 0},
	{"about a packet with options", ERROR_TO(VIP, &from_service_with_options), WORKER, 0},
	{"too big, about the service's packet", {.src = STRANGER, .dst = VIP, .protocol = ICMP, .icmp = TOO_BIG, .quote = &cell_from_service}, WORKER, 0},
	{"behind options", {.src = STRANGER, .dst = VIP, .protocol = ICMP, .icmp = UNREACHABLE, .quote = &cell_from_service, .options = 3}, WORKER, 0},
	{"from a server, about the service's packet", {.src = SERVER, .dst = VIP, .protocol = ICMP, .icmp = UNREACHABLE, .quote = &cell_from_service}, WORKER, 0},
	{"about another port of the VIP", ERROR_TO(VIP, &from_other_port), KERNEL, 0},
	{"about a ping of the VIP", ERROR_TO(VIP, &from_vip_ping), KERNEL, 0},
	{"about a later fragment of the VIP", ERROR_TO(VIP, &later_from_service), WORKER, 0},
	{"quote cut within the ports", {.src = STRANGER, .dst = VIP, .protocol = ICMP, .icmp = UNREACHABLE, .quote = &cell_from_service, .short_by = 5}, KERNEL, 0},
	{"about what somebody else sent from the port", ERROR_TO(VIP, &of_stranger), KERNEL, 0},
	{"echo that looks like an error behind its type", {.src = STRANGER, .dst = VIP, .protocol = ICMP, .icmp = ECHO, .quote = &cell_from_service}, KERNEL, 0},
	{"about what went to a server, to the client", ERROR_TO(CLIENT, &cell_to_server), WORKER, 0},
	{"about a later fragment to a server", ERROR_TO(CLIENT, &later_to_server), WORKER, 0},
	{"about a stranger's packet, to the client", ERROR_TO(CLIENT, &to_stranger), KERNEL, 0},
	{"about our probe, to us", ERROR_TO(LOCAL, &probe), KERNEL, 0},
	{"about our probe, from the server", {.src = SERVER, .dst = LOCAL, .protocol = ICMP, .icmp = UNREACHABLE, .quote = &probe}, KERNEL, 0},
	{"ping to the VIP is no error", PACKET(.dst = VIP, .protocol = ICMP), KERNEL, 0},
};

static const struct cell row_5[] = {
	{"first fragment of TCP to the service", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .fragment = FIRST), WORKER, 0},
	{"first fragment of TCP to another port", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 22, .fragment = FIRST), WORKER, 0},
	{"later fragment of TCP", PACKET(.dst = VIP, .protocol = TCP, .fragment = LATER), WORKER, 0},
	{"later fragment of UDP", PACKET(.dst = VIP, .protocol = UDP, .fragment = LATER), WORKER, 0},
	{"later fragment of UDP behind options", PACKET(.dst = VIP, .protocol = UDP, .fragment = LATER, .options = 2), WORKER, 0},
	{"first fragment of a ping to the VIP", PACKET(.dst = VIP, .protocol = ICMP, .fragment = FIRST), KERNEL, 0},
	{"later fragment of a ping to the VIP", PACKET(.dst = VIP, .protocol = ICMP, .fragment = LATER), KERNEL, 0},
	{"fragment to a VIP without services", PACKET(.dst = BARE_VIP, .protocol = TCP, .fragment = LATER), KERNEL, 0},
	{"fragment from a server to a client", {.src = SERVER, .dst = CLIENT, .protocol = TCP, .fragment = LATER}, WORKER, 0},
	{"ping fragment from a server to a client", {.src = SERVER, .dst = CLIENT, .protocol = ICMP, .fragment = LATER}, WORKER, 0},
	{"fragment from a server to us", {.src = SERVER, .dst = LOCAL, .protocol = UDP, .fragment = LATER}, KERNEL, 0},
	{"fragment from a server to a group", {.src = SERVER, .dst = MULTICAST, .protocol = UDP, .fragment = LATER}, KERNEL, 0},
	{"fragment from a stranger to us", PACKET(.dst = LOCAL, .protocol = TCP, .fragment = LATER), KERNEL, 0},
};

static const struct cell row_6[] = {
	{"TCP to us", PACKET(.dst = LOCAL, .protocol = TCP, .dst_port = 80), KERNEL, 0},
	{"a server's answer to our probe", {.src = SERVER, .dst = LOCAL, .protocol = TCP, .src_port = 80, .dst_port = 50000}, KERNEL, 0},
	{"a server's ping to us", {.src = SERVER, .dst = LOCAL, .protocol = ICMP}, KERNEL, 0},
	{"a server to a local prefix", {.src = SERVER, .dst = LOCAL_NET, .protocol = TCP, .dst_port = 80}, KERNEL, 0},
	{"a server to a group", {.src = SERVER, .dst = MULTICAST, .protocol = UDP, .dst_port = 5000}, KERNEL, 0},
	{"a server to everybody", {.src = SERVER, .dst = BROADCAST, .protocol = UDP, .dst_port = 67}, KERNEL, 0},
	{"a server to link-local", {.src = SERVER, .dst = LINK_LOCAL, .protocol = UDP, .dst_port = 5000}, KERNEL, 0},
	{"a server to loopback", {.src = SERVER, .dst = LOOPBACK, .protocol = UDP, .dst_port = 5000}, KERNEL, 0},
	{"TCP to a VIP without services", PACKET(.dst = BARE_VIP, .protocol = TCP, .dst_port = 80), KERNEL, 0},
	{"truncated TCP to a VIP without services", PACKET(.dst = BARE_VIP, .protocol = TCP, .dst_port = 80, .cut = 18), KERNEL, 0},
	{"a server's ping to the VIP", {.src = SERVER, .dst = VIP, .protocol = ICMP}, KERNEL, 0},
	{"a server's ssh to the VIP", {.src = SERVER, .dst = VIP, .protocol = TCP, .dst_port = 22}, KERNEL, 0},
	{"GRE to the VIP", PACKET(.dst = VIP, .protocol = GRE), KERNEL, 0},
};

static const struct cell row_7[] = {
	{"a server's answer to a client", {.src = SERVER, .dst = CLIENT, .protocol = TCP, .src_port = 80, .dst_port = 40000}, WORKER, 0},
	{"a server's own call", {.src = SERVER2, .dst = STRANGER, .protocol = UDP, .src_port = 5000, .dst_port = 53}, WORKER, 0},
	{"a server's ping to a client", {.src = SERVER, .dst = CLIENT, .protocol = ICMP}, WORKER, 0},
	{"a client's call of a server", PACKET(.dst = SERVER, .protocol = TCP, .dst_port = 22), WORKER, 0},
	{"a client's ping to a server", PACKET(.dst = SERVER2, .protocol = ICMP), WORKER, 0},
	{"GRE to a server", PACKET(.dst = SERVER, .protocol = GRE), WORKER, 0},
	{"a server's tagged answer to a client", {.src = SERVER, .dst = CLIENT, .protocol = TCP, .src_port = 80, .dst_port = 40000, .tags = PRIORITY}, WORKER, 0},
	{"behind nine extension headers, broken", {.src = SERVER, .dst = CLIENT, .protocol = TCP, .options = 9}, KERNEL, V6_ONLY},
	{"truncated from a server", {.src = SERVER, .dst = CLIENT, .protocol = TCP, .cut = 18}, KERNEL, 0},
};

static const struct cell row_8[] = {
	{"stranger to stranger", PACKET(.dst = STRANGER, .protocol = TCP, .dst_port = 80), KERNEL, 0},
	{"ping between strangers", PACKET(.dst = STRANGER, .protocol = ICMP), KERNEL, 0},
	{"fragment between strangers", PACKET(.dst = STRANGER, .protocol = UDP, .fragment = LATER), KERNEL, 0},
	{"TCP to the service in a VLAN", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .tags = VLAN), KERNEL, 0},
	{"TCP to the service in a provider's VLAN", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .tags = VLAN_AD), KERNEL, 0},
	{"TCP to a lost VIP in a VLAN", PACKET(.dst = LOST_VIP, .protocol = TCP, .dst_port = 80, .tags = VLAN), KERNEL, 0},
	{"VLAN behind a priority tag", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .tags = PRIORITY_VLAN), KERNEL, 0},
	{"priority tag in a VLAN", PACKET(.dst = LOST_VIP, .protocol = TCP, .dst_port = 80, .tags = VLAN_PRIORITY), KERNEL, 0},
	{"more tags than we look behind", PACKET(.dst = STRANGER, .protocol = TCP, .dst_port = 80, .tags = PRIORITY_THRICE), WORKER, 0},
	{"tagged, between strangers", PACKET(.dst = STRANGER, .protocol = TCP, .dst_port = 80, .tags = PRIORITY), KERNEL, 0},
	{"truncated between strangers", PACKET(.dst = STRANGER, .protocol = TCP, .cut = 18), KERNEL, 0},
};
// clang-format on

// clang-format off
const struct cell_arp cells_arps[CELL_ARPS] = {
	{"request for a lost VIP", 1, CLIENT, LOST_VIP, NO_TAG, 0, NOT_OWNED},
	{"announcement by the VIP's owner", 1, LOST_VIP, LOST_VIP, NO_TAG, 0, NOT_OWNED},
	{"request for an owned VIP", 1, CLIENT, VIP, NO_TAG, 0, KERNEL},
	{"request for our address", 1, CLIENT, LOCAL, NO_TAG, 0, KERNEL},
	{"answer of the VIP's owner to us", 2, LOST_VIP, LOCAL, NO_TAG, 0, KERNEL},
	{"cut request", 1, CLIENT, LOST_VIP, NO_TAG, 1, KERNEL},
	{"tagged request for a lost VIP", 1, CLIENT, LOST_VIP, PRIORITY, 0, NOT_OWNED},
	{"request for a lost VIP, 802.1ad", 1, CLIENT, LOST_VIP, PRIORITY_AD, 0, NOT_OWNED},
	{"twice tagged request for a lost VIP", 1, CLIENT, LOST_VIP, PRIORITY_TWICE, 0, NOT_OWNED},
	{"thrice tagged request for a lost VIP", 1, CLIENT, LOST_VIP, PRIORITY_THRICE, 0, WORKER},
	{"request for a lost VIP in a VLAN", 1, CLIENT, LOST_VIP, VLAN, 0, KERNEL},
	{"tagged request for an owned VIP", 1, CLIENT, VIP, PRIORITY, 0, KERNEL},
	{"twice tagged request for our address", 1, CLIENT, LOCAL, PRIORITY_TWICE, 0, KERNEL},
};
// clang-format on

void cells_build_arp(const struct cell_arp *c, struct frame *ret)
{
	frame_build_arp(c->operation, c->sender, c->target, ret);
	frame_tag(ret, c->tags);
	ret->len -= c->cut_bytes;
}

const char *fate_text(enum fate fate)
{
	static const char *const texts[] = {[KERNEL] = "kernel",
		[WORKER] = "worker",
		[NOT_OWNED] = "dropped as not owned",
		[NO_SOCKET] = "dropped without a socket",
		[IMPOSSIBLE] = "verdict and counters disagree"};

	return texts[fate];
}

#define ROW(n, list)                                                                               \
	{                                                                                          \
		n, list, sizeof(list) / sizeof(list[0])                                            \
	}

static const struct cell_row rows[] = {ROW(1, row_1), ROW(2, row_2), ROW(4, row_4), ROW(5, row_5),
	ROW(6, row_6), ROW(7, row_7), ROW(8, row_8)};

const struct cell_row *cells_row(unsigned number)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}

struct addr cells_addr(enum who who, int family)
{
	struct addr a = {.halves = {0, 0}};

	(void)addr_parse(who_text(who, family), &a); // the table's own words
	return a;
}

void cells_sets(struct cell_sets *s)
{
	static const char *const texts[CELL_LOCALS] = {"192.0.2.1", "2001:db8:1::1",
		"203.0.113.192/26", "2001:db8:ff::/48", "127.0.0.0/8", "192.0.2.100",
		"2001:db8:1::100", "192.0.2.200", "2001:db8:1::200"};
	struct dp_services *set = &s->services;

	*s = (struct cell_sets){.services = {.vips = s->vips,
					.frontends = s->frontends,
					.services = s->defs,
					.servers = s->servers,
					.n_services = 3}};
	for (int family = 4; family <= 6; family += 2) {
		struct addr vip = cells_addr(VIP, family), lost = cells_addr(LOST_VIP, family);

		s->vips[set->n_vips++] = (struct dp_vip){vip, 0};
		s->vips[set->n_vips++] = (struct dp_vip){cells_addr(BARE_VIP, family), 0};
		s->vips[set->n_vips++] = (struct dp_vip){lost, 1};
		s->frontends[set->n_frontends++] = (struct dp_frontend){vip, TCP, 80, 80, 0};
		s->frontends[set->n_frontends++] = (struct dp_frontend){vip, TCP, 8000, 8010, 0};
		s->frontends[set->n_frontends++] = (struct dp_frontend){vip, UDP, 53, 53, 1};
		s->frontends[set->n_frontends++] = (struct dp_frontend){lost, TCP, 80, 80, 2};
		s->servers[set->n_servers++].address = cells_addr(SERVER, family);
		s->servers[set->n_servers++].address = cells_addr(SERVER2, family);
	}
	// all servers are the first service's: which one's does not matter here
	s->defs[0] = (struct dp_service_def){.protocol = TCP, .n_servers = set->n_servers};
	s->defs[1] = s->defs[2] = (struct dp_service_def){.protocol = TCP};
	for (unsigned i = 0; i < CELL_LOCALS; i++)
		(void)prefix_parse(texts[i], &s->locals[i]);
}

unsigned cells_below(unsigned *seed, unsigned limit)
{
	return (unsigned)rand_r(seed) % limit;
}

struct packet cells_random_packet(unsigned *seed)
{
	static const uint8_t protocols[] = {TCP, UDP, ICMP, GRE};
	static const uint16_t ports[] = {80, 53, 8005, 22, 40000};

	return (struct packet){
		.src = cells_below(seed, N_WHO),
		.dst = cells_below(seed, N_WHO),
		.protocol = protocols[cells_below(seed, 4)],
		.src_port = ports[cells_below(seed, 5)],
		.dst_port = ports[cells_below(seed, 5)],
		.fragment = cells_below(seed, 4),
		.options = cells_below(seed, 2) ? cells_below(seed, 11) : 0,
		.cut = cells_below(seed, 4) ? 0 : cells_below(seed, 8), // never into the IP header
		.icmp = cells_below(seed, 3),
		.quote = cells_below(seed, 2) ? &cell_to_server : &cell_from_service,
		.tags = cells_below(seed, 3) ? NO_TAG : cells_below(seed, N_TAGS),
	};
}

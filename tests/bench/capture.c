/* A capture to compare with any other program on the same file, made from the bench's traffic. */
#include "tests/bench/capture.h"

#include "tests/bench/catalog.h"
#include "tests/bench/traffic.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
	OPENED_AT_ONCE = 256,
	PACKETS_EACH = 4,
	MAX_FRAME = 2048,
	SPARE_PACKETS = 16384,
	PATH_LEN = 256
};

/* The MAC address of DPDK's first net_pcap device. */
static const uint8_t pcap_mac[6] = {0x02, 0x70, 0x63, 0x61, 0x70, 0x00};

/* https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.txt §4, in this machine's order. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t reserved[2];
	uint32_t snap_len;
	uint32_t link_type; // 1: Ethernet
};

struct packet_header {
	uint32_t seconds, microseconds;
	uint32_t captured_len, original_len;
};

static void write_packets(FILE *f, struct steady *s, uint64_t n, uint32_t *clock_us)
{
	uint8_t data[MAX_FRAME];

	for (uint64_t i = 0; i < n; i++, ++*clock_us) {
		struct packet_header header;
		struct frame_flow flow;
		struct frame_spec spec;

		s->t.next(&s->t, &flow, &spec);
		frame_write(data, &flow, &spec, pcap_mac, catalog_gateway_mac);
		header = (struct packet_header){
			*clock_us / 1000000, *clock_us % 1000000, spec.frame_len, spec.frame_len};
		(void)fwrite(&header, sizeof(header), 1, f);
		(void)fwrite(data, spec.frame_len, 1, f);
	}
}

static uint64_t write_capture(FILE *f, struct steady *s)
{
	const struct file_header header = {
		.magic = 0xa1b2c3d4, .major = 2, .minor = 4, .snap_len = 65535, .link_type = 1};
	uint64_t total = (uint64_t)PACKETS_EACH * s->n;
	uint32_t clock_us = 0, n;

	(void)fwrite(&header, sizeof(header), 1, f);
	for (uint32_t i = 0; i < s->n; i++)
		s->conns[i].server = (uint16_t)(s->conns[i].service * CATALOG_SERVERS_EACH);
	while ((n = steady_opening(s, OPENED_AT_ONCE)) > 0) {
		write_packets(f, s, n, &clock_us);
		total += n;
	}
	steady_begin(s, STEADY_BOTH, 0);
	write_packets(f, s, (uint64_t)PACKETS_EACH * s->n, &clock_us);
	return total;
}

static const char *text(struct addr a)
{
	static char buf[ADDR_STR_LEN];

	return addr_format(&a, buf);
}

static void write_services(FILE *f, unsigned family)
{
	(void)fputs("vips = {\n", f);
	for (unsigned i = 0; i < CATALOG_SERVICES; i += CATALOG_SERVICES_PER_VIP)
		(void)fprintf(f, "  v%u = { interface = \"wan\"; addresses = [\"%s\"]; };\n", i,
			text(catalog_service(family, i).vip));
	(void)fputs("};\npools = {\n", f);
	for (unsigned i = 0; i < CATALOG_SERVICES; i++)
		(void)fprintf(f,
			"  p%u = { servers = { s = { address = [\"%s\"]; port = %u; }; }; };\n", i,
			text(catalog_server(family, i * CATALOG_SERVERS_EACH)),
			catalog_server_port(i * CATALOG_SERVERS_EACH));
	(void)fputs("};\nservices = {\n", f);
	for (unsigned i = 0; i < CATALOG_SERVICES; i++) {
		struct catalog_service s = catalog_service(family, i);

		(void)fprintf(f,
			"  s%u = { vip = \"v%u\"; protocol = [\"%s\"]; port = %u; pool = \"p%u\"; "
			"check = \"none\"; };\n",
			i, i - i % CATALOG_SERVICES_PER_VIP,
			s.protocol == IPPROTO_TCP ? "tcp" : "udp", s.port, i);
	}
	(void)fputs("};\n", f);
}

static void write_config(
	FILE *f, const char *capture, unsigned family, uint32_t flows, uint64_t n_packets)
{
	(void)fprintf(f,
		"version = 1;\nnode = \"bench\";\n"
		"cpu = { workers = [1]; idle = \"poll\"; };\n"
		"memory = { connections = \"%uk\"; packets = \"%uk\"; };\n"
		"interfaces = { wan = { device = \"vdev:net_pcap0,rx_pcap=%s,infinite_rx=1\";\n"
		"  addresses = [\"203.0.113.2/24\", \"198.18.3.254/22\", "
		"\"2001:db8:0:3::2/64\", \"2001:db8:0:2::ffff/64\"]; }; };\n"
		"routes = ( { to = \"%s\"; via = [\"%s\"]; interface = \"wan\"; } );\n",
		flows / 500 + 64, (unsigned)((n_packets + SPARE_PACKETS) / 1000), capture,
		"default", family == 4 ? "203.0.113.1" : "2001:db8:0:3::1");
	write_services(f, family);
}

static void write_neighbours(FILE *f, unsigned family)
{
	const uint8_t *m = catalog_gateway_mac;

	(void)fprintf(f,
		"neigh replace %s lladdr %02x:%02x:%02x:%02x:%02x:%02x nud permanent dev wan\n",
		family == 4 ? "203.0.113.1" : "2001:db8:0:3::1", m[0], m[1], m[2], m[3], m[4],
		m[5]);
	for (unsigned i = 0; i < CATALOG_SERVERS; i += CATALOG_SERVERS_EACH) {
		uint8_t mac[6];

		catalog_server_mac(family, i, mac);
		(void)fprintf(f,
			"neigh replace %s lladdr %02x:%02x:%02x:%02x:%02x:%02x nud permanent "
			"dev wan\n",
			text(catalog_server(family, i)), mac[0], mac[1], mac[2], mac[3], mac[4],
			mac[5]);
	}
}

static FILE *open_beside(const char *path, const char *suffix)
{
	char name[PATH_LEN];

	if (snprintf(name, sizeof(name), "%s%s", path, suffix) >= (int)sizeof(name)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(name, "we");
}

int capture_write(const char *path, unsigned family, uint32_t flows, uint64_t seed)
{
	FILE *capture = open_beside(path, ""), *conf = open_beside(path, ".conf");
	FILE *neighbours = open_beside(path, ".neigh");
	int r = capture && conf && neighbours ? 0 : -errno;
	struct steady *s;

	if (r == 0) {
		s = steady_new(family, flows, seed);
		write_config(conf, path, family, flows, write_capture(capture, s));
		write_neighbours(neighbours, family);
		steady_free(s);
	}
	if (capture && fclose(capture) != 0 && r == 0)
		r = -EIO;
	if (conf && fclose(conf) != 0 && r == 0)
		r = -EIO;
	if (neighbours && fclose(neighbours) != 0 && r == 0)
		r = -EIO;
	return r;
}

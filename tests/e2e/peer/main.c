/* peer: the client and the server of the end-to-end tests. Reads the command line and calls the
 * command; sets no socket up itself.
 *
 *   peer serve    --name NAME --tcp PORTS --udp-ports PORTS [--log FILE]
 *   peer connect  --to ADDR --port P --count N [--udp] [--hold] [--concurrency C] [--rate R]
 *   peer chat     --to ADDR --port P [--udp] [--interval MS] [--duration MS]
 *   peer order    --to ADDR --port P --count FLOWS [--window W] [--datagrams N]
 *   peer stream   --to ADDR --port P --bytes N --seed S       > what came back
 *   peer generate --bytes N --seed S                          > what `stream` sends
 */

#include "tests/e2e/peer/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { EXIT_USAGE = 2 };

static const struct option long_options[] = {
	{"name", required_argument, NULL, 'n'},
	{"log", required_argument, NULL, 'l'},
	{"tcp", required_argument, NULL, 't'},
	{"udp", no_argument, NULL, 'u'},
	{"udp-ports", required_argument, NULL, 'U'},
	{"to", required_argument, NULL, 'd'},
	{"port", required_argument, NULL, 'p'},
	{"from", required_argument, NULL, 'f'},
	{"count", required_argument, NULL, 'c'},
	{"concurrency", required_argument, NULL, 'C'},
	{"rate", required_argument, NULL, 'r'},
	{"timeout", required_argument, NULL, 'T'},
	{"interval", required_argument, NULL, 'i'},
	{"duration", required_argument, NULL, 'D'},
	{"bytes", required_argument, NULL, 'b'},
	{"seed", required_argument, NULL, 's'},
	{"window", required_argument, NULL, 'w'},
	{"datagrams", required_argument, NULL, 'N'},
	{"hold", no_argument, NULL, 'h'},
	{0},
};

static const struct {
	const char *name;
	int (*run)(const struct peer_options *o);
} commands[] = {
	{"serve", peer_serve},
	{"connect", peer_connect},
	{"chat", peer_chat},
	{"order", peer_order},
	{"stream", peer_stream},
	{"generate", peer_generate},
};

static int parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int parse_unsigned(const char *text, unsigned *ret)
{
	uint64_t value;
	int r = parse_number(text, UINT32_MAX, &value);

	if (r == 0)
		*ret = (unsigned)value;
	return r;
}

/* "25,80,443" */
static int parse_ports(const char *text, struct peer_ports *ret)
{
	struct peer_ports ports = {0};

	while (*text) {
		char *end;
		unsigned long port = strtoul(text, &end, 10);

		if (end == text || port == 0 || port > UINT16_MAX || ports.n == PEER_MAX_PORTS)
			return -EINVAL;
		ports.list[ports.n++] = (uint16_t)port;
		text = *end == ',' ? end + 1 : end;
		if (*end && *end != ',')
			return -EINVAL;
	}
	*ret = ports;
	return 0;
}

static int parse_address(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
		ret->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		ret->ss_family = AF_INET6;
	else
		return -EINVAL;
	return 0;
}

static int parse_port(const char *text, struct sockaddr_storage *to)
{
	uint64_t port;
	int r = parse_number(text, UINT16_MAX, &port);

	if (r == 0)
		((struct sockaddr_in *)to)->sin_port = htons((uint16_t)port);
	return r;
}

static int parse_option(int option, const char *text, struct peer_options *o)
{
	switch (option) {
	case 'n':
		o->name = text;
		return 0;
	case 'l':
		o->log_path = text;
		return 0;
	case 't':
		return parse_ports(text, &o->tcp);
	case 'u':
		o->is_udp = true;
		return 0;
	case 'U':
		return parse_ports(text, &o->udp);
	case 'd':
		return parse_address(text, &o->to);
	case 'p':
		return parse_port(text, &o->to);
	case 'f':
		return parse_address(text, &o->from);
	case 'c':
		return parse_unsigned(text, &o->count);
	case 'C':
		return parse_unsigned(text, &o->concurrency);
	case 'r':
		return parse_unsigned(text, &o->rate);
	case 'T':
		return parse_unsigned(text, &o->timeout_ms);
	case 'i':
		return parse_unsigned(text, &o->interval_ms);
	case 'D':
		return parse_unsigned(text, &o->duration_ms);
	case 'b':
		return parse_number(text, UINT64_MAX, &o->bytes);
	case 's':
		return parse_number(text, UINT64_MAX, &o->seed);
	case 'w':
		return parse_unsigned(text, &o->window);
	case 'N':
		return parse_unsigned(text, &o->datagrams);
	case 'h':
		o->is_held = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Ten thousand connections need ten thousand descriptors. */
static void raise_file_limit(void)
{
	struct rlimit limit = {131072, 131072};

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct peer_options o = {
		.name = "peer",
		.count = 1,
		.concurrency = 64,
		.timeout_ms = 5000,
		.interval_ms = 20,
		.window = 16,
		.datagrams = 1000,
		.seed = 1,
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (parse_option(option, optarg, &o) == 0)
			continue;
		(void)fprintf(stderr, "peer: error: bad option or value: %s\n", argv[optind - 1]);
		return EXIT_USAGE;
	}
	raise_file_limit();
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; optind < argc && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[optind], commands[i].name) == 0)
			return commands[i].run(&o);
	(void)fprintf(stderr, "usage: peer serve|connect|chat|order|stream|generate OPTIONS\n");
	return EXIT_USAGE;
}

/* `poise capture`: answers of the daemon in, blocks of a capture file out.
 *
 * SIGINT and SIGTERM wait until the next answer, which comes within a second or so; then the file
 * is whole, and what it holds is told. A reader who goes early (`| tcpdump -c 1`) ends it silently.
 */
#include "tools/capture.h"

#include "base/base64.h"
#include "base/pcapng.h"
#include "tools/commands.h"
#include "tools/format.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_PORTS = 64,
	MAX_PACKET = 65536,
	SNAPLEN = 262144,
	COMMENT_LEN = 400,
	RETRIES = 10,
	RETRY_MS = 200
};

struct capture {
	FILE *out;
	char ports[MAX_PORTS][64]; // by number of the interface in the file
	unsigned n_ports;
	uint64_t n_packets, n_lost;
	bool is_last;       // there is no more to come
	bool has_no_reader; // any more
	uint8_t *block;     // of the packet that is written
	uint8_t *bytes;
};

static int put(struct capture *c, const uint8_t *block, size_t len)
{
	return fwrite(block, 1, len, c->out) == len ? 0 : -EIO;
}

/* "2026-05-16T09:14:02.113123456Z" */
static int64_t parse_time(const char *text)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ns = 0;

	if (!rest || *rest != '.')
		return 0;
	for (unsigned i = 0; i < 9; i++)
		ns = ns * 10 + (rest[1] >= '0' && rest[1] <= '9' ? *++rest - '0' : 0);
	return (int64_t)timegm(&tm) * 1000000000 + ns;
}

/* The number of a port, which the file learns of with its first packet. Negative: -EIO, -ENOSPC. */
static int find_port(struct capture *c, const char *name)
{
	uint8_t block[PCAPNG_INTERFACE_SPACE];

	for (unsigned i = 0; i < c->n_ports; i++)
		if (strcmp(c->ports[i], name) == 0)
			return (int)i;
	if (c->n_ports == MAX_PORTS)
		return -ENOSPC;
	(void)snprintf(c->ports[c->n_ports], sizeof(c->ports[0]), "%s", name);
	if (put(c, block, pcapng_put_interface(block, c->ports[c->n_ports], SNAPLEN)) < 0)
		return -EIO;
	return (int)c->n_ports++;
}

/* "worker 0, received, service web, server s1, dropped: no_connection" */
static void write_comment(const json_t *packet, char *buf)
{
	const char *service = cli_field_text(packet, "service");
	const char *server = cli_field_text(packet, "server");
	const char *reason = cli_field_text(packet, "reason");

	(void)snprintf(buf, COMMENT_LEN, "worker %d, %s%s%s%s%s%s%s",
		(int)cli_field_int(packet, "worker"), cli_field_text(packet, "point"),
		*reason ? ": " : "", reason, *service ? ", service " : "", service,
		*server ? ", server " : "", server);
}

static int put_packet(struct capture *c, const json_t *packet)
{
	const char *data = cli_field_text(packet, "data");
	char comment[COMMENT_LEN];
	struct pcapng_packet p = {.comment = comment, .bytes = c->bytes};
	int port = find_port(c, cli_field_text(packet, "port"));
	long n = strlen(data) <= MAX_PACKET / 3 * 4 ? base64_decode(data, c->bytes) : -EINVAL;

	if (port < 0 || n < 0)
		return port < 0 ? port : -EINVAL;
	write_comment(packet, comment);
	p.interface = (uint32_t)port;
	p.at_ns = parse_time(cli_field_text(packet, "at"));
	p.frame_len = (uint32_t)cli_field_int(packet, "length");
	p.n_bytes = (uint32_t)n;
	p.direction = strcmp(cli_field_text(packet, "point"), "sent") == 0 ? PCAPNG_OUT : PCAPNG_IN;
	c->n_packets++;
	return put(c, c->block, pcapng_put_packet(c->block, &p));
}

static int put_answer(struct capture *c, const json_t *answer)
{
	const json_t *packet;
	size_t i;
	int r = 0;

	c->n_lost = cli_field_count(answer, "lost_total");
	c->is_last = json_is_true(json_object_get(answer, "is_last"));
	json_array_foreach(json_object_get(answer, "packets"), i, packet) if (r == 0) r =
		put_packet(c, packet);
	return r == 0 && fflush(c->out) != 0 ? -EIO : r;
}

static bool is_interrupted(void)
{
	sigset_t set;

	return sigpending(&set) == 0 && (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM));
}

/* SIGPIPE is an error of writing, and not one to talk about. */
static void hold_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* A reader that has gone is an end like any other. errno is that of what was written. */
static int judge_output(struct capture *c, int r, struct cli_error *err)
{
	c->has_no_reader = r == -EIO && errno == EPIPE;
	if (r == 0 || c->has_no_reader)
		return 0;
	return cli_client_refuse(err, API_ERROR_FAILED,
		r == -EIO ? "cannot write the capture" : "the daemon's answer is no packet");
}

static int run_stream(struct capture *c, struct cli_client *client, struct cli_error *err)
{
	while (!c->is_last && !c->has_no_reader && !is_interrupted()) {
		json_t *answer;
		int r;

		if (cli_client_next(client, err, &answer) < 0)
			return -1;
		errno = 0;
		r = judge_output(c, put_answer(c, answer), err);
		json_decref(answer);
		if (r < 0)
			return r;
	}
	return 0;
}

static FILE *open_output(const char *path, struct cli_error *err)
{
	FILE *out = NULL;

	if (!path && isatty(STDOUT_FILENO))
		(void)cli_client_refuse(err, API_ERROR_USAGE,
			"capture writes a file: -w FILE, or a pipe: | tcpdump -nr -");
	else if (!path || strcmp(path, "-") == 0)
		out = stdout;
	else if (!(out = fopen(path, "we")))
		(void)cli_client_refuse(err, API_ERROR_FAILED, "%s: %s", path, strerror(errno));
	return out;
}

static void print_summary(const struct cli_run *run, const struct capture *c, double seconds)
{
	char packets[CLI_FORMAT_LEN], lost[CLI_FORMAT_LEN];

	if (!run->options.is_quiet)
		(void)fprintf(stderr,
			"%s packet%s in %.1f s (%s lost); both sides of the translation; comments "
			"name worker, service and server\n",
			cli_format_grouped(c->n_packets, packets), c->n_packets == 1 ? "" : "s",
			seconds, cli_format_grouped(c->n_lost, lost));
}

static double now_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pause_ms(long ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&pause, NULL);
}

/* With the first answer. One that has just ended is still there for a moment: tried again. */
static int begin_stream(const struct cli_run *run, struct capture *c, struct cli_error *err,
	struct cli_client **ret_client)
{
	for (unsigned i = 0;; i++) {
		json_t *answer;
		int r;

		if (cli_client_open(
			    run->options.socket, run->command->cmd, run->args, err, ret_client) < 0)
			return -1;
		if (cli_client_next(*ret_client, err, &answer) == 0) {
			errno = 0;
			r = judge_output(c, put_answer(c, answer), err);
			json_decref(answer);
			if (r != 0)
				cli_client_close(*ret_client);
			return r;
		}
		cli_client_close(*ret_client);
		if (i == RETRIES || strcmp(err->code, "busy") != 0 || is_interrupted())
			return -1;
		pause_ms(RETRY_MS);
	}
}

static int capture_to(const struct cli_run *run, struct capture *c, struct cli_error *err)
{
	uint8_t section[PCAPNG_SECTION_SPACE];
	struct cli_client *client;
	double begun = now_seconds();
	int r;

	hold_signals();
	errno = 0;
	r = judge_output(c, put(c, section, pcapng_put_section(section, "poise")), err);
	if (r != 0)
		return r;
	r = begin_stream(run, c, err, &client);
	if (r != 0)
		return r;
	r = run_stream(c, client, err);
	cli_client_close(client);
	if (c->n_packets > 0 || r == 0)
		print_summary(run, c, now_seconds() - begun);
	return r;
}

int cli_capture(const struct cli_run *run, struct cli_error *err)
{
	struct capture c = {.out = open_output(run->write_path, err)};
	int r = -1;

	if (!c.out)
		return -1;
	c.block = malloc(pcapng_packet_space(MAX_PACKET));
	c.bytes = malloc(MAX_PACKET);
	if (c.block && c.bytes)
		r = capture_to(run, &c, err);
	else
		(void)cli_client_refuse(err, API_ERROR_FAILED, "out of memory");
	free(c.block);
	free(c.bytes);
	if (c.out != stdout && fclose(c.out) != 0 && r == 0 && !c.has_no_reader)
		r = cli_client_refuse(
			err, API_ERROR_FAILED, "%s: %s", run->write_path, strerror(errno));
	return r;
}

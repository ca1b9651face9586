/* The model of the tests, and how to ask it without a socket. */
#include "tests/unit/admin/fixture.h"

#include "base/log.h"
#include "control/events.h"
#include "control/request.h"

#include <assert.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_STEPS = 1000000 };

/* ---- the log --------------------------------------------------------------------------------- */

struct log_kept {
	char lines[LOG_LINES][LOG_LINE_LEN];
	unsigned n;
};

/* log_line() has no context to be given. */
static struct log_kept *log_kept(void)
{
	static struct log_kept kept;

	return &kept;
}

/* In place of base/log.c. */
void log_line(enum log_level level, const char *format, ...)
{
	struct log_kept *kept = log_kept();
	va_list args;

	(void)level;
	va_start(args, format);
	(void)vsnprintf(kept->lines[kept->n++ % LOG_LINES], LOG_LINE_LEN, format, args);
	va_end(args);
}

unsigned fixture_log_count(void)
{
	return log_kept()->n;
}

const char *fixture_log(unsigned index)
{
	return log_kept()->lines[index % LOG_LINES];
}

/* ---- the site -------------------------------------------------------------------------------- */

static struct addr address(const char *text)
{
	struct addr a = {0};
	int r = addr_parse(text, &a);

	assert(r == 0);
	(void)r;
	return a;
}

static const struct conf_port_range imaps_ports[] = {{993, 993}}, imap_ports[] = {{143, 143}},
				    dns_ports[] = {{53, 53}, {8000, 8010}};

static const struct conf_interface interfaces[] = {
	{.name = "wan", .device = "eth0"}, {.name = "lan", .device = "eth1", .index = 1}};

static const struct conf_check checks[] = {
	{.name = "tcp", .type = CONF_CHECK_TCP}, {.name = "none", .type = CONF_CHECK_NONE}};

/* What points into each other, and is not constant because of addresses. */
struct site {
	struct addr vip_addresses[3];
	struct conf_vip vip;
	struct conf_server servers[3];
	const struct conf_server *all[3];
	struct conf_pool pool;
	struct conf_service services[3];
};

static void make_servers(struct site *s)
{
	static const char *const names[] = {"master", "slave-1", "slave-2"};
	static const uint16_t weights[] = {1, 640, 640};

	for (unsigned i = 0; i < 3; i++) {
		char v4[ADDR_STR_LEN], v6[ADDR_STR_LEN];

		(void)snprintf(v4, sizeof(v4), "198.51.100.1%u", i);
		(void)snprintf(v6, sizeof(v6), "2001:db8:0:2::1%u", i);
		s->servers[i] = (struct conf_server){.name = names[i],
			.address = {address(v4), address(v6)},
			.has_family = {true, i != 2},
			.weight = weights[i],
			.index = i};
		s->all[i] = &s->servers[i];
	}
	s->pool = (struct conf_pool){.name = "mail", .servers = s->servers, .n_servers = 3};
}

static struct conf_service make_service(
	const struct site *s, const char *name, const struct conf_port_range *ports)
{
	return (struct conf_service){.name = name,
		.vip = &s->vip,
		.pool = &s->pool,
		.check = &checks[0],
		.has_tcp = true,
		.ports = ports,
		.n_ports = 1,
		.servers = s->all,
		.n_servers = 3,
		.has_family = {true, true}};
}

static struct site *make_site(void)
{
	struct site *s = calloc(1, sizeof(*s));

	assert(s);
	s->vip_addresses[0] = address("203.0.113.10");
	s->vip_addresses[1] = address("2001:db8:0:1::10");
	s->vip_addresses[2] = address("203.0.113.11");
	s->vip = (struct conf_vip){.name = "mail",
		.addresses = s->vip_addresses,
		.n_addresses = 3,
		.interface = &interfaces[0]};
	make_servers(s);
	s->services[0] = make_service(s, "imaps", imaps_ports);
	s->services[1] = make_service(s, "imap", imap_ports);
	s->services[2] = make_service(s, "dns", dns_ports);
	s->services[2].n_ports = 2;
	s->services[2].has_udp = true;
	s->services[2].check = &checks[1];
	s->services[2].servers = &s->all[1];
	s->services[2].n_servers = 2;
	return s;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void make_dp(struct dp *dp)
{
	dp->n_workers = 2;
	dp->handshake = (struct dp_times){.count = 4, .sum_seconds = 0.001};
	dp->n_ports = 2;
	dp->server = (struct dp_server_stats){.connections = 100,
		.packets_in = 1000,
		.bytes_in = 60000,
		.packets_out = 2000,
		.bytes_out = 3000000,
		.established = 10,
		.closing = 1};
	for (unsigned i = 0; i < 2; i++) {
		dp->workers[i] = (struct dp_worker_stats){.cpu = i + 1,
			.rx = 1000,
			.generated = 5,
			.tx = 990,
			.dropped = 12,
			.held = 3,
			.connections = 200 * (i + 1),
			.half_open = 20 * (i + 1),
			.connections_opened = 500,
			.half_open_evicted = 7,
			.connections_expired = 300,
			.busy_cycles = 250,
			.idle_cycles = 750};
		dp->workers[i].drops[DP_DROP_NO_CONNECTION] = 10;
		dp->workers[i].drops[DP_DROP_TX_FULL] = 2;
		dp->ports[i] = (struct dp_port_stats){.name = interfaces[i].name,
			.device = interfaces[i].device,
			.driver = "net_af_xdp",
			.mac = {2, 0, 0, 0, 0, (uint8_t)i},
			.mtu = 1500,
			.is_up = i == 0,
			.n_queues = 1,
			.rx_packets = 7,
			.rx_missed = 4,
			.xdp_vip_not_owned = 6,
			.xdp_no_socket = 1};
	}
}

static struct fixture *fixture_of(const struct conf_service *services, unsigned n)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int r;

	assert(f);
	log_kept()->n = 0;
	f->conf.path = "/etc/poise/poise.conf";
	f->conf.node = "lb-1";
	f->conf.services = services;
	f->conf.n_services = n;
	f->conf.pools = services[0].pool;
	f->conf.n_pools = 1;
	make_dp(&f->dp);
	f->ctl.conf = &f->conf;
	f->ctl.dp = &f->dp;
	f->ctl.has_real_time = true;
	f->ctl.info.driver_version = "DPDK 22.11.11";
	f->ctl.info.connections_max = 1048576;
	f->ctl.started_ms = 1778839926123; // 2026-05-15T10:12:06.123Z
	f->shared.ctl = &f->ctl;
	f->shared.follow_beat_ms = API_FOLLOW_BEAT_SECONDS * 1000;
	r = ctl_events_start(&f->ctl);
	assert(r == 0);
	r = ctl_build_model(&f->ctl);
	assert(r == 0);
	(void)r;
	for (unsigned i = 0; i < f->ctl.n_services; i++)
		f->ctl.services[i].has_server = f->ctl.services[i].had_server = true;
	for (unsigned i = 0; i < f->ctl.n_servers; i++) {
		struct ctl_server *s = &f->ctl.servers[i];

		s->health = HC_UP;
		s->since_ms = f->ctl.started_ms;
		s->last = (struct hc_report){.id = i,
			.state = HC_UP,
			.is_ok = true,
			.duration_us = 412,
			.at_ms = f->ctl.started_ms + 1000,
			.detail = "connected"};
	}
	return f;
}

struct fixture *fixture_new(void)
{
	return fixture_of(make_site()->services, 3);
}

/* The large site's arrays hang off its first service like the small one's off its site. */
struct fixture *fixture_new_large(unsigned n_services, unsigned n_servers)
{
	struct conf_service *services = calloc(n_services, sizeof(*services));
	struct conf_server *servers = calloc(n_servers, sizeof(*servers));
	const struct conf_server **all = calloc(n_servers, sizeof(*all));
	struct site *s = make_site();

	assert(services && servers && all);
	for (unsigned i = 0; i < n_servers; i++) {
		char *name = NULL;

		servers[i] = s->servers[0];
		(void)!asprintf(&name, "server-%u", i);
		servers[i].name = name;
		all[i] = &servers[i];
	}
	s->pool.servers = servers;
	s->pool.n_servers = n_servers;
	for (unsigned i = 0; i < n_services; i++) {
		char *name = NULL;

		(void)!asprintf(&name, "service-%u", i);
		services[i] = make_service(s, name, imaps_ports);
		services[i].servers = all;
		services[i].n_servers = n_servers;
	}
	return fixture_of(services, n_services);
}

static void free_large(const struct conf *conf)
{
	const struct conf_service *services = conf->services;

	for (unsigned i = 0; i < services[0].n_servers; i++)
		free((void *)services[0].servers[i]->name);
	free((void *)services[0].servers[0]);
	free((void *)services[0].servers);
	for (unsigned i = 0; i < conf->n_services; i++)
		free((void *)services[i].name);
}

void fixture_free(struct fixture *f)
{
	const struct conf_service *services;
	struct site *site;

	if (!f)
		return;
	services = f->conf.services;
	site = (struct site *)((char *)services[0].vip - offsetof(struct site, vip));
	ctl_events_stop(&f->ctl);
	ctl_free_model(&f->ctl);
	if (services != site->services) {
		free_large(&f->conf);
		free((void *)services);
	}
	free(site);
	free(f);
}

unsigned fixture_server(
	const struct fixture *f, const char *path, enum conf_family family, int protocol)
{
	for (unsigned i = 0; i < f->ctl.n_servers; i++) {
		const struct ctl_server *s = &f->ctl.servers[i];
		const struct ctl_service *svc = &f->ctl.services[s->service];
		char name[2 * CONF_MAX_NAME];

		(void)snprintf(name, sizeof(name), "%s/%s", svc->conf->name, s->conf->name);
		if (strcmp(name, path) == 0 && svc->family == family &&
			(int)svc->protocol == protocol)
			return i;
	}
	abort();
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Time of this thread's own: others on the machine do not count. */
static double cpu_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void note_step(struct fixture_effort *effort, double from_ms)
{
	double took_ms = cpu_ms() - from_ms;

	if (took_ms > effort->longest_ms)
		effort->longest_ms = took_ms;
}

/* Steps the job to its end. False if it broke off. */
static bool finish(struct ctl_job *job, struct evbuffer *out, struct fixture_effort *effort)
{
	enum ctl_job_turn turn = CTL_JOB_MORE;

	for (unsigned i = 0; i < MAX_STEPS && turn < CTL_JOB_DONE; i++) {
		double from_ms = cpu_ms();

		turn = job->step(job, out);
		note_step(effort, from_ms);
		effort->n_waits += turn == CTL_JOB_WAIT;
	}
	ctl_job_free(job);
	return turn == CTL_JOB_DONE;
}

char *fixture_ask_text(
	struct fixture *f, const char *line, bool may_change, struct fixture_effort *ret_effort)
{
	struct ctl_call call = {
		.shared = &f->shared, .peer = {.uid = 1000, .pid = 4711, .may_change = may_change}};
	struct fixture_effort effort = {0, 0};
	struct evbuffer *out = evbuffer_new();
	double from_ms = cpu_ms();
	struct ctl_error err;
	struct ctl_job *job;
	char *text = NULL;
	bool is_whole;
	int r;

	assert(out);
	r = ctl_request_open(&call, line, strlen(line), &err, &job);
	note_step(&effort, from_ms);
	is_whole = r < 0 ? ctl_job_put_error(&err, out) == 0 : finish(job, out, &effort);
	if (is_whole) {
		size_t len = evbuffer_get_length(out);

		text = calloc(1, len + 1);
		assert(text);
		(void)evbuffer_remove(out, text, len);
	}
	evbuffer_free(out);
	if (ret_effort)
		*ret_effort = effort;
	return text;
}

json_t *fixture_ask(
	struct fixture *f, const char *line, bool may_change, struct fixture_effort *ret_effort)
{
	char *text = fixture_ask_text(f, line, may_change, ret_effort);
	json_t *answer = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (!json_is_object(answer)) {
		(void)fprintf(stderr, "not a JSON object: %s\n", text ? text : "(nothing)");
		abort();
	}
	free(text);
	return answer;
}

static const char *error_field(const json_t *answer, const char *key)
{
	const json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, key));

	return text ? text : "";
}

const char *fixture_code(const json_t *answer)
{
	return error_field(answer, "code");
}

const char *fixture_message(const json_t *answer)
{
	return error_field(answer, "message");
}

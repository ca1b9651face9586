/* What a good file becomes: the model, value by value. */
#include "base/diag.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/host.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct conf *load(const char *path)
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	int err;

	assert_non_null(diag);
	err = conf_load(path, diag, &conf);
	if (err < 0)
		diag_print(diag, stderr);
	assert_int_equal(err, 0);
	diag_free(diag);
	return conf;
}

/* `text` as a file of its own directory. */
static const struct conf *load_text(const char *text)
{
	char dir[] = "/tmp/poise-conf-XXXXXX", path[64];
	const struct conf *conf;
	FILE *out;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/poise.conf", dir);
	out = fopen(path, "we");
	assert_non_null(out);
	(void)fputs(text, out);
	assert_int_equal(fclose(out), 0);
	conf = load(path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	return conf;
}

static void assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_STR_LEN];

	assert_string_equal(addr_format(a, buf), text);
}

static void assert_default_timeouts(const struct conf_timeouts *t)
{
	assert_int_equal(t->syn_received_ms, 30000);
	assert_int_equal(t->established_ms, 900000);
	assert_int_equal(t->fin_wait_ms, 120000);
	assert_int_equal(t->time_wait_ms, 60000);
	assert_int_equal(t->close_ms, 10000);
	assert_int_equal(t->last_ack_ms, 30000);
	assert_int_equal(t->udp_ms, 300000);
	assert_int_equal(t->udp_unanswered_ms, 30000);
}

static void assert_mail_pool(const struct conf_pool *pool)
{
	static const struct {
		const char *name, *v4, *v6;
		unsigned weight;
	} servers[] = {
		{"master", "10.0.0.10", "2001:db8:0:2::10", 1},
		{"slave-1", "10.0.0.11", "2001:db8:0:2::11", 640},
		{"slave-2", "10.0.0.12", "2001:db8:0:2::12", 640},
		{"slave-3", "10.0.0.13", "2001:db8:0:2::13", 640},
	};

	assert_string_equal(pool->name, "mail");
	assert_int_equal(pool->place.line, 18);
	assert_int_equal(pool->scheduler, CONF_SCHED_WRR);
	assert_int_equal(pool->forward, CONF_FORWARD_NAT);
	assert_int_equal(pool->on_no_server, CONF_REACT_RESET);
	assert_int_equal(pool->unknown_tcp, CONF_REACT_RESET);
	assert_default_timeouts(&pool->timeouts);
	assert_int_equal(pool->n_servers, 4);
	for (unsigned i = 0; i < 4; i++) {
		const struct conf_server *s = &pool->servers[i];

		assert_string_equal(s->name, servers[i].name);
		assert_int_equal(s->place.line, 22 + i);
		assert_true(s->has_family[CONF_V4] && s->has_family[CONF_V6]);
		assert_addr(&s->address[CONF_V4], servers[i].v4);
		assert_addr(&s->address[CONF_V6], servers[i].v6);
		assert_int_equal(s->port, 0);
		assert_int_equal(s->weight, servers[i].weight);
		assert_int_equal(s->index, i);
	}
}

static void assert_mail_services(const struct conf *conf)
{
	static const struct {
		const char *name;
		uint16_t port;
	} services[] = {{"smtp", 25}, {"submission", 587}, {"smtps", 465}, {"pop3", 110},
		{"imap", 143}, {"pop3s", 995}, {"imaps", 993}, {"xmpp", 5222}, {"xmpps", 5223},
		{"http", 80}, {"https", 443}};

	assert_int_equal(conf->n_services, 11);
	for (unsigned i = 0; i < 11; i++) {
		const struct conf_service *s = &conf->services[i];

		assert_string_equal(s->name, services[i].name);
		assert_ptr_equal(s->vip, &conf->vips[0]);
		assert_ptr_equal(s->pool, &conf->pools[0]);
		assert_ptr_equal(s->check, &conf->checks[0]);
		assert_true(s->has_tcp);
		assert_false(s->has_udp);
		assert_int_equal(s->n_ports, 1);
		assert_int_equal(s->ports[0].first, services[i].port);
		assert_int_equal(s->ports[0].last, services[i].port);
		assert_int_equal(s->to_port, 0);
		assert_int_equal(s->n_servers, 4);
		for (unsigned j = 0; j < 4; j++)
			assert_ptr_equal(s->servers[j], &conf->pools[0].servers[j]);
		assert_true(s->has_family[CONF_V4] && s->has_family[CONF_V6]);
	}
}

static void mail_basic_becomes_this_model(void **state)
{
	const struct conf *conf = load(EXAMPLES_DIR "/mail-basic.conf");

	(void)state;
	assert_string_equal(conf->path, EXAMPLES_DIR "/mail-basic.conf");
	assert_string_equal(conf->node, "lb-1");
	assert_int_equal(conf->cpu.n_workers, 1);
	assert_int_equal(conf->cpu.workers[0], 1);
	assert_int_equal(conf->cpu.control, -1);
	assert_int_equal(conf->cpu.n_eal_args, 0);
	assert_int_equal(conf->cpu.idle, CONF_IDLE_ADAPTIVE);
	assert_int_equal(conf->cpu.idle_sleep_us, 50);
	assert_int_equal(conf->memory.hugepages, CONF_HUGEPAGES_AUTO);
	assert_int_equal(conf->memory.connections, 256000);
	assert_int_equal(conf->memory.packets, 64000);

	assert_int_equal(conf->n_interfaces, 2);
	assert_string_equal(conf->interfaces[0].name, "wan");
	assert_string_equal(conf->interfaces[0].device, "eth0");
	assert_int_equal(conf->interfaces[0].kind, CONF_DEVICE_KERNEL);
	assert_int_equal(conf->interfaces[0].mtu, 0);
	assert_string_equal(conf->interfaces[1].name, "lan");
	assert_string_equal(conf->interfaces[1].device, "eth1");
	assert_int_equal(conf->interfaces[1].index, 1);

	assert_int_equal(conf->n_vips, 1);
	assert_string_equal(conf->vips[0].name, "mail");
	assert_int_equal(conf->vips[0].n_addresses, 2);
	assert_addr(&conf->vips[0].addresses[0], "203.0.113.10");
	assert_addr(&conf->vips[0].addresses[1], "2001:db8:0:1::10");
	assert_ptr_equal(conf->vips[0].interface, &conf->interfaces[0]);

	assert_int_equal(conf->n_pools, 1);
	assert_mail_pool(&conf->pools[0]);
	assert_mail_services(conf);

	assert_int_equal(conf->n_checks, 2);
	assert_string_equal(conf->checks[0].name, "tcp");
	assert_int_equal(conf->checks[0].type, CONF_CHECK_TCP);
	assert_int_equal(conf->checks[0].interval_ms, 20000);
	assert_int_equal(conf->checks[0].timeout_ms, 5000);
	assert_int_equal(conf->checks[0].retry_ms, 5000);
	assert_int_equal(conf->checks[0].fall, 2);
	assert_int_equal(conf->checks[0].rise, 2);
	assert_int_equal(conf->checks[0].port, 0);
	assert_string_equal(conf->checks[1].name, "none");
	assert_int_equal(conf->checks[1].type, CONF_CHECK_NONE);

	assert_string_equal(conf->control.socket, "/run/poise/poise.sock");
	assert_null(conf->control.read_only_socket);
	assert_null(conf->control.group);
	assert_int_equal(conf->control.mode, 0600);
	assert_int_equal(conf->log.target, LOG_TARGET_STDERR);
	assert_int_equal(conf->log.level, LOG_LEVEL_INFO);
	conf_free(conf);
}

/* Nothing in the file is a default. */
static const char full[] =
	"version = 1; node = \"n\";\n"
	"cpu = { workers = (3, 2); control = 0; eal_args = [\"-v\", \"--x\"]; idle = \"poll\";\n"
	"  idle_sleep = \"1ms\"; };\n"
	"memory = { hugepages = \"off\"; connections = \"64\"; packets = \"9k\"; };\n"
	"interfaces = { i = { device = \"veth-1\"; mtu = 9000; }; };\n"
	"vips = { v = { addresses = [\"192.0.2.1\", \"192.0.2.2\", \"2001:db8::1\"];\n"
	"  interface = \"i\"; }; };\n"
	"pools = { p = { scheduler = \"wrr\"; forward = \"nat\"; on_no_server = \"drop\";\n"
	"  unknown_tcp = \"drop\";\n"
	"  timeouts = { syn_received = \"1s\"; established = \"2h\"; fin_wait = \"3m\";\n"
	"    time_wait = \"4000ms\"; close = \"500ms\"; last_ack = \"6s\"; udp = \"7s\";\n"
	"    udp_unanswered = \"200000us\"; };\n"
	"  servers = { s1 = { address = [\"198.51.100.1\"]; port = 8080; weight = 0; };\n"
	"    s2 = { address = (\"2001:db8:1::2\"); weight = 65535; };\n"
	"    s3 = { address = [\"198.51.100.1\"]; port = 8081; }; }; }; };\n"
	"check_defaults = { type = \"tcp\"; interval = \"10s\"; rise = 5; };\n"
	"checks = { none = { timeout = \"1s\"; fall = 7; port = 81; };\n"
	"  c = { interval = \"7s\"; retry = \"2s\"; }; };\n"
	"service_defaults = { pool = \"p\"; vip = \"v\"; to_port = 90; check = \"c\"; };\n"
	"services = { a = { port = 80; protocol = [\"udp\", \"tcp\"]; servers = [\"s3\", \"s1\"]; "
	"};\n"
	"  b = { port = \"81-81\"; servers = [\"s2\"]; check = \"none\"; to_port = 91; }; };\n"
	"control = { socket = \"/tmp/p\"; read_only_socket = \"/tmp/r\"; group = \"g\"; mode = "
	"\"660\"; };\n"
	"log = { target = \"syslog\"; level = \"debug\"; }; # no line end";

static void assert_full_root(const struct conf *conf)
{
	assert_string_equal(conf->node, "n");
	assert_int_equal(conf->cpu.n_workers, 2);
	assert_int_equal(conf->cpu.workers[0], 3);
	assert_int_equal(conf->cpu.workers[1], 2);
	assert_int_equal(conf->cpu.control, 0);
	assert_int_equal(conf->cpu.n_eal_args, 2);
	assert_string_equal(conf->cpu.eal_args[1], "--x");
	assert_int_equal(conf->cpu.idle, CONF_IDLE_POLL);
	assert_int_equal(conf->cpu.idle_sleep_us, 1000);
	assert_int_equal(conf->memory.hugepages, CONF_HUGEPAGES_OFF);
	assert_int_equal(conf->memory.connections, 64);
	assert_int_equal(conf->memory.packets, 9000);
	assert_int_equal(conf->interfaces[0].mtu, 9000);
	assert_string_equal(conf->control.socket, "/tmp/p");
	assert_string_equal(conf->control.read_only_socket, "/tmp/r");
	assert_string_equal(conf->control.group, "g");
	assert_int_equal(conf->control.mode, 0660);
	assert_int_equal(conf->log.target, LOG_TARGET_SYSLOG);
	assert_int_equal(conf->log.level, LOG_LEVEL_DEBUG);
}

static void assert_full_pool(const struct conf_pool *pool)
{
	assert_int_equal(pool->on_no_server, CONF_REACT_DROP);
	assert_int_equal(pool->unknown_tcp, CONF_REACT_DROP);
	assert_int_equal(pool->timeouts.syn_received_ms, 1000);
	assert_int_equal(pool->timeouts.established_ms, 7200000);
	assert_int_equal(pool->timeouts.fin_wait_ms, 180000);
	assert_int_equal(pool->timeouts.time_wait_ms, 4000);
	assert_int_equal(pool->timeouts.close_ms, 500);
	assert_int_equal(pool->timeouts.last_ack_ms, 6000);
	assert_int_equal(pool->timeouts.udp_ms, 7000);
	assert_int_equal(pool->timeouts.udp_unanswered_ms, 200);
	assert_int_equal(pool->servers[0].port, 8080);
	assert_int_equal(pool->servers[0].weight, 0);
	assert_false(pool->servers[0].has_family[CONF_V6]);
	assert_false(pool->servers[1].has_family[CONF_V4]);
	assert_int_equal(pool->servers[1].weight, 65535);
	assert_int_equal(pool->servers[2].weight, 1);
}

static void every_key_reaches_the_model(void **state)
{
	const struct conf *conf = load_text(full);
	const struct conf_service *a = &conf->services[0], *b = &conf->services[1];

	(void)state;
	assert_full_root(conf);
	assert_full_pool(&conf->pools[0]);

	// Defaults of the section hold where the object is silent, and only there.
	assert_int_equal(conf->n_checks, 2);
	assert_string_equal(conf->checks[0].name, "none");
	assert_int_equal(conf->checks[0].type, CONF_CHECK_TCP);
	assert_int_equal(conf->checks[0].interval_ms, 10000);
	assert_int_equal(conf->checks[0].timeout_ms, 1000);
	assert_int_equal(conf->checks[0].fall, 7);
	assert_int_equal(conf->checks[0].rise, 5);
	assert_int_equal(conf->checks[0].port, 81);
	assert_int_equal(conf->checks[1].interval_ms, 7000);
	assert_int_equal(conf->checks[1].retry_ms, 2000);

	assert_true(a->has_tcp && a->has_udp);
	assert_int_equal(a->n_servers, 2);
	assert_string_equal(a->servers[0]->name, "s1"); // in the pool's order
	assert_string_equal(a->servers[1]->name, "s3");
	assert_true(a->has_family[CONF_V4]);
	assert_false(a->has_family[CONF_V6]);
	assert_int_equal(a->to_port, 90);
	assert_ptr_equal(a->check, &conf->checks[1]);
	assert_true(b->has_tcp);
	assert_false(b->has_udp);
	assert_int_equal(b->to_port, 91);
	assert_ptr_equal(b->check, &conf->checks[0]);
	assert_false(b->has_family[CONF_V4]);
	assert_true(b->has_family[CONF_V6]);
	conf_free(conf);
}

static void devices_beside_the_kernels_bring_addresses_and_routes(void **state)
{
	const struct conf *conf = load_text(
		"version = 1; cpu = { workers = [1]; };"
		"interfaces = {"
		" wan = { device = \"vdev:net_tap0,iface=p0\"; mtu = 9000;"
		"  addresses = [\"192.0.2.2/24\", \"2001:db8::2/64\", \"198.51.100.0/31\"]; };"
		" nic = { device = \"5E:00.0\"; }; };"
		"routes = ("
		" { to = \"default\"; via = [\"192.0.2.1\", \"fe80::1\"]; interface = \"wan\"; },"
		" { to = \"2001:db8:9::/48\"; via = [\"2001:db8::1\"]; interface = \"wan\"; } );");
	const struct conf_interface *wan = &conf->interfaces[0], *nic = &conf->interfaces[1];

	(void)state;
	assert_int_equal(wan->kind, CONF_DEVICE_VDEV);
	assert_string_equal(wan->device, "net_tap0,iface=p0");
	assert_int_equal(wan->mtu, 9000);
	assert_int_equal(wan->n_addresses, 3);
	assert_addr(&wan->addresses[0].addr, "192.0.2.2");
	assert_int_equal(wan->addresses[0].length_bits, 96 + 24);
	assert_addr(&wan->addresses[1].addr, "2001:db8::2");
	assert_int_equal(wan->addresses[1].length_bits, 64);
	assert_int_equal(nic->kind, CONF_DEVICE_PCI);
	assert_string_equal(nic->device, "0000:5e:00.0");
	assert_int_equal(nic->n_addresses, 0);

	assert_int_equal(conf->n_routes, 2);
	assert_true(conf->routes[0].is_default);
	assert_true(conf->routes[0].has_via[CONF_V4] && conf->routes[0].has_via[CONF_V6]);
	assert_addr(&conf->routes[0].via[CONF_V6], "fe80::1");
	assert_ptr_equal(conf->routes[0].interface, wan);
	assert_false(conf->routes[1].is_default);
	assert_false(conf->routes[1].has_via[CONF_V4]);
	assert_int_equal(conf->routes[1].to.length_bits, 48);
	assert_addr(&conf->routes[1].to.addr, "2001:db8:9::");
	conf_free(conf);
}

static void node_and_worker_default_to_this_machine(void **state)
{
	const struct conf *conf = load_text("version = 1;");
	char host[CONF_MAX_NAME + 1];

	(void)state;
	assert_string_equal(conf->node, conf_host_name(host));
	assert_int_equal(conf->cpu.n_workers, 1);
	assert_int_equal(conf->cpu.workers[0], conf_host_last_cpu());
	assert_int_equal(conf->n_services, 0);
	assert_int_equal(conf->n_checks, 1);
	conf_free(conf);
}

static void no_worker_is_fine_without_services(void **state)
{
	const struct conf *conf = load_text("version = 1; cpu = { workers = []; };");

	(void)state;
	assert_int_equal(conf->cpu.n_workers, 0);
	conf_free(conf);
}

static void fragments_are_merged_in_name_order(void **state)
{
	const struct conf *conf = load(DATA_DIR "/merged/poise.conf");

	(void)state;
	assert_int_equal(conf->n_services, 2);
	assert_string_equal(conf->services[0].name, "http"); // of 09-http.conf
	assert_string_equal(conf->services[0].place.file, DATA_DIR "/merged/conf.d/09-http.conf");
	assert_string_equal(conf->services[1].name, "https");
	assert_int_equal(conf->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(conf->log.target, LOG_TARGET_SYSLOG);
	conf_free(conf);
}

static void several_ports_are_one_service(void **state)
{
	const struct conf *conf = load_text(
		"version = 1; interfaces = { i = { device = \"eth0\"; }; };"
		"vips = { v = { addresses = [\"192.0.2.1\"]; interface = \"i\"; }; };"
		"pools = { p = { servers = { s = { address = [\"198.51.100.1\"]; }; }; }; };"
		"services = { sip = { vip = \"v\"; pool = \"p\"; port = (5060, \"10000-10255\"); };"
		"  web = { vip = \"v\"; pool = \"p\"; port = [0x50, 443]; }; };");
	const struct conf_service *sip = &conf->services[0], *web = &conf->services[1];

	(void)state;
	assert_int_equal(sip->n_ports, 2);
	assert_int_equal(sip->ports[0].first, 5060);
	assert_int_equal(sip->ports[0].last, 5060);
	assert_int_equal(sip->ports[1].first, 10000);
	assert_int_equal(sip->ports[1].last, 10255);
	assert_int_equal(web->ports[0].first, 80);
	assert_int_equal(web->ports[1].last, 443);
	assert_string_equal(web->check->name, "none");
	conf_free(conf);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	conf_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_basic_becomes_this_model),
		cmocka_unit_test(every_key_reaches_the_model),
		cmocka_unit_test(devices_beside_the_kernels_bring_addresses_and_routes),
		cmocka_unit_test(node_and_worker_default_to_this_machine),
		cmocka_unit_test(no_worker_is_fine_without_services),
		cmocka_unit_test(fragments_are_merged_in_name_order),
		cmocka_unit_test(several_ports_are_one_service),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

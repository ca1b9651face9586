/* What a good file's VRRP and web server become: the model, value by value; and the examples, whose
 * commands are not on this machine. */
#include "base/diag.h"
#include "conf/conf.h"

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

static int set_up(void **state)
{
	char *dir = strdup("/tmp/poise-vrrp-XXXXXX");

	if (!dir || !mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	*state = dir;
	return 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", (const char *)*state);
	free(*state);
	return chdir("/") < 0 || system(command) != 0 ? -1 : 0;
}

static void put(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static const struct conf *load(const char *text)
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	int err;

	assert_non_null(diag);
	put("poise.conf", text);
	err = conf_load("poise.conf", diag, &conf);
	if (err < 0)
		diag_print(diag, stderr);
	assert_int_equal(err, 0);
	assert_int_equal(diag_warnings(diag), 0);
	diag_free(diag);
	return conf;
}

/* An example's text, each "/etc/poise/COMMAND" being "/bin/true" there. */
static char *read_example(const char *name)
{
	static const char etc[] = "/etc/poise/", instead[] = "/bin/true";
	char path[256], *text = NULL, *at;
	size_t size = 0;
	FILE *in;

	(void)snprintf(path, sizeof(path), EXAMPLES_DIR "/%s", name);
	in = fopen(path, "re");
	assert_non_null(in);
	assert_true(getdelim(&text, &size, '\0', in) > 0);
	(void)fclose(in);
	for (at = text; (at = strstr(at, etc));) {
		size_t len = strcspn(at, "\" :\n");

		memcpy(at, instead, strlen(instead));
		memmove(at + strlen(instead), at + len, strlen(at + len) + 1);
	}
	return text;
}

static void assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_STR_LEN];

	assert_string_equal(addr_format(a, buf), text);
}

static void assert_argv(const char *const *argv, unsigned n, const char *const *expected)
{
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(argv[i], expected[i]);
	assert_null(expected[n]);
	assert_null(argv[n]);
}

#define HEAD "version = 1; node = \"lb-1\"; interfaces = { wan = { device = \"eth0\"; }; };\n"

/* ---- the examples ------------------------------------------------------------------------------
 */

static void a_node_without_workers_loads(void **state)
{
	char *text = read_example("vrrp-only.conf");
	const struct conf *conf = load(text);
	const struct conf_vrrp_group *g = conf->vrrp.groups;

	(void)state;
	assert_int_equal(conf->cpu.n_workers, 0);
	assert_int_equal(conf->vrrp.n_groups, 1);
	assert_string_equal(g->name, "nfs");
	assert_int_equal(g->priority, 200);
	assert_int_equal(g->n_instances, 2);
	assert_int_equal(g->instances[0].family, CONF_V4);
	assert_int_equal(g->instances[0].n_addresses, 1);
	assert_addr(&g->instances[0].addresses[0], "10.0.0.50");
	assert_ptr_equal(g->instances[0].vip, &conf->vips[0]);
	assert_ptr_equal(g->instances[0].interface, &conf->interfaces[0]);
	assert_int_equal(g->instances[1].family, CONF_V6);
	assert_int_equal(g->instances[1].vrid, 50);
	assert_int_equal(g->instances[1].n_addresses, 2);
	assert_addr(&g->instances[1].addresses[0], "fe80::50");
	assert_addr(&g->instances[1].addresses[1], "2001:db8:0:2::50");
	assert_int_equal(g->n_tracks, 1);
	assert_string_equal(g->tracks[0].name, "nfs-up");
	assert_int_equal(g->tracks[0].weight, -101);
	assert_argv(g->gate, g->n_gate, (const char *const[]){"/bin/true", NULL});
	assert_int_equal(g->gate_timeout_ms, 60000);
	assert_false(g->gate_may_fail);
	assert_null(g->notify_master);
	assert_non_null(g->notify_backup);
	assert_non_null(g->notify_fault);
	assert_non_null(g->notify_stop);
	conf_free(conf);
	free(text);
}

static void a_mail_front_end_of_two_files_loads(void **state)
{
	char *text = read_example("mail.conf"), *node = read_example("node.conf");
	const struct conf *conf;
	const struct conf_vrrp_group *g;

	(void)state;
	put("node.conf", node);
	conf = load(text);
	g = conf->vrrp.groups;
	assert_int_equal(conf->n_services, 14);
	assert_int_equal(g->priority, 150);
	assert_int_equal(g->n_instances, 4);
	assert_int_equal(g->n_tracks, 3);
	assert_string_equal(g->tracks[0].name, "interface wan");
	assert_ptr_equal(g->tracks[1].interface, &conf->interfaces[1]);
	assert_int_equal(g->tracks[2].interval_ms, 5000);
	assert_int_equal(g->tracks[2].timeout_ms, 5000);
	assert_int_equal(g->tracks[2].weight, -60);
	assert_int_equal(conf->http.n_listen, 2);
	assert_addr(&conf->http.listen[0].address, "127.0.0.1");
	assert_addr(&conf->http.listen[1].address, "::1");
	assert_int_equal(conf->http.listen[1].port, 9477);
	conf_free(conf);
	free(text);
	free(node);
}

/* ---- key by key
 * ----------------------------------------------------------------------------------- */

static void what_a_group_does_not_say_has_its_default(void **state)
{
	const struct conf *conf = load(HEAD
		"vrrp = { groups = { g = { priority = 7; instances = { a = { interface = "
		"\"wan\"; vrid = 1; family = 4; addresses = [\"203.0.113.1\"]; }; }; }; }; };");
	const struct conf_vrrp_group *g = conf->vrrp.groups;
	const struct conf_vrrp_instance *in = g->instances;

	(void)state;
	assert_string_equal(conf->vrrp.script_user, "nobody");
	assert_int_equal(g->priority, 7);
	assert_int_equal(g->advert_ms, 1000);
	assert_int_equal(g->version, 3);
	assert_true(g->preempt);
	assert_int_equal(g->preempt_delay_ms, 0);
	assert_int_equal(g->wait_checks_ms, 10000);
	assert_int_equal(g->max_learned_interval_ms, 10000);
	assert_int_equal(g->announce_refresh_ms, 0);
	assert_null(g->gate);
	assert_null(g->notify);
	assert_int_equal(g->n_tracks, 0);
	assert_null(in->vip);
	assert_int_equal(in->checksum, CONF_CHECKSUM_AUTO);
	assert_false(in->is_unicast);
	assert_null(in->auth_pass);
	assert_true(in->check_ttl);
	assert_int_equal(in->n_allow, 0);
	conf_free(conf);
}

static void what_a_group_says_reaches_the_model(void **state)
{
	const struct conf *conf = load(HEAD
		"vrrp = { script_user = \"root\"; groups = { g = { priority = { lb-2 = 100; lb-1 = "
		"254; }; advert = \"2s\"; version = 2; preempt = false; preempt_delay = \"5s\"; "
		"wait_checks = \"0s\"; max_learned_interval = \"40950ms\"; announce_refresh = "
		"\"1m\"; gate = { command = [\"/bin/true\", \"a b\"]; timeout = \"5s\"; on_failure "
		"= "
		"\"continue\"; }; notify = \"/bin/true all\"; notify_master = \"/bin/true\"; "
		"instances = { a = { interface = \"wan\"; vrid = 255; family = 4; addresses = "
		"[\"203.0.113.2\", \"203.0.113.1\"]; checksum = \"rfc\"; auth_pass = \"12345678\"; "
		"unicast = { source = \"192.0.2.1\"; peers = [\"192.0.2.2\", \"192.0.2.3\"]; }; "
		"allow = [\"192.0.2.2\", \"192.0.2.0/28\"]; }; }; }; }; };");
	const struct conf_vrrp_group *g = conf->vrrp.groups;
	const struct conf_vrrp_instance *in = g->instances;

	(void)state;
	assert_string_equal(conf->vrrp.script_user, "root");
	assert_int_equal(g->priority, 254);
	assert_int_equal(g->advert_ms, 2000);
	assert_int_equal(g->version, 2);
	assert_false(g->preempt);
	assert_int_equal(g->preempt_delay_ms, 5000);
	assert_int_equal(g->wait_checks_ms, 0);
	assert_int_equal(g->max_learned_interval_ms, 40950);
	assert_int_equal(g->announce_refresh_ms, 60000);
	assert_argv(g->gate, g->n_gate, (const char *const[]){"/bin/true", "a b", NULL});
	assert_int_equal(g->gate_timeout_ms, 5000);
	assert_true(g->gate_may_fail);
	assert_argv(g->notify, g->n_notify, (const char *const[]){"/bin/true", "all", NULL});
	assert_int_equal(g->n_notify_master, 1);
	assert_null(g->notify_stop);
	assert_int_equal(in->vrid, 255);
	assert_int_equal(in->n_addresses, 2);
	assert_addr(&in->addresses[0], "203.0.113.2"); // as listed
	assert_int_equal(in->checksum, CONF_CHECKSUM_RFC);
	assert_string_equal(in->auth_pass, "12345678");
	assert_true(in->is_unicast);
	assert_addr(&in->unicast_source, "192.0.2.1");
	assert_int_equal(in->n_unicast_peers, 2);
	assert_addr(&in->unicast_peers[1], "192.0.2.3");
	assert_false(in->check_ttl); // unicast
	assert_int_equal(in->n_allow, 2);
	assert_int_equal(in->allow[0].length_bits, 128);
	assert_int_equal(in->allow[1].length_bits, 124);
	conf_free(conf);
}

static void a_slow_master_is_not_outrun_by_the_bound_of_what_is_learned(void **state)
{
	const struct conf *conf = load(
		HEAD "vrrp = { groups = { g = { priority = 7; advert = \"40s\"; instances = { a "
		     "= { interface = \"wan\"; vrid = 1; family = 4; check_ttl = false; addresses "
		     "= [\"203.0.113.1\"]; }; }; }; }; };");

	(void)state;
	assert_int_equal(conf->vrrp.groups[0].max_learned_interval_ms, 40000);
	assert_false(conf->vrrp.groups[0].instances[0].check_ttl);
	conf_free(conf);
}

static void every_type_of_track_reaches_the_model(void **state)
{
	const struct conf *conf = load(HEAD
		"vips = { v = { addresses = [\"203.0.113.1\"]; interface = \"wan\"; }; }; cpu = { "
		"workers = [1]; }; pools = { p = { servers = { s = { address = [\"192.0.2.9\"]; }; "
		"}; }; "
		"}; services = { s = { vip = \"v\"; pool = \"p\"; port = 80; }; };\n"
		"vrrp = { groups = { g = { priority = 7; instances = { a = { interface = \"wan\"; "
		"vrid "
		"= 1; family = 4; vip = \"v\"; }; }; track = ("
		" { type = \"interface\"; interface = \"wan\"; weight = 253; },"
		" { type = \"script\"; command = \"/bin/true x\"; interval = \"2s\"; timeout = "
		"\"1s\";"
		"   rise = 3; fall = 4; init = \"down\"; reverse = true; },"
		" { type = \"script\"; command = \"/bin/true y\"; name = \"other\"; },"
		" { type = \"file\"; path = \"fit\"; },"
		" { type = \"process\"; process = \"nginx\"; weight = -253; },"
		" { type = \"service\"; service = \"s\"; },"
		" { type = \"pool\"; pool = \"p\"; } ); }; }; };");
	static const char *const names[] = {"interface wan", "script /bin/true", "other", NULL,
		"process nginx", "service s", "pool p"};
	const struct conf_track *t = conf->vrrp.groups[0].tracks;
	char path[128], name[160];

	assert_int_equal(conf->vrrp.groups[0].n_tracks, 7);
	(void)snprintf(path, sizeof(path), "%s/fit", (const char *)*state);
	(void)snprintf(name, sizeof(name), "file %s", path);
	for (unsigned i = 0; i < 7; i++)
		assert_string_equal(t[i].name, names[i] ? names[i] : name);
	assert_int_equal(t[0].weight, 253);
	assert_false(t[0].reverse);
	assert_int_equal(t[1].n_command, 2);
	assert_int_equal(t[1].interval_ms, 2000);
	assert_int_equal(t[1].timeout_ms, 1000);
	assert_int_equal(t[1].rise, 3);
	assert_int_equal(t[1].fall, 4);
	assert_false(t[1].is_up_at_first);
	assert_true(t[1].reverse);
	assert_int_equal(t[2].interval_ms, 1000);
	assert_int_equal(t[2].timeout_ms, 1000);
	assert_int_equal(t[2].rise, 1);
	assert_int_equal(t[2].fall, 1);
	assert_true(t[2].is_up_at_first);
	assert_int_equal(t[2].weight, 0);
	assert_string_equal(t[3].path, path);
	assert_string_equal(t[4].process, "nginx");
	assert_int_equal(t[4].weight, -253);
	assert_ptr_equal(t[5].service, &conf->services[0]);
	assert_ptr_equal(t[6].pool, &conf->pools[0]);
	conf_free(conf);
}

/* Each link has its own fe80::6. */
static void instances_of_one_group_may_share_a_link_local_address_on_two_links(void **state)
{
	const struct conf *conf = load(
		"version = 1; interfaces = { a = { device = \"eth0\"; }; b = { device = \"eth1\"; "
		"}; };\n"
		"vrrp = { groups = { g = { priority = 7; instances = {"
		" a = { interface = \"a\"; vrid = 1; family = 6; link_local = \"fe80::6\"; "
		"addresses = "
		"[\"2001:db8::1\"]; };"
		" b = { interface = \"b\"; vrid = 1; family = 6; link_local = \"fe80::6\"; "
		"addresses = "
		"[\"2001:db8::2\"]; };"
		" c = { interface = \"b\"; vrid = 1; family = 4; addresses = [\"203.0.113.1\"]; };"
		"}; }; }; };");

	(void)state;
	assert_int_equal(conf->vrrp.groups[0].n_instances, 3);
	conf_free(conf);
}

static void the_web_server_has_its_addresses_and_names(void **state)
{
	const struct conf *conf = load("version = 1;");

	(void)state;
	assert_int_equal(conf->http.n_listen, 0);
	assert_true(conf->http.has_metrics && conf->http.has_status);
	assert_true(conf->http.has_server_metrics);
	assert_int_equal(conf->http.n_hosts, 0);
	assert_int_equal(conf->vrrp.n_groups, 0);
	conf_free(conf);
	conf = load(
		"version = 1; http = { listen = [\"0.0.0.0:80\", \"[::]:80\"]; metrics = false; "
		"status = false; server_metrics = false; hosts = [\"a.example\", \"b\"]; };");
	assert_int_equal(conf->http.n_listen, 2);
	assert_true(addr_is_unspecified(&conf->http.listen[0].address));
	assert_int_equal(addr_family(&conf->http.listen[0].address), 4);
	assert_int_equal(addr_family(&conf->http.listen[1].address), 6);
	assert_false(conf->http.has_metrics || conf->http.has_status);
	assert_false(conf->http.has_server_metrics);
	assert_int_equal(conf->http.n_hosts, 2);
	assert_string_equal(conf->http.hosts[1], "b");
	conf_free(conf);
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		IN_DIR(a_node_without_workers_loads),
		IN_DIR(a_mail_front_end_of_two_files_loads),
		IN_DIR(what_a_group_does_not_say_has_its_default),
		IN_DIR(what_a_group_says_reaches_the_model),
		IN_DIR(a_slow_master_is_not_outrun_by_the_bound_of_what_is_learned),
		IN_DIR(every_type_of_track_reaches_the_model),
		IN_DIR(instances_of_one_group_may_share_a_link_local_address_on_two_links),
		IN_DIR(the_web_server_has_its_addresses_and_names),
	};
#undef IN_DIR

	return cmocka_run_group_tests(tests, NULL, NULL);
}

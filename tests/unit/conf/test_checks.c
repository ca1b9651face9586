/* What the checks of a good file become, type by type, key by key. */
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
#include <sys/stat.h>
#include <unistd.h>

static const char sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static int put(const char *path, const char *text, mode_t mode)
{
	FILE *out = fopen(path, "we");

	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		return -1;
	return chmod(path, mode);
}

/* A directory with what checks name. */
static int set_up(void **state)
{
	char *dir = strdup("/tmp/poise-checks-XXXXXX");

	if (!dir || !mkdtemp(dir) || chmod(dir, 0755) < 0 || chdir(dir) < 0)
		return -1;
	*state = dir;
	return put("password", "s3cret\n", 0600) < 0 ||
	       put("ca.pem", "-----BEGIN CERTIFICATE-----\n", 0644) < 0 || mkdir("out", 0755) < 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", (const char *)*state);
	free(*state);
	return chdir("/") < 0 || system(command) != 0 ? -1 : 0;
}

static const struct conf *load(const char *text)
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	int err;

	assert_non_null(diag);
	assert_int_equal(put("poise.conf", text, 0644), 0);
	err = conf_load("poise.conf", diag, &conf);
	if (err < 0)
		diag_print(diag, stderr);
	assert_int_equal(err, 0);
	assert_int_equal(diag_warnings(diag), 0);
	diag_free(diag);
	return conf;
}

static const struct conf_check *find(const struct conf *conf, const char *name)
{
	for (unsigned i = 0; i < conf->n_checks; i++)
		if (strcmp(conf->checks[i].name, name) == 0)
			return &conf->checks[i];
	fail_msg("no check \"%s\"", name);
	return NULL;
}

static void assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_STR_LEN];

	assert_string_equal(addr_format(a, buf), text);
}

static void assert_text(const char *text, const char *expected)
{
	if (!expected)
		assert_null(text);
	else
		assert_string_equal(text, expected);
}

static void assert_codes(const struct conf_codes *codes, unsigned n,
	const struct conf_codes *expected, unsigned n_expected)
{
	assert_int_equal(n, n_expected);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(codes[i].first, expected[i].first);
		assert_int_equal(codes[i].last, expected[i].last);
	}
}

#define ASSERT_CODES(of, ...)                                                                      \
	assert_codes((of)->expect, (of)->n_expect, (const struct conf_codes[]){__VA_ARGS__},       \
		sizeof((const struct conf_codes[]){__VA_ARGS__}) / sizeof(struct conf_codes))

static void assert_no_own(const struct conf_check_own *own)
{
	static const struct conf_check_own nothing;

	assert_memory_equal(own, &nothing, sizeof(nothing));
}

/* ---- one type after the other --------------------------------------------------------------- */

static void what_all_types_take_reaches_the_model(void **state)
{
	const struct conf *conf = load(
		"version = 1; checks = { c = { type = \"ping\"; interval = \"9s\"; timeout = "
		"\"8s\";"
		" retry = \"7s\"; fall = 6; rise = 5; address = [\"2001:db8::1\", \"192.0.2.1\"];"
		" source = [\"192.0.2.2\"]; }; d = { type = \"tcp\"; port = 25; }; };");
	const struct conf_check *c = find(conf, "c");

	(void)state;
	assert_int_equal(c->type, CONF_CHECK_PING);
	assert_int_equal(c->interval_ms, 9000);
	assert_int_equal(c->timeout_ms, 8000);
	assert_int_equal(c->retry_ms, 7000);
	assert_int_equal(c->fall, 6);
	assert_int_equal(c->rise, 5);
	assert_int_equal(c->port, 0);
	assert_true(c->has_address[CONF_V4] && c->has_address[CONF_V6]);
	assert_addr(&c->address[CONF_V4], "192.0.2.1");
	assert_addr(&c->address[CONF_V6], "2001:db8::1");
	assert_true(c->has_source[CONF_V4]);
	assert_false(c->has_source[CONF_V6]);
	assert_addr(&c->source[CONF_V4], "192.0.2.2");
	assert_no_own(&c->own);
	c = find(conf, "d");
	assert_int_equal(c->port, 25);
	assert_false(c->has_address[CONF_V4] || c->has_address[CONF_V6]);
	assert_false(c->has_source[CONF_V4] || c->has_source[CONF_V6]);
	assert_no_own(&c->own);
	assert_no_own(&find(conf, "none")->own);
	conf_free(conf);
}

static void an_http_check_is_one_request_of_its_own(void **state)
{
	char text[1024];
	const struct conf *conf;
	const struct conf_http_request *r;

	(void)state;
	(void)snprintf(text, sizeof(text),
		"version = 1; checks = { bare = { type = \"http\"; };"
		" full = { type = \"http\"; method = \"POST\"; path = \"/a?b\"; host = \"h:81\";"
		" expect = (200, \"301-302\", \"404\"); body = \"^o\\\\d\\x6b\xc3\xbc\";"
		" body_sha256 = \"E3B0C442%s\"; }; };",
		sha256 + 8);
	conf = load(text);
	assert_int_equal(find(conf, "bare")->own.n_requests, 1);
	r = find(conf, "bare")->own.requests;
	assert_string_equal(r->method, "GET");
	assert_string_equal(r->path, "/");
	assert_null(r->host);
	assert_null(r->body);
	assert_null(r->body_sha256);
	ASSERT_CODES(r, {200, 299});

	assert_int_equal(find(conf, "full")->own.n_requests, 1);
	r = find(conf, "full")->own.requests;
	assert_string_equal(r->method, "POST");
	assert_string_equal(r->path, "/a?b");
	assert_string_equal(r->host, "h:81");
	assert_string_equal(r->body, "^o\\dk\xc3\xbc");
	assert_string_equal(r->body_sha256, sha256);
	ASSERT_CODES(r, {200, 200}, {301, 302}, {404, 404});
	conf_free(conf);
}

static void requests_take_from_the_check_what_they_do_not_say(void **state)
{
	const struct conf *conf = load(
		"version = 1; checks = { c = { type = \"http\"; path = \"/p\"; expect = 204;"
		" host = \"h\"; tls = \"implicit\"; sni = \"s\"; verify = false; requests = ("
		" { }, { method = \"HEAD\"; path = \"/q\"; host = \"i\"; expect = [\"300-399\"]; },"
		" { body = \"b\"; }, { body_sha256 = "
		"\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"; } ); }; };");
	const struct conf_check_own *own = &find(conf, "c")->own;
	const struct conf_http_request *r = own->requests;

	(void)state;
	assert_int_equal(own->n_requests, 4);
	assert_string_equal(r[0].method, "GET");
	assert_string_equal(r[0].path, "/p");
	assert_string_equal(r[0].host, "h");
	ASSERT_CODES(&r[0], {204, 204});
	assert_string_equal(r[1].method, "HEAD");
	assert_string_equal(r[1].path, "/q");
	assert_string_equal(r[1].host, "i");
	ASSERT_CODES(&r[1], {300, 399});
	assert_string_equal(r[2].body, "b");
	assert_null(r[2].body_sha256);
	assert_string_equal(r[3].body_sha256, sha256);
	assert_null(r[3].body);
	conf_free(conf);
}

static void verification_follows_the_name(void **state)
{
	static const struct {
		const char *name, *sni, *host;
		enum conf_tls tls;
		bool verify;
	} rows[] = {
		{"plain", NULL, NULL, CONF_TLS_NO, false},
		{"bare", NULL, NULL, CONF_TLS_IMPLICIT, false},
		{"named", "www.example.com", "www.example.com", CONF_TLS_IMPLICIT, true},
		{"off", "www.example.com", "www.example.com", CONF_TLS_IMPLICIT, false},
		{"said", "www.example.com", "h", CONF_TLS_IMPLICIT, true},
	};
	char expected[128];
	const struct conf *conf =
		load("version = 1; checks = { plain = { type = \"http\"; };"
		     " bare = { type = \"http\"; tls = \"implicit\"; };"
		     " named = { type = \"http\"; tls = \"implicit\"; sni = \"www.example.com\"; };"
		     " off = { type = \"http\"; tls = \"implicit\"; sni = \"www.example.com\";"
		     "  verify = false; };"
		     " said = { type = \"http\"; tls = \"implicit\"; sni = \"www.example.com\";"
		     "  verify = true; host = \"h\"; ca_file = \"ca.pem\"; }; };");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct conf_check_own *own = &find(conf, rows[i].name)->own;

		assert_int_equal(own->tls, rows[i].tls);
		assert_int_equal(own->verify, rows[i].verify);
		assert_text(own->sni, rows[i].sni);
		assert_text(own->requests[0].host, rows[i].host);
	}
	// Relative to the main file, and absolute, wherever the daemon goes.
	(void)snprintf(expected, sizeof(expected), "%s/ca.pem", (const char *)*state);
	assert_string_equal(find(conf, "said")->own.ca_file, expected);
	assert_null(find(conf, "named")->own.ca_file);
	conf_free(conf);
}

static void every_mail_type_takes_starttls(void **state)
{
	const struct conf *conf = load(
		"version = 1; node = \"lb-1\"; checks = {"
		" smtp = { type = \"smtp\"; tls = \"starttls\"; };"
		" own = { type = \"smtp\"; helo = \"[192.0.2.2]\"; expect = (220, \"250-259\"); };"
		" imap = { type = \"imap\"; tls = \"starttls\"; sni = \"m\"; };"
		" pop3 = { type = \"pop3\"; tls = \"starttls\"; }; };");

	(void)state;
	assert_int_equal(find(conf, "smtp")->own.tls, CONF_TLS_STARTTLS);
	assert_int_equal(find(conf, "imap")->own.tls, CONF_TLS_STARTTLS);
	assert_true(find(conf, "imap")->own.verify);
	assert_int_equal(find(conf, "pop3")->own.tls, CONF_TLS_STARTTLS);
	assert_string_equal(find(conf, "smtp")->own.helo, "lb-1");
	ASSERT_CODES(&find(conf, "smtp")->own, {220, 220});
	assert_string_equal(find(conf, "own")->own.helo, "[192.0.2.2]");
	ASSERT_CODES(&find(conf, "own")->own, {220, 220}, {250, 259});
	conf_free(conf);
}

static void logins_read_their_password(void **state)
{
	const struct conf *conf = load(
		"version = 1; checks = {"
		" imap = { type = \"imap\"; user = \"u\"; password_file = \"password\"; };"
		" pop3 = { type = \"pop3\"; };"
		" ldap = { type = \"ldap\"; user = \"cn=m\xc3\xbcller\"; password_file = "
		"\"password\";"
		"  base = \"\"; filter = \"(uid=x)\"; };"
		" all = { type = \"ldap\"; base = \"dc=x\"; };"
		" mysql = { type = \"mysql\"; user = \"u\"; database = \"d\"; query = \"SELECT "
		"1\"; };"
		" login = { type = \"mysql\"; user = \"u\"; password_file = \"password\"; }; };");
	const struct conf_check_own *own = &find(conf, "imap")->own;

	(void)state;
	assert_string_equal(own->user, "u");
	assert_string_equal(own->password, "s3cret");
	assert_null(find(conf, "pop3")->own.user);
	assert_string_equal(find(conf, "pop3")->own.password, "");
	own = &find(conf, "ldap")->own;
	assert_string_equal(own->user, "cn=m\xc3\xbcller");
	assert_string_equal(own->password, "s3cret");
	assert_string_equal(own->base, "");
	assert_string_equal(own->filter, "(uid=x)");
	assert_string_equal(find(conf, "all")->own.filter, "(objectClass=*)");
	own = &find(conf, "mysql")->own;
	assert_string_equal(own->password, "");
	assert_string_equal(own->database, "d");
	assert_string_equal(own->query, "SELECT 1");
	own = &find(conf, "login")->own;
	assert_string_equal(own->password, "s3cret");
	assert_null(own->database);
	assert_null(own->query);
	conf_free(conf);
}

static void questions_and_bytes_reach_the_model(void **state)
{
	static const char bytes[] = "\x1b\0\0\x1a\r\n\t\"\\x00\xff";
	const struct conf *conf = load(
		"version = 1; checks = { dns = { type = \"dns\"; name = \"example.com.\"; };"
		" soa = { type = \"dns\"; name = \".\"; record = \"SOA\"; transport = \"tcp\"; };"
		" udp = { type = \"udp\"; send = \"\\x1b\\x00\\X00\\x1A\\r\\n\\t\\\"\\\\x00\\xff\";"
		"  receive = \"^\\\\x00\"; };"
		" silent = { type = \"udp\"; send = \"\x1a\"; };"
		" lines = { type = \"udp\"; send = \"a\\x00b\nc\\x00\"; }; };");
	const struct conf_check_own *own = &find(conf, "dns")->own;

	(void)state;
	assert_string_equal(own->name, "example.com.");
	assert_int_equal(own->record, CONF_DNS_A);
	assert_int_equal(own->transport, CONF_PROTO_UDP);
	own = &find(conf, "soa")->own;
	assert_int_equal(own->record, CONF_DNS_SOA);
	assert_int_equal(own->transport, CONF_PROTO_TCP);
	own = &find(conf, "udp")->own;
	assert_int_equal(own->send.length, sizeof(bytes) - 1);
	assert_memory_equal(own->send.bytes, bytes, sizeof(bytes)); // with its NUL
	assert_string_equal(own->receive, "^\\x00");
	own = &find(conf, "silent")->own;
	assert_int_equal(own->send.length, 1);
	assert_memory_equal(own->send.bytes, "\x1a", 2);
	assert_null(own->receive);
	own = &find(conf, "lines")->own;
	assert_int_equal(own->send.length, 6);
	assert_memory_equal(own->send.bytes, "a\0b\nc\0", 7);
	conf_free(conf);
}

static void steps_keep_their_order(void **state)
{
	const struct conf *conf = load(
		"version = 1; checks = { redis = { type = \"text\"; tls = \"implicit\"; steps = ("
		" { expect = \"^\\\\+\"; }, { send = \"PING\\r\\n\\x00\"; }, { expect = \"PONG\"; "
		"} );"
		" }; };");
	const struct conf_check_own *own = &find(conf, "redis")->own;

	(void)state;
	assert_int_equal(own->tls, CONF_TLS_IMPLICIT);
	assert_int_equal(own->n_steps, 3);
	assert_false(own->steps[0].is_send);
	assert_string_equal(own->steps[0].expect, "^\\+");
	assert_true(own->steps[1].is_send);
	assert_int_equal(own->steps[1].send.length, 7);
	assert_memory_equal(own->steps[1].send.bytes, "PING\r\n\0", 8);
	assert_null(own->steps[1].expect);
	assert_string_equal(own->steps[2].expect, "PONG");
	conf_free(conf);
}

static void assert_argv(const char *const *argv, unsigned n, const char *const *expected)
{
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(argv[i], expected[i]);
	assert_null(expected[n]);
	assert_null(argv[n]);
}

static void commands_are_split_or_taken_as_they_are(void **state)
{
	const struct conf *conf =
		load("version = 1; checks = { text = { type = \"script\"; command = \" /bin/true  "
		     "a 'b c' \"; };"
		     " list = { type = \"script\"; command = [\"/bin/true\", \"a b\", \"\", "
		     "\"\xc3\xbc\"];"
		     "  dynamic_weight = true; }; };"
		     " pools = { p = { quorum = 2; hysteresis = 1; quorum_up = \"/bin/true up\";"
		     "  quorum_down = (\"/bin/true\", \"is down\");"
		     "  servers = { a = { address = [\"192.0.2.1\"]; weight = 3; }; }; };"
		     " q = { servers = { a = { address = [\"192.0.2.1\"]; weight = 0; }; }; }; };");
	const struct conf_check_own *text = &find(conf, "text")->own,
				    *list = &find(conf, "list")->own;
	const struct conf_pool *p = &conf->pools[0], *q = &conf->pools[1];

	(void)state;
	assert_argv(text->command, text->n_command,
		(const char *const[]){"/bin/true", "a", "'b", "c'", NULL});
	assert_false(text->dynamic_weight);
	assert_argv(list->command, list->n_command,
		(const char *const[]){"/bin/true", "a b", "", "\xc3\xbc", NULL});
	assert_true(list->dynamic_weight);
	assert_int_equal(p->quorum, 2);
	assert_int_equal(p->hysteresis, 1);
	assert_argv(p->quorum_up, p->n_quorum_up, (const char *const[]){"/bin/true", "up", NULL});
	assert_argv(p->quorum_down, p->n_quorum_down,
		(const char *const[]){"/bin/true", "is down", NULL});
	assert_int_equal(q->quorum, 1);
	assert_int_equal(q->hysteresis, 0);
	assert_null(q->quorum_up);
	assert_null(q->quorum_down);
	conf_free(conf);
}

static void health_has_its_user_and_directory(void **state)
{
	const struct conf *conf = load("version = 1;");
	char expected[128];

	assert_string_equal(conf->health.script_user, "nobody");
	assert_null(conf->health.maintenance_dir);
	conf_free(conf);
	conf = load(
		"version = 1; health = { script_user = \"root\"; maintenance_dir = \"out\"; };");
	(void)snprintf(expected, sizeof(expected), "%s/out", (const char *)*state);
	assert_string_equal(conf->health.script_user, "root");
	assert_string_equal(conf->health.maintenance_dir, expected);
	conf_free(conf);
}

/* ---- check_defaults ------------------------------------------------------------------------- */

static void defaults_are_taken_by_the_types_that_have_a_use_for_them(void **state)
{
	const struct conf *conf = load(
		"version = 1; check_defaults = { type = \"http\"; tls = \"starttls\"; sni = \"m\";"
		" user = \"u\"; password_file = \"password\"; helo = \"h\"; path = \"/p\";"
		" send = \"s\"; name = \"n\"; command = \"/bin/true\"; source = [\"192.0.2.2\"];"
		" requests = ({ path = \"/r\"; }); steps = ({ expect = \"e\"; }); };"
		" checks = { tcp = { type = \"tcp\"; }; none = { type = \"none\"; };"
		" smtp = { type = \"smtp\"; };"
		" ldap = { type = \"ldap\"; tls = \"implicit\"; };"
		" text = { type = \"text\"; tls = \"no\"; };"
		" web = { tls = \"no\"; }; own = { tls = \"no\"; requests = ({ }, { path = \"/s\"; "
		"}); };"
		" udp = { type = \"udp\"; }; dns = { type = \"dns\"; }; run = { type = \"script\"; "
		"}; };");
	const struct conf_check_own *own = &find(conf, "own")->own;

	(void)state;
	assert_no_own(&find(conf, "tcp")->own);
	assert_true(find(conf, "tcp")->has_source[CONF_V4]);
	assert_no_own(&find(conf, "none")->own);
	assert_false(find(conf, "none")->has_source[CONF_V4]);
	assert_string_equal(find(conf, "smtp")->own.helo, "h");
	assert_true(find(conf, "smtp")->own.verify);
	assert_string_equal(find(conf, "ldap")->own.password, "s3cret");
	assert_int_equal(find(conf, "text")->own.n_steps, 1);
	assert_null(find(conf, "text")->own.sni); // without TLS
	assert_int_equal(find(conf, "web")->own.n_requests, 1);
	assert_string_equal(find(conf, "web")->own.requests[0].path, "/r");
	assert_int_equal(own->n_requests, 2);
	assert_string_equal(own->requests[0].path, "/p");
	assert_string_equal(own->requests[1].path, "/s");
	assert_int_equal(find(conf, "udp")->own.send.length, 1);
	assert_string_equal(find(conf, "dns")->own.name, "n");
	assert_int_equal(find(conf, "run")->own.n_command, 1);
	conf_free(conf);
}

static void a_mistake_in_the_defaults_is_told_once(void **state)
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;

	(void)state;
	assert_int_equal(
		put("poise.conf",
			"version = 1; check_defaults = { type = \"text\"; command = \"x\";"
			" tls = \"starttls\"; steps = ({ }); }; checks = { a = { }; b = { };"
			" c = { type = \"script\"; }; d = { type = \"script\"; }; };",
			0644),
		0);
	assert_int_equal(conf_load("poise.conf", diag, &conf), -22);
	assert_int_equal(diag_errors(diag), 3);
	assert_string_equal(diag_text(diag, 0),
		"check_defaults.tls: a check of type \"text\" has no \"starttls\"");
	assert_string_equal(
		diag_text(diag, 1), "check_defaults.steps[0]: a step holds either send or expect");
	assert_string_equal(
		diag_text(diag, 2), "check_defaults.command: \"x\" does not begin with \"/\"");
	diag_free(diag);
}

static void a_password_is_not_in_what_is_told(void **state)
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(put("password", "s3cret\n", 0644), 0);
	assert_int_equal(put("poise.conf",
				 "version = 1; checks = { a = { type = \"imap\"; user = \"u\";"
				 " password_file = \"password\"; }; };",
				 0644),
		0);
	assert_int_equal(conf_load("poise.conf", diag, &conf), -22);
	diag_print(diag, out);
	(void)fclose(out);
	assert_non_null(strstr(text, "mode 0644"));
	assert_null(strstr(text, "s3cret"));
	free(text);
	diag_free(diag);
}

/* ---- a site -----------------------------------------------------------------------------------
 */

/* A mail front end: eleven ports, seven kinds of checks at most, one source of intervals. */
static void the_checks_of_a_mail_front_end_load_as_they_are(void **state)
{
	const struct conf *conf =
		load("version = 1; node = \"lb-1\";\n"
		     "check_defaults = { interval = \"20s\"; timeout = \"5s\"; retry = \"5s\"; "
		     "fall = 2; "
		     "rise = 1; };\n"
		     "checks = {\n"
		     "  tcp   = { type = \"tcp\"; };\n"
		     "  smtp  = { type = \"smtp\"; helo = \"lb.example.com\"; };\n"
		     "  smtps = { type = \"smtp\"; helo = \"lb.example.com\"; tls = \"implicit\"; "
		     "verify = "
		     "false; };\n"
		     "  http  = { type = \"http\"; path = \"/\"; expect = [\"200-399\"]; };\n"
		     "  https = { type = \"http\"; path = \"/\"; expect = [\"200-399\"]; tls = "
		     "\"implicit\"; sni = \"mail.example.com\"; verify = false; };\n"
		     "};\n");

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(conf->checks[i].interval_ms, 20000);
		assert_int_equal(conf->checks[i].timeout_ms, 5000);
		assert_int_equal(conf->checks[i].retry_ms, 5000);
		assert_int_equal(conf->checks[i].fall, 2);
		assert_int_equal(conf->checks[i].rise, 1);
	}
	assert_int_equal(find(conf, "smtps")->own.tls, CONF_TLS_IMPLICIT);
	assert_false(find(conf, "smtps")->own.verify);
	assert_string_equal(find(conf, "smtps")->own.helo, "lb.example.com");
	assert_string_equal(find(conf, "https")->own.sni, "mail.example.com");
	assert_false(find(conf, "https")->own.verify);
	ASSERT_CODES(find(conf, "https")->own.requests, {200, 399});
	conf_free(conf);
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		IN_DIR(what_all_types_take_reaches_the_model),
		IN_DIR(an_http_check_is_one_request_of_its_own),
		IN_DIR(requests_take_from_the_check_what_they_do_not_say),
		IN_DIR(verification_follows_the_name),
		IN_DIR(every_mail_type_takes_starttls),
		IN_DIR(logins_read_their_password),
		IN_DIR(questions_and_bytes_reach_the_model),
		IN_DIR(steps_keep_their_order),
		IN_DIR(commands_are_split_or_taken_as_they_are),
		IN_DIR(health_has_its_user_and_directory),
		IN_DIR(defaults_are_taken_by_the_types_that_have_a_use_for_them),
		IN_DIR(a_mistake_in_the_defaults_is_told_once),
		IN_DIR(a_password_is_not_in_what_is_told),
		IN_DIR(the_checks_of_a_mail_front_end_load_as_they_are),
	};
#undef IN_DIR

	return cmocka_run_group_tests(tests, NULL, NULL);
}

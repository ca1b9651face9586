/* Files that a person would not write: whatever they hold, the loader says why, and comes back. */
#include "base/diag.h"
#include "conf/conf.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char parts[] =
	"version = 1; cpu = { workers = [1]; }; interfaces = { i = { device = \"eth0\"; }; };\n"
	"vips = { v = { addresses = [\"192.0.2.1\"]; interface = \"i\"; }; };\n"
	"pools = { p = { servers = { s = { address = [\"198.51.100.1\"]; }; }; }; };\n";

struct scene {
	char dir[32];
	FILE *out; // DIR/poise.conf
};

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	(void)strcpy(scene->dir, "/tmp/poise-limits-XXXXXX");
	if (!mkdtemp(scene->dir) || chdir(scene->dir) < 0)
		return -1;
	scene->out = fopen("poise.conf", "we");
	*state = scene;
	return scene->out ? 0 : -1;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", scene->dir);
	if (chdir("/") < 0 || system(command) != 0)
		return -1;
	free(scene);
	return 0;
}

/* The result; *ret_text: the first message, "" if there is none. */
static int load(struct scene *scene, char ret_text[256])
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	int err;

	assert_non_null(diag);
	assert_int_equal(fclose(scene->out), 0);
	err = conf_load("poise.conf", diag, &conf);
	(void)snprintf(ret_text, 256, "%s", diag_text(diag, 0) ? diag_text(diag, 0) : "");
	conf_free(conf);
	diag_free(diag);
	return err;
}

static void assert_refused(struct scene *scene, const char *expected)
{
	char text[256];

	assert_int_equal(load(scene, text), -EINVAL);
	assert_string_equal(text, expected);
}

static void assert_loads(struct scene *scene)
{
	char text[256];

	assert_int_equal(load(scene, text), 0);
}

static void a_nul_byte_is_refused(void **state)
{
	struct scene *scene = *state;

	(void)fwrite("version = 1;\0\n", 1, 14, scene->out);
	assert_refused(scene, "a NUL byte: this is not a text file");
}

static void an_empty_file_lacks_the_version(void **state)
{
	assert_refused(*state, "version: required setting is missing");
}

static void a_file_of_4_mib_is_read_and_a_larger_one_is_not(void **state)
{
	struct scene *scene = *state;
	char text[256];

	(void)fputs("version = 1;\n#", scene->out);
	for (int i = 14; i < 4 * 1024 * 1024; i++)
		(void)fputc('x', scene->out);
	assert_int_equal(load(scene, text), 0);

	scene->out = fopen("poise.conf", "ae");
	(void)fputc('x', scene->out);
	assert_refused(scene, "cannot read: is larger than 4 MiB");
}

static void deep_brackets_are_refused(void **state)
{
	struct scene *scene = *state;

	(void)fputs("version = 1; a = ", scene->out);
	for (int i = 0; i < 1000000; i++)
		(void)fputc('(', scene->out);
	assert_refused(scene, "brackets are nested deeper than 16 levels");
}

static void closing_brackets_without_end_are_refused(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 1000000; i++)
		(void)fputs("}])", scene->out);
	assert_refused(scene, "syntax error (this bracket closes nothing)");
}

static void a_group_without_end_is_refused(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 200000; i++)
		(void)fprintf(scene->out, "a%d = 1;\n", i);
	assert_refused(scene, "more than 8192 settings in one group or list");
}

static void a_list_without_end_is_refused(void **state)
{
	struct scene *scene = *state;

	(void)fputs("version = 1; cpu = { workers = [0", scene->out);
	for (int i = 0; i < 500000; i++)
		(void)fputs(",0", scene->out);
	(void)fputs("]; };", scene->out);
	assert_refused(scene, "more than 8192 settings in one group or list");
}

static void a_directory_is_refused(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(unlink("poise.conf"), 0);
	assert_int_equal(mkdir("poise.conf", 0755), 0);
	assert_refused(scene, "cannot read: is a directory");
}

static void a_fifo_is_refused_without_waiting(void **state)
{
	struct scene *scene = *state;

	(void)fputs("version = 1;\n@include \"fifo\"\n", scene->out);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_refused(scene, "@include \"fifo\": is not a regular file");
}

static void an_endless_device_is_refused(void **state)
{
	struct scene *scene = *state;

	(void)fputs("version = 1;\n@include \"/dev/zero\"\n", scene->out);
	assert_refused(scene, "@include \"/dev/zero\": is not a regular file");
}

/* "a" includes "b" `times` times, "b" includes "c", and so on up to `last`, which is not made. */
static void make_chain(char last, int times)
{
	for (char name = 'a'; name < last; name++) {
		char path[] = {name, '\0'};
		FILE *out = fopen(path, "we");

		assert_non_null(out);
		for (int i = 0; i < times; i++)
			(void)fprintf(out, "@include \"%c\"\n", name + 1);
		(void)fclose(out);
	}
}

static void a_chain_of_includes_is_bounded(void **state)
{
	struct scene *scene = *state;

	(void)fputs("version = 1;\n@include \"a\"\n", scene->out);
	make_chain('k', 1);
	assert_refused(scene, "@include: nested deeper than 10 levels");
}

static void includes_that_multiply_are_bounded(void **state)
{
	struct scene *scene = *state;
	FILE *last = fopen("i", "we");

	assert_non_null(last);
	(void)fclose(last);
	(void)fputs("version = 1;\n@include \"a\"\n", scene->out);
	make_chain('i', 3);
	assert_refused(scene, "@include: more than 1024 in all");
}

static void includes_that_grow_are_bounded(void **state)
{
	struct scene *scene = *state;
	FILE *out = fopen("big", "we");

	assert_non_null(out);
	for (int i = 0; i < 100000; i++)
		(void)fputs("# 0123456789012345678901234567\n", out);
	(void)fclose(out);
	(void)fputs("version = 1;\n", scene->out);
	for (int i = 0; i < 100; i++)
		(void)fputs("@include \"big\"\n", scene->out);
	assert_refused(scene, "with its includes the configuration is larger than 16 MiB");
}

static void many_includes_are_bounded(void **state)
{
	struct scene *scene = *state;
	FILE *out = fopen("none", "we");

	assert_non_null(out);
	(void)fclose(out);
	(void)fputs("version = 1;\n", scene->out);
	for (int i = 0; i < 1025; i++)
		(void)fputs("@include \"none\"\n", scene->out);
	assert_refused(scene, "@include: more than 1024 in all");
}

static void lines_beyond_65535_keep_their_number(void **state)
{
	struct scene *scene = *state;
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (int i = 0; i < 69999; i++)
		(void)fputc('\n', scene->out);
	(void)fputs("version = 5;\n", scene->out);
	assert_int_equal(fclose(scene->out), 0);
	assert_int_equal(conf_load("poise.conf", diag, &conf), -EINVAL);
	diag_print(diag, out);
	(void)fclose(out);
	assert_non_null(strstr(text, "poise.conf:70000: error: version: 5 is not supported"));
	assert_non_null(strstr(text, "70000 | version = 5;\n"));
	free(text);
	diag_free(diag);
}

static void put_services(FILE *out, unsigned n)
{
	(void)fprintf(
		out, "%sservice_defaults = { vip = \"v\"; pool = \"p\"; };\nservices = {\n", parts);
	for (unsigned i = 0; i < n; i++)
		(void)fprintf(out, "s%u = { port = %u; };\n", i, i + 1);
	(void)fputs("};\n", out);
}

static void as_many_services_as_the_limit_load(void **state)
{
	struct scene *scene = *state;

	put_services(scene->out, CONF_MAX_SERVICES);
	assert_loads(scene);
}

static void one_service_more_is_refused(void **state)
{
	struct scene *scene = *state;

	put_services(scene->out, CONF_MAX_SERVICES + 1);
	assert_refused(scene, "services: more than 4096 of them");
}

static void more_backends_than_ids_are_refused(void **state)
{
	struct scene *scene = *state;

	(void)fputs(
		"version = 1; cpu = { workers = [1]; };\n"
		"interfaces = { i = { device = \"eth0\"; }; };\n"
		"vips = { v = { addresses = [\"192.0.2.1\"]; interface = \"i\"; }; };\n"
		"service_defaults = { vip = \"v\"; pool = \"p\"; };\npools = { p = { servers = {\n",
		scene->out);
	for (unsigned i = 0; i < 1000; i++)
		(void)fprintf(scene->out, "s%u = { address = [\"198.51.%u.%u\"]; };\n", i, i / 250,
			i % 250 + 1);
	(void)fputs("}; }; };\nservices = {\n", scene->out);
	for (unsigned i = 0; i < 66; i++)
		(void)fprintf(scene->out, "t%u = { port = %u; };\n", i, i + 1);
	(void)fputs("};\n", scene->out);
	assert_refused(scene, "services.t65: with it the services have more than 65535 servers "
			      "(each counts once for every service, protocol and family)");
}

static void windows_line_ends_are_fine(void **state)
{
	struct scene *scene = *state;

	(void)fputs("version = 1;\r\n# a comment\r\nlog = { level = \"info\"; };\r\n", scene->out);
	assert_loads(scene);
}

/* "/bin/true", and so many words of so many bytes. */
static void write_command(struct scene *scene, unsigned n_words, int bytes)
{
	(void)fputs("version = 1;\nchecks = { s = { type = \"script\"; command = [\"/bin/true\"",
		scene->out);
	for (unsigned i = 0; i < n_words; i++)
		(void)fprintf(scene->out, ", \"%0*d\"", bytes, 0);
	(void)fputs("]; }; };\n", scene->out);
}

/* What the spawner would not take. */
static void commands_of_more_words_or_bytes_than_can_be_run_are_refused(void **state)
{
	static const struct {
		unsigned n_words;
		int bytes;
		const char *why; // "": it loads
	} cells[] = {
		{63, 200, ""},
		{64, 1,
			"checks.s.command: 65 words are more than a command may have (64, the "
			"program among them)"},
		{1000, 1,
			"checks.s.command: 1001 words are more than a command may have (64, the "
			"program among them)"},
		{50, 306, ""}, // and 10 for /bin/true
		{50, 307,
			"checks.s.command: 15410 bytes are more than a command may have (15360; "
			"each word counts one more)"},
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		char text[256];

		if (i > 0)
			scene->out = fopen("poise.conf", "we");
		write_command(scene, cells[i].n_words, cells[i].bytes);
		assert_int_equal(load(scene, text), *cells[i].why ? -EINVAL : 0);
		assert_string_equal(text, cells[i].why);
	}
}

/* ---- VRRP and the web server ------------------------------------------------------------------
 */

static void put_vrrp(FILE *out, const char *priority)
{
	(void)fprintf(out,
		"version = 1; interfaces = { i = { device = \"eth0\"; }; };\n"
		"vrrp = { groups = { g = { priority = %s; instances = {\n",
		priority);
}

static void put_instance(FILE *out, unsigned n, const char *more)
{
	(void)fprintf(out,
		"i%u = { interface = \"i\"; vrid = %u; family = 4; "
		"addresses = [\"198.51.%u.%u\"]; %s };\n",
		n, n % 255 + 1, n / 200, n % 200 + 1, more);
}

static void write_instances(struct scene *scene, unsigned n)
{
	put_vrrp(scene->out, "100");
	for (unsigned i = 0; i < n; i++)
		put_instance(scene->out, i, "");
	(void)fputs("}; }; }; };\n", scene->out);
}

static void write_groups(struct scene *scene, unsigned n)
{
	(void)fputs("version = 1; interfaces = { i = { device = \"eth0\"; }; };\n"
		    "vrrp = { groups = {\n",
		scene->out);
	for (unsigned i = 0; i < n; i++) {
		(void)fprintf(scene->out, "g%u = { priority = 100; instances = {", i);
		put_instance(scene->out, i, "");
		(void)fputs("}; };\n", scene->out);
	}
	(void)fputs("}; };\n", scene->out);
}

static void write_tracks(struct scene *scene, unsigned n)
{
	put_vrrp(scene->out, "100");
	put_instance(scene->out, 0, "");
	(void)fputs("}; track = (", scene->out);
	for (unsigned i = 0; i < n; i++)
		(void)fprintf(scene->out, "%s{ type = \"process\"; process = \"p%u\"; }",
			i > 0 ? ", " : "", i);
	(void)fputs("); }; }; };\n", scene->out);
}

static void write_addresses(struct scene *scene, unsigned n)
{
	put_vrrp(scene->out, "100");
	(void)fputs("a = { interface = \"i\"; vrid = 1; family = 6; link_local = \"fe80::1\"; "
		    "addresses = [\"2001:db8::1\"",
		scene->out);
	for (unsigned i = 2; i < n; i++)
		(void)fprintf(scene->out, ", \"2001:db8::%u\"", i);
	(void)fputs("]; }; }; }; }; };\n", scene->out);
}

static void write_peers(struct scene *scene, unsigned n)
{
	put_vrrp(scene->out, "100");
	(void)fputs("a = { interface = \"i\"; vrid = 1; family = 4; addresses = "
		    "[\"203.0.113.1\"]; unicast = { peers = [\"192.0.2.1\"",
		scene->out);
	for (unsigned i = 2; i <= n; i++)
		(void)fprintf(scene->out, ", \"192.0.2.%u\"", i);
	(void)fputs("]; }; }; }; }; }; };\n", scene->out);
}

static void write_notify(struct scene *scene, unsigned n)
{
	put_vrrp(scene->out, "100");
	put_instance(scene->out, 0, "");
	(void)fputs("}; notify = [\"/bin/true\"", scene->out);
	for (unsigned i = 1; i < n; i++)
		(void)fputs(", \"x\"", scene->out);
	(void)fputs("]; }; }; };\n", scene->out);
}

static void write_nodes(struct scene *scene, unsigned n)
{
	(void)fputs("version = 1; node = \"here\"; interfaces = { i = { device = \"eth0\"; }; };\n"
		    "vrrp = { groups = { g = { priority = { ",
		scene->out);
	for (unsigned i = 0; i < n; i++)
		(void)fprintf(scene->out, "node%u = 1; ", i);
	(void)fputs("}; instances = {", scene->out);
	put_instance(scene->out, 0, "");
	(void)fputs("}; }; }; };\n", scene->out);
}

static void write_listen(struct scene *scene, unsigned n)
{
	(void)fputs("version = 1; http = { listen = [\"[::1]:1\"", scene->out);
	for (unsigned i = 2; i <= n; i++)
		(void)fprintf(scene->out, ", \"[::1]:%u\"", i);
	(void)fputs("]; };\n", scene->out);
}

static void what_vrrp_and_http_have_many_of_is_bounded(void **state)
{
	static const struct {
		void (*write)(struct scene *scene, unsigned n);
		unsigned n;
		const char *why; // "": it loads
	} cells[] = {
		{write_instances, CONF_MAX_INSTANCES, ""},
		{write_instances, CONF_MAX_INSTANCES + 1,
			"vrrp.groups.g.instances: more than 64 of them"},
		{write_groups, CONF_MAX_GROUPS, ""},
		{write_groups, CONF_MAX_GROUPS + 1, "vrrp.groups: more than 64 of them"},
		{write_tracks, CONF_MAX_TRACKS, ""},
		{write_tracks, CONF_MAX_TRACKS + 1, "vrrp.groups.g.track: more than 64 of them"},
		{write_addresses, CONF_MAX_VRRP_ADDRESSES, ""},
		{write_addresses, CONF_MAX_VRRP_ADDRESSES + 1,
			"vrrp.groups.g.instances.a.addresses: 65 addresses are more than an "
			"instance may have (64, link_local among them)"},
		{write_peers, CONF_MAX_PEERS, ""},
		{write_peers, CONF_MAX_PEERS + 1,
			"vrrp.groups.g.instances.a.unicast.peers: more than 16 of them"},
		{write_notify, 60, ""},
		{write_notify, 61,
			"vrrp.groups.g.notify: with the four arguments that it is given it has "
			"more than 64 words"},
		{write_nodes, 12,
			"vrrp.groups.g.priority: holds none for this node, \"here\" (nodes: node0, "
			"node1, node2, node3, node4, node5, node6, node7, node8, node9, ...; the "
			"key \"node\" says which one this is)"},
		{write_listen, CONF_MAX_LISTEN, ""},
		{write_listen, CONF_MAX_LISTEN + 1, "http.listen: more than 16 of them"},
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		char text[256];

		if (i > 0)
			scene->out = fopen("poise.conf", "we");
		cells[i].write(scene, cells[i].n);
		assert_int_equal(load(scene, text), *cells[i].why ? -EINVAL : 0);
		assert_string_equal(text, cells[i].why);
	}
}

int main(void)
{
#define LIMIT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LIMIT(a_nul_byte_is_refused),
		LIMIT(an_empty_file_lacks_the_version),
		LIMIT(a_file_of_4_mib_is_read_and_a_larger_one_is_not),
		LIMIT(deep_brackets_are_refused),
		LIMIT(closing_brackets_without_end_are_refused),
		LIMIT(a_group_without_end_is_refused),
		LIMIT(a_list_without_end_is_refused),
		LIMIT(a_directory_is_refused),
		LIMIT(a_fifo_is_refused_without_waiting),
		LIMIT(an_endless_device_is_refused),
		LIMIT(a_chain_of_includes_is_bounded),
		LIMIT(includes_that_multiply_are_bounded),
		LIMIT(includes_that_grow_are_bounded),
		LIMIT(many_includes_are_bounded),
		LIMIT(lines_beyond_65535_keep_their_number),
		LIMIT(as_many_services_as_the_limit_load),
		LIMIT(one_service_more_is_refused),
		LIMIT(more_backends_than_ids_are_refused),
		LIMIT(windows_line_ends_are_fine),
		LIMIT(commands_of_more_words_or_bytes_than_can_be_run_are_refused),
		LIMIT(what_vrrp_and_http_have_many_of_is_bounded),
	};
#undef LIMIT

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tables against golden files: NAME.json is an answer of the daemon, NAME.txt what a person
 * sees. Run with the folder as argument. A table may change; then its golden file does. */
#include "tools/commands.h"
#include "tools/rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_GOLDEN = 65536 };

struct row {
	const char *text;   // NAME of the .txt
	const char *answer; // NAME of the .json
	const char *before; // of the first sample, two seconds ago, or NULL
	cli_render *render;
	struct cli_render_options options;
};

static const struct row rows[] = {
	{"status", "status", NULL, cli_render_status, {.has_header = true}},
	{"status-memory", "status-memory", NULL, cli_render_status, {.has_header = true}},
	{"status-standby", "status-standby", NULL, cli_render_status, {.has_header = true}},
	{"status-rates", "status-later", "status", cli_render_status, {.has_header = true}},
	{"services", "services", NULL, cli_render_services, {.has_header = true}},
	{"services-no-header", "services", NULL, cli_render_services, {.has_header = false}},
	{"services-stats", "services", NULL, cli_render_services,
		{.has_header = true, .has_stats = true}},
	{"services-watch", "services-later", "services", cli_render_services, {.has_header = true}},
	{"services-rate", "services-later", "services", cli_render_services,
		{.has_header = true, .has_rates = true}},
	{"services-rate-of-new", "services-later", "status", cli_render_services,
		{.has_header = true, .has_rates = true}},
	{"services-ports", "services-ports", NULL, cli_render_services, {.has_header = true}},
	{"servers", "servers", NULL, cli_render_servers, {.has_header = true}},
	{"connections", "connections", NULL, cli_render_connections, {.has_header = true}},
	{"connections-cut", "connections-cut", NULL, cli_render_connections, {.has_header = true}},
	{"connections-count", "connections-count", NULL, cli_render_connections,
		{.has_header = true}},
	{"workers", "workers", NULL, cli_render_workers, {.has_header = true}},
	{"workers-rates", "workers-later", "workers", cli_render_workers, {.has_header = true}},
	{"workers-handover", "workers-handover", NULL, cli_render_workers, {.has_header = true}},
	{"ports-spread", "ports-spread", NULL, cli_render_ports, {.has_header = true}},
	{"ports-tap", "ports-tap", NULL, cli_render_ports, {.has_header = true}},
	{"ports", "ports", NULL, cli_render_ports, {.has_header = true}},
	{"errors", "errors", NULL, cli_render_errors, {.has_header = true}},
	{"changes-weight", "changes-weight", NULL, cli_render_changes, {.has_header = true}},
	{"changes-state", "changes-state", NULL, cli_render_changes, {.has_header = true}},
	{"changes-held", "changes-held", NULL, cli_render_changes, {.has_header = true}},
	{"changes-dry-run", "changes-dry-run", NULL, cli_render_changes, {.has_header = true}},
	{"health", "health", NULL, cli_render_health, {.has_header = true}},
	{"health-none", "health-none", NULL, cli_render_health, {.has_header = true}},
	{"runs", "runs", NULL, cli_render_runs, {.has_header = true}},
	{"events", "events", NULL, cli_render_events, {.has_header = true}},
	{"events-lost", "events-lost", NULL, cli_render_events, {.has_header = true}},
	{"vrrp", "vrrp", NULL, cli_render_vrrp, {.has_header = true}},
	{"vrrp-no-header", "vrrp", NULL, cli_render_vrrp, {.has_header = false}},
	{"vrrp-none", "vrrp-none", NULL, cli_render_vrrp, {.has_header = true}},
	{"vrrp-changes", "vrrp-changes", NULL, cli_render_vrrp_changes, {.has_header = true}},
	{"vrrp-changes-dry-run", "vrrp-changes-dry-run", NULL, cli_render_vrrp_changes,
		{.has_header = true}},
	{"status-master", "status-master", NULL, cli_render_status, {.has_header = true}},
	{"status-groups", "status-groups", NULL, cli_render_status, {.has_header = true}},
	{"changes-back", "changes-back", NULL, cli_render_changes, {.has_header = true}},
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static json_t *load(const char *folder, const char *name)
{
	char path[512];
	json_t *doc;

	(void)snprintf(path, sizeof(path), "%s/%s.json", folder, name);
	doc = json_load_file(path, 0, NULL);
	if (!doc)
		fail_msg("cannot read %s", path);
	return doc;
}

static char *load_text(const char *folder, const char *name)
{
	char *text = calloc(1, MAX_GOLDEN);
	char path[512];
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/%s.txt", folder, name);
	in = fopen(path, "re");
	if (!in || !text)
		fail_msg("cannot read %s", path);
	(void)!fread(text, 1, MAX_GOLDEN - 1, in);
	(void)fclose(in);
	return text;
}

static char *render(const struct row *row, const json_t *answer)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(row->render(answer, &row->options, out), 0);
	(void)fclose(out);
	return text;
}

static void an_answer_looks_like_its_golden_file(void **state)
{
	const char *folder = *state;

	for (unsigned i = 0; i < N_ROWS; i++) {
		json_t *answer = load(folder, rows[i].answer);
		char *wanted = load_text(folder, rows[i].text), *text;

		if (rows[i].before) {
			json_t *before = load(folder, rows[i].before);

			assert_int_equal(cli_rates_add(answer, before, 2), 0);
			json_decref(before);
		}
		text = render(&rows[i], answer);
		if (strcmp(text, wanted) != 0)
			fail_msg("%s.txt:\n%s\nis now:\n%s", rows[i].text, wanted, text);
		free(text);
		free(wanted);
		json_decref(answer);
	}
}

/* A newer or broken daemon must not crash the client. */
static void fields_that_are_missing_or_odd_do_no_harm(void **state)
{
	static const char *const answers[] = {"{}", "{\"services\": 5, \"servers\": [5, null, {}]}",
		"{\"services\": [null, {}], \"workers\": [{}], \"ports\": [{}]}",
		"{\"errors\": [{}], \"connections\": [{}]}",
		"{\"changes\": [null, {}, {\"old\": [], \"new\": {}}]}",
		"{\"groups\": [null, {}, {\"instances\": [null, {}], \"tracks\": [null, {}]}]}",
		("{\"vrrp\": [null, {}], \"groups\": [{\"instances\": [{\"master\": {}, "
		 "\"errors_total\": {\"ttl\": 1}, \"addresses\": [null, 5]}]}]}"),
		"{\"events\": [null, {}, 5], \"lost\": \"x\"}",
		"{\"servers_down\": [{}, 1], \"warnings\": [\"x\"], \"time\": 5}"};

	(void)state;
	for (unsigned k = 0; k < sizeof(answers) / sizeof(answers[0]); k++) {
		json_t *answer = json_loads(answers[k], 0, NULL);

		assert_non_null(answer);
		for (unsigned i = 0; i < N_ROWS; i++)
			free(render(&rows[i], answer));
		json_decref(answer);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(an_answer_looks_like_its_golden_file,
			argc > 1 ? argv[1] : (char[]){"golden"}),
		cmocka_unit_test(fields_that_are_missing_or_odd_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

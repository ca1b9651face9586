/* The text of a scrape, over a model of made-up counters. */
#include "tests/unit/admin/fixture.h"

#include "control/metrics.h"
#include "control/metrics_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static double cpu_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The longest piece of taking it is told in *ret_ms. */
static struct metrics_text scrape(struct fixture *f, double *ret_ms)
{
	struct metrics_snapshot *s = ctl_metrics_new(&f->ctl);
	struct metrics_text text;
	double longest_ms = 0;
	bool is_done = false;

	assert_non_null(s);
	while (!is_done) {
		double from_ms = cpu_ms(), took_ms;

		is_done = ctl_metrics_take(&f->ctl, s);
		took_ms = cpu_ms() - from_ms;
		longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
	}
	assert_int_equal(ctl_metrics_format(s, &text), 0);
	ctl_metrics_free(s);
	text.text = realloc(text.text, text.len + 1);
	assert_non_null(text.text);
	text.text[text.len] = '\0';
	if (ret_ms)
		*ret_ms = longest_ms;
	return text;
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
	return false;
}

/* Metrics that docs and dashboards name; egress translation comes with its feature. */
static const char *const promised[] = {
	"poise_build_info",
	"poise_start_time_seconds",
	"poise_config_last_reload_successful",
	"poise_config_last_reload_success_timestamp_seconds",
	"poise_service_info",
	"poise_service_up",
	"poise_service_connections_total",
	"poise_service_connections",
	"poise_service_packets_total",
	"poise_service_bytes_total",
	"poise_service_drops_total",
	"poise_service_servers",
	"poise_server_info",
	"poise_server_up",
	"poise_server_state",
	"poise_server_weight",
	"poise_server_weight_configured",
	"poise_server_connections_total",
	"poise_server_connections",
	"poise_server_packets_total",
	"poise_server_bytes_total",
	"poise_check_up",
	"poise_check_duration_seconds",
	"poise_check_runs_total",
	"poise_check_transitions_total",
	"poise_connection_table_entries",
	"poise_connection_table_limit",
	"poise_connections_created_total",
	"poise_connections_expired_total",
	"poise_connection_insert_failures_total",
	"poise_worker_busy_seconds_total",
	"poise_worker_idle_seconds_total",
	"poise_worker_packets_total",
	"poise_worker_burst_size",
	"poise_port_info",
	"poise_port_up",
	"poise_port_speed_bytes",
	"poise_port_receive_packets_total",
	"poise_port_receive_bytes_total",
	"poise_port_transmit_packets_total",
	"poise_port_transmit_bytes_total",
	"poise_port_receive_missed_total",
	"poise_port_receive_errors_total",
	"poise_port_receive_nombuf_total",
	"poise_port_transmit_errors_total",
	"poise_drops_total",
	"poise_exception_packets_total",
	"poise_mbufs_free",
	"poise_mbufs_limit",
	"poise_vrrp_state",
	"poise_vrrp_priority",
	"poise_vrrp_transitions_total",
	"poise_vrrp_advertisements_total",
	"poise_vrrp_errors_total",
	"poise_control_loop_seconds",
	"poise_forward_latency_seconds",
	"poise_server_handshake_seconds",
	"process_resident_memory_bytes",
};

enum { N_PROMISED = sizeof(promised) / sizeof(promised[0]) };

static void table_has_what_is_promised_and_nothing_else(void **state)
{
	unsigned n;
	const struct metrics_family *table = ctl_metrics_table(&n);

	(void)state;
	assert_int_equal(n, N_PROMISED);
	for (unsigned i = 0; i < N_PROMISED; i++) {
		unsigned found = 0;

		for (unsigned k = 0; k < n; k++)
			found += strcmp(table[k].name, promised[i]) == 0;
		assert_int_equal(found, 1);
	}
}

static void counters_and_only_they_end_in_total(void **state)
{
	unsigned n;
	const struct metrics_family *table = ctl_metrics_table(&n);

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(table[i].name);
		bool is_total = len > 6 && strcmp(table[i].name + len - 6, "_total") == 0;

		assert_true(is_total == (table[i].type == METRICS_COUNTER));
	}
}

static void documentation_is_that_of_the_table(void **state)
{
	char *made = NULL, *kept;
	size_t len = 0;
	FILE *out = open_memstream(&made, &len);
	FILE *in = fopen(POISE_SOURCE "/docs/metrics.md", "r");

	(void)state;
	assert_non_null(out);
	assert_non_null(in);
	ctl_metrics_print_doc(out);
	assert_int_equal(fclose(out), 0);
	kept = calloc(1, len + 2);
	assert_non_null(kept);
	assert_int_equal(fread(kept, 1, len + 1, in), len);
	assert_string_equal(made, kept); // poised --print-metrics >docs/metrics.md
	(void)fclose(in);
	free(made);
	free(kept);
}

static void labels_are_escaped(void **state)
{
	struct metrics_labels l = {.len = 0};

	(void)state;
	ctl_metrics_label(&l, "a", "plain");
	ctl_metrics_label(&l, "b", "q\"b\\n\n");
	assert_string_equal(l.text, "a=\"plain\",b=\"q\\\"b\\\\n\\n\"");
}

static void label_without_room_is_left_out_whole(void **state)
{
	struct metrics_labels l = {.len = 0};
	char longer[3000];

	(void)state;
	memset(longer, '"', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ctl_metrics_label(&l, "a", "1");
	ctl_metrics_label(&l, "b", longer);
	ctl_metrics_label(&l, "c", "2");
	assert_string_equal(l.text, "a=\"1\",c=\"2\"");
}

/* Values of fixture.c: a server's counters are its id + 1 times 100 connections, ... */
static const char *const lines[] = {
	"poise_service_info{service=\"imaps\",family=\"ipv4\",protocol=\"tcp\","
	"vip=\"203.0.113.10,203.0.113.11\",port=\"993\",scheduler=\"wrr\",pool=\"mail\"} 1",
	"poise_service_info{service=\"dns\",family=\"ipv6\",protocol=\"tcp,udp\","
	"vip=\"2001:db8:0:1::10\",port=\"53,8000-8010\",scheduler=\"wrr\",pool=\"mail\"} 1",
	"poise_service_up{service=\"imaps\",family=\"ipv4\"} 1",
	"poise_service_connections_total{service=\"imaps\",family=\"ipv4\"} 600",
	"poise_service_connections_total{service=\"imaps\",family=\"ipv6\"} 900",
	"poise_service_packets_total{service=\"imaps\",family=\"ipv4\",direction=\"out\"} "
	"12000",
	"poise_service_bytes_total{service=\"imaps\",family=\"ipv4\",direction=\"in\"} "
	"360000",
	"poise_service_drops_total{service=\"imaps\",family=\"ipv6\","
	"reason=\"no_server\"} 2",
	"poise_service_drops_total{service=\"imaps\",family=\"ipv4\","
	"reason=\"table_full\"} 0",
	"poise_service_servers{service=\"imaps\",family=\"ipv4\",state=\"up\"} 2",
	"poise_service_servers{service=\"imaps\",family=\"ipv4\",state=\"down\"} 1",
	"poise_server_info{service=\"imaps\",family=\"ipv6\",server=\"slave-1\","
	"address=\"2001:db8:0:2::11\",port=\"993\"} 1",
	"poise_server_up{service=\"imaps\",family=\"ipv4\",server=\"slave-1\"} 0",
	"poise_server_state{service=\"imaps\",family=\"ipv4\",server=\"slave-1\","
	"state=\"down\"} 1",
	"poise_server_state{service=\"imaps\",family=\"ipv4\",server=\"slave-1\","
	"state=\"up\"} 0",
	"poise_server_weight{service=\"imaps\",family=\"ipv4\",server=\"slave-1\"} 0",
	"poise_server_weight_configured{service=\"imaps\",family=\"ipv4\","
	"server=\"slave-1\"} 640",
	"poise_server_handshake_seconds_bucket{service=\"dns\",family=\"ipv4\","
	"server=\"slave-1\",le=\"0.01\"} 10",
	"poise_server_handshake_seconds_count{service=\"imaps\",family=\"ipv4\","
	"server=\"slave-1\"} 6",
	"poise_check_duration_seconds{service=\"imaps\",family=\"ipv4\","
	"server=\"master\",check=\"tcp\"} 0.000412",
	"poise_check_runs_total{service=\"imaps\",family=\"ipv4\",server=\"slave-1\","
	"check=\"tcp\",result=\"timeout\"} 3",
	"poise_check_transitions_total{service=\"imaps\",family=\"ipv4\","
	"server=\"slave-1\",check=\"tcp\"} 1",
	"poise_connection_table_entries{worker=\"1\"} 400",
	"poise_connections_expired_total{worker=\"0\",reason=\"half_open_evicted\"} 7",
	"poise_port_info{port=\"wan\",device=\"eth0\",driver=\"net_af_xdp\","
	"mac=\"02:00:00:00:00:00\"} 1",
	"poise_port_up{port=\"lan\"} 0",
	"poise_port_receive_missed_total{port=\"wan\"} 4",
	"poise_drops_total{reason=\"vip_not_owned\"} 12",
	"poise_drops_total{reason=\"bad_header\"} 0",
	"poise_mbufs_free{pool=\"packets\",numa_node=\"0\"} 900",
	"poise_forward_latency_seconds_bucket{worker=\"1\",le=\"1e-06\"} 1",
	"poise_forward_latency_seconds_bucket{worker=\"1\",le=\"+Inf\"} 4",
	"poise_start_time_seconds 1778839926.123",
	"# TYPE poise_vrrp_state gauge",
};

static void model_is_told_line_by_line(void **state)
{
	struct fixture *f = fixture_new();
	unsigned id = fixture_server(f, "imaps/slave-1", CONF_V4, CONF_PROTO_TCP);
	const struct hc_report report = {.id = id,
		.state = HC_DOWN,
		.at_ms = 1,
		.weight = HC_NO_WEIGHT,
		.n_ended = {[HC_ENDED_TIMEOUT] = 3}};
	struct metrics_text text;

	(void)state;
	f->conf.http.has_server_metrics = true;
	f->dp.handshake = (struct dp_times){.n_buckets = 2,
		.bounds_seconds = {0.01},
		.buckets = {5, 1},
		.count = 6,
		.sum_seconds = 0.25};
	ctl_server_set_health(&f->ctl, id, &report);
	text = scrape(f, NULL);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!has_line(text.text, lines[i]))
			fail_msg("not there: %s", lines[i]);
	free(text.text);
	fixture_free(f);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A service of two protocols has two halves: they must not be told as one series twice. */
static void no_series_is_there_twice(void **state)
{
	struct fixture *f = fixture_new();
	struct metrics_text text;
	char **series, *rest;
	unsigned n = 0;

	(void)state;
	f->conf.http.has_server_metrics = true;
	text = scrape(f, NULL);
	series = calloc(text.n_series, sizeof(*series));
	assert_non_null(series);
	rest = text.text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (line[0] == '#' || line[0] == '\0')
			continue;
		assert_true(n < text.n_series);
		*strrchr(line, ' ') = '\0';
		series[n++] = line;
	}
	assert_int_equal(n, text.n_series);
	qsort(series, n, sizeof(*series), compare);
	for (unsigned i = 1; i < n; i++)
		assert_string_not_equal(series[i - 1], series[i]);
	free(series);
	free(text.text);
	fixture_free(f);
}

static void servers_families_can_be_left_out(void **state)
{
	struct fixture *f = fixture_new();
	struct metrics_text text = scrape(f, NULL);

	(void)state;
	assert_null(strstr(text.text, "\npoise_server_"));
	assert_null(strstr(text.text, "\npoise_check_"));
	assert_non_null(strstr(text.text, "\npoise_service_info{"));
	free(text.text);
	fixture_free(f);
}

static void large_site_is_taken_in_short_pieces(void **state)
{
	struct fixture *f = fixture_new_large(1000, 4);
	struct metrics_text text;
	double longest_ms;

	(void)state;
	f->conf.http.has_server_metrics = true;
	text = scrape(f, &longest_ms);
	print_message("%u series, %zu bytes, longest piece %.2f ms\n", text.n_series, text.len,
		longest_ms);
	assert_true(text.n_series > 100000);
	assert_true(longest_ms < 5);
	free(text.text);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_has_what_is_promised_and_nothing_else),
		cmocka_unit_test(counters_and_only_they_end_in_total),
		cmocka_unit_test(documentation_is_that_of_the_table),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(label_without_room_is_left_out_whole),
		cmocka_unit_test(model_is_told_line_by_line),
		cmocka_unit_test(no_series_is_there_twice),
		cmocka_unit_test(servers_families_can_be_left_out),
		cmocka_unit_test(large_site_is_taken_in_short_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Answers as tables for people. What a table looks like may change at any time. Pure: the same
 * answer gives the same text. Rates (fields "…_per_second", tools/rates.h) are shown where the
 * answer has them, totals where it does not. */

struct cli_render_options {
	bool has_header;
	bool has_stats; // services: counters in full
	bool has_rates; // services: every rate
};

/* 0, or -ENOMEM. */
typedef int cli_render(const json_t *answer, const struct cli_render_options *options, FILE *out);

cli_render cli_render_status;
cli_render cli_render_services;
cli_render cli_render_servers;
cli_render cli_render_connections;
cli_render cli_render_workers;
cli_render cli_render_ports;
cli_render cli_render_errors;
cli_render cli_render_changes;
cli_render cli_render_health;
cli_render cli_render_runs;
cli_render cli_render_events;
cli_render cli_render_trace_added;
cli_render cli_render_traces;
cli_render cli_render_vrrp;
cli_render cli_render_vrrp_changes;

/* As cli_judge in tools/commands.h. */
bool cli_health_has_problem(const json_t *args, const json_t *answer);
bool cli_runs_have_problem(const json_t *args, const json_t *answer);

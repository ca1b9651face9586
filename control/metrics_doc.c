/* docs/metrics.md, from the table. */
#include "control/metrics.h"

#include "control/metrics_model.h"

static const char *const type_names[] = {
	[METRICS_GAUGE] = "gauge",
	[METRICS_COUNTER] = "counter",
	[METRICS_HISTOGRAM] = "histogram",
};

static const char head[] =
	"# Metrics\n"
	"\n"
	"Made from the table in `control/metrics_table.c` by `poised --print-metrics`; a test "
	"compares the "
	"two.\n"
	"\n"
	"With `http.listen` in the configuration, `GET /metrics` answers in Prometheus' text "
	"format (0.0.4), "
	"compressed if\n"
	"asked. Names, labels and help texts do not change between releases. Counters begin with 0 "
	"at the "
	"start of the process,\n"
	"all reasons are there from then on, and they never go down. A scrape is no picture of one "
	"instant: workers go on\n"
	"counting while they are read.\n"
	"\n"
	"- `(service, family)` and `(service, family, server)` are the keys of everything about "
	"services; "
	"a service with TCP and\n"
	"  UDP is one, its halves added up. Addresses and ports are in the `_info` families only, "
	"joined "
	"by\n"
	"  `* on(service, family) group_left(vip, port) poise_service_info`.\n"
	"- A state is a label: the series of the state that holds is 1, the others are 0.\n"
	"- `poise_service_drops_total` has drops of packets whose service was known, "
	"`poise_drops_total` all others: together\n"
	"  they are what `poise show errors` says.\n"
	"- Bytes are those of IP packets, without Ethernet's header; those of ports are the "
	"driver's.\n"
	"- `http.server_metrics = false` leaves out what there is for each server (`server` among "
	"the "
	"labels). A scrape of more\n"
	"  than 50,000 series is told once in the log.\n"
	"- Egress translation (`poise_snat_*`) is not there before Poise translates egress "
	"traffic.\n"
	"\n"
	"Rules for alerts are in `packaging/prometheus/`, a dashboard in `packaging/grafana/`.\n"
	"\n"
	"| family | type | labels | |\n"
	"| --- | --- | --- | --- |\n";

void ctl_metrics_print_doc(FILE *out)
{
	unsigned n;
	const struct metrics_family *table = ctl_metrics_table(&n);

	(void)fputs(head, out);
	for (unsigned i = 0; i < n; i++) {
		const struct metrics_family *f = &table[i];
		const char *object = ctl_metrics_labels(f->object);
		const char *comma = object[0] && f->more ? ", " : "";

		(void)fprintf(out, "| `%s` | %s | %s%s%s | %s |\n", f->name, type_names[f->type],
			object, comma, f->more ? f->more : "", f->help);
	}
}

/* Readers of families about the node, its workers, ports and virtual routers. Pure, but for the
 * few numbers that only the kernel knows. */
#include "control/metrics_read.h"

#include "control/revision.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- node ------------------------------------------------------------------------------------ */

void metrics_read_build_info(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	static const char prefix[] = "DPDK ";
	const char *driver = s->info.driver_version ? s->info.driver_version : "";
	struct metrics_labels l = {.len = 0};

	(void)i;
	if (strncmp(driver, prefix, sizeof(prefix) - 1) == 0)
		driver += sizeof(prefix) - 1;
	ctl_metrics_label(&l, "version", POISE_VERSION);
	ctl_metrics_label(&l, "dpdk", driver);
	ctl_metrics_label(&l, "revision", POISE_REVISION);
	ctl_metrics_put(o, l.text, 1);
}

void metrics_read_start_time(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	(void)i;
	ctl_metrics_put_real(o, NULL, (double)s->started_ms / 1e3);
}

/* The file is read at the start only: there is no daemon whose start it did not survive. */
void metrics_read_reload_ok(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	(void)s;
	(void)i;
	ctl_metrics_put(o, NULL, 1);
}

void metrics_read_reload_time(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	metrics_read_start_time(o, s, i);
}

void metrics_read_loop(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	uint64_t n = 0;

	(void)i;
	for (unsigned b = 0; b <= CTL_TURNS_N_BOUNDS; b++) {
		char le[32] = "le=\"+Inf\"";

		n += s->turns.n_by_bucket[b];
		if (b < CTL_TURNS_N_BOUNDS)
			(void)snprintf(
				le, sizeof(le), "le=\"%g\"", (double)ctl_turns_bound_us(b) / 1e6);
		ctl_metrics_put_part(o, "_bucket", le, (double)n);
	}
	ctl_metrics_put_part(o, "_sum", NULL, (double)s->turns.sum_us / 1e6);
	ctl_metrics_put_part(o, "_count", NULL, (double)n);
}

void metrics_read_memory(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	FILE *f = fopen("/proc/self/statm", "re");
	uint64_t total, resident = 0;

	(void)s;
	(void)i;
	if (f && fscanf(f, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
		resident = 0;
	if (f)
		(void)fclose(f);
	ctl_metrics_put(o, NULL, resident * (uint64_t)sysconf(_SC_PAGESIZE));
}

/* ---- workers --------------------------------------------------------------------------------- */

void metrics_read_table_entries(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->workers[i].connections);
}

void metrics_read_table_limit(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->workers[i].connections_max);
}

void metrics_read_created(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->workers[i].connections_opened);
}

void metrics_read_expired(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, "reason=\"timeout\"", s->workers[i].connections_expired);
	ctl_metrics_put(o, "reason=\"half_open_evicted\"", s->workers[i].half_open_evicted);
	ctl_metrics_put(o, "reason=\"replaced\"", s->workers[i].connections_replaced);
}

void metrics_read_insert_failures(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	const uint64_t *drops = s->workers[i].drops;

	ctl_metrics_put(o, NULL,
		drops[DP_DROP_TABLE_FULL] + drops[DP_DROP_CLIENT_LIMIT] +
			drops[DP_DROP_TUPLE_IN_USE]);
}

static double seconds(const struct dp_worker_stats *w, uint64_t cycles)
{
	return w->cycles_hz > 0 ? (double)cycles / (double)w->cycles_hz : 0.0;
}

void metrics_read_busy(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put_real(o, NULL, seconds(&s->workers[i], s->workers[i].busy_cycles));
}

void metrics_read_idle(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put_real(o, NULL, seconds(&s->workers[i], s->workers[i].idle_cycles));
}

void metrics_read_worker_packets(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->workers[i].rx);
}

void metrics_read_bursts(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	static const char *const les[DP_N_BURST_SIZES] = {
		[DP_BURSTS_OF_1] = "le=\"1\"",
		[DP_BURSTS_TO_8] = "le=\"8\"",
		[DP_BURSTS_TO_32] = "le=\"32\"",
	};
	uint64_t n = 0;

	for (unsigned b = 0; b < DP_N_BURST_SIZES; b++) {
		n += s->workers[i].bursts[b];
		ctl_metrics_put_part(o, "_bucket", les[b], (double)n);
	}
	ctl_metrics_put_part(o, "_bucket", "le=\"+Inf\"", (double)n);
	ctl_metrics_put_part(o, "_sum", NULL, (double)s->workers[i].rx);
	ctl_metrics_put_part(o, "_count", NULL, (double)n);
}

void metrics_read_latency(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put_times(o, &s->latencies[i]);
}

/* ---- ports ----------------------------------------------------------------------------------- */

void metrics_read_port_info(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	const struct dp_port_stats *p = &s->ports[i];
	struct metrics_labels l = {.len = 0};
	char mac[18];

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac[0], p->mac[1],
		p->mac[2], p->mac[3], p->mac[4], p->mac[5]);
	ctl_metrics_label(&l, "device", p->device);
	ctl_metrics_label(&l, "driver", p->driver);
	ctl_metrics_label(&l, "mac", mac);
	ctl_metrics_put(o, l.text, 1);
}

void metrics_read_port_up(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].is_up);
}

/* The kernel knows its own interfaces better than the AF_XDP driver, which says 10 Gb/s of all. */
static int64_t kernel_speed_mbps(const char *device)
{
	char path[128];
	int64_t mbps = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/speed", device);
	f = fopen(path, "re");
	if (f && fscanf(f, "%" SCNd64, &mbps) != 1)
		mbps = 0;
	if (f)
		(void)fclose(f);
	return mbps > 0 ? mbps : 0;
}

void metrics_read_port_speed(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	const struct dp_port_stats *p = &s->ports[i];
	uint64_t mbps = p->tap ? p->speed_mbps : (uint64_t)kernel_speed_mbps(p->device);

	ctl_metrics_put(o, NULL, mbps * 1000000 / 8);
}

void metrics_read_rx_packets(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].rx_packets);
}

void metrics_read_rx_bytes(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].rx_bytes);
}

void metrics_read_tx_packets(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].tx_packets);
}

void metrics_read_tx_bytes(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].tx_bytes);
}

void metrics_read_rx_missed(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].rx_missed);
}

void metrics_read_rx_errors(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].rx_errors);
}

void metrics_read_rx_nombuf(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].rx_nombuf);
}

void metrics_read_tx_errors(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->ports[i].tx_errors);
}

/* Workers' drops, and what the XDP programs keep from them. */
void metrics_read_drops(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	uint64_t drops[DP_N_DROPS] = {0}, no_socket = 0;

	(void)i;
	for (unsigned w = 0; w < s->n_workers; w++)
		for (unsigned reason = DP_KEEP + 1; reason < DP_N_DROPS; reason++)
			drops[reason] += s->workers[w].drops_outside[reason];
	for (unsigned p = 0; p < s->n_ports; p++) {
		drops[DP_DROP_VIP_NOT_OWNED] += s->ports[p].xdp_vip_not_owned;
		no_socket += s->ports[p].xdp_no_socket;
	}
	for (unsigned reason = DP_KEEP + 1; reason < DP_N_DROPS; reason++) {
		struct metrics_labels l = {.len = 0};

		ctl_metrics_label(&l, "reason", dp_drop_label(reason));
		ctl_metrics_put(o, l.text, drops[reason]);
	}
	ctl_metrics_put(o, "reason=\"no_socket\"", no_socket);
}

void metrics_read_exceptions(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	const struct dp_port_stats *p = &s->ports[i];

	ctl_metrics_put(o, "direction=\"to_kernel\"", p->tap ? p->tap_to_kernel : p->xdp_to_kernel);
	if (p->tap)
		ctl_metrics_put(o, "direction=\"from_kernel\"", p->tap_from_kernel);
}

void metrics_read_mbufs_free(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->pools[i].free);
}

void metrics_read_mbufs_limit(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->pools[i].limit);
}

/* ---- VRRP ------------------------------------------------------------------------------------ */

void metrics_read_vrrp_state(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	for (enum vrrp_state state = VRRP_INIT; state < VRRP_N_STATES; state++) {
		struct metrics_labels l = {.len = 0};

		ctl_metrics_label(&l, "state", vrrp_state_name(state));
		ctl_metrics_put(o, l.text, s->vrrps[i].state == state);
	}
}

void metrics_read_vrrp_priority(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->vrrps[i].priority);
}

void metrics_read_vrrp_transitions(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	for (enum vrrp_state state = VRRP_INIT; state < VRRP_N_STATES; state++) {
		struct metrics_labels l = {.len = 0};

		ctl_metrics_label(&l, "to", vrrp_state_name(state));
		ctl_metrics_put(o, l.text, s->vrrps[i].transitions[state]);
	}
}

void metrics_read_vrrp_adverts(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, "direction=\"sent\"", s->vrrps[i].instance.sent);
	ctl_metrics_put(o, "direction=\"received\"", s->vrrps[i].instance.received);
}

void metrics_read_vrrp_errors(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	for (enum vrrp_error error = VRRP_OK + 1; error < VRRP_N_ERRORS; error++) {
		struct metrics_labels l = {.len = 0};

		ctl_metrics_label(&l, "reason", vrrp_error_label(error));
		ctl_metrics_put(o, l.text, s->vrrps[i].instance.errors[error]);
	}
}

/* `show workers`: each worker's account (dataplane.md §9) and load.
 * `show errors`: every reason for which packets are lost, with its count. */
#include "control/show.h"

#include <errno.h>

static json_t *drops_object(const struct dp_worker_stats *w)
{
	json_t *o = json_object();

	for (unsigned reason = DP_KEEP + 1; reason < DP_N_DROPS; reason++)
		if (json_object_set_new(o, dp_drop_label(reason), ctl_job_count(w->drops[reason])) <
			0) {
			json_decref(o);
			return NULL;
		}
	return o;
}

/* In minus out: 0 on a worker at rest. A worker at work is read while it counts, so that a
 * burst may be on one side only. */
static json_int_t account_balance(const struct dp_worker_stats *w)
{
	uint64_t in = w->rx + w->injected + w->handoff_in + w->generated;
	uint64_t out = w->tx + w->dropped + w->punted + w->handoff_out + w->held + w->consumed;

	return (json_int_t)(in - out);
}

static json_t *account_object(const struct dp_worker_stats *w)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "rx_total",
		ctl_job_count(w->rx), "injected_total", ctl_job_count(w->injected),
		"handoff_in_total", ctl_job_count(w->handoff_in), "generated_total",
		ctl_job_count(w->generated), "tx_total", ctl_job_count(w->tx), "dropped_total",
		ctl_job_count(w->dropped), "punted_total", ctl_job_count(w->punted),
		"handoff_out_total", ctl_job_count(w->handoff_out), "held", ctl_job_count(w->held),
		"consumed_total", ctl_job_count(w->consumed), "balance", account_balance(w));
}

/* Of what came to it, from a port or from another worker, the share it passed to another. */
static double handoff_ratio(const struct dp_worker_stats *w)
{
	double in = (double)w->rx + (double)w->handoff_in;

	return in > 0 ? (double)w->handoff_out / in : 0.0;
}

static json_t *worker_object(unsigned index, const struct dp_worker_stats *w, bool is_stuck)
{
	double cycles = (double)w->busy_cycles + (double)w->idle_cycles;

	return json_pack(
		"{s:i, s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:f, s:o}",
		"worker", (int)index, "cpu", (int)w->cpu, "is_stuck", is_stuck, "connections",
		ctl_job_count(w->connections), "half_open", ctl_job_count(w->half_open),
		"connections_created_total", ctl_job_count(w->connections_opened),
		"connections_expired_total", ctl_job_count(w->connections_expired),
		"half_open_evicted_total", ctl_job_count(w->half_open_evicted), "packets",
		account_object(w), "handoff_ratio", handoff_ratio(w), "loops_total",
		ctl_job_count(w->loops), "sleeps_total", ctl_job_count(w->sleeps),
		"busy_cycles_total", ctl_job_count(w->busy_cycles), "idle_cycles_total",
		ctl_job_count(w->idle_cycles), "busy_ratio",
		cycles > 0 ? (double)w->busy_cycles / cycles : 0.0, "drops_total", drops_object(w));
}

struct workers_list {
	struct ctl_list list;
	unsigned next;
};

static int next_worker(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_worker(struct ctl_list *list, json_t **ret_item)
{
	struct workers_list *l = (struct workers_list *)list;
	struct dp_worker_stats stats;

	if (!list->ctl->dp || l->next >= dp_n_workers(list->ctl->dp))
		return 0;
	dp_read_worker(list->ctl->dp, l->next, &stats);
	*ret_item = worker_object(l->next, &stats, list->ctl->pulses[l->next].is_stuck);
	l->next++;
	return *ret_item ? 1 : -ENOMEM;
}

int ctl_show_workers_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct ctl_list *list = ctl_job_list_new(
		sizeof(struct workers_list), call->shared->ctl, "workers", next_worker);

	if (!list)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	*ret_job = &list->job;
	return 0;
}

/* ---- errors --------------------------------------------------------------------------------- */

/* Losses outside the workers' account. */
enum port_loss {
	LOSS_VIP_NOT_OWNED,
	LOSS_NO_SOCKET,
	LOSS_RECEIVE_MISSED,
	LOSS_TRANSMIT_ERRORS,
	N_PORT_LOSSES
};

static const struct {
	const char *reason, *where, *help;
} port_losses[N_PORT_LOSSES] = {
	[LOSS_VIP_NOT_OWNED] = {"vip_not_owned", "xdp",
		"to a VIP that this node may not serve now"},
	[LOSS_NO_SOCKET] = {"no_socket", "xdp", "for a worker, but no worker listens"},
	[LOSS_RECEIVE_MISSED] = {"receive_missed", "port", "receive queue was full"},
	[LOSS_TRANSMIT_ERRORS] = {"transmit_errors", "port", "the port could not send it"},
};

struct errors_list {
	struct ctl_list list;
	unsigned next;
	uint64_t drops[DP_N_DROPS];
	uint64_t losses[N_PORT_LOSSES];
};

static void sum_losses(struct errors_list *l, const struct dp *dp) ON_CONTROL;
static void sum_losses(struct errors_list *l, const struct dp *dp)
{
	for (unsigned i = 0; i < dp_n_workers(dp); i++) {
		struct dp_worker_stats w;

		dp_read_worker(dp, i, &w);
		for (unsigned reason = DP_KEEP + 1; reason < DP_N_DROPS; reason++)
			l->drops[reason] += w.drops[reason];
	}
	for (unsigned i = 0; i < dp_n_ports(dp); i++) {
		struct dp_port_stats p;

		dp_read_port(dp, i, &p);
		l->losses[LOSS_VIP_NOT_OWNED] += p.xdp_vip_not_owned;
		l->losses[LOSS_NO_SOCKET] += p.xdp_no_socket;
		l->losses[LOSS_RECEIVE_MISSED] += p.rx_missed;
		l->losses[LOSS_TRANSMIT_ERRORS] += p.tx_errors;
	}
}

static json_t *loss_object(const char *reason, const char *where, uint64_t count, const char *help)
{
	return json_pack("{s:s, s:s, s:o, s:s}", "reason", reason, "where", where, "drops_total",
		ctl_job_count(count), "help", help);
}

static int next_error(struct ctl_list *list, json_t **ret_item)
{
	struct errors_list *l = (struct errors_list *)list;
	unsigned reason = DP_KEEP + 1 + l->next;
	unsigned loss = reason - DP_N_DROPS;
	json_t *item;

	if (reason >= DP_N_DROPS + N_PORT_LOSSES)
		return 0;
	l->next++;
	if (reason < DP_N_DROPS)
		item = loss_object(
			dp_drop_label(reason), "worker", l->drops[reason], dp_drop_help(reason));
	else
		item = loss_object(port_losses[loss].reason, port_losses[loss].where,
			l->losses[loss], port_losses[loss].help);
	*ret_item = item;
	return item ? 1 : -ENOMEM;
}

int ctl_show_errors_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct ctl *ctl = call->shared->ctl;
	struct errors_list *l =
		(struct errors_list *)ctl_job_list_new(sizeof(*l), ctl, "errors", next_error);

	if (!l)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	if (ctl->dp)
		sum_losses(l, ctl->dp);
	*ret_job = &l->list.job;
	return 0;
}

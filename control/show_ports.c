/* `show ports`: each interface as the data plane has it, and what its XDP program decided. */
#include "control/show.h"

#include <errno.h>
#include <stdio.h>

enum { MAC_STR_LEN = 18 };

struct ports_list {
	struct ctl_list list;
	unsigned next;
};

/* null where the workers decide: their drops and packets to the kernel are in the account. */
static json_t *xdp_object(const struct dp_port_stats *p)
{
	if (p->tap)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "to_worker_total", ctl_job_count(p->xdp_to_worker),
		"to_kernel_total", ctl_job_count(p->xdp_to_kernel), "vip_not_owned_total",
		ctl_job_count(p->xdp_vip_not_owned), "no_socket_total",
		ctl_job_count(p->xdp_no_socket));
}

/* Both null with one worker: there is nothing to agree about. */
static json_t *owner_rss(const struct dp_port_stats *p, unsigned n_workers)
{
	return n_workers > 1 ? json_boolean(!p->rss_why_not) : json_null();
}

static json_t *why_not(const struct dp_port_stats *p, unsigned n_workers)
{
	return n_workers > 1 && p->rss_why_not ? json_string(p->rss_why_not) : json_null();
}

static json_t *port_object(const struct dp_port_stats *p, unsigned n_workers)
{
	char mac[MAC_STR_LEN];

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac[0], p->mac[1],
		p->mac[2], p->mac[3], p->mac[4], p->mac[5]);
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:s, s:i, s:b, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o}",
		"port", ctl_job_text(p->name), "device", ctl_job_text(p->device), "driver",
		ctl_job_text(p->driver), "tap", p->tap ? ctl_job_text(p->tap) : json_null(), "mac",
		mac, "mtu", (int)p->mtu, "up", p->is_up, "queues", (int)p->n_queues,
		"has_owner_rss", owner_rss(p, n_workers), "owner_rss_why_not",
		why_not(p, n_workers), "receive_packets_total", ctl_job_count(p->rx_packets),
		"receive_bytes_total", ctl_job_count(p->rx_bytes), "transmit_packets_total",
		ctl_job_count(p->tx_packets), "transmit_bytes_total", ctl_job_count(p->tx_bytes),
		"receive_missed_total", ctl_job_count(p->rx_missed), "transmit_errors_total",
		ctl_job_count(p->tx_errors), "xdp", xdp_object(p));
}

static int next_port(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_port(struct ctl_list *list, json_t **ret_item)
{
	struct ports_list *l = (struct ports_list *)list;
	struct dp_port_stats stats;

	if (!list->ctl->dp || l->next >= dp_n_ports(list->ctl->dp))
		return 0;
	dp_read_port(list->ctl->dp, l->next++, &stats);
	*ret_item = port_object(&stats, dp_n_workers(list->ctl->dp));
	return *ret_item ? 1 : -ENOMEM;
}

int ctl_show_ports_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct ctl_list *list =
		ctl_job_list_new(sizeof(struct ports_list), call->shared->ctl, "ports", next_port);

	if (!list)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	*ret_job = &list->job;
	return 0;
}

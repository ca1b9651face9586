/* What a traced packet went through, in words for people: a line a stage. */
#include "control/trace.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of the data plane's dp_trace.n_stages: passed if it is larger. */
enum stage { RX, CLASSIFY, STEER, CONN, DECIDE, SCHED, FORWARD };

static const char *const stage_names[] = {
	[RX] = "rx",
	[CLASSIFY] = "classify",
	[STEER] = "steer",
	[CONN] = "conn",
	[DECIDE] = "decide",
	[SCHED] = "sched",
	[FORWARD] = "forward",
};

struct writer {
	const struct ctl *ctl;
	const struct dp_trace *t;
	struct ctl_trace_step *steps;
	unsigned n;
};

__attribute__((format(printf, 3, 4))) static void add(
	struct writer *w, const char *stage, const char *format, ...)
{
	struct ctl_trace_step *s = &w->steps[w->n++];
	va_list args;

	s->stage = stage;
	va_start(args, format);
	(void)vsnprintf(s->text, sizeof(s->text), format, args);
	va_end(args);
}

static const char *port_name(const struct writer *w, unsigned port)
{
	return w->ctl->conf->interfaces[port].name;
}

static const char *server_name(const struct writer *w)
{
	int id = w->t->server;

	return id >= 0 && (unsigned)id < w->ctl->n_servers ? w->ctl->servers[id].conf->name : "?";
}

static const char *format_flags(uint8_t flags, char *buf)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} names[] = {{0x02, "SYN"}, {0x10, "ACK"}, {0x01, "FIN"}, {0x04, "RST"}};

	buf[0] = '\0';
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & names[i].bit) {
			(void)strcat(buf, " ");
			(void)strcat(buf, names[i].name);
		}
	return buf;
}

static void add_rx(struct writer *w)
{
	const struct dp_trace *t = w->t;
	char src[ADDR_PORT_STR_LEN], dst[ADDR_PORT_STR_LEN], flags[32], hash[32] = "";
	const char *protocol = t->protocol == IPPROTO_TCP ? "tcp" : "udp";

	if (t->has_hash)
		(void)snprintf(hash, sizeof(hash), ", RSS hash %08x", t->hash);
	if (!t->is_ip)
		add(w, "rx", "no IP packet that can be read%s", hash);
	else if (t->protocol == IPPROTO_TCP || t->protocol == IPPROTO_UDP)
		add(w, "rx", "%s > %s %s%s%s%s",
			addr_port_format(&t->before.src, t->before.src_port, src),
			addr_port_format(&t->before.dst, t->before.dst_port, dst), protocol,
			format_flags(t->tcp_flags, flags), t->is_fragment ? ", fragment" : "",
			hash);
	else
		add(w, "rx", "%s > %s protocol %u%s", addr_format(&t->before.src, src),
			addr_format(&t->before.dst, dst), t->protocol, hash);
}

static void add_classify(struct writer *w)
{
	const struct dp_trace *t = w->t;
	const char *name;

	if (t->service < 0 || (unsigned)t->service >= w->ctl->n_services) {
		add(w, "classify", "%s",
			t->is_to_vip ? "to a VIP, no service's port" : "not to a VIP");
		return;
	}
	name = w->ctl->services[t->service].conf->name;
	if (t->is_to_vip)
		add(w, "classify", "service %s (IPv%d)", name, addr_is_v4(&t->before.dst) ? 4 : 6);
	else
		add(w, "classify", "not to a VIP: taken for an answer of service %s", name);
}

static void add_conn(struct writer *w)
{
	const struct dp_trace *t = w->t;

	if (t->has_conn)
		add(w, "conn", "%s, server %s, opened %u.%03u s ago", t->state_before,
			server_name(w), t->age_ms / 1000, t->age_ms % 1000);
	else
		add(w, "conn", "none");
}

static void add_sched(struct writer *w)
{
	const struct dp_trace *t = w->t;

	if (t->is_new)
		add(w, "sched", "wrr -> %s (weight %u of %u); connection opened", server_name(w),
			t->weight, t->weight_sum);
	else if (!t->has_conn)
		add(w, "sched", "no connection: routed as it is");
}

static void add_forward(struct writer *w)
{
	const struct dp_trace *t = w->t;

	if (t->state_after)
		add(w, "track", "%s, timeout %u s", t->state_after, t->timeout_ms / 1000);
}

/* What the rewrite changed. */
static void add_nat(struct writer *w)
{
	const struct dp_trace *t = w->t;
	char text[ADDR_PORT_STR_LEN];

	if (!addr_equal(&t->before.dst, &t->after.dst) || t->before.dst_port != t->after.dst_port)
		add(w, "nat", "dst -> %s",
			addr_port_format(&t->after.dst, t->after.dst_port, text));
	else if (!addr_equal(&t->before.src, &t->after.src) ||
		 t->before.src_port != t->after.src_port)
		add(w, "nat", "src -> %s",
			addr_port_format(&t->after.src, t->after.src_port, text));
	else
		add(w, "nat", "unchanged");
}

/* Where it ended, if it did not leave: the stage behind the last that it has passed. */
static void add_end(struct writer *w)
{
	const struct dp_trace *t = w->t;
	const char *stage = stage_names[t->n_stages <= FORWARD ? t->n_stages : FORWARD];
	char text[ADDR_STR_LEN];

	switch (t->end) {
	case DP_TRACE_SENT:
		add_nat(w);
		add(w, "nexthop", "neighbour %02x:%02x:%02x:%02x:%02x:%02x", t->mac[0], t->mac[1],
			t->mac[2], t->mac[3], t->mac[4], t->mac[5]);
		add(w, "tx", "%s", port_name(w, t->out_port));
		break;
	case DP_TRACE_HELD:
		add(w, "nexthop", "waits for the MAC address of %s on %s",
			addr_format(&t->neighbour, text), port_name(w, t->out_port));
		break;
	case DP_TRACE_DROPPED:
		add(w, stage, "dropped: %s (%s)", dp_drop_label(t->why), dp_drop_help(t->why));
		break;
	case DP_TRACE_ANSWERED:
		add(w, stage, "answered: %s (%s)", dp_drop_label(t->why), dp_drop_help(t->why));
		break;
	case DP_TRACE_KERNEL:
		add(w, stage, "given to the kernel");
		break;
	case DP_TRACE_HANDED_OVER:
		add(w, stage, "handed over to worker %u, which owns the flow", t->owner);
		break;
	}
}

unsigned ctl_trace_steps(const struct ctl *ctl, const struct dp_trace *t,
	struct ctl_trace_step ret_steps[CTL_TRACE_MAX_STEPS])
{
	struct writer w = {.ctl = ctl, .t = t, .steps = ret_steps};

	add_rx(&w);
	if (t->is_handed_over)
		add(&w, "steer", "came from another worker, which received it");
	if (t->n_stages > CLASSIFY)
		add_classify(&w);
	if (t->n_stages > CONN)
		add_conn(&w);
	if (t->n_stages > SCHED)
		add_sched(&w);
	if (t->n_stages > FORWARD)
		add_forward(&w);
	add_end(&w);
	return w.n;
}

/* A snapshot as text: Prometheus' exposition format, version 0.0.4. One pass over the table of
 * families; what a family says of an object is its reader's (metrics_read.c). */
#include "control/metrics_model.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 65536, MAX_NUMBER = 40 };

struct metrics_out {
	char *text;
	size_t len, size;
	bool has_failed; // out of memory: nothing is added any more
	unsigned n_series;
	const struct metrics_family *family;
	struct metrics_labels object;
};

static void add(struct metrics_out *o, const char *text, size_t len)
{
	size_t size = o->size ? o->size : FIRST_SIZE;
	char *grown;

	while (o->len + len > size)
		size *= 2;
	if (size > o->size && !o->has_failed) {
		grown = realloc(o->text, size);
		o->has_failed = !grown;
		if (grown) {
			o->text = grown;
			o->size = size;
		}
	}
	if (o->has_failed)
		return;
	memcpy(o->text + o->len, text, len);
	o->len += len;
}

static void add_text(struct metrics_out *o, const char *text)
{
	add(o, text, strlen(text));
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* What does not fit is left out, whole: names of the configuration are far shorter. */
void ctl_metrics_label(struct metrics_labels *l, const char *key, const char *value)
{
	enum { ESCAPE = 2, END = 2 }; // bytes: of one escaped; quote and NUL
	size_t len = l->len;

	if (len + strlen(key) + sizeof(",=\"") > sizeof(l->text))
		return;
	len += (size_t)snprintf(
		l->text + len, sizeof(l->text) - len, "%s%s=\"", len > 0 ? "," : "", key);
	for (const char *c = value; *c; c++) {
		if (len + ESCAPE + END > sizeof(l->text)) {
			l->text[l->len] = '\0';
			return;
		}
		if (*c == '\\' || *c == '"' || *c == '\n')
			l->text[len++] = '\\';
		l->text[len++] = *c == '\n' ? 'n' : *c;
	}
	l->text[len++] = '"';
	l->text[len] = '\0';
	l->len = len;
}

static void label_number(struct metrics_labels *l, const char *key, unsigned value)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", value);
	ctl_metrics_label(l, key, text);
}

static void label_service(struct metrics_labels *l, const struct metrics_service *s)
{
	ctl_metrics_label(l, "service", s->conf->name);
	ctl_metrics_label(l, "family", s->family == CONF_V6 ? "ipv6" : "ipv4");
}

static void label_server(
	struct metrics_labels *l, const struct metrics_snapshot *s, const struct metrics_server *m)
{
	label_service(l, &s->services[m->service]);
	ctl_metrics_label(l, "server", m->conf->name);
}

static void label_vrrp(struct metrics_labels *l, const struct metrics_vrrp *v, bool is_full)
{
	ctl_metrics_label(l, "vrrp", v->conf->name);
	if (!is_full)
		return;
	ctl_metrics_label(l, "group", v->group_conf->name);
	ctl_metrics_label(l, "interface", v->conf->interface->name);
	label_number(l, "vrid", v->conf->vrid);
}

/* What the object is known by. */
static void label_object(struct metrics_labels *l, const struct metrics_snapshot *s,
	enum metrics_object object, unsigned i)
{
	switch (object) {
	case METRICS_SERVICE:
		label_service(l, &s->services[i]);
		break;
	case METRICS_SERVER:
		label_server(l, s, &s->servers[i]);
		break;
	case METRICS_CHECK:
		label_server(l, s, &s->servers[i]);
		ctl_metrics_label(l, "check", s->services[s->servers[i].service].conf->check->name);
		break;
	case METRICS_WORKER:
	case METRICS_WORKER_CPU:
		label_number(l, "worker", i);
		if (object == METRICS_WORKER_CPU)
			label_number(l, "cpu", s->workers[i].cpu);
		break;
	case METRICS_PORT:
		ctl_metrics_label(l, "port", s->ports[i].name);
		break;
	case METRICS_POOL:
		ctl_metrics_label(l, "pool", s->pools[i].name);
		label_number(l, "numa_node", s->pools[i].numa_node);
		break;
	case METRICS_VRRP:
	case METRICS_VRRP_FULL:
		label_vrrp(l, &s->vrrps[i], object == METRICS_VRRP_FULL);
		break;
	case METRICS_NODE:
	case METRICS_N_OBJECTS:
		break;
	}
}

const char *ctl_metrics_labels(enum metrics_object object)
{
	static const char *const labels[METRICS_N_OBJECTS] = {
		[METRICS_NODE] = "",
		[METRICS_SERVICE] = "service, family",
		[METRICS_SERVER] = "service, family, server",
		[METRICS_CHECK] = "service, family, server, check",
		[METRICS_WORKER] = "worker",
		[METRICS_WORKER_CPU] = "worker, cpu",
		[METRICS_PORT] = "port",
		[METRICS_POOL] = "pool, numa_node",
		[METRICS_VRRP] = "vrrp",
		[METRICS_VRRP_FULL] = "vrrp, group, interface, vrid",
	};

	return labels[object];
}

/* ---- samples --------------------------------------------------------------------------------- */

static void add_sample(
	struct metrics_out *o, const char *suffix, const char *more, const char *number)
{
	bool has_object = o->object.len > 0;

	add_text(o, o->family->name);
	add_text(o, suffix);
	if (has_object || more) {
		add(o, "{", 1);
		add(o, o->object.text, o->object.len);
		if (has_object && more)
			add(o, ",", 1);
		add_text(o, more ? more : "");
		add(o, "}", 1);
	}
	add(o, " ", 1);
	add_text(o, number);
	add(o, "\n", 1);
	o->n_series++;
}

void ctl_metrics_put(struct metrics_out *o, const char *more, uint64_t value)
{
	char digits[MAX_NUMBER];
	char *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do
		*--at = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	add_sample(o, "", more, at);
}

void ctl_metrics_put_part(struct metrics_out *o, const char *suffix, const char *more, double value)
{
	char number[MAX_NUMBER];

	(void)snprintf(number, sizeof(number), "%.15g", value);
	add_sample(o, suffix, more, number);
}

void ctl_metrics_put_real(struct metrics_out *o, const char *more, double value)
{
	ctl_metrics_put_part(o, "", more, value);
}

void ctl_metrics_put_times(struct metrics_out *o, const struct dp_times *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i + 1 < t->n_buckets; i++) {
		char le[MAX_NUMBER];

		n += t->buckets[i];
		(void)snprintf(le, sizeof(le), "le=\"%g\"", t->bounds_seconds[i]);
		ctl_metrics_put_part(o, "_bucket", le, (double)n);
	}
	n += t->n_buckets > 0 ? t->buckets[t->n_buckets - 1] : 0;
	ctl_metrics_put_part(o, "_bucket", "le=\"+Inf\"", (double)n);
	ctl_metrics_put_part(o, "_sum", NULL, t->sum_seconds);
	ctl_metrics_put_part(o, "_count", NULL, (double)n);
}

/* ---- everything ------------------------------------------------------------------------------ */

static void add_head(struct metrics_out *o)
{
	static const char *const types[] = {
		[METRICS_GAUGE] = "gauge",
		[METRICS_COUNTER] = "counter",
		[METRICS_HISTOGRAM] = "histogram",
	};

	add_text(o, "# HELP ");
	add_text(o, o->family->name);
	add(o, " ", 1);
	add_text(o, o->family->help);
	add_text(o, "\n# TYPE ");
	add_text(o, o->family->name);
	add(o, " ", 1);
	add_text(o, types[o->family->type]);
	add(o, "\n", 1);
}

static unsigned count_objects(const struct metrics_snapshot *s, enum metrics_object object)
{
	switch (object) {
	case METRICS_NODE:
		return 1;
	case METRICS_SERVICE:
		return s->n_services;
	case METRICS_SERVER:
	case METRICS_CHECK:
		return s->conf->http.has_server_metrics ? s->n_servers : 0;
	case METRICS_WORKER:
	case METRICS_WORKER_CPU:
		return s->n_workers;
	case METRICS_PORT:
		return s->n_ports;
	case METRICS_POOL:
		return s->n_pools;
	case METRICS_VRRP:
	case METRICS_VRRP_FULL:
		return s->n_vrrps;
	case METRICS_N_OBJECTS:
		break;
	}
	return 0;
}

static bool is_there(const struct metrics_snapshot *s, enum metrics_object object, unsigned i)
{
	return object != METRICS_CHECK ||
	       s->services[s->servers[i].service].conf->check->type != CONF_CHECK_NONE;
}

static void add_family(struct metrics_out *o, const struct metrics_snapshot *s)
{
	const struct metrics_family *f = o->family;
	unsigned n = count_objects(s, f->object);

	for (unsigned i = 0; i < n; i++) {
		if (!is_there(s, f->object, i))
			continue;
		o->object.len = 0;
		label_object(&o->object, s, f->object, i);
		f->read(o, s, i);
	}
}

int ctl_metrics_format(const struct metrics_snapshot *s, struct metrics_text *ret)
{
	struct metrics_out o = {.text = NULL};
	unsigned n;
	const struct metrics_family *table = ctl_metrics_table(&n);

	for (unsigned i = 0; i < n; i++) {
		o.family = &table[i];
		add_head(&o);
		add_family(&o, s);
	}
	if (o.has_failed) {
		free(o.text);
		return -ENOMEM;
	}
	*ret = (struct metrics_text){o.text, o.len, o.n_series};
	return 0;
}

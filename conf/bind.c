/* The file's own keys and VIPs to the model; references by name for all of it.
 *
 * Objects of a kind stand in one array in the order of the files; tree objects point to
 * theirs, so that references become pointers. */
#include "conf/bind.h"

#include "base/arena.h"
#include "base/diag.h"
#include "base/nearest.h"
#include "conf/host.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LISTED = 10, LIST_LEN = 800, HALF_OPEN_LEAST = 16384 };

const char *conf_bind_text(struct conf_binding *b, const char *text, int *ret_err)
{
	const char *copy = text ? arena_strdup(b->arena, text) : NULL;

	if (text && !copy)
		*ret_err = -ENOMEM;
	return copy;
}

void conf_bind_addresses(struct conf_binding *b, struct conf_value *value,
	struct addr address[CONF_N_FAMILIES], bool has_address[CONF_N_FAMILIES])
{
	for (unsigned i = 0; i < value->n; i++) {
		const struct addr *a = &value->data[i].address;
		enum conf_family family = addr_is_v4(a) ? CONF_V4 : CONF_V6;

		if (has_address[family])
			conf_tree_refuse(
				b->tree, value, "more than one IPv%d address", addr_family(a));
		address[family] = *a;
		has_address[family] = true;
	}
}

/* " (pools: mail, web)", or the nearest name when there are too many to list. */
static void describe_known(const struct conf_objects *known, const struct conf_section_def *def,
	const char *name, char *buf)
{
	struct nearest n;
	size_t len;

	*buf = '\0';
	nearest_init(&n, name);
	for (const struct conf_object *o = known->first; o; o = o->next)
		nearest_offer(&n, o->name);
	if (known->n > MAX_LISTED) {
		if (nearest_find(&n))
			(void)snprintf(buf, LIST_LEN, " (did you mean \"%s\"?)", nearest_find(&n));
		return;
	}
	if (known->n == 0) {
		(void)snprintf(buf, LIST_LEN, " (there are no %s)", def->many);
		return;
	}
	len = (size_t)snprintf(buf, LIST_LEN, " (%s: ", def->many);
	for (const struct conf_object *o = known->first; o; o = o->next)
		len += (size_t)snprintf(
			buf + len, LIST_LEN - len, "%s%s", o->name, o->next ? ", " : ")");
	assert(len < LIST_LEN);
}

void *conf_bind_reference(struct conf_binding *b, struct conf_value *value, const char *name,
	const struct conf_object *parent)
{
	enum conf_section section = value->key->refers_to;
	const struct conf_section_def *def = conf_schema_section(section);
	const struct conf_object *object = conf_tree_find(parent, section, name);
	char known[LIST_LEN], where[CONF_MAX_NAME + 16] = "";

	if (object)
		return object->bound;
	describe_known(&parent->members[section], def, name, known);
	if (*parent->name)
		(void)snprintf(where, sizeof(where), " in %s \"%s\"",
			conf_schema_section(parent->section)->one, parent->name);
	conf_tree_refuse(b->tree, value, "no %s \"%s\"%s%s", def->one, name, where, known);
	return NULL;
}

/* They may be there for what VRRP tracks. */
static void warn_idle_services(struct conf_binding *b, const struct conf_value *workers)
{
	struct diag_place where = {.file = workers->place.file, .line = workers->place.line};

	diag_add(b->tree->diag, DIAG_WARNING, &where,
		"cpu.workers: without a worker nothing is forwarded for the services: they are "
		"checked, no more");
}

static int bind_workers(struct conf_binding *b)
{
	const struct conf_object *root = b->tree->root;
	struct conf_value *value = conf_tree_get(b->tree, root, CONF_KEY_CPU_WORKERS);
	bool is_written = value->state == CONF_GOOD;
	unsigned n = is_written ? value->n : 1;
	uint16_t *workers = arena_alloc(b->arena, n, sizeof(*workers));

	if (!workers)
		return -ENOMEM;
	if (!is_written)
		workers[0] = (uint16_t)conf_host_last_cpu();
	for (unsigned i = 0; is_written && i < n; i++) {
		workers[i] = (uint16_t)value->data[i].number;
		for (unsigned j = 0; j < i; j++)
			if (workers[j] == workers[i])
				conf_tree_refuse(
					b->tree, value, "CPU %u is there twice", workers[i]);
	}
	if (n > CONF_MAX_WORKERS)
		conf_tree_refuse(b->tree, value, "more than %d workers", CONF_MAX_WORKERS);
	if (n == 0 && root->members[CONF_IN_SERVICE].n > 0)
		warn_idle_services(b, value);
	b->conf->cpu.workers = workers;
	b->conf->cpu.n_workers = n;
	return 0;
}

static void warn_shared_cpu(struct conf_binding *b)
{
	const struct conf_cpu *cpu = &b->conf->cpu;
	const struct conf_value *value = conf_tree_slot(b->tree->root, CONF_KEY_CPU_CONTROL);
	struct diag_place where = {.file = value->place.file, .line = value->place.line};

	for (unsigned i = 0; i < cpu->n_workers; i++)
		if (cpu->control == cpu->workers[i])
			diag_add(b->tree->diag, DIAG_WARNING, &where,
				"cpu.control: CPU %d is a worker's, too", cpu->control);
}

static int bind_cpu(struct conf_binding *b)
{
	struct conf_cpu *cpu = &b->conf->cpu;
	struct conf_object *root = b->tree->root;
	const struct conf_value *args = conf_tree_get(b->tree, root, CONF_KEY_CPU_EAL_ARGS);
	const char **copies;
	int err;

	cpu->control = (int)conf_tree_number(b->tree, root, CONF_KEY_CPU_CONTROL, -1);
	cpu->idle = (enum conf_idle)conf_tree_number(b->tree, root, CONF_KEY_CPU_IDLE, 0);
	cpu->idle_sleep_us = (uint32_t)conf_tree_number(b->tree, root, CONF_KEY_CPU_IDLE_SLEEP, 0);
	err = bind_workers(b);
	if (err < 0)
		return err;
	warn_shared_cpu(b);

	copies = arena_alloc(b->arena, args->n, sizeof(*copies));
	if (!copies)
		return -ENOMEM;
	for (unsigned i = 0; i < args->n; i++)
		copies[i] = conf_bind_text(b, args->data[i].text, &err);
	cpu->eal_args = copies;
	cpu->n_eal_args = args->n;
	return err;
}

static int bind_control(struct conf_binding *b)
{
	struct conf_control *control = &b->conf->control;
	struct conf_object *root = b->tree->root;
	struct conf_value *read_only =
		conf_tree_get(b->tree, root, CONF_KEY_CONTROL_READ_ONLY_SOCKET);
	const char *socket = conf_tree_text(b->tree, root, CONF_KEY_CONTROL_SOCKET);
	const char *read_only_socket =
		conf_tree_text(b->tree, root, CONF_KEY_CONTROL_READ_ONLY_SOCKET);
	int err = 0;

	control->socket = conf_bind_text(b, socket, &err);
	control->read_only_socket = conf_bind_text(b, read_only_socket, &err);
	control->group =
		conf_bind_text(b, conf_tree_text(b->tree, root, CONF_KEY_CONTROL_GROUP), &err);
	control->mode = (unsigned)conf_tree_number(b->tree, root, CONF_KEY_CONTROL_MODE, 0);
	if (socket && read_only_socket && strcmp(socket, read_only_socket) == 0)
		conf_tree_refuse(b->tree, read_only, "the same as control.socket");
	return err;
}

static int bind_listen(struct conf_binding *b, struct conf_http *http)
{
	struct conf_value *value = conf_tree_get(b->tree, b->tree->root, CONF_KEY_HTTP_LISTEN);
	struct conf_endpoint *listen = arena_alloc(b->arena, value->n, sizeof(*listen));

	if (!listen)
		return -ENOMEM;
	if (value->n > CONF_MAX_LISTEN)
		conf_tree_refuse(b->tree, value, "more than %d of them", CONF_MAX_LISTEN);
	for (unsigned i = 0; i < value->n; i++) {
		listen[i].address = value->data[i].address;
		listen[i].port = (uint16_t)value->data[i].number;
		for (unsigned j = 0; j < i; j++)
			if (listen[i].port == listen[j].port &&
				addr_equal(&listen[i].address, &listen[j].address))
				conf_tree_refuse(b->tree, value, "\"%s\" is there twice",
					value->data[i].text);
	}
	http->listen = listen;
	http->n_listen = value->n;
	return 0;
}

static int bind_http(struct conf_binding *b)
{
	const struct conf_object *root = b->tree->root;
	const struct conf_value *hosts = conf_tree_get(b->tree, root, CONF_KEY_HTTP_HOSTS);
	const char **copies = arena_alloc(b->arena, hosts->n, sizeof(*copies));
	struct conf_http *http = &b->conf->http;
	int err = copies ? 0 : -ENOMEM;

	http->has_metrics = conf_tree_number(b->tree, root, CONF_KEY_HTTP_METRICS, 1) != 0;
	http->has_status = conf_tree_number(b->tree, root, CONF_KEY_HTTP_STATUS, 1) != 0;
	http->has_server_metrics =
		conf_tree_number(b->tree, root, CONF_KEY_HTTP_SERVER_METRICS, 1) != 0;
	for (unsigned i = 0; i < hosts->n && err == 0; i++)
		copies[i] = conf_bind_text(b, hosts->data[i].text, &err);
	http->hosts = copies;
	http->n_hosts = hosts->n;
	return err < 0 ? err : bind_listen(b, http);
}

static int bind_root(struct conf_binding *b)
{
	struct conf_object *root = b->tree->root;
	struct conf *conf = b->conf;
	const char *node = conf_tree_text(b->tree, root, CONF_KEY_NODE);
	char host[CONF_MAX_NAME + 1];
	int err = 0;

	(void)conf_tree_get(b->tree, root, CONF_KEY_VERSION); // tells if it is missing
	conf->node = conf_bind_text(b, node ? node : conf_host_name(host), &err);
	conf->log.target = (int)conf_tree_number(b->tree, root, CONF_KEY_LOG_TARGET, 0);
	conf->log.level = (int)conf_tree_number(b->tree, root, CONF_KEY_LOG_LEVEL, 0);
	return err;
}

/* How many queues a device has is not known here; that each has one is. */
static void check_packets(struct conf_binding *b)
{
	struct conf_value *value = conf_tree_get(b->tree, b->tree->root, CONF_KEY_MEMORY_PACKETS);
	uint64_t n = b->conf->memory.packets;
	unsigned n_interfaces = b->tree->root->members[CONF_IN_INTERFACE].n;
	uint64_t least = (uint64_t)n_interfaces * CONF_PACKETS_A_QUEUE;

	if (b->conf->cpu.n_workers == 0 || n == 0 || n >= least) // 0: told already
		return;
	conf_tree_refuse(b->tree, value,
		"%llu packet buffers are too few for %u interface%s: %llu are needed at least (%d "
		"for each queue)",
		(unsigned long long)n, n_interfaces, n_interfaces == 1 ? "" : "s",
		(unsigned long long)least, CONF_PACKETS_A_QUEUE);
}

/* An eighth, and never so few that many clients at once would push each other out. */
static uint64_t half_open_default(uint64_t connections)
{
	return connections / 8 > HALF_OPEN_LEAST ? connections / 8 : HALF_OPEN_LEAST;
}

static int bind_memory(struct conf_binding *b)
{
	struct conf_object *root = b->tree->root;
	struct conf_memory *memory = &b->conf->memory;

	memory->hugepages =
		(enum conf_hugepages)conf_tree_number(b->tree, root, CONF_KEY_MEMORY_HUGEPAGES, 0);
	memory->connections =
		(uint64_t)conf_tree_number(b->tree, root, CONF_KEY_MEMORY_CONNECTIONS, 0);
	memory->half_open = (uint64_t)conf_tree_number(b->tree, root, CONF_KEY_MEMORY_HALF_OPEN,
		(int64_t)half_open_default(memory->connections));
	memory->packets = (uint64_t)conf_tree_number(b->tree, root, CONF_KEY_MEMORY_PACKETS, 0);
	check_packets(b);
	return 0;
}

static int bind_vip(struct conf_binding *b, struct conf_object *o, struct conf_vip *vip)
{
	struct conf_value *addresses = conf_tree_get(b->tree, o, CONF_KEY_VIP_ADDRESSES);
	struct conf_value *interface = conf_tree_get(b->tree, o, CONF_KEY_VIP_INTERFACE);
	struct addr *copies = arena_alloc(b->arena, addresses->n, sizeof(*copies));
	int err = 0;

	if (!copies)
		return -ENOMEM;
	for (unsigned i = 0; i < addresses->n; i++)
		copies[i] = addresses->data[i].address;
	vip->name = conf_bind_text(b, o->name, &err);
	vip->place = o->place;
	vip->addresses = copies;
	vip->n_addresses = addresses->n;
	if (interface->state == CONF_GOOD)
		vip->interface =
			conf_bind_reference(b, interface, interface->data[0].text, b->tree->root);
	o->bound = vip;
	return err;
}

static int bind_vips(struct conf_binding *b)
{
	const struct conf_objects *all = &b->tree->root->members[CONF_IN_VIP];
	struct conf_vip *vips = arena_alloc(b->arena, all->n, sizeof(*vips));
	unsigned n = 0;
	int err = 0;

	if (!vips)
		return -ENOMEM;
	for (struct conf_object *o = all->first; o && err == 0; o = o->next)
		err = bind_vip(b, o, &vips[n++]);
	b->conf->vips = vips;
	b->conf->n_vips = n;
	return err;
}

int conf_bind(struct conf_binding *b)
{
	static int (*const parts[])(struct conf_binding *) = {bind_root, bind_cpu, bind_memory,
		bind_control, bind_http, conf_bind_health, conf_bind_interfaces, conf_bind_routes,
		bind_vips, conf_bind_pools, conf_bind_checks, conf_bind_services, conf_bind_vrrp};
	int err = 0;

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]) && err == 0; i++)
		err = parts[i](b);
	return err;
}

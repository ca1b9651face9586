/* VRRP to the model: groups and their instances, and what one of them must be in itself. What they
 * are to each other is check_vrrp.c's business, what they track bind_track.c's. */
#include "conf/bind_vrrp.h"

#include "base/arena.h"
#include "base/diag.h"
#include "base/spawn.h"
#include "conf/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LIST_LEN = 512, MAX_LISTED = 10, MS_PER_S = 1000, DEFAULT_LEARNED_MS = 10000 };

/* What `notify` is given besides its own words. */
enum { NOTIFY_ARGS = 4 };

/* Of IPv4: IPv6 is always 3. */
enum { VERSION_2 = 2 };

static const char *const family_words[CONF_N_FAMILIES] = {"IPv4", "IPv6"};

static enum conf_family family_of(const struct addr *a)
{
	return addr_is_v4(a) ? CONF_V4 : CONF_V6;
}

/* One instance being made. */
struct maker {
	struct conf_binding *b;
	struct conf_object *object;
	const struct conf_vrrp_group *group;
	struct conf_vrrp_instance *instance;
	int err; // -ENOMEM, once and for all
};

static struct conf_value *get(struct maker *m, enum conf_key_id key)
{
	return conf_tree_get(m->b->tree, m->object, key);
}

static void *refer(struct maker *m, enum conf_key_id key)
{
	struct conf_value *value = get(m, key);

	if (value->state != CONF_GOOD)
		return NULL;
	return conf_bind_reference(m->b, value, value->data[0].text, m->b->tree->root);
}

static bool is_written(const struct maker *m, enum conf_key_id key)
{
	return conf_tree_slot(m->object, key)->state != CONF_ABSENT;
}

/* ---- addresses ------------------------------------------------------------------------------ */

static void bind_vip(struct maker *m)
{
	const struct conf_vip *vip = refer(m, CONF_KEY_INSTANCE_VIP);
	const struct conf_interface *i = m->instance->interface;

	m->instance->vip = vip;
	if (vip && vip->interface && i && vip->interface != i)
		conf_tree_refuse(m->b->tree, get(m, CONF_KEY_INSTANCE_VIP),
			"vip \"%s\" is on interface \"%s\", the instance on \"%s\"", vip->name,
			vip->interface->name, i->name);
}

static void check_source_of_addresses(struct maker *m)
{
	bool has_vip = is_written(m, CONF_KEY_INSTANCE_VIP);
	bool has_list = is_written(m, CONF_KEY_INSTANCE_ADDRESSES);

	if (has_vip && has_list)
		conf_bind_tell(m->b, m->object, "addresses",
			"the addresses are those of vip: only one of the two can stand");
	if (!has_vip && !has_list)
		conf_bind_tell(
			m->b, m->object, "vip", "required setting is missing: vip or addresses");
}

/* Refuses those of the other family, and what is there twice. */
static void check_listed(struct maker *m, struct conf_value *value)
{
	enum conf_family family = m->instance->family;

	for (unsigned i = 0; i < value->n; i++) {
		const struct conf_datum *d = &value->data[i];

		if (family_of(&d->address) != family)
			conf_tree_refuse(m->b->tree, value, "%s is not an %s address", d->text,
				family_words[family]);
		for (unsigned j = 0; j < i; j++)
			if (addr_equal(&d->address, &value->data[j].address))
				conf_tree_refuse(m->b->tree, value, "%s is there twice", d->text);
	}
}

static bool bind_link_local(struct maker *m, struct addr *ret)
{
	struct conf_value *value = get(m, CONF_KEY_INSTANCE_LINK_LOCAL);
	bool is_v6 = m->instance->family == CONF_V6;

	if (is_v6 && !is_written(m, CONF_KEY_INSTANCE_LINK_LOCAL))
		conf_bind_tell(m->b, m->object, "link_local",
			"IPv6 adverts must list a link-local address first (RFC 9568 §5.2.9): give "
			"link_local");
	if (value->state != CONF_GOOD)
		return false;
	*ret = value->data[0].address;
	if (!is_v6)
		conf_tree_refuse(m->b->tree, value, "an instance of family 4 has no use for it");
	else if (addr_is_v4(ret) || !addr_is_link_local(ret))
		conf_tree_refuse(m->b->tree, value,
			"%s is not an IPv6 link-local address (fe80::/10)", value->data[0].text);
	return is_v6;
}

static void check_count(struct maker *m)
{
	const struct conf_vrrp_instance *in = m->instance;
	const char *key = in->vip ? "vip" : "addresses";

	if (in->n_addresses > CONF_MAX_VRRP_ADDRESSES)
		conf_bind_tell(m->b, m->object, key,
			"%u addresses are more than an instance may have (%d, link_local among "
			"them)",
			in->n_addresses, CONF_MAX_VRRP_ADDRESSES);
}

/* The VIP's addresses of the family. */
static unsigned copy_of_vip(struct maker *m, struct addr *to)
{
	const struct conf_vip *vip = m->instance->vip;
	unsigned n = 0;

	for (unsigned i = 0; i < vip->n_addresses; i++)
		if (family_of(&vip->addresses[i]) == m->instance->family)
			to[n++] = vip->addresses[i];
	if (n == 0 && vip->n_addresses > 0)
		conf_tree_refuse(m->b->tree, get(m, CONF_KEY_INSTANCE_VIP),
			"vip \"%s\" has no %s address", vip->name,
			family_words[m->instance->family]);
	return n;
}

static unsigned copy_listed(struct maker *m, struct addr *to)
{
	struct conf_value *list = get(m, CONF_KEY_INSTANCE_ADDRESSES);

	check_listed(m, list);
	for (unsigned i = 0; i < list->n; i++)
		to[i] = list->data[i].address;
	return list->n;
}

static void bind_addresses(struct maker *m)
{
	struct conf_vrrp_instance *in = m->instance;
	unsigned n_listed = get(m, CONF_KEY_INSTANCE_ADDRESSES)->n;
	unsigned room = 1 + (in->vip ? in->vip->n_addresses : n_listed);
	struct addr *addresses = arena_alloc(m->b->arena, room, sizeof(*addresses));
	unsigned n;

	if (!addresses) {
		m->err = -ENOMEM;
		return;
	}
	n = bind_link_local(m, &addresses[0]);
	n += in->vip ? copy_of_vip(m, addresses + n) : copy_listed(m, addresses + n);
	in->addresses = addresses;
	in->n_addresses = n;
	check_count(m);
}

/* ---- who is heard, and how ---------------------------------------------------------------------
 */

static void bind_source(struct maker *m, const struct conf_value *peers)
{
	struct conf_value *source = get(m, CONF_KEY_INSTANCE_UNICAST_SOURCE);
	const struct addr *a;

	if (source->state != CONF_GOOD)
		return;
	a = &source->data[0].address;
	m->instance->unicast_source = *a;
	check_listed(m, source);
	for (unsigned i = 0; i < peers->n; i++)
		if (addr_equal(a, &peers->data[i].address))
			conf_tree_refuse(m->b->tree, source, "%s is among the peers, too",
				source->data[0].text);
}

static void bind_unicast(struct maker *m)
{
	struct conf_value *peers = get(m, CONF_KEY_INSTANCE_UNICAST_PEERS);
	struct addr *copies = arena_alloc(m->b->arena, peers->n, sizeof(*copies));

	if (!copies) {
		m->err = -ENOMEM;
		return;
	}
	for (unsigned i = 0; i < peers->n; i++)
		copies[i] = peers->data[i].address;
	m->instance->is_unicast = peers->n > 0;
	m->instance->unicast_peers = copies;
	m->instance->n_unicast_peers = peers->n;
	if (peers->n > CONF_MAX_PEERS)
		conf_tree_refuse(m->b->tree, peers, "more than %d of them", CONF_MAX_PEERS);
	check_listed(m, peers);
	bind_source(m, peers);
}

static void bind_allow(struct maker *m)
{
	struct conf_value *value = get(m, CONF_KEY_INSTANCE_ALLOW);
	struct prefix *copies = arena_alloc(m->b->arena, value->n, sizeof(*copies));
	bool hears_any = value->n == 0;

	if (!copies) {
		m->err = -ENOMEM;
		return;
	}
	for (unsigned i = 0; i < value->n; i++) {
		copies[i].addr = value->data[i].address;
		copies[i].length_bits = (uint8_t)value->data[i].last;
		hears_any |= family_of(&copies[i].addr) == m->instance->family;
	}
	if (!hears_any)
		conf_tree_refuse(m->b->tree, value, "holds no %s prefix: nobody would be heard",
			family_words[m->instance->family]);
	m->instance->allow = copies;
	m->instance->n_allow = value->n;
}

static void bind_auth_pass(struct maker *m)
{
	struct conf_value *value = get(m, CONF_KEY_INSTANCE_AUTH_PASS);

	if (value->state != CONF_GOOD)
		return;
	m->instance->auth_pass = conf_bind_text(m->b, value->data[0].text, &m->err);
	if (m->instance->family == CONF_V6)
		conf_tree_refuse(
			m->b->tree, value, "IPv6 is always version 3, which has no authentication");
	else if (m->group->version != VERSION_2)
		conf_tree_refuse(m->b->tree, value,
			"only version 2 has authentication (the group's version is %u)",
			m->group->version);
}

/* ---- the instance -------------------------------------------------------------------------- */

static int bind_instance(struct maker *m)
{
	const struct conf_value *family = get(m, CONF_KEY_INSTANCE_FAMILY);
	struct conf_vrrp_instance *in = m->instance;
	struct conf_tree *tree = m->b->tree;

	in->name = conf_bind_text(m->b, m->object->name, &m->err);
	in->place = m->object->place;
	in->interface = refer(m, CONF_KEY_INSTANCE_INTERFACE);
	in->vrid = (uint8_t)conf_tree_number(tree, m->object, CONF_KEY_INSTANCE_VRID, 0);
	in->checksum = (enum conf_vrrp_checksum)conf_tree_number(
		tree, m->object, CONF_KEY_INSTANCE_CHECKSUM, 0);
	bind_vip(m);
	check_source_of_addresses(m);
	if (family->state != CONF_GOOD) // told already; what the rest means depends on it
		return m->err;
	in->family = (enum conf_family)family->data[0].number;
	bind_addresses(m);
	bind_unicast(m);
	bind_allow(m);
	bind_auth_pass(m);
	in->check_ttl = conf_tree_number(
		tree, m->object, CONF_KEY_INSTANCE_CHECK_TTL, in->is_unicast ? 0 : 1);
	return m->err;
}

static int bind_instances(
	struct conf_binding *b, const struct conf_object *o, struct conf_vrrp_group *group)
{
	const struct conf_objects *all = &o->members[CONF_IN_VRRP_INSTANCE];
	struct conf_vrrp_instance *instances = arena_alloc(b->arena, all->n, sizeof(*instances));
	unsigned n = 0;
	int err = 0;

	if (!instances)
		return -ENOMEM;
	for (struct conf_object *io = all->first; io && err == 0; io = io->next) {
		struct maker m = {
			.b = b, .object = io, .group = group, .instance = &instances[n++]};

		err = bind_instance(&m);
	}
	group->instances = instances;
	group->n_instances = n;
	return err;
}

/* ---- the group ---------------------------------------------------------------------------------
 */

/* "lb-1, lb-2" */
static void list_nodes(const struct conf_value *priority, char *buf)
{
	unsigned n = priority->n < MAX_LISTED ? priority->n : MAX_LISTED;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, LIST_LEN - len, "%s%.40s", i > 0 ? ", " : "",
			priority->data[i].text);
	if (n < priority->n)
		(void)snprintf(buf + len, LIST_LEN - len, ", ...");
}

/* One for all nodes, or this node's. */
static void bind_priority(
	struct conf_binding *b, const struct conf_object *o, struct conf_vrrp_group *group)
{
	struct conf_value *value = conf_tree_get(b->tree, o, CONF_KEY_GROUP_PRIORITY);
	const char *node = b->conf->node;
	char nodes[LIST_LEN];

	if (value->state != CONF_GOOD)
		return;
	for (unsigned i = 0; i < value->n; i++)
		if (!value->is_list || strcmp(value->data[i].text, node) == 0)
			group->priority = (unsigned)value->data[i].number;
	if (group->priority > 0 || conf_tree_slot(b->tree->root, CONF_KEY_NODE)->state == CONF_BAD)
		return;
	list_nodes(value, nodes);
	conf_tree_refuse(b->tree, value,
		"holds none for this node, \"%s\" (nodes: %s; the key \"node\" says which one this "
		"is)",
		node, nodes);
}

static uint32_t milliseconds(
	struct conf_binding *b, const struct conf_object *o, enum conf_key_id key)
{
	return (uint32_t)(conf_tree_number(b->tree, o, key, 0) / 1000);
}

static bool has_instance_of(const struct conf_vrrp_group *group, enum conf_family family)
{
	for (unsigned i = 0; i < group->n_instances; i++)
		if (group->instances[i].family == family)
			return true;
	return false;
}

/* RFC 3768 §5.3.7 counts seconds. */
static void check_advert(
	struct conf_binding *b, const struct conf_object *o, const struct conf_vrrp_group *group)
{
	struct conf_value *advert = conf_tree_get(b->tree, o, CONF_KEY_GROUP_ADVERT);
	char text[CONF_VALUE_STR_LEN];

	if (group->version == VERSION_2 && group->advert_ms % MS_PER_S != 0 &&
		has_instance_of(group, CONF_V4))
		conf_tree_refuse(b->tree, advert, "%s: version 2 counts whole seconds",
			conf_value_format(CONF_DURATION, 1000LL * group->advert_ms, text));
}

/* A bound below the group's own interval would make every backup take over from a master that is
 * alive. */
static void bind_learned(
	struct conf_binding *b, const struct conf_object *o, struct conf_vrrp_group *group)
{
	struct conf_value *value = conf_tree_get(b->tree, o, CONF_KEY_GROUP_MAX_LEARNED_INTERVAL);
	char first[CONF_VALUE_STR_LEN], second[CONF_VALUE_STR_LEN];

	group->max_learned_interval_ms =
		group->advert_ms > DEFAULT_LEARNED_MS ? group->advert_ms : DEFAULT_LEARNED_MS;
	if (value->state != CONF_GOOD)
		return;
	group->max_learned_interval_ms = (uint32_t)(value->data[0].number / 1000);
	if (group->max_learned_interval_ms < group->advert_ms)
		conf_tree_refuse(b->tree, value, "%s is shorter than advert (%s)",
			conf_value_format(CONF_DURATION, value->data[0].number, first),
			conf_value_format(CONF_DURATION, 1000LL * group->advert_ms, second));
}

static void bind_times(
	struct conf_binding *b, const struct conf_object *o, struct conf_vrrp_group *group)
{
	group->version = (unsigned)conf_tree_number(b->tree, o, CONF_KEY_GROUP_VERSION, 3);
	group->advert_ms = milliseconds(b, o, CONF_KEY_GROUP_ADVERT);
	group->preempt = conf_tree_number(b->tree, o, CONF_KEY_GROUP_PREEMPT, 1) != 0;
	group->preempt_delay_ms = milliseconds(b, o, CONF_KEY_GROUP_PREEMPT_DELAY);
	group->wait_checks_ms = milliseconds(b, o, CONF_KEY_GROUP_WAIT_CHECKS);
	group->announce_refresh_ms = milliseconds(b, o, CONF_KEY_GROUP_ANNOUNCE_REFRESH);
	group->gate_timeout_ms = milliseconds(b, o, CONF_KEY_GROUP_GATE_TIMEOUT);
	group->gate_may_fail = conf_tree_number(b->tree, o, CONF_KEY_GROUP_GATE_ON_FAILURE, 0) != 0;
	bind_learned(b, o, group);
}

static int bind_commands(
	struct conf_binding *b, const struct conf_object *o, struct conf_vrrp_group *g)
{
	const struct {
		enum conf_key_id key;
		const char *const **argv;
		unsigned *n;
	} commands[] = {
		{CONF_KEY_GROUP_GATE_COMMAND, &g->gate, &g->n_gate},
		{CONF_KEY_GROUP_NOTIFY_MASTER, &g->notify_master, &g->n_notify_master},
		{CONF_KEY_GROUP_NOTIFY_BACKUP, &g->notify_backup, &g->n_notify_backup},
		{CONF_KEY_GROUP_NOTIFY_FAULT, &g->notify_fault, &g->n_notify_fault},
		{CONF_KEY_GROUP_NOTIFY_STOP, &g->notify_stop, &g->n_notify_stop},
		{CONF_KEY_GROUP_NOTIFY, &g->notify, &g->n_notify},
	};
	int err = 0;

	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]) && err == 0; i++)
		err = conf_bind_command(b, &b->of_vrrp, conf_tree_get(b->tree, o, commands[i].key),
			commands[i].argv, commands[i].n);
	if (g->n_notify + NOTIFY_ARGS > SPAWN_MAX_ARGS)
		conf_tree_refuse(b->tree, conf_tree_get(b->tree, o, CONF_KEY_GROUP_NOTIFY),
			"with the four arguments that it is given it has more than %d words",
			SPAWN_MAX_ARGS);
	return err;
}

static int bind_group(struct conf_binding *b, struct conf_object *o, struct conf_vrrp_group *group)
{
	int err = 0;

	group->name = conf_bind_text(b, o->name, &err);
	group->place = o->place;
	bind_priority(b, o, group);
	bind_times(b, o, group);
	if (err == 0)
		err = bind_instances(b, o, group);
	check_advert(b, o, group);
	if (err == 0)
		err = conf_bind_tracks(b, o, group);
	return err < 0 ? err : bind_commands(b, o, group);
}

int conf_bind_vrrp(struct conf_binding *b)
{
	const struct conf_objects *all = &b->tree->root->members[CONF_IN_VRRP_GROUP];
	struct conf_vrrp_group *groups = arena_alloc(b->arena, all->n, sizeof(*groups));
	struct conf_vrrp *vrrp = &b->conf->vrrp;
	int err = conf_bind_runner(b, CONF_KEY_VRRP_SCRIPT_USER, &b->of_vrrp, &vrrp->script_user);
	unsigned n = 0;

	if (!groups)
		return -ENOMEM;
	for (struct conf_object *o = all->first; o && err == 0; o = o->next)
		err = bind_group(b, o, &groups[n++]);
	vrrp->groups = groups;
	vrrp->n_groups = n;
	return err;
}

/* One virtual router: its sockets, what it sends, and what it makes of what it hears.
 *
 * Whether a packet is believed and who wins is decided in election.c; here the answer is counted,
 * and handed to the group. */
#include "vrrp/engine.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

enum {
	MAX_PACKETS_A_TURN = 64,
	TELL_PACE_US = 10000000,
	REOPEN_US = 1000000,
	MIN_ADVERT_MS = 10,
	LET_PASS = 3
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void believe(struct vrrp_instance *i, const struct vrrp_advert *advert,
	const struct addr *source) ON_CONTROL;
static void hear(struct vrrp_instance *i, const uint8_t *bytes, size_t len,
	const struct vrrp_envelope *envelope) ON_CONTROL;
static void note_list(struct vrrp_instance *i, const struct vrrp_advert *advert,
	const struct addr *source, bool differs) ON_CONTROL;
static void open_socket(struct vrrp_instance *i, const struct vrrp_link *link) ON_CONTROL;
static void send_one(struct vrrp_instance *i, const struct vrrp_advert *advert,
	const struct addr *peer) ON_CONTROL;

void vrrp_instance_init(
	struct vrrp_instance *i, struct vrrp_group *g, const struct conf_vrrp_instance *conf)
{
	*i = (struct vrrp_instance){
		.conf = conf,
		.group = g,
		.socket = {.rx_fd = VRRP_SOCKET_CLOSED, .tx_fd = VRRP_SOCKET_CLOSED},
		.version = conf->family == CONF_V6 ? 3 : g->conf->version,
		.master_advert_ms = g->conf->advert_ms,
		.peer_form = VRRP_SUM_PSEUDO_HEADER, // keepalived's, until somebody is heard
	};
}

/* ---- sockets --------------------------------------------------------------------------------- */

static bool is_open(const struct vrrp_instance *i)
{
	return i->socket.rx_fd != VRRP_SOCKET_CLOSED;
}

void vrrp_instance_close(struct vrrp_instance *i)
{
	if (!is_open(i))
		return;
	vrrp_unwatch(i->group->v, i->socket.rx_fd);
	vrrp_socket_close(&i->socket);
}

static bool shares_link(const struct vrrp_instance *i, const struct conf_vrrp_instance *other)
{
	return other->interface == i->conf->interface && other->family == i->conf->family;
}

/* What other instances there hear is spared; what nobody expects is counted once, by the first. */
static int narrow(const struct vrrp_instance *i) ON_CONTROL;
static int narrow(const struct vrrp_instance *i)
{
	const struct vrrp *v = i->group->v;
	uint8_t known[256];
	struct vrrp_hearing hearing = {
		.vrid = i->conf->vrid, .hears_unknown = true, .known = known};

	for (unsigned k = 0; k < v->n_instances; k++) {
		const struct vrrp_instance *other = &v->instances[k];

		if (!shares_link(i, other->conf) || hearing.n_known >= sizeof(known) - 1)
			continue;
		if (other < i)
			hearing.hears_unknown = false;
		known[hearing.n_known++] = other->conf->vrid;
	}
	return vrrp_socket_narrow(&i->socket, &hearing);
}

static void open_socket(struct vrrp_instance *i, const struct vrrp_link *link)
{
	int r = vrrp_socket_open(i->conf, link->ifindex, &i->source, &i->socket);

	if (r == 0) {
		(void)narrow(i); // a saving only
		r = vrrp_watch(i->group->v, i->socket.rx_fd);
		if (r < 0)
			vrrp_socket_close(&i->socket);
	}
	i->reopen_at_us = r < 0 ? vrrp_now_us() + REOPEN_US : 0;
	if (r < 0 && r != i->open_error)
		log_error("vrrp %s: cannot open its sockets: %s", i->conf->name, strerror(-r));
	i->open_error = r;
}

void vrrp_instance_reopen(struct vrrp_instance *i, int64_t now_us)
{
	if (i->reopen_at_us == 0 || now_us < i->reopen_at_us)
		return;
	vrrp_instance_set_link(i);
}

void vrrp_instance_set_link(struct vrrp_instance *i)
{
	const struct vrrp_link *link = &i->group->v->links[i->conf->interface->index];
	struct addr source = link->source[i->conf->family];

	if (i->conf->is_unicast && !addr_is_unspecified(&i->conf->unicast_source))
		source = i->conf->unicast_source;
	if (is_open(i) && i->socket.ifindex == link->ifindex && addr_equal(&i->source, &source))
		return;
	vrrp_instance_close(i);
	i->reopen_at_us = 0;
	i->source = source;
	if (link->ifindex != 0 && !addr_is_unspecified(&source))
		open_socket(i, link);
}

const char *vrrp_instance_fault(const struct vrrp_instance *i)
{
	const struct vrrp_link *link = &i->group->v->links[i->conf->interface->index];

	if (link->ifindex == 0)
		return "there is no such interface";
	if (!link->is_up)
		return "its link is down";
	if (addr_is_unspecified(&i->source))
		return i->conf->family == CONF_V6 ? "it has no link-local IPv6 address"
						  : "it has no IPv4 address of its own";
	return is_open(i) ? NULL : "its sockets cannot be opened";
}

/* ---- sending --------------------------------------------------------------------------------- */

static enum vrrp_checksum_form form_to_send(const struct vrrp_instance *i)
{
	switch (i->conf->checksum) {
	case CONF_CHECKSUM_RFC:
		return VRRP_SUM_MESSAGE;
	case CONF_CHECKSUM_PSEUDO_HEADER:
		return VRRP_SUM_PSEUDO_HEADER;
	default:
		return i->peer_form;
	}
}

static void send_one(
	struct vrrp_instance *i, const struct vrrp_advert *advert, const struct addr *peer)
{
	struct vrrp *v = i->group->v;
	struct addr group;
	size_t len;

	(void)addr_parse(i->conf->family == CONF_V4 ? "224.0.0.18" : "ff02::12", &group);
	len = vrrp_packet_encode(advert, &i->source, peer ? peer : &group, v->buffer);
	if (vrrp_socket_send(&i->socket, &i->source, peer, v->buffer, len) < 0)
		return; // the link is going, and its news is on the way
	i->status.sent++;
	i->status.released_sent += advert->priority == VRRP_PRIORITY_RELEASE;
}

void vrrp_instance_send(struct vrrp_instance *i, unsigned priority)
{
	struct vrrp_advert advert = {
		.version = (uint8_t)i->version,
		.vrid = i->conf->vrid,
		.priority = (uint8_t)priority,
		.n_addresses = (uint8_t)i->conf->n_addresses,
		.interval_ms = i->group->conf->advert_ms,
		.form = form_to_send(i),
		.auth_type = i->conf->auth_pass ? VRRP_AUTH_SIMPLE : VRRP_AUTH_NONE,
	};

	if (!is_open(i))
		return;
	if (i->conf->auth_pass)
		memcpy(advert.auth_data, i->conf->auth_pass,
			strnlen(i->conf->auth_pass, sizeof(advert.auth_data)));
	for (unsigned k = 0; k < i->conf->n_addresses; k++)
		advert.addresses[k] = i->conf->addresses[k];
	if (!i->conf->is_unicast)
		send_one(i, &advert, NULL);
	for (unsigned k = 0; k < i->conf->n_unicast_peers; k++)
		send_one(i, &advert, &i->conf->unicast_peers[k]);
}

void vrrp_instance_announce(struct vrrp_instance *i, unsigned times)
{
	const struct vrrp_link *link = &i->group->v->links[i->conf->interface->index];
	const struct vrrp_announcement announcement = {
		link->ifindex, link->mac, i->conf->addresses, i->conf->n_addresses};

	i->status.announcements +=
		vrrp_announce_send(i->group->v->announce_fd, &announcement, times);
}

void vrrp_instance_arm_down(struct vrrp_instance *i, bool is_skew_only)
{
	const unsigned priority = i->group->priority;
	const uint32_t advert_ms = i->master_advert_ms;
	uint64_t us = is_skew_only ? vrrp_election_skew_us(i->version, priority, advert_ms)
				   : vrrp_election_down_us(i->version, priority, advert_ms);
	const int64_t at_us = vrrp_now_us() + (int64_t)us;

	if (is_skew_only && i->down_at_us != 0 && i->down_at_us <= at_us)
		return; // hastens, and never puts off
	i->is_down = false;
	i->down_at_us = at_us;
}

/* ---- hearing --------------------------------------------------------------------------------- */

/* Peers can cause it: a line in ten seconds. */
static bool may_tell(struct vrrp_instance *i)
{
	const int64_t now_us = vrrp_now_us();

	if (i->told_at_us != 0 && now_us - i->told_at_us < TELL_PACE_US)
		return false;
	i->told_at_us = now_us;
	return true;
}

static bool lists_one_of_ours(const struct vrrp_instance *i, const struct vrrp_advert *advert)
{
	for (unsigned a = 0; a < advert->n_addresses; a++)
		for (unsigned k = 0; k < i->conf->n_addresses; k++)
			if (addr_equal(&advert->addresses[a], &i->conf->addresses[k]))
				return true;
	return false;
}

/* Told once per change. With no address in common it is another router that has our number. */
static void note_list(struct vrrp_instance *i, const struct vrrp_advert *advert,
	const struct addr *source, bool differs)
{
	const bool is_conflict = differs && !lists_one_of_ours(i, advert);
	char text[ADDR_STR_LEN];

	i->status.address_list_differs += differs;
	i->status.conflicts += is_conflict;
	if (differs == i->has_other_list)
		return;
	i->has_other_list = differs;
	if (differs && may_tell(i))
		log_warn("vrrp %s: adverts from %s list other addresses than ours: vrid=%u: %s",
			i->conf->name, addr_format(source, text), i->conf->vrid,
			is_conflict ? "another router uses this number: give one of them another"
				    : "the files of the nodes differ");
}

static uint32_t learned_interval(const struct vrrp_instance *i, uint32_t heard_ms)
{
	const uint32_t most = i->group->conf->max_learned_interval_ms;

	if (i->version == 2)
		return i->group->conf->advert_ms;
	if (heard_ms < MIN_ADVERT_MS)
		return MIN_ADVERT_MS;
	return heard_ms > most ? most : heard_ms;
}

/* On equal priorities the first instance's view counts for the whole group, if it has one. */
static enum vrrp_verdict settle_equal(struct vrrp_instance *i, enum vrrp_verdict verdict)
{
	struct vrrp_instance *first = &i->group->instances[0];
	const int64_t now_us = vrrp_now_us();
	const int64_t recent_us = (int64_t)vrrp_election_down_us(
		first->version, i->group->priority, first->master_advert_ms);

	i->equal_verdict = verdict;
	i->equal_at_us = now_us;
	if (i == first)
		return verdict;
	if (first->equal_at_us != 0 && now_us - first->equal_at_us < recent_us) {
		i->n_equal = 0;
		return first->equal_verdict;
	}
	return ++i->n_equal > LET_PASS ? verdict : VRRP_PEER_EQUAL;
}

static void believe(
	struct vrrp_instance *i, const struct vrrp_advert *advert, const struct addr *source)
{
	struct vrrp_group *g = i->group;
	const bool is_equal = advert->priority == g->priority;
	enum vrrp_verdict verdict =
		vrrp_election_compare(g->priority, &i->source, advert->priority, source);
	enum vrrp_group_event event;
	char why[VRRP_WHY_LEN], text[ADDR_STR_LEN];

	if (is_equal)
		verdict = settle_equal(i, verdict);
	event = vrrp_fsm_event(g->phase, verdict, vrrp_group_may_preempt(g, vrrp_now_us()));
	i->status.masters_heard += g->phase == VRRP_PHASE_MASTER && advert->priority != 0;
	if (event == VRRP_EV_PEER_WINS) {
		const uint32_t interval_ms = learned_interval(i, advert->interval_ms);

		i->status.learned_intervals += interval_ms != i->master_advert_ms;
		i->master_advert_ms = interval_ms;
	}
	i->status.master = *source;
	i->status.master_priority = advert->priority;
	i->status.heard_ms = vrrp_wall_ms();
	(void)snprintf(why, sizeof(why), "%s: %s has priority %u%s", i->conf->name,
		addr_format(source, text), advert->priority,
		is_equal ? " too, and the higher address" : "");
	vrrp_group_happen(g, event, i, why);
}

static bool is_known_there(const struct vrrp_instance *i, uint8_t vrid)
{
	const struct vrrp *v = i->group->v;

	for (unsigned k = 0; k < v->n_instances; k++)
		if (v->instances[k].conf->vrid == vrid && shares_link(i, v->instances[k].conf))
			return true;
	return false;
}

static void hear(struct vrrp_instance *i, const uint8_t *bytes, size_t len,
	const struct vrrp_envelope *envelope)
{
	const struct vrrp_judge judge = {
		.conf = i->conf,
		.version = i->version,
		.advert_ms = i->group->conf->advert_ms,
		.priority = i->group->priority,
		.source = i->source,
	};
	struct vrrp_advert advert = {0};
	enum vrrp_error error = vrrp_packet_decode(bytes, len, envelope, &advert);
	bool differs = false;

	if (advert.vrid != i->conf->vrid) {
		i->status.errors[VRRP_ERROR_UNKNOWN_VRID] +=
			error == VRRP_OK && !is_known_there(i, advert.vrid);
		return;
	}
	if (error == VRRP_OK)
		error = vrrp_election_check(&judge, &advert, envelope, &differs);
	if (error != VRRP_OK) {
		i->status.errors[error]++;
		return;
	}
	i->status.received++;
	i->status.released_received += advert.priority == VRRP_PRIORITY_RELEASE;
	i->peer_form = advert.form;
	note_list(i, &advert, &envelope->source, differs);
	believe(i, &advert, &envelope->source);
}

void vrrp_instance_read(struct vrrp_instance *i)
{
	uint8_t *bytes = i->group->v->buffer;
	struct vrrp_envelope envelope;
	size_t len;

	for (unsigned n = 0; is_open(i) && n < MAX_PACKETS_A_TURN; n++) {
		int r = vrrp_socket_receive(&i->socket, bytes, &len, &envelope);

		if (r == 0)
			return;
		if (r > 0 && len <= VRRP_MAX_LEN)
			hear(i, bytes, len, &envelope);
		else if (r > 0)
			i->status.errors[VRRP_ERROR_TRAILING]++;
	}
}

/* Judgement of adverts, and the timers that follow from priority and interval. Pure.
 *
 * An advert has one reason to be refused: the first that applies, in an order in which a counter
 * tells what is wrong. A stranger's adverts count as a stranger's, whatever else is odd in them. */
#include "vrrp/election.h"

#include <assert.h>

enum {
	US_PER_MS = 1000,
	US_PER_S = 1000 * 1000,
	PRIORITY_SPAN = 256,
	MISSED_ADVERTS = 3, // RFC 9568 §6.1
	LEASE_MAX_MS = 500,
	PRIORITY_LEAST = 1,
	PRIORITY_MOST = 254,
};

static bool is_listed(const struct addr *list, unsigned n, const struct addr *a)
{
	for (unsigned i = 0; i < n; i++) {
		if (addr_equal(&list[i], a))
			return true;
	}
	return false;
}

static bool is_allowed(const struct conf_vrrp_instance *conf, const struct addr *source)
{
	if (conf->is_unicast && !is_listed(conf->unicast_peers, conf->n_unicast_peers, source))
		return false;
	for (unsigned i = 0; i < conf->n_allow; i++) {
		if (prefix_contains(&conf->allow[i], source))
			return true;
	}
	return conf->n_allow == 0;
}

/* Both ways, because an advert may list an address twice. */
static bool list_differs(const struct conf_vrrp_instance *conf, const struct vrrp_advert *advert)
{
	if (advert->n_addresses != conf->n_addresses)
		return true;
	for (unsigned i = 0; i < conf->n_addresses; i++) {
		if (!is_listed(advert->addresses, advert->n_addresses, &conf->addresses[i]) ||
			!is_listed(conf->addresses, conf->n_addresses, &advert->addresses[i]))
			return true;
	}
	return false;
}

/* RFC 2338 §5.3.6: without a password the data is ignored. */
static bool is_authentic(const struct conf_vrrp_instance *conf, const struct vrrp_advert *advert)
{
	uint8_t password[VRRP_AUTH_LEN] = {0};

	if (!conf->auth_pass)
		return advert->auth_type == VRRP_AUTH_NONE;
	memcpy(password, conf->auth_pass, strnlen(conf->auth_pass, sizeof(password)));
	return advert->auth_type == VRRP_AUTH_SIMPLE &&
	       memcmp(advert->auth_data, password, sizeof(password)) == 0;
}

enum vrrp_error vrrp_election_check(const struct vrrp_judge *judge,
	const struct vrrp_advert *advert, const struct vrrp_envelope *envelope,
	bool *ret_list_differs)
{
	const struct conf_vrrp_instance *conf = judge->conf;
	bool is_v2 = judge->version == 2;
	bool differs;

	if (addr_equal(&envelope->source, &judge->source))
		return VRRP_ERROR_OWN_SOURCE;
	if (!is_allowed(conf, &envelope->source))
		return VRRP_ERROR_NOT_ALLOWED;
	if (conf->check_ttl && envelope->ttl != VRRP_TTL)
		return VRRP_ERROR_TTL;
	if (advert->version != judge->version)
		return VRRP_ERROR_VERSION;
	if (is_v2 && !is_authentic(conf, advert))
		return VRRP_ERROR_AUTHENTICATION;
	if (is_v2 && advert->interval_ms != judge->advert_ms)
		return VRRP_ERROR_INTERVAL;
	differs = list_differs(conf, advert);
	*ret_list_differs = differs;
	if (is_v2 && differs && advert->priority != VRRP_PRIORITY_OWNER)
		return VRRP_ERROR_ADDRESS_LIST;
	return VRRP_OK;
}

enum vrrp_verdict vrrp_election_compare(unsigned our_priority, const struct addr *our_source,
	unsigned priority, const struct addr *source)
{
	if (priority == VRRP_PRIORITY_RELEASE)
		return VRRP_PEER_RELEASES;
	if (priority != our_priority)
		return priority > our_priority ? VRRP_PEER_HIGHER : VRRP_PEER_LOWER;
	return addr_compare(source, our_source) > 0 ? VRRP_PEER_HIGHER : VRRP_PEER_EQUAL;
}

uint64_t vrrp_election_skew_us(unsigned version, unsigned priority, uint32_t advert_ms)
{
	uint64_t whole_us = version == 2 ? US_PER_S : (uint64_t)advert_ms * US_PER_MS;

	assert(priority < PRIORITY_SPAN);
	return (PRIORITY_SPAN - priority) * whole_us / PRIORITY_SPAN;
}

uint64_t vrrp_election_down_us(unsigned version, unsigned priority, uint32_t advert_ms)
{
	return (uint64_t)MISSED_ADVERTS * advert_ms * US_PER_MS +
	       vrrp_election_skew_us(version, priority, advert_ms);
}

unsigned vrrp_election_lease_ms(unsigned version, unsigned priority, uint32_t advert_ms)
{
	uint64_t half_ms = vrrp_election_down_us(version, priority, advert_ms) / 2 / US_PER_MS;

	if (half_ms >= LEASE_MAX_MS)
		return LEASE_MAX_MS;
	return half_ms == 0 ? 1 : (unsigned)half_ms;
}

unsigned vrrp_election_priority(unsigned base, int adjustment)
{
	int64_t sum = (int64_t)base + adjustment;

	if (base == VRRP_PRIORITY_OWNER)
		return base;
	if (sum < PRIORITY_LEAST)
		return PRIORITY_LEAST;
	return sum > PRIORITY_MOST ? PRIORITY_MOST : (unsigned)sum;
}

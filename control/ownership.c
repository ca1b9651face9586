/* Who answers for the VIPs: what VRRP's groups have when failover.c says so, and everything else
 * from the moment this node can serve it.
 *
 * Taking: tables are published, then the lease, then the addresses on the interfaces, so that
 * no packet is attracted that cannot be forwarded yet. Leaving: the lease first. */
#include "control/loop.h"
#include "control/netlink.h"

#include "base/diag.h"
#include "base/log.h"
#include "control/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_CHECKS_MS = 10000, ANY_OWNER = -1 };

typedef int vip_action(struct netlink *nl, unsigned port, const struct addr *address);

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int remove_if_ours(struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
static int add(struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
static int restore(struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
static bool is_free(const struct netlink *nl, const struct conf *conf, const int *ports,
	const struct addr *address, struct diag *diag) ON_CONTROL;

/* Addresses, and where their interfaces are: by interface, its number in a netlink; -1: not there.
 */
struct place {
	const struct ctl_holding *holdings;
	unsigned n;
	const int *ports;
};

/* Of one owner or of any. The first error, after all were tried. */
static int for_each(struct netlink *nl, const struct place *place, int owner, vip_action *action,
	const char *what)
{
	char text[ADDR_STR_LEN];
	int first = 0;

	for (unsigned i = 0; i < place->n; i++) {
		const struct ctl_holding *h = &place->holdings[i];
		int port = place->ports[h->interface->index], r;

		if (port < 0 || (owner != ANY_OWNER && h->owner != (unsigned)owner))
			continue;
		r = action(nl, (unsigned)port, &h->address);
		if (r < 0)
			log_error("vip %s: cannot %s %s %s: %s", h->name, what,
				addr_format(&h->address, text), h->interface->device, strerror(-r));
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

static int remove_if_ours(struct netlink *nl, unsigned port, const struct addr *address)
{
	return nl_has_vip(nl, port, address) ? nl_remove_vip(nl, port, address) : 0;
}

static int add(struct netlink *nl, unsigned port, const struct addr *address)
{
	char text[ADDR_STR_LEN];
	bool was_there = false;
	int r = nl_add_vip(nl, port, address, &was_there);

	if (was_there)
		log_warn("vips: %s was on its interface already, put there by somebody else: it "
			 "stays when poised stops, and the kernel then resets its clients",
			addr_format(address, text));
	return r;
}

/* A failure is not told: it was when the address was first added, or the link is just going. */
static int restore(struct netlink *nl, unsigned port, const struct addr *address)
{
	char text[ADDR_STR_LEN];
	bool was_there = false;

	if (nl_has_vip(nl, port, address) || !nl_link(nl, port)->is_up)
		return 0;
	if (nl_add_vip(nl, port, address, &was_there) == 0 && !was_there)
		log_warn("vips: %s had been taken off its interface: put back",
			addr_format(address, text));
	return 0;
}

int ctl_ownership_clear(struct netlink *nl, const struct conf *conf, const int *ports)
{
	struct ctl_holding *holdings;
	unsigned n;
	int r = ctl_holdings_new(conf, &holdings, &n);

	if (r < 0)
		return r;
	(void)for_each(
		nl, &(struct place){holdings, n, ports}, ANY_OWNER, remove_if_ours, "remove from");
	free(holdings);
	return 0;
}

static struct place here(const struct ctl *ctl)
{
	return (struct place){ctl->holdings, ctl->n_holdings, ctl->loop->ports};
}

static unsigned count_of(const struct ctl *ctl, unsigned owner)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ctl->n_holdings; i++)
		n += ctl->holdings[i].owner == owner;
	return n;
}

bool ctl_ownership_has_all_verdicts(const struct ctl *ctl)
{
	for (unsigned i = 0; i < ctl->n_servers; i++)
		if (ctl->servers[i].health == HC_UNKNOWN)
			return false;
	return true;
}

/* ---- one owner ------------------------------------------------------------------------------- */

/* The group's; NULL of what no group has. */
static const char *owner_name(const struct ctl *ctl, unsigned owner)
{
	return owner >= CTL_OWNER_OF_GROUPS
		       ? ctl->conf->vrrp.groups[owner - CTL_OWNER_OF_GROUPS].name
		       : NULL;
}

int ctl_ownership_take(struct ctl *ctl, unsigned owner, unsigned life_ms)
{
	const struct place place = here(ctl);
	int r;

	ctl->is_held[owner] = true;
	ctl->loop->renewed_ms[owner] = 0;
	ctl_ownership_renew(ctl, owner, life_ms);
	r = for_each(ctl->nl, &place, (int)owner, add, "add to");
	if (r < 0)
		return r;
	// The kernel may have let us wait for its lock, for longer than a lease lives: it begins
	// here, where the addresses are there. Nobody was answered before, so this is no lapse.
	ctl->loop->renewed_ms[owner] = 0;
	ctl_ownership_renew(ctl, owner, life_ms);
	return 0;
}

void ctl_ownership_renew(struct ctl *ctl, unsigned owner, unsigned life_ms)
{
	const int64_t now_ms = ctl_monotonic_ms(), before_ms = ctl->loop->renewed_ms[owner];

	dp_lease_renew(ctl->dp, owner, life_ms);
	ctl->loop->renewed_ms[owner] = now_ms;
	if (before_ms == 0 || now_ms - before_ms <= life_ms)
		return;
	ctl->lapses++;
	ctl_event(ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_LEASE,
			.level = LOG_LEVEL_WARN,
			.object = owner_name(ctl, owner),
			.before = "lapsed",
			.after = "renewed",
			.cause = "late"},
		"vips: were silent: the lease was renewed late: for_ms=%lld lapses=%llu",
		(long long)(now_ms - before_ms) - life_ms, (unsigned long long)ctl->lapses);
}

void ctl_ownership_leave(struct ctl *ctl, unsigned owner)
{
	const struct place place = here(ctl);

	if (!ctl->is_held[owner])
		return;
	ctl->is_held[owner] = false;
	dp_lease_withdraw(ctl->dp, owner);
	(void)for_each(ctl->nl, &place, (int)owner, remove_if_ours, "remove from");
}

/* ---- what no group has
 * --------------------------------------------------------------------------- */

void ctl_ownership_try(struct ctl *ctl)
{
	struct ctl_loop *loop = ctl->loop;
	const unsigned n = count_of(ctl, CTL_OWNER_ALWAYS);
	int64_t now = ctl_monotonic_ms();

	if (ctl->is_held[CTL_OWNER_ALWAYS] || n == 0)
		return;
	if (loop->wait_until_ms == 0)
		loop->wait_until_ms = now + WAIT_CHECKS_MS;
	if (!ctl_ownership_has_all_verdicts(ctl) && now < loop->wait_until_ms)
		return;
	if (!ctl_ownership_has_all_verdicts(ctl))
		log_warn("vips: taken although checks are still without a first verdict");
	(void)ctl_ownership_take(ctl, CTL_OWNER_ALWAYS, DP_LEASE_LIFE_MS); // told
	ctl_event(ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_VIPS,
			.level = LOG_LEVEL_NOTICE,
			.before = "silent",
			.after = "answering"},
		"vips: now answering n=%u", n);
}

void ctl_ownership_renew_always(struct ctl *ctl)
{
	if (ctl->is_held[CTL_OWNER_ALWAYS])
		ctl_ownership_renew(ctl, CTL_OWNER_ALWAYS, DP_LEASE_LIFE_MS);
}

void ctl_ownership_leave_always(struct ctl *ctl)
{
	if (!ctl->is_held[CTL_OWNER_ALWAYS])
		return;
	ctl_ownership_leave(ctl, CTL_OWNER_ALWAYS);
	ctl_event(ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_VIPS,
			.level = LOG_LEVEL_NOTICE,
			.before = "answering",
			.after = "silent"},
		"vips: no longer answering");
}

void ctl_ownership_restore(struct ctl *ctl)
{
	const struct place place = here(ctl);

	for (unsigned owner = 0; owner <= ctl->conf->vrrp.n_groups; owner++)
		if (ctl->is_held[owner])
			(void)for_each(ctl->nl, &place, (int)owner, restore, "put back on");
}

/* ---- before the start --------------------------------------------------------------------------
 */

/* Whether no port has it as its own. */
static bool is_free(const struct netlink *nl, const struct conf *conf, const int *ports,
	const struct addr *address, struct diag *diag)
{
	char text[ADDR_STR_LEN];

	for (unsigned i = 0; i < conf->n_interfaces; i++) {
		if (ports[i] < 0 || !nl_has_own_address(nl, (unsigned)ports[i], address))
			continue;
		diag_add(diag, DIAG_ERROR, NULL,
			"vips: %s is %s's own address, which would be silent without poised: "
			"take another one",
			addr_format(address, text), conf->interfaces[i].device);
		return false;
	}
	return true;
}

int ctl_ownership_check(
	const struct netlink *nl, const struct conf *conf, const int *ports, struct diag *diag)
{
	struct ctl_holding *holdings;
	unsigned n;
	int r = ctl_holdings_new(conf, &holdings, &n);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++)
		if (!is_free(nl, conf, ports, &holdings[i].address, diag))
			r = -EADDRINUSE;
	free(holdings);
	return r;
}

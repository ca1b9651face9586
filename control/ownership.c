/* Who answers for the VIPs. Without VRRP: this node, from the moment it can serve them.
 *
 * Taking: tables are published, then the lease, then the addresses on the interfaces, so that
 * no packet is attracted that cannot be forwarded yet. Leaving: the lease first. */
#include "control/loop.h"
#include "control/netlink.h"

#include "base/diag.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>

enum { OWNER_OF_ALL = 0, WAIT_CHECKS_MS = 10000 };

typedef int vip_action(struct netlink *nl, unsigned port, const struct addr *address);

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int remove_if_ours(struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
static int add(struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
static int restore(struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
static bool is_free(const struct netlink *nl, const struct conf *conf, const int *ports,
	const struct addr *address, struct diag *diag) ON_CONTROL;

/* `ports`: as in ctl_ownership_clear(). */
static void for_each_vip(struct netlink *nl, const struct conf *conf, const int *ports,
	vip_action *action, const char *what)
{
	char text[ADDR_STR_LEN];

	for (unsigned i = 0; i < conf->n_vips; i++) {
		const struct conf_vip *vip = &conf->vips[i];
		int port = ports[vip->interface->index];

		if (port < 0)
			continue;
		for (unsigned k = 0; k < vip->n_addresses; k++) {
			int r = action(nl, (unsigned)port, &vip->addresses[k]);

			if (r < 0)
				log_error("vip %s: cannot %s %s %s: %s", vip->name, what,
					addr_format(&vip->addresses[k], text),
					vip->interface->device, strerror(-r));
		}
	}
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

void ctl_ownership_clear(struct netlink *nl, const struct conf *conf, const int *ports)
{
	for_each_vip(nl, conf, ports, remove_if_ours, "remove from");
}

static bool has_all_verdicts(const struct ctl *ctl)
{
	for (unsigned i = 0; i < ctl->n_servers; i++)
		if (ctl->servers[i].health == HC_UNKNOWN)
			return false;
	return true;
}

static void renew(struct ctl *ctl) ON_CONTROL;
static void renew(struct ctl *ctl)
{
	dp_lease_renew(ctl->dp, OWNER_OF_ALL, DP_LEASE_LIFE_MS);
	ctl->loop->renewed_ms = ctl_monotonic_ms();
}

void ctl_ownership_try(struct ctl *ctl)
{
	struct ctl_loop *loop = ctl->loop;
	int64_t now = ctl_monotonic_ms();

	if (ctl->is_owner)
		return;
	if (loop->wait_until_ms == 0)
		loop->wait_until_ms = now + WAIT_CHECKS_MS;
	if (!has_all_verdicts(ctl) && now < loop->wait_until_ms)
		return;
	if (!has_all_verdicts(ctl))
		log_warn("vips: taken although checks are still without a first verdict");
	ctl->is_owner = true;
	renew(ctl);
	for_each_vip(ctl->nl, ctl->conf, loop->ports, add, "add to");
	log_notice("vips: now answering n=%u", ctl->conf->n_vips);
}

void ctl_ownership_renew(struct ctl *ctl)
{
	int64_t gap_ms = ctl_monotonic_ms() - ctl->loop->renewed_ms;

	if (!ctl->is_owner)
		return;
	if (gap_ms > DP_LEASE_LIFE_MS) {
		ctl->lapses++;
		log_warn("vips: were silent: the lease was renewed late: for_ms=%lld lapses=%llu",
			(long long)gap_ms - DP_LEASE_LIFE_MS, (unsigned long long)ctl->lapses);
	}
	renew(ctl);
}

void ctl_ownership_restore(struct ctl *ctl)
{
	if (ctl->is_owner)
		for_each_vip(ctl->nl, ctl->conf, ctl->loop->ports, restore, "put back on");
}

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
	int r = 0;

	for (unsigned i = 0; i < conf->n_vips; i++) {
		const struct conf_vip *vip = &conf->vips[i];

		for (unsigned k = 0; k < vip->n_addresses; k++)
			if (!is_free(nl, conf, ports, &vip->addresses[k], diag))
				r = -EADDRINUSE;
	}
	return r;
}

void ctl_ownership_leave(struct ctl *ctl)
{
	if (!ctl->is_owner)
		return;
	ctl->is_owner = false;
	dp_lease_withdraw(ctl->dp, OWNER_OF_ALL);
	for_each_vip(ctl->nl, ctl->conf, ctl->loop->ports, remove_if_ours, "remove from");
	log_notice("vips: no longer answering");
}

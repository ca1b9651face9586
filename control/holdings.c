/* The list of addresses that a node may hold, from the configuration. */
#include "control/holdings.h"

#include <errno.h>
#include <stdlib.h>

struct list {
	struct ctl_holding *items;
	unsigned n;
};

static unsigned count(const struct conf *conf)
{
	unsigned n = 0;

	for (unsigned i = 0; i < conf->n_vips; i++)
		n += conf->vips[i].n_addresses;
	for (unsigned g = 0; g < conf->vrrp.n_groups; g++)
		for (unsigned i = 0; i < conf->vrrp.groups[g].n_instances; i++)
			n += conf->vrrp.groups[g].instances[i].n_addresses;
	return n;
}

static bool is_listed(const struct conf_vrrp_instance *instance, const struct addr *address)
{
	for (unsigned a = 0; a < instance->n_addresses; a++)
		if (addr_equal(&instance->addresses[a], address))
			return true;
	return false;
}

static unsigned owner_of(const struct conf_vrrp *vrrp, const struct conf_interface *interface,
	const struct addr *address)
{
	for (unsigned g = 0; g < vrrp->n_groups; g++)
		for (unsigned i = 0; i < vrrp->groups[g].n_instances; i++) {
			const struct conf_vrrp_instance *instance = &vrrp->groups[g].instances[i];

			if (instance->interface == interface && is_listed(instance, address))
				return CTL_OWNER_OF_GROUPS + g;
		}
	return CTL_OWNER_ALWAYS;
}

static void add(struct list *list, const struct ctl_holding *holding)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->items[i].interface == holding->interface &&
			addr_equal(&list->items[i].address, &holding->address))
			return;
	list->items[list->n++] = *holding;
}

static void add_instance(
	struct list *list, const struct conf_vrrp_instance *instance, unsigned owner)
{
	for (unsigned a = 0; a < instance->n_addresses; a++)
		add(list, &(struct ctl_holding){instance->addresses[a], instance->interface, owner,
				  instance->name});
}

int ctl_holdings_new(const struct conf *conf, struct ctl_holding **ret, unsigned *ret_n)
{
	struct list list = {.items = calloc((size_t)count(conf) + 1, sizeof(*list.items))};

	if (!list.items)
		return -ENOMEM;
	// VIPs are unlike each other (check.c), so that only instances need the look-up of add()
	for (unsigned i = 0; i < conf->n_vips; i++) {
		const struct conf_vip *vip = &conf->vips[i];

		for (unsigned a = 0; a < vip->n_addresses; a++)
			list.items[list.n++] =
				(struct ctl_holding){vip->addresses[a], vip->interface,
					owner_of(&conf->vrrp, vip->interface, &vip->addresses[a]),
					vip->name};
	}
	for (unsigned g = 0; g < conf->vrrp.n_groups; g++)
		for (unsigned i = 0; i < conf->vrrp.groups[g].n_instances; i++)
			add_instance(
				&list, &conf->vrrp.groups[g].instances[i], CTL_OWNER_OF_GROUPS + g);
	*ret = list.items;
	*ret_n = list.n;
	return 0;
}

/* Rules about interfaces: devices used once, workers to drive them, gateways that can be reached,
 * addresses that are no VIPs. Reads the model only. */
#include "conf/check.h"

#include "base/diag.h"
#include "conf/model.h"

#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 4, 5))) static void tell(struct diag *diag, enum diag_level level,
	const struct conf_place *place, const char *format, ...)
{
	struct diag_place where = {.file = place->file, .line = place->line};
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(diag, level, &where, "%s", text);
}

/* A virtual device is the same by its name alone, whatever it is told. */
static bool is_same_device(const struct conf_interface *a, const struct conf_interface *b)
{
	size_t len;

	if (!a->device || !b->device || a->kind != b->kind)
		return false;
	if (a->kind != CONF_DEVICE_VDEV)
		return strcmp(a->device, b->device) == 0;
	len = strcspn(a->device, ",");
	return len == strcspn(b->device, ",") && strncmp(a->device, b->device, len) == 0;
}

/* Without the data plane there is no DPDK. */
static void check_workers(
	const struct conf *conf, const struct conf_interface *i, struct diag *diag)
{
	if (i->device && i->kind != CONF_DEVICE_KERNEL && conf->cpu.n_workers == 0)
		tell(diag, DIAG_ERROR, &i->place,
			"interfaces.%s: device \"%.64s\" needs a worker, and cpu.workers is empty",
			i->name, i->device);
}

static struct prefix network_of(const struct conf_host_address *a)
{
	struct prefix p = {.addr = a->addr, .length_bits = a->length_bits};

	for (unsigned i = p.length_bits; i < 128; i++)
		p.addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return p;
}

static bool is_on_link(const struct conf_interface *i, const struct addr *a)
{
	if (addr_is_link_local(a) && !addr_is_v4(a))
		return true;
	for (unsigned k = 0; k < i->n_addresses; k++) {
		struct prefix network = network_of(&i->addresses[k]);

		if (prefix_contains(&network, a) && addr_is_v4(&network.addr) == addr_is_v4(a))
			return true;
	}
	return false;
}

static void check_routes(const struct conf *conf, struct diag *diag)
{
	char text[ADDR_STR_LEN];

	for (unsigned i = 0; i < conf->n_routes; i++) {
		const struct conf_route *r = &conf->routes[i];

		if (!r->interface || !r->interface->device ||
			r->interface->kind == CONF_DEVICE_KERNEL)
			continue;
		for (enum conf_family f = 0; f < CONF_N_FAMILIES; f++)
			if (r->has_via[f] && !is_on_link(r->interface, &r->via[f]))
				tell(diag, DIAG_ERROR, &r->place,
					"routes[%u]: gateway %s is in no network of interface "
					"\"%s\"",
					i, addr_format(&r->via[f], text), r->interface->name);
	}
}

static void check_devices(const struct conf *conf, struct diag *diag)
{
	for (unsigned i = 0; i < conf->n_interfaces; i++) {
		const struct conf_interface *later = &conf->interfaces[i];

		for (unsigned j = 0; j < i; j++) {
			const struct conf_interface *first = &conf->interfaces[j];

			if (!is_same_device(later, first))
				continue;
			tell(diag, DIAG_ERROR, &later->place,
				"interfaces.%s: device \"%.64s\" is already used", later->name,
				later->device);
			tell(diag, DIAG_NOTE, &first->place, "by interface \"%s\"", first->name);
			break;
		}
		check_workers(conf, later, diag);
	}
}

static const struct conf_vip *find_vip(const struct conf *conf, const struct addr *a)
{
	for (unsigned i = 0; i < conf->n_vips; i++)
		for (unsigned k = 0; k < conf->vips[i].n_addresses; k++)
			if (addr_equal(&conf->vips[i].addresses[k], a))
				return &conf->vips[i];
	return NULL;
}

/* Its life is the lease's, an own address lives as long as the TAP. */
static void check_addresses(
	const struct conf *conf, const struct conf_interface *i, struct diag *diag)
{
	char text[ADDR_STR_LEN];

	for (unsigned k = 0; k < i->n_addresses; k++) {
		const struct conf_vip *vip = find_vip(conf, &i->addresses[k].addr);

		if (!vip)
			continue;
		tell(diag, DIAG_ERROR, &i->place, "interfaces.%s: address %s is a VIP's", i->name,
			addr_format(&i->addresses[k].addr, text));
		tell(diag, DIAG_NOTE, &vip->place, "of vip \"%s\"", vip->name);
	}
}

void conf_check_interfaces(const struct conf *conf, struct diag *diag)
{
	check_devices(conf, diag);
	check_routes(conf, diag);
	for (unsigned i = 0; i < conf->n_interfaces; i++)
		check_addresses(conf, &conf->interfaces[i], diag);
}

/* Interfaces, what kind of device each is, and the routes through them, to the model. What they are
 * to each other is check_interface.c's business. */
#include "conf/bind.h"

#include "base/arena.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

enum { MAX_VDEV_NAME = 63, PCI_ADDRESS_LEN = 12 };

static const char vdev_prefix[] = "vdev:";

/* "0000:5e:00.0", or without the domain. */
static bool is_pci_address(const char *text)
{
	static const char *const forms[] = {"hhhh:hh:hh.h", "hh:hh.h"};

	for (unsigned f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		const char *form = forms[f], *p = text;

		while (*form && *p && (*form == 'h' ? isxdigit((unsigned char)*p) : *form == *p)) {
			form++;
			p++;
		}
		if (*form == '\0' && *p == '\0')
			return true;
	}
	return false;
}

static enum conf_device_kind device_kind(const char *device)
{
	if (strncmp(device, vdev_prefix, strlen(vdev_prefix)) == 0)
		return CONF_DEVICE_VDEV;
	return is_pci_address(device) ? CONF_DEVICE_PCI : CONF_DEVICE_KERNEL;
}

/* A virtual device is named after its driver, as in "net_tap0,iface=x". */
static void check_vdev(struct conf_binding *b, struct conf_value *value, const char *device)
{
	size_t len = strcspn(device, ",");

	if (strncmp(device, "net_", 4) != 0 || len < 5)
		conf_tree_refuse(b->tree, value,
			"\"%.64s\" does not begin with a network device of DPDK's, as in "
			"\"vdev:net_af_packet0,iface=eth0\"",
			device);
	else if (len > MAX_VDEV_NAME)
		conf_tree_refuse(b->tree, value,
			"the virtual device's name is longer than %d bytes", MAX_VDEV_NAME);
}

static void check_device(
	struct conf_binding *b, struct conf_value *value, const struct conf_interface *i)
{
	switch (i->kind) {
	case CONF_DEVICE_VDEV:
		check_vdev(b, value, i->device);
		break;
	case CONF_DEVICE_PCI:
		break;
	case CONF_DEVICE_KERNEL:
		if (strlen(i->device) >= IF_NAMESIZE || strpbrk(i->device, "/: ") ||
			strcmp(i->device, ".") == 0 || strcmp(i->device, "..") == 0)
			conf_tree_refuse(b->tree, value,
				"\"%.64s\" cannot be the name of a kernel interface", i->device);
		break;
	}
}

/* Kind, and the device as the driver is told: no "vdev:", and a PCI address with its domain, in
 * lower case. */
static int bind_device(struct conf_binding *b, struct conf_object *o, struct conf_interface *i)
{
	struct conf_value *value = conf_tree_get(b->tree, o, CONF_KEY_INTERFACE_DEVICE);
	const char *text;
	char *device;

	if (value->state != CONF_GOOD)
		return 0;
	text = value->data[0].text;
	i->kind = device_kind(text);
	if (i->kind == CONF_DEVICE_VDEV)
		text += strlen(vdev_prefix);
	device = arena_printf(b->arena, "%s%s",
		i->kind == CONF_DEVICE_PCI && strlen(text) < PCI_ADDRESS_LEN ? "0000:" : "", text);
	if (!device)
		return -ENOMEM;
	for (char *c = device; i->kind == CONF_DEVICE_PCI && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	i->device = device;
	check_device(b, value, i);
	return 0;
}

static int bind_host_addresses(
	struct conf_binding *b, struct conf_object *o, struct conf_interface *i)
{
	struct conf_value *value = conf_tree_get(b->tree, o, CONF_KEY_INTERFACE_ADDRESSES);
	struct conf_host_address *copies = arena_alloc(b->arena, value->n, sizeof(*copies));

	if (!copies)
		return -ENOMEM;
	for (unsigned k = 0; k < value->n; k++) {
		copies[k].addr = value->data[k].address;
		copies[k].length_bits = (uint8_t)value->data[k].last;
	}
	i->addresses = copies;
	i->n_addresses = value->n;
	if (i->device && i->kind == CONF_DEVICE_KERNEL && value->n > 0)
		conf_tree_refuse(b->tree, value,
			"%s is a kernel interface: it has its own (run \"ip address add %s dev "
			"%s\")",
			i->device, value->data[0].text, i->device);
	return 0;
}

int conf_bind_interfaces(struct conf_binding *b)
{
	const struct conf_objects *all = &b->tree->root->members[CONF_IN_INTERFACE];
	struct conf_interface *interfaces = arena_alloc(b->arena, all->n, sizeof(*interfaces));
	unsigned n = 0;
	int err = 0;

	if (!interfaces)
		return -ENOMEM;
	for (struct conf_object *o = all->first; o; o = o->next) {
		struct conf_interface *i = &interfaces[n];

		i->name = conf_bind_text(b, o->name, &err);
		i->place = o->place;
		i->index = n++;
		i->mtu = (unsigned)conf_tree_number(b->tree, o, CONF_KEY_INTERFACE_MTU, 0);
		o->bound = i;
		if (err == 0)
			err = bind_device(b, o, i);
		if (err == 0)
			err = bind_host_addresses(b, o, i);
		if (err < 0)
			return err;
	}
	b->conf->interfaces = interfaces;
	b->conf->n_interfaces = n;
	return 0;
}

/* One of each family; "default" means the families of the gateways, a prefix its own. */
static void bind_gateways(struct conf_binding *b, struct conf_object *o, struct conf_route *route)
{
	struct conf_value *to = conf_tree_get(b->tree, o, CONF_KEY_ROUTE_TO);
	struct conf_value *via = conf_tree_get(b->tree, o, CONF_KEY_ROUTE_VIA);

	for (unsigned i = 0; i < via->n; i++) {
		const struct addr *a = &via->data[i].address;
		enum conf_family f = addr_is_v4(a) ? CONF_V4 : CONF_V6;

		if (route->has_via[f])
			conf_tree_refuse(
				b->tree, via, "more than one IPv%d gateway", addr_family(a));
		if (to->state == CONF_GOOD && !route->is_default &&
			addr_is_v4(a) != addr_is_v4(&route->to.addr))
			conf_tree_refuse(b->tree, via, "%s is not of the family of %s",
				via->data[i].text, to->data[0].text);
		route->via[f] = *a;
		route->has_via[f] = true;
	}
}

static void bind_route(struct conf_binding *b, struct conf_object *o, struct conf_route *route)
{
	struct conf_value *to = conf_tree_get(b->tree, o, CONF_KEY_ROUTE_TO);
	struct conf_value *interface = conf_tree_get(b->tree, o, CONF_KEY_ROUTE_INTERFACE);
	const struct conf_interface *i;

	route->place = o->place;
	if (to->state == CONF_GOOD) {
		route->is_default = strcmp(to->data[0].text, "default") == 0;
		route->to.addr = to->data[0].address;
		route->to.length_bits = (uint8_t)to->data[0].last;
	}
	bind_gateways(b, o, route);
	if (interface->state != CONF_GOOD)
		return;
	i = conf_bind_reference(b, interface, interface->data[0].text, b->tree->root);
	route->interface = i;
	if (i && i->device && i->kind == CONF_DEVICE_KERNEL)
		conf_tree_refuse(b->tree, interface,
			"\"%s\" is the kernel interface %s: its routes are the kernel's own (\"ip "
			"route add\")",
			i->name, i->device);
}

int conf_bind_routes(struct conf_binding *b)
{
	const struct conf_objects *all = &b->tree->root->members[CONF_IN_ROUTE];
	struct conf_route *routes = arena_alloc(b->arena, all->n, sizeof(*routes));
	unsigned n = 0;

	if (!routes)
		return -ENOMEM;
	for (struct conf_object *o = all->first; o; o = o->next)
		bind_route(b, o, &routes[n++]);
	b->conf->routes = routes;
	b->conf->n_routes = n;
	return 0;
}

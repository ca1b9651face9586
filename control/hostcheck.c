/* Settings of the host that break Poise: found and told, never changed.
 *
 * /proc/sys/net shows the namespace of the reading process even where /proc is another
 * namespace's mount. */
#include "control/hostcheck.h"

#include "base/diag.h"

#include <fcntl.h>
#include <linux/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct diag_place nowhere;

/* A per-interface setting of IPv4, of which the kernel takes the greater of the interface's
 * and "all". Setting the interface to `cure` cures it whatever "all" is, unless `is_capped`:
 * then both have to come down. */
struct trap {
	const char *setting;
	int bad;
	int cure;
	bool is_capped;
	const char *harm;
};

static const struct trap traps[] = {
	{"rp_filter", 1, 2, false,
		"strict reverse path filter: drops packets to this machine that came another way "
		"than answers go"},
	{"arp_ignore", 8, 1, true, "ARP is not answered for any address, nor for a VIP"},
};

/* The number in a file of /proc/sys, or -1. */
static int read_number(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[16];
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return atoi(text);
}

static int read_setting(const char *interface, const char *setting)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", interface, setting);
	return read_number(path);
}

/* sysctl(8) takes a dot for a separator, and a slash for a dot within a name. */
static const char *sysctl_name(const char *interface, char buf[IFNAMSIZ])
{
	(void)snprintf(buf, IFNAMSIZ, "%s", interface);
	for (char *c = buf; *c; c++)
		if (*c == '.')
			*c = '/';
	return buf;
}

static void check_trap(const char *interface, const struct trap *trap, struct diag *diag)
{
	const int own = read_setting(interface, trap->setting);
	const int of_all = read_setting("all", trap->setting);
	char name[IFNAMSIZ];

	if ((own > of_all ? own : of_all) != trap->bad)
		return;
	(void)sysctl_name(interface, name);
	if (trap->is_capped && of_all == trap->bad)
		diag_add(diag, DIAG_WARNING, &nowhere,
			"%s: %s: sysctl -w net.ipv4.conf.all.%s=%d net.ipv4.conf.%s.%s=%d",
			interface, trap->harm, trap->setting, trap->cure, name, trap->setting,
			trap->cure);
	else
		diag_add(diag, DIAG_WARNING, &nowhere, "%s: %s: sysctl -w net.ipv4.conf.%s.%s=%d",
			interface, trap->harm, name, trap->setting, trap->cure);
}

void ctl_hostcheck_sysctls(const char *const *interfaces, unsigned n, struct diag *diag)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned t = 0; t < sizeof(traps) / sizeof(traps[0]); t++)
			check_trap(interfaces[i], &traps[t], diag);
	if (read_number("/proc/sys/net/ipv4/nexthop_compat_mode") == 0)
		diag_add(diag, DIAG_WARNING, &nowhere,
			"routes by nexthop objects are not followed, because the kernel does not "
			"show "
			"where they lead: sysctl -w net.ipv4.nexthop_compat_mode=1");
}

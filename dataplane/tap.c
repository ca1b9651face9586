/* TAPs for ports: made by /dev/net/tun, set up by ioctl. Addresses and routes are the control
 * thread's business, packets the workers' (punt.c). */
#include "dataplane/tap.h"

#include "base/diag.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* IFF_TUN_EXCL: never one that is there already. */
static int open_queue(const char *device, short flags)
{
	struct ifreq request = {
		.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE | flags)};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

static int open_queues(struct dp_tap *tap, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int fd = open_queue(tap->device, i == 0 ? (short)IFF_TUN_EXCL : 0);

		if (fd < 0)
			return fd;
		tap->fds[tap->n_queues++] = fd;
	}
	return 0;
}

/* One ioctl on the interface of that name. */
static int set(const char *device, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	(void)snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", device);
	if (ioctl(fd, what, request) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

static int set_up(const char *device, const struct dp_tap_config *config)
{
	struct ifreq mac = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
	struct ifreq mtu = {.ifr_mtu = (int)config->mtu};
	struct ifreq flags = {.ifr_flags = IFF_UP};
	int r;

	memcpy(mac.ifr_hwaddr.sa_data, config->mac, 6);
	r = set(device, SIOCSIFHWADDR, &mac);
	if (r == 0)
		r = set(device, SIOCSIFMTU, &mtu);
	if (r == 0)
		r = set(device, SIOCSIFFLAGS, &flags);
	return r;
}

static void choose_name(const struct dp_tap_config *config, char *buf)
{
	bool is_usable = strlen(config->name) < IF_NAMESIZE && if_nametoindex(config->name) == 0;

	if (is_usable)
		(void)snprintf(buf, IF_NAMESIZE, "%s", config->name);
	else
		(void)snprintf(buf, IF_NAMESIZE, "poise%u", config->number % 1000);
}

static void tell(
	struct diag *diag, const char *device, const struct dp_tap_config *config, int error)
{
	const char *why = strerror(error);

	if (error == EBUSY)
		why = "an interface of that name exists";
	diag_add(diag, DIAG_ERROR, NULL, "interfaces.%s: cannot make the TAP \"%s\": %s",
		config->name, device, why);
	if (error == ENOENT || error == ENODEV)
		diag_add(diag, DIAG_NOTE, NULL, "/dev/net/tun is needed: run \"modprobe tun\"");
	else if (error == EPERM || error == EACCES)
		diag_add(diag, DIAG_NOTE, NULL, "root, or CAP_NET_ADMIN, is needed");
}

int dp_tap_open(struct dp_tap *tap, const struct dp_tap_config *config, struct diag *diag)
{
	int r;

	assert(config->n_queues <= DP_MAX_WORKERS);
	choose_name(config, tap->device);
	r = open_queues(tap, config->n_queues);
	if (r == 0)
		r = set_up(tap->device, config);
	if (r < 0) {
		tell(diag, tap->device, config, -r);
		dp_tap_close(tap);
	}
	return r;
}

void dp_tap_set_carrier(struct dp_tap *tap, bool has_carrier)
{
	int value = has_carrier;

	if (tap->n_queues == 0 || has_carrier != tap->has_no_carrier)
		return;
	(void)ioctl(tap->fds[0], TUNSETCARRIER, &value);
	tap->has_no_carrier = !has_carrier;
}

void dp_tap_close(struct dp_tap *tap)
{
	for (unsigned i = 0; i < tap->n_queues; i++)
		(void)close(tap->fds[i]);
	tap->n_queues = 0;
	tap->device[0] = '\0';
}

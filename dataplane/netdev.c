/* What must be known of a kernel interface before its ports are opened. */
#include "dataplane/netdev.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

unsigned dp_netdev_rx_queues(const char *device)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (void *)&channels};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned n = 0;

	if (fd < 0)
		return 1;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		n = channels.combined_count + channels.rx_count;
	(void)close(fd);
	return n > 0 ? n : 1;
}

int dp_netdev_node(const char *device)
{
	char path[IF_NAMESIZE + 64];
	int node = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", device);
	f = fopen(path, "re");
	if (!f)
		return -1; // not on a bus
	if (fscanf(f, "%d", &node) != 1)
		node = -1;
	(void)fclose(f);
	return node;
}

unsigned dp_netdev_mtu(const char *device)
{
	struct ifreq request = {.ifr_mtu = 0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int mtu = 0;

	if (fd < 0)
		return 0;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, SIOCGIFMTU, &request) == 0)
		mtu = request.ifr_mtu;
	(void)close(fd);
	return (unsigned)mtu;
}

int dp_netdev_set_mtu(const char *device, unsigned mtu)
{
	struct ifreq request = {.ifr_mtu = (int)mtu};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, SIOCSIFMTU, &request) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

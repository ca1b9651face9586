/* Programs on interfaces, asked and changed by netlink.
 *
 * Netlink and not a bpf_link: a link ends with the process, the program shall not. Every change
 * names what it expects to find, so that a program that somebody else put there meanwhile is
 * never replaced or removed. A program of ours is known by its function's name, which libxdp
 * prescribes, together with a map's name, which is ours alone. Does not load programs. */
#include "dataplane/xdp_attach.h"

#include "base/diag.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A program has 64 used maps at most (MAX_USED_MAPS of the kernel). */
enum { MAX_MAPS = 64 };

static const char our_function[] = "xsk_def_prog";
static const char our_map[] = "poise_leases";

static bool has_name(int map_fd, const char *name)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(map_fd, &info, &len) == 0 && strcmp(info.name, name) == 0;
}

int dp_xdp_attach_map(int prog_fd, const char *name)
{
	uint32_t ids[MAX_MAPS];
	struct bpf_prog_info info = {.nr_map_ids = MAX_MAPS, .map_ids = (uintptr_t)ids};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len) < 0)
		return -errno;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAX_MAPS; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		if (has_name(fd, name))
			return fd;
		(void)close(fd);
	}
	return -ENOENT;
}

static bool is_ours(int prog_fd, const char *function)
{
	int fd;

	if (strcmp(function, our_function) != 0)
		return false;
	fd = dp_xdp_attach_map(prog_fd, our_map);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

static int describe(uint32_t id, uint32_t mode, struct dp_xdp_attached *ret)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);
	int r;

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	ret->fd = fd;
	ret->id = id;
	ret->mode = mode;
	ret->is_ours = is_ours(fd, info.name);
	memcpy(ret->name, info.name, sizeof(ret->name));
	ret->name[sizeof(ret->name) - 1] = '\0';
	return 1;
}

int dp_xdp_attach_find(const struct dp_xdp_port *port, struct dp_xdp_attached *ret)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, on);
	int r = bpf_xdp_query(port->ifindex, 0, &on);

	if (r < 0)
		return r;
	// a driver may hold one in hardware beside another: the one that sees packets first counts
	if (on.hw_prog_id)
		return describe(on.hw_prog_id, XDP_FLAGS_HW_MODE, ret);
	if (on.drv_prog_id)
		return describe(on.drv_prog_id, XDP_FLAGS_DRV_MODE, ret);
	if (on.skb_prog_id)
		return describe(on.skb_prog_id, XDP_FLAGS_SKB_MODE, ret);
	return 0;
}

/* Reasons that generic mode would share. */
static bool is_final(int r)
{
	return r == -EBUSY || r == -EEXIST || r == -EPERM || r == -EACCES || r == -ENODEV ||
	       r == -ENOMEM;
}

static int put_first(
	const struct dp_xdp_port *port, int prog_fd, struct diag *diag, uint32_t *ret_mode)
{
	uint32_t mode = XDP_FLAGS_DRV_MODE;
	int r = bpf_xdp_attach(port->ifindex, prog_fd, mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);

	if (r < 0 && !is_final(r)) {
		diag_add(diag, DIAG_WARNING, NULL,
			"%s: native XDP refused by the driver (%s): generic mode is used, which is "
			"slow",
			port->device, strerror(-r));
		mode = XDP_FLAGS_SKB_MODE;
		r = bpf_xdp_attach(
			port->ifindex, prog_fd, mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	}
	if (r < 0)
		return r;
	*ret_mode = mode;
	return 0;
}

int dp_xdp_attach_put(const struct dp_xdp_port *port, int prog_fd,
	const struct dp_xdp_attached *old, struct diag *diag, uint32_t *ret_mode)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, expect);
	int r;

	if (!old) {
		r = put_first(port, prog_fd, diag, ret_mode);
	} else {
		expect.old_prog_fd = old->fd;
		r = bpf_xdp_attach(port->ifindex, prog_fd, old->mode | XDP_FLAGS_REPLACE, &expect);
		if (r == 0)
			*ret_mode = old->mode;
	}
	if (r == -EEXIST)
		r = -EBUSY;
	if (r < 0)
		diag_add(diag, DIAG_ERROR, NULL, "%s: cannot attach the XDP program: %s",
			port->device, strerror(-r));
	return r;
}

int dp_xdp_attach_remove(const struct dp_xdp_port *port, int prog_fd, uint32_t mode)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, expect, .old_prog_fd = prog_fd);

	return bpf_xdp_detach(port->ifindex, mode | XDP_FLAGS_REPLACE, &expect);
}

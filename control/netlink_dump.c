/* Asking the kernel for whole tables, a datagram at a time.
 *
 * Dumps run one after another, in the order of enum nl_dump. One that a change interrupted is
 * left incomplete (nothing goes from the mirror) and is pending again. Nothing here waits
 * but nl_dump_everything(): rtnetlink fills a dump while it is being read, so that it
 * always has an answer ready. When to start a batch is decided in netlink.c. */
#include "control/netlink_internal.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { FIRST_DUMP_TRIES = 8, FIRST_DUMP_WAIT_MS = 5000 };

static enum nl_dump first_of(unsigned batch)
{
	return (enum nl_dump)__builtin_ctz(batch);
}

static void put_route_dump(struct nlmsghdr *h, enum nl_dump dump)
{
	const bool is_v4 = dump == NL_DUMP_ROUTES4 || dump == NL_DUMP_LOCALS4;
	const bool is_main = dump == NL_DUMP_ROUTES4 || dump == NL_DUMP_ROUTES6;
	struct rtmsg *head;

	h->nlmsg_type = RTM_GETROUTE;
	head = mnl_nlmsg_put_extra_header(h, sizeof(*head));
	head->rtm_family = is_v4 ? AF_INET : AF_INET6;
	mnl_attr_put_u32(h, RTA_TABLE, is_main ? RT_TABLE_MAIN : RT_TABLE_LOCAL);
}

/* Asks for the first dump of the batch. */
static int start_dump(struct netlink *nl)
{
	_Alignas(NLMSG_ALIGNTO) char request[256];
	const enum nl_dump dump = first_of(nl->batch);
	struct nlmsghdr *h = mnl_nlmsg_put_header(request);

	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++nl->dump_seq;
	switch (dump) {
	case NL_DUMP_LINKS:
		h->nlmsg_type = RTM_GETLINK;
		(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
		break;
	case NL_DUMP_ADDRESSES:
		h->nlmsg_type = RTM_GETADDR;
		(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));
		break;
	case NL_DUMP_NEIGHBOURS:
		h->nlmsg_type = RTM_GETNEIGH;
		(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ndmsg));
		break;
	default:
		put_route_dump(h, dump);
		break;
	}
	if (mnl_socket_sendto(nl->dumps, h, h->nlmsg_len) < 0)
		return -errno;
	nl_mirror_begin(nl->mirror, dump);
	nl->is_dumping = true;
	nl->is_inconsistent = false;
	return 0;
}

/* `error`: 0, or what the kernel said instead of an end. A table that does not exist (yet)
 * and a family that the kernel does not have are empty. */
static int finish_dump(struct netlink *nl, int error)
{
	const unsigned bit = 1u << first_of(nl->batch);
	bool is_empty = error == -ENOENT || error == -EAFNOSUPPORT || error == -EOPNOTSUPP;
	bool is_complete = (error == 0 && !nl->is_inconsistent) || is_empty;

	nl_mirror_finish(nl->mirror, is_complete);
	nl->is_dumping = false;
	nl->batch &= ~bit;
	nl_take_wanted(nl);
	if (!is_complete)
		nl->pending |= bit;
	if (nl->batch == 0 && nl->is_resync) {
		nl->is_resync = nl->pending != 0;
		nl->mirror->changes |= NL_ALL_CHANGES;
	}
	return is_complete ? 0 : error;
}

static int error_of(const struct nlmsghdr *h)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(h) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(h), sizeof(error));
	return error;
}

/* One datagram of the dump under way. 0, or the error that ended it. */
static int read_dump(struct netlink *nl)
{
	int left = nl_receive(nl, nl->dumps);
	const struct nlmsghdr *h = (const struct nlmsghdr *)nl->buffer;

	if (left == -EAGAIN)
		return -EAGAIN;
	if (left < 0)
		return finish_dump(nl, left);
	for (; nl_parse_is_whole(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != nl->dump_seq)
			continue; // of a dump that broke off
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			nl->is_inconsistent = true;
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return finish_dump(nl, error_of(h));
		nl_apply(nl, h);
	}
	return 0;
}

int nl_dump_step(struct netlink *nl)
{
	return nl->is_dumping ? read_dump(nl) : start_dump(nl);
}

int nl_dump_everything(struct netlink *nl)
{
	struct pollfd readable = {.fd = mnl_socket_get_fd(nl->dumps), .events = POLLIN};

	nl->pending = NL_ALL_DUMPS;
	for (int i = 0; i < FIRST_DUMP_TRIES && nl->pending != 0; i++) {
		nl->batch = nl->pending;
		nl->pending = 0;
		while (nl->batch != 0) {
			int r = nl_dump_step(nl);

			if (r == -EAGAIN && poll(&readable, 1, FIRST_DUMP_WAIT_MS) <= 0)
				return -ETIMEDOUT;
			if (r < 0 && r != -EAGAIN)
				return r;
		}
	}
	return 0;
}

void nl_dump_put_off(struct netlink *nl)
{
	if (nl->is_dumping)
		nl_mirror_finish(nl->mirror, false);
	nl->is_dumping = false;
	nl->pending |= nl->batch;
	nl->batch = 0;
}

/* Any bytes as a stream of rtnetlink messages, through the parser into a mirror: no crash, no
 * leak, and tables that keep their invariants.
 *
 * Between messages, NLMSG_NOOP begins a dump (its sequence number says which) and NLMSG_DONE
 * ends it (number 0: incomplete), as a kernel's answers would. */
#include "control/netlink_mirror.h"

#include <assert.h>
#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct nl_mirror *m, const struct nlmsghdr *h)
{
	struct nl_event ev;

	if (h->nlmsg_type == NLMSG_NOOP && m->dump < 0)
		nl_mirror_begin(m, (enum nl_dump)(h->nlmsg_seq % NL_N_DUMPS));
	else if (h->nlmsg_type == NLMSG_DONE)
		nl_mirror_finish(m, h->nlmsg_seq != 0);
	else if (nl_parse_message(h, &ev) == 0)
		(void)nl_mirror_apply(m, &ev);
}

static int compare_prefixes(const struct prefix *a, const struct prefix *b)
{
	int r = addr_compare(&a->addr, &b->addr);

	return r != 0 ? r : (int)a->length_bits - (int)b->length_bits;
}

static void check_routes(struct nl_mirror *m)
{
	const struct nl_route *routes;
	const struct prefix *locals;
	unsigned n = nl_mirror_routes(m, &routes);

	assert(n <= m->routes.n);
	for (unsigned i = 0; i < n; i++) {
		assert(routes[i].port < m->n_ports && routes[i].to.length_bits <= 128);
		assert(i == 0 || compare_prefixes(&routes[i - 1].to, &routes[i].to) <= 0);
	}
	n = nl_mirror_locals(m, &locals);
	assert(n <= m->routes.n);
	for (unsigned i = 1; i < n; i++)
		assert(compare_prefixes(&locals[i - 1], &locals[i]) < 0);
}

static void check_neighbours(struct nl_mirror *m)
{
	const struct nl_neighbour *list;
	unsigned n = nl_mirror_neighbours(m, &list);

	assert(n == m->neighbours.n);
	for (unsigned i = 0; i < n; i++) {
		assert(list[i].port < m->n_ports && m->ports[list[i].port].link.ifindex != 0);
		assert(nl_mirror_find_neighbour(m, list[i].port, &list[i].address));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"p0", "p1"};
	struct nl_mirror *m = nl_mirror_new(names, 2);
	const struct nlmsghdr *h;
	void *aligned = malloc(size);
	int left = (int)size;

	if (!m || (size > 0 && !aligned))
		abort();
	if (size > 0)
		memcpy(aligned, data, size);
	for (h = aligned; nl_parse_is_whole(h, left); h = mnl_nlmsg_next(h, &left))
		take(m, h);
	nl_mirror_finish(m, true);
	check_routes(m);
	check_neighbours(m);
	free(aligned);
	nl_mirror_free(m);
	return 0;
}

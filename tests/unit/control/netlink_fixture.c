/* A mirror in a namespace, and what tests say about it. */
#include "netlink_fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

const char *const port_names[2] = {"p0", "p1"};

int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void note_changes(void *arg, unsigned changes)
{
	*(unsigned *)arg |= changes;
}

bool becomes(struct fixture *f, claim *holds, const void *arg)
{
	struct pollfd fd = {.fd = nl_fd(f->nl), .events = POLLIN};
	const int64_t end = now_us() + WAIT_MS * 1000;

	while (!holds(f, arg)) {
		if (now_us() > end)
			return false;
		(void)poll(&fd, 1, 100);
		nl_read(f->nl, note_changes, &f->changes);
	}
	return true;
}

bool is_quiet(struct fixture *f, const void *arg)
{
	struct pollfd fd = {.fd = nl_fd(f->nl), .events = POLLIN};

	(void)arg;
	return poll(&fd, 1, 0) == 0 && f->nl->pending == 0 && f->nl->batch == 0;
}

void settle(struct fixture *f)
{
	assert_true(becomes(f, is_quiet, NULL));
}

/* ---- text forms, to compare with -------------------------------------------------------- */

static char *list_routes(const struct netlink *nl)
{
	static const char *const kinds[] = {"via", "on link", "unreachable"};
	char to[PREFIX_STR_LEN], gateway[ADDR_STR_LEN];
	const struct nl_route *routes;
	unsigned n = nl_routes(nl, &routes);
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (unsigned i = 0; i < n; i++) {
		const struct nl_route *r = &routes[i];

		fprintf(f, "%s %s", prefix_format(&r->to, to), kinds[r->kind]);
		if (r->kind == NL_ROUTE_VIA)
			fprintf(f, " %s", addr_format(&r->gateway, gateway));
		if (r->kind != NL_ROUTE_UNREACHABLE)
			fprintf(f, " %s", port_names[r->port]);
		fprintf(f, " metric %u\n", r->metric);
	}
	(void)fclose(f);
	return text;
}

static char *list_everything(const struct netlink *nl)
{
	const struct nl_neighbour *neighbours;
	const struct prefix *locals;
	char buf[PREFIX_STR_LEN];
	char *routes = list_routes(nl), *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (unsigned i = 0; i < 2; i++)
		fprintf(f, "link %s mtu %u %s\n", port_names[i], nl_link(nl, i)->mtu,
			nl_link(nl, i)->is_up ? "up" : "down");
	fprintf(f, "%s", routes);
	free(routes);
	for (unsigned i = 0, n = nl_locals(nl, &locals); i < n; i++)
		fprintf(f, "local %s\n", prefix_format(&locals[i], buf));
	for (unsigned i = 0, n = nl_neighbours(nl, &neighbours); i < n; i++)
		if (neighbours[i].is_usable)
			fprintf(f, "neighbour %s %s %02x\n", port_names[neighbours[i].port],
				addr_format(&neighbours[i].address, buf), neighbours[i].mac[5]);
	(void)fclose(f);
	return text;
}

bool has_route(struct fixture *f, const void *line)
{
	char *text = list_routes(f->nl);
	bool has = strstr(text, line) != NULL;

	free(text);
	return has;
}

bool has_no_route(struct fixture *f, const void *line)
{
	return !has_route(f, line);
}

bool has_local(struct fixture *f, const void *prefix)
{
	const struct prefix *locals;
	unsigned n = nl_locals(f->nl, &locals);
	char buf[PREFIX_STR_LEN];

	for (unsigned i = 0; i < n; i++)
		if (strcmp(prefix_format(&locals[i], buf), prefix) == 0)
			return true;
	return false;
}

bool has_no_local(struct fixture *f, const void *prefix)
{
	return !has_local(f, prefix);
}

void assert_equals_fresh_mirror(struct fixture *f)
{
	struct netlink *fresh;
	char *want, *is;

	settle(f);
	assert_int_equal(nl_open(port_names, 2, NULL, &fresh), 0);
	want = list_everything(fresh);
	is = list_everything(f->nl);
	assert_string_equal(is, want);
	free(want);
	free(is);
	nl_close(fresh);
}

int set_up_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || !namespaces_open(&f->ns))
		return -1;
	if (nl_open(port_names, 2, NULL, &f->nl) < 0)
		return -1;
	*state = f;
	return 0;
}

int tear_down_fixture(void **state)
{
	struct fixture *f = *state;

	nl_close(f->nl);
	namespaces_close(&f->ns);
	free(f);
	return 0;
}

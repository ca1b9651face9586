/* Raw ICMP sockets, one a family for all pings of a loop, and who waits for which answer.
 *
 * A raw socket sees the ICMP of the whole machine. The kernel's filters let replies and errors
 * through, of all programs; an answer is ours if identifier, sequence number, address and token
 * are those of a request that waits. Sequence numbers are not used twice at a time, so that they
 * find the request. Errors may lack the token (RFC 792 wants eight bytes quoted); a forged one
 * would have to guess 32 bits within one probe.
 *
 * What is read a turn is bounded: a flood delays others, and costs them a packet at worst. */
#include "healthcheck/ping.h"

#include "healthcheck/endpoint.h"
#include "healthcheck/probe.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	N_BUCKETS = 1024,
	MAX_READS_A_TURN = 64,
	PACKET_BYTES = 2048,           // errors quote up to 1,280
	RECEIVE_BUFFER_BYTES = 1 << 20 // a burst of replies while the loop does other work
};

struct ping_socket {
	struct hc_ping *ping;
	int fd;
	struct event *readable;
};

struct hc_ping {
	struct event_base *base;
	struct ping_socket sockets[CONF_N_FAMILIES];
	uint16_t identifier;
	uint16_t next_sequence;
	unsigned n_waiting;
	LIST_HEAD(, hc_ping_wait) waiting[N_BUCKETS]; // by sequence number
};

int hc_ping_get(struct hc_shared *shared, struct hc_ping **ret)
{
	struct hc_ping *ping = shared->ping;

	if (!ping) {
		ping = calloc(1, sizeof(*ping));
		if (!ping)
			return ENOMEM;
		ping->base = shared->base;
		ping->sockets[CONF_V4] = (struct ping_socket){.ping = ping, .fd = -1};
		ping->sockets[CONF_V6] = (struct ping_socket){.ping = ping, .fd = -1};
		arc4random_buf(&ping->identifier, sizeof(ping->identifier));
		arc4random_buf(&ping->next_sequence, sizeof(ping->next_sequence));
		shared->ping = ping;
	}
	*ret = ping;
	return 0;
}

static void close_socket(struct ping_socket *s)
{
	if (s->readable)
		event_free(s->readable);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->readable = NULL;
	s->fd = -1;
}

void hc_ping_free(struct hc_ping *ping)
{
	if (!ping)
		return;
	for (unsigned i = 0; i < CONF_N_FAMILIES; i++)
		close_socket(&ping->sockets[i]);
	free(ping);
}

/* ---- answers ------------------------------------------------------------------------------ */

static struct hc_ping_wait *find_wait(struct hc_ping *ping, uint16_t sequence)
{
	struct hc_ping_wait *wait;

	LIST_FOREACH(wait, &ping->waiting[sequence % N_BUCKETS], list)
	if (wait->echo.sequence == sequence)
		return wait;
	return NULL;
}

void hc_ping_forget(struct hc_ping *ping, struct hc_ping_wait *wait)
{
	LIST_REMOVE(wait, list);
	ping->n_waiting--;
}

static void deliver(struct hc_ping *ping, const struct hc_icmp_answer *answer)
{
	struct hc_ping_wait *wait = find_wait(ping, answer->echo.sequence);

	if (answer->echo.identifier != ping->identifier || !wait ||
		!addr_equal(&answer->server, &wait->server))
		return;
	if (answer->has_token ? answer->echo.token != wait->echo.token
			      : answer->kind != HC_ICMP_ERROR)
		return;
	hc_ping_forget(ping, wait);
	wait->on_answer(wait, answer);
}

static int parse(
	const uint8_t *bytes, size_t n, const union hc_endpoint *from, struct hc_icmp_answer *ret)
{
	struct addr server;

	if (from->any.sa_family == AF_INET)
		return hc_icmp_parse_v4(bytes, n, ret);
	server = addr_from_v6(&from->v6.sin6_addr);
	return hc_icmp_parse_v6(bytes, n, &server, ret);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	const struct ping_socket *s = arg;
	uint8_t bytes[PACKET_BYTES];
	struct hc_icmp_answer answer;
	union hc_endpoint from = {.any = {.sa_family = AF_UNSPEC}};

	(void)what;
	for (unsigned i = 0; i < MAX_READS_A_TURN; i++) {
		socklen_t len = sizeof(from);
		// MSG_TRUNC: a longer packet shows by its length
		ssize_t n = recvfrom(
			fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC, &from.any, &len);

		if (n < 0)
			return;
		if (n <= PACKET_BYTES && parse(bytes, (size_t)n, &from, &answer) == 0)
			deliver(s->ping, &answer);
	}
}

/* ---- requests ----------------------------------------------------------------------------- */

static int set_filter(int fd, bool is_v4)
{
	struct icmp_filter v4 = {.data = ~(1u << ICMP_ECHOREPLY | 1u << ICMP_DEST_UNREACH |
					   1u << ICMP_TIME_EXCEEDED)};
	struct icmp6_filter v6;

	if (is_v4)
		return setsockopt(fd, SOL_RAW, ICMP_FILTER, &v4, sizeof(v4));
	ICMP6_FILTER_SETBLOCKALL(&v6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &v6);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &v6);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &v6);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &v6, sizeof(v6));
}

static int open_socket(struct ping_socket *s, bool is_v4)
{
	const int bytes = RECEIVE_BUFFER_BYTES;
	int error;

	s->fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
		is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (s->fd < 0)
		return errno;
	if (set_filter(s->fd, is_v4) < 0) {
		error = errno;
		goto close;
	}
	// as much as net.core.rmem_max allows
	(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	error = ENOMEM;
	s->readable = event_new(s->ping->base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
	if (!s->readable || event_add(s->readable, NULL) < 0)
		goto close;
	return 0;

close:
	close_socket(s);
	return error;
}

/* The ancillary data that chooses the source address. */
static void add_source(struct msghdr *message, const struct addr *source)
{
	struct cmsghdr *c = message->msg_control;

	if (addr_is_v4(source)) {
		const struct in_pktinfo info = {.ipi_spec_dst.s_addr = addr_v4(source)};

		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		message->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = {0};

		memcpy(&info.ipi6_addr, source->bytes, sizeof(source->bytes));
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		message->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

/* The kernel's word for a source that is no address of this machine is that of a missing route. */
static bool is_of_this_machine(const struct addr *source)
{
	union hc_endpoint e;
	const socklen_t len = hc_endpoint_fill(source, 0, &e);
	int fd = socket(e.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is = fd < 0 || bind(fd, &e.any, len) == 0 || errno != EADDRNOTAVAIL;

	if (fd >= 0)
		(void)close(fd);
	return is;
}

static int send_request(int fd, const struct hc_ping_wait *wait)
{
	uint8_t bytes[HC_ICMP_REQUEST_BYTES];
	struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
	union hc_endpoint to;
	struct msghdr message = {.msg_name = &to,
		.msg_namelen = hc_endpoint_fill(&wait->server, 0, &to),
		.msg_iov = &part,
		.msg_iovlen = 1};
	int error;

	hc_icmp_request(addr_is_v4(&wait->server), &wait->echo, bytes);
	if (wait->source) {
		message.msg_control = control;
		add_source(&message, wait->source);
	}
	if (sendmsg(fd, &message, MSG_DONTWAIT) >= 0)
		return 0;
	error = errno == EAGAIN ? ENOBUFS : errno;
	return wait->source && !is_of_this_machine(wait->source) ? EADDRNOTAVAIL : error;
}

int hc_ping_send(struct hc_ping *ping, struct hc_ping_wait *wait)
{
	const bool is_v4 = addr_is_v4(&wait->server);
	struct ping_socket *s = &ping->sockets[is_v4 ? CONF_V4 : CONF_V6];
	int error;

	if (ping->n_waiting >= HC_PING_MAX_WAITING)
		return ENOBUFS;
	error = s->fd < 0 ? open_socket(s, is_v4) : 0;
	if (error)
		return error;

	wait->echo.identifier = ping->identifier;
	do // half of the numbers are free
		wait->echo.sequence = ping->next_sequence++;
	while (find_wait(ping, wait->echo.sequence));
	arc4random_buf(&wait->echo.token, sizeof(wait->echo.token));
	error = send_request(s->fd, wait);
	if (error)
		return error;
	LIST_INSERT_HEAD(&ping->waiting[wait->echo.sequence % N_BUCKETS], wait, list);
	ping->n_waiting++;
	return 0;
}

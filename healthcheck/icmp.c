/* ICMP echo packets and the errors about them, read and written as bytes. What comes is anybody's:
 * every length is checked against what is there, and nothing is kept. Which request an answer
 * belongs to is ping.c's to find. */
#include "healthcheck/icmp.h"

#include "base/checksum.h"

#include <errno.h>
#include <string.h>

enum {
	V4_ECHO_REPLY = 0, // RFC 792
	V4_UNREACHABLE = 3,
	V4_ECHO_REQUEST = 8,
	V4_TIME_EXCEEDED = 11,
	V6_UNREACHABLE = 1, // RFC 4443
	V6_TIME_EXCEEDED = 3,
	V6_ECHO_REQUEST = 128,
	V6_ECHO_REPLY = 129,
	PROTOCOL_ICMP = 1,
	PROTOCOL_ICMPV6 = 58,
	V4_MIN_HEADER = 20,
	V6_HEADER = 40,
	ICMP_HEADER = 8, // echo and errors alike
	TOKEN_BYTES = 8,
};

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void write16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void hc_icmp_request(bool is_v4, const struct hc_icmp_echo *echo, uint8_t *ret)
{
	uint16_t sum;

	memset(ret, 0, HC_ICMP_REQUEST_BYTES);
	ret[0] = is_v4 ? V4_ECHO_REQUEST : V6_ECHO_REQUEST;
	write16(ret + 4, echo->identifier);
	write16(ret + 6, echo->sequence);
	memcpy(ret + ICMP_HEADER, &echo->token, TOKEN_BYTES);
	if (!is_v4)
		return;
	sum = (uint16_t)~checksum_sum(ret, HC_ICMP_REQUEST_BYTES, 0);
	memcpy(ret + 2, &sum, sizeof(sum));
}

struct words {
	uint8_t type, code;
	const char *text;
};

// clang-format off
static const struct words v4_words[] = {
	{V4_UNREACHABLE,   0, "network unreachable"},
	{V4_UNREACHABLE,   1, "host unreachable"},
	{V4_UNREACHABLE,   2, "ICMP unreachable"},
	{V4_UNREACHABLE,   9, "network prohibited"},
	{V4_UNREACHABLE,  10, "host prohibited"},
	{V4_UNREACHABLE,  13, "prohibited by a filter"},
	{V4_TIME_EXCEEDED, 0, "time to live exceeded"},
};
static const struct words v6_words[] = {
	{V6_UNREACHABLE,   0, "no route to host"},
	{V6_UNREACHABLE,   1, "prohibited by a filter"},
	{V6_UNREACHABLE,   3, "host unreachable"},
	{V6_UNREACHABLE,   5, "prohibited by a filter"},
	{V6_UNREACHABLE,   6, "route rejected"},
	{V6_TIME_EXCEEDED, 0, "hop limit exceeded"},
};
// clang-format on

static const char *find_words(const struct words *words, size_t n, const uint8_t *icmp)
{
	for (size_t i = 0; i < n; i++)
		if (words[i].type == icmp[0] && words[i].code == icmp[1])
			return words[i].text;
	return "unreachable";
}

/* `icmp` starts an echo request or reply of `type`; of a quoted one the end may be missing. */
static int read_echo(const uint8_t *icmp, size_t n, uint8_t type, struct hc_icmp_answer *answer)
{
	if (n < ICMP_HEADER || icmp[0] != type || icmp[1] != 0)
		return -EBADMSG;
	answer->echo = (struct hc_icmp_echo){
		.identifier = read16(icmp + 4),
		.sequence = read16(icmp + 6),
	};
	answer->has_token = n >= ICMP_HEADER + TOKEN_BYTES;
	if (answer->has_token)
		memcpy(&answer->echo.token, icmp + ICMP_HEADER, TOKEN_BYTES);
	return 0;
}

static int read_reply(const uint8_t *icmp, size_t n, uint8_t type, struct hc_icmp_answer *answer)
{
	answer->kind = HC_ICMP_REPLY;
	if (read_echo(icmp, n, type, answer) < 0 || n != HC_ICMP_REQUEST_BYTES)
		return -EBADMSG;
	return 0;
}

/* The bytes of an IPv4 header, or 0 if `ip` starts none with ICMP behind it. */
static size_t v4_header(const uint8_t *ip, size_t n)
{
	size_t length;

	if (n < V4_MIN_HEADER || ip[0] >> 4 != 4 || ip[9] != PROTOCOL_ICMP)
		return 0;
	length = (size_t)(ip[0] & 0xf) * 4;
	return length >= V4_MIN_HEADER && length <= n ? length : 0;
}

static struct addr v4_addr(const uint8_t *at)
{
	be32 v4;

	memcpy(&v4, at, sizeof(v4));
	return addr_from_v4(v4);
}

static int read_v4_error(const uint8_t *icmp, size_t n, struct hc_icmp_answer *answer)
{
	const uint8_t *quoted = icmp + ICMP_HEADER;
	const size_t n_quoted = n - ICMP_HEADER, header = v4_header(quoted, n_quoted);

	if (header == 0)
		return -EBADMSG;
	answer->kind = HC_ICMP_ERROR;
	answer->server = v4_addr(quoted + 16);
	answer->words = find_words(v4_words, sizeof(v4_words) / sizeof(v4_words[0]), icmp);
	return read_echo(quoted + header, n_quoted - header, V4_ECHO_REQUEST, answer);
}

int hc_icmp_parse_v4(const uint8_t *bytes, size_t n, struct hc_icmp_answer *ret)
{
	struct hc_icmp_answer answer = {0};
	const size_t header = v4_header(bytes, n);
	const uint8_t *icmp = bytes + header;
	int r = -EBADMSG;

	n -= header;
	// a raw socket gets the packet before the kernel has looked at its checksum
	if (header == 0 || n < ICMP_HEADER || checksum_sum(icmp, n, 0) != 0xffff)
		return -EBADMSG;

	answer.server = v4_addr(bytes + 12);
	if (icmp[0] == V4_ECHO_REPLY)
		r = read_reply(icmp, n, V4_ECHO_REPLY, &answer);
	else if (icmp[0] == V4_UNREACHABLE || icmp[0] == V4_TIME_EXCEEDED)
		r = read_v4_error(icmp, n, &answer);
	if (r == 0)
		*ret = answer;
	return r;
}

/* Our requests have no extension headers, so the quoted one has none either. */
static int read_v6_error(const uint8_t *icmp, size_t n, struct hc_icmp_answer *answer)
{
	const uint8_t *quoted = icmp + ICMP_HEADER;
	const size_t n_quoted = n - ICMP_HEADER;

	if (n_quoted < V6_HEADER || quoted[0] >> 4 != 6 || quoted[6] != PROTOCOL_ICMPV6)
		return -EBADMSG;
	answer->kind = HC_ICMP_ERROR;
	answer->server = addr_from_v6(quoted + 24);
	answer->words = find_words(v6_words, sizeof(v6_words) / sizeof(v6_words[0]), icmp);
	return read_echo(quoted + V6_HEADER, n_quoted - V6_HEADER, V6_ECHO_REQUEST, answer);
}

int hc_icmp_parse_v6(
	const uint8_t *bytes, size_t n, const struct addr *from, struct hc_icmp_answer *ret)
{
	struct hc_icmp_answer answer = {.server = *from};
	int r = -EBADMSG;

	if (n < ICMP_HEADER)
		return -EBADMSG;
	if (bytes[0] == V6_ECHO_REPLY)
		r = read_reply(bytes, n, V6_ECHO_REPLY, &answer);
	else if (bytes[0] == V6_UNREACHABLE || bytes[0] == V6_TIME_EXCEEDED)
		r = read_v6_error(bytes, n, &answer);
	if (r == 0)
		*ret = answer;
	return r;
}

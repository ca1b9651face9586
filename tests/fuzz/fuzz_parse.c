/* Any bytes as a frame: the parser reads nothing beyond it, and what it accepts keeps the
 * promises of parse.h. What the parser for plain packets takes, both read alike. A wrong IPv4
 * header sum is put right for a second try, since a fuzzer does not guess sums. */
#include "dataplane/parse_plain.h"

#include "base/checksum.h"

#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { L3 = 14, SUM = L3 + 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that the transport header has at least, from its offset on. */
static unsigned least_l4(const struct dp_parsed *p)
{
	if (p->is_fragment)
		return 0;
	switch (p->protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	default:
		return 0;
	}
}

static void check(const uint8_t *frame, uint32_t len, const struct dp_parsed *p)
{
	uint32_t end = (uint32_t)p->l3_offset + p->ip_len;
	struct dp_parsed q;

	assert(p->l3_offset == L3 && end <= len);
	assert(p->family == 4 || p->family == 6);
	assert(addr_is_v4(&p->src) == (p->family == 4) && addr_is_v4(&p->dst) == (p->family == 4));
	assert(p->l4_offset >= L3 + (p->family == 4 ? 20 : 40));
	assert(p->l4_offset + least_l4(p) <= end);
	assert(!p->is_fragment || (p->src_port == 0 && p->dst_port == 0 && !p->is_icmp_error));
	if (!dp_parse_quoted(frame, len, p, &q))
		return;
	assert(p->is_icmp_error && q.l3_offset == p->l4_offset + 8);
	assert(q.l4_offset + 4u <= end);
	assert(q.protocol == IPPROTO_TCP || q.protocol == IPPROTO_UDP);
	assert(memcmp(&q.src_port, frame + q.l4_offset, 2) == 0);
	assert(memcmp(&q.dst_port, frame + q.l4_offset + 2, 2) == 0);
}

static struct addr end_at(const uint8_t *at, uint8_t family)
{
	return family == 4 ? addr_from_v4(dp_plain_load32(at)) : addr_from_v6(at);
}

/* `p` is what dp_parse_frame() said; NULL: it refused the frame. */
static void check_plain(const uint8_t *frame, uint32_t len, const struct dp_parsed *p)
{
	struct dp_plain h;
	struct addr src, dst;

	if (!dp_parse_plain(frame, len, &h))
		return;
	assert(p && p->ttl > 1 && !p->is_fragment && !p->is_icmp_error);
	assert(h.protocol == IPPROTO_TCP || h.protocol == IPPROTO_UDP);
	assert(h.family == p->family && h.protocol == p->protocol);
	assert(h.tcp_flags == p->tcp_flags && h.l4_offset == p->l4_offset);
	assert(h.ip_len == p->ip_len);
	src = end_at(h.ends, h.family);
	dst = end_at(h.ends + (h.family == 4 ? 4 : 16), h.family);
	assert(addr_equal(&src, &p->src) && addr_equal(&dst, &p->dst));
	assert(memcmp(frame + h.l4_offset, &p->src_port, 2) == 0);
	assert(memcmp(frame + h.l4_offset + 2, &p->dst_port, 2) == 0);
}

static void fix_sum(uint8_t *frame)
{
	unsigned header_len = (frame[L3] & 15u) * 4;
	uint16_t sum;

	memset(frame + SUM, 0, sizeof(sum));
	sum = (uint16_t)~checksum_sum(frame + L3, header_len, 0);
	memcpy(frame + SUM, &sum, sizeof(sum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame = malloc(size + 1); // a block that ends where the frame ends
	uint8_t *start = frame + 1;
	struct dp_parsed p;
	enum dp_drop why;

	if (!frame)
		abort();
	memcpy(start, data, size);
	why = dp_parse_frame(start, (uint32_t)size, &p);
	check_plain(start, (uint32_t)size, why == DP_KEEP ? &p : NULL);
	if (why == DP_DROP_BAD_CHECKSUM) {
		fix_sum(start);
		why = dp_parse_frame(start, (uint32_t)size, &p);
		assert(why != DP_DROP_BAD_CHECKSUM);
		check_plain(start, (uint32_t)size, why == DP_KEEP ? &p : NULL);
	}
	assert(why == DP_KEEP || why == DP_DROP_BAD_HEADER || why == DP_DROP_NOT_OURS);
	if (why == DP_KEEP)
		check(start, (uint32_t)size, &p);
	free(frame);
	return 0;
}

/* See pcapng.h. A block is its type, its length, its body, and its length again; options stand at
 * the end of the body, each with a code and a length, padded to 4 bytes. */
#include "base/pcapng.h"

#include <string.h>

enum block {
	SECTION = 0x0a0d0d0a,
	INTERFACE = 1,
	PACKET = 6,
};

enum option {
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_SECTION_APPLICATION = 4,
	OPT_INTERFACE_NAME = 2,
	OPT_INTERFACE_RESOLUTION = 9,
	OPT_PACKET_FLAGS = 2,
};

enum { BYTE_ORDER_MARK = 0x1a2b3c4d, LINK_ETHERNET = 1, NANOSECONDS = 9 };

/* A block that is being written. */
struct writer {
	uint8_t *start;
	size_t len;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
	memcpy(w->start + w->len, bytes, n);
	w->len += n;
	while (w->len % 4 != 0)
		w->start[w->len++] = 0;
}

static void put32(struct writer *w, uint32_t value)
{
	put(w, &value, sizeof(value));
}

/* Two numbers of 16 bits. */
static void put16s(struct writer *w, uint16_t first, uint16_t second)
{
	const uint16_t both[] = {first, second};

	put(w, both, sizeof(both));
}

static struct writer begin(uint8_t *out, enum block type)
{
	struct writer w = {.start = out};

	put32(&w, type);
	put32(&w, 0); // the length, when it is known
	return w;
}

static size_t end(struct writer *w)
{
	uint32_t len = (uint32_t)w->len + 4;

	memcpy(w->start + 4, &len, sizeof(len));
	put32(w, len);
	return w->len;
}

static void put_option(struct writer *w, enum option code, const void *value, size_t len)
{
	put16s(w, (uint16_t)code, (uint16_t)len);
	put(w, value, len);
}

static void put_text(struct writer *w, enum option code, const char *text)
{
	size_t len = strlen(text);

	put_option(w, code, text, len < PCAPNG_MAX_TEXT ? len : PCAPNG_MAX_TEXT);
}

size_t pcapng_put_section(uint8_t *out, const char *application)
{
	struct writer w = begin(out, SECTION);

	put32(&w, BYTE_ORDER_MARK);
	put16s(&w, 1, 0); // version
	put32(&w, UINT32_MAX);
	put32(&w, UINT32_MAX); // its length: not known
	put_text(&w, OPT_SECTION_APPLICATION, application);
	put32(&w, OPT_END);
	return end(&w);
}

size_t pcapng_put_interface(uint8_t *out, const char *name, uint32_t snaplen)
{
	const uint8_t resolution = NANOSECONDS;
	struct writer w = begin(out, INTERFACE);

	put16s(&w, LINK_ETHERNET, 0);
	put32(&w, snaplen);
	put_text(&w, OPT_INTERFACE_NAME, name);
	put_option(&w, OPT_INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	put32(&w, OPT_END);
	return end(&w);
}

size_t pcapng_put_packet(uint8_t *out, const struct pcapng_packet *p)
{
	struct writer w = begin(out, PACKET);
	uint32_t flags = p->direction;

	put32(&w, p->interface);
	put32(&w, (uint32_t)((uint64_t)p->at_ns >> 32));
	put32(&w, (uint32_t)p->at_ns);
	put32(&w, p->n_bytes);
	put32(&w, p->frame_len);
	put(&w, p->bytes, p->n_bytes);
	if (p->direction != PCAPNG_UNKNOWN)
		put_option(&w, OPT_PACKET_FLAGS, &flags, sizeof(flags));
	if (p->comment[0] != '\0')
		put_text(&w, OPT_COMMENT, p->comment);
	put32(&w, OPT_END);
	return end(&w);
}

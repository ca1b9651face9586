/* The last changes of state. Pure: knows no clock and no log. */
#include "control/event_ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ctl_event_ring {
	unsigned capacity;
	uint64_t next; // number
	struct ctl_event *slots;
};

const char *ctl_event_kind_name(enum ctl_event_kind kind)
{
	static const char *const names[CTL_N_EVENT_KINDS] = {
		[CTL_EVENT_START] = "start",
		[CTL_EVENT_SERVER] = "server",
		[CTL_EVENT_COMMAND] = "command",
		[CTL_EVENT_MAINTENANCE] = "maintenance",
		[CTL_EVENT_SERVICE] = "service",
		[CTL_EVENT_QUORUM] = "quorum",
		[CTL_EVENT_VRRP] = "vrrp",
		[CTL_EVENT_PORT] = "port",
		[CTL_EVENT_WORKER] = "worker",
		[CTL_EVENT_VIPS] = "vips",
		[CTL_EVENT_LEASE] = "lease",
	};

	assert(kind < CTL_N_EVENT_KINDS);
	return names[kind];
}

struct ctl_event_ring *ctl_event_ring_new(unsigned capacity)
{
	struct ctl_event_ring *ring = calloc(1, sizeof(*ring));

	assert(capacity > 0);
	if (!ring)
		return NULL;
	ring->capacity = capacity;
	ring->next = 1;
	ring->slots = calloc(capacity, sizeof(*ring->slots));
	if (!ring->slots) {
		free(ring);
		return NULL;
	}
	return ring;
}

void ctl_event_ring_free(struct ctl_event_ring *ring)
{
	if (!ring)
		return;
	free(ring->slots);
	free(ring);
}

static struct ctl_event *slot_of(const struct ctl_event_ring *ring, uint64_t number)
{
	return &ring->slots[(number - 1) % ring->capacity];
}

struct ctl_event *ctl_event_ring_add(struct ctl_event_ring *ring)
{
	struct ctl_event *event = slot_of(ring, ring->next);

	*event = (struct ctl_event){.number = ring->next++};
	return event;
}

uint64_t ctl_event_ring_oldest(const struct ctl_event_ring *ring)
{
	return ring->next > ring->capacity ? ring->next - ring->capacity : 1;
}

uint64_t ctl_event_ring_next(const struct ctl_event_ring *ring)
{
	return ring->next;
}

const struct ctl_event *ctl_event_ring_find(const struct ctl_event_ring *ring, uint64_t number)
{
	if (number < ctl_event_ring_oldest(ring) || number >= ring->next)
		return NULL;
	return slot_of(ring, number);
}

uint64_t ctl_event_ring_since(const struct ctl_event_ring *ring, int64_t at_ms)
{
	uint64_t low = ctl_event_ring_oldest(ring), high = ring->next;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (slot_of(ring, middle)->at_ms < at_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t ctl_event_ring_catch_up(const struct ctl_event_ring *ring, uint64_t *place)
{
	uint64_t oldest = ctl_event_ring_oldest(ring), missed;

	if (*place >= oldest)
		return 0;
	missed = oldest - *place;
	*place = oldest;
	return missed;
}

void ctl_event_copy(char *to, size_t size, const char *text)
{
	size_t len;

	assert(size > 0);
	if (!text)
		text = "";
	len = strlen(text);
	if (len >= size) {
		len = size - 1;
		// back to the start of the character that does not fit (RFC 3629 §3)
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	for (size_t i = 0; i < len; i++)
		to[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	to[len] = '\0';
}

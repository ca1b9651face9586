/* See tape.h. In front of each record stands its length; SKIP says that the rest up to the end of
 * the ring is empty. */
#include "dataplane/tape.h"

#include <assert.h>
#include <string.h>

enum { HEAD = 8 };
static const uint32_t SKIP = UINT32_MAX;

void dp_tape_init(struct dp_tape *t, void *bytes, uint32_t size)
{
	assert(size >= 64 && (size & (size - 1)) == 0);
	*t = (struct dp_tape){.bytes = bytes, .size = size};
}

static uint32_t space_for(uint32_t len_bytes)
{
	return HEAD + ((len_bytes + 7) & ~7u);
}

static void put_len(struct dp_tape *t, uint64_t at, uint32_t len_bytes)
{
	memcpy(t->bytes + (at & (t->size - 1)), &len_bytes, sizeof(len_bytes));
}

static uint32_t get_len(const struct dp_tape *t, uint64_t at)
{
	uint32_t len_bytes;

	memcpy(&len_bytes, t->bytes + (at & (t->size - 1)), sizeof(len_bytes));
	return len_bytes;
}

void *dp_tape_open(struct dp_tape *t, uint32_t len_bytes)
{
	// pairs with the release in dp_tape_take()
	uint64_t taken = __atomic_load_n(&t->taken, __ATOMIC_ACQUIRE);
	uint64_t at = t->written;
	uint32_t to_end = t->size - (uint32_t)(at & (t->size - 1));
	uint32_t space = space_for(len_bytes), skipped = space > to_end ? to_end : 0;

	if (len_bytes > t->size / 2 - HEAD || at + skipped + space - taken > t->size) {
		__atomic_store_n(&t->lost, t->lost + 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (skipped > 0)
		put_len(t, at, SKIP);
	at += skipped;
	put_len(t, at, len_bytes);
	t->open = at + space;
	return t->bytes + (at & (t->size - 1)) + HEAD;
}

void dp_tape_close(struct dp_tape *t)
{
	// pairs with the acquire in dp_tape_peek()
	__atomic_store_n(&t->written, t->open, __ATOMIC_RELEASE);
}

uint64_t dp_tape_lost(const struct dp_tape *t)
{
	return __atomic_load_n(&t->lost, __ATOMIC_RELAXED);
}

const void *dp_tape_peek(struct dp_tape *t, uint32_t *ret_len_bytes)
{
	// pairs with the release in dp_tape_close()
	uint64_t written = __atomic_load_n(&t->written, __ATOMIC_ACQUIRE);
	uint32_t len_bytes;

	if (t->taken == written)
		return NULL;
	len_bytes = get_len(t, t->taken);
	if (len_bytes == SKIP) {
		uint64_t rest = t->size - (t->taken & (t->size - 1));

		// as in dp_tape_take()
		__atomic_store_n(&t->taken, t->taken + rest, __ATOMIC_RELEASE);
		len_bytes = get_len(t, t->taken);
	}
	*ret_len_bytes = len_bytes;
	return t->bytes + (t->taken & (t->size - 1)) + HEAD;
}

void dp_tape_take(struct dp_tape *t)
{
	// pairs with the acquire in dp_tape_open()
	__atomic_store_n(&t->taken, t->taken + space_for(get_len(t, t->taken)), __ATOMIC_RELEASE);
}

#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Records of any length from one thread to another, in a ring of bytes. Pure: no allocation, no
 * lock, no wait. A writer that finds no room loses its record, and counts it; so a reader that is
 * slow, or has stopped, costs the writer nothing.
 *
 * A record lies in one piece, aligned to 8 bytes: one that does not fit before the end begins at
 * the start again; one longer than half the ring, less 8 bytes, never does. */

struct dp_tape {
	uint8_t *bytes;
	uint32_t size; // power of two
	/* The writer's. */
	uint64_t written __attribute__((aligned(64))); // bytes since the beginning; atomic
	uint64_t open;                                 // the same with the record that is open
	uint64_t lost;                                 // records; atomic
	/* The reader's. */
	uint64_t taken __attribute__((aligned(64))); // atomic
};

/* `bytes` is the caller's, aligned to 8; size is a power of two of at least 64. */
void dp_tape_init(struct dp_tape *t, void *bytes, uint32_t size);

/* Room for a record, to be filled in before dp_tape_close(); NULL: lost. */
void *dp_tape_open(struct dp_tape *t, uint32_t len_bytes);
void dp_tape_close(struct dp_tape *t);
uint64_t dp_tape_lost(const struct dp_tape *t);

/* The oldest record, which stays until dp_tape_take(); NULL: there is none. */
const void *dp_tape_peek(struct dp_tape *t, uint32_t *ret_len_bytes);
void dp_tape_take(struct dp_tape *t);

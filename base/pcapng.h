#pragma once

#include <stddef.h>
#include <stdint.h>

/* Blocks of a capture file (draft-ietf-opsawg-pcapng), in this machine's byte order, as readers
 * accept them. Pure: each is written to a buffer of the caller's, aligned to 4.
 *
 * (rte_pcapng of DPDK 22.11 knows no comment of a packet, and writes to a descriptor that may
 * block.) */

enum {
	PCAPNG_MAX_TEXT = 512, // longer names and comments are cut
	PCAPNG_SECTION_SPACE = 64 + PCAPNG_MAX_TEXT,
	PCAPNG_INTERFACE_SPACE = 64 + PCAPNG_MAX_TEXT,
};

enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

struct pcapng_packet {
	uint32_t interface; // in the order of their blocks, from 0
	int64_t at_ns;      // since the epoch
	uint32_t frame_len, n_bytes;
	const uint8_t *bytes;
	enum pcapng_direction direction;
	const char *comment; // "": none
};

static inline size_t pcapng_packet_space(uint32_t n_bytes)
{
	return 64 + PCAPNG_MAX_TEXT + n_bytes;
}

/* Each returns the length of the block. The file begins with a section. */
size_t pcapng_put_section(uint8_t *out, const char *application);
/* Ethernet, times in nanoseconds. */
size_t pcapng_put_interface(uint8_t *out, const char *name, uint32_t snaplen);
size_t pcapng_put_packet(uint8_t *out, const struct pcapng_packet *p);

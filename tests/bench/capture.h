#pragma once

#include <stdint.h>

/* Writes three files for a replay through a running poised:
 *
 *   PATH            a capture (pcap) of `flows` connections, both ways: each is opened, then
 *                   packets of all of them come in random order, four a connection
 *   PATH.conf       poise.conf for it, with the capture as its only port
 *   PATH.neigh      the port's neighbours, for "ip -batch"
 *
 * Every service has one server in it, so that answers can be known before anything has run.
 * 0 or a negative errno. */
int capture_write(const char *path, unsigned family, uint32_t flows, uint64_t seed);

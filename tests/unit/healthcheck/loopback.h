#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* Servers on loopback for tests of probes: they listen, refuse, or swallow connects. */

struct addr loopback_addr(const char *text);

struct server {
	struct addr address;
	uint16_t port;
	int fd;     // listening; -1: refuses
	int filler; // holds the backlog full; -1: none
};

/* Listens on a free port of `address`. */
void server_start(struct server *s, const char *address);
/* Closes the listener: connects are refused. */
void server_refuse(struct server *s);
/* Fills the backlog: connects hang. */
void server_swallow(struct server *s);
/* Listens again, on the same port, whatever was before. */
void server_return(struct server *s);
void server_stop(struct server *s);

/* False if this machine has no ::1. */
bool loopback_has_v6(void);

/* Open descriptors of this process. */
unsigned count_descriptors(void);
/* Sockets of this process that wait for the answer to their SYN, fillers included. */
unsigned count_connecting(void);

int64_t now_ms(void);

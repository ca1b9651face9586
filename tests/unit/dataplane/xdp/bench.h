#pragma once

#include "dataplane/xdp.h"
#include "tests/unit/dataplane/xdp/cells.h"

#include <stdint.h>

/* A network namespace of the test's own with a program in it, and a way to ask it. */

struct diag;

struct bench {
	struct dp_xdp *xdp;
	struct diag *diag;
	int prog_fd;   // of port 0
	int socket_fd; // an AF_XDP socket in port 0's xsks_map, or -1
};

/* NULL, or why this machine or user cannot run these tests. After it the process is in a
 * namespace of its own, with veth pairs p0-c0 and p1-c1, which are up. */
const char *bench_enter_namespace(void);

struct dp_xdp_port bench_port(const char *device);
/* Runs a command; its failure fails the test. */
void bench_run(const char *command);

/* The id of the program on a device, 0 if none. */
uint32_t bench_program_id(const char *device);

/* Program on p0 and p1, a socket in p0's map. */
void bench_open(struct bench *b) ON_CONTROL;
void bench_close(struct bench *b) ON_CONTROL;
void bench_remove_socket(struct bench *b);

/* The sets of cells.h, and a long lease for owner 0. */
void bench_set_all(struct bench *b) ON_CONTROL;

/* What the kernel says the program answers; no counters. */
uint32_t bench_verdict(const struct bench *b, const struct frame *f);
/* The frame as it goes on. */
void bench_output(const struct bench *b, const struct frame *f, struct frame *ret);
enum fate bench_ask(const struct bench *b, const struct frame *f) ON_CONTROL;

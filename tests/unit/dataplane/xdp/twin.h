#pragma once

#include "base/thread.h"
#include "tests/unit/dataplane/xdp/cells.h"

#include <stdint.h>

/* decide.c with the sets of cells.h, asked as bench.h asks the BPF program. */

struct dp_service_part;
struct dp_local_part;

struct twin {
	struct dp_service_part *services;
	struct dp_local_part *locals;
	uint64_t leases[2];
	uint8_t mac[6]; // zeros: not told
};

void twin_init(struct twin *t) ON_CONTROL;
void twin_fini(struct twin *t) ON_CONTROL;
/* Never NO_SOCKET or IMPOSSIBLE. */
enum fate twin_ask(const struct twin *t, const struct frame *f) ON_WORKER;

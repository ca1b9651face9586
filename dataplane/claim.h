#pragma once

#include "base/thread.h"

#include <stdbool.h>

/* Which process drives a kernel interface. A claim is gone with its process, however that ends. */

/* Where claims are kept: files that only root can lock, one for each (network namespace,
 * interface). */
#define DP_CLAIM_FOLDER "/run/poise"

enum { DP_CLAIM_PATH_LEN = 128 };

struct dp_claim {
	int fd;               // -1: none
	bool has_made_folder; // and removes it
	char path[DP_CLAIM_PATH_LEN];
};

/* Claims the interface for this process; makes `folder` (one level) if it is not there.
 * -EADDRINUSE: another instance has it; -EPERM: somebody else may write into the folder, so that a
 * claim in it means nothing; -errno. *ret untouched then. */
int dp_claim_take(const char *folder, int ifindex, struct dp_claim *ret) ON_CONTROL;
/* One with fd -1 is fine, and becomes one. */
void dp_claim_give_back(struct dp_claim *claim) ON_CONTROL;

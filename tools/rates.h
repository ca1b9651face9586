#pragma once

#include <jansson.h>

/* Adds rates to a second sample of an answer: for each counter "X_total" of `now` that `before`
 * has at the same place, "X_per_second". Goes through nested objects and lists; entries of a
 * list belong together when their names (service, server, ...) are the same. A counter that
 * went back, since the daemon was restarted, has a rate of 0. 0 or -ENOMEM. */
int cli_rates_add(json_t *now, const json_t *before, double seconds);

#pragma once

#include "control/control.h"
#include "control/job.h"

/* "SERVICE/SERVER" as people write it, and the servers it means.
 *
 * People name a server of a service; the model has one entry for each half (family, protocol)
 * of the service. What belongs together is handed out as one group. */

/* Halves of one service: two families, two protocols. */
enum { CTL_MAX_HALVES = 4 };

struct ctl_target {
	char service[CONF_MAX_NAME + 1]; // "*": any
	char server[CONF_MAX_NAME + 1];  // "*": any
};

/* One configured server of one configured service, with its ids in ctl->servers. */
struct ctl_group {
	const struct conf_service *service;
	const struct conf_server *server;
	unsigned ids[CTL_MAX_HALVES];
	unsigned n_ids;
};

/* Where an iteration stands; zero to begin. */
struct ctl_cursor {
	unsigned half;   // id of the first half of the service at hand
	unsigned server; // position in the service's list
};

/* Reads "A/B"; "A" alone means "A/" + default_server, or is refused if that is NULL. Refused as
 * well: a name that no service or server has, with the nearest that exist. -EINVAL. */
int ctl_target_parse(const struct ctl *ctl, const char *text, const char *default_server,
	struct ctl_error *err, struct ctl_target *ret) ON_CONTROL;

bool ctl_target_has_service(const struct ctl_target *target, const struct conf_service *service);
bool ctl_target_has_server(const struct ctl_target *target, const struct conf_server *server);

/* The next group of the target; false after the last. */
bool ctl_target_next(const struct ctl *ctl, const struct ctl_target *target,
	struct ctl_cursor *cursor, struct ctl_group *ret) ON_CONTROL;

/* The service of that name; else NULL, and `err` is filled in. */
const struct conf_service *ctl_target_find_service(
	const struct ctl *ctl, const char *name, struct ctl_error *err) ON_CONTROL;

/* Groups of VRRP that there are: none without an engine. */
unsigned ctl_target_n_groups(const struct ctl *ctl) ON_CONTROL;
/* The position of the group of that name; else -EINVAL, and `err` is filled in. */
int ctl_target_find_group(
	const struct ctl *ctl, const char *name, struct ctl_error *err, unsigned *ret) ON_CONTROL;

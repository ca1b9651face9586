#pragma once

#include "base/thread.h"

struct arena;
struct conf;
struct diag;

/* What the model's parts must be to each other: adds errors and warnings to `diag`. Tolerates
 * a model whose building met errors: references may be NULL, arrays empty. `scratch` is for its
 * own use. -ENOMEM. */
int conf_check(const struct conf *conf, struct arena *scratch, struct diag *diag) ANY_THREAD;

/* Its part about interfaces and routes. */
void conf_check_interfaces(const struct conf *conf, struct diag *diag) ANY_THREAD;
/* Its part about VRRP: virtual routers, names and addresses used once; every VIP in one. */
int conf_check_vrrp(const struct conf *conf, struct arena *scratch, struct diag *diag) ANY_THREAD;
/* Its part about ports: each (address, protocol, port) leads to one service. */
int conf_check_ports(const struct conf *conf, struct arena *scratch, struct diag *diag) ANY_THREAD;

#pragma once

#include "base/thread.h"
#include "conf/bind.h"

/* Between bind_vrrp.c, groups and instances, and bind_track.c. */

/* The group's tracks to the model. -ENOMEM. */
int conf_bind_tracks(struct conf_binding *b, const struct conf_object *o,
	struct conf_vrrp_group *group) ANY_THREAD;

/* In place of the engine: nobody makes a `struct vrrp` yet, so that nobody can call these. To be
 * replaced as a whole. */
#include "vrrp/vrrp.h"

#include <assert.h>
#include <errno.h>

int vrrp_set_priority(struct vrrp *v, unsigned group, unsigned priority)
{
	(void)group;
	(void)priority;
	assert(!v);
	return -EINVAL;
}

int vrrp_release(struct vrrp *v, unsigned group)
{
	(void)group;
	assert(!v);
	return -EALREADY;
}

void vrrp_read_group(const struct vrrp *v, unsigned group, struct vrrp_group_status *ret)
{
	(void)group;
	assert(!v);
	*ret = (struct vrrp_group_status){.why = ""};
}

void vrrp_read_instance(
	const struct vrrp *v, unsigned group, unsigned instance, struct vrrp_instance_status *ret)
{
	(void)group;
	(void)instance;
	assert(!v);
	*ret = (struct vrrp_instance_status){.state = VRRP_INIT};
}

void vrrp_read_track(
	const struct vrrp *v, unsigned group, unsigned track, struct vrrp_track_status *ret)
{
	(void)group;
	(void)track;
	assert(!v);
	*ret = (struct vrrp_track_status){.why = ""};
}

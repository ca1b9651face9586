/* Nobody is told yet. To be replaced as a whole. */
#include "vrrp/programs.h"

int vrrp_notify_start(
	const struct conf *conf, struct vrrp_programs *programs, struct vrrp_notify **ret)
{
	(void)conf;
	(void)programs;
	(void)ret;
	return 0;
}

void vrrp_notify_stop(struct vrrp_notify *n)
{
	(void)n;
}

void vrrp_notify_tell(
	struct vrrp_notify *n, unsigned group, enum vrrp_notice notice, unsigned priority)
{
	(void)n;
	(void)group;
	(void)notice;
	(void)priority;
}

bool vrrp_notify_is_idle(const struct vrrp_notify *n)
{
	(void)n;
	return true;
}

void vrrp_notify_drain(struct vrrp_notify *n, unsigned timeout_ms)
{
	(void)n;
	(void)timeout_ms;
}

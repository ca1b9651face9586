/* The VRRP engine of the tests: says what the fixture tells it to, and keeps what it was told. */
#include "tests/unit/admin/fixture.h"

#include <assert.h>

static const struct conf_interface interfaces[] = {
	{.name = "wan", .device = "eth0"}, {.name = "lan", .device = "eth1", .index = 1}};

static const struct conf_track tracks[FAKE_TRACKS] = {
	{.name = "interface wan", .type = CONF_TRACK_INTERFACE},
	{.name = "probe", .type = CONF_TRACK_SCRIPT, .weight = -50, .reverse = true}};

static const struct addr vips4[] = {{.bytes = {[10] = 255, 255, 203, 0, 113, 10}}};
static const struct addr vips6[] = {
	{.bytes = {0xfe, 0x80, [15] = 0x10}}, {.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x10}}};
static const struct addr storage4[] = {{.bytes = {[10] = 255, 255, 198, 51, 100, 9}}};

static const struct conf_vrrp_instance frontend[FAKE_INSTANCES] = {
	{.name = "wan4",
		.interface = &interfaces[0],
		.vrid = 10,
		.family = CONF_V4,
		.addresses = vips4,
		.n_addresses = 1},
	{.name = "wan6",
		.interface = &interfaces[0],
		.vrid = 10,
		.family = CONF_V6,
		.addresses = vips6,
		.n_addresses = 2,
		.is_unicast = true}};

static const struct conf_vrrp_instance storage[] = {{.name = "lan4",
	.interface = &interfaces[1],
	.vrid = 20,
	.family = CONF_V4,
	.addresses = storage4,
	.n_addresses = 1}};

static const struct conf_vrrp_group groups[FAKE_GROUPS] = {{.name = "frontend",
								   .priority = 150,
								   .advert_ms = 1000,
								   .version = 2,
								   .preempt = true,
								   .instances = frontend,
								   .n_instances = 2,
								   .tracks = tracks,
								   .n_tracks = 2},
	{.name = "storage",
		.priority = 255,
		.advert_ms = 100,
		.version = 3,
		.instances = storage,
		.n_instances = 1}};

void fixture_add_vrrp(struct fixture *f)
{
	f->conf.vrrp = (struct conf_vrrp){.groups = groups, .n_groups = FAKE_GROUPS};
	f->ctl.vrrp = &f->vrrp;
	f->vrrp.groups[0] = (struct vrrp_group_status){.state = VRRP_MASTER,
		.since_ms = f->ctl.started_ms + 4000,
		.why = "priority 100 is the highest here",
		.priority_base = 150,
		.priority = 100,
		.lease_life_ms = 500,
		.transitions = {[VRRP_BACKUP] = 1, [VRRP_MASTER] = 1}};
	f->vrrp.groups[1] = (struct vrrp_group_status){.state = VRRP_BACKUP,
		.since_ms = f->ctl.started_ms,
		.why = "",
		.priority_base = 255,
		.priority = 255};
	f->vrrp.instances[0] = (struct vrrp_instance_status){.state = VRRP_MASTER,
		.is_open = true,
		.source = vips4[0],
		.advert_ms = 1000,
		.sent = 9000,
		.received = 12,
		.released_received = 1,
		.errors = {[VRRP_ERROR_TTL] = 3},
		.masters_heard = 2,
		.announcements = 10};
	f->vrrp.instances[1] = (struct vrrp_instance_status){.state = VRRP_MASTER,
		.advert_ms = 10,
		.master = vips6[0],
		.master_priority = 120,
		.heard_ms = f->ctl.started_ms};
	f->vrrp.tracks[0] = (struct vrrp_track_status){.is_up = true, .is_known = true, .why = ""};
	f->vrrp.tracks[1] =
		(struct vrrp_track_status){.is_known = true, .adjustment = -50, .why = "exit 1"};
}

void vrrp_read_group(const struct vrrp *v, unsigned group, struct vrrp_group_status *ret)
{
	assert(group < FAKE_GROUPS);
	*ret = v->groups[group];
}

void vrrp_read_instance(
	const struct vrrp *v, unsigned group, unsigned instance, struct vrrp_instance_status *ret)
{
	assert(instance < groups[group].n_instances);
	*ret = v->instances[instance];
}

void vrrp_read_track(
	const struct vrrp *v, unsigned group, unsigned track, struct vrrp_track_status *ret)
{
	assert(track < groups[group].n_tracks);
	*ret = v->tracks[track];
}

int vrrp_set_priority(struct vrrp *v, unsigned group, unsigned priority)
{
	v->n_calls++;
	v->group = group;
	v->priority = priority;
	return v->result;
}

int vrrp_release(struct vrrp *v, unsigned group)
{
	v->n_calls++;
	v->group = group;
	v->is_released = true;
	return v->result;
}

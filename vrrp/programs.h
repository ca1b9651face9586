#pragma once

#include "vrrp/vrrp.h"

/* Other people's programs, run through the spawner for tracks, gates and notify commands: results
 * go to whoever asked. */

struct event_base;
struct spawn_result;
struct vrrp_programs;

/* Called once for each run that was neither cancelled nor ended by vrrp_programs_stop(), never from
 * within vrrp_programs_run(). It may run and cancel, but not stop. When the spawner has died, or
 * did not tell of the end long after the timeout, the result is SPAWN_NOT_RUN with EPIPE or
 * ETIMEDOUT. */
typedef void vrrp_program_ended(void *arg, const struct spawn_result *result);

struct vrrp_program {
	const char *const *argv; // with its NULL; copied by the spawner
	const char *const *envp; // with its NULL
	uint32_t timeout_ms;
	vrrp_program_ended *ended;
	void *arg;
};

enum { VRRP_NO_RUN = 0 };

int vrrp_programs_start(struct event_base *base, struct spawn_channel *channel,
	struct vrrp_programs **ret) ON_CONTROL;
/* What runs is cancelled. NULL is fine. */
void vrrp_programs_stop(struct vrrp_programs *p) ON_CONTROL;
/* *ret_run: to cancel it by, never VRRP_NO_RUN. -errno of spawn_run(); -EAGAIN: try later; -EPIPE:
 * the spawner has died; -ENOMEM. */
int vrrp_programs_run(
	struct vrrp_programs *p, const struct vrrp_program *program, uint64_t *ret_run) ON_CONTROL;
/* Of one that is over: nothing. */
void vrrp_programs_cancel(struct vrrp_programs *p, uint64_t id) ON_CONTROL;
/* Waits, without the loop, for results until nothing runs or the time is over. */
void vrrp_programs_drain(struct vrrp_programs *p, unsigned timeout_ms) ON_CONTROL;
/* The same, but for those of one time only, if there are any in time. */
void vrrp_programs_wait(struct vrrp_programs *p, unsigned timeout_ms) ON_CONTROL;
struct event_base *vrrp_programs_base(const struct vrrp_programs *p) ON_CONTROL;
/* "exit 3: disk full", "killed after 5s", "not run: ...". VRRP_WORDS_LEN bytes hold any. */
enum { VRRP_WORDS_LEN = 256 + 64 };
void vrrp_programs_words(
	const struct spawn_result *result, uint32_t timeout_ms, char *buf, size_t size) ANY_THREAD;

/* ---- notify.c: notify commands -------------------------------------------------------------- */

/* Queues the group's commands for its new state: notify_STATE, then notify once for the group and
 * once for each of its instances (arguments: type GROUP or INSTANCE, name, state MASTER BACKUP
 * FAULT STOP, priority). In order per group, one at a time; of states that passed while a command
 * ran only the last one is told, and it comes before the rest of those commands: what is left out
 * is logged. Each has 60 s. Environment: POISE_GROUP, POISE_STATE, POISE_PRIORITY, POISE_NODE. */
struct vrrp_notify;
enum vrrp_notice { VRRP_TELL_MASTER, VRRP_TELL_BACKUP, VRRP_TELL_FAULT, VRRP_TELL_STOP };
int vrrp_notify_start(const struct conf *conf, struct vrrp_programs *programs,
	struct vrrp_notify **ret) ON_CONTROL;
/* What runs is cancelled: drain first. NULL is fine. */
void vrrp_notify_stop(struct vrrp_notify *n) ON_CONTROL;
void vrrp_notify_tell(struct vrrp_notify *n, unsigned group, enum vrrp_notice notice,
	unsigned priority) ON_CONTROL;
/* Nothing waits and nothing runs. */
bool vrrp_notify_is_idle(const struct vrrp_notify *n) ON_CONTROL;
/* Runs what waits, without the loop, until idle or the time is over. */
void vrrp_notify_drain(struct vrrp_notify *n, unsigned timeout_ms) ON_CONTROL;

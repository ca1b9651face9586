#pragma once

#include "base/addr.h"
#include "base/thread.h"
#include "conf/model.h"

#include <stdbool.h>
#include <stdint.h>

/* Health checks: probes and verdicts, on a thread of their own (poise.conf(5), checks).
 *
 * A target is (server address, port, check). The caller gives the list once; targets that would
 * run the identical check (same address, same port, checks equal in all but the name) are
 * probed once and reported under each id. The thread posts every change of verdict, and the
 * results, to the control thread through mailboxes: hc_fd() becomes readable, and hc_take() and
 * hc_take_run() empty them. No lock, no shared state beyond the mailbox.
 *
 * When control falls behind by thousands of reports, results that change nothing are held back;
 * changes never are. Verdicts are the caller's to log; the thread itself logs only that probes
 * could not be made. */

struct hc;
struct spawn_channel;

struct hc_target {
	unsigned id; // the caller's; comes back in the reports
	struct addr address;
	uint16_t port;                  // to be probed; check->port and ->address are not looked at
	const struct conf_check *check; // must outlive the hc
	const char *name;               // "imaps/slave-1", for the log; must outlive the hc
};

enum hc_state { HC_UNKNOWN, HC_UP, HC_DOWN };

enum { HC_DETAIL_LEN = 160, HC_NO_WEIGHT = -1 };

/* How probes ended. Not made: for a reason of this machine's. */
enum hc_end { HC_ENDED_OK, HC_ENDED_FAILED, HC_ENDED_TIMEOUT, HC_ENDED_NOT_MADE, HC_N_ENDS };

struct hc_report {
	unsigned id;
	enum hc_state state;  // the verdict after this result
	bool is_change;       // the verdict differs from the one before; the first one does too
	bool is_ok;           // this result
	uint32_t duration_us; // of the probe
	int weight;           // that a script with dynamic_weight gave; else HC_NO_WEIGHT
	int64_t at_ms;        // CLOCK_REALTIME of the result
	/* Of the target since hc_start(), this one included; a report that was held back is in the
	 * next one's. */
	uint64_t n_ended[HC_N_ENDS];
	/* "connected", "connect: refused", "connect: timed out after 5s", "not checked" (type
	 * `none`). "not probed: WHY": the probe could not be made on this machine (no
	 * descriptor, no local port); counts neither way, is_ok is false, tried again soon. */
	char detail[HC_DETAIL_LEN];
};

/* Once, at the start of main(), while the process has one thread: what the libraries of probes
 * would do at their first use, with files, the environment and names, is done here instead, without
 * blocking (libldap.c). From then on the process looks up names in /etc/hosts only. 0 or -ENOMEM.
 */
int hc_prepare(void) ON_CONTROL;

/* Starts the thread and the first probes. Targets of check type `none` are reported up once.
 * The thread has the ordinary scheduling class whatever the caller's, takes no signals, and
 * leaves some of RLIMIT_NOFILE, as it stands now, to the rest of the process: raise it before,
 * to the number of targets and a few hundred, if a black hole is to delay no other probe.
 * The array `targets` is not needed after the call. `spawner` runs the scripts and is the health
 * thread's alone until hc_stop() has returned; NULL if no check is a script.
 * Errors: -ENOMEM, -errno of the thread or of its descriptors. */
int hc_start(const struct hc_target *targets, unsigned n, struct spawn_channel *spawner,
	struct hc **ret_hc) ON_CONTROL;
/* Ends all probes and joins the thread: within one turn of its loop. NULL is fine. */
void hc_stop(struct hc *hc) ON_CONTROL;

/* Readable while reports, or results of runs, wait. Owned by the hc; not to be read. */
int hc_fd(const struct hc *hc) ON_CONTROL;
/* Takes the oldest report; false when there is none. Take until false: only that makes the
 * descriptor unreadable. */
bool hc_take(struct hc *hc, struct hc_report *ret) ON_CONTROL;

/* ---- one check now ------------------------------------------------------------------------- */

/* How one extra probe went. It counts neither for nor against the server. */
struct hc_run_result {
	uint64_t token; // the caller's
	bool is_ok;
	uint32_t duration_us;
	int weight; // as in hc_report
	char detail[HC_DETAIL_LEN];
	/* What was said, a line each: "> " sent, "< " received, "* " about it. Not printable bytes
	 * as \xNN; at most 64 KiB. The caller's, to be freed; NULL if memory was short. */
	char *dialogue;
};

enum { HC_MAX_RUNS = 16 };

/* Asks for one extra probe of target `id`, at once. -EBUSY: HC_MAX_RUNS are under way;
 * -ENOMEM. Its result comes by hc_take_run(), when hc_fd() is readable. */
int hc_run(struct hc *hc, unsigned id, uint64_t token) ON_CONTROL;
/* Takes the oldest result of a run; false when there is none. */
bool hc_take_run(struct hc *hc, struct hc_run_result *ret) ON_CONTROL;

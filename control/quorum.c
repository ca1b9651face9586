/* When a quorum is reached and lost, and which command is due. Pure.
 *
 * Hysteresis keeps a quorum from flapping with one server. The order of commands is that of
 * states, but states that came and went while a command ran are skipped: what counts in the end
 * is that the last command told the last state. */
#include "control/quorum.h"

#include "conf/model.h"

enum ctl_quorum_state ctl_quorum_judge(const struct conf_pool *pool, enum ctl_quorum_state state,
	uint64_t weight, bool has_all_verdicts)
{
	const uint64_t to_reach = (uint64_t)pool->quorum + pool->hysteresis;

	if (state == CTL_QUORUM_UP) {
		const bool is_lost =
			weight == 0 || weight + pool->hysteresis < (uint64_t)pool->quorum;

		return is_lost ? CTL_QUORUM_DOWN : CTL_QUORUM_UP;
	}
	if (weight > 0 && weight >= to_reach)
		return CTL_QUORUM_UP;
	return has_all_verdicts ? CTL_QUORUM_DOWN : state;
}

enum ctl_quorum_state ctl_quorum_next_run(const struct ctl_quorum *quorum)
{
	return quorum->is_running || quorum->state == quorum->told ? CTL_QUORUM_UNKNOWN
								   : quorum->state;
}

const char *ctl_quorum_state_name(enum ctl_quorum_state state)
{
	static const char *const names[] = {
		[CTL_QUORUM_UNKNOWN] = "unknown",
		[CTL_QUORUM_UP] = "up",
		[CTL_QUORUM_DOWN] = "down",
	};

	return names[state];
}

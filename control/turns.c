/* The histogram of the control loop's turns. */
#include "control/turns.h"

void ctl_turns_begin(struct ctl_turns *t, int64_t now_us)
{
	if (t->began_us == 0)
		t->began_us = now_us;
}

int64_t ctl_turns_bound_us(unsigned i)
{
	static const int64_t bounds_us[CTL_TURNS_N_BOUNDS] = CTL_TURNS_BOUNDS_US;

	return bounds_us[i];
}

void ctl_turns_end(struct ctl_turns *t, int64_t now_us)
{
	const int64_t took_us = now_us - t->began_us;
	unsigned bucket = 0;

	if (t->began_us == 0)
		return;
	while (bucket < CTL_TURNS_N_BOUNDS && took_us > ctl_turns_bound_us(bucket))
		bucket++;
	t->n_by_bucket[bucket]++;
	t->n++;
	t->sum_us += took_us > 0 ? (uint64_t)took_us : 0;
	if (took_us > 0 && (uint64_t)took_us > t->longest_us)
		t->longest_us = (uint64_t)took_us;
	t->began_us = 0;
}

/* The names of states and errors. */
#include "vrrp/vrrp.h"

#include <assert.h>

const char *vrrp_state_name(enum vrrp_state state)
{
	static const char *const names[VRRP_N_STATES] = {
		[VRRP_INIT] = "init",
		[VRRP_BACKUP] = "backup",
		[VRRP_MASTER] = "master",
		[VRRP_FAULT] = "fault",
	};

	assert(state < VRRP_N_STATES);
	return names[state];
}

const char *vrrp_error_label(enum vrrp_error error)
{
	static const char *const labels[VRRP_N_ERRORS] = {
#define X(id, label, help) [VRRP_ERROR_##id] = (label),
		VRRP_ERROR_LIST(X)
#undef X
	};

	assert(error > VRRP_OK && error < VRRP_N_ERRORS);
	return labels[error];
}

const char *vrrp_error_help(enum vrrp_error error)
{
	static const char *const help[VRRP_N_ERRORS] = {
#define X(id, label, help) [VRRP_ERROR_##id] = (help),
		VRRP_ERROR_LIST(X)
#undef X
	};

	assert(error > VRRP_OK && error < VRRP_N_ERRORS);
	return help[error];
}

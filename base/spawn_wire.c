/* Requests to the spawner as bytes, and back. Pure.
 *
 * The reader trusts the writer, which is the same program, as far as meaning goes; lengths are
 * checked all the same. */
#include "base/spawn_wire.h"

#include <errno.h>
#include <string.h>

/* Appends the strings of `list`. */
static int put_strings(
	const char *const *list, union spawn_buffer *buffer, size_t *len, uint32_t *ret_n)
{
	uint32_t n = 0;

	for (; list[n]; n++) {
		size_t size = strlen(list[n]) + 1;

		if (n == SPAWN_MAX_ARGS || size > SPAWN_MESSAGE_BYTES - *len)
			return -E2BIG;
		memcpy(buffer->bytes + *len, list[n], size);
		*len += size;
	}
	*ret_n = n;
	return 0;
}

int spawn_wire_encode(
	const struct spawn_request *request, union spawn_buffer *buffer, size_t *ret_len)
{
	struct spawn_message *m = &buffer->message;
	size_t len = sizeof(*m);
	int r;

	*m = (struct spawn_message){
		.kind = SPAWN_RUN, .id = request->id, .timeout_ms = request->timeout_ms};
	r = put_strings(request->argv, buffer, &len, &m->n_args);
	if (r == 0)
		r = put_strings(request->envp, buffer, &len, &m->n_env);
	if (r < 0)
		return r;
	if (m->n_args == 0)
		return -EINVAL;
	*ret_len = len;
	return 0;
}

/* The next n strings from *at on. */
static int take_strings(const char **at, const char *end, uint32_t n, const char **ret)
{
	if (n > SPAWN_MAX_ARGS)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		const char *nul = memchr(*at, '\0', (size_t)(end - *at));

		if (!nul)
			return -EINVAL;
		ret[i] = *at;
		*at = nul + 1;
	}
	ret[n] = NULL;
	return 0;
}

int spawn_wire_decode(const struct spawn_message *message, size_t len, const char **ret_argv,
	const char **ret_env)
{
	const char *at = message->strings, *end = (const char *)message + len;
	int r;

	r = take_strings(&at, end, message->n_args, ret_argv);
	if (r == 0)
		r = take_strings(&at, end, message->n_env, ret_env);
	return r == 0 && at == end && message->n_args > 0 ? 0 : -EINVAL;
}

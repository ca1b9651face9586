#pragma once

#include "base/thread.h"
#include "conf/bind.h"

/* Between bind_check.c, which knows what a check is, and bind_probe.c, which knows the values of
 * its types. */

/* One check being made. Keys that its type has no use for have no value here. */
struct conf_check_maker {
	struct conf_binding *b;
	struct conf_object *object;
	struct conf_check *check;
	int err; // -ENOMEM, once and for all
};

/* NULL if there is none, or none that is good. */
struct conf_value *conf_maker_get(struct conf_check_maker *m, enum conf_key_id key) ANY_THREAD;
/* Whether the check itself says it, and well, so that an error about it is its own. */
bool conf_maker_has_own(const struct conf_check_maker *m, enum conf_key_id key);
/* Whether the files say it, for the check or for all, even badly. */
bool conf_maker_is_written(const struct conf_check_maker *m, enum conf_key_id key);
/* A copy, or NULL. */
const char *conf_maker_text(struct conf_check_maker *m, enum conf_key_id key) ANY_THREAD;
int64_t conf_maker_number(struct conf_check_maker *m, enum conf_key_id key) ANY_THREAD;
/* Adds an error "checks.N.KEY: what" where the check is. */
void conf_maker_tell(struct conf_check_maker *m, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4))) ANY_THREAD;

/* Fill in check->own by its type. */
void conf_bind_tls(struct conf_check_maker *m) ANY_THREAD;
void conf_bind_login(struct conf_check_maker *m) ANY_THREAD;
void conf_bind_requests(struct conf_check_maker *m) ANY_THREAD;
void conf_bind_greeting(struct conf_check_maker *m) ANY_THREAD;
void conf_bind_search(struct conf_check_maker *m) ANY_THREAD;
void conf_bind_steps(struct conf_check_maker *m) ANY_THREAD;
/* The bytes of a value; nothing if it is NULL. */
struct conf_bytes conf_bind_bytes(
	struct conf_check_maker *m, const struct conf_value *value) ANY_THREAD;

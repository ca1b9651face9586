#pragma once

#include "base/thread.h"
#include "conf/model.h"
#include "conf/tree.h"

/* From the tree to the model. What the tree has as bad was told already: such fields hold
 * a default, NULL or nothing, and the model is then for the checks only. */

struct conf_user;

/* Who runs commands. */
struct conf_runner {
	const struct conf_user *user; // NULL: there is no such user
	enum conf_key_id key;         // that names him
};

struct conf_binding {
	struct conf_tree *tree;
	struct arena *arena; // of the snapshot
	struct conf *conf;
	const char *dir; // of the main file, "" or with its slash
	struct conf_runner of_health, of_vrrp;
};

/* Fills in all of binding->conf but arena and path. -ENOMEM. */
int conf_bind(struct conf_binding *binding) ANY_THREAD;

/* Its parts: interfaces come before routes, health before pools, pools and checks before
 * services, VRRP last. */
int conf_bind_health(struct conf_binding *b) ANY_THREAD;
int conf_bind_interfaces(struct conf_binding *b) ANY_THREAD;
int conf_bind_routes(struct conf_binding *b) ANY_THREAD;
int conf_bind_pools(struct conf_binding *b) ANY_THREAD;
int conf_bind_checks(struct conf_binding *b) ANY_THREAD;
int conf_bind_services(struct conf_binding *b) ANY_THREAD;
int conf_bind_vrrp(struct conf_binding *b) ANY_THREAD;

/* One address of each family; a second one of a family is told. */
void conf_bind_addresses(struct conf_binding *b, struct conf_value *value,
	struct addr address[CONF_N_FAMILIES], bool has_address[CONF_N_FAMILIES]) ANY_THREAD;
/* The absolute path of a file named in the configuration; NULL: out of memory. */
const char *conf_bind_path(struct conf_binding *b, const char *path) ANY_THREAD;
/* Finds the user that `key` names; that there is none is told where it was written, or else where
 * a command needs him. *ret_name: a copy. -ENOMEM. */
int conf_bind_runner(struct conf_binding *b, enum conf_key_id key, struct conf_runner *ret_runner,
	const char **ret_name) ANY_THREAD;
/* The arguments of a command; that the runner can execute it is checked. *ret_argv stays NULL if
 * there is none or it was told to be wrong. -ENOMEM. */
int conf_bind_command(struct conf_binding *b, const struct conf_runner *runner,
	struct conf_value *value, const char *const **ret_argv, unsigned *ret_n) ANY_THREAD;
/* Tells of the object's own keys that its type (a check's or a track's) has no use for, and of
 * those that it needs and that nobody says. */
void conf_bind_refuse_keys(
	struct conf_binding *b, const struct conf_object *object, int type) ANY_THREAD;
/* Adds an error "PATH.KEY: what" where the object is. */
void conf_bind_tell(struct conf_binding *b, const struct conf_object *object, const char *key,
	const char *format, ...) __attribute__((format(printf, 4, 5))) ANY_THREAD;
/* A copy that lives as long as the snapshot; NULL stays NULL, and *ret_err becomes -ENOMEM when
 * out of memory. */
const char *conf_bind_text(struct conf_binding *b, const char *text, int *ret_err) ANY_THREAD;
/* The model's struct that `name`, written in `value`, means among the objects of `parent`;
 * NULL if there is none, which is told then. */
void *conf_bind_reference(struct conf_binding *b, struct conf_value *value, const char *name,
	const struct conf_object *parent) ANY_THREAD;

/* What checks, pools and VRRP run and where files stand: users of scripts, commands, the
 * maintenance directory. A command that the user could not execute is an error of the
 * configuration. */
#include "conf/bind.h"

#include "base/arena.h"
#include "base/spawn.h"
#include "conf/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *conf_bind_path(struct conf_binding *b, const char *path)
{
	const char *dir = *path == '/' ? "" : b->dir;
	char cwd[PATH_MAX] = "";

	// The daemon may not stay where it is.
	if (*path != '/' && *dir != '/' && !getcwd(cwd, sizeof(cwd)))
		*cwd = '\0';
	return arena_printf(b->arena, "%s%s%s%s", cwd, *cwd ? "/" : "", dir, path);
}

int conf_bind_runner(struct conf_binding *b, enum conf_key_id key, struct conf_runner *ret_runner,
	const char **ret_name)
{
	struct conf_value *value = conf_tree_get(b->tree, b->tree->root, key);
	struct conf_user *user = arena_alloc(b->tree->arena, 1, sizeof(*user));
	int err = 0;
	const char *name = conf_bind_text(b, value->data[0].text, &err);

	if (!user || err < 0)
		return -ENOMEM;
	*ret_name = name;
	ret_runner->key = key;
	if (conf_user_find(name, user) == 0)
		ret_runner->user = user;
	else if (value->place.file)
		conf_tree_refuse(b->tree, value, "there is no user \"%s\"", name);
	return 0;
}

int conf_bind_health(struct conf_binding *b)
{
	struct conf_object *root = b->tree->root;
	struct conf_health *health = &b->conf->health;
	struct conf_value *dir = conf_tree_get(b->tree, root, CONF_KEY_HEALTH_MAINTENANCE_DIR);
	struct stat st;
	int err = conf_bind_runner(
		b, CONF_KEY_HEALTH_SCRIPT_USER, &b->of_health, &health->script_user);

	if (err < 0)
		return err;
	if (dir->state != CONF_GOOD)
		return 0;
	health->maintenance_dir = conf_bind_path(b, dir->data[0].text);
	if (!health->maintenance_dir)
		return -ENOMEM;
	if (stat(health->maintenance_dir, &st) < 0)
		conf_tree_refuse(
			b->tree, dir, "\"%.200s\": %s", health->maintenance_dir, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		conf_tree_refuse(
			b->tree, dir, "\"%.200s\" is not a directory", health->maintenance_dir);
	return 0;
}

/* One text becomes as many as blanks part it into. -ENOMEM. */
static int split(struct conf_binding *b, const char *text, const char **argv, unsigned *ret_n)
{
	char *copy = arena_strdup(b->arena, text), *rest = copy, *word;
	unsigned n = 0;

	if (!copy)
		return -ENOMEM;
	while ((word = strsep(&rest, " ")))
		if (*word)
			argv[n++] = word;
	*ret_n = n;
	return 0;
}

/* With room for a NULL after the last one. */
static int make_argv(struct conf_binding *b, const struct conf_value *value, const char ***ret_argv,
	unsigned *ret_n)
{
	size_t room = value->is_list ? value->n : strlen(value->data[0].text) / 2 + 1;
	const char **argv = arena_alloc(b->arena, room + 1, sizeof(*argv));
	int err = 0;

	if (!argv)
		return -ENOMEM;
	*ret_argv = argv;
	*ret_n = value->n;
	if (!value->is_list)
		return split(b, value->data[0].text, argv, ret_n);
	for (unsigned i = 0; i < value->n; i++)
		argv[i] = conf_bind_text(b, value->data[i].text, &err);
	return err;
}

/* Of one command; the spawner takes no more. */
enum { MAX_COMMAND_BYTES = SPAWN_MAX_BYTES - SPAWN_ENV_BYTES };

/* What is wrong with a command before its program is looked at; true: told. */
static bool has_fault(
	struct conf_binding *b, struct conf_value *value, const char **argv, unsigned n)
{
	size_t bytes = 0;

	if (n == 0 || *argv[0] == '\0') {
		conf_tree_refuse(b->tree, value, "no program is named");
		return true;
	}
	if (*argv[0] != '/') {
		conf_tree_refuse(b->tree, value, "\"%.200s\" does not begin with \"/\"", argv[0]);
		return true;
	}
	if (n > SPAWN_MAX_ARGS) {
		conf_tree_refuse(b->tree, value,
			"%u words are more than a command may have (%d, the program among them)", n,
			SPAWN_MAX_ARGS);
		return true;
	}
	for (unsigned i = 0; i < n; i++)
		bytes += strlen(argv[i]) + 1;
	if (bytes > MAX_COMMAND_BYTES) {
		conf_tree_refuse(b->tree, value,
			"%zu bytes are more than a command may have (%d; each word counts one "
			"more)",
			bytes, MAX_COMMAND_BYTES);
		return true;
	}
	return false;
}

int conf_bind_command(struct conf_binding *b, const struct conf_runner *runner,
	struct conf_value *value, const char *const **ret_argv, unsigned *ret_n)
{
	char why[CONF_FAULT_LEN];
	const char **argv;
	unsigned n;
	int err;

	if (value->state != CONF_GOOD)
		return 0;
	err = make_argv(b, value, &argv, &n);
	if (err < 0)
		return err;
	if (has_fault(b, value, argv, n))
		return 0;
	*ret_argv = argv;
	*ret_n = n;
	if (!runner->user && !conf_tree_slot(b->tree->root, runner->key)->place.file)
		conf_tree_refuse(b->tree, value, "there is no user \"%s\" (%s)",
			conf_tree_text(b->tree, b->tree->root, runner->key),
			conf_schema_key(runner->key)->name);
	else if (runner->user && conf_program_has_fault(argv[0], runner->user, why))
		conf_tree_refuse(b->tree, value, "%s", why);
	return 0;
}

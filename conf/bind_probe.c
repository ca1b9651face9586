/* The values of the types of checks to the model: TLS, logins, requests, dialogues, and the rules
 * between them. What a certificate file, a password file or a pattern must be is others' knowledge.
 *
 * Invariant: a check never comes out weaker than what the file seems to say. Where a key would be
 * without effect (an authority without verification, a password without a user), it is refused. */
#include "conf/bind_check.h"

#include "base/arena.h"
#include "base/diag.h"
#include "conf/secret.h"
#include "conf/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WHY_LEN = 512 };

static void refuse(struct conf_check_maker *m, struct conf_value *value, const char *what)
{
	conf_tree_refuse(m->b->tree, value, "%s", what);
}

static bool is_type(const struct conf_check_maker *m, enum conf_check_type type)
{
	return m->check->type == type;
}

/* ---- TLS and login ------------------------------------------------------------------------ */

/* libcurl 7.88 sends the search in clear after StartTLS, which no LDAP server then takes. */
static bool has_starttls(const struct conf_check_maker *m)
{
	return !is_type(m, CONF_CHECK_HTTP) && !is_type(m, CONF_CHECK_TEXT) &&
	       !is_type(m, CONF_CHECK_LDAP);
}

/* The check says how to verify, and then that there is nothing to verify. */
static void refuse_without_tls(struct conf_check_maker *m)
{
	static const enum conf_key_id keys[] = {
		CONF_KEY_CHECK_SNI, CONF_KEY_CHECK_VERIFY, CONF_KEY_CHECK_CA_FILE};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (conf_maker_has_own(m, keys[i]))
			refuse(m, conf_tree_slot(m->object, keys[i]),
				has_starttls(m)
					? "without tls = \"implicit\" or \"starttls\" it has no use"
					: "without tls = \"implicit\" it has no use");
}

static void bind_ca_file(struct conf_check_maker *m)
{
	struct conf_value *value = conf_maker_get(m, CONF_KEY_CHECK_CA_FILE);
	char why[WHY_LEN];
	const char *path;

	if (!value)
		return;
	path = conf_bind_path(m->b, value->data[0].text);
	if (!path) {
		m->err = -ENOMEM;
		return;
	}
	m->check->own.ca_file = path;
	if (conf_secret_check_certificates(path, why, sizeof(why)) < 0)
		refuse(m, value, why);
	else if (conf_maker_has_own(m, CONF_KEY_CHECK_CA_FILE) && !m->check->own.verify &&
		 !conf_maker_is_written(m, CONF_KEY_CHECK_VERIFY) &&
		 !conf_maker_is_written(m, CONF_KEY_CHECK_SNI))
		refuse(m, value, "without sni, the name in the certificate, nothing is verified");
}

void conf_bind_tls(struct conf_check_maker *m)
{
	struct conf_value *tls = conf_maker_get(m, CONF_KEY_CHECK_TLS);
	const struct conf_value *verify = conf_maker_get(m, CONF_KEY_CHECK_VERIFY);
	struct conf_check_own *own = &m->check->own;

	if (!tls)
		return;
	own->tls = (enum conf_tls)tls->data[0].number;
	if (own->tls == CONF_TLS_NO) {
		// What was written badly was not meant to be "no".
		if (tls->place.file || !conf_maker_is_written(m, CONF_KEY_CHECK_TLS))
			refuse_without_tls(m);
		return;
	}
	if (own->tls == CONF_TLS_STARTTLS && !has_starttls(m))
		conf_tree_refuse(m->b->tree, tls, "a check of type \"%s\" has no \"starttls\"",
			conf_schema_type_name(CONF_IN_CHECK, (int)m->check->type));
	own->sni = conf_maker_text(m, CONF_KEY_CHECK_SNI);
	own->verify = verify ? verify->data[0].number != 0 : own->sni != NULL;
	if (own->verify && !own->sni && !conf_maker_is_written(m, CONF_KEY_CHECK_SNI))
		conf_maker_tell(m, "verify",
			"true needs sni, the name that the certificate must stand for");
	bind_ca_file(m);
}

static void read_password(struct conf_check_maker *m, struct conf_value *file)
{
	const char *path = conf_bind_path(m->b, file->data[0].text);
	char password[CONF_MAX_SECRET + 1], why[WHY_LEN];

	if (!path) {
		m->err = -ENOMEM;
		return;
	}
	if (conf_secret_read(path, password, why, sizeof(why)) < 0) {
		refuse(m, file, why);
		return;
	}
	m->check->own.password = conf_bind_text(m->b, password, &m->err);
	explicit_bzero(password, sizeof(password));
}

void conf_bind_login(struct conf_check_maker *m)
{
	struct conf_value *file = conf_maker_get(m, CONF_KEY_CHECK_PASSWORD_FILE);
	struct conf_check_own *own = &m->check->own;

	if (!conf_schema_is_used(
		    conf_schema_key(CONF_KEY_CHECK_USER)->used_by, (int)m->check->type))
		return;
	own->user = conf_maker_text(m, CONF_KEY_CHECK_USER);
	own->password = "";
	if (own->user && file) {
		read_password(m, file);
		return;
	}
	if (own->user && !is_type(m, CONF_CHECK_MYSQL) &&
		!conf_maker_is_written(m, CONF_KEY_CHECK_PASSWORD_FILE))
		// An LDAP server takes an empty password for an anonymous bind, and is content.
		conf_maker_tell(m, "user", "needs a password_file");
	if (!own->user && conf_maker_has_own(m, CONF_KEY_CHECK_PASSWORD_FILE) &&
		!conf_maker_is_written(m, CONF_KEY_CHECK_USER))
		refuse(m, conf_tree_slot(m->object, CONF_KEY_CHECK_PASSWORD_FILE),
			"without user it has no use");
}

/* ---- http and smtp ------------------------------------------------------------------------ */

/* The codes of a value, or the one range if it is NULL. */
static const struct conf_codes *make_codes(struct conf_check_maker *m,
	const struct conf_value *value, struct conf_codes otherwise, unsigned *ret_n)
{
	unsigned n = value ? value->n : 1;
	struct conf_codes *codes = arena_alloc(m->b->arena, n, sizeof(*codes));

	if (!codes) {
		m->err = -ENOMEM;
		return NULL;
	}
	codes[0] = otherwise;
	for (unsigned i = 0; value && i < n; i++)
		codes[i] = (struct conf_codes){
			(uint16_t)value->data[i].number, (uint16_t)value->data[i].last};
	*ret_n = n;
	return codes;
}

/* One of a request's keys: what it says, or else what the check says. NULL: neither. */
static struct conf_value *of_request(struct conf_check_maker *m, const struct conf_object *request,
	enum conf_key_id key, enum conf_key_id of_check)
{
	struct conf_value *own = request ? conf_tree_slot(request, key) : NULL;

	return own && own->state == CONF_GOOD ? own : conf_maker_get(m, of_check);
}

static const char *text_of(struct conf_check_maker *m, const struct conf_value *value)
{
	return conf_bind_text(m->b, value ? value->data[0].text : NULL, &m->err);
}

/* The digits in lower case, as they are made from a body. */
static const char *sha256_of(struct conf_check_maker *m, const struct conf_value *value)
{
	char *copy = value ? arena_strdup(m->b->arena, value->data[0].text) : NULL;

	if (value && !copy)
		m->err = -ENOMEM;
	for (char *p = copy; p && *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p = (char)(*p - 'A' + 'a');
	return copy;
}

static void bind_request(
	struct conf_check_maker *m, const struct conf_object *o, struct conf_http_request *request)
{
#define OF(key) of_request(m, o, CONF_KEY_REQUEST_##key, CONF_KEY_CHECK_##key)
	struct conf_value *body = OF(BODY), *sha256 = OF(BODY_SHA256);

	request->method = text_of(m, OF(METHOD));
	request->path = text_of(m, OF(PATH));
	request->host = text_of(m, OF(HOST));
	request->expect =
		make_codes(m, OF(EXPECT), (struct conf_codes){200, 299}, &request->n_expect);
	request->body = text_of(m, body);
	request->body_sha256 = sha256_of(m, sha256);
#undef OF
	if (!request->host)
		request->host = m->check->own.sni;
	if (request->method && strcmp(request->method, "HEAD") == 0 && (body || sha256))
		refuse(m, body ? body : sha256, "an answer to HEAD has no body");
}

void conf_bind_requests(struct conf_check_maker *m)
{
	const struct conf_objects *all = conf_tree_members(m->b->tree, m->object, CONF_IN_REQUEST);
	const struct conf_object *o = all->first;
	struct conf_http_request *requests;
	unsigned n = all->n > 0 ? all->n : 1;

	if (!is_type(m, CONF_CHECK_HTTP))
		return;
	requests = arena_alloc(m->b->arena, n, sizeof(*requests));
	if (!requests) {
		m->err = -ENOMEM;
		return;
	}
	for (unsigned i = 0; i < n; i++, o = o ? o->next : NULL)
		bind_request(m, o, &requests[i]);
	m->check->own.requests = requests;
	m->check->own.n_requests = n;
}

void conf_bind_greeting(struct conf_check_maker *m)
{
	struct conf_check_own *own = &m->check->own;

	if (!is_type(m, CONF_CHECK_SMTP))
		return;
	own->helo = conf_maker_text(m, CONF_KEY_CHECK_HELO);
	if (!own->helo)
		own->helo = m->b->conf->node;
	own->expect = make_codes(m, conf_maker_get(m, CONF_KEY_CHECK_EXPECT),
		(struct conf_codes){220, 220}, &own->n_expect);
}

/* ---- ldap --------------------------------------------------------------------------------- */

void conf_bind_search(struct conf_check_maker *m)
{
	struct conf_check_own *own = &m->check->own;

	own->base = conf_maker_text(m, CONF_KEY_CHECK_BASE);
	if (own->base)
		own->filter = conf_maker_text(m, CONF_KEY_CHECK_FILTER);
	else if (is_type(m, CONF_CHECK_LDAP) && conf_maker_has_own(m, CONF_KEY_CHECK_FILTER) &&
		 !conf_maker_is_written(m, CONF_KEY_CHECK_BASE))
		refuse(m, conf_tree_slot(m->object, CONF_KEY_CHECK_FILTER),
			"without base it has no use");
}

/* ---- udp and text ------------------------------------------------------------------------- */

struct conf_bytes conf_bind_bytes(struct conf_check_maker *m, const struct conf_value *value)
{
	struct conf_bytes made = {0};
	char *bytes;

	if (!value)
		return made;
	bytes = arena_alloc(m->b->arena, 1, strlen(value->data[0].text) + 1);
	if (!bytes) {
		m->err = -ENOMEM;
		return made;
	}
	made.length = (unsigned)conf_value_bytes(value->data[0].text, bytes);
	made.bytes = bytes;
	return made;
}

static void bind_step(
	struct conf_check_maker *m, const struct conf_object *o, struct conf_text_step *step)
{
	struct conf_value *send = conf_tree_slot(o, CONF_KEY_STEP_SEND);
	const struct conf_value *expect = conf_tree_slot(o, CONF_KEY_STEP_EXPECT);
	const struct diag_place where = {.file = o->place.file, .line = o->place.line};

	if (send->state == CONF_BAD || expect->state == CONF_BAD)
		return;
	if (send->state == expect->state && !send->is_told)
		diag_add(m->b->tree->diag, DIAG_ERROR, &where,
			"%s: a step holds either send or expect%s", o->path,
			send->state == CONF_GOOD ? ", not both" : "");
	send->is_told |= send->state == expect->state; // once, whatever checks inherit it
	step->is_send = send->state == CONF_GOOD;
	if (step->is_send)
		step->send = conf_bind_bytes(m, send);
	else if (expect->state == CONF_GOOD)
		step->expect = text_of(m, expect);
}

void conf_bind_steps(struct conf_check_maker *m)
{
	const struct conf_objects *all = conf_tree_members(m->b->tree, m->object, CONF_IN_STEP);
	struct conf_text_step *steps;
	unsigned n = 0;

	if (!is_type(m, CONF_CHECK_TEXT))
		return;
	steps = arena_alloc(m->b->arena, all->n, sizeof(*steps));
	if (!steps) {
		m->err = -ENOMEM;
		return;
	}
	for (const struct conf_object *o = all->first; o; o = o->next)
		bind_step(m, o, &steps[n++]);
	m->check->own.steps = steps;
	m->check->own.n_steps = n;
}

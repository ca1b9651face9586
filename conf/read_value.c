/* One setting's value: its type, its form, its bounds, for every kind that the schema has.
 *
 * Every element of a list is looked at, also after a bad one. Says what would be right. */
#include "conf/read_value.h"

#include "base/arena.h"
#include "conf/form.h"
#include "conf/read_item.h"
#include "conf/source.h"
#include "conf/tree.h"
#include "conf/value.h"

#include <assert.h>
#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN_LEN = 128, TEXT_LEN = 512 };

struct conf_place conf_reader_line(
	const struct conf_reader *reader, const config_setting_t *setting)
{
	while (config_setting_source_line(setting) == 0 && config_setting_parent(setting))
		setting = config_setting_parent(setting);
	return conf_source_place(reader->source, config_setting_source_line(setting));
}

struct diag_place conf_reader_place(
	const struct conf_reader *reader, const config_setting_t *setting, const char *token)
{
	struct conf_place place = conf_reader_line(reader, setting);

	return (struct diag_place){place.file, place.line, token};
}

const char *conf_reader_type(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	default:
		return "a list";
	}
}

bool conf_item_is_integer(const struct conf_item *item)
{
	int type = config_setting_type(item->setting);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

/* Whether a text stands in the file as it is, without an escape. */
static bool is_plain(const char *text)
{
	for (; text && *text; text++)
		if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
			return false;
	return true;
}

/* The word to mark: the value as it was probably written, or else the key. */
static const char *token_of(const struct conf_item *item, char *buf)
{
	const config_setting_t *s = item->setting;
	int len;

	if (conf_item_is_integer(item))
		len = snprintf(buf, TOKEN_LEN, "%lld", config_setting_get_int64(s));
	else if (config_setting_type(s) == CONFIG_TYPE_STRING &&
		 is_plain(config_setting_get_string(s)))
		len = snprintf(buf, TOKEN_LEN, "\"%s\"", config_setting_get_string(s));
	else
		return item->name;
	return len < TOKEN_LEN ? buf : "";
}

bool conf_item_refuse(const struct conf_item *item, const char *format, ...)
{
	char token[TOKEN_LEN], text[TEXT_LEN];
	struct diag_place where =
		conf_reader_place(item->reader, item->setting, token_of(item, token));
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(item->reader->tree->diag, DIAG_ERROR, &where, "%s: %s", item->path, text);
	return false;
}

bool conf_item_expect_text(const struct conf_item *item)
{
	if (config_setting_type(item->setting) != CONFIG_TYPE_STRING)
		return conf_item_refuse(
			item, "expected a string, not %s", conf_reader_type(item->setting));
	return true;
}

bool conf_item_expect_string(const struct conf_item *item)
{
	bool is_free = item->key->form == CONF_FORM_FREE;

	if (!conf_item_expect_text(item))
		return false;
	for (const char *text = conf_item_string(item); *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f || (c > '~' && !is_free))
			return conf_item_refuse(
				item, is_free ? "text may not hold control characters"
					      : "text may hold printable ASCII only");
	}
	return true;
}

const char *conf_item_string(const struct conf_item *item)
{
	// libconfig makes NULL of no text at all.
	const char *text = config_setting_get_string(item->setting);

	return text ? text : "";
}

bool conf_item_expect_in_range(const struct conf_item *item, int64_t number, const char *written)
{
	const struct conf_key *key = item->key;
	char min[CONF_VALUE_STR_LEN], max[CONF_VALUE_STR_LEN];

	if (key->max == 0 || (number >= key->min && number <= key->max))
		return true;
	if (key->min == key->max)
		return conf_item_refuse(item, "%s is not supported (only %s is)", written,
			conf_value_format(key->kind, key->min, min));
	return conf_item_refuse(item, "%s is out of range (%s%s%s)", written,
		conf_value_format(key->kind, key->min, min), key->min < 0 ? " to " : "-",
		conf_value_format(key->kind, key->max, max));
}

static bool read_integer(const struct conf_item *item, struct conf_datum *datum)
{
	char written[CONF_VALUE_STR_LEN];

	if (!conf_item_is_integer(item))
		return conf_item_refuse(
			item, "expected an integer, not %s", conf_reader_type(item->setting));
	datum->number = config_setting_get_int64(item->setting);
	return conf_item_expect_in_range(
		item, datum->number, conf_value_format(CONF_INTEGER, datum->number, written));
}

static bool read_choice(const struct conf_item *item, struct conf_datum *datum)
{
	char written[CONF_VALUE_STR_LEN], known[TEXT_LEN / 2] = "";
	const struct conf_word *w = item->key->words;
	size_t len = 0;

	if (!read_integer(item, datum))
		return false;
	(void)conf_value_format(CONF_INTEGER, datum->number, written);
	for (; w->text && strcmp(w->text, written) != 0; w++) {
		len += (size_t)snprintf(
			known + len, sizeof(known) - len, "%s%s", len ? ", " : "", w->text);
		assert(len < sizeof(known));
	}
	if (!w->text)
		return conf_item_refuse(item, "%s is not possible (only %s)", written, known);
	datum->number = w->value;
	return true;
}

bool conf_item_expect_length(const struct conf_item *item)
{
	int64_t len = (int64_t)strlen(conf_item_string(item));

	if (len < item->key->min)
		return conf_item_refuse(item, "must not be empty");
	if (item->key->max > 0 && len > item->key->max)
		return conf_item_refuse(item, "longer than %lld bytes", (long long)item->key->max);
	return true;
}

static bool read_text(const struct conf_item *item, struct conf_datum *datum)
{
	const char *fault;

	if (!conf_item_expect_string(item) || !conf_item_expect_length(item))
		return false;
	datum->text = conf_item_string(item);
	fault = conf_form_fault(item->key->form, datum->text);
	if (fault)
		return conf_item_refuse(item, "\"%.64s\" %s", datum->text, fault);
	return true;
}

static bool read_word(const struct conf_item *item, struct conf_datum *datum)
{
	char known[TEXT_LEN / 2] = "";
	size_t len = 0;

	if (!conf_item_expect_string(item))
		return false;
	datum->text = conf_item_string(item);
	for (const struct conf_word *w = item->key->words; w->text; w++) {
		if (strcmp(w->text, datum->text) == 0) {
			datum->number = w->value;
			return true;
		}
		len += (size_t)snprintf(
			known + len, sizeof(known) - len, "%s\"%s\"", len ? ", " : "", w->text);
		assert(len < sizeof(known));
	}
	return conf_item_refuse(item, "unknown value \"%.64s\" (known: %s)", datum->text, known);
}

static bool read_name(const struct conf_item *item, struct conf_datum *datum)
{
	if (!conf_item_expect_string(item))
		return false;
	datum->text = conf_item_string(item);
	if (strlen(datum->text) > CONF_MAX_NAME)
		return conf_item_refuse(item, "a name is not longer than 63 bytes");
	return true;
}

static bool read_duration(const struct conf_item *item, struct conf_datum *datum)
{
	static const char form[] = "a duration is a whole number with a unit (us, ms, s, m, h) in "
				   "quotes, as in \"5s\"";
	char written[TEXT_LEN / 4], grain[CONF_VALUE_STR_LEN];
	int err;

	if (config_setting_type(item->setting) != CONFIG_TYPE_STRING)
		return conf_item_refuse(item, "%s", form);
	if (!conf_item_expect_string(item))
		return false;
	(void)snprintf(written, sizeof(written), "\"%.64s\"", conf_item_string(item));
	err = conf_value_duration(conf_item_string(item), &datum->number);
	if (err == -ERANGE)
		datum->number = INT64_MAX;
	else if (err < 0)
		return conf_item_refuse(item, "%s: %s", written, form);
	if (!conf_item_expect_in_range(item, datum->number, written))
		return false;
	if (datum->number % item->key->grain_us == 0)
		return true;
	if (item->key->grain_us == 1000)
		return conf_item_refuse(item, "%s is not a whole number of milliseconds", written);
	return conf_item_refuse(item, "%s is not a multiple of %s", written,
		conf_value_format(CONF_DURATION, item->key->grain_us, grain));
}

static bool read_size(const struct conf_item *item, struct conf_datum *datum)
{
	static const char form[] = "a size is a whole number with a unit (k, M, G: 10^3, 10^6, "
				   "10^9) in quotes, as in \"64k\"";
	char written[TEXT_LEN / 4];
	int err;

	if (config_setting_type(item->setting) != CONFIG_TYPE_STRING)
		return conf_item_refuse(item, "%s", form);
	if (!conf_item_expect_string(item))
		return false;
	(void)snprintf(written, sizeof(written), "\"%.64s\"", conf_item_string(item));
	err = conf_value_size(conf_item_string(item), &datum->number);
	if (err == -ERANGE)
		datum->number = INT64_MAX;
	else if (err < 0)
		return conf_item_refuse(item, "%s: %s", written, form);
	return conf_item_expect_in_range(item, datum->number, written);
}

static bool read_mode(const struct conf_item *item, struct conf_datum *datum)
{
	static const char form[] = "a mode is three octal digits in quotes, as in \"0660\"";

	if (config_setting_type(item->setting) != CONFIG_TYPE_STRING)
		return conf_item_refuse(item, "%s", form);
	if (!conf_item_expect_string(item))
		return false;
	if (conf_value_mode(conf_item_string(item), &datum->number) < 0)
		return conf_item_refuse(item, "\"%.64s\": %s", conf_item_string(item), form);
	return true;
}

/* One that a host can have and be reached by. */
static bool expect_usable(const struct conf_item *item, const struct addr *a, const char *written)
{
	const char *what = NULL;

	if (addr_is_unspecified(a))
		what = "the unspecified address";
	else if (addr_is_multicast(a))
		what = "a multicast address";
	else if (addr_is_link_local(a) && !item->key->may_be_link_local)
		what = "a link-local address";
	else if (addr_is_v4(a) && addr_v4(a) == UINT32_MAX)
		what = "the broadcast address";
	if (what)
		return conf_item_refuse(item, "%s is %s", written, what);
	return true;
}

static bool read_address(const struct conf_item *item, struct conf_datum *datum)
{
	if (!conf_item_expect_string(item))
		return false;
	datum->text = conf_item_string(item);
	if (addr_parse(datum->text, &datum->address) < 0)
		return conf_item_refuse(
			item, "\"%.64s\" is not an IPv4 or IPv6 address", datum->text);
	return expect_usable(item, &datum->address, datum->text);
}

/* Whether its host bits are all 0, or (in IPv4) all 1. */
static const char *name_of_host_bits(const struct conf_datum *datum)
{
	bool is_low = true, is_high = addr_is_v4(&datum->address);

	if (datum->last >= 127) // RFC 3021, RFC 6164: two addresses, both hosts
		return NULL;
	for (unsigned i = (unsigned)datum->last; i < 128; i++) {
		bool bit = datum->address.bytes[i / 8] & 0x80 >> i % 8;

		is_low &= !bit;
		is_high &= bit;
	}
	return is_low ? "the network itself" : is_high ? "the network's broadcast address" : NULL;
}

static bool read_host_address(const struct conf_item *item, struct conf_datum *datum)
{
	const char *what;

	if (!conf_item_expect_string(item))
		return false;
	datum->text = conf_item_string(item);
	if (conf_value_host_address(datum->text, &datum->address, &datum->last) < 0)
		return conf_item_refuse(item,
			"\"%.64s\" is not an address with the length of its network, as in "
			"\"192.0.2.2/24\"",
			datum->text);
	what = name_of_host_bits(datum);
	if (what)
		return conf_item_refuse(
			item, "%s is %s, not an address of a host", datum->text, what);
	return expect_usable(item, &datum->address, datum->text);
}

static bool read_endpoint(const struct conf_item *item, struct conf_datum *datum)
{
	if (!conf_item_expect_string(item))
		return false;
	datum->text = conf_item_string(item);
	if (conf_value_endpoint(datum->text, &datum->address, &datum->number) < 0)
		return conf_item_refuse(item,
			"\"%.64s\" is not an address with a port, as in \"192.0.2.1:80\" or "
			"\"[2001:db8::1]:80\"",
			datum->text);
	return true;
}

static bool read_prefix(const struct conf_item *item, struct conf_datum *datum)
{
	struct prefix p;

	if (!conf_item_expect_string(item))
		return false;
	datum->text = conf_item_string(item);
	if (prefix_parse(datum->text, &p) < 0)
		return conf_item_refuse(item,
			"\"%.64s\" is neither an address nor a prefix without host bits, as in "
			"\"198.51.100.0/24\"",
			datum->text);
	datum->address = p.addr;
	datum->last = p.length_bits;
	return true;
}

static bool read_destination(const struct conf_item *item, struct conf_datum *datum)
{
	struct prefix to;

	if (!conf_item_expect_string(item))
		return false;
	datum->text = conf_item_string(item);
	if (strcmp(datum->text, "default") == 0)
		return true;
	if (prefix_parse(datum->text, &to) < 0)
		return conf_item_refuse(item,
			"\"%.64s\" is neither \"default\" nor a prefix without host bits, as in "
			"\"198.51.100.0/24\"",
			datum->text);
	datum->address = to.addr;
	datum->last = to.length_bits;
	return true;
}

static bool read_ports(const struct conf_item *item, struct conf_datum *datum)
{
	if (conf_item_is_integer(item)) {
		bool is_good = read_integer(item, datum);

		datum->last = datum->number;
		return is_good;
	}
	if (config_setting_type(item->setting) != CONFIG_TYPE_STRING)
		return conf_item_refuse(item,
			"expected a port as an integer or ports as in "
			"\"10000-10255\", not %s",
			conf_reader_type(item->setting));
	if (!conf_item_expect_string(item))
		return false;
	if (conf_value_ports(conf_item_string(item), &datum->number, &datum->last) < 0)
		return conf_item_refuse(item,
			"\"%.64s\" is not a range of ports (a-b within 1-65535; one "
			"port stands without quotes)",
			conf_item_string(item));
	return true;
}

static conf_read_kind *const read_kinds[CONF_N_KINDS] = {
	[CONF_INTEGER] = read_integer,
	[CONF_CHOICE] = read_choice,
	[CONF_TEXT] = read_text,
	[CONF_WORD] = read_word,
	[CONF_NAME] = read_name,
	[CONF_DURATION] = read_duration,
	[CONF_SIZE] = read_size,
	[CONF_MODE] = read_mode,
	[CONF_ADDRESS] = read_address,
	[CONF_HOST_ADDRESS] = read_host_address,
	[CONF_ENDPOINT] = read_endpoint,
	[CONF_PREFIX] = read_prefix,
	[CONF_DESTINATION] = read_destination,
	[CONF_PORTS] = read_ports,
	[CONF_FLAG] = conf_read_flag,
	[CONF_CODES] = conf_read_codes,
	[CONF_PATTERN] = conf_read_pattern,
	[CONF_BYTES] = conf_read_bytes,
	[CONF_COMMAND] = conf_read_command,
};

static bool is_list(const config_setting_t *setting)
{
	return config_setting_is_list(setting) || config_setting_is_array(setting);
}

/* Whether it has elements, each of which is a value. */
static bool has_elements(const config_setting_t *setting, enum conf_shape shape)
{
	if (shape == CONF_BY_NODE)
		return config_setting_is_group(setting);
	return shape != CONF_ONE && is_list(setting);
}

static bool expect_shape(const struct conf_item *item)
{
	const struct conf_key *key = item->key;
	const char *quote = key->kind == CONF_INTEGER ? "" : "\"";
	int n = is_list(item->setting) ? config_setting_length(item->setting) : 1;

	if (key->shape == CONF_LIST && !is_list(item->setting))
		return conf_item_refuse(item, "expected a list, as in [%s%s%s], not %s", quote,
			key->example ? key->example : key->fallback, quote,
			conf_reader_type(item->setting));
	if (key->shape == CONF_BY_NODE && config_setting_is_group(item->setting) &&
		config_setting_length(item->setting) == 0)
		return conf_item_refuse(item, "the group is empty");
	if (n == 0 && key->shape != CONF_ONE && !key->may_be_empty)
		return conf_item_refuse(item, "the list is empty");
	if (n > CONF_MAX_ITEMS)
		return conf_item_refuse(item, "a list of more than %d values", CONF_MAX_ITEMS);
	return true;
}

/* The text outlives libconfig's tree. */
static int keep_text(struct arena *arena, struct conf_datum *datum)
{
	if (!datum->text)
		return 0;
	datum->text = arena_strdup(arena, datum->text);
	return datum->text ? 0 : -ENOMEM;
}

/* An element with a name of its own is told by it. */
static int select_element(
	struct conf_item *item, const config_setting_t *all, const char *path, unsigned i)
{
	const char *name;

	item->setting = config_setting_get_elem(all, i);
	name = config_setting_name(item->setting);
	if (!name)
		return 0;
	item->name = name;
	item->path = arena_printf(item->reader->tree->arena, "%s.%s", path, name);
	return item->path ? 0 : -ENOMEM;
}

int conf_read_value(struct conf_reader *reader, const config_setting_t *setting, const char *path,
	struct conf_value *value)
{
	struct conf_item item = {reader, value->key, path, setting, config_setting_name(setting)};
	bool is_many = has_elements(setting, value->key->shape);
	struct arena *arena = reader->tree->arena;
	struct conf_datum *data;
	unsigned n;

	value->state = CONF_BAD;
	value->place = conf_reader_line(reader, setting);
	if (!expect_shape(&item))
		return 0;
	n = is_many ? (unsigned)config_setting_length(setting) : 1;
	data = arena_alloc(arena, n, sizeof(*data));
	if (!data)
		return -ENOMEM;

	value->state = CONF_GOOD;
	for (unsigned i = 0; i < n; i++) {
		if (is_many && select_element(&item, setting, path, i) < 0)
			return -ENOMEM;
		if (!read_kinds[value->key->kind](&item, &data[i]))
			value->state = CONF_BAD;
		if (value->key->shape == CONF_BY_NODE && is_many)
			data[i].text = item.name;
		if (keep_text(arena, &data[i]) < 0)
			return -ENOMEM;
	}
	value->is_list = is_many;
	value->data = data;
	value->n = n;
	return 0;
}

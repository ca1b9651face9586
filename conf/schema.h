#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The one table of keys: it drives the reader, `poised --print-defaults` and poise.conf(5).
 * A key that is not here does not exist. */

/* Where a key stands: in the file itself or in the objects of one kind. */
enum conf_section {
	CONF_IN_ROOT,
	CONF_IN_INTERFACE,
	CONF_IN_ROUTE,
	CONF_IN_VIP,
	CONF_IN_POOL,
	CONF_IN_SERVER,
	CONF_IN_CHECK,
	CONF_IN_REQUEST, // of an `http` check
	CONF_IN_STEP,    // of a `text` check
	CONF_IN_SERVICE,
	CONF_IN_VRRP_GROUP,
	CONF_IN_VRRP_INSTANCE, // of a group
	CONF_IN_TRACK,         // of a group
	CONF_N_SECTIONS
};

/* What one value is. */
enum conf_kind {
	CONF_INTEGER,
	CONF_CHOICE, // an integer, one of `words`
	CONF_TEXT,
	CONF_WORD, // one of `words`
	CONF_NAME, // of an object of the section `refers_to`
	CONF_DURATION,
	CONF_SIZE, // entries
	CONF_MODE, // file mode
	CONF_ADDRESS,
	CONF_HOST_ADDRESS, // with the length of its network: "192.0.2.2/24"
	CONF_ENDPOINT,     // an address and a port: "192.0.2.1:80", "[2001:db8::1]:80"
	CONF_PREFIX,
	CONF_DESTINATION, // of a route: a prefix, or "default"
	CONF_PORTS,       // a port or a range
	CONF_FLAG,        // true or false
	CONF_CODES,       // a reply code or a range
	CONF_PATTERN,     // PCRE2
	CONF_BYTES,       // any, NUL too
	CONF_COMMAND,     // one text is split at blanks, a list of them is taken as it is
	CONF_N_KINDS
};

enum conf_shape {
	CONF_ONE,
	CONF_LIST,
	CONF_ONE_OR_LIST,
	CONF_BY_NODE, // one, or a group that has one for each node, under its name
};

/* What a text must look like; form.c knows them. */
enum conf_form {
	CONF_FORM_ANY,
	CONF_FORM_FREE, // with characters that are not ASCII
	CONF_FORM_HOST,
	CONF_FORM_AUTHORITY,
	CONF_FORM_HELO,
	CONF_FORM_DOMAIN,
	CONF_FORM_METHOD,
	CONF_FORM_TARGET,
	CONF_FORM_SHA256,
	CONF_FORM_PROCESS,
	CONF_N_FORMS
};

/* In the order of conf_schema_keys(): section by section, groups together. */
enum conf_key_id {
	CONF_KEY_VERSION,
	CONF_KEY_NODE,
	CONF_KEY_CPU_WORKERS,
	CONF_KEY_CPU_CONTROL,
	CONF_KEY_CPU_EAL_ARGS,
	CONF_KEY_CPU_IDLE,
	CONF_KEY_CPU_IDLE_SLEEP,
	CONF_KEY_MEMORY_HUGEPAGES,
	CONF_KEY_MEMORY_CONNECTIONS,
	CONF_KEY_MEMORY_HALF_OPEN,
	CONF_KEY_MEMORY_PACKETS,
	CONF_KEY_CONTROL_SOCKET,
	CONF_KEY_CONTROL_READ_ONLY_SOCKET,
	CONF_KEY_CONTROL_GROUP,
	CONF_KEY_CONTROL_MODE,
	CONF_KEY_HEALTH_MAINTENANCE_DIR,
	CONF_KEY_HEALTH_SCRIPT_USER,
	CONF_KEY_VRRP_SCRIPT_USER,
	CONF_KEY_HTTP_LISTEN,
	CONF_KEY_HTTP_METRICS,
	CONF_KEY_HTTP_STATUS,
	CONF_KEY_HTTP_HOSTS,
	CONF_KEY_HTTP_SERVER_METRICS,
	CONF_KEY_LOG_TARGET,
	CONF_KEY_LOG_LEVEL,
	CONF_KEY_INTERFACE_DEVICE,
	CONF_KEY_INTERFACE_ADDRESSES,
	CONF_KEY_INTERFACE_MTU,
	CONF_KEY_ROUTE_TO,
	CONF_KEY_ROUTE_VIA,
	CONF_KEY_ROUTE_INTERFACE,
	CONF_KEY_VIP_ADDRESSES,
	CONF_KEY_VIP_INTERFACE,
	CONF_KEY_POOL_SCHEDULER,
	CONF_KEY_POOL_FORWARD,
	CONF_KEY_POOL_ON_NO_SERVER,
	CONF_KEY_POOL_UNKNOWN_TCP,
	CONF_KEY_POOL_QUORUM,
	CONF_KEY_POOL_HYSTERESIS,
	CONF_KEY_POOL_QUORUM_UP,
	CONF_KEY_POOL_QUORUM_DOWN,
	CONF_KEY_POOL_SYN_RECEIVED,
	CONF_KEY_POOL_ESTABLISHED,
	CONF_KEY_POOL_FIN_WAIT,
	CONF_KEY_POOL_TIME_WAIT,
	CONF_KEY_POOL_CLOSE,
	CONF_KEY_POOL_LAST_ACK,
	CONF_KEY_POOL_UDP,
	CONF_KEY_POOL_UDP_UNANSWERED,
	CONF_KEY_SERVER_ADDRESS,
	CONF_KEY_SERVER_PORT,
	CONF_KEY_SERVER_WEIGHT,
	CONF_KEY_CHECK_TYPE,
	CONF_KEY_CHECK_INTERVAL,
	CONF_KEY_CHECK_TIMEOUT,
	CONF_KEY_CHECK_RETRY,
	CONF_KEY_CHECK_FALL,
	CONF_KEY_CHECK_RISE,
	CONF_KEY_CHECK_PORT,
	CONF_KEY_CHECK_ADDRESS,
	CONF_KEY_CHECK_SOURCE,
	CONF_KEY_CHECK_TLS,
	CONF_KEY_CHECK_SNI,
	CONF_KEY_CHECK_VERIFY,
	CONF_KEY_CHECK_CA_FILE,
	CONF_KEY_CHECK_USER,
	CONF_KEY_CHECK_PASSWORD_FILE,
	CONF_KEY_CHECK_METHOD,
	CONF_KEY_CHECK_PATH,
	CONF_KEY_CHECK_HOST,
	CONF_KEY_CHECK_EXPECT,
	CONF_KEY_CHECK_BODY,
	CONF_KEY_CHECK_BODY_SHA256,
	CONF_KEY_CHECK_HELO,
	CONF_KEY_CHECK_BASE,
	CONF_KEY_CHECK_FILTER,
	CONF_KEY_CHECK_DATABASE,
	CONF_KEY_CHECK_QUERY,
	CONF_KEY_CHECK_NAME,
	CONF_KEY_CHECK_RECORD,
	CONF_KEY_CHECK_TRANSPORT,
	CONF_KEY_CHECK_SEND,
	CONF_KEY_CHECK_RECEIVE,
	CONF_KEY_CHECK_COMMAND,
	CONF_KEY_CHECK_DYNAMIC_WEIGHT,
	CONF_KEY_REQUEST_METHOD,
	CONF_KEY_REQUEST_PATH,
	CONF_KEY_REQUEST_HOST,
	CONF_KEY_REQUEST_EXPECT,
	CONF_KEY_REQUEST_BODY,
	CONF_KEY_REQUEST_BODY_SHA256,
	CONF_KEY_STEP_SEND,
	CONF_KEY_STEP_EXPECT,
	CONF_KEY_SERVICE_VIP,
	CONF_KEY_SERVICE_POOL,
	CONF_KEY_SERVICE_CHECK,
	CONF_KEY_SERVICE_PROTOCOL,
	CONF_KEY_SERVICE_PORT,
	CONF_KEY_SERVICE_TO_PORT,
	CONF_KEY_SERVICE_SERVERS,
	CONF_KEY_GROUP_PRIORITY,
	CONF_KEY_GROUP_ADVERT,
	CONF_KEY_GROUP_VERSION,
	CONF_KEY_GROUP_PREEMPT,
	CONF_KEY_GROUP_PREEMPT_DELAY,
	CONF_KEY_GROUP_WAIT_CHECKS,
	CONF_KEY_GROUP_MAX_LEARNED_INTERVAL,
	CONF_KEY_GROUP_ANNOUNCE_REFRESH,
	CONF_KEY_GROUP_GATE_COMMAND,
	CONF_KEY_GROUP_GATE_TIMEOUT,
	CONF_KEY_GROUP_GATE_ON_FAILURE,
	CONF_KEY_GROUP_NOTIFY_MASTER,
	CONF_KEY_GROUP_NOTIFY_BACKUP,
	CONF_KEY_GROUP_NOTIFY_FAULT,
	CONF_KEY_GROUP_NOTIFY_STOP,
	CONF_KEY_GROUP_NOTIFY,
	CONF_KEY_INSTANCE_INTERFACE,
	CONF_KEY_INSTANCE_VRID,
	CONF_KEY_INSTANCE_FAMILY,
	CONF_KEY_INSTANCE_VIP,
	CONF_KEY_INSTANCE_ADDRESSES,
	CONF_KEY_INSTANCE_LINK_LOCAL,
	CONF_KEY_INSTANCE_UNICAST_PEERS,
	CONF_KEY_INSTANCE_UNICAST_SOURCE,
	CONF_KEY_INSTANCE_CHECKSUM,
	CONF_KEY_INSTANCE_AUTH_PASS,
	CONF_KEY_INSTANCE_CHECK_TTL,
	CONF_KEY_INSTANCE_ALLOW,
	CONF_KEY_TRACK_TYPE,
	CONF_KEY_TRACK_NAME,
	CONF_KEY_TRACK_WEIGHT,
	CONF_KEY_TRACK_REVERSE,
	CONF_KEY_TRACK_INTERFACE,
	CONF_KEY_TRACK_COMMAND,
	CONF_KEY_TRACK_INTERVAL,
	CONF_KEY_TRACK_TIMEOUT,
	CONF_KEY_TRACK_RISE,
	CONF_KEY_TRACK_FALL,
	CONF_KEY_TRACK_INIT,
	CONF_KEY_TRACK_PATH,
	CONF_KEY_TRACK_PROCESS,
	CONF_KEY_TRACK_SERVICE,
	CONF_KEY_TRACK_POOL,
	CONF_N_KEYS
};

struct conf_word {
	const char *text; // NULL ends a list of them
	int value;
};

struct conf_key {
	const char *name; // within its section, groups with dots: "timeouts.udp"
	enum conf_section section;
	enum conf_kind kind;
	enum conf_shape shape;
	bool is_required;
	bool is_group_required; // if its group ("unicast") is written at all
	bool may_be_empty;      // a list of nothing means something
	bool may_be_link_local;
	enum conf_form form;
	/* Types of checks or of tracks, a bit each (1 << enum conf_check_type, conf_track_type):
	 * those that have a use for the key (0: all), and those of them that cannot do without. */
	unsigned used_by;
	unsigned needed_by;
	const char *fallback; // the default as in the file, without quotes or brackets; NULL: none
	const char *absent;   // what it means to be absent, if there is no fallback
	const char *example;
	/* Inclusive. Texts: bytes. Durations: microseconds. max 0: no bounds. */
	int64_t min;
	int64_t max;
	int64_t grain_us; // durations are multiples of it
	const struct conf_word *words;
	const char *help; // sentences
	enum conf_section refers_to;
};

struct conf_section_def {
	const char *path;      // "pools.N.servers"; "" for the file itself
	const char *container; // the group that holds its objects: "servers"
	const char *group;     // of its parent's keys that holds the container: "vrrp.", or NULL
	bool is_list;          // ( ) and not { }: its objects have numbers, not names
	bool needs_one;        // an empty list is an error
	bool is_optional;      // printed defaults have an example only as a comment
	const char *defaults;  // the group of the objects' defaults, or NULL: "service_defaults"
	const char *one;       // "server"
	const char *many;      // "servers"
	enum conf_section parent;
	unsigned used_by;        // as a key's; its objects are inherited as a key's value is
	unsigned needed_by;      // as a key's
	unsigned max;            // objects; of one pool for servers
	const char *placeholder; // of an object's name in the manual
	const char *example;     // name of an object
	const char *help;
};

const struct conf_key *conf_schema_key(enum conf_key_id id);
/* Its part for checks, their requests and steps; schema_check.c. */
const struct conf_key *conf_schema_check_key(enum conf_key_id id);
/* Its part for VRRP; schema_vrrp.c. */
const struct conf_key *conf_schema_vrrp_key(enum conf_key_id id);
const struct conf_section_def *conf_schema_section(enum conf_section section);

/* Whether a type of check or track is among `types`: a key's or section's used_by. */
static inline bool conf_schema_is_used(unsigned types, int type)
{
	return types == 0 || (types >> type & 1) != 0;
}
/* The names of the types of a section's objects: checks or tracks. */
const struct conf_word *conf_schema_types(enum conf_section section);
/* "http" */
const char *conf_schema_type_name(enum conf_section section, int type);

/* The ids of a section's keys are [first, first + n). */
enum conf_key_id conf_schema_first(enum conf_section section);
unsigned conf_schema_count(enum conf_section section);

/* What `name` under `prefix` ("" or "timeouts.") is in a section. */
enum conf_found {
	CONF_FOUND_NOTHING,
	CONF_FOUND_KEY,
	CONF_FOUND_GROUP,    // of keys
	CONF_FOUND_OBJECTS,  // container of the objects of *ret_section
	CONF_FOUND_DEFAULTS, // of the objects of *ret_section
};
enum conf_found conf_schema_find(enum conf_section section, const char *prefix, const char *name,
	enum conf_key_id *ret_key, enum conf_section *ret_section);

/* Every name that may stand there, each once; calls `offer` with each. */
typedef void conf_schema_offer(void *arg, const char *name);
void conf_schema_names(
	enum conf_section section, const char *prefix, conf_schema_offer *offer, void *arg);

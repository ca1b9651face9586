/* The part of the table of keys that is about checks: what all types take, then what some take,
 * then the keys of requests and steps. See schema.h; constant. */
#include "conf/model.h"
#include "conf/schema.h"

#include <assert.h>
#include <stddef.h>

#define MS(n) ((n)*1000LL)
#define HOURS(n) ((n)*3600000000LL)

#define TYPE(name) (1U << CONF_CHECK_##name)
#define TLS_TYPES (TYPE(HTTP) | TYPE(SMTP) | TYPE(IMAP) | TYPE(POP3) | TYPE(LDAP) | TYPE(TEXT))
#define LOGIN_TYPES (TYPE(IMAP) | TYPE(POP3) | TYPE(LDAP) | TYPE(MYSQL))
#define ALL_TYPES ((1U << CONF_N_CHECK_TYPES) - 1)

enum {
	MAX_PATH = 1023,
	MAX_HOST = 255,
	MAX_TEXT = 1023,
	MAX_PATTERN = 4095,
	MAX_BYTES = 4096, // as written, an escape is four
	MAX_CODE = 999,
	FIRST = CONF_KEY_CHECK_TYPE,
	N_KEYS = CONF_KEY_SERVICE_VIP - FIRST,
};

static const struct conf_word check_words[] = {{"tcp", CONF_CHECK_TCP}, {"http", CONF_CHECK_HTTP},
	{"smtp", CONF_CHECK_SMTP}, {"imap", CONF_CHECK_IMAP}, {"pop3", CONF_CHECK_POP3},
	{"ldap", CONF_CHECK_LDAP}, {"mysql", CONF_CHECK_MYSQL}, {"dns", CONF_CHECK_DNS},
	{"udp", CONF_CHECK_UDP}, {"text", CONF_CHECK_TEXT}, {"ping", CONF_CHECK_PING},
	{"script", CONF_CHECK_SCRIPT}, {"none", CONF_CHECK_NONE}, {0}};
static const struct conf_word tls_words[] = {
	{"no", CONF_TLS_NO}, {"implicit", CONF_TLS_IMPLICIT}, {"starttls", CONF_TLS_STARTTLS}, {0}};
static const struct conf_word record_words[] = {{"A", CONF_DNS_A}, {"AAAA", CONF_DNS_AAAA},
	{"CNAME", CONF_DNS_CNAME}, {"MX", CONF_DNS_MX}, {"NS", CONF_DNS_NS}, {"PTR", CONF_DNS_PTR},
	{"SOA", CONF_DNS_SOA}, {"SRV", CONF_DNS_SRV}, {"TXT", CONF_DNS_TXT}, {0}};
static const struct conf_word transport_words[] = {
	{"udp", CONF_PROTO_UDP}, {"tcp", CONF_PROTO_TCP}, {0}};

// clang-format off
static const struct conf_key keys[N_KEYS] = {
	[CONF_KEY_CHECK_TYPE - FIRST] = {
		.section = CONF_IN_CHECK, .name = "type", .kind = CONF_WORD, .is_required = true,
		.example = "tcp", .words = check_words,
		.help = "What proves that a server is up. "
			"\"tcp\": a connection is accepted. "
			"\"http\": each request is answered with an expected status and body. "
			"\"smtp\": greeting and EHLO are accepted. "
			"\"imap\", \"pop3\": the greeting, and the login if there is a user. "
			"\"ldap\": a bind, as the user or anonymous, and a search that finds an entry "
			"if there is a base. "
			"\"mysql\": the login, and a row for the query if there is one. "
			"\"dns\": an answer with a record of the type. "
			"\"udp\": an answer to what is sent that matches, or else silence without an "
			"ICMP error. "
			"\"text\": a dialogue of steps over TCP. "
			"\"ping\": an ICMP echo reply. "
			"\"script\": a command exits with 0. "
			"\"none\": nothing; always up."},
	[CONF_KEY_CHECK_INTERVAL - FIRST] = {
		.section = CONF_IN_CHECK, .name = "interval", .kind = CONF_DURATION,
		.fallback = "5s", .min = MS(50), .max = HOURS(1), .grain_us = MS(1),
		.help = "From the start of a check to the start of the next."},
	[CONF_KEY_CHECK_TIMEOUT - FIRST] = {
		.section = CONF_IN_CHECK, .name = "timeout", .kind = CONF_DURATION,
		.fallback = "3s", .min = MS(10), .max = HOURS(1), .grain_us = MS(1),
		.help = "For the whole check; not longer than the interval."},
	[CONF_KEY_CHECK_RETRY - FIRST] = {
		.section = CONF_IN_CHECK, .name = "retry", .kind = CONF_DURATION, .fallback = "1s",
		.min = MS(10), .max = HOURS(1), .grain_us = MS(1),
		.help = "Pause after a failure while the server still counts as up."},
	[CONF_KEY_CHECK_FALL - FIRST] = {
		.section = CONF_IN_CHECK, .name = "fall", .kind = CONF_INTEGER, .fallback = "3",
		.min = 1, .max = 100, .help = "Failures in a row until the server is down."},
	[CONF_KEY_CHECK_RISE - FIRST] = {
		.section = CONF_IN_CHECK, .name = "rise", .kind = CONF_INTEGER, .fallback = "2",
		.min = 1, .max = 100, .help = "Successes in a row until the server is up again."},
	[CONF_KEY_CHECK_PORT - FIRST] = {
		.section = CONF_IN_CHECK, .name = "port", .kind = CONF_INTEGER,
		.absent = "the port on which services reach the server", .example = "80", .min = 1,
		.max = 65535, .used_by = ALL_TYPES & ~TYPE(PING), .help = "Port to check."},
	[CONF_KEY_CHECK_ADDRESS - FIRST] = {
		.section = CONF_IN_CHECK, .name = "address", .kind = CONF_ADDRESS,
		.shape = CONF_LIST, .absent = "the server's", .example = "192.0.2.11",
		.help = "Where to check instead: one IPv4 address, one IPv6 address, or one of each, "
			"for the server's halves of that family."},
	[CONF_KEY_CHECK_SOURCE - FIRST] = {
		.section = CONF_IN_CHECK, .name = "source", .kind = CONF_ADDRESS,
		.shape = CONF_LIST, .absent = "the kernel's choice", .example = "192.0.2.2",
		.used_by = ALL_TYPES & ~(TYPE(SCRIPT) | TYPE(NONE)),
		.help = "Address of this machine that checks come from: one IPv4 address, one IPv6 "
			"address, or one of each."},
	[CONF_KEY_CHECK_TLS - FIRST] = {
		.section = CONF_IN_CHECK, .name = "tls", .kind = CONF_WORD, .fallback = "no",
		.words = tls_words, .used_by = TLS_TYPES,
		.help = "\"implicit\": from the first byte on, as for https, smtps or imaps. "
			"\"starttls\": the protocol's own command switches it on; not for "
			"\"http\", \"ldap\" and \"text\"."},
	[CONF_KEY_CHECK_SNI - FIRST] = {
		.section = CONF_IN_CHECK, .name = "sni", .kind = CONF_TEXT, .absent = "none",
		.example = "www.example.com", .min = 1, .max = MAX_HOST, .form = CONF_FORM_HOST,
		.used_by = TLS_TYPES,
		.help = "Name that is asked for in TLS, and that the certificate is verified for."},
	[CONF_KEY_CHECK_VERIFY - FIRST] = {
		.section = CONF_IN_CHECK, .name = "verify", .kind = CONF_FLAG,
		.absent = "true with sni, false without", .example = "false", .used_by = TLS_TYPES,
		.help = "Whether the server's certificate must be valid and stand for the name in "
			"sni, without which it cannot be true."},
	[CONF_KEY_CHECK_CA_FILE - FIRST] = {
		.section = CONF_IN_CHECK, .name = "ca_file", .kind = CONF_TEXT,
		.absent = "the system's authorities", .example = "/etc/poise/ca.pem", .min = 1,
		.max = MAX_PATH, .form = CONF_FORM_FREE, .used_by = TLS_TYPES,
		.help = "File of certificates, in PEM, that certificates are verified against."},
	[CONF_KEY_CHECK_USER - FIRST] = {
		.section = CONF_IN_CHECK, .name = "user", .kind = CONF_TEXT, .absent = "no login",
		.example = "probe", .min = 1, .max = CONF_MAX_USER, .form = CONF_FORM_FREE,
		.used_by = LOGIN_TYPES, .needed_by = TYPE(MYSQL),
		.help = "User to log in as; for \"ldap\" its distinguished name, as in "
			"\"cn=probe,dc=example,dc=com\". Only \"mysql\" may go without a password."},
	[CONF_KEY_CHECK_PASSWORD_FILE - FIRST] = {
		.section = CONF_IN_CHECK, .name = "password_file", .kind = CONF_TEXT,
		.absent = "none", .example = "/etc/poise/probe.password", .min = 1, .max = MAX_PATH,
		.form = CONF_FORM_FREE, .used_by = LOGIN_TYPES,
		.help = "File whose first line is the user's password. It must belong to root or to "
			"the daemon's user, and nobody else may read or write it (mode 0600 or "
			"0400). It is read when the configuration is loaded."},
	[CONF_KEY_CHECK_METHOD - FIRST] = {
		.section = CONF_IN_CHECK, .name = "method", .kind = CONF_TEXT, .fallback = "GET",
		.min = 1, .max = 32, .form = CONF_FORM_METHOD, .used_by = TYPE(HTTP),
		.help = "Method of the request."},
	[CONF_KEY_CHECK_PATH - FIRST] = {
		.section = CONF_IN_CHECK, .name = "path", .kind = CONF_TEXT, .fallback = "/",
		.min = 1, .max = MAX_PATH, .form = CONF_FORM_TARGET, .used_by = TYPE(HTTP),
		.help = "Path of the request, with its query if it has one."},
	[CONF_KEY_CHECK_HOST - FIRST] = {
		.section = CONF_IN_CHECK, .name = "host", .kind = CONF_TEXT,
		.absent = "the name in sni, or else the server's address",
		.example = "www.example.com", .min = 1, .max = MAX_HOST, .form = CONF_FORM_AUTHORITY,
		.used_by = TYPE(HTTP), .help = "Host of the request."},
	[CONF_KEY_CHECK_EXPECT - FIRST] = {
		.section = CONF_IN_CHECK, .name = "expect", .kind = CONF_CODES,
		.shape = CONF_ONE_OR_LIST,
		.absent = "200-299 for type \"http\", 220 for \"smtp\"", .example = "200-399",
		.min = 100, .max = MAX_CODE, .used_by = TYPE(HTTP) | TYPE(SMTP),
		.help = "Status of the answer (\"http\") or code of the greeting (\"smtp\"): 200, "
			"\"200-399\", or a list of both as in (200, \"301-302\")."},
	[CONF_KEY_CHECK_BODY - FIRST] = {
		.section = CONF_IN_CHECK, .name = "body", .kind = CONF_PATTERN,
		.absent = "any body", .example = "^ok", .min = 1, .max = MAX_PATTERN,
		.used_by = TYPE(HTTP), .help = "Pattern (PCRE2) that must match in the body."},
	[CONF_KEY_CHECK_BODY_SHA256 - FIRST] = {
		.section = CONF_IN_CHECK, .name = "body_sha256", .kind = CONF_TEXT,
		.absent = "any body",
		.example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		.min = 1, .max = 64, .form = CONF_FORM_SHA256, .used_by = TYPE(HTTP),
		.help = "SHA-256 of the body, as 64 hexadecimal digits."},
	[CONF_KEY_CHECK_HELO - FIRST] = {
		.section = CONF_IN_CHECK, .name = "helo", .kind = CONF_TEXT,
		.absent = "the node's name", .example = "lb.example.com", .min = 1, .max = MAX_HOST,
		.form = CONF_FORM_HELO, .used_by = TYPE(SMTP),
		.help = "Name that EHLO gives: a host name, or an address as in \"[192.0.2.2]\"."},
	[CONF_KEY_CHECK_BASE - FIRST] = {
		.section = CONF_IN_CHECK, .name = "base", .kind = CONF_TEXT, .absent = "no search",
		.example = "dc=example,dc=com", .max = MAX_TEXT, .form = CONF_FORM_FREE,
		.used_by = TYPE(LDAP),
		.help = "Distinguished name that a search starts from, which must find an entry."},
	[CONF_KEY_CHECK_FILTER - FIRST] = {
		.section = CONF_IN_CHECK, .name = "filter", .kind = CONF_TEXT,
		.fallback = "(objectClass=*)", .min = 1, .max = MAX_TEXT, .form = CONF_FORM_FREE,
		.used_by = TYPE(LDAP), .help = "What the search is for; only with base."},
	[CONF_KEY_CHECK_DATABASE - FIRST] = {
		.section = CONF_IN_CHECK, .name = "database", .kind = CONF_TEXT, .absent = "none",
		.example = "probe", .min = 1, .max = 64, .form = CONF_FORM_FREE,
		.used_by = TYPE(MYSQL), .help = "Database that must exist and be open to the user."},
	[CONF_KEY_CHECK_QUERY - FIRST] = {
		.section = CONF_IN_CHECK, .name = "query", .kind = CONF_TEXT,
		.absent = "login only", .example = "SELECT 1", .min = 1, .max = MAX_TEXT,
		.form = CONF_FORM_FREE, .used_by = TYPE(MYSQL),
		.help = "Query that must return at least one row."},
	[CONF_KEY_CHECK_NAME - FIRST] = {
		.section = CONF_IN_CHECK, .name = "name", .kind = CONF_TEXT, .absent = "none",
		.example = "www.example.com", .min = 1, .max = MAX_HOST, .form = CONF_FORM_DOMAIN,
		.used_by = TYPE(DNS), .needed_by = TYPE(DNS), .help = "Name to ask for."},
	[CONF_KEY_CHECK_RECORD - FIRST] = {
		.section = CONF_IN_CHECK, .name = "record", .kind = CONF_WORD, .fallback = "A",
		.words = record_words, .used_by = TYPE(DNS),
		.help = "Type of the record that the answer must hold."},
	[CONF_KEY_CHECK_TRANSPORT - FIRST] = {
		.section = CONF_IN_CHECK, .name = "transport", .kind = CONF_WORD,
		.fallback = "udp", .words = transport_words, .used_by = TYPE(DNS),
		.help = "How to ask."},
	[CONF_KEY_CHECK_SEND - FIRST] = {
		.section = CONF_IN_CHECK, .name = "send", .kind = CONF_BYTES, .absent = "none",
		.example = "\\x1b\\x00", .min = 1, .max = MAX_BYTES, .used_by = TYPE(UDP),
		.needed_by = TYPE(UDP),
		.help = "What is sent, in one datagram. \\r, \\n, \\t, \\\" and \\\\ stand for what they do in "
			"C, \\xNN for any byte, \\x00 too."},
	[CONF_KEY_CHECK_RECEIVE - FIRST] = {
		.section = CONF_IN_CHECK, .name = "receive", .kind = CONF_PATTERN,
		.absent = "any answer, or none", .example = "^pong", .min = 1, .max = MAX_PATTERN,
		.used_by = TYPE(UDP),
		.help = "Pattern (PCRE2) that must match in an answer. Without it, up means that no "
			"ICMP error came back within the timeout."},
	[CONF_KEY_CHECK_COMMAND - FIRST] = {
		.section = CONF_IN_CHECK, .name = "command", .kind = CONF_COMMAND,
		.shape = CONF_ONE_OR_LIST, .absent = "none", .example = "/etc/poise/check --fast",
		.max = MAX_TEXT, .form = CONF_FORM_FREE, .used_by = TYPE(SCRIPT),
		.needed_by = TYPE(SCRIPT),
		.help = "Program and arguments, run as health.script_user, and ended with all its "
			"children at the timeout. A text is split at blanks, a list of texts is taken "
			"as it is; no shell is involved. The program's path begins with \"/\". At most "
			"64 words."},
	[CONF_KEY_CHECK_DYNAMIC_WEIGHT - FIRST] = {
		.section = CONF_IN_CHECK, .name = "dynamic_weight", .kind = CONF_FLAG,
		.fallback = "false", .used_by = TYPE(SCRIPT),
		.help = "Whether an exit with 2-255 means up, with that minus 2 for the server's "
			"weight. 126 and 127 are failures all the same: they say that the command "
			"could not be executed."},
#define OF_REQUEST(key) [CONF_KEY_REQUEST_##key - FIRST]
	OF_REQUEST(METHOD) = {
		.section = CONF_IN_REQUEST, .name = "method", .kind = CONF_TEXT,
		.absent = "the check's", .example = "HEAD", .min = 1, .max = 32,
		.form = CONF_FORM_METHOD, .help = "Method of the request."},
	OF_REQUEST(PATH) = {
		.section = CONF_IN_REQUEST, .name = "path", .kind = CONF_TEXT,
		.absent = "the check's", .example = "/status", .min = 1, .max = MAX_PATH,
		.form = CONF_FORM_TARGET, .help = "Path of the request."},
	OF_REQUEST(HOST) = {
		.section = CONF_IN_REQUEST, .name = "host", .kind = CONF_TEXT,
		.absent = "the check's", .example = "api.example.com", .min = 1, .max = MAX_HOST,
		.form = CONF_FORM_AUTHORITY, .help = "Host of the request."},
	OF_REQUEST(EXPECT) = {
		.section = CONF_IN_REQUEST, .name = "expect", .kind = CONF_CODES,
		.shape = CONF_ONE_OR_LIST, .absent = "the check's", .example = "204", .min = 100,
		.max = MAX_CODE, .help = "Status of the answer."},
	OF_REQUEST(BODY) = {
		.section = CONF_IN_REQUEST, .name = "body", .kind = CONF_PATTERN,
		.absent = "the check's", .example = "^ok", .min = 1, .max = MAX_PATTERN,
		.help = "Pattern (PCRE2) that must match in the body."},
	OF_REQUEST(BODY_SHA256) = {
		.section = CONF_IN_REQUEST, .name = "body_sha256", .kind = CONF_TEXT,
		.absent = "the check's",
		.example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		.min = 1, .max = 64, .form = CONF_FORM_SHA256, .help = "SHA-256 of the body."},
	[CONF_KEY_STEP_SEND - FIRST] = {
		.section = CONF_IN_STEP, .name = "send", .kind = CONF_BYTES, .absent = "none",
		.example = "PING\\r\\n", .min = 1, .max = MAX_BYTES, .help = "What is sent."},
	[CONF_KEY_STEP_EXPECT - FIRST] = {
		.section = CONF_IN_STEP, .name = "expect", .kind = CONF_PATTERN, .absent = "none",
		.example = "PONG", .min = 1, .max = MAX_PATTERN,
		.help = "Pattern (PCRE2) that must match in what came since the last match."},
};
// clang-format on

const struct conf_key *conf_schema_check_key(enum conf_key_id id)
{
	assert(id >= CONF_KEY_CHECK_TYPE && id < CONF_KEY_SERVICE_VIP);
	return &keys[id - FIRST];
}

/* The part of the table of keys that is about VRRP: groups, their instances, what they track. See
 * schema.h; constant. */
#include "conf/model.h"
#include "conf/schema.h"

#include <assert.h>
#include <stddef.h>

#define MS(n) ((n)*1000LL)
#define HOURS(n) ((n)*3600000000LL)

#define TYPE(name) (1U << CONF_TRACK_##name)

enum {
	MAX_PATH = 1023,
	MAX_COMMAND = 1023,
	MAX_PROCESS = 255,
	MAX_WEIGHT = 253,
	FIRST = CONF_KEY_GROUP_PRIORITY,
	N_KEYS = CONF_N_KEYS - FIRST,
};

static const struct conf_word failure_words[] = {{"fault", 0}, {"continue", 1}, {0}};
static const struct conf_word family_words[] = {{"4", CONF_V4}, {"6", CONF_V6}, {0}};
static const struct conf_word checksum_words[] = {{"auto", CONF_CHECKSUM_AUTO},
	{"rfc", CONF_CHECKSUM_RFC}, {"pseudo_header", CONF_CHECKSUM_PSEUDO_HEADER}, {0}};
static const struct conf_word track_words[] = {{"interface", CONF_TRACK_INTERFACE},
	{"script", CONF_TRACK_SCRIPT}, {"file", CONF_TRACK_FILE}, {"process", CONF_TRACK_PROCESS},
	{"service", CONF_TRACK_SERVICE}, {"pool", CONF_TRACK_POOL}, {0}};
static const struct conf_word init_words[] = {{"up", 1}, {"down", 0}, {0}};

// clang-format off
#define NOTIFY(key, event, arguments) \
	{.section = CONF_IN_VRRP_GROUP, .name = (key), .kind = CONF_COMMAND, \
	 .shape = CONF_ONE_OR_LIST, .absent = "none", .example = "/etc/poise/notify", \
	 .max = MAX_COMMAND, .form = CONF_FORM_FREE, \
	 .help = "Command to run as vrrp.script_user when " event "." arguments}

static const struct conf_key keys[N_KEYS] = {
	[CONF_KEY_GROUP_PRIORITY - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "priority", .kind = CONF_INTEGER,
		.shape = CONF_BY_NODE, .is_required = true, .example = "150", .min = 1, .max = 255,
		.help = "The node with the highest one is master. One number, or one for each node "
			"by its name (see the key node), so that all nodes can share a file, as in "
			"{ lb-1 = 150; lb-2 = 100; }. 255 is for the owner of the addresses: it "
			"is master as soon as it is up, and no track lowers it."},
	[CONF_KEY_GROUP_ADVERT - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "advert", .kind = CONF_DURATION,
		.fallback = "1s", .min = MS(10), .max = MS(40000), .grain_us = MS(10),
		.help = "From one advertisement of a master to the next. A backup takes over after "
			"three of them and a little more. Version 2 counts whole seconds."},
	[CONF_KEY_GROUP_VERSION - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "version", .kind = CONF_INTEGER,
		.fallback = "3", .min = 2, .max = 3,
		.help = "Of the protocol, for IPv4: IPv6 is always version 3. Version 2 is for "
			"peers that know nothing else."},
	[CONF_KEY_GROUP_PREEMPT - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "preempt", .kind = CONF_FLAG,
		.fallback = "true",
		.help = "Whether a higher priority takes over from a master that is alive."},
	[CONF_KEY_GROUP_PREEMPT_DELAY - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "preempt_delay", .kind = CONF_DURATION,
		.fallback = "0s", .max = HOURS(1), .grain_us = MS(1),
		.help = "How long it waits before it does."},
	[CONF_KEY_GROUP_WAIT_CHECKS - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "wait_checks", .kind = CONF_DURATION,
		.fallback = "10s", .max = HOURS(1), .grain_us = MS(1),
		.help = "How long after its start the node stays out of it, at most, until every "
			"check has its first verdict."},
	[CONF_KEY_GROUP_MAX_LEARNED_INTERVAL - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "max_learned_interval",
		.kind = CONF_DURATION, .absent = "10s, or advert if that is longer", .example = "10s",
		.min = MS(10), .max = MS(40950), .grain_us = MS(10),
		.help = "In version 3 a backup goes by the master's interval, but by no longer one "
			"than this: a single forged advertisement could put off its take-over."},
	[CONF_KEY_GROUP_ANNOUNCE_REFRESH - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "announce_refresh", .kind = CONF_DURATION,
		.absent = "off", .example = "1m", .min = MS(1000), .max = HOURS(24),
		.grain_us = MS(1),
		.help = "How often a master tells the network again that it has the addresses, "
			"beyond the two times after it took them."},
	[CONF_KEY_GROUP_GATE_COMMAND - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "gate.command", .kind = CONF_COMMAND,
		.shape = CONF_ONE_OR_LIST, .absent = "none", .is_group_required = true,
		.example = "/etc/poise/promote", .max = MAX_COMMAND, .form = CONF_FORM_FREE,
		.help = "Command that must exit with 0 before the node takes the addresses and "
			"advertises. Run as vrrp.script_user."},
	[CONF_KEY_GROUP_GATE_TIMEOUT - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "gate.timeout", .kind = CONF_DURATION,
		.fallback = "60s", .min = MS(100), .max = HOURS(1), .grain_us = MS(1),
		.help = "When it is ended, and counts as failed."},
	[CONF_KEY_GROUP_GATE_ON_FAILURE - FIRST] = {
		.section = CONF_IN_VRRP_GROUP, .name = "gate.on_failure", .kind = CONF_WORD,
		.fallback = "fault", .words = failure_words,
		.help = "Whether the node then stays without the addresses, or takes them all the "
			"same."},
	[CONF_KEY_GROUP_NOTIFY_MASTER - FIRST] = NOTIFY("notify_master", "the group becomes master", ""),
	[CONF_KEY_GROUP_NOTIFY_BACKUP - FIRST] = NOTIFY("notify_backup", "the group becomes backup", ""),
	[CONF_KEY_GROUP_NOTIFY_FAULT - FIRST] = NOTIFY("notify_fault", "the group becomes unfit (FAULT)", ""),
	[CONF_KEY_GROUP_NOTIFY_STOP - FIRST] =
		NOTIFY("notify_stop", "the daemon stops", ""),
	[CONF_KEY_GROUP_NOTIFY - FIRST] = NOTIFY("notify", "any of these happens",
		" Four more arguments are GROUP or INSTANCE, its name, the state (MASTER, BACKUP, "
		"FAULT or STOP), and the priority."),
#define OF_INSTANCE(key) [CONF_KEY_INSTANCE_##key - FIRST]
	OF_INSTANCE(INTERFACE) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "interface", .kind = CONF_NAME,
		.is_required = true, .example = "wan", .refers_to = CONF_IN_INTERFACE,
		.help = "Where it advertises, and which gets the addresses."},
	OF_INSTANCE(VRID) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "vrid", .kind = CONF_INTEGER,
		.is_required = true, .example = "10", .min = 1, .max = 255,
		.help = "Number of the virtual router, the same on all its nodes, and used by "
			"nobody else on that network in that family."},
	OF_INSTANCE(FAMILY) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "family", .kind = CONF_CHOICE,
		.is_required = true, .example = "4", .words = family_words,
		.help = "IPv4 or IPv6."},
	OF_INSTANCE(VIP) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "vip", .kind = CONF_NAME,
		.absent = "addresses stands instead", .example = "web", .refers_to = CONF_IN_VIP,
		.help = "The VIP whose addresses of the family move with it."},
	OF_INSTANCE(ADDRESSES) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "addresses", .kind = CONF_ADDRESS,
		.shape = CONF_LIST, .absent = "vip stands instead", .example = "203.0.113.10",
		.help = "The addresses that move with it, if they are no VIP: no service can use "
			"them."},
	OF_INSTANCE(LINK_LOCAL) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "link_local", .kind = CONF_ADDRESS,
		.may_be_link_local = true, .absent = "none; required for family 6",
		.example = "fe80::10",
		.help = "The link-local address that moves with it and is advertised first, as IPv6 "
			"demands; not the interface's own."},
	OF_INSTANCE(UNICAST_PEERS) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "unicast.peers", .kind = CONF_ADDRESS,
		.shape = CONF_LIST, .may_be_link_local = true, .is_group_required = true,
		.absent = "multicast", .example = "192.0.2.3",
		.help = "Addresses of the other nodes, where multicast does not reach them; their "
			"advertisements only are heard."},
	OF_INSTANCE(UNICAST_SOURCE) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "unicast.source", .kind = CONF_ADDRESS,
		.may_be_link_local = true, .absent = "the interface's address",
		.example = "192.0.2.2",
		.help = "This node's address, which its peers know it by."},
	OF_INSTANCE(CHECKSUM) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "checksum", .kind = CONF_WORD,
		.fallback = "auto", .words = checksum_words,
		.help = "Form of the checksum that is sent in version 3 over IPv4; both are "
			"understood. \"rfc\" is that of RFC 9568, \"pseudo_header\" that of "
			"keepalived and FRR, \"auto\" the one that the peer was last heard to "
			"use, keepalived's before that."},
	OF_INSTANCE(AUTH_PASS) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "auth_pass", .kind = CONF_TEXT,
		.absent = "none", .example = "mark", .min = 1, .max = CONF_MAX_AUTH_PASS,
		.help = "Password of version 2 (RFC 2338), which goes over the network in clear: it "
			"keeps misconfigured nodes apart, not attackers."},
	OF_INSTANCE(CHECK_TTL) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "check_ttl", .kind = CONF_FLAG,
		.absent = "true with multicast, false with unicast", .example = "false",
		.help = "Whether an advertisement must arrive with a TTL or hop limit of 255, that "
			"is, without a router on its way."},
	OF_INSTANCE(ALLOW) = {
		.section = CONF_IN_VRRP_INSTANCE, .name = "allow", .kind = CONF_PREFIX,
		.shape = CONF_LIST, .absent = "everyone", .example = "192.0.2.0/28",
		.help = "Whose advertisements are heard."},
#define OF_TRACK(key) [CONF_KEY_TRACK_##key - FIRST]
	OF_TRACK(TYPE) = {
		.section = CONF_IN_TRACK, .name = "type", .kind = CONF_WORD, .is_required = true,
		.example = "interface", .words = track_words,
		.help = "What is up as long as: "
			"\"interface\": the interface has a link. "
			"\"script\": a command exits with 0. "
			"\"file\": the file exists, and its first word is not 0. "
			"\"process\": a process of that name runs. "
			"\"service\": each half of the service has its quorum. "
			"\"pool\": the same of every service with that pool."},
	OF_TRACK(NAME) = {
		.section = CONF_IN_TRACK, .name = "name", .kind = CONF_TEXT,
		.absent = "type and object, as in \"interface wan\"", .example = "uplink", .min = 1,
		.max = CONF_MAX_NAME, .help = "What it is called in messages and listings."},
	OF_TRACK(WEIGHT) = {
		.section = CONF_IN_TRACK, .name = "weight", .kind = CONF_INTEGER, .fallback = "0",
		.min = -MAX_WEIGHT, .max = MAX_WEIGHT,
		.help = "0: without it the node is unfit (FAULT), and holds no address. Below 0: so "
			"much is taken from the priority while it is down. Above 0: so much is "
			"added while it is up. The priority stays within 1-254."},
	OF_TRACK(REVERSE) = {
		.section = CONF_IN_TRACK, .name = "reverse", .kind = CONF_FLAG, .fallback = "false",
		.help = "Whether up counts as down, and down as up."},
	OF_TRACK(INTERFACE) = {
		.section = CONF_IN_TRACK, .name = "interface", .kind = CONF_NAME, .absent = "none",
		.example = "wan", .refers_to = CONF_IN_INTERFACE, .used_by = TYPE(INTERFACE),
		.needed_by = TYPE(INTERFACE), .help = "The interface."},
	OF_TRACK(COMMAND) = {
		.section = CONF_IN_TRACK, .name = "command", .kind = CONF_COMMAND,
		.shape = CONF_ONE_OR_LIST, .absent = "none", .example = "/etc/poise/uplink",
		.max = MAX_COMMAND, .form = CONF_FORM_FREE, .used_by = TYPE(SCRIPT),
		.needed_by = TYPE(SCRIPT),
		.help = "Program and arguments, run as vrrp.script_user."},
	OF_TRACK(INTERVAL) = {
		.section = CONF_IN_TRACK, .name = "interval", .kind = CONF_DURATION,
		.fallback = "1s", .min = MS(100), .max = HOURS(1), .grain_us = MS(1),
		.used_by = TYPE(SCRIPT), .help = "From one start of it to the next."},
	OF_TRACK(TIMEOUT) = {
		.section = CONF_IN_TRACK, .name = "timeout", .kind = CONF_DURATION,
		.absent = "the interval", .example = "1s", .min = MS(10), .max = HOURS(1),
		.grain_us = MS(1), .used_by = TYPE(SCRIPT),
		.help = "When it is ended, and counts as failed; not longer than the interval."},
	OF_TRACK(RISE) = {
		.section = CONF_IN_TRACK, .name = "rise", .kind = CONF_INTEGER, .fallback = "1",
		.min = 1, .max = 100, .used_by = TYPE(SCRIPT),
		.help = "Successes in a row until it is up again."},
	OF_TRACK(FALL) = {
		.section = CONF_IN_TRACK, .name = "fall", .kind = CONF_INTEGER, .fallback = "1",
		.min = 1, .max = 100, .used_by = TYPE(SCRIPT),
		.help = "Failures in a row until it is down."},
	OF_TRACK(INIT) = {
		.section = CONF_IN_TRACK, .name = "init", .kind = CONF_WORD, .fallback = "up",
		.words = init_words, .used_by = TYPE(SCRIPT),
		.help = "What it is before it has had a result."},
	OF_TRACK(PATH) = {
		.section = CONF_IN_TRACK, .name = "path", .kind = CONF_TEXT, .absent = "none",
		.example = "/run/poise/fit", .min = 1, .max = MAX_PATH, .form = CONF_FORM_FREE,
		.used_by = TYPE(FILE), .needed_by = TYPE(FILE), .help = "The file."},
	OF_TRACK(PROCESS) = {
		.section = CONF_IN_TRACK, .name = "process", .kind = CONF_TEXT, .absent = "none",
		.example = "nginx", .min = 1, .max = MAX_PROCESS, .form = CONF_FORM_PROCESS,
		.used_by = TYPE(PROCESS), .needed_by = TYPE(PROCESS),
		.help = "Its name, as in /proc/PID/comm, or its program's without the directory."},
	OF_TRACK(SERVICE) = {
		.section = CONF_IN_TRACK, .name = "service", .kind = CONF_NAME, .absent = "none",
		.example = "http", .refers_to = CONF_IN_SERVICE, .used_by = TYPE(SERVICE),
		.needed_by = TYPE(SERVICE), .help = "The service."},
	OF_TRACK(POOL) = {
		.section = CONF_IN_TRACK, .name = "pool", .kind = CONF_NAME, .absent = "none",
		.example = "web", .refers_to = CONF_IN_POOL, .used_by = TYPE(POOL),
		.needed_by = TYPE(POOL), .help = "The pool."},
};
// clang-format on

const struct conf_key *conf_schema_vrrp_key(enum conf_key_id id)
{
	assert(id >= CONF_KEY_GROUP_PRIORITY && id < CONF_N_KEYS);
	return &keys[id - FIRST];
}

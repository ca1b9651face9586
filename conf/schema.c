/* Every key of poise.conf: type, default, range, help. Reader, defaults and manual only walk
 * this table, whose parts for checks and VRRP are schema_check.c's and schema_vrrp.c's. Constant;
 * knows nothing of libconfig. */
#include "conf/schema.h"

#include "base/log.h"
#include "conf/model.h"

#include <assert.h>
#include <string.h>

#define US(n) (n##LL)
#define MS(n) ((n)*1000LL)
#define HOURS(n) ((n)*3600000000LL)

enum {
	MAX_CPU = 1023,
	MAX_SOCKET_PATH = 107, // sun_path of unix(7) with its NUL: 108
	MAX_PATH = 1023,
	MAX_COMMAND = 1023,
	MAX_WEIGHTS = CONF_MAX_SERVERS_IN_POOL * 65535,
};

#define COMMAND_HELP                                                                               \
	"A text is split at blanks, a list of texts, as in [\"/bin/x\", \"a b\"], is taken as it " \
	"is; no shell is involved. The program's path begins with \"/\". At most 64 words."

static const struct conf_word idle_words[] = {
	{"poll", CONF_IDLE_POLL}, {"adaptive", CONF_IDLE_ADAPTIVE}, {0}};
static const struct conf_word hugepages_words[] = {{"auto", CONF_HUGEPAGES_AUTO},
	{"required", CONF_HUGEPAGES_REQUIRED}, {"off", CONF_HUGEPAGES_OFF}, {0}};
static const struct conf_word target_words[] = {
	{"stderr", LOG_TARGET_STDERR}, {"syslog", LOG_TARGET_SYSLOG}, {0}};
static const struct conf_word level_words[] = {{"error", LOG_LEVEL_ERROR}, {"warn", LOG_LEVEL_WARN},
	{"notice", LOG_LEVEL_NOTICE}, {"info", LOG_LEVEL_INFO}, {"debug", LOG_LEVEL_DEBUG}, {0}};
static const struct conf_word scheduler_words[] = {{"wrr", CONF_SCHED_WRR}, {0}};
static const struct conf_word forward_words[] = {{"nat", CONF_FORWARD_NAT}, {0}};
static const struct conf_word reaction_words[] = {
	{"reset", CONF_REACT_RESET}, {"drop", CONF_REACT_DROP}, {0}};
static const struct conf_word protocol_words[] = {
	{"tcp", CONF_PROTO_TCP}, {"udp", CONF_PROTO_UDP}, {0}};

// clang-format off
static const struct conf_section_def sections[CONF_N_SECTIONS] = {
	[CONF_IN_ROOT] = {.path = ""},
	[CONF_IN_INTERFACE] = {
		.path = "interfaces", .container = "interfaces", .one = "interface",
		.many = "interfaces", .placeholder = "N", .max = CONF_MAX_INTERFACES,
		.example = "wan",
		.help = "The ports that Poise receives from and sends to, each under a name of your "
			"choice."},
	[CONF_IN_ROUTE] = {
		.path = "routes", .container = "routes", .is_list = true, .one = "route",
		.many = "routes", .placeholder = "N", .max = CONF_MAX_ROUTES, .example = "0",
		.help = "Routes through the interfaces that are no kernel interfaces: put on the "
			"kernel interface that Poise makes for each of them. A list of groups in "
			"( )."},
	[CONF_IN_VIP] = {
		.path = "vips", .container = "vips", .one = "vip", .many = "vips",
		.placeholder = "N", .max = CONF_MAX_VIPS, .example = "web",
		.help = "The addresses that clients connect to."},
	[CONF_IN_POOL] = {
		.path = "pools", .container = "pools", .one = "pool", .many = "pools",
		.placeholder = "N", .max = CONF_MAX_POOLS, .example = "web",
		.help = "Servers that do the same work, and how it is shared among them."},
	[CONF_IN_SERVER] = {
		.path = "pools.N.servers", .container = "servers", .one = "server",
		.many = "servers", .parent = CONF_IN_POOL, .placeholder = "S",
		.max = CONF_MAX_SERVERS_IN_POOL, .example = "web-1",
		.help = "The servers of a pool; at least one."},
	[CONF_IN_CHECK] = {
		.path = "checks", .container = "checks", .defaults = "check_defaults",
		.one = "check", .many = "checks", .placeholder = "N", .max = CONF_MAX_CHECKS,
		.example = "tcp",
		.help = "How a server proves that it is alive. IPv4 and IPv6 of a server have verdicts "
			"of their own; the very first verdict needs one result, either way. A check "
			"named \"none\", always up, exists unless the file defines one. A key that "
			"the check's type has no use for is an error, but check_defaults may hold "
			"what only some types take. Files are named by their path, or relative to "
			"the directory of the main file."},
	[CONF_IN_REQUEST] = {
		.path = "checks.N.requests", .container = "requests", .is_list = true,
		.needs_one = true, .one = "request", .many = "requests", .parent = CONF_IN_CHECK,
		.used_by = 1U << CONF_CHECK_HTTP, .placeholder = "R", .max = CONF_MAX_REQUESTS,
		.example = "0",
		.help = "Several requests of one check, one after the other, as a list of groups in ( ); "
			"all of them must be answered as expected. What a "
			"request does not say is the check's. Without the list, the check's own "
			"keys are its one request."},
	[CONF_IN_STEP] = {
		.path = "checks.N.steps", .container = "steps", .is_list = true,
		.needs_one = true, .one = "step", .many = "steps", .parent = CONF_IN_CHECK,
		.used_by = 1U << CONF_CHECK_TEXT, .needed_by = 1U << CONF_CHECK_TEXT,
		.placeholder = "P", .max = CONF_MAX_STEPS, .example = "0",
		.help = "The dialogue of a check of type \"text\", as a list of groups in ( ) that hold "
			"one of the two keys each, as in ({ send = \"PING\\r\\n\"; }, "
			"{ expect = \"PONG\"; })."},
	[CONF_IN_SERVICE] = {
		.path = "services", .container = "services", .defaults = "service_defaults",
		.one = "service", .many = "services", .placeholder = "N", .max = CONF_MAX_SERVICES,
		.example = "http",
		.help = "What is offered: which ports of which VIP lead to which pool. A service has an "
			"IPv4 half if its VIP and its servers have IPv4 addresses, and likewise an "
			"IPv6 half."},
	[CONF_IN_VRRP_GROUP] = {
		.path = "vrrp.groups", .container = "groups", .group = "vrrp.",
		.is_optional = true, .one = "group", .many = "groups", .placeholder = "G",
		.max = CONF_MAX_GROUPS, .example = "frontend",
		.help = "Instances of VRRP that move from node to node together, or not at all. As "
			"soon as there is a group, every address of every VIP must be in an "
			"instance of one."},
	[CONF_IN_VRRP_INSTANCE] = {
		.path = "vrrp.groups.G.instances", .container = "instances", .one = "instance",
		.many = "instances", .parent = CONF_IN_VRRP_GROUP, .placeholder = "I",
		.max = CONF_MAX_INSTANCES, .example = "wan4",
		.help = "The virtual routers of a group, one for each interface and family; at least "
			"one. No two of them have the same name, in whatever groups."},
	[CONF_IN_TRACK] = {
		.path = "vrrp.groups.G.track", .container = "track", .is_list = true,
		.one = "track", .many = "tracks", .parent = CONF_IN_VRRP_GROUP, .placeholder = "T",
		.max = CONF_MAX_TRACKS, .example = "0",
		.help = "What the priority of a group, or its fitness, depends on, as a list of "
			"groups in ( ). A key that the track's type has no use for is an error."},
};

#define TIMEOUT(key, what, value) \
	{.section = CONF_IN_POOL, .name = "timeouts." key, .kind = CONF_DURATION, \
	 .fallback = (value), .min = MS(100), .max = HOURS(24), .grain_us = MS(1), \
	 .help = "How long " what " is kept without a packet."}

static const struct conf_key keys[CONF_N_KEYS] = {
	[CONF_KEY_VERSION] = {
		.section = CONF_IN_ROOT, .name = "version", .kind = CONF_INTEGER,
		.is_required = true, .example = "1", .min = 1, .max = 1,
		.help = "Version of this file's format."},
	[CONF_KEY_NODE] = {
		.section = CONF_IN_ROOT, .name = "node", .kind = CONF_TEXT,
		.absent = "the host name", .example = "lb-1", .min = 1, .max = CONF_MAX_NAME,
		.help = "Name of this node."},
	[CONF_KEY_CPU_WORKERS] = {
		.section = CONF_IN_ROOT, .name = "cpu.workers", .kind = CONF_INTEGER,
		.shape = CONF_LIST, .may_be_empty = true, .absent = "one: the last CPU", .example = "1",
		.max = MAX_CPU,
		.help = "Numbers of the CPUs that forward packets, one worker each. An empty list "
			"means no data plane: no DPDK, no huge pages."},
	[CONF_KEY_CPU_CONTROL] = {
		.section = CONF_IN_ROOT, .name = "cpu.control", .kind = CONF_INTEGER,
		.absent = "not pinned", .example = "0", .max = MAX_CPU,
		.help = "Number of the CPU for everything but forwarding."},
	[CONF_KEY_CPU_EAL_ARGS] = {
		.section = CONF_IN_ROOT, .name = "cpu.eal_args", .kind = CONF_TEXT,
		.shape = CONF_LIST, .may_be_empty = true, .absent = "none",
		.example = "--log-level=lib.eal:debug", .min = 1, .max = 255,
		.help = "Further arguments for DPDK's EAL, as a last resort."},
	[CONF_KEY_CPU_IDLE] = {
		.section = CONF_IN_ROOT, .name = "cpu.idle", .kind = CONF_WORD,
		.fallback = "adaptive", .words = idle_words,
		.help = "What a worker does when there are no packets: \"poll\" spins, \"adaptive\" "
			"sleeps up to cpu.idle_sleep."},
	[CONF_KEY_CPU_IDLE_SLEEP] = {
		.section = CONF_IN_ROOT, .name = "cpu.idle_sleep", .kind = CONF_DURATION,
		.fallback = "50us", .min = US(1), .max = MS(10), .grain_us = US(1),
		.help = "Longest sleep of an idle worker."},
	[CONF_KEY_MEMORY_HUGEPAGES] = {
		.section = CONF_IN_ROOT, .name = "memory.hugepages", .kind = CONF_WORD,
		.fallback = "auto", .words = hugepages_words,
		.help = "Whether packet buffers and tables stand on huge pages: if there are any, "
			"always (no start without them), or never."},
	[CONF_KEY_MEMORY_CONNECTIONS] = {
		.section = CONF_IN_ROOT, .name = "memory.connections", .kind = CONF_SIZE,
		.fallback = "1M", .min = 64, .max = 64000000,
		.help = "Connections over all workers and both families. When the table is full, new "
			"ones are refused and old ones untouched."},
	[CONF_KEY_MEMORY_HALF_OPEN] = {
		.section = CONF_IN_ROOT, .name = "memory.half_open", .kind = CONF_SIZE,
		.absent = "1/8 of memory.connections, at least 16k", .example = "128k", .min = 16, .max = 64000000,
		.help = "TCP connections whose handshake is not complete, beside the others. At the "
			"bound the oldest of them makes room."},
	[CONF_KEY_MEMORY_PACKETS] = {
		.section = CONF_IN_ROOT, .name = "memory.packets", .kind = CONF_SIZE,
		.fallback = "64k", .min = 1000, .max = 16000000,
		.help = "Packet buffers: 4096 for each queue of each interface at least, half of "
			"them to receive into, half for what is on its way out. How many queues an "
			"interface has is known at the start only: too few for those are told then."},
	[CONF_KEY_CONTROL_SOCKET] = {
		.section = CONF_IN_ROOT, .name = "control.socket", .kind = CONF_TEXT,
		.fallback = "/run/poise/poise.sock", .min = 1, .max = MAX_SOCKET_PATH,
		.help = "Unix socket on which poise(1) reaches the daemon."},
	[CONF_KEY_CONTROL_READ_ONLY_SOCKET] = {
		.section = CONF_IN_ROOT, .name = "control.read_only_socket", .kind = CONF_TEXT,
		.absent = "none", .example = "/run/poise/poise-ro.sock", .min = 1,
		.max = MAX_SOCKET_PATH,
		.help = "A second socket, for everyone, that changes nothing."},
	[CONF_KEY_CONTROL_GROUP] = {
		.section = CONF_IN_ROOT, .name = "control.group", .kind = CONF_TEXT,
		.absent = "the daemon's", .example = "poise", .min = 1, .max = 32,
		.help = "Group of the socket."},
	[CONF_KEY_CONTROL_MODE] = {
		.section = CONF_IN_ROOT, .name = "control.mode", .kind = CONF_MODE,
		.fallback = "0600", .help = "Mode of the socket, in octal digits."},
	[CONF_KEY_HEALTH_MAINTENANCE_DIR] = {
		.section = CONF_IN_ROOT, .name = "health.maintenance_dir", .kind = CONF_TEXT,
		.absent = "none", .example = "/run/poise/maintenance", .min = 1, .max = MAX_PATH,
		.form = CONF_FORM_FREE,
		.help = "A directory that must exist: a file in it that has the name of a server "
			"takes that server out in every pool, until the file is removed."},
	[CONF_KEY_HEALTH_SCRIPT_USER] = {
		.section = CONF_IN_ROOT, .name = "health.script_user", .kind = CONF_TEXT,
		.fallback = "nobody", .min = 1, .max = 32,
		.help = "The user that the scripts of checks and the quorum commands of pools run "
			"as. It must exist, and must be able to execute them: that is looked at "
			"when the file is loaded."},
	[CONF_KEY_VRRP_SCRIPT_USER] = {
		.section = CONF_IN_ROOT, .name = "vrrp.script_user", .kind = CONF_TEXT,
		.fallback = "nobody", .min = 1, .max = 32,
		.help = "The user that the commands of VRRP run as: scripts that are tracked, gates, "
			"notifications. It must exist, and must be able to execute them: that is "
			"looked at when the file is loaded. " COMMAND_HELP},
	[CONF_KEY_HTTP_LISTEN] = {
		.section = CONF_IN_ROOT, .name = "http.listen", .kind = CONF_ENDPOINT,
		.shape = CONF_LIST, .may_be_empty = true, .absent = "none",
		.example = "127.0.0.1:9477",
		.help = "Addresses and ports of the built-in web server, as in "
			"[\"127.0.0.1:9477\", \"[::1]:9477\"]. It has no TLS and no users: it "
			"is meant for this machine, or for a network that may see it."},
	[CONF_KEY_HTTP_METRICS] = {
		.section = CONF_IN_ROOT, .name = "http.metrics", .kind = CONF_FLAG,
		.fallback = "true", .help = "Whether it has metrics, for Prometheus."},
	[CONF_KEY_HTTP_STATUS] = {
		.section = CONF_IN_ROOT, .name = "http.status", .kind = CONF_FLAG,
		.fallback = "true", .help = "Whether it has the status page."},
	[CONF_KEY_HTTP_HOSTS] = {
		.section = CONF_IN_ROOT, .name = "http.hosts", .kind = CONF_TEXT,
		.shape = CONF_LIST, .may_be_empty = true, .absent = "none",
		.example = "lb-1.example.com", .min = 1, .max = 255, .form = CONF_FORM_HOST,
		.help = "Names that the Host of a request may be, besides the addresses in "
			"http.listen; requests for others are refused."},
	[CONF_KEY_HTTP_SERVER_METRICS] = {
		.section = CONF_IN_ROOT, .name = "http.server_metrics", .kind = CONF_FLAG,
		.fallback = "true",
		.help = "Whether there are metrics of every server, and not of services only."},
	[CONF_KEY_LOG_TARGET] = {
		.section = CONF_IN_ROOT, .name = "log.target", .kind = CONF_WORD,
		.fallback = "stderr", .words = target_words, .help = "Where log lines go."},
	[CONF_KEY_LOG_LEVEL] = {
		.section = CONF_IN_ROOT, .name = "log.level", .kind = CONF_WORD,
		.fallback = "info", .words = level_words,
		.help = "The least important lines that are still logged."},
	[CONF_KEY_INTERFACE_DEVICE] = {
		.section = CONF_IN_INTERFACE, .name = "device", .kind = CONF_TEXT,
		.is_required = true, .example = "eth0", .min = 1, .max = 255,
		.help = "A kernel interface, driven by AF_XDP: its addresses, routes and neighbours "
			"stay where they are, in the kernel. Or the PCI address of a device for a "
			"driver of DPDK's, as in \"0000:5e:00.0\". Or any virtual device of "
			"DPDK's, as in \"vdev:net_af_packet0,iface=eth0,qdisc_bypass=1\". For the "
			"last two Poise makes a TAP that has the name of the interface, and "
			"through which the kernel sends and receives on it."},
	[CONF_KEY_INTERFACE_ADDRESSES] = {
		.section = CONF_IN_INTERFACE, .name = "addresses", .kind = CONF_HOST_ADDRESS,
		.shape = CONF_LIST, .may_be_empty = true, .absent = "none",
		.example = "192.0.2.2/24",
		.help = "This machine's own addresses, each with the length of its network, put on "
			"the TAP that Poise makes, and put back if somebody takes them off. Not for a "
			"kernel interface, which has its own."},
	[CONF_KEY_INTERFACE_MTU] = {
		.section = CONF_IN_INTERFACE, .name = "mtu", .kind = CONF_INTEGER,
		.absent = "the device's", .example = "1500", .min = 1280, .max = 9018,
		.help = "Largest packet, without the Ethernet header. A device that is no kernel "
			"interface is set to it, and so is its TAP; packet buffers are made to "
			"fit."},
	[CONF_KEY_ROUTE_TO] = {
		.section = CONF_IN_ROUTE, .name = "to", .kind = CONF_DESTINATION,
		.is_required = true, .example = "default",
		.help = "The prefix, or \"default\": all of the families of the gateways."},
	[CONF_KEY_ROUTE_VIA] = {
		.section = CONF_IN_ROUTE, .name = "via", .kind = CONF_ADDRESS, .shape = CONF_LIST,
		.is_required = true, .may_be_link_local = true, .example = "192.0.2.1",
		.help = "The gateway; to \"default\", one of each family or of one."},
	[CONF_KEY_ROUTE_INTERFACE] = {
		.section = CONF_IN_ROUTE, .name = "interface", .kind = CONF_NAME,
		.is_required = true, .example = "wan", .refers_to = CONF_IN_INTERFACE,
		.help = "The interface on whose network the gateway is."},
	[CONF_KEY_VIP_ADDRESSES] = {
		.section = CONF_IN_VIP, .name = "addresses", .kind = CONF_ADDRESS,
		.shape = CONF_LIST, .is_required = true, .example = "203.0.113.10",
		.help = "IPv4 and IPv6 addresses; they never need to be split by family."},
	[CONF_KEY_VIP_INTERFACE] = {
		.section = CONF_IN_VIP, .name = "interface", .kind = CONF_NAME,
		.is_required = true, .example = "wan", .refers_to = CONF_IN_INTERFACE,
		.help = "The interface that has the addresses."},
	[CONF_KEY_POOL_SCHEDULER] = {
		.section = CONF_IN_POOL, .name = "scheduler", .kind = CONF_WORD,
		.fallback = "wrr", .words = scheduler_words,
		.help = "Who gets the next connection. \"wrr\": each server its weight's share of every "
			"round, evenly interleaved."},
	[CONF_KEY_POOL_FORWARD] = {
		.section = CONF_IN_POOL, .name = "forward", .kind = CONF_WORD, .fallback = "nat",
		.words = forward_words,
		.help = "How packets reach the servers. \"nat\": the destination is translated and the "
			"client's address stays visible; servers answer through Poise."},
	[CONF_KEY_POOL_ON_NO_SERVER] = {
		.section = CONF_IN_POOL, .name = "on_no_server", .kind = CONF_WORD,
		.fallback = "reset", .words = reaction_words,
		.help = "What a new connection gets when no server is up: a TCP reset or ICMP port "
			"unreachable, or nothing."},
	[CONF_KEY_POOL_UNKNOWN_TCP] = {
		.section = CONF_IN_POOL, .name = "unknown_tcp", .kind = CONF_WORD,
		.fallback = "reset", .words = reaction_words,
		.help = "What a TCP segment without SYN and without a connection gets."},
	[CONF_KEY_POOL_QUORUM] = {
		.section = CONF_IN_POOL, .name = "quorum", .kind = CONF_INTEGER, .fallback = "1",
		.min = 1, .max = MAX_WEIGHTS,
		.help = "What the weights of the servers that are up must sum up to: a service has "
			"its quorum as long as they do, in each family by itself."},
	[CONF_KEY_POOL_HYSTERESIS] = {
		.section = CONF_IN_POOL, .name = "hysteresis", .kind = CONF_INTEGER,
		.fallback = "0", .max = MAX_WEIGHTS - 1,
		.help = "To get the quorum takes so much more than the quorum, to lose it so much "
			"less. It must be less than the quorum."},
	[CONF_KEY_POOL_QUORUM_UP] = {
		.section = CONF_IN_POOL, .name = "quorum_up", .kind = CONF_COMMAND,
		.shape = CONF_ONE_OR_LIST, .absent = "none", .example = "/etc/poise/quorum up",
		.max = MAX_COMMAND, .form = CONF_FORM_FREE,
		.help = "Run as health.script_user when a service gets its quorum. " COMMAND_HELP},
	[CONF_KEY_POOL_QUORUM_DOWN] = {
		.section = CONF_IN_POOL, .name = "quorum_down", .kind = CONF_COMMAND,
		.shape = CONF_ONE_OR_LIST, .absent = "none", .example = "/etc/poise/quorum down",
		.max = MAX_COMMAND, .form = CONF_FORM_FREE,
		.help = "Run as health.script_user when a service loses its quorum, in the same "
			"forms."},
	[CONF_KEY_POOL_SYN_RECEIVED] =
		TIMEOUT("syn_received", "a TCP connection whose handshake is not complete", "30s"),
	[CONF_KEY_POOL_ESTABLISHED] =
		TIMEOUT("established", "an established TCP connection", "900s"),
	[CONF_KEY_POOL_FIN_WAIT] =
		TIMEOUT("fin_wait", "a TCP connection that one side has closed", "120s"),
	[CONF_KEY_POOL_TIME_WAIT] =
		TIMEOUT("time_wait", "a TCP connection that both sides have closed", "60s"),
	[CONF_KEY_POOL_CLOSE] = TIMEOUT("close", "a TCP connection that was reset", "10s"),
	[CONF_KEY_POOL_LAST_ACK] =
		TIMEOUT("last_ack", "a TCP connection that waits for its last acknowledgement", "30s"),
	[CONF_KEY_POOL_UDP] =
		TIMEOUT("udp", "a UDP connection that the server has answered", "300s"),
	[CONF_KEY_POOL_UDP_UNANSWERED] =
		TIMEOUT("udp_unanswered", "a UDP connection that the server has not answered", "30s"),
	[CONF_KEY_SERVER_ADDRESS] = {
		.section = CONF_IN_SERVER, .name = "address", .kind = CONF_ADDRESS,
		.shape = CONF_LIST, .is_required = true, .example = "192.0.2.11",
		.help = "One IPv4 address, one IPv6 address, or one of each. An IPv4 VIP uses the IPv4 "
			"address, an IPv6 VIP the IPv6 address."},
	[CONF_KEY_SERVER_PORT] = {
		.section = CONF_IN_SERVER, .name = "port", .kind = CONF_INTEGER,
		.absent = "the service's", .example = "8080", .min = 1, .max = 65535,
		.help = "Port of the server. Two servers may share an address with different ports."},
	[CONF_KEY_SERVER_WEIGHT] = {
		.section = CONF_IN_SERVER, .name = "weight", .kind = CONF_INTEGER, .fallback = "1",
		.max = 65535,
		.help = "Its share of the connections, relative to the other servers. 0: no new "
			"connections."},
	[CONF_KEY_SERVICE_VIP] = {
		.section = CONF_IN_SERVICE, .name = "vip", .kind = CONF_NAME, .is_required = true,
		.example = "web", .refers_to = CONF_IN_VIP, .help = "The VIP that clients use."},
	[CONF_KEY_SERVICE_POOL] = {
		.section = CONF_IN_SERVICE, .name = "pool", .kind = CONF_NAME, .is_required = true,
		.example = "web", .refers_to = CONF_IN_POOL, .help = "The pool that serves."},
	[CONF_KEY_SERVICE_CHECK] = {
		.section = CONF_IN_SERVICE, .name = "check", .kind = CONF_NAME, .fallback = "none",
		.refers_to = CONF_IN_CHECK, .help = "The check that the servers must pass."},
	[CONF_KEY_SERVICE_PROTOCOL] = {
		.section = CONF_IN_SERVICE, .name = "protocol", .kind = CONF_WORD,
		.shape = CONF_LIST, .fallback = "tcp", .words = protocol_words,
		.help = "One of them or both."},
	[CONF_KEY_SERVICE_PORT] = {
		.section = CONF_IN_SERVICE, .name = "port", .kind = CONF_PORTS,
		.shape = CONF_ONE_OR_LIST, .is_required = true, .example = "80", .min = 1,
		.max = 65535,
		.help = "Ports of the VIP: 80, \"10000-10255\", or a list of both as in "
			"(5060, \"10000-10255\"). Several are one service."},
	[CONF_KEY_SERVICE_TO_PORT] = {
		.section = CONF_IN_SERVICE, .name = "to_port", .kind = CONF_INTEGER,
		.absent = "the server's port, or else the packet's own", .example = "8080", .min = 1,
		.max = 65535,
		.help = "Port of the servers; only for a service with a single port."},
	[CONF_KEY_SERVICE_SERVERS] = {
		.section = CONF_IN_SERVICE, .name = "servers", .kind = CONF_NAME,
		.shape = CONF_LIST, .absent = "all of the pool", .example = "web-1",
		.refers_to = CONF_IN_SERVER, .help = "Names of the servers of the pool to use."},
};
// clang-format on

const struct conf_key *conf_schema_key(enum conf_key_id id)
{
	assert(id < CONF_N_KEYS);
	if (id >= CONF_KEY_GROUP_PRIORITY)
		return conf_schema_vrrp_key(id);
	if (id >= CONF_KEY_CHECK_TYPE && id < CONF_KEY_SERVICE_VIP)
		return conf_schema_check_key(id);
	return &keys[id];
}

const struct conf_section_def *conf_schema_section(enum conf_section section)
{
	assert(section < CONF_N_SECTIONS);
	return &sections[section];
}

const struct conf_word *conf_schema_types(enum conf_section section)
{
	return conf_schema_key(section == CONF_IN_TRACK ? CONF_KEY_TRACK_TYPE : CONF_KEY_CHECK_TYPE)
		->words;
}

const char *conf_schema_type_name(enum conf_section section, int type)
{
	const struct conf_word *w = conf_schema_types(section);

	while (w->text && w->value != type)
		w++;
	assert(w->text);
	return w->text;
}

enum conf_key_id conf_schema_first(enum conf_section section)
{
	enum conf_key_id id = 0;

	while (conf_schema_key(id)->section != section)
		id++;
	return id;
}

unsigned conf_schema_count(enum conf_section section)
{
	unsigned n = 0;

	for (enum conf_key_id id = conf_schema_first(section);
		id < CONF_N_KEYS && conf_schema_key(id)->section == section; id++)
		n++;
	return n;
}

/* The rest of the key's name after the prefix, or NULL. */
static const char *after_prefix(const struct conf_key *key, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(key->name, prefix, len) == 0 ? key->name + len : NULL;
}

static bool is_object_of(enum conf_section child, enum conf_section section, const char *prefix)
{
	const char *group = sections[child].group ? sections[child].group : "";

	return child != CONF_IN_ROOT && sections[child].parent == section &&
	       strcmp(prefix, group) == 0;
}

enum conf_found conf_schema_find(enum conf_section section, const char *prefix, const char *name,
	enum conf_key_id *ret_key, enum conf_section *ret_section)
{
	enum conf_key_id first = conf_schema_first(section);
	size_t len = strlen(name);

	for (unsigned i = 0; i < conf_schema_count(section); i++) {
		const char *rest = after_prefix(conf_schema_key(first + i), prefix);

		if (!rest || strncmp(rest, name, len) != 0)
			continue;
		if (rest[len] == '.')
			return CONF_FOUND_GROUP;
		if (rest[len] == '\0') {
			*ret_key = first + i;
			return CONF_FOUND_KEY;
		}
	}
	for (enum conf_section s = 0; s < CONF_N_SECTIONS; s++) {
		if (!is_object_of(s, section, prefix))
			continue;
		*ret_section = s;
		if (strcmp(sections[s].container, name) == 0)
			return CONF_FOUND_OBJECTS;
		if (sections[s].defaults && strcmp(sections[s].defaults, name) == 0)
			return CONF_FOUND_DEFAULTS;
	}
	return CONF_FOUND_NOTHING;
}

void conf_schema_names(
	enum conf_section section, const char *prefix, conf_schema_offer *offer, void *arg)
{
	enum conf_key_id first = conf_schema_first(section);
	char name[CONF_MAX_NAME + 1], last[CONF_MAX_NAME + 1] = "";

	for (unsigned i = 0; i < conf_schema_count(section); i++) {
		const char *rest = after_prefix(conf_schema_key(first + i), prefix);
		size_t len = rest ? strcspn(rest, ".") : 0;

		if (!rest)
			continue;
		memcpy(name, rest, len);
		name[len] = '\0';
		if (strcmp(name, last) != 0)
			offer(arg, name);
		memcpy(last, name, len + 1);
	}
	for (enum conf_section s = 0; s < CONF_N_SECTIONS; s++) {
		if (!is_object_of(s, section, prefix))
			continue;
		if (sections[s].defaults)
			offer(arg, sections[s].defaults);
		offer(arg, sections[s].container);
	}
}

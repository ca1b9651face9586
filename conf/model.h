#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* The configuration as plain structs: complete, checked, immutable (see conf.h for its life).
 *
 * Strings and arrays live in the snapshot's arena. An array `x` has its length in `n_x`.
 * References are pointers into the same snapshot and never NULL where the file requires the
 * name. Ports and numbers are in host order, durations in milliseconds. Defaults are filled
 * in: a reader never needs to know one. Key by key meaning: poise.conf(5), made from schema.c. */

/* Limits of one configuration; the loader refuses more. */
enum {
	CONF_MAX_WORKERS = 64,
	CONF_MAX_INTERFACES = 16,
	CONF_MAX_ROUTES = 1024,
	CONF_MAX_VIPS = 1024,
	CONF_MAX_POOLS = 1024,
	CONF_MAX_SERVERS_IN_POOL = 1024,
	CONF_MAX_CHECKS = 1024,
	CONF_MAX_REQUESTS = 32, // of one check
	CONF_MAX_STEPS = 64,    // of one check
	CONF_MAX_SERVICES = 4096,
	CONF_MAX_ITEMS = 1024,        // of one list
	CONF_MAX_NAME = 63,           // bytes of a name
	CONF_MAX_USER = 255,          // bytes
	CONF_MAX_SECRET = 1024,       // bytes of a password
	CONF_MAX_GROUPS = 64,         // of VRRP
	CONF_MAX_INSTANCES = 64,      // of one group
	CONF_MAX_TRACKS = 64,         // of one group
	CONF_MAX_VRRP_ADDRESSES = 64, // of one instance: what an advert may list
	CONF_MAX_PEERS = 16,          // of one instance
	CONF_MAX_AUTH_PASS = 8,       // bytes; RFC 2338 §5.3.10
	CONF_MAX_LISTEN = 16,         // of http
};

/* Packet buffers that a queue of an interface may hold: a ring to receive into, as long a one for
 * what leaves. An interface has one queue at least. */
enum { CONF_PACKETS_A_QUEUE = 2 * 2048 };

enum conf_idle { CONF_IDLE_POLL, CONF_IDLE_ADAPTIVE };
enum conf_hugepages { CONF_HUGEPAGES_AUTO, CONF_HUGEPAGES_REQUIRED, CONF_HUGEPAGES_OFF };
enum conf_scheduler { CONF_SCHED_WRR };
enum conf_forward { CONF_FORWARD_NAT };
enum conf_reaction { CONF_REACT_RESET, CONF_REACT_DROP };
enum conf_check_type {
	CONF_CHECK_NONE,
	CONF_CHECK_TCP,
	CONF_CHECK_HTTP,
	CONF_CHECK_SMTP,
	CONF_CHECK_IMAP,
	CONF_CHECK_POP3,
	CONF_CHECK_LDAP,
	CONF_CHECK_MYSQL,
	CONF_CHECK_DNS,
	CONF_CHECK_UDP,
	CONF_CHECK_TEXT,
	CONF_CHECK_PING,
	CONF_CHECK_SCRIPT,
	CONF_N_CHECK_TYPES
};
enum conf_tls { CONF_TLS_NO, CONF_TLS_IMPLICIT, CONF_TLS_STARTTLS };
/* Values of RFC 1035 §3.2.2 and RFC 3596, RFC 2782. */
enum conf_dns_record {
	CONF_DNS_A = 1,
	CONF_DNS_NS = 2,
	CONF_DNS_CNAME = 5,
	CONF_DNS_SOA = 6,
	CONF_DNS_PTR = 12,
	CONF_DNS_MX = 15,
	CONF_DNS_TXT = 16,
	CONF_DNS_AAAA = 28,
	CONF_DNS_SRV = 33
};
enum conf_protocol { CONF_PROTO_TCP = 6, CONF_PROTO_UDP = 17 };

/* A half of a service by family. */
enum conf_family { CONF_V4, CONF_V6, CONF_N_FAMILIES };

/* Where an object or key stands in the files; for messages. */
struct conf_place {
	const char *file;
	int line;
};

struct conf_cpu {
	const uint16_t *workers; // CPU numbers, one worker each; none: no data plane
	unsigned n_workers;
	int control; // CPU number, or -1: not pinned
	const char *const *eal_args;
	unsigned n_eal_args;
	enum conf_idle idle;
	uint32_t idle_sleep_us;
};

struct conf_memory {
	enum conf_hugepages hugepages;
	uint64_t connections; // over all workers, both families
	uint64_t half_open;   // of them: TCP handshakes not complete
	uint64_t packets;     // packet buffers
};

enum conf_device_kind { CONF_DEVICE_KERNEL, CONF_DEVICE_PCI, CONF_DEVICE_VDEV };

/* Host bits are kept; length_bits counts in the 128-bit form, as in struct prefix. */
struct conf_host_address {
	struct addr addr;
	uint8_t length_bits;
};

struct conf_interface {
	const char *name;
	struct conf_place place;
	enum conf_device_kind kind;
	const char *device; // "eth0", "0000:5e:00.0", or the STRING of "vdev:STRING"
	const struct conf_host_address *addresses; // for its TAP; none on a kernel interface
	unsigned n_addresses;
	unsigned mtu;   // 0: the device's
	unsigned index; // position in conf.interfaces = port number in the data plane
};

/* Through the TAP of an interface. */
struct conf_route {
	struct conf_place place;
	bool is_default; // of each family that has a gateway
	struct prefix to;
	struct addr via[CONF_N_FAMILIES];
	bool has_via[CONF_N_FAMILIES];
	const struct conf_interface *interface;
};

struct conf_vip {
	const char *name;
	struct conf_place place;
	const struct addr *addresses;
	unsigned n_addresses;
	const struct conf_interface *interface;
};

struct conf_server {
	const char *name;
	struct conf_place place;
	struct addr address[CONF_N_FAMILIES];
	bool has_family[CONF_N_FAMILIES];
	uint16_t port;   // 0: the service's
	uint16_t weight; // 0-65535; 0: no new connections
	unsigned index;  // position in its pool
};

/* dataplane.md §5, per pool. */
struct conf_timeouts {
	uint32_t syn_received_ms;
	uint32_t established_ms;
	uint32_t fin_wait_ms;
	uint32_t time_wait_ms;
	uint32_t close_ms;
	uint32_t last_ack_ms;
	uint32_t udp_ms;            // the server has answered
	uint32_t udp_unanswered_ms; // not yet
};

struct conf_pool {
	const char *name;
	struct conf_place place;
	enum conf_scheduler scheduler;
	enum conf_forward forward;
	const struct conf_server *servers;
	unsigned n_servers;
	enum conf_reaction on_no_server;
	enum conf_reaction unknown_tcp;
	/* A half of a service with this pool has its quorum while the weights of its up servers
	 * sum up to `quorum`; to get it takes `hysteresis` more, to lose it as much less. */
	unsigned quorum;
	unsigned hysteresis;
	const char *const *quorum_up; // argv of a command, with its NULL; NULL: none
	unsigned n_quorum_up;
	const char *const *quorum_down;
	unsigned n_quorum_down;
	struct conf_timeouts timeouts;
};

/* A closed range of reply codes: "200-299". */
struct conf_codes {
	uint16_t first;
	uint16_t last;
};

/* Bytes that may contain NUL; another NUL follows them. */
struct conf_bytes {
	const char *bytes;
	unsigned length;
};

/* One request of an `http` check. */
struct conf_http_request {
	const char *method;
	const char *path;                // with its query
	const char *host;                // of `sni` unless said; NULL: the server's address
	const struct conf_codes *expect; // of the status; at least one
	unsigned n_expect;
	const char *body;        // pattern that must match somewhere; NULL: any body
	const char *body_sha256; // 64 hex digits in lower case; NULL: any body
};

/* One step of a `text` check. */
struct conf_text_step {
	bool is_send;           // else it waits
	struct conf_bytes send; // as they go over the wire
	const char *expect;     // PCRE2 that must match what came since the last match
};

/* What is proved and how, per type: what a type has no use for is zero or NULL. Patterns are
 * PCRE2's, bytewise, and were compiled by the loader to see that they can be: with
 * PCRE2_AUTO_CALLOUT, as they must be again, since it makes them larger, and PCRE2 has a limit to
 * that. */
struct conf_check_own {
	/* http, smtp, imap, pop3, ldap, text. */
	enum conf_tls tls;
	const char *sni;     // also the name that a certificate is verified for; NULL: none
	bool verify;         // the server's certificate
	const char *ca_file; // absolute path; NULL: the system's authorities
	/* imap, pop3, ldap, mysql. */
	const char *user;     // NULL: no login
	const char *password; // from password_file; "" without one
	/* http; at least one. */
	const struct conf_http_request *requests;
	unsigned n_requests;
	/* smtp: codes of the greeting. */
	const char *helo;
	const struct conf_codes *expect;
	unsigned n_expect;
	/* ldap. */
	const char *base;   // NULL: bind only
	const char *filter; // with base never NULL
	/* mysql. */
	const char *database; // NULL: none
	const char *query;    // NULL: login only
	/* dns. */
	const char *name;
	enum conf_dns_record record;
	enum conf_protocol transport;
	/* udp. */
	struct conf_bytes send;
	const char *receive; // PCRE2; NULL: any answer, or none
	/* text. */
	const struct conf_text_step *steps;
	unsigned n_steps;
	/* script. */
	const char *const *command; // argv with its NULL; command[0] an absolute path
	unsigned n_command;
	bool dynamic_weight;
};

/* health.md, common parameters. */
struct conf_check {
	const char *name;
	struct conf_place place;
	enum conf_check_type type;
	uint32_t interval_ms;
	uint32_t timeout_ms; // never above interval_ms
	uint32_t retry_ms;   // pause after a failure while the server still counts as up
	unsigned fall;       // failures in a row
	unsigned rise;       // successes in a row
	uint16_t port;       // 0: the port on which services reach the server
	/* Instead of the server's address, per family. */
	struct addr address[CONF_N_FAMILIES];
	bool has_address[CONF_N_FAMILIES];
	/* Local address of probes, per family; unset: the kernel's choice. */
	struct addr source[CONF_N_FAMILIES];
	bool has_source[CONF_N_FAMILIES];
	struct conf_check_own own;
};

/* first <= last, host order. */
struct conf_port_range {
	uint16_t first;
	uint16_t last;
};

struct conf_service {
	const char *name;
	struct conf_place place;
	const struct conf_vip *vip;
	const struct conf_pool *pool;
	const struct conf_check *check; // never NULL: `none` is a check of type CONF_CHECK_NONE
	bool has_tcp;
	bool has_udp;
	const struct conf_port_range *ports;
	unsigned n_ports;
	uint16_t to_port;                         // 0: the server's, or else the packet's own
	const struct conf_server *const *servers; // all of the pool, or those chosen, in pool order
	unsigned n_servers;
	/* The VIP has an address of the family and a chosen server too. */
	bool has_family[CONF_N_FAMILIES];
};

struct conf_health {
	const char *maintenance_dir; // absolute path: a file named after a server takes it out;
				     // NULL: none
	const char *script_user; // of checks' scripts and quorum commands
};

/* ---- VRRP ---------------------------------------------------------------------------- */

enum conf_vrrp_checksum { CONF_CHECKSUM_AUTO, CONF_CHECKSUM_RFC, CONF_CHECKSUM_PSEUDO_HEADER };

enum conf_track_type {
	CONF_TRACK_INTERFACE,
	CONF_TRACK_SCRIPT,
	CONF_TRACK_FILE,
	CONF_TRACK_PROCESS,
	CONF_TRACK_SERVICE,
	CONF_TRACK_POOL,
	CONF_N_TRACK_TYPES
};

/* One thing that a group's priority, or its health, depends on. It is "up" while the interface has
 * a link, the script exits with 0, the file exists and its first word is not 0, a process of that
 * name runs, every half of the service (of each service with that pool) has its quorum. */
struct conf_track {
	const char *name; // said, or made of type and object: "interface wan"; unique in its group
	struct conf_place place;
	enum conf_track_type type;
	int weight;   // 0: down means FAULT; else below 0 is added while down, above 0 while up
	bool reverse; // up counts as down
	const struct conf_interface *interface;
	const char *const *command; // argv with its NULL
	unsigned n_command;
	uint32_t interval_ms; // of a script: start to start
	uint32_t timeout_ms;  // never above interval_ms
	unsigned rise, fall;  // results in a row
	bool is_up_at_first;  // before the first result of a script
	const char *path;     // absolute
	const char *process;  // as in /proc/PID/comm, or the base name of its program
	const struct conf_service *service;
	const struct conf_pool *pool;
};

/* One virtual router: an interface, a family and a VRID. */
struct conf_vrrp_instance {
	const char *name; // unique over all groups
	struct conf_place place;
	const struct conf_interface *interface;
	uint8_t vrid; // 1-255
	enum conf_family family;
	const struct conf_vip *vip; // NULL: its addresses were listed
	/* What an advert lists and a master holds, in that order: the VIP's of the family, or those
	 * listed; with family 6 link_local comes first. */
	const struct addr *addresses;
	unsigned n_addresses;
	bool is_unicast;
	struct addr unicast_source;       // unspecified: the interface's
	const struct addr *unicast_peers; // at least one if is_unicast
	unsigned n_unicast_peers;
	enum conf_vrrp_checksum checksum;
	const char *auth_pass; // NULL: none; version 2 only
	bool check_ttl;
	const struct prefix *allow; // whose adverts are heard; none: everyone's
	unsigned n_allow;
};

/* Instances that move together. */
struct conf_vrrp_group {
	const char *name;
	struct conf_place place;
	unsigned priority;  // this node's: 1-254, 255 for the owner of the addresses
	uint32_t advert_ms; // multiple of 10 (version 2: of 1000)
	unsigned version;   // 2, 3; instances of family 6 are always 3
	bool preempt;
	uint32_t preempt_delay_ms;
	uint32_t wait_checks_ms;
	uint32_t max_learned_interval_ms;
	uint32_t announce_refresh_ms;               // 0: off
	const struct conf_vrrp_instance *instances; // at least one
	unsigned n_instances;
	const struct conf_track *tracks;
	unsigned n_tracks;
	/* Commands: argv with NULL; NULL: none. */
	const char *const *gate;
	unsigned n_gate;
	uint32_t gate_timeout_ms;
	bool gate_may_fail; // on_failure = "continue"
	const char *const *notify_master;
	unsigned n_notify_master;
	const char *const *notify_backup;
	unsigned n_notify_backup;
	const char *const *notify_fault;
	unsigned n_notify_fault;
	const char *const *notify_stop;
	unsigned n_notify_stop;
	const char *const
		*notify; // given four more arguments: GROUP|INSTANCE, name, state, priority
	unsigned n_notify;
};

struct conf_vrrp {
	const struct conf_vrrp_group *groups;
	unsigned n_groups;
	const char *script_user; // of tracking scripts, gates and notify commands
};

struct conf_control {
	const char *socket;
	const char *read_only_socket; // NULL: none
	const char *group;            // NULL: the daemon's
	unsigned mode;                // file mode bits, e.g. 0600
};

struct conf_endpoint {
	struct addr address; // unspecified: all of the family
	uint16_t port;
};

/* The built-in web server. */
struct conf_http {
	const struct conf_endpoint *listen; // none: there is no server
	unsigned n_listen;
	bool has_metrics;
	bool has_status;
	const char *const *hosts; // that a Host header may name, besides `listen`
	unsigned n_hosts;
	bool has_server_metrics;
};

struct conf_log {
	int target; // enum log_target
	int level;  // enum log_level
};

struct arena;

struct conf {
	struct arena *arena; // everything below lives here
	const char *path;
	const char *node;
	struct conf_cpu cpu;
	struct conf_memory memory;
	const struct conf_interface *interfaces;
	unsigned n_interfaces;
	const struct conf_route *routes;
	unsigned n_routes;
	const struct conf_vip *vips;
	unsigned n_vips;
	const struct conf_pool *pools;
	unsigned n_pools;
	const struct conf_check *checks; // the file's, then the built-in "none" if not there
	unsigned n_checks;
	const struct conf_service *services;
	unsigned n_services;
	struct conf_health health;
	struct conf_vrrp vrrp;
	struct conf_control control;
	struct conf_http http;
	struct conf_log log;
};

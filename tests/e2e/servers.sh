#!/bin/bash
# Real servers of Debian for the tests of health checks; source it after lib.sh.
#
# Each runs in the namespace of a server ($NS-sN), in both families, in the foreground, with a
# configuration of its own in $WORK/sN: nothing in /etc or /var is read or written. All of them
# answer as `mail.example.com`, with the certificate that `use_certificate` chose, and can be made
# to give a wrong answer while they run (wrong_NAME, right_NAME).
#
#   start NAME N...      nginx postfix dovecot slapd mariadb unbound prosody redis
#   stop NAME N...       by process id, with all children
#   pause N..., resume N...        SIGSTOP and SIGCONT for all that runs in the namespace
#   silence N..., hear N...        nothing that is sent to it arrives
#
# shellcheck disable=SC2034  # variables are for the tests
MAIL_NAME=mail.example.com
TLS=$WORK/tls
PROBE_PASSWORD=open-sesame
declare -A DAEMON # process ids: [NAME N]
COMMAND=()        # of the server that is started next

folder() { echo "$WORK/s$1/$2"; } # N NAME

# ---- certificates -------------------------------------------------------------------------------

# $TLS/ca.pem, good.pem and expired.pem with one key, key.pem.
make_certificates() {
	local curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
	mkdir -p "$TLS"
	{
		openssl req -x509 "${curve[@]}" -keyout "$TLS/ca.key" -out "$TLS/ca.pem" -days 2 \
			-subj "/CN=Test authority" -addext "keyUsage=critical,keyCertSign"
		openssl req "${curve[@]}" -keyout "$TLS/key.pem" -out "$TLS/request.pem" \
			-subj "/CN=$MAIL_NAME"
		echo "subjectAltName = DNS:$MAIL_NAME" >"$TLS/names"
		make_certificate good 2
		make_certificate expired -1
	} 2>"$ART/openssl.err"
	chmod 644 "$TLS"/*.pem
}

make_certificate() { # NAME DAYS
	openssl x509 -req -in "$TLS/request.pem" -CA "$TLS/ca.pem" -CAkey "$TLS/ca.key" \
		-CAcreateserial -extfile "$TLS/names" -days "$2" -out "$TLS/$1.pem"
}

# use_certificate N good|expired: for what starts, or is told to read it again, from now on.
use_certificate() {
	mkdir -p "$WORK/s$1"
	cp "$TLS/$2.pem" "$WORK/s$1/next.pem"
	cp -f "$TLS/key.pem" "$WORK/s$1/key.pem"
	chmod 644 "$WORK/s$1"/*.pem
	mv "$WORK/s$1/next.pem" "$WORK/s$1/cert.pem"
}

# ---- what runs ----------------------------------------------------------------------------------

# start NAME N...: side by side; returns when all listen.
start() {
	local name=$1 n
	shift
	for n in "$@"; do launch "$name" "$n"; done
	for n in "$@"; do ready "$name" "$n"; done
}

launch() { # NAME N
	local pid dir
	dir=$(folder "$2" "$1")
	mkdir -p "$dir"
	[ -e "$dir/made" ] || "make_$1" "$2" "$dir" >"$ART/$1-s$2.log" 2>&1 ||
		fail "$1 of s$2 cannot be set up: $(tail -n 3 "$ART/$1-s$2.log")"
	touch "$dir/made"
	"command_$1" "$dir"
	background pid on "s$2" "${COMMAND[@]}" >>"$ART/$1-s$2.log" 2>&1
	DAEMON[$1 $2]=$pid
}

ready() { # NAME N
	local port
	for port in $("ports_$1"); do
		wait_for 20 "$1 of s$2 listens on port $port" -- listens "$2" "$port"
	done
	! declare -F "greets_$1" >/dev/null ||
		wait_for 20 "$1 of s$2 answers" -- "greets_$1" "$2"
	is_running "${DAEMON[$1 $2]}" || fail "$1 of s$2 ended: see $ART/$1-s$2.log"
}

# In both families, or on one socket for both.
listens() { # N PORT
	on "s$1" ss -Hltn "sport = :$2" | awk '
		$4 ~ /^\*:/ { n += 2 } $4 ~ /^(0\.0\.0\.0|\[::\]):/ { n++ } END { exit n < 2 }'
}

is_closed() { [ -z "$(on "s$1" ss -Hltn "sport = :$2")" ]; } # N PORT

children() { ps -o pid= --ppid "$1" || true; } # it fails if there are none

# family PID: the process and what it started, and what they started.
family() {
	local child
	echo "$1"
	for child in $(children "$1"); do family "$child"; done
}

# stop NAME N...: at once, as after a crash; returns when the ports are closed.
stop() {
	local name=$1 n pid port
	shift
	for n in "$@"; do
		# it shall not start another one between the list and its end
		kill -STOP "${DAEMON[$name $n]}"
		for pid in $(family "${DAEMON[$name $n]}"); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		end "${DAEMON[$name $n]}" KILL
		for port in $("ports_$name"); do
			wait_for 10 "port $port of s$n is closed" -- is_closed "$n" "$port"
		done
	done
}

# Twice: one that was listed may have ended, one that was not may have come meanwhile.
signal_all() { # SIGNAL N...
	local signal=$1 n pid
	shift
	for n in "$@" "$@"; do
		for pid in $(ip netns pids "$NS-s$n"); do
			kill -"$signal" "$pid" 2>/dev/null || true
		done
	done
}

pause() { signal_all STOP "$@"; }
resume() { signal_all CONT "$@"; }

silence() {
	local n
	for n in "$@"; do
		on "s$n" nft "add table netdev silence
			add chain netdev silence in {
				type filter hook ingress device eth0 priority 0; }
			add rule netdev silence in drop"
	done
}

# The other direction as well: what waited in the kernel comes late, but comes.
hear() {
	local n
	for n in "$@"; do on "s$n" nft delete table netdev silence; done
}

# Only one family of it. ip6 has neighbour discovery in it, as a broken network would.
silence_family() { # 4|6 N
	local protocol=ip
	[ "$1" = 4 ] || protocol=ip6
	on "s$2" nft "add table netdev silence
		add chain netdev silence in {
			type filter hook ingress device eth0 priority 0; }
		add rule netdev silence in meta protocol $protocol drop"
}

# ---- nginx --------------------------------------------------------------------------------------

ports_nginx() { echo 80 443; }

make_nginx() { # N FOLDER
	cat >"$2/nginx.conf" <<-EOF
		daemon off; user root; worker_processes 1; pid $2/pid; error_log $2/error.log;
		events { worker_connections 4096; }
		http {
		  access_log off;
		  client_body_temp_path $2/t1; proxy_temp_path $2/t2; fastcgi_temp_path $2/t3;
		  uwsgi_temp_path $2/t4; scgi_temp_path $2/t5;
		  ssl_certificate $WORK/s$1/cert.pem; ssl_certificate_key $WORK/s$1/key.pem;
		  server {
		    listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl;
		    server_name $MAIL_NAME;
		    location / {
		      if (-f $2/wrong) { return 503 "overloaded\n"; }
		      if (-e $2/slow) { rewrite ^ /slow last; }
		      return 200 "s$1 is well\n";
		    }
		    location = /slow { proxy_pass http://unix:$2/slow.socket:/; }
		  }
		}
	EOF
}

command_nginx() { COMMAND=(nginx -c "$1/nginx.conf" -e "$1/error.log"); }
wrong_nginx() { touch "$(folder "$1" nginx)/wrong"; }
right_nginx() { rm "$(folder "$1" nginx)/wrong"; }
reread_nginx() { kill -HUP "${DAEMON[nginx $1]}"; }

# ---- postfix: smtp 25, submission 587 (STARTTLS), smtps 465 -------------------------------------

ports_postfix() { echo 25 587 465; }

make_postfix() { # N FOLDER
	local queue
	mkdir -p "$2/queue" "$2/data" "$2/etc"
	for queue in incoming active deferred bounce defer flush trace corrupt hold saved; do
		mkdir -p "$2/queue/$queue"
	done
	mkdir -m 755 "$2/queue/pid"
	mkdir -m 700 "$2/queue/private"
	mkdir -m 710 "$2/queue/public" "$2/queue/maildrop"
	chown -R postfix "$2/data" "$2/queue"
	chown root "$2/queue" "$2/queue/pid"
	chgrp postdrop "$2/queue/public" "$2/queue/maildrop"
	cat >"$2/etc/main.cf" <<-EOF
		compatibility_level = 3.6
		queue_directory = $2/queue
		data_directory = $2/data
		myhostname = $MAIL_NAME
		mydestination = $MAIL_NAME
		inet_protocols = all
		smtpd_peername_lookup = no
		max_use = 1
		alias_maps =
		alias_database =
		smtpd_tls_cert_file = $WORK/s$1/cert.pem
		smtpd_tls_key_file = $WORK/s$1/key.pem
		smtpd_tls_security_level = may
		smtpd_relay_restrictions = reject_unauth_destination
		maillog_file_prefixes = /tmp
		maillog_file = $2/log
		syslog_name = postfix-s$1
	EOF
	cat >"$2/etc/master.cf" <<-EOF
		smtp inet n - n - - smtpd
		submission inet n - n - - smtpd -o smtpd_tls_security_level=may
		smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
		tlsmgr unix - - n 1000? 1 tlsmgr
		anvil unix - - n - 1 anvil
		rewrite unix - - n - - trivial-rewrite
		proxymap unix - - n - - proxymap
		postlog unix-dgram n - n - 1 postlogd
	EOF
	touch -d "1 minute ago" "$2/etc/main.cf"
}

command_postfix() { COMMAND=(/usr/lib/postfix/sbin/master -d -c "$1/etc"); }
# Its ports are open long before it answers.
greets_postfix() {
	# shellcheck disable=SC2016  # the inner shell's
	on "s$1" timeout 1 bash -c 'read -r line <"/dev/tcp/127.0.0.1/25" && [[ $line == 220* ]]'
}

# Turned away at the greeting, as while a server is overloaded. A smtpd takes one client here, so
# that the next one has read what is new; a file that is new itself it would wait for.
wrong_postfix() {
	change_postfix "$1" -e "smtpd_delay_reject = no" \
		"smtpd_client_restrictions = check_client_access static:{421 4.3.2 Overloaded}"
}
right_postfix() { change_postfix "$1" -X smtpd_client_restrictions; }
change_postfix() { # N OPTIONS OF POSTCONF...
	local etc
	etc=$(folder "$1" postfix)/etc
	postconf -c "$etc" "${@:2}"
	touch -d "1 minute ago" "$etc/main.cf"
}

# ---- dovecot: imap 143, imaps 993, pop3 110, pop3s 995 ------------------------------------------

ports_dovecot() { echo 143 993 110 995; }

make_dovecot() { # N FOLDER
	mkdir -p "$2/run" "$2/home"
	chown nobody "$2/home"
	right_passwords "$2"
	cat >"$2/dovecot.conf" <<-EOF
		base_dir = $2/run
		state_dir = $2/run
		instance_name = poise-s$1
		log_path = $2/log
		protocols = imap pop3
		listen = *, ::
		ssl = yes
		ssl_cert = <$WORK/s$1/cert.pem
		ssl_key = <$WORK/s$1/key.pem
		disable_plaintext_auth = no
		auth_failure_delay = 0
		mail_location = maildir:$2/home/mail
		# one process for many connections: a new one for each takes longer than the check
		service imap-login {
		  service_count = 0
		}
		service pop3-login {
		  service_count = 0
		}
		service anvil {
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
		passdb {
		  driver = passwd-file
		  args = $2/passwords
		}
		userdb {
		  driver = static
		  args = uid=nobody gid=nogroup home=$2/home
		}
	EOF
}

passwords_are() { # FOLDER PASSWORD
	echo "probe:{PLAIN}$2::::::" >"$1/passwords.next"
	chmod 644 "$1/passwords.next"
	mv "$1/passwords.next" "$1/passwords"
}
right_passwords() { passwords_are "$1" "$PROBE_PASSWORD"; }
command_dovecot() { COMMAND=(dovecot -F -c "$1/dovecot.conf"); }
wrong_dovecot() { passwords_are "$(folder "$1" dovecot)" "quite-another-one"; }
right_dovecot() { right_passwords "$(folder "$1" dovecot)"; }
reread_dovecot() { kill -HUP "${DAEMON[dovecot $1]}"; }

# ---- slapd: ldap 389, ldaps 636 -----------------------------------------------------------------

ports_slapd() { echo 389 636; }

make_slapd() { # N FOLDER
	mkdir -p "$2/data" "$2/config"
	cat >"$2/slapd.conf" <<-EOF
		include /etc/ldap/schema/core.schema
		include /etc/ldap/schema/cosine.schema
		modulepath /usr/lib/ldap
		moduleload back_mdb
		pidfile $2/pid
		TLSCertificateFile $WORK/s$1/cert.pem
		TLSCertificateKeyFile $WORK/s$1/key.pem
		database config
		rootpw $PROBE_PASSWORD
		database mdb
		maxsize 16777216
		suffix "dc=example,dc=com"
		rootdn "cn=admin,dc=example,dc=com"
		rootpw $PROBE_PASSWORD
		directory $2/data
	EOF
	cat >"$2/tree" <<-EOF
		dn: dc=example,dc=com
		objectClass: domain
		dc: example

		dn: uid=probe,dc=example,dc=com
		objectClass: account
		objectClass: simpleSecurityObject
		uid: probe
		userPassword: $PROBE_PASSWORD
	EOF
	slapadd -f "$2/slapd.conf" -l "$2/tree"
	slaptest -f "$2/slapd.conf" -F "$2/config"
}

command_slapd() { COMMAND=(slapd -d 0 -F "$1/config" -h "ldap:/// ldaps:///"); }
# Nothing is found: the entry is gone.
wrong_slapd() {
	slapd_change "$1" "cn=admin,dc=example,dc=com" <<-EOF
		dn: uid=probe,dc=example,dc=com
		changetype: delete
	EOF
}
right_slapd() {
	sed -n '/^dn: uid=probe/,$p' "$(folder "$1" slapd)/tree" | sed '1a changetype: add' |
		slapd_change "$1" "cn=admin,dc=example,dc=com"
}
reread_slapd() {
	slapd_change "$1" "cn=config" <<-EOF
		dn: cn=config
		changetype: modify
		replace: olcTLSCertificateFile
		olcTLSCertificateFile: $WORK/s$1/cert.pem
	EOF
}
slapd_change() { # N WHO <LDIF
	on "s$1" ldapmodify -x -H ldap://127.0.0.1 -D "$2" -w "$PROBE_PASSWORD"
} >>"$ART/slapd-s$1.log" 2>&1

# ---- MariaDB: 3306 ------------------------------------------------------------------------------

ports_mariadb() { echo 3306; }

make_mariadb() { # N FOLDER
	mariadb-install-db --no-defaults --user=root --datadir="$2/data" --skip-test-db \
		--auth-root-authentication-method=normal --innodb-log-file-size=8M \
		--skip-name-resolve
	cat >"$2/init.sql" <<-EOF
		CREATE DATABASE IF NOT EXISTS probe;
		CREATE TABLE IF NOT EXISTS probe.alive (id INT PRIMARY KEY);
		REPLACE INTO probe.alive VALUES (1);
		CREATE USER IF NOT EXISTS 'probe'@'%' IDENTIFIED BY '$PROBE_PASSWORD';
		GRANT SELECT ON probe.* TO 'probe'@'%';
	EOF
}

command_mariadb() {
	COMMAND=(mariadbd --no-defaults --user=root --datadir="$1/data" --socket="$1/socket"
		--pid-file="$1/pid" --port=3306 --bind-address=* --skip-name-resolve
		--innodb-log-file-size=8M --innodb-buffer-pool-size=16M --init-file="$1/init.sql"
		--max-connect-errors=1000000 --performance-schema=OFF)
}
wrong_mariadb() { mariadb_do "$1" "DELETE FROM probe.alive"; }
right_mariadb() { mariadb_do "$1" "INSERT INTO probe.alive VALUES (1)"; }
mariadb_do() { # N STATEMENT
	mariadb --no-defaults -u root -S "$(folder "$1" mariadb)/socket" -e "$2"
}

# ---- unbound: dns 53, UDP and TCP ---------------------------------------------------------------

ports_unbound() { echo 53; }

make_unbound() { # N FOLDER
	cat >"$2/unbound.conf" <<-EOF
		server:
		  directory: "$2"
		  chroot: ""
		  username: ""
		  pidfile: "$2/pid"
		  use-syslog: no
		  logfile: ""
		  do-daemonize: no
		  interface: 0.0.0.0
		  interface: ::
		  access-control: 0.0.0.0/0 allow
		  access-control: ::/0 allow
		  module-config: "iterator"
		  local-zone: "example.com." static
		  local-data: "$MAIL_NAME. A 192.0.2.80"
		  local-data: "$MAIL_NAME. AAAA 2001:db8::80"
		remote-control:
		  control-enable: yes
		  control-interface: "$2/control"
		  control-use-cert: no
	EOF
}

command_unbound() { COMMAND=(unbound -d -c "$1/unbound.conf"); }
# There is no such name any more.
wrong_unbound() { unbound_do "$1" local_data_remove "$MAIL_NAME"; }
right_unbound() {
	unbound_do "$1" local_data "$MAIL_NAME A 192.0.2.80"
	unbound_do "$1" local_data "$MAIL_NAME AAAA 2001:db8::80"
}
unbound_do() { unbound-control -q -c "$(folder "$1" unbound)/unbound.conf" "${@:2}"; }

# ---- prosody: xmpp 5222 (STARTTLS), 5223 (TLS) --------------------------------------------------

ports_prosody() { echo 5222 5223; }

make_prosody() { # N FOLDER
	cat >"$2/prosody.cfg.lua" <<-EOF
		run_as_root = true
		data_path = "$2"
		pidfile = "$2/pid"
		certificates = "$2"
		log = { info = "*console" }
		interfaces = { "*", "::" }
		modules_enabled = { "saslauth", "tls", "disco", "posix" }
		modules_disabled = { "s2s" }
		c2s_ports = { 5222 }
		c2s_direct_tls_ports = { 5223 }
		ssl = { key = "$WORK/s$1/key.pem", certificate = "$WORK/s$1/cert.pem" }
		c2s_direct_tls_ssl = ssl
		VirtualHost "$MAIL_NAME"
	EOF
}

command_prosody() { COMMAND=(prosody -F --config "$1/prosody.cfg.lua"); }
# Its direct TLS port keeps the certificate that it started with.
reread_prosody() {
	stop prosody "$1"
	start prosody "$1"
}

# ---- Redis: 6379, 6380 (TLS) --------------------------------------------------------------------

ports_redis() { echo 6379 6380; }
make_redis() { :; }
command_redis() {
	local tls
	tls=$(dirname "$1")
	COMMAND=(redis-server --port 6379 --tls-port 6380 --bind "*" "::*" --protected-mode no
		--save "" --daemonize no --dir "$1" --tls-auth-clients no
		--tls-cert-file "$tls/cert.pem" --tls-key-file "$tls/key.pem")
}
wrong_redis() { redis_do "$1" config set requirepass "$PROBE_PASSWORD"; }
right_redis() { redis_do "$1" -a "$PROBE_PASSWORD" --no-auth-warning config set requirepass ""; }
reread_redis() { redis_do "$1" config set tls-cert-file "$WORK/s$1/cert.pem"; }
redis_do() { on "s$1" redis-cli "${@:2}" >>"$ART/redis-s$1.log"; }

# What postfix, dovecot and others do as users of their own, they do in $WORK.
chmod 755 "$WORK"
make_certificates

# ---- the machine ----

# watch_stalls: from now on it is written down when the machine stood still, or poised's health
# thread wanted a CPU and had to wait; stalled_since MS then says for how long, in all. Bounds of
# time are of the product: what the machine took is added.
watch_stalls() {
	: >"$WORK/stalls"
	background STALLS exec /usr/bin/python3 "$ROOT/tests/e2e/stalls.py" "$WORK/stalls" \
		--of "$LB_PID_FILE"
}
stalled_since() {
	awk -v t="$1" '$1 >= t { sum += $2 } END { printf "%d\n", sum }' "$WORK/stalls"
}

#!/bin/bash
# Claim: in front of a mail system (a master and three slaves, 11 ports, both families), postfix
#        that dies on one slave moves SMTP only, and only there; a host that falls silent loses all
#        its services within the bound while the checks of the others stay on time; a host whose
#        IPv6 is broken loses its IPv6 half only.
#
#   client ---- lb ---- s0 (master), s1, s2 (postfix dies), s3 (falls silent; then without IPv6)
#               each: postfix, dovecot, nginx, prosody
#
# The checks are those of a real front end, at a tenth of its times: interval 20 s -> 2 s, timeout
# 5 s -> 500 ms, retry 5 s -> 500 ms.
#
# Needs: root. Time: about 25 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

INTERVAL=2000 TIMEOUT=500 RETRY=500 # ms; fall 2, rise 1
DOWN_MS=$((INTERVAL + 2 * TIMEOUT + RETRY))
REFUSED_MS=$((INTERVAL + RETRY))
# Bounds mean something only where nothing else slows the servers down.
[ "$SCALE" -ge 100 ] && SLACK=110 || SLACK=1000

topology 4
watch_stalls
for i in 0 1 2 3; do use_certificate "$i" good; done
for name in postfix dovecot nginx prosody; do
	for i in 0 1 2 3; do launch "$name" "$i"; done
done
for name in postfix dovecot nginx prosody; do
	for i in 0 1 2 3; do ready "$name" "$i"; done
done

write_config <<END
pools = {
  mail = {
    scheduler = "wrr"; forward = "nat";
    servers = {
      master  = { address = ["$(server4 0)", "$(server6 0)"]; weight = 1; };
      slave-1 = { address = ["$(server4 1)", "$(server6 1)"]; weight = 640; };
      slave-2 = { address = ["$(server4 2)", "$(server6 2)"]; weight = 640; };
      slave-3 = { address = ["$(server4 3)", "$(server6 3)"]; weight = 640; };
    };
  };
};
check_defaults = { interval = "${INTERVAL}ms"; timeout = "${TIMEOUT}ms"; retry = "${RETRY}ms";
  fall = 2; rise = 1; };
checks = {
  tcp   = { type = "tcp"; };
  smtp  = { type = "smtp"; helo = "lb.example.com"; };
  smtps = { type = "smtp"; helo = "lb.example.com"; tls = "implicit"; verify = false; };
  http  = { type = "http"; path = "/"; expect = ["200-399"]; };
  https = { type = "http"; path = "/"; expect = ["200-399"]; tls = "implicit"; sni = "$MAIL_NAME";
            verify = false; };
};
service_defaults = { vip = "v"; pool = "mail"; protocol = ["tcp"]; check = "tcp"; };
services = {
  smtp       = { port = 25;   check = "smtp";  };
  submission = { port = 587;  check = "smtp";  };
  smtps      = { port = 465;  check = "smtps"; };
  pop3       = { port = 110;  };
  imap       = { port = 143;  };
  pop3s      = { port = 995;  };
  imaps      = { port = 993;  };
  xmpp       = { port = 5222; };
  xmpps      = { port = 5223; };
  http       = { port = 80;   check = "http";  };
  https      = { port = 443;  check = "https"; };
};
END

# A line for each half of a service on a server: service, server, family, state, since and start of
# the last probe in ms, words.
rows() {
	poise -j show servers | jq -r '
		def ms: (.[:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
		.servers[] | [.service, .server, .family, .state, (.check.since | ms),
			(.check.last | ms) - (.check.duration_seconds * 1000 | round),
			.check.detail] | @tsv'
}
down_rows() { rows | awk '$4 == "down" { print $1, $2, $3 }' | sort; }
is_down() { [ "$(down_rows)" = "$1" ]; } # EXPECTED ROWS
all_up() { servers_up 88; }

# expect_down WHAT SINCE_MS BOUND_MS WORDS ROWS: these and no others, in time, for that reason.
expect_down() {
	local what=$1 since=$2 most words=$4 expected=$5 file
	file=$ART/${what// /-}.tsv
	wait_for 10 "$what: $(wc -l <<<"$expected") halves are down" -- is_down "$expected"
	most=$(($3 * SLACK / 100 + $(stalled_since "$since")))
	rows | awk -F '\t' -v OFS='\t' '$4 == "down"' >"$file"
	check_equal "$what: other words than \"$words\"" \
		"$(cut -f 7 "$file" | grep -cvE "^$words\$" || true)" 0
	check_between "$what: the last verdict came after, ms" "$(cut -f 5 "$file" | sort -n |
		tail -n 1 | awk -v t="$since" '{ print ($1 > t) ? $1 - t : 0 }')" 0 "$most"
}

halves() { # SERVER FAMILIES SERVICES...
	local server=$1 families=$2 service family
	shift 2
	for service in "$@"; do
		for family in $families; do echo "$service $server $family"; done
	done | sort
}
MAIL_OUT=(smtp submission smtps)
ALL=("${MAIL_OUT[@]}" pop3 imap pop3s imaps xmpp xmpps http https)

# took VIP PORT SERVICE SERVER: of 30 connections from the client, how many it got.
took() {
	local vip=$1 port=$2 service=$3 server=$4 family=4 before
	[[ $vip != *:* ]] || family=6
	before=$(connections_of "$service" "$server" "$family")
	on client /usr/bin/python3 - "$vip" "$port" <<-EOF
		import socket, sys
		for _ in range(30):
		    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5):
		        pass
	EOF
	echo $(($(connections_of "$service" "$server" "$family") - before))
}
connections_of() { # SERVICE SERVER FAMILY
	poise -j show servers | jq --arg s "$1" --arg n "$2" --argjson f "$3" '.servers[]
		| select(.service == $s and .server == $n and .family == $f)
		| .connections_total | tonumber'
}

# longest_gap SECONDS SERVERS: between the starts of two probes of one of their checks, in ms.
longest_gap() {
	local end=$(($(now_ms) + $1 * 1000))
	while [ "$(now_ms)" -lt "$end" ]; do
		rows | awk -F '\t' -v s="$2" 'index(s, $2) { print $1, $2, $3, $6 }'
		sleep 0.2
	done | sort -u | awk '
		$1 $2 $3 == last && $4 - at > most { most = $4 - at }
		{ last = $1 $2 $3; at = $4 }
		END { print most }'
}

start_lb
wait_for 15 "all is up" -- all_up

# ---- postfix dies on one slave ----
stop postfix 2
fault=$(now_ms)
expect_down "postfix died on slave-2" "$fault" "$REFUSED_MS" "connect: refused" \
	"$(halves slave-2 "4 6" "${MAIL_OUT[@]}")"
for vip in "${VIPS[@]}"; do
	check_equal "SMTP of $vip goes past it" "$(took "$vip" 25 smtp slave-2)" 0
	check_between "IMAP of $vip does not" "$(took "$vip" 143 imap slave-2)" 9 11
done
start postfix 2
wait_for 10 "all is up again" -- all_up

# ---- a host falls silent ----
silence 3
fault=$(now_ms)
longest_gap 6 "master slave-1 slave-2" >"$WORK/gap" &
watcher=$!
expect_down "slave-3 is silent" "$fault" "$DOWN_MS" "connect: timed out after ${TIMEOUT}ms" \
	"$(halves slave-3 "4 6" "${ALL[@]}")"
for vip in "${VIPS[@]}"; do
	for pair in 25:smtp 143:imap 443:https; do
		check_equal "${pair#*:} of $vip goes past it" \
			"$(took "$vip" "${pair%:*}" "${pair#*:}" slave-3)" 0
	done
done
wait "$watcher"
check_between "longest time between two probes of another server's check, ms" \
	"$(cat "$WORK/gap")" $((INTERVAL * 9 / 10)) \
	$((INTERVAL * SLACK / 100 + $(stalled_since "$fault")))
hear 3
wait_for 10 "all is up again" -- all_up

# ---- the IPv6 of a host is broken ----
silence_family 6 3
fault=$(now_ms)
expect_down "slave-3 has no IPv6" "$fault" "$DOWN_MS" "connect: timed out after ${TIMEOUT}ms" \
	"$(halves slave-3 6 "${ALL[@]}")"
check_equal "SMTP over IPv6 goes past it" "$(took "$VIP6" 25 smtp slave-3)" 0
check_between "SMTP over IPv4 does not" "$(took "$VIP4" 25 smtp slave-3)" 9 11
hear 3
wait_for 10 "all is up again" -- all_up

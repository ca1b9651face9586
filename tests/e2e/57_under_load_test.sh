#!/bin/bash
# Claim: under a steady load, one of three servers is slowed, hung, and killed: every request that
#        failed was on that server, no new connection goes to it after the verdict, and when it is
#        back it gets its share and no more.
#
#   client (wrk, asker.py) ---- lb ---- s0, s1 (the victim), s2: nginx
#
# asker.py tells of each request on which local port it was; a capture on the wire to s1 tells
# which ports had a connection there. wrk is the load beside it; of its errors only the number is
# known, which cannot be above the connections that were on s1.
#
# Needs: root. Time: about 35 s. Not for sanitizer builds.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

# the load takes all the CPU that there is, and checks of good servers would be late
[ "$SCALE" -ge 100 ] || skip "measures, in a slow build"
RATE=100 KEPT=12
topology 3
watch_stalls
for i in 0 1 2; do use_certificate "$i" good; done
start nginx 0 1 2
background SLOW on s1 /usr/bin/python3 "$ROOT/tests/e2e/bad-server.py" \
	"slow=$(folder 1 nginx)/slow.socket" >"$WORK/slow.ready"
wait_for 5 "the slow server listens" -- grep -q ready "$WORK/slow.ready"

write_config <<END
$(pool_of 3)
checks = { web = { type = "http"; interval = "1s"; timeout = "500ms"; retry = "200ms"; fall = 2;
  rise = 2; }; };
services = { web = { vip = "v"; pool = "p"; port = 80; check = "web"; }; };
END
start_lb
wait_servers_up 6

# The verdict of s1's IPv4 half: "STATE MILLISECONDS WORDS".
verdict() {
	poise -j show servers | jq -r '
		def ms: (.[:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
		.servers[] | select(.server == "s1" and .family == 4)
		| "\(.state) \(.check.since | ms) \(.check.detail)"'
}
s1_is() { [[ $(verdict) == "$1 "* ]]; }
established_on_s1() {
	poise -j show servers | jq '[.servers[] | select(.server == "s1" and .family == 4)
		| .connections.established] | add'
}

# New connections of clients at s1, by time in ms and port. Probes come from another address.
openings() {
	dump "$1" "src host $CLIENT4 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn" |
		awk '{ n = split($3, a, "."); printf "%d %s\n", $1 * 1000, a[n] }'
}

has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
more_requests() { # CASE NUMBER
	wait_for 10 "$2 more requests" -- has_lines "$ART/$1.requests" \
		$(($(wc -l <"$ART/$1.requests") + $2))
}

load_begins() { # CASE
	capture CAPTURE lan p1 "$1.pcap" "tcp port 80 and host $CLIENT4"
	background ASKER on client /usr/bin/python3 "$ROOT/tests/e2e/asker.py" "$VIP4" 80 \
		--rate $RATE --kept $KEPT --log "$ART/$1.requests" >"$WORK/asker.ready"
	wait_for 5 "requests are asked" -- grep -q ready "$WORK/asker.ready"
	background LOAD on client wrk -t 1 -c 30 -d 10 --timeout 2 "http://$VIP4/" >"$ART/$1.wrk"
	more_requests "$1" 200
}
load_ends() {
	end "$ASKER"
	wait "$LOAD" || true
	end "$CAPTURE" INT
}

failures() { awk '$4 ~ /^failed/' "$ART/$1.requests"; }

check_explained() { # CASE
	openings "$1.pcap" | cut -d ' ' -f 2 | sort -u >"$WORK/ports"
	failures "$1" | awk '{ print $3 }' | sort -u >"$WORK/failed"
	say "$1: $(failures "$1" | wc -l) of $(wc -l <"$ART/$1.requests") requests failed: $(
		failures "$1" | awk '{ n[$2 " " $4]++ } END { for (k in n) print n[k], k }' |
			paste -sd ,
	)"
	check_equal "$1: failed requests that were not on s1" \
		"$(comm -23 "$WORK/failed" "$WORK/ports" | wc -l)" 0
}

# wrk's errors, of all kinds.
wrk_errors() {
	sed -nE 's/.*Socket errors: (.*)/\1/p' "$ART/$1.wrk" | tr -d , |
		awk '{ for (i = 2; i <= NF; i += 2) n += $i } END { print n + 0 }'
}

# Of the new connections of the first 2 s after the return, s1 gets a third.
check_return() {
	local all share
	awk -v t="$UP_MS" '$2 == "new" && $1 > t && $1 <= t + 2000 { print $3 }' \
		"$ART/$1.requests" | sort -u >"$WORK/asked"
	openings "$1.pcap" | awk -v t="$UP_MS" '$1 > t { print $2 }' | sort -u >"$WORK/ports"
	all=$(wc -l <"$WORK/asked")
	share=$(comm -12 "$WORK/asked" "$WORK/ports" | wc -l)
	check_between "$1: of $all new connections in the 2 s after the return, s1 got" \
		"$share" $((all * 24 / 100)) $((all * 42 / 100))
}

# fault CASE COMMAND...: breaks s1 under load until the verdict, and mends it (mend_CASE).
fault() {
	local case=$1 held since fault_ms meanwhile late
	shift
	load_begins "$case"
	held=$(established_on_s1)
	fault_ms=$(now_ms)
	"$@"
	wait_for 6 "$case: s1 is down" -- s1_is down
	read -r _ since WORDS < <(verdict)
	say "$case: verdict \"$WORDS\" after $((since - fault_ms)) ms"
	more_requests "$case" $RATE # a second is enough to see that no more come
	# until the verdict has gone from the health thread to the workers
	late=$((since + 20 + $(stalled_since "$since")))
	check_equal "$case: new connections to s1 after the verdict" \
		"$(openings "$case.pcap" | awk -v t="$late" '$1 > t' | wc -l)" 0
	meanwhile=$(openings "$case.pcap" | awk -v t="$fault_ms" '$1 > t' | wc -l)
	"mend_$case"
	wait_for 6 "$case: s1 is up again" -- s1_is up
	read -r _ UP_MS _ < <(verdict)
	more_requests "$case" $((3 * RATE))
	load_ends
	check_explained "$case"
	say "$case: $held connections were on s1, $meanwhile came before the verdict"
	check_between "$case: errors of wrk" "$(wrk_errors "$case")" 0 $((held + meanwhile))
	check_return "$case"
}

slow_down() { touch "$(folder 1 nginx)/slow"; }
mend_slowed() { rm "$(folder 1 nginx)/slow"; }
mend_hung() { resume 1; }
mend_killed() { start nginx 1; }

fault slowed slow_down
check_equal "slowed: failed requests" "$(failures slowed | wc -l)" 0
fault hung pause 1
check_between "hung: failed requests" "$(failures hung | wc -l)" 1 1000
fault killed stop nginx 1
check_between "killed: failed requests" "$(failures killed | wc -l)" 1 1000

#!/bin/bash
# Claim: with room for 10 million connections poised runs in under 3 s, on huge pages and without,
#        and it serves.
#
#   client ---- lb (10M connections) ---- s0
#
# Changes vm.nr_hugepages and puts it back. Needs: root, 3 GiB free. Time: about 8 s.
. "$(dirname "$0")/lib.sh"

PAGES=/proc/sys/vm/nr_hugepages
BEFORE=$(cat "$PAGES")
LIMIT_MS=3000
[ "$SCALE" -ge 100 ] || LIMIT_MS=15000
[ "$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)" -gt 3072 ] ||
	skip "less than 3 GiB of memory are available"
undo() { echo "$BEFORE" >"$PAGES"; }

topology 1
serve 0 --tcp 80
runs() { grep -q 'poised: running' "$LB_LOG" || has_ended "$LB_PID"; }
start_takes() { # SETTING WHAT
	local started_ms
	write_web_config 1 connections=10M hugepages="$1"
	sanitizer_options
	LB_RAN=$((LB_RAN + 1))
	LB_LOG=$ART/poised-$LB_RAN.log
	started_ms=$(now_ms)
	background LB_PID on lb "$POISED" -c "$CONF" >"$LB_LOG" 2>&1
	until runs; do sleep 0.005; done
	check_between "ms from the start to \"running\", $2" \
		$(($(now_ms) - started_ms)) 0 "$LIMIT_MS"
	wait_for 20 "it serves" -- lb_serves_or_died
	is_running "$LB_PID" || fail "poised ended: $(tail -n 3 "$LB_LOG")"
	wait_servers_up 2
	connects "$2" "$VIP4" 80 200
	poise -j show status >"$WORK/status.json"
	check_json "room for 10 million" "$WORK/status.json" '.connections.max == 10000000'
	stop_lb
}

start_takes off "without huge pages"
if [ -w "$PAGES" ] && echo $((BEFORE + 800)) >"$PAGES" &&
	[ "$(awk '/^HugePages_Free:/ { print $2 }' /proc/meminfo)" -ge 800 ]; then
	start_takes required "on huge pages"
else
	say "the machine cannot have 800 huge pages: tried without only"
fi

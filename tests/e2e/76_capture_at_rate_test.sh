#!/bin/bash
# Claim: a capture of everything, whose reader is slow, costs copies, which are counted, and no
#        packet, where the worker forwards more than a million packets a second on a port in memory.
#
#   net_pcap: 1,000 connections, both ways, again and again --> lb --> nothing
#   poise capture | a reader of 40 kB a second
#
# Needs: root. Time: about 10 s. Not for sanitizer builds: it measures.
. "$(dirname "$0")/lib.sh"

[ "$SCALE" -ge 100 ] || skip "measures, in a slow build"
[ "$PORT_KIND" = xdp ] || skip "has a kind of port of its own"
[ "$(id -u)" = 0 ] || skip "needs root (for network namespaces of its own)"
SECONDS_EACH=3 LEAST_MPPS=1

# ---- the stage ----------------------------------------------------------------------------------

new_namespace lb
"$BUILD/tests/bench/poise-bench" --write-capture "$WORK/flows.pcap" --flows 1000 --family 4
CONF=$WORK/flows.pcap.conf
start_lb --socket "$SOCKET"
wait_for 20 "the port is there" -- ip -n "$NS-lb" link show wan up
ip -n "$NS-lb" -batch "$WORK/flows.pcap.neigh"

reading() { # microseconds, then packets: received, sent, dropped
	echo "$(($(date +%s%N) / 1000)) $(poise -j show workers |
		jq -r '.workers[0].packets | "\(.rx_total) \(.tx_total) \(.dropped_total)"')"
}
# measure NAME: sets MPPS, RX, UNSENT and DROPPED of some seconds.
measure() {
	local before after
	before=$(reading)
	sleep "$SECONDS_EACH"
	after=$(reading)
	read -r MPPS RX UNSENT DROPPED < <(echo "$before $after" | awk '{
		rx = $6 - $2; tx = $7 - $3
		printf "%.2f %d %d %d\n", rx / ($5 - $1), rx, rx - tx, $8 - $4 }')
	say "$1: $RX packets received, $UNSENT of them not sent, $DROPPED dropped: $MPPS Mpps"
}
is_settled() { # all neighbours are known, all connections there
	measure "before" && [ "$DROPPED" = 0 ]
}

# ---- what happens -------------------------------------------------------------------------------

wait_for 30 "nothing is dropped any more" -- is_settled
measure "without a capture"

touch "$WORK/slow"
slow_reader() {
	while [ -e "$WORK/slow" ] && [ "$(head -c 4096 | wc -c)" = 4096 ]; do
		touch "$WORK/reading"
		sleep 0.1
	done
	cat >/dev/null
}
slow_capture() {
	exec ip netns exec "$NS-lb" "$POISE" -s "$SOCKET" capture '' 2>"$ART/capture.txt"
}
background CAPTURE slow_capture > >(slow_reader)
wait_for 20 "copies are read" -- test -e "$WORK/reading"
measure "with a slow reader"
check_equal "packets dropped meanwhile" "$DROPPED" 0
# two readings of counters that run: what a worker holds in its hands may be between them
check_between "packets received and not sent, in a million" \
	$((UNSENT < 0 ? 0 : UNSENT * 1000000 / RX)) 0 100
check_between "Mpps, hundredths" "$(awk -v m="$MPPS" 'BEGIN { printf "%d", m * 100 }')" \
	$((LEAST_MPPS * 100)) 100000
check "the capture still runs" -- is_running "$CAPTURE"
rm "$WORK/slow"
end "$CAPTURE" INT
say "the capture: $(cat "$ART/capture.txt")"
check "copies were read, and others lost and counted" -- \
	grep -q '^[1-9].* packets in .* ([1-9].* lost)' "$ART/capture.txt"

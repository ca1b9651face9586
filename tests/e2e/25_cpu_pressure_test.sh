#!/bin/bash
# Claim: whatever else runs on the machine, the VIPs do not fall silent: with eight busy loops at
#        nice -20 beside a poised at nice 19, they answer ARP and ND without a gap of 500 ms and the
#        lease never runs out. Only the thread that renews it is a real-time one.
#
#   client ---- lb (and busy loops) ---- s0
#   captures
#
# Needs: root, the right to real-time priority. Time: about 12 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pressure.sh"

SECONDS_BUSY=6
chrt --rr 1 true 2>/dev/null || skip "no real-time priority for this process"
topology 1
serve 0 --tcp 80
write_web_config 1
printf '#!/bin/sh\nexec nice -n 19 %s "$@"\n' "$POISED" >"$WORK/poised"
chmod +x "$WORK/poised"
POISED=$WORK/poised
start_lb
wait_servers_up 2

check_json "status tells of the priority" <(poise -j show status) '.real_time == true'
real_time() { ps -L -o lwp=,class=,rtprio= -p "$LB_PID" | awk '$2 != "TS" { print $1, $2, $3 }'; }
check_equal "real-time threads, their class and priority" "$(real_time)" "$LB_PID RR 1"

# Link-local addresses answer each other as well.
answers() { # PATTERN: when, by ARP or ND
	dump busy.pcap | grep -E "$1" | cut -d' ' -f1
}
longest_gap() { # PATTERN: in ms, between two answers
	answers "$1" | awk 'NR > 1 && $1 - was > gap { gap = $1 - was } { was = $1 }
		END { printf "%d", (NR > 20 ? gap * 1000 : -1) }'
}
capture CAPTURE client eth0 busy.pcap "arp or icmp6"
background ASKER on client /usr/bin/python3 "$ROOT/tests/e2e/packets.py" \
	ask-vips $((SECONDS_BUSY + 2)) "$VIP4" "$VIP6"
answered_often() { [ "$(vip_answers busy.pcap | wc -l)" -ge 20 ]; }
wait_for 5 "the VIPs answer ARP and ND" -- answered_often
chrt --rr -p 2 "$ASKER" # only now: its start takes a CPU for half a second

watch_cpus
HOGS=()
for _ in 1 2 3 4 5 6 7 8; do
	background hog exec nice -n -20 bash -c "while [ \$SECONDS -lt $SECONDS_BUSY ]; do :; done"
	HOGS+=("$hog")
done
wait "${HOGS[@]}" || true
check_lapses
wait "$ASKER"
# On other ports ARP and ND come through the workers, ordinary threads that such loops starve: there
# the lease is what this is about.
[ "$PORT_KIND" = xdp ] || exit 0
check_between "longest gap between ARP answers, ms" \
	"$(longest_gap "ARP, Reply $VIP4 ")" 0 500
check_between "longest gap between ND answers, ms" \
	"$(longest_gap "neighbor advertisement, tgt is $VIP6,")" 0 500

#!/bin/bash
# Claim: a poised that hangs (SIGSTOP) is as silent as a dead one: its VIPs answer nothing after
#        500 ms and clients get no RST. When it goes on, connections go on.
#
#   client ---- lb (stopped, then continued) ---- s0
#   captures
#
# Needs: root. Time: about 6 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80
write_web_config 1
start_lb
wait_servers_up 2
hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 20
check_json "connections are open" "$WORK/held.json" '.ok == 20'

capture CAPTURE client eth0 stopped.pcap "arp or icmp6 or tcp"
background ASKER packets client ask-vips 3 "$VIP4" "$VIP6"
answered_often() { [ "$(vip_answers stopped.pcap | wc -l)" -ge 20 ]; }
wait_for 5 "the VIPs answer ARP and ND" -- answered_often

lapses() { poise -j show status | jq '.vips.lapses_total | tonumber'; }
check_equal "times the VIPs fell silent so far" "$(lapses)" 0

stopped=$(date +%s.%N)
kill -STOP "$LB_PID"
on client "$PEER" connect --to "$VIP4" --port 80 --count 5 --timeout 800 >"$WORK/new.json"
wait "$ASKER"
last=$(vip_answers stopped.pcap | tail -n 1)
late=$(awk -v a="$last" -v b="$stopped" 'BEGIN { printf "%d", (a - b) * 1000 }')
check_between "last ARP or ND answer for a VIP, ms after the stop" "$late" -5000 500
check_between "requests that stayed unanswered" "$(vip_requests stopped.pcap "$last")" 50 1000
check_json "new connections hear nothing" "$WORK/new.json" '.timed_out == 5'

kill -CONT "$LB_PID"
use_held "$HELD" "$WORK/held.json"
check_json "held connections go on" "$WORK/held.json" '.ok == 20'
# Not those of connections that end: a server may answer an ACK that crosses its last one so.
went_on=$(date +%s.%N)
for vip in "${VIPS[@]}"; do connects "it serves again" "$vip" 80 20; done
resets=$(dump stopped.pcap "src host $VIP4 or src host $VIP6" |
	awk -v until="$went_on" '$1 < until && /Flags \[R/ { n++ } END { print n + 0 }')
check_equal "RSTs from VIPs to the client" "$resets" 0
check_equal "and the silence was counted" "$(lapses)" 1

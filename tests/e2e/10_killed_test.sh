#!/bin/bash
# Claim: when poised is killed (SIGKILL), within 500 ms the machine stops answering ARP and ND for
#        its VIPs, and it never sends a RST to a client, although its kernel has the addresses.
#        Started again with the same file it serves, without anybody cleaning up.
#
#   client ---- lb (killed) ---- s0, s1
#   captures
#
# Needs: root. Time: about 8 s.
. "$(dirname "$0")/lib.sh"

topology 2
for i in 0 1; do serve "$i" --tcp 80; done
write_web_config 2
start_lb
wait_servers_up 4
hold HELD4 "$WORK/held4.json" --to "$VIP4" --port 80 --count 50
hold HELD6 "$WORK/held6.json" --to "$VIP6" --port 80 --count 50
check_json "connections are open" "$WORK/held4.json" '.ok == 50'
check_json "connections are open" "$WORK/held6.json" '.ok == 50'

capture CAPTURE client eth0 killed.pcap "arp or icmp6 or tcp"
background ASKER packets client ask-vips 4 "$VIP4" "$VIP6"
answered_often() { [ "$(vip_answers killed.pcap | wc -l)" -ge 20 ]; }
wait_for 5 "the VIPs answer ARP and ND" -- answered_often

CONNECTS=()
killed=$(date +%s.%N)
end "$LB_PID" KILL
LB_PID=
# Clients go on, old connections and new ones.
for pid in "$HELD4" "$HELD6"; do kill -USR1 "$pid"; done
for vip in "${VIPS[@]}"; do
	background CONNECT on client "$PEER" connect --to "$vip" --port 80 --count 20 \
		--timeout 1500 >"$WORK/new-$vip.json"
	CONNECTS+=("$CONNECT")
done
wait "$ASKER" "${CONNECTS[@]}"

# A TAP goes with the process, and with it what is on it.
[ "$PORT_KIND" != xdp ] ||
	check "the kernel still has the VIP" -- test -n "$(ip -n "$NS-lb" addr show to "$VIP4")"
last=$(vip_answers killed.pcap | tail -n 1)
late=$(awk -v a="$last" -v b="$killed" 'BEGIN { printf "%d", (a - b) * 1000 }')
check_between "last ARP or ND answer for a VIP, ms after the kill" "$late" -5000 500
check_between "requests that stayed unanswered" "$(vip_requests killed.pcap "$last")" 100 1000
for vip in "${VIPS[@]}"; do
	check_json "new connections to $vip hear nothing" "$WORK/new-$vip.json" '.timed_out == 20'
done
resets=$(dump killed.pcap "src host $VIP4 or src host $VIP6" | grep -c 'Flags \[R' || true)
check_equal "RSTs from VIPs to the client" "$resets" 0

end "$HELD4" KILL
end "$HELD6" KILL
start_lb
wait_servers_up 4
for vip in "${VIPS[@]}"; do connects "after the restart" "$vip" 80 50; done

#!/bin/bash
# Claim: a second instance is refused and says why, on the same socket or on another, and so is
#        --cleanup beside a living instance; the first is not disturbed. A user without rights
#        cannot pretend to be one.
#
#   client ---- lb (poised, and poised again) ---- s0
#
# Needs: root. Time: about 4 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80
write_web_config 1
# What was once the claim of an interface: a name that anybody could take.
index=$(on lb cat /sys/class/net/eth0/ifindex)
background SQUATTER on lb setpriv --reuid 65534 --clear-groups /usr/bin/python3 -c "
import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0poise-port-$index')
print('has it', flush=True)
time.sleep(60)" >"$WORK/squatter"
wait_for 5 "somebody has the name" -- grep -q 'has it' "$WORK/squatter"
start_lb
wait_servers_up 2
background CHAT on client "$PEER" chat --to "$VIP4" --port 80 --interval 5 >"$WORK/chat.json"

status=0
on lb timeout 15 "$POISED" -c "$CONF" >"$ART/second.log" 2>&1 || status=$?
check_equal "exit status of the second" "$status" 1
check "it says why" -- grep -qiE 'already|in use|running' "$ART/second.log"
for what in "" --cleanup; do
	status=0
	on lb timeout 15 "$POISED" -c "$CONF" --socket "$WORK/other.sock" $what \
		>"$ART/other.log" 2>&1 || status=$?
	check_equal "exit status on another socket $what" "$status" 1
	check "it names the interface" -- \
		grep -q "cannot claim $LB_WAN_BELOW: another poised drives it" "$ART/other.log"
	check "the VIP stays" -- test -n "$(ip -n "$NS-lb" addr show dev "$LB_WAN" to "$VIP4")"
	[ "$PORT_KIND" = xdp ] || continue # the others have no program
	check "the program stays" -- \
		test -n "$(ip -n "$NS-lb" -d link show dev eth0 | grep xdp)"
done
for vip in "${VIPS[@]}"; do connects "the first serves on" "$vip" 80 20; done
end "$CHAT"
check_json "a connection noticed nothing" "$WORK/chat.json" '.ended == "ok" and .lost == 0'

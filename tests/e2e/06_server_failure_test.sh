#!/bin/bash
# Claim: when a server dies, after the verdict no new connection goes to it, and connections on the
#        others are untouched; when it is back it gets its share.
#
#   client ---- lb ---- s0, s1 (dies and comes back), s2
#
# Needs: root. Time: about 6 s.
. "$(dirname "$0")/lib.sh"

topology 3
for i in 0 1 2; do serve "$i" --tcp 80; done
write_web_config 3
start_lb
wait_servers_up 6

hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 30
stop_server 1 KILL
is_down() { [ "$(count_servers down)" = 2 ]; }
wait_for 5 "s1 is down in both families" -- is_down
for vip in "${VIPS[@]}"; do
	connects "s1 is down" "$vip" 80 60
	check_equal "s1 got" "$(answered s1)" 0
	check_between "s0 got" "$(answered s0)" 29 31
done
use_held "$HELD" "$WORK/held.json"
check_json "connections to the others live on" "$WORK/held.json" '.ok == 20'

serve 1 --tcp 80
wait_servers_up 6
for vip in "${VIPS[@]}"; do
	connects "s1 is back" "$vip" 80 60
	for i in 0 1 2; do check_between "s$i got" "$(answered "s$i")" 19 21; done
done

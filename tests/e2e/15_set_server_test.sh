#!/bin/bash
# Claim: `poise set server` takes effect on the next connection: weights change shares, drain and
#        maint stop new connections and leave old ones, ready brings the server back.
#
#   client ---- lb ---- s0, s1, s2
#               poise set server web/s0 ...
#
# Needs: root. Time: about 6 s.
. "$(dirname "$0")/lib.sh"

topology 3
for i in 0 1 2; do serve "$i" --tcp 80; done
write_web_config 3
start_lb
wait_servers_up 6

shares() { # S0 S1 S2: of 60 connections, in both families
	local i n vip expected=("$@")
	for vip in "${VIPS[@]}"; do
		connects "shares" "$vip" 80 60
		for i in 0 1 2; do
			n=${expected[i]}
			check_between "s$i got" "$(answered "s$i")" $((n ? n - 1 : 0)) \
				$((n ? n + 1 : 0))
		done
	done
}

shares 20 20 20
poise set server web/s0 weight 4 >"$ART/set.txt"
check "the change is told with the old and the new value" -- grep -qE '1 -> 4' "$ART/set.txt"
shares 40 10 10
poise set server web/s0 weight 1
poise set server web/s1 weight 0
shares 30 0 30
poise set server web/s1 weight 1

hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 30
poise set server web/s2 state drain
shares 30 30 0
use_held "$HELD" "$WORK/held.json"
check_json "a draining server keeps its connections" "$WORK/held.json" '.ok == 30'
poise set server 'web/s2' state maint
shares 30 30 0
poise set server '*/s2' state ready
shares 20 20 20
use_held "$HELD" "$WORK/held.json"
check_json "held connections outlive it all" "$WORK/held.json" '.ok == 30'

#!/bin/bash
# Claim: the stage is sound: client, balancer's kernel and servers reach each other in both families
#        before any Poise runs, so that what fails later is Poise's.
#
#   client ---- lb ---- lan ---- s0, s1        (see lib.sh)
#
# Needs: root. Time: about 2 s.
. "$(dirname "$0")/lib.sh"

[ "$PORT_KIND" = xdp ] || skip "is about the kernels of the test network, without Poise"
topology 2
serve 0 --tcp 80 --udp-ports 53
serve 1 --tcp 80

for to in "$LB_WAN4" "$LB_WAN6"; do
	check "client reaches $to" -- on client ping -q -c 3 -i 0.05 -W 2 "$to"
done
for to in "$(server4 1)" "$(server6 1)" "$WORLD4" "$WORLD6"; do
	check "lb reaches $to" -- on lb ping -q -c 3 -i 0.05 -W 2 "$to"
done
for to in "$(server4 0)" "$(server6 0)"; do
	on lb "$PEER" connect --to "$to" --port 80 --count 200 >"$WORK/tcp.json"
	check_json "200 TCP connections from lb to $to" "$WORK/tcp.json" \
		'.ok == 200 and .servers.s0 == 200'
	on lb "$PEER" connect --udp --to "$to" --port 53 --count 200 >"$WORK/udp.json"
	check_json "200 UDP exchanges from lb to $to" "$WORK/udp.json" '.ok == 200'
	on s1 "$PEER" chat --to "$to" --port 80 --duration 300 >"$WORK/chat.json"
	check_json "servers reach each other" "$WORK/chat.json" '.sent > 5 and .lost == 0'
done

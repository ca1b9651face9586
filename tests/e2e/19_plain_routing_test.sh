#!/bin/bash
# Claim: servers reach the world through the balancer untranslated, both families, although the
#        kernel there does not forward; an answer of a service's port outside any connection never
#        leaks with the server's inside address.
#
#   client's lo: 192.0.2.20, 2001:db8:0:9::20 ("the world") ---- lb ---- s0
#
# Needs: root. Time: about 6 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80,7777
write_config <<END
$(pool_of 1)
services = { web = { vip = "v"; pool = "p"; port = 80; }; };
END
start_lb
background WORLD on client "$PEER" serve --name world --tcp 7000 --udp-ports 7000 >"$WORK/world"
wait_for 5 "the world listens" -- grep -q ready "$WORK/world"

check_equal "the kernel of lb does not forward IPv4" "$(on lb sysctl -n net.ipv4.ip_forward)" 0
for to in "$WORLD4" "$WORLD6"; do
	on s0 "$PEER" connect --to "$to" --port 7000 --count 50 >"$WORK/tcp.json"
	check_json "TCP from s0 to $to, source unchanged" "$WORK/tcp.json" \
		'.ok == 50 and .servers.world == 50'
	on s0 "$PEER" connect --udp --to "$to" --port 7000 --count 50 >"$WORK/udp.json"
	check_json "UDP from s0 to $to, source unchanged" "$WORK/udp.json" '.ok == 50'
	check "ping from s0 to $to" -- on s0 ping -q -c 5 -i 0.1 -W 2 "$to"
done
for to in "$(server4 0)" "$(server6 0)"; do
	on client "$PEER" connect --to "$to" --port 7777 --count 10 >"$WORK/other.json"
	check_json "a port of s0 that is no service's" "$WORK/other.json" '.ok == 10'
	before=$(drops no_connection)
	on client "$PEER" connect --to "$to" --port 80 --count 3 --timeout 700 >"$WORK/direct.json"
	check_json "the service's port of $to, past the VIP" "$WORK/direct.json" '.timed_out == 3'
	check_between "its answers are dropped as no_connection" \
		$(($(drops no_connection) - before)) 3 100
done

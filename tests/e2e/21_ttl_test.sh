#!/bin/bash
# Claim: the balancer is a hop: it lowers TTL and hop limit by one, and a packet on its last hop is
#        answered by "time exceeded" and goes no further. What is no VIP's is answered from the
#        address on the sender's link, also when only a route tells now which one that is.
#
#   client -- TTL 1, TTL 2 --> lb ---- s0
#
# Needs: root. Time: about 10 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80
write_config <<END
$(pool_of 1)
services = { web = { vip = "v"; pool = "p"; port = 80; }; };
END
start_lb
capture CAPTURE s0 eth0 server.pcap "tcp port 80"

before=$(drops ttl_exceeded)
packets client probe "$VIP4" 80 S 1 >"$WORK/v4.json"
packets client probe "$VIP6" 80 S 1 >"$WORK/v6.json"
check_json "TTL 1: time exceeded" "$WORK/v4.json" \
	'.answer == "icmp" and .type == 11 and .code == 0'
check_json "hop limit 1: time exceeded" "$WORK/v6.json" \
	'.answer == "icmp" and .type == 3 and .code == 0'
check_equal "counted as ttl_exceeded" $(($(drops ttl_exceeded) - before)) 2
check_equal "packets at the server" "$(tcpdump -nr "$ART/server.pcap" 2>/dev/null | wc -l)" 0

packets client probe "$VIP4" 80 S 2 >"$WORK/v4.json"
packets client probe "$VIP6" 80 S 2 >"$WORK/v6.json"
check_json "TTL 2: answered by the server" "$WORK/v4.json" '.answer == "tcp" and .flags == "SA"'
check_json "hop limit 2: answered by the server" "$WORK/v6.json" \
	'.answer == "tcp" and .flags == "SA"'
arrived() { # FAMILY TEXT
	tcpdump -vnr "$ART/server.pcap" "$1 and dst port 80" 2>/dev/null | grep -q "$2"
}
wait_for 3 "TTL is 1 at the server" -- arrived ip 'ttl 1,'
wait_for 3 "hop limit is 1 at the server" -- arrived ip6 'hlim 1,'

answer_of() { # FAMILY DESTINATION: who answers a packet on its last hop
	packets client probe "$2" 80 S 1 >"$WORK/source$1.json"
	jq -r '.source // "nobody"' "$WORK/source$1.json"
}
answered_by() { [ "$(answer_of "$1" "$2")" = "$3" ]; }
add_route_of_link() { # FAMILY
	case $1 in
	4) ip -n "$NS-lb" route add 203.0.113.0/24 dev "$LB_WAN" ;;
	6) ip -n "$NS-lb" route add 2001:db8:0:1::/64 dev "$LB_WAN" ;;
	esac
}
source_follows_the_route() { # FAMILY DESTINATION OWN_ADDRESS LENGTH
	check_equal "IPv$1: the answer comes from" "$(answer_of "$1" "$2")" "$3"
	ip -n "$NS-lb" addr del "$3/$4" dev "$LB_WAN"
	ip -n "$NS-lb" addr add "$3/$4" dev "$LB_WAN" noprefixroute
	wait_for 5 "IPv$1: an address on no link answers nothing" -- answered_by "$1" "$2" nobody
	add_route_of_link "$1"
	wait_for 5 "IPv$1: with the route it answers again" -- answered_by "$1" "$2" "$3"
	say "ok: IPv$1: the source follows the route"
}
source_follows_the_route 4 "$(server4 0)" "$LB_WAN4" 24
source_follows_the_route 6 "$(server6 0)" "$LB_WAN6" 64

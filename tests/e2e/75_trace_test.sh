#!/bin/bash
# Claim: `poise trace` tells a packet's way stage by stage, with what decided, in both families
#        and both directions; where a dropped one ended, and why; and takes no more packets than
#        it was told.
#
#   client -- TCP through the VIP --> lb --> s0      poise trace add 'host CLIENT' count N
#
# Needs: root. Time: about 15 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80
write_config <<END
pools = {
  p = { unknown_tcp = "drop";
        servers = { s0 = { address = ["$(server4 0)", "$(server6 0)"]; }; }; };
};
service_defaults = { vip = "v"; pool = "p"; };
services = { web = { port = 80; }; };
END
start_lb
wait_servers_up 2

traces() { poise -j trace show | jq -r "$1"; }
n_traces() { [ "$(traces '.traces | length')" -ge "$1" ]; }
text_of() { # NUMBER STAGE
	traces ".traces[$1].steps[] | select(.stage == \"$2\") | .text"
}

check_equal "nothing is traced at first" "$(poise trace show)" \
	"nothing is traced: poise trace add FILTER"
for vip in "${VIPS[@]}"; do
	client=$CLIENT4 server=$(server4 0) family=4
	[ "$vip" = "$VIP4" ] || { client=$CLIENT6 server=$(server6 0) family=6; }
	poise trace add "host $client and tcp port 80" count 2 >/dev/null
	connects "while traced" "$vip" 80 1
	wait_for 5 "two packets were traced" -- n_traces 2
	poise trace show >"$ART/trace$family.txt"
	check_equal "the first one's stages" "$(traces '[.traces[0].steps[].stage] | join(" ")')" \
		"rx classify conn sched track nat nexthop tx"
	check_equal "classify" "$(text_of 0 classify)" "service web (IPv$family)"
	check_equal "conn" "$(text_of 0 conn)" none
	check_equal "sched" "$(text_of 0 sched)" "wrr -> s0 (weight 1 of 1); connection opened"
	check "nat" -- grep -Eq "nat +dst -> \[?$server\]?:80" "$ART/trace$family.txt"
	check_equal "tx" "$(text_of 0 tx)" lan
	check "the answer's connection was found" -- \
		grep -q "conn *SYN_RECV, server s0, opened" "$ART/trace$family.txt"
	check "and its source is the VIP again" -- \
		grep -Eq "nat +src -> \[?$vip\]?:80" "$ART/trace$family.txt"
	check_equal "no more are traced" "$(traces .is_on)" false

	poise trace add "dst host $vip and tcp[tcpflags] & tcp-syn = 0 or ip6" count 1 >/dev/null
	packets client probe "$vip" 80 A >/dev/null
	wait_for 5 "the dropped one was traced" -- n_traces 1
	[ "$family" = 6 ] || check_equal "how it ended" "$(text_of 0 sched)" \
		"dropped: no_connection (no connection and not the start of one)"
done

status=0
poise trace add 'host host' 2>"$ART/bad.txt" || status=$?
check_equal "exit status of a bad filter" "$status" 2

#!/bin/bash
# Claim: a client whose frames carry priority tags (802.1Q, 802.1ad, VLAN 0; one or two) is served
#        as one without. When poised is killed, no tag gets past the lease: neither ARP, ND nor a
#        SYN behind any number of tags is answered. Frames of VLANs stay the kernel's.
#
#   client -- tagged frames --> lb (killed) ---- s0
#
# Needs: root. Time: about 6 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80
write_config <<END
$(pool_of 1)
services = { web = { vip = "v"; pool = "p"; port = 80; }; };
END
start_lb
lb_mac=$(ip -n "$NS-lb" -j link show dev "$LB_WAN" | jq -r '.[0].address')

ask() { packets client ask-tagged "$lb_mac" "$VIP4" "$VIP6" 80 >"$WORK/$1.json"; }
ask alive
for tags in none priority priority-ad priority-twice; do
	check_json "answered: $tags" "$WORK/alive.json" \
		".[\"$tags\"] == [\"arp\", \"nd\", \"tcp4 SA\", \"tcp6 SA\"]"
done
for tags in priority-thrice vlan priority-vlan; do
	check_json "not answered: $tags" "$WORK/alive.json" ".[\"$tags\"] == []"
done
check_between "frames with too many tags, counted" "$(drops not_ours)" 4 8
check_account

end "$LB_PID" KILL
LB_PID=
is_silent() { ask killed && jq -es 'last | .none == []' "$WORK/killed.json"; }
wait_for 5 "the lease is over" -- is_silent
[ "$PORT_KIND" != xdp ] ||
	check "the kernel still has the VIP" -- test -n "$(ip -n "$NS-lb" addr show to "$VIP4")"
ask dead
check_json "nothing is answered any more" "$WORK/dead.json" 'all(.[]; . == [])'

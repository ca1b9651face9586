#!/bin/bash
# Claim: VIPs that `ip link set down` or a person took off their interface are put back, and so are
#        the addresses and routes of a TAP; a VIP that is the machine's own address is refused;
#        SIGHUP ends nothing; a link that is lost is told and shown as down, and one that comes
#        in its place gets no VIP without a program before it.
#
#   client ---- lb (its links change) ---- s0
#
# Needs: root. Time: about 12 s.   Fails before: they were added once, and never looked at again.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80
write_web_config 1
start_lb
wait_servers_up 2

has_vips() {
	[ -n "$(ip -n "$NS-lb" -4 addr show dev "$LB_WAN" to "$VIP4")" ] &&
		[ -n "$(ip -n "$NS-lb" -6 addr show dev "$LB_WAN" to "$VIP6")" ]
}
told() { grep -q "$1" "$LB_LOG"; }

kill -HUP "$LB_PID"
wait_for 5 "SIGHUP is answered" -- told "SIGHUP changes nothing"
check "poised still runs" -- lb_is_running

ip -n "$NS-lb" link set "$LB_WAN" down
check_equal "IPv6 VIPs on a link that is down" \
	"$(ip -n "$NS-lb" -6 addr show dev "$LB_WAN" to "$VIP6")" ""
ip -n "$NS-lb" link set "$LB_WAN" up
has_world() {
	on client ping -q -c 1 -W 1 -I "$WORLD4" "$LB_WAN4" &&
		on client ping -q -c 1 -W 1 -I "$WORLD6" "$LB_WAN6"
}
if [ "$PORT_KIND" = xdp ]; then
	ip -n "$NS-lb" addr add "$LB_WAN6/64" dev eth0 nodad
else # the file says what is on a TAP: Poise puts that back, addresses and routes
	wait_for 5 "lb's own addresses and routes are back" -- has_world
fi
wait_for 5 "both VIPs are back after the link was down" -- has_vips
for vip in "${VIPS[@]}"; do connects "after the link was down" "$vip" 80 20; done

ip -n "$NS-lb" addr del "$VIP4/32" dev "$LB_WAN"
wait_for 5 "a VIP that a person removed is back" -- has_vips
connects "after the address was gone" "$VIP4" 80 20

ip -n "$NS-lb" link del "$LB_WAN"
wait_for 5 "the loss is told" -- told "$LB_WAN is gone"
is_shown_down() { poise -j show ports | jq -e '.ports[] | select(.port == "wan") | .up == false'; }
if [ "$PORT_KIND" = xdp ]; then
	link client eth0 lb eth0
	checksums_in_software client
	add_address lb eth0 "$LB_WAN4/24" "$LB_WAN6/64"
	check "the new link of that name is not ours" -- is_shown_down
	sleep 1.5 # longer than the period in which VIPs are looked at
	check "no VIP on a link without our program" -- \
		test -z "$(ip -n "$NS-lb" addr show dev eth0 to "$VIP4")"
else
	wait_for 5 "the port is shown as down" -- is_shown_down
fi
stop_lb

sed -i "s/\"$VIP4\"/\"$LB_WAN4\"/" "$CONF"
status=0
on lb timeout 15 "$POISED" -c "$CONF" 2>"$ART/refused.log" || status=$?
check_equal "with the machine's own address as VIP poised ends with" "$status" 1
said="$LB_WAN4 is eth0's own address"
[ "$PORT_KIND" = xdp ] || said="interfaces.wan: address $LB_WAN4 is a VIP's"
check "and says so" -- grep -q "$said" "$ART/refused.log"

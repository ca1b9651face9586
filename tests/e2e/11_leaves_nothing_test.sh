#!/bin/bash
# Claim: SIGTERM leaves no XDP program and no VIP behind; `poised --cleanup` removes what a killed
#        instance left. While it runs the VIPs are /32 and /128, never chosen as a source.
#
#   lb: eth0 (VIPs, XDP program), eth1 (XDP program)
#
# Needs: root. Time: about 4 s.
. "$(dirname "$0")/lib.sh"

[ "$PORT_KIND" = xdp ] || skip "is about XDP programs (40_taps_packet, 41_taps_tap: TAPs)"
topology 1
serve 0 --tcp 80
write_web_config 1

programs() { ip -n "$NS-lb" link | grep -c 'prog/xdp' || true; }
vips() { ip -n "$NS-lb" -o addr show dev eth0 | grep -cE " ($VIP4/32|$VIP6/128) " || true; }

start_lb
wait_servers_up 2
connects "running" "$VIP4" 80 5
check_equal "XDP programs while running" "$(programs)" 2
check_equal "VIPs on eth0 while running" "$(vips)" 2
check "the IPv6 VIP is never a source" -- \
	grep -q "$VIP6/128.*deprecated" <(ip -n "$NS-lb" -o addr show dev eth0)
check_account
stop_lb
check_equal "XDP programs after SIGTERM" "$(programs)" 0
check_equal "VIPs on eth0 after SIGTERM" "$(vips)" 0
check "the socket is gone" -- test ! -e "$SOCKET"

start_lb
wait_servers_up 2
end "$LB_PID" KILL
LB_PID=
check_equal "XDP programs after SIGKILL" "$(programs)" 2
check_equal "VIPs on eth0 after SIGKILL" "$(vips)" 2
check "poised --cleanup succeeds" -- on lb "$POISED" -c "$CONF" --cleanup
check_equal "XDP programs after --cleanup" "$(programs)" 0
check_equal "VIPs on eth0 after --cleanup" "$(vips)" 0
check "and again, with nothing to do" -- on lb "$POISED" -c "$CONF" --cleanup

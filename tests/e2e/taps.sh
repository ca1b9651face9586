#!/bin/bash
# What the tests of ports with a TAP ask of Poise, whatever driver is below; source it after lib.sh.
#
#   client -- eth0 | driver | worker, TAP "wan" - kernel - TAP "lan" | driver | eth1 -- s0, s1

# How many of lb's TAPs there are.
taps() { ip -n "$NS-lb" -o link show type tun | grep -cE ': (wan|lan):' || true; }
vips() { ip -n "$NS-lb" -o addr show dev wan | grep -cE " ($VIP4/32|$VIP6/128) " || true; }
account() { # FIELD: of the sum over workers
	poise -j show workers | jq --arg f "$1" '[.workers[].packets[$f] | tonumber] | add'
}
port_mac() { poise -j show ports | jq -r --arg p "$1" '.ports[] | select(.port == $p) | .mac'; }
tap_mac() { ip -n "$NS-lb" -j link show dev "$1" | jq -r '.[0].address'; }
tap_mtu() { ip -n "$NS-lb" -j link show dev "$1" | jq -r '.[0].mtu'; }

start_with_taps() {
	topology 2
	for i in 0 1; do serve "$i" --tcp 80; done
	write_web_config 2
	start_lb
	wait_servers_up 4 # the probes go through the TAP
}

kernel_side_is_whole() {
	local port
	check_equal "TAPs" "$(taps)" 2
	for port in wan lan; do
		check_equal "MAC of the TAP is that of port $port" "$(tap_mac $port)" \
			"$(port_mac $port)"
		check_equal "MTU of the TAP of port $port" "$(tap_mtu $port)" 1500
	done
	check_equal "VIPs on the TAP" "$(vips)" 2
	check "the IPv6 VIP is never a source" -- \
		grep -q "$VIP6/128.*deprecated" <(ip -n "$NS-lb" -o addr show dev wan)
	check_equal "our own routes" "$(ip -n "$NS-lb" route show proto 80 | wc -l)" 1
	check_equal "our own IPv6 routes" "$(ip -n "$NS-lb" -6 route show proto 80 | wc -l)" 1
}

# To and from the balancer's own addresses: ping, TCP, ARP, ND.
own_addresses_work() {
	local to pid
	background pid on lb "$PEER" serve --name lb --tcp 22 >"$WORK/own.json"
	wait_for 5 "the ssh-like server listens" -- grep -q ready "$WORK/own.json"
	for to in "$LB_WAN4" "$LB_WAN6"; do
		check "the client pings $to" -- on client ping -q -c 20 -i 0.01 -W 2 "$to"
		on client "$PEER" connect --to "$to" --port 22 --count 100 >"$WORK/own-$to.json"
		check_json "the client connects to $to" "$WORK/own-$to.json" '.ok == 100'
	done
	for to in "$(server4 0)" "$(server6 0)"; do
		check "lb pings $to" -- on lb ping -q -c 20 -i 0.01 -W 2 "$to"
		on lb "$PEER" connect --to "$to" --port 80 --count 100 >"$WORK/probe.json"
		check_json "lb connects to $to" "$WORK/probe.json" '.ok == 100'
	done
	for to in "${VIPS[@]}"; do
		check "the VIP answers ping: $to" -- on client ping -q -c 3 "$to"
	done
	end "$pid"
}

counts_what_passes_the_taps() {
	check_between "packets to the kernel" "$(account punted_total)" 500 100000
	check_between "packets from the kernel" "$(account injected_total)" 500 100000
	check_equal "packets that the kernel did not take" "$(drops punt_full)" 0
	check_equal "packets over the limit" "$(drops punt_limited)" 0
}

# A link that is down takes the carrier of its TAP away: routing daemons must notice. (What is below
# net_af_packet is not told by that driver.)
carrier() { ip -n "$NS-lb" -j link show dev wan | jq -e '.[0].flags | index("LOWER_UP") != null'; }
has_carrier() { [ "$(carrier)" = "$1" ]; }
link_state_is_passed_on() {
	ip -n "$NS-lb" link set ptap0 down
	wait_for 3 "the TAP has no carrier" -- has_carrier false
	ip -n "$NS-lb" link set ptap0 up
	wait_for 3 "the TAP has a carrier again" -- has_carrier true
	wait_for 5 "the client reaches lb again" -- on client ping -q -c 1 -W 1 "$LB_WAN4"
	say "ok: the TAP's carrier follows the port's link"
}

nothing_is_left() {
	check_account
	stop_lb
	check_equal "TAPs after SIGTERM" "$(taps)" 0
	check "the socket is gone" -- test ! -e "$SOCKET"
	start_lb
	wait_servers_up 4
	end "$LB_PID" KILL
	LB_PID=
	wait_for 2 "no TAP is left after SIGKILL" -- test "$(taps)" = 0
	check "poised --cleanup has nothing to do" -- on lb "$POISED" -c "$CONF" --cleanup
	start_lb
	wait_servers_up 4
	for vip in "${VIPS[@]}"; do connects "after the restart" "$vip" 80 50; done
}

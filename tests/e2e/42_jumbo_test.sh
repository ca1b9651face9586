#!/bin/bash
# Claim: with an MTU of 9000 on ports of net_af_packet, frames of 9014 bytes pass both ways: through
#        a VIP, routed as they are, and between the kernel behind the TAP and its neighbours. A
#        driver that cannot is refused at the start, with the MTU that it can.
#
#   client ---- lb ---- s0      all links: MTU 9000
#
# Needs: root. Time: about 12 s.
POISE_PORTS=packet
. "$(dirname "$0")/lib.sh"

PORT_MTU=9000
topology 1
for pair in "client eth0" "lb eth0" "lb eth1" "lan up0" "lan p0" "lan br0" "s0 eth0"; do
	ip -n "$NS-${pair% *}" link set "${pair#* }" mtu 9000
done
serve 0 --tcp 80
write_web_config 1
start_lb
wait_servers_up 2
check_equal "MTU of the TAP" "$(ip -n "$NS-lb" -j link show dev wan | jq '.[0].mtu')" 9000

# 8972 bytes of data are an IPv4 packet of 9000, 8952 an IPv6 one.
pings() { # WHO TO SIZE
	check "$1 pings $2 with $3 bytes" -- on "$1" ping -q -c 5 -i 0.05 -M "do" -s "$3" -W 2 "$2"
}
pings client "$LB_WAN4" 8972
pings client "$LB_WAN6" 8952
pings lb "$(server4 0)" 8972
pings lb "$(server6 0)" 8952
pings client "$(server4 0)" 8972
pings client "$(server6 0)" 8952

capture CAPTURE s0 eth0 jumbo.pcap tcp port 80 and greater 9000
for vip in "${VIPS[@]}"; do
	on client "$PEER" stream --to "$vip" --port 80 --bytes 200000000 --seed 7 \
		2>"$WORK/stream.json" >/dev/null
	check_json "200 MB there and back through $vip are whole" "$WORK/stream.json" '.error == ""'
done
large() { tcpdump -nr "$ART/jumbo.pcap" "$@" 2>/dev/null | wc -l; }
enough() { [ "$(large)" -ge 2000 ]; }
wait_for 5 "segments of 9000 bytes" -- enough
say "ok: $(large ip) IPv4 and $(large ip6) IPv6 packets of more than 8986 bytes"
check_account
stop_lb

sed -i 's/vdev:net_af_packet0,[^"]*/vdev:net_tap0,iface=ptap0/' "$CONF"
on lb "$POISED" -c "$CONF" 2>"$WORK/refused.txt" && fail "an MTU of 9000 on net_tap is taken"
check "it is refused in these words" -- grep -qF \
	"error: interfaces.wan.mtu: 9000 is larger than net_tap can (1504)" "$WORK/refused.txt"

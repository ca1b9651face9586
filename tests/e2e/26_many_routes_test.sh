#!/bin/bash
# Claim: 60,000 routes through 1,000 gateways come, go and change under CPU pressure, and the VIPs
#        are not silent for 500 ms and the lease never runs out;
#        then the workers forward by all of them. More than fit are left out, and it is told.
#
#   client ---- lb (and busy loops, and routes) ---- s0
#   captures
#
# Needs: root, the right to real-time priority. Time: about 20 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pressure.sh"

GATEWAYS=1000
MAX=65535 # that fit
chrt --rr 1 true 2>/dev/null || skip "no real-time priority for this process"
topology 1
serve 0 --tcp 80
write_web_config 1
start_lb
wait_servers_up 2

# lines VERB COUNT SHIFT: for ip -batch; route i leads through gateway (i + SHIFT) % GATEWAYS.
lines() {
	awk -v verb="$1" -v count="$2" -v shift="$3" -v gateways="$GATEWAYS" -v dev="$LB_LAN" '
		BEGIN { for (i = 0; i < count; i++) {
			printf "route %s 198.%d.%d.%d/32", verb, 18 + int(i / 65536),
				int(i / 256) % 256, i % 256
			if (verb != "del")
				printf " via inet6 2001:db8:0:2::%x:1 dev %s",
					(i + shift) % gateways + 1, dev
			print "" } }'
}
awk -v gateways="$GATEWAYS" -v dev="$LB_LAN" '
	BEGIN { for (i = 0; i < gateways; i++) {
		printf "neigh replace 2001:db8:0:2::%x:1 dev %s", i + 1, dev
		printf " nud permanent lladdr 02:00:00:00:%02x:%02x\n", int(i / 256), i % 256
	} }' >"$WORK/neighbours"
lines add 60000 0 >"$WORK/add"
lines replace 60000 1 >"$WORK/replace"
lines del 60000 0 >"$WORK/del"
lines replace 70000 2 >"$WORK/too-many"
batch() { ip -n "$NS-lb" -batch "$WORK/$1"; }
count() { poise -j show status | jq ".routes.$1"; }
has_routes() { [ "$(count count)" -ge "$1" ] && [ "$(count count)" -lt $(($1 + 100)) ]; }
leaves_out() { [ "$(count left_out)" -ge "$1" ] && [ "$(count left_out)" -lt $(($1 + 100)) ]; }

capture CAPTURE client eth0 busy.pcap "arp or icmp6"
background ASKER on client /usr/bin/python3 "$ROOT/tests/e2e/packets.py" \
	ask-vips 600 "$VIP4" "$VIP6"
answered_often() { [ "$(vip_answers busy.pcap | wc -l)" -ge 20 ]; }
wait_for 5 "the VIPs answer ARP and ND" -- answered_often
chrt --rr -p 2 "$ASKER" # only now: its start takes a CPU for half a second
watch_cpus
HOGS=()
for _ in 1 2 3 4 5 6 7 8; do
	background hog exec bash -c "while [ \$SECONDS -lt 100 ]; do :; done"
	HOGS+=("$hog")
done

batch neighbours
batch add
wait_for 30 "60000 routes are in" -- has_routes 60000
batch replace
wait_for 30 "and still are" -- has_routes 60000
batch del
wait_for 30 "they are gone" -- has_routes 0
batch add
batch replace
wait_for 30 "and back" -- has_routes 60000
for pid in "${HOGS[@]}"; do end "$pid"; done

check_lapses
end "$ASKER"
# Link-local addresses answer each other as well.
answers() { # PATTERN: when, by ARP or ND
	dump busy.pcap | grep -E "$1" | cut -d' ' -f1
}
longest_gap() { # PATTERN: in ms, between two answers
	answers "$1" | awk 'NR > 1 && $1 - was > gap { gap = $1 - was } { was = $1 }
		END { printf "%d", (NR > 20 ? gap * 1000 : -1) }'
}
check_between "longest gap between ARP answers, ms" "$(longest_gap "ARP, Reply $VIP4 ")" 0 500
check_between "longest gap between ND answers, ms" \
	"$(longest_gap "neighbor advertisement, tgt is $VIP6,")" 0 500

# What s0 sends to route i must leave for gateway (i + 1) % GATEWAYS.
forwards() { # ADDRESS MAC
	capture TO_GATEWAY lan up0 "to-$1.pcap" "ether dst $2 and dst host $1"
	on s0 bash -c "echo >/dev/udp/$1/9"
	wait_for 3 "a packet to $1 leaves for $2" -- sees "to-$1.pcap"
	end "$TO_GATEWAY"
	say "ok: a packet to $1 leaves for $2"
}
sees() { [ -n "$(dump "$1")" ]; }
forwards 198.18.0.0 02:00:00:00:00:01
forwards 198.18.117.48 02:00:00:00:00:01 # 30000
forwards 198.18.234.95 02:00:00:00:00:00 # 59999

batch too-many
wait_for 10 "what is too much is left out" -- leaves_out $((70000 - MAX))
check "the log says so" -- \
	grep -q 'error: routes: too many: .* left_out=[0-9]* taken=65535' "$LB_LOG"
check "status too" -- sh -c "'$POISE' -s '$SOCKET' show status | grep -q '^warning .*left out'"
batch del
wait_for 10 "all fit again" -- leaves_out 0
check "the log says that too" -- grep -q 'notice: routes: all fit again' "$LB_LOG"
for vip in "${VIPS[@]}"; do connects "it serves" "$vip" 80 20; done

#!/bin/bash
# Claim: a master that comes back and preempts does not take addresses before its checks have
#        verdicts, however much its priority is: until then the other serves, and the client sees
#        no error. Then it takes them, with all its servers up.
#
#   client ---- wan ---- lb1 (200), lb2 (100) ---- lan ---- s0, s1 (SYNs of lb1 are lost at first)
#                observed
#
# Needs: root. Time: about 15 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vrrp.sh"

web_config() {
	cat <<-END
		vips = { v = { addresses = ["$VIP4", "$VIP6"]; interface = "wan"; };
		  gw = { addresses = ["$LB_LAN4", "$LB_LAN6"]; interface = "lan"; }; };
		$(pool_of 2)
		checks = { slow = { type = "tcp"; interval = "20s"; timeout = "19s"; }; };
		services = { web = { vip = "v"; pool = "p"; port = 80; check = "slow"; }; };
	END
}

# The checks of lb1 must wait: their SYNs come again after 1 s and 3 s.
lose_syns() {
	on lan nft "table bridge late {
		chain forward {
			type filter hook forward priority 0
			iifname lb1 ip saddr 198.51.100.1 tcp flags syn drop
			iifname lb1 ip6 saddr 2001:db8:0:2::1 tcp flags syn drop
		}
	}"
}
pass_syns() { on lan nft delete table bridge late; }

is_on() { leads "$1" wan4 wan6 && holds "$1" lan4 lan6; } # NODE
state_of_lb1() { node_poise 1 -j show vrrp | jq -r '.groups[0].state'; }
verdicts_of_lb1() {
	node_poise 1 -j show servers | jq '[.servers[] | select(.state != "unknown")] | length'
}
ASKERS=()

vrrp_topology 2 2
for i in 0 1; do serve "$i" --tcp 80; done
router wan4 4 51 200,100 group=all vip=v address="$VIP4"
router wan6 6 52 200,100 group=all vip=v address="$VIP6"
router lan4 4 61 200,100 group=all interface=lan vip=gw address="$LB_LAN4"
router lan6 6 62 200,100 group=all interface=lan vip=gw address="$LB_LAN6"
web_config >"$WORK/web"
for n in 1 2; do node_runs $n poise workers=1 more="$WORK/web"; done
observe restart.pcap
watch_machine
start_node 1 2
wait_for 20 "lb1 is master" -- is_on 1
stop_node 1
wait_for 10 "lb2 is master" -- is_on 2

lose_syns
start_node 1
check_equal "lb1, which has just started, is" "$(state_of_lb1)" init
began=$(now_ms)
for vip in "${VIPS[@]}"; do # for 1.5 s: four times what a backup waits
	background ASKER on client "$PEER" connect --to "$vip" --port 80 --rate 100 --count 150 \
		--timeout 5000 >"$ART/asked-$vip"
	ASKERS+=("$ASKER")
done
asked_all() { has_ended "${ASKERS[0]}" && has_ended "${ASKERS[1]}"; }
until asked_all; do
	for vip in "${VIPS[@]}" "$LB_LAN4" "$LB_LAN6"; do
		! has_address 1 "$vip" || fail "lb1 has taken $vip without verdicts"
	done
done
check_equal "verdicts of lb1 after $(($(now_ms) - began)) ms" "$(verdicts_of_lb1)" 0
check_equal "it is" "$(state_of_lb1)" init
for vip in "${VIPS[@]}"; do
	check_json "no error at $vip" "$ART/asked-$vip" '.ok == 150 and .failed == 0'
done
pass_syns
has_all() { [ "$(verdicts_of_lb1)" = 4 ]; }
wait_for 10 "lb1 has its verdicts" -- has_all
wait_for 5 "lb1 takes back what is its own" -- is_on 1
check_equal "servers of lb1 that are not up" \
	"$(node_poise 1 -j show servers | jq '[.servers[] | select(.state != "up")] | length')" 0
for vip in "${VIPS[@]}"; do connects "through lb1" "$vip" 80 20; done
end "$OBSERVED" INT
check "never two that hold one address" -- observed judge restart.pcap --slack 20 \
	--events "$EVENTS" --stalls "$WORK/stalls"

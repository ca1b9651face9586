#!/bin/bash
# Claim: a flood of SYNs from many addresses, far above memory.half_open, keeps no honest client
#        from connecting, in either family, and touches no connection that is established.
#        Half-open connections never outnumber their bound; those that made room are counted.
#
#   client == flood: 20,000 SYNs, nobody answers ==> lb (half_open = 1k) ---- s0, s1
#          == honest connections, a transfer, held ones ==>
#
# Needs: root. Time: about 12 s.
. "$(dirname "$0")/lib.sh"

BOUND=1000
COUNT=$(scaled 20000)
[ "$COUNT" -ge $((4 * BOUND)) ] || COUNT=$((4 * BOUND))
PER_SECOND=$(scaled 4000)
BYTES=$(scaled $((64 << 20)))

topology 2
serve 0 --tcp 80
serve 1 --tcp 80
write_config half_open=1k <<END
$(pool_of 2)
services = { web = { vip = "v"; pool = "p"; port = 80; }; };
END
start_lb
lb_mac=$(ip -n "$NS-lb" -j link show dev "$LB_WAN" | jq -r '.[0].address')

of_workers() { poise -j show workers | jq "[.workers[].$1 | tonumber] | add"; }
has_evicted() { [ "$(of_workers half_open_evicted_total)" -gt 0 ]; }
says_so() { poise show workers | grep -E "half-open [0-9 ]+ \(.*evicted [1-9]"; }

for vip in "${VIPS[@]}"; do connects "before" "$vip" 80 1; done
hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 200 --concurrency 20
check_json "200 are held" "$WORK/held.json" ".ok == 200"
check_between "half-open before" "$(of_workers half_open)" 0 10
check_equal "evicted before" "$(of_workers half_open_evicted_total)" 0
expected=$("$PEER" generate --bytes "$BYTES" --seed 7 | sha256sum)

background FLOOD packets client syn-flood "$lb_mac" "$VIP4" "$VIP6" 80 "$COUNT" "$PER_SECOND" \
	>"$WORK/flood.json"
wait_for 20 "the flood has reached its bound" -- has_evicted

# As long as it lasts; at least once each.
rounds=0
most=0
until has_ended "$FLOOD" && [ "$rounds" -gt 0 ]; do
	for vip in "${VIPS[@]}"; do
		connects "in the flood" "$vip" 80 100 --concurrency 10
	done
	half_open=$(of_workers half_open)
	[ "$half_open" -le "$most" ] || most=$half_open
	rounds=$((rounds + 1))
	if [ "$rounds" = 1 ]; then
		sum=$(on client "$PEER" stream --to "$VIP4" --port 80 --bytes "$BYTES" --seed 7 \
			2>"$WORK/stream.json" | sha256sum) || fail "$(cat "$WORK/stream.json")"
		check_equal "SHA-256 of what came back" "$sum" "$expected"
	fi
done
check_json "all SYNs were sent" "$WORK/flood.json" ".sent == $COUNT"
say "$rounds rounds of honest clients while $(jq -r '"\(.sent) SYNs came in \(.seconds) s"' \
	"$WORK/flood.json")"

use_held "$HELD" "$WORK/held.json"
check_json "those held all still work" "$WORK/held.json" ".ok == 200 and .failed == 0"
check_between "most half-open" "$most" $((BOUND / 2)) $((BOUND + 1))
check_between "evicted" "$(of_workers half_open_evicted_total)" \
	$((COUNT * 9 / 10 - BOUND)) $((COUNT + rounds * 200))
check_equal "drops counted as table_full" "$(drops table_full)" 0
check "show workers says so in words" -- says_so
poise -j show connections --count >"$WORK/connections.json"
check_json "show connections counts both kinds" "$WORK/connections.json" \
	".count >= $((BOUND / 2 + 200))"

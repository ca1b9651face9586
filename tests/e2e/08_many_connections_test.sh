#!/bin/bash
# Claim: 10,000 connections of each family, open at the same time, all work when they are used.
#
#   client == 20,000 connections == lb ---- s0, s1, s2
#
# Needs: root. Time: about 10 s.
. "$(dirname "$0")/lib.sh"

COUNT=$(scaled 10000)

topology 3
for i in 0 1 2; do serve "$i" --tcp 80; done
write_web_config 3
start_lb
wait_servers_up 6

hold HELD4 "$WORK/held4.json" --to "$VIP4" --port 80 --count "$COUNT" --concurrency 200
hold HELD6 "$WORK/held6.json" --to "$VIP6" --port 80 --count "$COUNT" --concurrency 200
for f in 4 6; do
	check_json "IPv$f: all $COUNT are open" "$WORK/held$f.json" ".ok == $COUNT"
done
count=$(poise -j show connections --count | jq '.count // .connections_count | tonumber')
check_between "the table holds" "$count" $((2 * COUNT)) $((2 * COUNT + 100))
for round in 1 2; do
	for f in 4 6; do
		held=HELD$f
		use_held "${!held}" "$WORK/held$f.json"
		check_json "IPv$f: all $COUNT work, round $round" "$WORK/held$f.json" \
			".event == \"used\" and .ok == $COUNT and .failed == 0"
	done
done

#!/bin/bash
# Claim: what the other tests of VRRP are judged by judges rightly: from packets made up, and from
#        those of two keepaliveds: take-over after a crash and after a clean stop takes what is
#        known of keepalived 2.2.7, give-back and a healed partition show no two holders, and two
#        that are kept from hearing each other without our telling are found.
#
#   wan: lb1, lb2 (keepalived), observed
#
# Needs: root, keepalived. Time: about 8 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vrrp.sh"

[ "$SCALE" -ge 100 ] || skip "has nothing to do with the build"
check "observer.py passes its own test" -- "$OBSERVER" self-test
vrrp_topology 2 0
make_cuts
router a4 4 51 200,100
router a6 6 52 200,100
for n in 1 2; do node_runs "$n" keepalived; done
observe keepalived.pcap
watch_machine
start_node 1 2
wait_for 5 "lb1 is master" -- leads 1 a4 a6

take_over() { # WHAT LEAST_MS MOST_MS
	local at name
	at=$(now_us_as_ms)
	"$1_node" 1
	wait_for 5 "lb2 is master" -- leads 2 a4 a6
	for name in a4 a6; do
		failover "$at" "$name"
		check_between "ms from the last advert to the first, after $1, $name" \
			"$TOOK" "$2" $(($3 + STOOD))
	done
	start_node 1
	wait_for 5 "lb1 is master again" -- leads 1 a4 a6
}
# down is 3 adverts and the skew, of (256 - 100) / 256 adverts
take_over crash 355 380
take_over stop 55 80

cut_off 2
# who is not told of the partition, finds two holders
found() { [ "$(observed judge keepalived.pcap | grep -c 'two holders')" = "$1" ]; }
wait_for 5 "both are master, and that is found" -- found 2
join_again 2
wait_for 5 "lb1 alone is master" -- leads 1 a4 a6
check "no two holders but in the partition" -- observed judge keepalived.pcap \
	--slack 15 --events "$EVENTS" --stalls "$WORK/stalls"

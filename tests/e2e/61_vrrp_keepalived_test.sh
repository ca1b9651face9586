#!/bin/bash
# Claim: beside keepalived 2.2.7 of Debian, as its master and as its backup, Poise moves addresses
#        as keepalived does: version 2 with a password, version 3 with IPv4 and IPv6, groups that
#        move as one, unicast; after a crash, a clean stop (priority 0) and a return, with and
#        without preemption, with equal priorities, with checks that take 101 off, and when a
#        partition heals. Never do two hold an address for longer than one advert.
#
#   wan: lb1 (200), lb2 (100), one of them keepalived; observed
#
# Needs: root, keepalived. Time: about 60 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vrrp.sh"

[ "$SCALE" -ge 100 ] || skip "measures, in a slow build"
SLACK=15 # ms beyond what the timers say
RESULTS=$WORK/results
: >"$RESULTS"
vrrp_topology 2 0
make_cuts
watch_machine

# result CASE NAME WORDS: a line of the table.
result() { printf '%-21s %-12s %-8s %s\n' "$PAIR" "$1" "$2" "$3" >>"$RESULTS"; }
result_of_all() { # CASE WORDS NAME...
	local name
	for name in "${@:3}"; do result "$1" "$name" "$2"; done
}

# What the timers of lb2, with its 100, say: ms after the last advert.
skew() { echo $((${ROUTER[$1.advert]} * 156 / 256)); }
expected() { # WHAT NAME
	[ "$1" = stop ] && skew "$2" && return
	echo $((3 * ${ROUTER[$2.advert]} + $(skew "$2")))
}

begin() { # FILE: both nodes with what ROUTERS says
	local n
	: >"$EVENTS"
	for n in 1 2; do node_runs "$n" "${KINDS[$n]}"; done
	observe "$1"
}
finish() {
	local n
	for n in 1 2; do ! runs "$n" || stop_node "$n"; done
	end "$OBSERVED" INT
	check "$PAIR: never two that hold one address" -- observed judge "$CAPTURE_FILE" \
		--slack $SLACK --events "$EVENTS" --stalls "$WORK/stalls"
}

# take_over CASE WHAT: of lb1, by crash or stop.
take_over() {
	local at name least more=0
	[ "${KINDS[2]}" = poise ] || more=100 # an ordinary process, in no hurry
	at=$(now_us_as_ms)
	"$2_node" 1
	wait_for 8 "$PAIR, $1: lb2 has taken over" -- leads 2 "${ROUTERS[@]}"
	for name in "${ROUTERS[@]}"; do
		failover "$at" "$name"
		least=$(expected "$2" "$name")
		check_between "$PAIR, $1, $name: ms" "$TOOK" \
			$((least - 2)) $((least + more + SLACK + STOOD))
		result "$1" "$name" "$TOOK ms"
	done
}

# ---- all kinds, with preemption ------------------------------------------------------------------

all_kinds() {
	no_routers
	router v2 4 20 200,100 version=2 advert=1000 password=secret12
	router v3-4 4 34 200,100
	router v3-6 6 36 200,100
	router sync4 4 44 200,100 group=sync
	router sync6 6 46 200,100 group=sync
	router uni4 4 54 200,100 unicast=yes
	router uni6 6 56 200,100 unicast=yes
	begin "kinds-${KINDS[1]}.pcap"
	start_node 1 2
	wait_for 8 "$PAIR: lb1 is master" -- leads 1 "${ROUTERS[@]}"
	result_of_all election "the higher priority" "${ROUTERS[@]}"
	take_over crash crash
	start_node 1
	wait_for 8 "$PAIR: lb1 takes back what is its own" -- leads 1 "${ROUTERS[@]}"
	result_of_all give-back "to the higher priority" "${ROUTERS[@]}"
	take_over "priority 0" stop
	start_node 1
	wait_for 8 "$PAIR: lb1 takes it back again" -- leads 1 "${ROUTERS[@]}"
	partition
	only_ipv6_cut
	finish
}

partition() {
	cut_off 2
	wait_for 8 "$PAIR: in a partition both are master" -- both_hold "${ROUTERS[@]}"
	join_again 2
	wait_for 4 "$PAIR: then lb1 alone" -- leads 1 "${ROUTERS[@]}"
	result_of_all partition "two, then one" "${ROUTERS[@]}"
}

# While IPv6 adverts are lost, the members of a group do not move; a router of its own does.
only_ipv6_cut() {
	cut_adverts6
	event apart6 2
	wait_for 8 "$PAIR: IPv6 by itself is taken" -- both_hold v3-6 uni6
	check "$PAIR: of the group nothing moves" -- holds 1 sync4 sync6
	join_adverts6
	event together6 2
	wait_for 4 "$PAIR: then lb1 alone" -- leads 1 "${ROUTERS[@]}"
	result_of_all "IPv6 cut" "nothing moves" sync4 sync6
}

# ---- who does not move ---------------------------------------------------------------------------

# lb2 came first and stays: of lb1, neither a higher priority that may not preempt, nor an equal one
# counts. What may preempt does.
stays() {
	no_routers
	router calm4 4 64 200,100 preempt=no
	router calm6 6 66 200,100 preempt=no
	router equal4 4 74 100,100
	router equal6 6 76 100,100
	router home1 4 84 200,100 check="$WORK/broken"
	router home2 4 85 100,200 check="$WORK/broken"
	begin "stays-${KINDS[1]}.pcap"
	start_node 2
	wait_for 5 "$PAIR: lb2 is master" -- leads 2 "${ROUTERS[@]}"
	start_node 1
	wait_for 5 "$PAIR: what may preempt does" -- leads 1 home1
	# it has begun later than the others, and their down timers are no longer
	check "$PAIR: what may not does not" -- leads 2 calm4 calm6 equal4 equal6 home2
	result_of_all "no preempt" "lb2 stays" calm4 calm6
	result_of_all "equal" "who was first stays" equal4 equal6
	weights
	equal_after_partition
	stop_node 2
	wait_for 5 "$PAIR: lb1 takes all when it is alone" -- leads 1 "${ROUTERS[@]}"
	finish
}

weights() {
	touch "$WORK/broken-lb1" "$WORK/broken-lb2"
	wait_for 5 "$PAIR: adverts say 99" -- observed_priority 84 lb1 99
	wait_for 5 "$PAIR: adverts say 99" -- observed_priority 85 lb2 99
	wait_for 5 "$PAIR: with 101 off on both, each is at home" -- leads 1 home1
	wait_for 5 "$PAIR: with 101 off on both, each is at home" -- leads 2 home2
	result_of_all "weight -101" "on both: at home" home1 home2
	rm "$WORK/broken-lb2"
	wait_for 5 "$PAIR: with 101 off on lb1, all is on lb2" -- leads 2 home1 home2
	result "weight -101" home1 "on lb1: moves"
	rm "$WORK/broken-lb1"
	wait_for 5 "$PAIR: and goes home" -- leads 1 home1
}
observed_priority() { # VRID NODE PRIORITY
	observed show "$CAPTURE_FILE" | grep "advert VRID $1 " | tail -n 1 |
		grep -q "$2 advert VRID $1 priority $3 "
}

# Of two masters with equal priority the higher address stays, whoever was first.
equal_after_partition() {
	cut_off 2
	wait_for 5 "$PAIR: in a partition both are master" -- both_hold calm4 equal4 equal6
	join_again 2
	wait_for 4 "$PAIR: the higher address stays" -- leads 2 equal4 equal6
	wait_for 4 "$PAIR: the higher priority stays" -- leads 1 calm4 calm6
	result_of_all "equal, healed" "the higher address" equal4 equal6
	result_of_all "no p., healed" "the higher priority" calm4 calm6
}

for KINDS in "- poise keepalived" "- keepalived poise"; do
	read -ra KINDS <<<"$KINDS"
	PAIR="${KINDS[1]}-${KINDS[2]}"
	all_kinds
	stays
done
echo "   lb1-lb2               case         router   result"
sort -s -k 1,1 "$RESULTS" | sed 's/^/   /'

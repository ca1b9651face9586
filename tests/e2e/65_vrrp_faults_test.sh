#!/bin/bash
# Claim: whatever is done to three nodes, in whatever order, never do two that hear each other hold
#        an address for longer than one advert, and whenever there is a node that could hold it, one
#        does after no more than a backup waits.
#
#   wan: lb1 (200), lb2 (150), lb3 (100); observed
#
# At random: links down and up, SIGKILL, SIGTERM, starts, SIGSTOP and SIGCONT, nodes cut off and let
# in again, priorities changed. The seed is printed; POISE_SEED takes it, POISE_FAULT_SECONDS says
# for how long (60):
#   POISE_FAULT_SECONDS=1800 tests/e2e/65_vrrp_faults_test.sh
#
# Needs: root. Time: about 70 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vrrp.sh"

FAULT_SECONDS=${POISE_FAULT_SECONDS:-$(scaled 60)}
SEED=${POISE_SEED:-$((RANDOM * 32768 + RANDOM))}
ADVERT=100
DOWN=4 # adverts: what a backup with priority 1 waits
SLACK=40
[ "$SCALE" -ge 100 ] || SLACK=200
RANDOM=$((SEED % 32768))
declare -A STATE # of a node: well, dead, frozen, unplugged, apart

say "$FAULT_SECONDS s; again with: POISE_SEED=$SEED POISE_FAULT_SECONDS=$FAULT_SECONDS $0"
vrrp_topology 3 0
make_cuts
watch_machine
router r4 4 51 200,150,100 advert=$ADVERT group=r
router r6 6 52 200,150,100 advert=$ADVERT group=r
for n in 1 2 3; do
	node_runs $n poise
	STATE[$n]=well
done

# Only what is well breaks, and in one way: so it is known what mends it.
break_node() { # NODE
	case $((RANDOM % 6)) in
	0) crash_node "$1" && STATE[$1]=dead ;;
	1) stop_node "$1" && STATE[$1]=dead ;;
	2)
		event stopped "$1"
		kill -STOP "${NODE_PID[$1]}"
		STATE[$1]=frozen
		;;
	3)
		event down "$1"
		ip -n "$NS-wan" link set "lb$1" down
		STATE[$1]=unplugged
		;;
	4) cut_off "$1" && STATE[$1]=apart ;;
	5) node_poise "$1" set vrrp r priority $((RANDOM % 254 + 1)) >/dev/null ;;
	esac
}

mend_node() { # NODE
	case ${STATE[$1]} in
	dead) start_node "$1" ;;
	frozen)
		kill -CONT "${NODE_PID[$1]}"
		event continued "$1"
		;;
	unplugged)
		ip -n "$NS-wan" link set "lb$1" up
		event up "$1"
		;;
	apart) join_again "$1" ;;
	esac
	STATE[$1]=well
}

one_step() {
	local n=$((RANDOM % 3 + 1))
	N_STEPS=$((N_STEPS + 1))
	if [ "${STATE[$n]}" = well ]; then
		break_node $n
	else
		mend_node $n
	fi
	sleep 0.$((RANDOM % 9))$((RANDOM % 10)) # how long it lasts is a part of what is tried
}

judge_all() {
	observed judge "$CAPTURE_FILE" --slack $SLACK --down $DOWN --events "$EVENTS" \
		--stalls "$WORK/stalls" >"$ART/judgement" || {
		cat "$ART/judgement"
		fail "the observer found that; again with POISE_SEED=$SEED"
	}
}

# The capture of a long run is judged in pieces.
N_STEPS=0 PIECES=0
end_ms=$(($(now_ms) + FAULT_SECONDS * 1000))
start_node 1 2 3
while [ "$(now_ms)" -lt "$end_ms" ]; do
	PIECES=$((PIECES + 1))
	observe "faults-$PIECES.pcap"
	piece_ms=$(($(now_ms) + 60000))
	while [ "$(now_ms)" -lt "$end_ms" ] && [ "$(now_ms)" -lt "$piece_ms" ]; do one_step; done
	end "$OBSERVED" INT
	judge_all
done
observe healed.pcap
for n in 1 2 3; do mend_node $n; done
for n in 1 2 3; do node_poise $n set vrrp r priority default >/dev/null; done
wait_for 10 "all mended, lb1 is master" -- leads 1 r4 r6
end "$OBSERVED" INT
say "$N_STEPS steps; $(awk '{ n[$2]++ } END { for (k in n) printf "%s %d ", k, n[k] }' "$EVENTS")"
say "ok: never two holders, and one whenever it could be"

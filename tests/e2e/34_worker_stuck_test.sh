#!/bin/bash
# Claim: when one worker's loop stands still for 100 ms, the log and `show workers` say which, and
#        the socket still answers; when it turns again, that is said too, and all flows go on.
#
#   client ==== lb: w0, w1 (held) ==== s0
#
# Needs: root, two CPUs, ptrace. Time: about 5 s.
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "needs two CPUs for two workers"
QUEUES=2
topology 1
serve 0 --tcp 80
write_web_config 1 workers="0, 1"
start_lb
wait_servers_up 2
is_stuck() { [ "$(poise -j show workers | jq ".workers[$1].is_stuck")" = "$2" ]; }
log_says() { grep -q "$1" "$LB_LOG"; }
# Flows of the other worker; on a queue of its own, as the held one hands nothing over.
hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 60
check_json "60 connections are open" "$WORK/held.json" '.ok == 60'
check "no worker is stuck now" -- is_stuck 1 false
stuck_before=$(grep -c 'worker 1: stuck' "$LB_LOG" || true)

background HOLDER /usr/bin/python3 "$ROOT/tests/e2e/hold-thread.py" "$LB_PID" rte-worker-2 1500 \
	>"$WORK/holder"
wait_for 5 "worker 1 is held" -- grep -q held "$WORK/holder"
held_ms=$(now_ms)
stuck_again() { [ "$(grep -c 'worker 1: stuck' "$LB_LOG")" -gt "$stuck_before" ]; }
wait_for 1 "the log says that worker 1 is stuck" -- stuck_again
check_between "ms until the log said it" $(($(now_ms) - held_ms)) 0 500
check "show workers --json says so" -- is_stuck 1 true
check "show workers says so" -- grep -q '^w1 .*STUCK' <(poise show workers)
check_equal "worker 0 is not stuck" "$(poise -j show workers | jq '.workers[0].is_stuck')" false
wait "$HOLDER"
turns_again() { is_stuck 1 false && log_says 'worker 1: turns again'; }
wait_for 2 "worker 1 turns again" -- turns_again
say "$(grep 'worker 1: stuck' "$LB_LOG" | tail -n 1)"
say "$(grep 'worker 1: turns again' "$LB_LOG" | tail -n 1)"
use_held "$HELD" "$WORK/held.json"
check_json "all 60 connections talk again" "$WORK/held.json" '.ok == 60'
end "$HELD"
connects "after it" "$VIP4" 80 100

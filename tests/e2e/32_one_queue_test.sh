#!/bin/bash
# Claim: two workers on veths with one queue: worker 1 has no queue of its own, it receives what
#        worker 0 hands over and sends through it, and everything is right all the same.
#
#   client --1-- lb: w0 <-> w1 --1-- s0, s1, s2
#
# Needs: root, two CPUs. Time: about 60 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workers.sh"
less_traffic

start_two_workers
two_workers
check_equal "packets from queues of its own at worker 1" "$(worker 1 rx_total)" 0
check_equal "packets sent by worker 1 itself" "$(worker 1 tx_total)" 0
check_between "packets handed over" "$(handed_over)" "$(scaled 100000)" 999999999

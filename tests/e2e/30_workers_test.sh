#!/bin/bash
# Claim: two workers on veths with two queues: both own flows, each flow keeps its order, 1 GiB
#        goes both ways unchanged, a split by weight is right within one for each worker, also
#        after weights were changed, and each worker's account balances.
#
#   client ==2== lb: w0, w1 ==2== s0, s1, s2
#
# Needs: root, two CPUs. Time: about 60 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workers.sh"

QUEUES=2
start_two_workers
two_workers
for i in 0 1; do
	check_between "packets from its own queues at worker $i" "$(worker "$i" rx_total)" \
		"$(scaled 100000)" 999999999
done
check_between "packets handed over" "$(handed_over)" 1 999999999

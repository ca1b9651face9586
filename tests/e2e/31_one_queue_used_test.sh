#!/bin/bash
# Claim: two workers, two queues, and the senders put all packets onto the first queue: half of
#        the flows are handed over, and everything is as right as with an even spread.
#
#   client --1-- lb: w0, w1 --1-- s0, s1, s2
#
# Needs: root, two CPUs. Time: about 60 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workers.sh"
less_traffic

QUEUES=2
topology_done() { # the other ends of lb's links send on one queue only
	on client ethtool -L eth0 tx 1 2>/dev/null && on lan ethtool -L up0 tx 1 2>/dev/null
}
start_two_workers
topology_done || skip "this kernel's veth cannot change its number of queues"
before=$(worker 1 rx_total)
two_workers
check_equal "packets from its own queues at worker 1, since then" \
	$(($(worker 1 rx_total) - before)) 0
check_between "packets handed over" "$(handed_over)" "$(scaled 100000)" 999999999

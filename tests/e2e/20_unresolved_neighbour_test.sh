#!/bin/bash
# Claim: the first packet to a server whose hardware address is not known waits while the kernel
#        asks for it; nothing is lost. Without any neighbour entry the first connection still works
#        at once.
#
#   client ---- lb (neighbour table emptied) ---- s0
#
# Needs: root. Time: about 4 s.
. "$(dirname "$0")/lib.sh"

topology 2
for i in 0 1; do serve "$i" --tcp 80; done
write_config <<END
$(pool_of 2)
services = { web = { vip = "v"; pool = "p"; port = 80; }; };
END
start_lb

for round in 1 2 3; do
	for vip in "${VIPS[@]}"; do
		ip -n "$NS-lb" neigh flush all
		ip -n "$NS-lb" -6 neigh flush all
		# Below a second: no SYN was sent again.
		connects "round $round" "$vip" 80 2 --timeout 900
	done
done

#!/bin/bash
# Claim: packet buffers that the queues cannot live on are refused at the start, with the figure,
#        where the file alone could not tell; ones that could run short are warned of.
#
#   client --4-- lb --4-- s0     (2 interfaces with 4 queues: 8 x 4096 buffers are wanted)
#
# Needs: root. Time: about 4 s.
. "$(dirname "$0")/lib.sh"

[ "$PORT_KIND" = xdp ] || skip "the queues of kernel interfaces are what this is about"
QUEUES=4
topology 1
serve 0 --tcp 80
with_packets() {
	write_web_config 1 hugepages=off
	sed -i "s/^memory = { /&packets = \"$1\"; /" "$CONF"
}

with_packets 9k
check "the file is in order" -- on lb "$POISED" -c "$CONF" -t
status=0
sanitizer_options
on lb timeout 20 "$POISED" -c "$CONF" >"$ART/refused.log" 2>&1 || status=$?
check_equal "exit status with 9000" "$status" 1
said='error: memory.packets: 9000 packet buffers are too few for the queues up to interface "lan":'
said="$said 32768 are needed at least (4096 for each of 8)"
check "it says how many are needed" -- grep -qF "$said" "$ART/refused.log"

with_packets 20k
start_lb
check "with 20000 it warns" -- grep -q 'warning: memory.packets: 20000 .*: 32768 are' "$LB_LOG"
wait_servers_up 2
for vip in "${VIPS[@]}"; do connects "and serves" "$vip" 80 20; done

#!/bin/bash
# Claim: when the connection table is full, new connections are dropped and counted (table_full)
#        and those in the table are untouched.
#
#   client == 2,000 connections, memory.connections = "1k" == lb ---- s0
#
# Needs: root. Time: about 6 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80
write_config connections=1k <<END
$(pool_of 1)
services = { web = { vip = "v"; pool = "p"; port = 80; }; };
END
start_lb

# Until the server's hardware address is known only four packets wait for it.
connects "first of all" "$VIP4" 80 1
hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 2000 --concurrency 1000 \
	--timeout 2500
open=$(jq .ok "$WORK/held.json")
check_between "connections that found room" "$open" 800 1500
check_json "the others got no answer" "$WORK/held.json" '.timed_out == 2000 - .ok'
check_between "drops counted as table_full" "$(drops table_full)" $((2000 - open)) 100000
use_held "$HELD" "$WORK/held.json"
check_json "those inside still work" "$WORK/held.json" ".ok == $open and .failed == 0"
on client "$PEER" connect --to "$VIP6" --port 80 --count 5 --timeout 500 >"$WORK/other.json"
check_json "the other family shares the table" "$WORK/other.json" '.timed_out == 5'

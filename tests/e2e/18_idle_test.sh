#!/bin/bash
# Claim: cpu.idle = "adaptive" leaves an idle CPU to others, "poll" never sleeps; traffic flows
#        with both.
#
#   client ---- lb ---- s0
#
# Needs: root. Time: about 8 s. Not for sanitizer builds: it measures.
. "$(dirname "$0")/lib.sh"

[ "$SCALE" -ge 100 ] || skip "measures CPU time, which means nothing in a slow build"
topology 1
serve 0 --tcp 80

cpu_percent() { # of poised over two seconds
	local before after ticks
	ticks=$(getconf CLK_TCK)
	before=$(awk '{ print $14 + $15 }' "/proc/$LB_PID/stat")
	sleep 2
	after=$(awk '{ print $14 + $15 }' "/proc/$LB_PID/stat")
	echo $(((after - before) * 100 / (2 * ticks)))
}

sleeps() { poise -j show workers | jq '[.workers[].sleeps_total | tonumber] | add'; }

try() { # IDLE
	write_config idle="$1" <<-END
		$(pool_of 1)
		services = { web = { vip = "v"; pool = "p"; port = 80; }; };
	END
	start_lb
	for vip in "${VIPS[@]}"; do connects "idle = $1" "$vip" 80 200; done
}

try adaptive
check_between "CPU that an idle poised takes, percent" "$(cpu_percent)" 0 60
check_between "pauses that its worker took" "$(sleeps)" 1000 1000000
check_account
stop_lb

try poll
say "CPU that a polling poised takes, percent: $(cpu_percent)"
check_equal "pauses that its worker took" "$(sleeps)" 0

#!/bin/bash
# For tests that keep all CPUs busy and ask that the lease lives: whose fault it was if not.
#
# What keeps even a thread of higher priority from a CPU is not poised's: another real-time program,
# a virtual machine that is not run. Where that lasted from one renewal to the end of the lease,
# nothing is shown.
LEASE_MS=500 RENEW_MS=100

has_open() { find "/proc/$1/fd" -lname "$2" | grep -q .; } # PID FILE

# watch_cpus: each at a higher real-time priority than poised's, from when they run: an interpreter
# that starts so would itself keep poised from a CPU.
watch_cpus() {
	local cpu pid
	: >"$WORK/stalls"
	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		background pid exec taskset -c "$cpu" /usr/bin/python3 \
			"$ROOT/tests/e2e/stalls.py" "$WORK/stalls" 5 10
		wait_for 5 "CPU $cpu is watched" -- has_open "$pid" "$WORK/stalls"
		chrt --rr -p 3 "$pid"
	done
}
longest_stall() { awk '$2 > most { most = $2 } END { print most + 0 }' "$WORK/stalls"; }

# check_lapses: that there was none.
check_lapses() {
	local lapses ms
	lapses=$(poise -j show status | jq '.vips.lapses_total')
	if [ "$lapses" -gt 0 ]; then
		ms=$(longest_stall)
		say "longest time that a CPU ran nothing of priority 3: $ms ms"
		say "real-time threads of the machine, and their share of a CPU:"
		ps -eLo pid,lwp,class,rtprio,pcpu,comm | awk '$3 == "RR" || $3 == "FF"'
		say "turns of the control loop: $(poise -j show status | jq -c .control_loop)"
		[ "$ms" -lt $((LEASE_MS - RENEW_MS)) ] || skip "a CPU stood still for $ms ms"
	fi
	check_equal "times the VIPs fell silent" "$lapses" 0
}

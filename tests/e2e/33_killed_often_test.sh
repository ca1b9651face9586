#!/bin/bash
# Claim: killed (SIGKILL) at random moments, while it starts or under traffic, poised comes back
#        each time without anybody cleaning up: VIPs and programs are right, services answer, and
#        nothing is left over: namespaces, TAPs, BPF programs and maps, files, memory.
#
#   client ==traffic== lb: w0, w1 (killed again and again) ==== s0, s1
#
# POISE_KILLS says how often (20), POISE_SEED which moments.
#
# Needs: root, two CPUs. Time: about 60 s for 20 kills.
. "$(dirname "$0")/lib.sh"

KILLS=${POISE_KILLS:-20}
SEED=${POISE_SEED:-$((RANDOM * 32768 + RANDOM))}
say "$KILLS kills; again with: POISE_SEED=$SEED POISE_KILLS=$KILLS $0"
RANDOM=$SEED

[ "$(nproc)" -ge 2 ] || skip "needs two CPUs for two workers"
QUEUES=2
# it compares figures of the whole machine, which a sanitizer's own memory would be part of
[ "$SCALE" -ge 100 ] || skip "a sanitizer's build"
topology 2
for i in 0 1; do serve "$i" --tcp 80 --udp-ports 53; done
write_config workers="0, 1" <<END
$(pool_of 2)
$(quick_checks)
services = {
  web = { vip = "v"; pool = "p"; port = 80; check = "quick"; };
  dns = { vip = "v"; pool = "p"; port = 53; protocol = ["udp"]; };
};
END

# What must be the same after every restart. Programs, maps, files and memory are counted on the
# whole machine: nobody else may load or drop BPF programs meanwhile.
programs_attached() { ip -n "$NS-lb" link | grep -c 'prog/xdp' || true; }
vips_there() { ip -n "$NS-lb" -o addr show | grep -cE " ($VIP4/32|$VIP6/128) " || true; }
devices() { ip -n "$NS-lb" -o link | wc -l; }
namespaces() { find /run/netns -name "$NS-*" | wc -l; }
program_ids() { bpftool -j prog show | jq -c '[.[] | select(.type == "xdp") | .id]'; }
our_programs() { # ids of XDP programs that were not there before the first start
	program_ids | jq --argjson before "$PROGRAMS_BEFORE" '. - $before | length'
}
our_maps() {
	bpftool -j map show | jq --argjson before "$MAPS_BEFORE" '[.[].id] - $before | length'
}
files() {
	{ find /dev/shm /run/dpdk /dev/hugepages /sys/fs/bpf -mindepth 1 2>/dev/null || true; } |
		sort
}
new_files() {
	comm -13 "$WORK/files.before" <(files) | tee "$ART/files.left" | wc -l
}
# Memory that belongs to no process and no cache that the kernel names: what a dead instance would
# leave pinned. What others on the machine use at the moment does not count in it.
memory_nobody_has_kib() {
	awk '{ v[$1] = $2 }
		END { print v["MemTotal:"] - v["MemFree:"] - v["AnonPages:"] - v["Cached:"] \
			- v["Buffers:"] - v["SwapCached:"] - v["Slab:"] - v["KernelStack:"] \
			- v["PageTables:"] - v["Percpu:"] - v["Hugetlb:"] }' /proc/meminfo
}

PROGRAMS_BEFORE=$(program_ids)
MAPS_BEFORE=$(bpftool -j map show | jq -c '[.[].id]')
files >"$WORK/files.before"

traffic() { # until killed; what is lost while nobody serves is lost
	while :; do
		on client "$PEER" connect --to "$VIP4" --port 80 --count 200 --timeout 300 || true
		on client "$PEER" order --to "$VIP6" --port 53 --count 16 --datagrams 2000 \
			--timeout 100 || true
	done >/dev/null 2>&1
}

# In the background, without waiting: a kill may come before it serves.
launch() {
	sanitizer_options
	LB_RAN=$((LB_RAN + 1))
	LB_LOG=$ART/poised-$LB_RAN.log
	background LB_PID on lb "$POISED" -c "$CONF" >"$LB_LOG" 2>&1
}

serves_again() {
	wait_for 20 "poised serves, start $LB_RAN" -- lb_serves_or_died
	lb_is_running || fail "start $LB_RAN ended: $(tail -n 5 "$LB_LOG")"
	[ "$(programs_attached) $(vips_there)" = "2 2" ] ||
		fail "start $LB_RAN: $(programs_attached) XDP programs, $(vips_there) VIPs"
}

launch
serves_again
wait_servers_up 8
PROGRAMS=$(our_programs)
MAPS=$(our_maps)
DEVICES=$(devices)
NAMESPACES=$(namespaces)
check_equal "XDP programs attached" "$(programs_attached)" 2
check_equal "VIPs on the interface" "$(vips_there)" 2
say "while it runs: $PROGRAMS XDP programs and $MAPS maps of its own, $DEVICES devices"
MEMORY=$(memory_nobody_has_kib)
background TRAFFIC traffic

while_starting=0
for ((i = 1; i <= KILLS; i++)); do
	# every second one within the first 700 ms of a start, the others under traffic
	pause_ms=$((RANDOM % 700))
	if ((i % 2)) || [ "$i" = 1 ]; then
		serves_again
	fi
	sleep "$(printf '0.%03d' "$pause_ms")"
	is_running "$LB_PID" || fail "start $LB_RAN ended: $(tail -n 5 "$LB_LOG")"
	lb_serves >/dev/null || while_starting=$((while_starting + 1))
	end "$LB_PID" KILL
	LB_PID=
	launch
done
say "$KILLS kills, $while_starting of them before it served"
serves_again
end "$TRAFFIC" KILL
wait_servers_up 8

check_equal "XDP programs attached" "$(programs_attached)" 2
check_equal "VIPs on the interface" "$(vips_there)" 2
check_equal "devices of lb" "$(devices)" "$DEVICES"
check_equal "network namespaces" "$(namespaces)" "$NAMESPACES"
programs_as_before() { [ "$(our_programs)" = "$PROGRAMS" ]; }
maps_as_before() { [ "$(our_maps)" = "$MAPS" ]; }
wait_for 20 "as many XDP programs as at first ($PROGRAMS)" -- programs_as_before
wait_for 20 "as many BPF maps as at first ($MAPS)" -- maps_as_before
say "ok: as many XDP programs and maps as at first"
check_equal "files left in /dev/shm, /run/dpdk, /dev/hugepages, /sys/fs/bpf" "$(new_files)" 0
for vip in "${VIPS[@]}"; do connects "after the last start" "$vip" 80 200; done
check_account

# An instance has more than 400 MiB, so a leak at each of 20 starts would be 8 GiB; what the rest
# of the machine takes meanwhile is not ours to judge.
LOST_KIB=$(($(memory_nobody_has_kib) - MEMORY))
check_between "KiB more that nobody has" "$LOST_KIB" -99999999 $((2 * 1024 * 1024))
stop_lb
check_equal "XDP programs attached after the end" "$(programs_attached)" 0
check_equal "VIPs after the end" "$(vips_there)" 0
nothing_of_ours() { [ "$(our_programs)" = 0 ] && [ "$(our_maps)" = 0 ]; }
wait_for 20 "no XDP program and no map of ours after the end" -- nothing_of_ours
check_equal "files left after the end" "$(new_files)" 0

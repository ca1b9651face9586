#!/bin/bash
# Claim: a script says whether a server is up, and with which weight; one that hangs is killed with
#        all that it has started, at the timeout and when poised dies; when the spawner dies the
#        servers stay as they are.
#
#   client ---- lb (scripts, as nobody) ---- s0, s1, s2
#
# Needs: root. Time: about 15 s.
. "$(dirname "$0")/lib.sh"

topology 3
for i in 0 1 2; do serve "$i" --tcp 80; done
chmod 755 "$WORK"
mkdir -m 777 "$WORK/state" "$WORK/ran"
# What a server's file says: an exit status and words, or "hang".
cat >"$WORK/check" <<'SCRIPT'
#!/bin/sh
folder=$(dirname "$0")
id -un >"$folder/ran/user"
echo "$POISE_CHECK $POISE_ADDRESS $POISE_PORT $POISE_FAMILY" >"$folder/ran/$POISE_ADDRESS"
read -r code words <"$folder/state/$POISE_ADDRESS"
if [ "$code" = hang ]; then
	sleep 1000 &
	echo $! >>"$folder/ran/children"
	setsid sleep 1000 &
	echo $! >>"$folder/ran/children"
	echo $$ >>"$folder/ran/children"
	wait
fi
echo "$words"
exit "$code"
SCRIPT
chmod 755 "$WORK/check"

says() { # SERVER CODE WORDS...
	local to
	for to in "$(server4 "$1")" "$(server6 "$1")"; do
		echo "${*:2}" >"$WORK/state/$to.new"
		mv "$WORK/state/$to.new" "$WORK/state/$to"
	done
}
has_weight() { # SERVER WEIGHT: in both families
	poise -j show servers | jq -e --arg s "s$1" --argjson w "$2" \
		'[.servers[] | select(.server == $s).weight] == [$w, $w]'
}
has_detail() { # SERVER WORDS
	poise -j show servers | jq -e --arg s "s$1" --arg d "$2" \
		'[.servers[] | select(.server == $s).check.detail] == [$d, $d]'
}
is_gone() { [ ! -e "/proc/$1/status" ] || grep -q '^State:.Z' "/proc/$1/status"; }
children_are_gone() {
	local pid
	while read -r pid; do is_gone "$pid" || return 1; done <"$WORK/ran/children"
}

for i in 0 1 2; do says "$i" 0; done
write_config <<END_OF_CONFIG
$(pool_of 3)
checks = { mine = { type = "script"; command = "$WORK/check"; dynamic_weight = true;
  interval = "500ms"; timeout = "500ms"; retry = "100ms"; fall = 2; rise = 1; }; };
services = { web = { vip = "v"; pool = "p"; port = 80; check = "mine"; }; };
END_OF_CONFIG
start_lb
wait_servers_up 6
check_equal "scripts run as" "$(cat "$WORK/ran/user")" nobody
check_equal "they are told what to check" "$(cat "$WORK/ran/$(server6 1)")" \
	"mine $(server6 1) 80 6"

says 0 6 "much to give"
wait_for 5 "s0 has the weight 4" -- has_weight 0 4
check "its words are shown" -- has_detail 0 "script: weight 4: much to give"
for vip in "${VIPS[@]}"; do
	connects "weights by script" "$vip" 80 60
	check_between "s0 got" "$(answered s0)" 39 41
	check_between "s1 got" "$(answered s1)" 9 11
done
poise set server web/s0 weight 7
check "a weight by command goes before the script's" -- has_weight 0 7
poise set server web/s0 weight 100%
check "and the script's counts again after it" -- has_weight 0 4
says 1 2
wait_for 5 "s1 has the weight 0" -- has_weight 1 0
connects "s1 asked for nothing" "$VIP4" 80 20
check_equal "s1 got" "$(answered s1)" 0
says 1 0
wait_for 5 "s1 has its configured weight" -- has_weight 1 1

says 2 1 "disk full"
is_down() { [ "$(count_servers down)" = 2 ]; }
wait_for 5 "s2 is down" -- is_down
check "the reason is shown" -- has_detail 2 "script: exit 1: disk full"
check "and logged" -- grep -q "server web/s2: down: script: exit 1: disk full" "$LB_LOG"
says 2 0
wait_servers_up 6

says 2 hang
wait_for 10 "s2 is down" -- is_down
check "a script that hangs is told as such" -- has_detail 2 "script: timed out after 500ms"
says 2 0
wait_servers_up 6
wait_for 5 "all that it started is gone" -- children_are_gone

# When poised is killed, so are its scripts; while nobody cleans up.
says 1 hang
: >"$WORK/ran/children"
hangs() { [ "$(wc -l <"$WORK/ran/children")" -ge 3 ]; }
wait_for 5 "a script hangs" -- hangs
SPAWNER=$(sed -n 's/.*spawner: started: pid=\([0-9]*\).*/\1/p' "$LB_LOG")
check_equal "the spawner's name" "$(cat "/proc/$SPAWNER/comm")" poise-spawner
check_equal "descriptors of the spawner" \
	"$(find "/proc/$SPAWNER/fd" -lname '*.lock' -o -lname '*xdp*' -o -lname '*bpf*' | wc -l)" 0
end "$LB_PID" KILL
LB_PID=
wait_for 5 "the spawner is gone" -- is_gone "$SPAWNER"
wait_for 5 "and so are the scripts" -- children_are_gone
says 1 0
start_lb
wait_servers_up 6

# Without the spawner nothing is known any more, and nothing changes.
SPAWNER=$(sed -n 's/.*spawner: started: pid=\([0-9]*\).*/\1/p' "$LB_LOG")
kill -KILL "$SPAWNER"
wait_for 5 "checks are not made" -- has_detail 0 "not probed: the spawner has died"
check "it is logged" -- grep -q "the spawner has died: scripts are not run" "$LB_LOG"
says 0 1
sleep 1.5 # three intervals: longer than a verdict takes
check_equal "servers that are still up" "$(count_servers up)" 6
for vip in "${VIPS[@]}"; do connects "without a spawner" "$vip" 80 20; done

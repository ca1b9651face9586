#!/bin/bash
# Claim: a file named after a server in the maintenance directory takes it out: no new connection,
#        old ones go on, its check goes on; without the file it is back. Command and file must both
#        allow a server. The directory may go and come.
#
#   client ---- lb (a directory of files) ---- s0, s1, s2
#
# Needs: root. Time: about 8 s.
. "$(dirname "$0")/lib.sh"

topology 3
for i in 0 1 2; do serve "$i" --tcp 80; done
HERE=$WORK/maintenance
mkdir "$HERE"
touch "$HERE/s2" # from before the start
write_config <<END_OF_CONFIG
$(pool_of 3)
$(quick_checks)
health = { maintenance_dir = "$HERE"; };
services = { web = { vip = "v"; pool = "p"; port = 80; check = "quick"; }; };
END_OF_CONFIG
start_lb

states_are() { # S0 S1 S2: in both families
	poise -j show servers | jq -e --arg s0 "$1" --arg s1 "$2" --arg s2 "$3" \
		'[.servers | sort_by(.server)[].state] == [$s0, $s0, $s1, $s1, $s2, $s2]'
}
shares() { # S0 S1 S2: of 60 connections, in both families
	local i n vip expected=("$@")
	for vip in "${VIPS[@]}"; do
		connects "shares" "$vip" 80 60
		for i in 0 1 2; do
			n=${expected[i]}
			check_between "s$i got" "$(answered "s$i")" $((n ? n - 1 : 0)) \
				$((n ? n + 1 : 0))
		done
	done
}
reason() { # SERVER
	poise -j show servers | jq -r --arg s "s$1" \
		'[.servers[] | select(.server == $s).admin_reason] | unique | join(",")'
}

wait_for 5 "a file from before the start counts" -- states_are up up drain
shares 30 30 0
rm "$HERE/s2"
wait_for 5 "s2 is in" -- states_are up up up
shares 20 20 20

hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 30
touch "$HERE/s1"
wait_for 5 "s1 is out" -- states_are up drain up
check_equal "because of" "$(reason 1)" file
shares 30 0 30
use_held "$HELD" "$WORK/held.json"
check_json "connections of a server that is held go on" "$WORK/held.json" '.ok == 30'

last_check() { poise -j show servers web/s1 | jq -r '.servers[0].check.last'; }
before=$(last_check)
goes_on() { [ "$(last_check)" != "$before" ]; }
wait_for 5 "its check goes on" -- goes_on

poise set server web/s1 state drain
rm "$HERE/s1"
is_by_command() { [ "$(reason 1)" = command ]; }
wait_for 5 "the file is gone, the command is not" -- is_by_command
shares 30 0 30
touch "$HERE/s1"
is_by_both() { [ "$(reason 1)" = "command and file" ]; }
wait_for 5 "both keep it out" -- is_by_both
poise set server web/s1 state ready >"$WORK/ready"
check "which is told" -- \
	grep -q 'drain -> ready, but drained as long as a maintenance file holds it' "$WORK/ready"
check "the file keeps it out" -- states_are up drain up
check "and is named" -- grep -q '^web/s1 .* drain (file) ' <(poise show servers)
mv "$HERE/s1" "$HERE/s0"
wait_for 5 "renaming moves the hold" -- states_are drain up up
shares 0 30 30

touch "$HERE/s9" "$HERE/.s1.swp" "$HERE/s1~"
is_told() { grep -q "maintenance: $HERE/s9: no server has that name" "$LB_LOG"; }
wait_for 5 "a name that no server has is told" -- is_told
check_equal "warnings about names" "$(grep -c 'no server has that name' "$LB_LOG")" 1
check "files of editors hold nobody" -- states_are drain up up

rm -r "$HERE"
wait_for 5 "without the directory nobody is held" -- states_are up up up
mkdir "$HERE"
touch "$HERE/s2"
wait_for 5 "a new directory counts" -- states_are up up drain
touch "$HERE/s0"
wait_for 5 "and is watched" -- states_are drain up drain
touch "$HERE/s1"
wait_for 5 "all may be out" -- states_are drain drain drain
use_held "$HELD" "$WORK/held.json"
check_json "held connections outlive it all" "$WORK/held.json" '.ok == 30'

#!/bin/bash
# Claim: when a half of a service gets and loses its quorum, the pool's commands run, as nobody and
#        one at a time, and are told what has happened; one that fails is logged, no more.
#
#   client ---- lb (quorum = 2) ---- s0, s1, s2 (come and go)
#
# Needs: root. Time: about 12 s.
. "$(dirname "$0")/lib.sh"

topology 3
chmod 755 "$WORK"
mkdir -m 777 "$WORK/said"
cat >"$WORK/tell" <<'SCRIPT'
#!/bin/sh
folder=$(dirname "$0")/said
half=$POISE_FAMILY-$POISE_PROTOCOL
mkdir "$folder/runs-$half" || echo "two at once" >>"$folder/faults"
echo "$1 $POISE_EVENT $POISE_SERVICE $POISE_POOL $(id -un)" >>"$folder/$half"
sleep 0.3
rmdir "$folder/runs-$half"
if [ -e "$folder/fail" ]; then
	echo "no such peer" >&2
	exit 3
fi
SCRIPT
chmod 755 "$WORK/tell"
write_config <<END_OF_CONFIG
$(pool_of 3 "quorum = 2; quorum_up = [\"$WORK/tell\", \"got it\"];
  quorum_down = [\"$WORK/tell\", \"lost it\"];")
$(quick_checks)
services = { web = { vip = "v"; pool = "p"; port = 80; check = "quick"; }; };
END_OF_CONFIG

said() { cat "$WORK/said/$1-tcp" 2>/dev/null || true; }
has_said() { # LINES: in both families
	[ "$(said 4)" = "$1" ] && [ "$(said 6)" = "$1" ]
}
quorum_is() { # STATE WEIGHT
	poise -j show services | jq -e --arg s "$1" --arg w "$2" \
		'[.services[].quorum | select(.state == $s and .needed == 2
			and (.weight | tostring) == $w)] | length == 2'
}
up="got it quorum_up web p nobody"
down="lost it quorum_down web p nobody"

# One of three is there: all verdicts are known, and it is not enough.
serve 0 --tcp 80
start_lb
wait_for 10 "the quorum is not reached" -- quorum_is down 1
wait_for 5 "quorum_down was run" -- has_said "$down"
check "it is logged" -- grep -q "service web: quorum not reached: weight=1 quorum=2" "$LB_LOG"

serve 1 --tcp 80
wait_for 10 "the quorum is reached" -- quorum_is up 2
wait_for 5 "quorum_up was run" -- has_said "$down"$'\n'"$up"
serve 2 --tcp 80
wait_for 10 "more than that changes nothing" -- quorum_is up 3

# What a person takes out counts, too; coming and going at once, the last state wins.
for i in 1 2 3 4 5; do
	poise set server 'web/*' weight 0
	poise set server 'web/*' weight 1
done
poise set server 'web/*' state drain
check "a quorum follows a command at once" -- quorum_is down 0
last_is() { [ "$(said 4 | tail -n 1)" = "$1" ] && [ "$(said 6 | tail -n 1)" = "$1" ]; }
wait_for 10 "the last command told the last state" -- last_is "$down"
poise set server 'web/*' state ready
wait_for 10 "and again" -- last_is "$up"
check_between "runs for 14 changes" "$(said 4 | wc -l)" 4 8
check "never two at once" -- test ! -e "$WORK/said/faults"

touch "$WORK/said/fail"
stop_server 0 KILL
stop_server 1 KILL
wait_for 10 "the quorum is lost" -- quorum_is down 1
fails() { [ "$(grep -c 'quorum_down command: exit 3: no such peer' "$LB_LOG")" = 2 ]; }
wait_for 10 "a command that fails is logged" -- fails
for vip in "${VIPS[@]}"; do connects "what is up serves without quorum" "$vip" 80 10; done

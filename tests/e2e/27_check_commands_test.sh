#!/bin/bash
# Claim: `poise show health` tells how every check stands, --fail finds those that do not pass,
#        servers that are still up among them, and says so by exit status 6; `poise check run`
#        makes one check now, shows what was said, and counts for nobody.
#
#   client ---- lb ---- s0, s1 (dies)
#
# Needs: root. Time: about 8 s.
. "$(dirname "$0")/lib.sh"

topology 2
for i in 0 1; do serve "$i" --tcp 80; done
write_config <<END
$(pool_of 2)
checks = { slow = { type = "tcp"; interval = "60s"; timeout = "1s"; fall = 2; }; };
services = { web = { vip = "v"; pool = "p"; port = 80; check = "slow"; }; };
END
sed -i "s|^control = {|& read_only_socket = \"$WORK/ro.sock\";|" "$CONF"
start_lb
wait_servers_up 4

status_of() { # COMMAND...: its exit status; output in $WORK/out and $WORK/err
	local status=0
	"$@" >"$WORK/out" 2>"$WORK/err" || status=$?
	echo "$status"
}
check_equal "nothing fails" "$(status_of poise show health --fail)" 0
check_equal "and nothing is printed" "$(wc -c <"$WORK/out")" 0
poise -j show health >"$WORK/health.json"
check_json "four checks, all up" "$WORK/health.json" \
	'.health | length == 4 and all(.verdict == "up" and .check.type == "tcp")'

check_equal "a check passes" "$(status_of poise check run web/s1 -v)" 0
check "in both families" -- \
	test "$(grep -c "^web/s1 (IPv[46]): passed: connected in " "$WORK/out")" = 2
check "and was written down" -- grep -q '^  \* connected' "$WORK/out"

stop_server 1 KILL
check_equal "it fails now" "$(status_of poise check run web/s1)" 6
check "with the reason" -- grep -q '^web/s1 (IPv4): FAILED: connect: refused in ' "$WORK/out"
check_equal "once more" "$(status_of poise check run 'web/*')" 6
check_equal "four results" "$(wc -l <"$WORK/out")" 4
check_equal "which have made nobody down" "$(status_of poise show health --fail)" 0
poise -j check run web/s1 -v >"$WORK/run.json" || true
check_json "as JSON" "$WORK/run.json" \
	'.runs | length == 2 and all(.ok == false and .detail == "connect: refused"
		and .dialogue == ["* connect: refused"])'

check_equal "no such server" "$(status_of poise check run web/s9)" 4
check_equal "no server named" "$(status_of poise check run)" 2
check_equal "not on the read-only socket" \
	"$(status_of on lb "$POISE" -s "$WORK/ro.sock" check run web/s0)" 5

stop_lb
serve 1 --tcp 80
write_config <<END
$(pool_of 2)
checks = { patient = { type = "tcp"; interval = "500ms"; timeout = "400ms"; fall = 100; }; };
services = { web = { vip = "v"; pool = "p"; port = 80; check = "patient"; }; };
END
start_lb
wait_servers_up 4
check_equal "all pass again" "$(status_of poise show health --fail)" 0
stop_server 1 KILL
s1_fails_and_is() { # VERDICT: it alone, in both families
	poise -j show health --fail >"$WORK/fails.json" || true # exit status 6
	jq -e --arg verdict "$1" '.health | length == 2 and
		all(.server == "s1" and .verdict == $verdict and .check.ok == false)' \
		"$WORK/fails.json"
}
wait_for 5 "s1 fails, and is up" -- s1_fails_and_is up
check_equal "which does not pass" "$(status_of poise show health --fail)" 6

stop_lb
write_config <<END
$(pool_of 2)
$(quick_checks)
services = { web = { vip = "v"; pool = "p"; port = 80; check = "quick"; }; };
END
start_lb
wait_for 5 "both checks of s1 fail" -- s1_fails_and_is down
check_equal "exit status" "$(status_of poise show health --fail)" 6
check "the reason is there" -- grep -q 'web/s1 .* down .* connect: refused' "$WORK/out"

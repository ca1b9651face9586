#!/bin/bash
# Claim: every `poise show` has a form for people and one JSON document with "schema": 1; exit
#        status is 0 done, 2 usage, 3 no daemon, 4 no such object, and errors go to stderr.
#
#   poise ---- socket ---- poised
#
# Needs: root. Time: about 4 s.
. "$(dirname "$0")/lib.sh"

topology 2
for i in 0 1; do serve "$i" --tcp 80; done
write_web_config 2
start_lb
wait_servers_up 4
hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 6

for what in status services servers connections workers ports errors; do
	poise show "$what" >"$ART/$what.txt"
	check "show $what prints something" -- test -s "$ART/$what.txt"
	poise -j show "$what" >"$ART/$what.json"
	check_json "show $what as JSON" "$ART/$what.json" '.schema == 1'
done
check_json "services: two halves with two servers each" "$ART/services.json" \
	'.services | length == 2 and all(.servers | length == 2)'
check_json "servers: the address and the state" "$ART/servers.json" \
	".servers | map(select(.address == \"$(server4 1)\" and .state == \"up\")) | length == 1"
check_json "connections: six, of our client" "$ART/connections.json" \
	'.connections | map(select(.state == "ESTABLISHED")) | length == 6'
check_json "ports: two, as named in the file" "$ART/ports.json" \
	'.ports | map(.name // .port // .interface) | sort == ["lan", "wan"]'
poise -j show services web >"$WORK/one.json"
check_json "one service by name" "$WORK/one.json" '.services | length == 2'
poise -j show connections --count >"$WORK/count.json"
check "a count alone" -- grep -q '"schema"' "$WORK/count.json"

status_of() { # COMMAND...: its exit status; output in $WORK/out and $WORK/err
	local status=0
	"$@" >"$WORK/out" 2>"$WORK/err" || status=$?
	echo "$status"
}
check_equal "unknown word" "$(status_of poise show nonsense)" 2
check "is told on stderr" -- grep -q '^poise: error: ' "$WORK/err"
check_equal "nothing on stdout then" "$(wc -c <"$WORK/out")" 0
check_equal "bad weight" "$(status_of poise set server web/s0 weight 70000)" 2
check_equal "bad state" "$(status_of poise set server web/s0 state asleep)" 2
check_equal "no such service" "$(status_of poise show services wbe)" 4
check_equal "no such server" "$(status_of poise set server web/s9 weight 1)" 4
check "the nearest name is offered" -- grep -q 'did you mean' "$WORK/err"
check_equal "no daemon" "$(status_of on lb "$POISE" -s "$WORK/none.sock" show status)" 3
check_equal "an error as JSON" "$(status_of poise -j set server web/s9 weight 1)" 4
check "has code and message" -- \
	grep -q '"error"' <(cat "$WORK/err" "$WORK/out")

#!/bin/bash
# Claim: the web server answers what it should and refuses the rest, and whatever clients do to it
#        (nonsense, a byte a second, 500 at once, a name of others'), a stream through Poise goes on
#        and the control loop's turns stay short; a scrape of 1,000 services with 4 servers each
#        takes no longer than 200 ms.
#
#   client ---- lb (poised :9477, bad clients) ---- s0 .. s3
#
# Needs: root. Time: about 60 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/metrics.sh"

rough() { on lb /usr/bin/python3 "$ROOT/tests/e2e/http-rough.py" "$@"; }

topology 4
for i in 0 1 2 3; do serve "$i" --tcp 80; done
write_config <<-END
	$(pool_of 4)
	$(quick_checks)
	services = { web = { vip = "v"; pool = "p"; port = 80; check = "quick"; }; };
	$HTTP_CONFIG
END
start_lb
wait_servers_up 8

# What it answers.
for path in /healthz /readyz /active /metrics /api/v1/status /api/v1/history /; do
	check_equal "$path" "$(ask_status "$path")" 200
done
check_equal "a path that there is not" "$(ask_status /etc/passwd)" 404
check_equal "POST" "$(ask_status /metrics -d x=1)" 405
check_equal "DELETE" "$(ask_status /metrics -X DELETE)" 405
check_equal "HEAD" "$(ask -I -o "$WORK/headers" -w '%{http_code}' "$HTTP/healthz")" 200
check "a HEAD has the length" -- grep -qi '^content-length: 3' "$WORK/headers"
check "nosniff" -- grep -qi '^x-content-type-options: nosniff' "$WORK/headers"
check "no-store" -- grep -qi '^cache-control: no-store' "$WORK/headers"
check "no CORS, no cookie" -- sh -c "! grep -qiE '^(access-control|set-cookie)' '$WORK/headers'"
ask -D "$WORK/headers" -o /dev/null "$HTTP/"
check "the page has a CSP" -- grep -qi "^content-security-policy: default-src 'none'" \
	"$WORK/headers"
check_equal "a name of others'" "$(ask_status /metrics -H 'Host: evil.example.net')" 421
check_equal "the node's own name" "$(ask_status /metrics -H 'Host: lb:9477')" 200
check "said in a sentence" -- sh -c "$(declare -f on ask); NS=$NS; \
	ask -H 'Host: evil.example.net' $HTTP/ | grep -q http.hosts"

# The same as the commands say.
ask "$HTTP/api/v1/status" >"$WORK/status.json"
for part in services workers ports; do
	poise -j show "$part" | jq -S ".$part | map(.service // .port // .worker)" >"$WORK/cli"
	jq -S ".$part | map(.service // .port // .worker)" "$WORK/status.json" >"$WORK/api"
	check "status has what show $part has" -- cmp "$WORK/cli" "$WORK/api"
done
check_json "and the node" "$WORK/status.json" \
	'.status.node == "lb" and (.events | length) > 0 and .groups == [] and .schema == 1'
has_history() {
	ask "$HTTP/api/v1/history" >"$WORK/history.json"
	jq -e '.interval_seconds == 1 and (.samples | length) >= 3' "$WORK/history.json"
}
wait_for 10 "three seconds of history" -- has_history

# Bad manners, while a client talks through Poise.
background CHATTING on client "$PEER" chat --to "$VIP4" --port 80 --interval 5 --duration 50000 \
	>"$WORK/chat.json"
long_before=$(turns_over 0.02)
check_equal "malformed requests are refused, all" "$(rough malformed 127.0.0.1 9477)" 16
background SLOW rough slow 127.0.0.1 9477 60 >"$WORK/slow.json"
sleep 1
check_equal "beside 60 slow ones somebody is answered" "$(ask_status /healthz)" 200
wait "$SLOW"
check_json "who is slow is cut off in about 10 s" "$WORK/slow.json" \
	'.closed == 60 and .longest < 20'
check_equal "answers to 500 clients at once" "$(rough crowd 127.0.0.1 9477 500 /metrics)" 5000
check_equal "it answers still" "$(ask_status /healthz)" 200
connections() { on lb ss -Htn state established '( sport = :9477 )' | wc -l; }
is_quiet() { [ "$(connections)" -le 1 ]; }
wait_for 15 "no connection is left behind" -- is_quiet
check_between "turns of the control loop above 20 ms meanwhile" \
	$(($(turns_over 0.02) - long_before)) 0 3
wait "$CHATTING"
check_json "the stream went on" "$WORK/chat.json" '.lost == 0'
stop_lb

# A large site.
{
	sed '/^services = /,$d' "$CONF"
	echo "$HTTP_CONFIG"
	echo "services = {"
	for ((i = 0; i < 1000; i++)); do
		echo "s$i = { vip = \"v\"; pool = \"p\"; port = $((10000 + i)); };"
	done
	echo "};"
} >"$WORK/large.conf"
sed -i "s/\"$VIP4\", \"$VIP6\"/\"$VIP4\"/" "$WORK/large.conf"
mv "$WORK/large.conf" "$CONF"
start_lb
wait_servers_up 4000
long_before=$(turns_over 0.005)
fastest=999999
for _ in 1 2 3 4 5 6 7 8 9 10; do
	took=$(ask -H 'Accept-Encoding: gzip' -o "$WORK/large.gz" -w '%{time_total}' \
		"$HTTP/metrics" | awk '{ printf "%d", $1 * 1000 }')
	[ "$took" -ge "$fastest" ] || fastest=$took
done
say "$(gunzip <"$WORK/large.gz" | grep -vc '^#') series, $(stat -c %s "$WORK/large.gz") bytes"
if [ "$SCALE" -ge 100 ]; then # else it measures the sanitizers
	check_between "ms of the fastest of ten scrapes" "$fastest" 0 200
	check_between "turns above 5 ms in ten scrapes" \
		$(($(turns_over 0.005) - long_before)) 0 3
fi
check_equal "that there are many series is said once" \
	"$(grep -c 'http.server_metrics = false' "$LB_LOG")" 1

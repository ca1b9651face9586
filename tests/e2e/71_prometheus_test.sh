#!/bin/bash
# Claim: a real Prometheus that scrapes a real Poise has data for every query of the dashboard; no
#        alert fires while all is well, and each fires when its condition is caused.
#
#   client ---- lb (poised, prometheus) ---- s0, s1
#
# The rules are the packaged ones, but quicker: "for" is 1 s, windows are 15 s. At the end a worker
# counts as saturated at 2 %, as nobody can saturate one reliably on a busy machine. Two alerts have
# conditions that one node cannot be in (half of a group is master; a reload is refused): those are
# tested by packaging/prometheus/poise.rules.test.yml, with all the others, as it is.
#
# Needs: root, prometheus, ptrace. Time: about 90 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/metrics.sh"

[ "$SCALE" -ge 100 ] || skip "a sanitizer's build has nothing to add to it"
command -v prometheus >/dev/null || skip "needs prometheus"
PACKAGED=$ROOT/packaging/prometheus
DASHBOARD=$ROOT/packaging/grafana/poise.json
PROM=http://127.0.0.1:9090

dashboard() { /usr/bin/python3 "$ROOT/tests/e2e/dashboard.py" "$@"; }

promtool check rules "$PACKAGED/poise.rules.yml" >"$ART/rules.txt"
(cd "$PACKAGED" && promtool test rules poise.rules.test.yml) >"$ART/tests.txt" 2>&1 ||
	fail "$(cat "$ART/tests.txt")"
say "ok: the packaged rules pass their own tests"
promtool check config "$PACKAGED/prometheus.yml" >"$ART/config.txt"
check_equal "metrics that the dashboard names and docs/metrics.md does not" \
	"$(dashboard names "$DASHBOARD" "$ROOT/docs/metrics.md")" ""

topology 2
serve 0 --tcp 80
serve 1 --tcp 80
write_config connections=1k <<-END
	$(pool_of 2)
	checks = { quick = { type = "tcp"; interval = "300ms"; timeout = "300ms";
	  retry = "100ms"; fall = 1; rise = 1; }; };
	services = { web = { vip = "v"; pool = "p"; port = 80; check = "quick"; }; };
	vrrp = { groups = { g = { priority = 200; advert = "100ms";
	  instances = {
	    wan4 = { interface = "wan"; family = 4; vrid = 10; vip = "v"; };
	    wan6 = { interface = "wan"; family = 6; vrid = 11; vip = "v";
	      link_local = "fe80::11"; };
	  }; }; }; };
	$HTTP_CONFIG
END
start_lb
wait_servers_up 4

# The packaged rules, in a hurry.
sed -E 's/for: .*/for: 1s/; s/\[(5|15)m\]/[15s]/g; s/ > 6$/ > 3/' \
	"$PACKAGED/poise.rules.yml" >"$WORK/poise.rules.yml"
sed 's/: 5s/: 1s/' "$PACKAGED/prometheus.yml" >"$WORK/prometheus.yml"
background PROMETHEUS on lb prometheus --config.file "$WORK/prometheus.yml" \
	--storage.tsdb.path "$WORK/prometheus" --web.listen-address 127.0.0.1:9090 \
	>"$ART/prometheus.log" 2>&1

query() { # EXPR: how many series it gives
	ask --data-urlencode "query=$1" "$PROM/api/v1/query" | jq -e '.data.result | length'
}
has_data() { [ "$(query "$1")" -gt 0 ]; }
firing() { # ALERT
	[ "$(query "ALERTS{alertname=\"$1\",alertstate=\"firing\"}")" -gt 0 ]
}
all_firing() {
	ask --data-urlencode 'query=ALERTS{alertstate="firing"}' "$PROM/api/v1/query" |
		jq -r '[.data.result[].metric.alertname] | unique | join(" ")'
}
nothing_fires() { [ -z "$(all_firing)" ]; }
fires() { # ALERT SECONDS
	wait_for "$2" "$1 fires" -- firing "$1"
	say "ok: $1 fires"
}

wait_for 30 "Prometheus has scraped" -- has_data 'up{job="poise"} == 1'
background CHATTING on client "$PEER" chat --to "$VIP4" --port 80 --interval 50 \
	--duration 600000 >/dev/null 2>&1
for _ in 1 2 3; do # rates need two samples
	connects "some load" "$VIP4" 80 5
	connects "some load" "$VIP6" 80 5
	sleep 1
done
all_queries() {
	on lb /usr/bin/python3 "$ROOT/tests/e2e/dashboard.py" check "$DASHBOARD" "$PROM" \
		>"$ART/empty.txt"
}
wait_for 40 "every query of the dashboard gives data (see empty.txt)" -- all_queries
check_between "queries of the dashboard that have data" \
	"$(dashboard queries "$DASHBOARD" | wc -l)" 25 100
wait_for 40 "no alert while all is well" -- nothing_fires
# and none comes: 10 more evaluations
sleep 10
check_equal "alerts in a healthy run" "$(all_firing)" ""

# Servers.
stop_server 0
fires PoiseServerDown 30
check_equal "nothing else, as one server is left" "$(all_firing)" "PoiseServerDown"
stop_server 1
fires PoiseServiceDown 30
for _ in 1 2 3 4; do
	serve 0 --tcp 80
	sleep 1
	stop_server 0
	sleep 1
done
fires PoiseServerFlapping 30
serve 0 --tcp 80
serve 1 --tcp 80
wait_servers_up 4
wait_for 60 "all is well again" -- nothing_fires

# The table: 900 of 1,024.
hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 900 --concurrency 300
fires PoiseConnectionTableFilling 30

# A worker that works, then one that does not fetch its packets.
sed -i 's/> 0\.9$/> 0.02/' "$WORK/poise.rules.yml"
kill -HUP "$PROMETHEUS"
background LOADING on client "$PEER" stream --to "$VIP6" --port 80 --bytes 20000000000 --seed 1 \
	>/dev/null 2>&1
fires PoiseWorkerSaturated 60
end "$HELD"
background HOLDER /usr/bin/python3 "$ROOT/tests/e2e/hold-thread.py" "$LB_PID" rte-worker-1 2000 \
	>"$WORK/holder"
wait_for 5 "the worker is held" -- grep -q held "$WORK/holder"
# to a server: for the VIPs the node gives up its lease while a worker stands
background FLOOD on client "$PEER" connect --udp --to "$(server4 0)" --port 9 --count 20000 \
	--concurrency 20000 --timeout 1000 >/dev/null 2>&1
fires PoisePacketsMissed 40
end "$LOADING" KILL
end "$FLOOD" KILL
wait "$HOLDER" || true

# Nobody is master: the link is gone.
ip -n "$NS-client" link set eth0 down
fires PoiseMasterCount 30
ip -n "$NS-client" link set eth0 up
wait_for 20 "master again" -- lb_serves

# Nobody answers.
stop_lb
fires PoiseAbsent 30

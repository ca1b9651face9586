#!/bin/bash
# Claim: the metrics are well-formed, and exact: connections, packets and bytes of a known load are
#        what the kernels at both ends have counted; so are drops of a service and other packets.
#
#   client ---- lb ---- s0, s1
#               :9477 /metrics
#
# Needs: root, promtool (package prometheus). Time: about 10 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/metrics.sh"

command -v promtool >/dev/null || skip "needs promtool"
topology 2
for i in client s0 s1; do # one packet on the wire is one packet in a counter
	on "$i" ethtool -K eth0 gso off gro off tso off >/dev/null 2>&1
done
serve 0 --tcp 80
serve 1 --tcp 80
write_config <<-END
	$(pool_of 2)
	$(quick_checks)
	services = {
	  web = { vip = "v"; pool = "p"; port = 80; check = "quick"; };
	  other = { vip = "v"; pool = "p"; port = 81; }; };
	$HTTP_CONFIG
END
start_lb
wait_servers_up 8

scrape
check "promtool has nothing to complain about" -- \
	sh -c "promtool check metrics <'$WORK/scrape.txt' >'$ART/promtool.txt' 2>&1"
check_equal "it had nothing to say either" "$(cat "$ART/promtool.txt")" ""
ask -D "$WORK/headers" -o "$WORK/gzipped" -H 'Accept-Encoding: gzip' "$HTTP/metrics"
check "compressed when asked" -- grep -qi '^content-encoding: gzip' "$WORK/headers"
check "and readable then" -- sh -c "gunzip <'$WORK/gzipped' | grep -q '^poise_build_info{'"
check "by its version" -- grep -qi '^content-type: text/plain; version=0.0.4' "$WORK/headers"
check "every counter is there before the first event" -- grep -qF \
	'poise_service_drops_total{service="web",family="ipv6",reason="table_full"} 0' \
	"$WORK/scrape.txt"

# What comes out of lb, as the kernels at both ends see it: what goes in, they count before it is
# cut into segments.
count_from() { # WHO PORTS ADDRESS4 ADDRESS6
	on "$1" nft -f - <<-END
		table inet count {
		  counter from4 { }
		  counter from6 { }
		  chain in {
		    type filter hook prerouting priority -350;
		    ip saddr $3 tcp $2 80 counter name from4
		    ip6 saddr $4 tcp $2 80 counter name from6
		  }
		}
	END
}
count_from client sport "$VIP4" "$VIP6"
count_from s0 dport "$CLIENT4" "$CLIENT6"
count_from s1 dport "$CLIENT4" "$CLIENT6"

connects "IPv4" "$VIP4" 80 200
connects "IPv6" "$VIP6" 80 100
on client "$PEER" stream --to "$VIP4" --port 80 --bytes 3000000 --seed 7 >"$WORK/stream.back"
check_equal "bytes came back" "$(stat -c %s "$WORK/stream.back")" 3000000

at() { # WHO 4|6 packets|bytes
	on "$1" nft -j list counter inet count "from$2" |
		jq --arg f "$3" '.nftables[] | select(.counter) | .counter[$f]'
}
counted() { # in|out 4|6 packets|bytes
	if [ "$1" = out ]; then
		at client "$2" "$3"
	else
		echo $(($(at s0 "$2" "$3") + $(at s1 "$2" "$3")))
	fi
}
web() { metric "poise_service_$1{service=\"web\",family=\"$2\"${3:+,$3}}"; }

# The last FINs may be under way.
settled() {
	scrape && [ "$(web packets_total ipv4 'direction="in"')" = "$(counted in 4 packets)" ]
}
wait_for 5 "all packets are counted at both ends" -- settled

scrape
check_equal "connections, IPv4" "$(web connections_total ipv4)" 201
check_equal "connections, IPv6" "$(web connections_total ipv6)" 100
for f in 4 6; do
	for d in in out; do
		check_equal "packets $d, IPv$f" "$(web packets_total "ipv$f" "direction=\"$d\"")" \
			"$(counted "$d" "$f" packets)"
		check_equal "bytes $d, IPv$f" "$(web bytes_total "ipv$f" "direction=\"$d\"")" \
			"$(counted "$d" "$f" bytes)"
	done
done
of_servers() { # NAME MORE: sum over both
	local i sum=0 labels
	for i in 0 1; do
		labels="service=\"web\",family=\"ipv4\",server=\"s$i\"${2:+,$2}"
		sum=$((sum + $(metric "poise_server_$1{$labels}")))
	done
	echo "$sum"
}
check_equal "servers' connections are the service's" "$(of_servers connections_total)" 201
check_equal "their packets too" "$(of_servers packets_total 'direction="in"')" \
	"$(counted in 4 packets)"
check_equal "a handshake was timed for each connection" \
	"$(of_servers handshake_seconds_count)" 201
check_equal "connections created, in the worker's table" \
	"$(metric 'poise_connections_created_total{worker="0"}')" 301

# Drops: with their service, and outside of all.
poise set server 'other/*' state maint >/dev/null
on client "$PEER" connect --to "$VIP4" --port 81 --count 10 >/dev/null 2>&1 || true
wait_for 5 "drops for want of a server" -- metric_is \
	'poise_service_drops_total{service="other",family="ipv4",reason="no_server"}' 10
check_equal "they are not among those outside services" \
	"$(metric 'poise_drops_total{reason="no_server"}')" 0
check_equal "nor another service's" "$(web drops_total ipv4 'reason="no_server"')" 0

check_equal "state: maint" \
	"$(metric 'poise_server_state{service="other",family="ipv4",server="s0",state="maint"}')" 1
check_equal "state: not up" \
	"$(metric 'poise_server_state{service="other",family="ipv4",server="s0",state="up"}')" 0
check_equal "up" "$(metric 'poise_server_up{service="other",family="ipv4",server="s0"}')" 0

# Checks: counted, with the time-outs of a server that does not answer.
on s0 nft -f - <<-END
	table inet mute {
	  chain in {
	    type filter hook input priority 0;
	    tcp dport 80 drop
	  }
	}
END
check_runs='poise_check_runs_total{service="web",family="ipv4",server="s0",check="quick",result'
timed_out() { scrape && [ "$(metric "$check_runs=\"timeout\"}")" -ge 2 ]; }
wait_for 5 "time-outs are counted" -- timed_out
check_between "and what went well before" "$(metric "$check_runs=\"ok\"}")" 1 1000
down='poise_check_transitions_total{service="web",family="ipv4",server="s0",check="quick"}'
wait_for 5 "one change to down" -- metric_is "$down" 1

# What there is for a burst: as many packets as were received.
worker=$(grep -o '{worker="0",cpu="[0-9]*"}' "$WORK/scrape.txt" | head -n 1)
check_equal "packets in bursts" "$(metric "poise_worker_burst_size_sum$worker")" \
	"$(metric "poise_worker_packets_total$worker")"

# Without servers' families.
stop_lb
sed -i 's/http = {/http = { server_metrics = false;/' "$CONF"
start_lb
scrape
check "no series of servers when they are switched off" -- \
	sh -c "! grep -qE '^poise_(server|check)_' '$WORK/scrape.txt'"
check "those of services are there" -- grep -q '^poise_service_info{' "$WORK/scrape.txt"

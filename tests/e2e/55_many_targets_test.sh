#!/bin/bash
# Claim: with 2,000 targets (1,600 tcp, 300 http, 100 https) at 1 s, of which 5 % flap, all verdicts
#        are right and in time, the control loop keeps its budget of 5 ms, CPU time and memory are
#        flat, and no descriptor is lost.
#
#   lb (2,000 checks) ---- s0 with 150 addresses of each family: nginx on all of them
#        100 servers x 8 ports x 2 families: tcp;  150 servers x 2: http;  50 servers x 2: https
#
# The flapping: in s0 a set of (address, port) is refused by nftables, another one each round.
#
# POISE_SOAK=600 runs it for ten minutes (60 s otherwise), as root, outside of the suite:
#   POISE_SOAK=600 tests/e2e/55_many_targets_test.sh
#
# Needs: root. Time: about 65 s. Not for sanitizer builds: it measures.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

SOAK=${POISE_SOAK:-60}
SEED=${POISE_SEED:-$((RANDOM * 32768 + RANDOM))}
N_SERVERS=150
N_TCP=100   # of them, on each of
TCP_PORTS=8 # ports from 8001 on
N_HTTPS=50
FLAPPING=100
BUDGET_MS=5
INTERVAL=1000 TIMEOUT=500 RETRY=200 # ms; fall 2, rise 2
REFUSED_MS=$(((INTERVAL + RETRY) * 110 / 100))
UP_MS=$((2 * INTERVAL * 110 / 100))

[ "$SCALE" -ge 100 ] || skip "measures CPU time and the control loop, in a slow build"
say "${SOAK} s; again with: POISE_SEED=$SEED POISE_SOAK=$SOAK $0"
topology 1
watch_stalls

# ---- the targets --------------------------------------------------------------------------------

target4() { echo "198.51.100.$((100 + $1))"; }
target6() { echo "2001:db8:0:2::$((1000 + $1))"; }

make_targets() {
	local i
	for ((i = 0; i < N_SERVERS; i++)); do
		echo "addr add $(target4 "$i")/24 dev eth0"
		echo "addr add $(target6 "$i")/64 dev eth0 nodad"
	done | ip -n "$NS-s0" -batch -
	on s0 nft "add table inet flap
		add set inet flap closed4 { type ipv4_addr . inet_service; }
		add set inet flap closed6 { type ipv6_addr . inet_service; }
		add chain inet flap in { type filter hook input priority 0; }
		add rule inet flap in ip daddr . tcp dport @closed4 reject with tcp reset
		add rule inet flap in ip6 daddr . tcp dport @closed6 reject with tcp reset"
	use_certificate 0 good
	launch_nginx
}

launch_nginx() {
	local dir port
	dir=$(folder 0 nginx)
	mkdir -p "$dir"
	make_nginx 0 "$dir"
	for ((port = 8001; port <= 8000 + TCP_PORTS; port++)); do
		sed -i "s/listen 80;/listen $port; listen [::]:$port; &/" "$dir/nginx.conf"
	done
	touch "$dir/made"
	start nginx 0
}

# ---- the configuration --------------------------------------------------------------------------

pool_of_targets() { # NAME N
	local i
	echo "$1 = { servers = {"
	for ((i = 0; i < $2; i++)); do
		echo "  t$i = { address = [\"$(target4 "$i")\", \"$(target6 "$i")\"]; };"
	done
	echo "}; };"
}

targets_config() {
	local i
	echo "pools = {"
	pool_of_targets tcp $N_TCP
	pool_of_targets http $N_SERVERS
	pool_of_targets https $N_HTTPS
	echo "};"
	echo "check_defaults = { interval = \"${INTERVAL}ms\"; timeout = \"${TIMEOUT}ms\";"
	echo "  retry = \"${RETRY}ms\"; fall = 2; rise = 2; };"
	echo 'checks = { tcp = { type = "tcp"; }; http = { type = "http"; };'
	echo "  https = { type = \"http\"; tls = \"implicit\"; sni = \"$MAIL_NAME\";"
	echo "    ca_file = \"$TLS/ca.pem\"; }; };"
	echo "services = {"
	for ((i = 1; i <= TCP_PORTS; i++)); do
		echo "  tcp$i = { vip = \"v\"; pool = \"tcp\"; port = $((8000 + i));"
		echo '    check = "tcp"; };'
	done
	echo '  http = { vip = "v"; pool = "http"; port = 80; check = "http"; };'
	echo '  https = { vip = "v"; pool = "https"; port = 443; check = "https"; };'
	echo "};"
}

# ---- flapping -----------------------------------------------------------------------------------

# A line for each target: address, port, state, since in ms, words.
verdicts() {
	poise -j show servers | jq -r '
		def ms: (.[:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
		.servers[] | [.address, .port, .state, (.check.since | ms), .check.detail] | @tsv' |
		sort
}

choose_targets() { # ROUND
	verdicts | cut -f 1,2 | awk -v seed=$((SEED + $1)) '
		BEGIN { srand(seed) } { printf "%.9f\t%s\n", rand(), $0 }' | sort |
		awk -v n="$FLAPPING" 'NR <= n' | cut -f 2- | sort
}

# set_refused add|delete: what is in $WORK/flap.
set_refused() {
	awk -v what="$1" '{
		set = index($1, ":") ? "closed6" : "closed4"
		printf "%s element inet flap %s { %s . %s }\n", what, set, $1, $2
	}' "$WORK/flap" >"$WORK/flap.nft"
	on s0 nft -f - <"$WORK/flap.nft"
}

down_targets() { verdicts | awk -F '\t' -v OFS='\t' '$3 != "up" { print $1, $2 }'; }
only_flapping_down() { cmp -s "$WORK/flap" <(down_targets); }
none_down() { [ -z "$(down_targets)" ]; }

LATEST_DOWN=0 LATEST_UP=0
latest() { # SINCE: ms until the last verdict of those in $WORK/flap
	verdicts | awk -F '\t' -v t="$1" '
		NR == FNR { flaps[$1, $2]; next }
		($1, $2) in flaps && $4 - t > most { most = $4 - t }
		END { print most + 0 }' "$WORK/flap" -
}

# Exactly these are down, and nothing else has moved; then all are up again.
flap() { # ROUND
	local began ms
	choose_targets "$1" >"$WORK/flap"
	began=$(now_ms)
	set_refused add
	wait_for 15 "round $1: the $FLAPPING targets that refuse are down" -- only_flapping_down
	ms=$(($(latest "$began") - $(stalled_since "$began")))
	[ "$ms" -le "$LATEST_DOWN" ] || LATEST_DOWN=$ms
	check_between "round $1: verdicts that moved" "$(moved_since "$began")" \
		"$FLAPPING" "$(may_move "$began")"
	began=$(now_ms)
	set_refused delete
	wait_for 15 "round $1: all are up again" -- none_down
	ms=$(($(latest "$began") - $(stalled_since "$began")))
	[ "$ms" -le "$LATEST_UP" ] || LATEST_UP=$ms
	check_between "round $1: verdicts that moved back" "$(moved_since "$began")" \
		"$FLAPPING" "$(may_move "$began")"
}
# A machine that stood still for long has made good servers late, too.
may_move() { [ "$(stalled_since "$1")" -lt 300 ] && echo "$FLAPPING" || echo 2000; } # SINCE
moved_since() { verdicts | awk -F '\t' -v t="$1" '$4 >= t' | wc -l; }

# ---- figures ------------------------------------------------------------------------------------

# "CPU_TICKS RSS_KIB DESCRIPTORS" of poised.
figures() {
	local fds=("/proc/$LB_PID/fd"/*)
	echo "$(awk '{ print $14 + $15 }' "/proc/$LB_PID/stat")" \
		"$(awk '/^VmRSS/ { print $2 }' "/proc/$LB_PID/status")" "${#fds[@]}"
}

TICKS=$(getconf CLK_TCK)
sample() { # appends "SECONDS CPU_PERCENT RSS_KIB DESCRIPTORS"
	local now ticks rss fds
	read -r ticks rss fds < <(figures)
	now=$(now_ms)
	if [ -n "${LAST_MS:-}" ]; then
		echo "$(((now - BEGAN_MS) / 1000))" \
			"$(((ticks - LAST_TICKS) * 100000 / TICKS / (now - LAST_MS)))" \
			"$rss" "$fds" |
			tee -a "$ART/figures" |
			awk '{ printf "   at %3d s: CPU %3d %%, memory %d KiB, %d descriptors\n",
				$1, $2, $3, $4 }'
	fi
	LAST_MS=$now LAST_TICKS=$ticks
}

# mean COLUMN FROM TO: of the samples whose number is between these parts (percent) of all.
mean() {
	awk -v c="$1" -v from="$2" -v to="$3" '{ v[NR] = $c }
		END { for (i = 1; i <= NR; i++) if (i * 100 > NR * from && i * 100 <= NR * to) {
			n++; sum += v[i] } printf "%d\n", sum / n }' "$ART/figures"
}

# least COLUMN FROM TO: likewise. What is lost never comes back, a burst does.
least() {
	awk -v c="$1" -v from="$2" -v to="$3" '{ v[NR] = $c }
		END { for (i = 1; i <= NR; i++) if (i * 100 > NR * from && i * 100 <= NR * to)
			if (!n++ || v[i] < low) low = v[i]
		print low }' "$ART/figures"
}

control_loop() {
	poise -j show status | jq -c .control_loop
}

# ---- what happens -------------------------------------------------------------------------------

make_targets
write_config < <(targets_config)
ulimit -n 16384
start_lb
wait_servers_up 2000

# The start is not part of it: all targets are probed at once then.
control_loop >"$ART/control-loop.before"
BEGAN_MS=$(now_ms)
sample
round=0
while [ "$(now_ms)" -lt $((BEGAN_MS + SOAK * 1000)) ]; do
	round=$((round + 1))
	flap $round
	sample
done
control_loop >"$ART/control-loop.after"

say "$round rounds; control loop: $(cat "$ART/control-loop.after")"
check_between "last of the verdicts of a refusal, ms" "$LATEST_DOWN" 0 "$REFUSED_MS"
check_between "last of the verdicts of a return, ms" "$LATEST_UP" 0 "$UP_MS"
first=$(mean 2 0 50) second=$(mean 2 50 100)
check_between "CPU in the second half, percent (in the first: $first)" "$second" \
	0 $((first * 120 / 100 + 3))
first=$(mean 3 0 50) second=$(mean 3 50 100)
check_between "memory in the second half, KiB (in the first: $first)" "$second" \
	0 $((first + 2048))
first=$(least 4 0 50) second=$(least 4 50 100)
check_between "least descriptors in the second half (in the first: $first)" "$second" \
	0 $((first + 20))
over_budget() {
	jq -s --argjson budget "$BUDGET_MS" '
		def over: [.buckets[] | select(.le == null or .le * 1000 > $budget) | .count] | add;
		(.[1] | over) - (.[0] | over)' "$ART/control-loop.before" "$ART/control-loop.after"
}
# one in ten thousand for a machine that stands still
check_between "turns of the control loop over $BUDGET_MS ms" "$(over_budget)" \
	0 $(($(jq .turns_total "$ART/control-loop.after") / 10000))

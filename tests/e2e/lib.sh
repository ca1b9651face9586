#!/bin/bash
# What every end-to-end test uses: a topology of network namespaces, the two programs under test,
# peers, waiting for conditions, and the checks that end each test. Source it first.
#
#   client ------- wan ------- lb ------- lan (a bridge) ------- s0, s1, ...
#   203.0.113.20           .1      198.51.100.1              198.51.100.10, .11, ...
#   2001:db8:0:1::20      ::1      2001:db8:0:2::1           2001:db8:0:2::10, ::11, ...
#   lo: 192.0.2.20             VIP 203.0.113.10, 2001:db8:0:1::10
#       2001:db8:0:9::20
#
# In "lb" the interfaces are eth0 (wan) and eth1 (lan), as in docs/examples/mail-basic.conf. The
# addresses on the client's lo stand for the rest of the world: lb reaches them by a route via
# the client. Servers have lb as their default gateway.
#
# With POISE_PORTS=packet or =tap, lb's ports are DPDK's net_af_packet or net_tap instead of AF_XDP:
# lb's own addresses are then on the TAPs that Poise makes, "wan" and "lan" ($LB_WAN, $LB_LAN).
#
# A test ends by falling off its end (passed), by `skip WHY` (exit 77), or by any failing command.
# Variables from outside: POISE_BUILD (build folder under test), POISE_PEER (the peer program),
# POISE_PORTS, POISE_ARTIFACTS (folder for logs and captures; kept), POISE_TEST_SCALE (percent;
# sanitizer builds are slow).
# shellcheck disable=SC2034  # variables are for the tests
set -eEuo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TEST_NAME=$(basename "$0" _test.sh)
BUILD=${POISE_BUILD:-$ROOT/build}
PEER=${POISE_PEER:-$ROOT/build/tests/peer}
POISED=$BUILD/control/poised
POISE=$BUILD/tools/poise
SCALE=${POISE_TEST_SCALE:-100}
PORT_KIND=${POISE_PORTS:-xdp}
PORT_MTU= # of lb's ports: none said

NS=poise-e${TEST_NAME%%_*}-$$
WORK=$(mktemp -d "/tmp/poise-e2e-$TEST_NAME.XXXXXX")
ART=${POISE_ARTIFACTS:-$WORK/artifacts}
CONF=$WORK/poise.conf
SOCKET=$WORK/poise.sock
LB_LOG=$ART/poised-1.log # one for each start

VIP4=203.0.113.10
VIP6=2001:db8:0:1::10
LB_WAN4=203.0.113.1
LB_WAN6=2001:db8:0:1::1
LB_LAN4=198.51.100.1
LB_LAN6=2001:db8:0:2::1
CLIENT4=203.0.113.20
CLIENT6=2001:db8:0:1::20
WORLD4=192.0.2.20
WORLD6=2001:db8:0:9::20
server4() { echo "198.51.100.1$1"; }
server6() { echo "2001:db8:0:2::1$1"; }
VIPS=("$VIP4" "$VIP6")
# The kernel interfaces with lb's addresses, and the one that the port "wan" takes packets from.
LB_WAN=wan LB_LAN=lan LB_WAN_BELOW=eth0
[ "$PORT_KIND" != xdp ] || LB_WAN=eth0 LB_LAN=eth1
[ "$PORT_KIND" != tap ] || LB_WAN_BELOW=ptap0

SERVERS=0
QUEUES=1 # of the veths in front of and behind lb, each way; set before `topology`
LB_PID=
LB_PID_FILE=$WORK/poised.pid
LB_RAN=0

# ---- saying -------------------------------------------------------------------------------------

say() { printf '   %s\n' "$*"; }

fail() {
	printf '   FAILED: %s\n' "$*" >&2
	exit 1
}

skip() {
	printf 'skipped: %s\n' "$*"
	exit 77
}

# check CLAIM -- COMMAND...: the test fails unless the command succeeds.
check() {
	local claim=$1
	shift 2
	if "$@" >/dev/null; then
		say "ok: $claim"
	else
		fail "$claim ($*)"
	fi
}

# check_equal CLAIM IS EXPECTED
check_equal() {
	[ "$2" = "$3" ] || fail "$1: is \"$2\", expected \"$3\""
	say "ok: $1: $2"
}

# check_between CLAIM IS LEAST MOST
check_between() {
	if ! { [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; }; then # nor what is no number
		fail "$1: is $2, expected $3 to $4"
	fi
	say "ok: $1: $2 ($3 to $4)"
}

# check_json CLAIM FILE JQ_FILTER: the filter must give true for the file's last document.
check_json() {
	jq -es "last | $3" "$2" >/dev/null 2>&1 || fail "$1: $3 is false in: $(tail -c 2000 "$2")"
	say "ok: $1"
}

# wait_for SECONDS WHAT -- COMMAND...: tries every 50 ms; in a slow build thrice as long.
wait_for() {
	local seconds=$1 what=$2 end
	shift 3
	[ "$SCALE" -ge 100 ] || seconds=$((seconds * 3))
	end=$(($(now_ms) + seconds * 1000))
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || fail "not within ${seconds} s: $what"
		sleep 0.05
	done
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# scaled N: N, or the part of it that a slow build gets.
scaled() { echo $(($1 * SCALE / 100)); }

# ---- namespaces ---------------------------------------------------------------------------------

on() {
	local who=$1
	shift
	ip netns exec "$NS-$who" "$@"
}

new_namespace() {
	ip netns add "$NS-$1"
	# Addresses are usable at once; the tests are about Poise and not about duplicate
	# address detection.
	on "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 \
		net.ipv4.ip_local_port_range="1024 65535" net.core.somaxconn=16384 \
		net.ipv4.tcp_max_syn_backlog=16384
	ip -n "$NS-$1" link set lo up
}

# link A IF_A B IF_B [QUEUES]
link() {
	local queues=${5:-1}
	ip link add "$2" netns "$NS-$1" numrxqueues "$queues" numtxqueues "$queues" \
		type veth peer name "$4" netns "$NS-$3" \
		numrxqueues "$queues" numtxqueues "$queues"
	ip -n "$NS-$1" link set "$2" up
	ip -n "$NS-$3" link set "$4" up
}

# AF_XDP hands packets over as they lie in memory: their checksums must be there.
checksums_in_software() { on "$1" ethtool -K eth0 tx off >/dev/null; }

add_address() { # WHO IF ADDRESS4/LEN ADDRESS6/LEN
	ip -n "$NS-$1" addr add "$3" dev "$2"
	ip -n "$NS-$1" addr add "$4" dev "$2" nodad
}

# What the driver below a port takes, the kernel must not see: it would answer the SYNs.
# lb_port N ADDRESS4/LEN ADDRESS6/LEN: lb's ethN, as $PORT_KIND wants it.
lb_port() {
	local interface=eth$1 tap=ptap$1
	case $PORT_KIND in
	xdp)
		add_address lb "$interface" "$2" "$3"
		return
		;;
	packet)
		on lb nft "add table netdev t$1
			add chain netdev t$1 in {
				type filter hook ingress device $interface priority 0; }
			add rule netdev t$1 in drop"
		;;
	tap) # the wire behind the driver's TAP
		ip -n "$NS-lb" tuntap add mode tap multi_queue name "$tap"
		ip -n "$NS-lb" link set "$tap" txqueuelen 10000 up
		on lb sysctl -qw "net.ipv6.conf.$tap.disable_ipv6=1"
		on lb nft "add table netdev t$1
			add chain netdev t$1 in {
				type filter hook ingress device $interface priority 0; }
			add rule netdev t$1 in fwd to $tap
			add chain netdev t$1 out {
				type filter hook ingress device $tap priority 0; }
			add rule netdev t$1 out fwd to $interface"
		;;
	*) fail "POISE_PORTS is \"$PORT_KIND\": not xdp, packet or tap" ;;
	esac
	on lb sysctl -qw "net.ipv6.conf.$interface.disable_ipv6=1"
}

# The configuration of lb's ports.
port_config() {
	local mtu=${PORT_MTU:+mtu = $PORT_MTU;}
	local wan="addresses = [\"$LB_WAN4/24\", \"$LB_WAN6/64\"]; $mtu"
	local lan="addresses = [\"$LB_LAN4/24\", \"$LB_LAN6/64\"]; $mtu"
	case $PORT_KIND in
	xdp)
		echo "interfaces = { wan = { device = \"eth0\"; }; lan = { device = \"eth1\"; }; };"
		return
		;;
	packet)
		echo "interfaces = {"
		local more="qdisc_bypass=1,framecnt=16384,qpairs=$QUEUES"
		echo "wan = { device = \"vdev:net_af_packet0,iface=eth0,$more\"; $wan };"
		echo "lan = { device = \"vdev:net_af_packet1,iface=eth1,$more\"; $lan }; };"
		;;
	tap)
		# without mac= another one at each start, which neighbours learn late
		wan="device = \"vdev:net_tap0,iface=ptap0,mac=02:00:00:00:01:00\"; $wan"
		lan="device = \"vdev:net_tap1,iface=ptap1,mac=02:00:00:00:01:01\"; $lan"
		echo "interfaces = { wan = { $wan }; lan = { $lan }; };"
		;;
	esac
	cat <<-END
		routes = (
		  { to = "192.0.2.0/24"; via = ["$CLIENT4"]; interface = "wan"; },
		  { to = "2001:db8:0:9::/64"; via = ["$CLIENT6"]; interface = "wan"; } );
	END
}

add_server() {
	local n=$1
	new_namespace "s$n"
	link "s$n" eth0 lan "p$n"
	ip -n "$NS-lan" link set "p$n" master br0
	checksums_in_software "s$n"
	add_address "s$n" eth0 "$(server4 "$n")/24" "$(server6 "$n")/64"
	ip -n "$NS-s$n" route add default via "$LB_LAN4"
	ip -n "$NS-s$n" route add default via "$LB_LAN6"
}

# topology N: client, lb and the servers s0 .. s(N-1).
topology() {
	local i
	[ "$(id -u)" = 0 ] || skip "needs root (for network namespaces of its own)"
	for i in client lb lan; do new_namespace "$i"; done
	link client eth0 lb eth0 "$QUEUES"
	checksums_in_software client
	add_address client eth0 "$CLIENT4/24" "$CLIENT6/64"
	add_address client lo "$WORLD4/32" "$WORLD6/128"
	ip -n "$NS-client" route add 198.51.100.0/24 via "$LB_WAN4"
	ip -n "$NS-client" route add 2001:db8:0:2::/64 via "$LB_WAN6"
	lb_port 0 "$LB_WAN4/24" "$LB_WAN6/64"
	ip -n "$NS-lan" link add br0 type bridge mcast_snooping 0
	ip -n "$NS-lan" link set br0 up
	link lb eth1 lan up0 "$QUEUES"
	ip -n "$NS-lan" link set up0 master br0
	lb_port 1 "$LB_LAN4/24" "$LB_LAN6/64"
	if [ "$PORT_KIND" = xdp ]; then
		ip -n "$NS-lb" route add 192.0.2.0/24 via "$CLIENT4"
		ip -n "$NS-lb" route add 2001:db8:0:9::/64 via "$CLIENT6"
	fi
	SERVERS=$1
	for ((i = 0; i < SERVERS; i++)); do add_server "$i"; done
}

# ---- processes ----------------------------------------------------------------------------------

# background VARIABLE COMMAND...: starts it and stores its process id. What still runs when the
# test ends is killed.
background() {
	local -n pid_ref=$1
	shift
	{
		trap - ERR
		[ "$1" != on ] || exec ip netns exec "$NS-$2" "${@:3}"
		"$@"
	} &
	pid_ref=$!
}

# end PID [SIGNAL]: and waits until it is gone.
end() {
	kill -"${2:-TERM}" "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || true
}

is_running() { kill -0 "$1" 2>/dev/null; }
has_ended() { ! is_running "$1"; }

# serve N --tcp PORTS [--udp-ports PORTS]: the peer sN, its process id in SERVER_PID[N].
declare -A SERVER_PID
serve() {
	local n=$1 pid
	shift
	background pid on "s$n" "$PEER" serve --name "s$n" --log "$ART/s$n.log" "$@" \
		>"$WORK/s$n.ready" 2>>"$ART/s$n.err"
	SERVER_PID[$n]=$pid
	wait_for 5 "server s$n listens" -- grep -q ready "$WORK/s$n.ready"
}

stop_server() { end "${SERVER_PID[$1]}" "${2:-TERM}"; }

# capture VARIABLE WHO IF FILE FILTER...: tcpdump into $ART/FILE, running when this returns.
capture() {
	local variable=$1 who=$2 interface=$3 file=$ART/$4
	shift 4
	background "$variable" on "$who" tcpdump -U --immediate-mode -Z root -nni "$interface" \
		-s 128 -B 16384 -w "$file" "$@" 2>"$file.err"
	wait_for 5 "capture on $who runs" -- grep -q "listening on" "$file.err"
}

dump() { # FILE [FILTER]: a capture as text, with time stamps in seconds
	tcpdump -nttr "$ART/$1" "${@:2}" 2>/dev/null
}

# vip_answers FILE: when a VIP was announced, by ARP reply or neighbour advertisement.
vip_answers() {
	dump "$1" | awk -v v4="$VIP4" -v v6="$VIP6" '
		/ARP, Reply/ && $4 == v4 { print $1 }
		/neighbor advertisement/ && index($0, "tgt is " v6 ",") { print $1 }'
}

# vip_requests FILE SECONDS: how many requests for a VIP there were after that time.
vip_requests() {
	dump "$1" | awk -v after="$2" -v v4="$VIP4" -v v6="$VIP6" '
		$1 <= after { next }
		/ARP, Request/ && index($0, "who-has " v4) { n++ }
		/neighbor solicitation/ && index($0, "who has " v6) { n++ }
		END { print n + 0 }'
}

# ---- the balancer -------------------------------------------------------------------------------

# write_config [KEY=VALUE...] <BODY: the common head, then the body from stdin. Keys of the head:
# workers ("0, 1"; one by default), idle, connections, half_open, hugepages, level.
write_config() {
	local workers="" idle=adaptive connections=256k half_open="" hugepages=auto level=info "$@"
	[ -z "$half_open" ] || half_open="half_open = \"$half_open\";"
	{
		cat <<-END
			version = 1;
			node = "lb";
			cpu = { idle = "$idle"; ${workers:+workers = [$workers];} };
			memory = { connections = "$connections"; hugepages = "$hugepages";
			  $half_open };
			$(port_config)
			vips = { v = { addresses = ["$VIP4", "$VIP6"]; interface = "wan"; }; };
			control = { socket = "$SOCKET"; };
			log = { level = "$level"; };
		END
		cat
	} >"$CONF"
}

# A pool of the first N servers with equal weights, and quick checks.
# pool_of N [OPTIONS IN THE POOL]
pool_of() {
	local i
	echo "pools = { p = { ${2:-} servers = {"
	for ((i = 0; i < $1; i++)); do
		echo "  s$i = { address = [\"$(server4 $i)\", \"$(server6 $i)\"]; };"
	done
	echo "}; }; };"
}

quick_checks() {
	echo 'checks = { quick = { type = "tcp"; interval = "300ms"; timeout = "300ms";'
	echo '  retry = "300ms"; fall = 2; rise = 1; }; };'
}

# write_web_config N [KEY=VALUE...]: what most tests run: port 80 of the first N servers, checked.
write_web_config() {
	write_config "${@:2}" <<-END
		$(pool_of "$1")
		$(quick_checks)
		services = { web = { vip = "v"; pool = "p"; port = 80; check = "quick"; }; };
	END
}

poise() { on lb "$POISE" -s "$SOCKET" "$@"; }

# Sanitizers: never die in silence, and say everything on stderr.
sanitizer_options() {
	export ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99"
	export LSAN_OPTIONS="suppressions=$ROOT/tests/e2e/lsan.supp:print_suppressions=0"
	export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=0"
}

# Starts the daemon with $CONF and returns when its socket answers and its VIPs do.
start_lb() {
	sanitizer_options
	cp "$CONF" "$ART/"
	LB_RAN=$((LB_RAN + 1))
	LB_LOG=$ART/poised-$LB_RAN.log
	background LB_PID on lb "$POISED" -c "$CONF" "$@" >"$LB_LOG" 2>&1
	echo "$LB_PID" >"$LB_PID_FILE"
	wait_for 20 "poised serves" -- lb_serves_or_died
	is_running "$LB_PID" || fail "poised ended at start: $(tail -n 5 "$LB_LOG")"
}

lb_serves() { poise -j show status | jq -e '.vips.state == "serving"'; }
lb_serves_or_died() { has_ended "$LB_PID" || lb_serves; }

# servers_up N: N rows of `show servers` (one for each half of a service) are up.
servers_up() { [ "$(count_servers up)" = "$1" ]; }
count_servers() {
	poise -j show servers | jq --arg s "$1" '[.servers[] | select(.state == $s)] | length'
}

wait_servers_up() { wait_for 15 "$1 servers are up" -- servers_up "$1"; }

# Ends the daemon as an operator would; its exit status must be 0.
stop_lb() { end_lb || exit 1; }

end_lb() {
	local status=0 pid=$LB_PID
	LB_PID=
	kill -TERM "$pid"
	(wait_for 10 "poised ends after SIGTERM" -- has_ended "$pid") || return 1
	wait "$pid" || status=$?
	(check_equal "poised ends with exit status" "$status" 0)
}

# drops REASON: how many packets the workers dropped for it.
drops() {
	poise -j show workers |
		jq --arg r "$1" '[.workers[].drops_total[$r] // error("no reason")
			| tonumber] | add'
}

# opened SERVER [FAMILY]: how many connections it got since the start, over all services.
opened() {
	poise -j show servers |
		jq --arg s "$1" --argjson f "${2:-0}" '[.servers[] | select(.server == $s)
			| select($f == 0 or .family == $f) | .connections_total | tonumber] | add'
}

# ---- the account (rx + injected + ... = tx + dropped + ...) -------------------------------------

account_difference() {
	poise -j show workers | jq '
		def n(k): (.packets[k] // error("no field " + k)) | tonumber;
		[.workers[] | n("rx_total") + n("injected_total") + n("handoff_in_total")
			+ n("generated_total") - n("tx_total") - n("dropped_total")
			- n("punted_total") - n("handoff_out_total") - n("held")
			- n("consumed_total")] | add'
}

account_balances() { [ "$(account_difference)" = 0 ]; }

# Counters are read while workers run, so that a packet may be under way: wait for the balance.
check_account() {
	poise -j show workers >"$ART/workers.json"
	wait_for 3 "the account of packets balances (see workers.json)" -- account_balances
	say "ok: the account of packets balances"
}

check_sanitizers() {
	[ "$LB_RAN" != 0 ] || return 0
	if grep -nE 'runtime error:|ERROR: (Address|Leak)Sanitizer|SUMMARY: ' "$ART"/poised-*.log
	then
		fail "a sanitizer reported"
	fi
}

# ---- what tests ask of the client ---------------------------------------------------------------

# connects WHAT TO PORT COUNT [OPTIONS]: opens COUNT connections from the client; the report is in
# $WORK/connect.json. Fails unless each was greeted, by a server that saw the client's own address.
connects() {
	local what=$1 to=$2 port=$3 count=$4
	shift 4
	on client "$PEER" connect --to "$to" --port "$port" --count "$count" "$@" \
		>"$WORK/connect.json"
	check_json "$what: $count connections to $to port $port" "$WORK/connect.json" \
		".ok == $count"
}

# answered SERVER: how many of the last `connects` it got.
answered() { jq -s --arg s "$1" 'last.servers[$s] // 0' "$WORK/connect.json"; }

# hold VARIABLE FILE OPTIONS...: connections that stay open; returns when all were tried.
hold() {
	local variable=$1 file=$2
	shift 2
	background "$variable" on client "$PEER" connect --hold "$@" >"$file"
	wait_for 60 "connections are held" -- test -s "$file"
}

# use_held PID FILE: every held connection sends and must get its own answer; one more line in FILE.
use_held() {
	local lines
	lines=$(wc -l <"$2")
	kill -USR1 "$1"
	wait_for 60 "held connections were used" -- has_more_lines "$2" "$lines"
}
has_more_lines() { [ "$(wc -l <"$1")" -gt "$2" ]; }

packets() { # WHO COMMAND...: packets made by hand (packets.py)
	local who=$1
	shift
	on "$who" /usr/bin/python3 "$ROOT/tests/e2e/packets.py" "$@"
}

# ---- the end ------------------------------------------------------------------------------------

# What a test changed on the machine itself: a test says here how to put it back.
undo() { :; }

collect() {
	local who
	{
		for who in client lb s0; do
			[ -e "/run/netns/$NS-$who" ] || continue
			echo "## $who"
			ip -n "$NS-$who" addr
			ip -n "$NS-$who" route
			ip -n "$NS-$who" -6 route
			ip -n "$NS-$who" neigh
		done
	} >"$ART/network.txt" 2>&1 || true
	lb_is_running || return 0
	for who in status services servers workers ports errors; do
		echo "## $who"
		timeout 5 ip netns exec "$NS-lb" "$POISE" -s "$SOCKET" show "$who" || true
	done >"$ART/poise.txt" 2>&1 || true
}

lb_is_running() { [ -n "$LB_PID" ] && is_running "$LB_PID"; }

# What was lost on the way, wherever somebody counts it: poised, the kernels, the interfaces. In a
# kernel, datagrams for a socket that was closed are there too (NoPorts).
show_losses() {
	local ns
	echo "   --- counters of losses that are not 0 ---"
	{
		! lb_is_running || poise -j show errors | jq -r '.errors[]
			| select((.drops_total | tonumber) > 0)
			| "poised: \(.reason) \(.drops_total) (\(.where))"'
		for ns in /run/netns/"$NS"-*; do
			ns=$(basename "$ns")
			ip netns exec "$ns" nstat -as |
				awk -v at="${ns#"$NS-"}" '
					/NoPort|NoRoute|Discard|Err|Drop|Overflow/ {
						print at ": " $1 " " $2 }'
			ip -n "$ns" -s -j link | jq -r --arg at "${ns#"$NS-"}" '.[] | .ifname as $i
				| .stats64 | to_entries[] | .key as $way | .value | to_entries[]
				| select((.key | test("err|drop")) and .value > 0)
				| "\($at): \($i) \($way)_\(.key) \(.value)"'
		done
	} 2>/dev/null | tee "$ART/losses.txt" | sed 's/^/   /'
}

# What every test must show, whatever it was about.
check_end() {
	if [ -n "$LB_PID" ]; then
		(check "poised still runs" -- lb_is_running) || return 1
		(check_account) || return 1
		end_lb || return 1
	fi
	(check_sanitizers)
}

cleanup() {
	local status=$? pid ns
	trap - EXIT INT TERM HUP ERR
	set +eE
	if [ "$status" = 0 ]; then
		check_end || status=1
	fi
	if [ "$status" != 0 ] && [ "$status" != 77 ]; then
		collect
		show_losses
		show_log
	fi
	for pid in $(jobs -p); do end "$pid" KILL; done
	for ns in /run/netns/"$NS"-*; do
		[ -e "$ns" ] || continue
		for pid in $(ip netns pids "$(basename "$ns")"); do kill -KILL "$pid"; done
		ip netns del "$(basename "$ns")"
	done
	undo
	if [ "$status" = 0 ] || [ "$status" = 77 ] || [ "${ART#"$WORK"}" = "$ART" ]; then
		rm -rf "$WORK"
	else
		echo "   kept for a look: $WORK"
	fi
	exit "$status"
}

show_log() {
	[ -s "$LB_LOG" ] || return 0
	echo "   --- last lines of poised.log ---"
	tail -n 25 "$LB_LOG" | sed 's/^/   /'
}

mkdir -p "$ART"
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'echo "   FAILED: line $LINENO of $(basename "${BASH_SOURCE[0]}"): $BASH_COMMAND" >&2' ERR

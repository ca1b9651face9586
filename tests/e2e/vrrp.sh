#!/bin/bash
# What the tests of VRRP use: two or three balancers on two LANs, each of which runs poised or
# keepalived, from one description of the virtual routers; faults; and an observer of the packets.
# Source it after lib.sh.
#
#   client ---- wan (a bridge) ---- lb1, lb2, lb3 ---- lan (a bridge) ---- s0, s1, ...
#   203.0.113.20                    .1   .2   .3                    198.51.100.10, .11, ...
#   2001:db8:0:1::20               ::1  ::2  ::3                    2001:db8:0:2::10, ...
#                                                   gateway 198.51.100.254, 2001:db8:0:2::fe
#
# lbN's interfaces are eth0 (wan) and eth1 (lan), with the MACs 02:00:00:00:00:0N and ...:01:0N,
# by which observer.py knows them. A bridge that is listened to shows what comes into each of its
# ports, also what is not passed on to the others: so the observer hears both sides of a partition.
# shellcheck disable=SC2034  # variables are for the tests

OBSERVER=$ROOT/tests/e2e/observer.py
LB_LAN4=198.51.100.254 # the servers' gateway is a VIP
LB_LAN6=2001:db8:0:2::fe
NODES=0
OBSERVED= # the process that captures
EVENTS=$WORK/events # for observer.py: what was done to whom
declare -A NODE_KIND NODE_PID
chmod 755 "$WORK" # scripts run as nobody

node_wan4() { echo "203.0.113.$1"; }
node_wan6() { echo "2001:db8:0:1::$1"; }
node_link_local() { echo "fe80::ff:fe00:$1"; } # of eth0, by its MAC

# ---- topology -----------------------------------------------------------------------------------

add_bridge() {
	new_namespace "$1"
	ip -n "$NS-$1" link add br0 type bridge mcast_snooping 0
	ip -n "$NS-$1" link set br0 up
	on "$1" sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
}

# plug BRIDGE PORT WHO IF [MAC]
plug() {
	link "$3" "$4" "$1" "$2"
	ip -n "$NS-$1" link set "$2" master br0
	[ -n "${5:-}" ] || return 0
	ip -n "$NS-$3" link set "$4" down
	ip -n "$NS-$3" link set "$4" address "$5"
	ip -n "$NS-$3" link set "$4" up
}

add_node() {
	local n=$1
	new_namespace "lb$n"
	plug wan "lb$n" "lb$n" eth0 "02:00:00:00:00:0$n"
	plug lan "lb$n" "lb$n" eth1 "02:00:00:00:01:0$n"
	add_address "lb$n" eth0 "$(node_wan4 "$n")/24" "$(node_wan6 "$n")/64"
	add_address "lb$n" eth1 "198.51.100.$n/24" "2001:db8:0:2::$n/64"
}

# vrrp_topology NODES SERVERS
vrrp_topology() {
	local i
	[ "$(id -u)" = 0 ] || skip "needs root (for network namespaces of its own)"
	for i in wan lan; do add_bridge "$i"; done
	new_namespace client
	plug wan client client eth0
	checksums_in_software client
	add_address client eth0 "$CLIENT4/24" "$CLIENT6/64"
	NODES=$1 SERVERS=$2
	for ((i = 1; i <= NODES; i++)); do add_node "$i"; done
	for ((i = 0; i < SERVERS; i++)); do add_server "$i"; done
	: >"$EVENTS"
}

# ---- the virtual routers ------------------------------------------------------------------------

# router NAME FAMILY VRID PRIORITIES [KEY=VALUE...]: one more instance. PRIORITIES: of lb1, lb2 and
# so on: "200,100". Keys:
#   version; advert (ms); group (its own by default; members share all but family and VRID)
#   preempt, unicast (yes, no); password
#   check (a file FILE: while FILE-lbN is there, 101 is taken off the priority of lbN)
#   interface (wan); address (one that ends in the VRID); vip (a name; the address is its)
#   on (a node, if the others do not have it)
ROUTERS=()
declare -A ROUTER
router() {
	local name=$1 key
	ROUTERS+=("$name")
	ROUTER[$name.family]=$2 ROUTER[$name.vrid]=$3 ROUTER[$name.priorities]=$4
	for key in version=3 advert=100 group="$name" preempt=yes unicast=no password= check= \
		interface=wan address= vip= on= "${@:5}"; do
		ROUTER[$name.${key%%=*}]=${key#*=}
	done
}
no_routers() { ROUTERS=(); }

router_address() { # NAME
	local vrid=${ROUTER[$1.vrid]}
	if [ -n "${ROUTER[$1.address]}" ]; then
		echo "${ROUTER[$1.address]}"
	elif [ "${ROUTER[$1.family]}" = 4 ]; then
		echo "203.0.113.$vrid"
	else
		echo "2001:db8:0:1::$vrid"
	fi
}

priority_of() { cut -d, -f"$2" <<<"${ROUTER[$1.priorities]}"; } # NAME NODE

groups_of() { # NODE
	local name
	for name in "${ROUTERS[@]}"; do
		[ "${ROUTER[$name.on]:-$1}" != "$1" ] || echo "${ROUTER[$name.group]}"
	done | sort -u
}
members() { # GROUP
	local name
	for name in "${ROUTERS[@]}"; do
		[ "${ROUTER[$name.group]}" != "$1" ] || echo "$name"
	done
}

# The other nodes' addresses, by family.
peers_of() { # NODE FAMILY
	local i
	for ((i = 1; i <= NODES; i++)); do
		[ "$i" = "$1" ] && continue
		if [ "$2" = 4 ]; then node_wan4 "$i"; else node_link_local "$i"; fi
	done
}
own_of() { if [ "$2" = 4 ]; then node_wan4 "$1"; else node_link_local "$1"; fi; }

# ---- poised -------------------------------------------------------------------------------------

poise_instance() { # NODE NAME
	local name=$2 family=${ROUTER[$2.family]} vrid=${ROUTER[$2.vrid]} peers
	echo "$name = { interface = \"${ROUTER[$name.interface]}\"; family = $family; vrid = $vrid;"
	if [ -n "${ROUTER[$name.vip]}" ]; then
		echo "  vip = \"${ROUTER[$name.vip]}\";"
	else
		echo "  addresses = [\"$(router_address "$name")\"];"
	fi
	[ "$family" = 4 ] || echo "  link_local = \"fe80::$vrid\";"
	[ -z "${ROUTER[$name.password]}" ] || echo "  auth_pass = \"${ROUTER[$name.password]}\";"
	if [ "${ROUTER[$name.unicast]}" = yes ]; then
		peers=$(peers_of "$1" "$family" | sed 's/.*/"&"/' | paste -sd,)
		echo "  unicast = { source = \"$(own_of "$1" "$family")\"; peers = [$peers]; };"
	fi
	echo "};"
}

poise_group() { # NODE GROUP
	local name first i
	first=$(members "$2")
	first=${first%%$'\n'*}
	echo "$2 = { advert = \"${ROUTER[$first.advert]}ms\"; version = ${ROUTER[$first.version]};"
	printf '  priority = {'
	for ((i = 1; i <= NODES; i++)); do
		printf ' lb%d = %d;' "$i" "$(priority_of "$first" "$i")"
	done
	echo " };"
	[ "${ROUTER[$first.preempt]}" = yes ] || echo "  preempt = false;"
	if [ -n "${ROUTER[$first.check]}" ]; then
		echo "  track = ( { type = \"script\"; name = \"check\"; weight = -101;"
		echo "    command = \"/usr/bin/test ! -e ${ROUTER[$first.check]}-lb$1\";"
		echo '    interval = "500ms"; timeout = "500ms"; } );'
	fi
	echo "  instances = {"
	for name in $(members "$2"); do poise_instance "$1" "$name"; done
	echo "}; };"
}

# The configuration of ROUTERS. Keys: workers ("": none), more (a file, what is added).
write_poise() { # NODE [KEY=VALUE...]
	local node=$1 workers="" idle=adaptive connections=64k level=info more=/dev/null group
	shift
	[ $# = 0 ] || local "$@"
	{
		cat <<-END
			version = 1;
			node = "lb$node";
			cpu = { idle = "$idle"; workers = [$workers]; };
			memory = { connections = "$connections"; };
			interfaces = { wan = { device = "eth0"; }; lan = { device = "eth1"; }; };
			control = { socket = "$WORK/lb$node.sock"; };
			log = { level = "$level"; };
			vrrp = { groups = {
		END
		for group in $(groups_of "$node"); do poise_group "$node" "$group"; done
		echo "}; };"
		cat "$more"
	} >"$WORK/lb$node.poise"
}

node_poise() { # NODE ARGUMENTS...
	local node=$1
	shift
	on "lb$node" "$POISE" -s "$WORK/lb$node.sock" "$@"
}

# Workers are ordinary threads, and one that gets no CPU for 100 ms is a fault: poised comes before
# whatever else runs on the machine.
launch_poise() { # NODE
	sanitizer_options
	LB_RAN=$((LB_RAN + 1))
	LB_LOG=$ART/poised-lb$1-$LB_RAN.log
	background LAUNCHED on "lb$1" nice -n -15 "$POISED" -c "$WORK/lb$1.poise" >"$LB_LOG" 2>&1
}
poise_answers() { is_running "${NODE_PID[$1]}" && node_poise "$1" show status; }
crash_poise() { end "${NODE_PID[$1]}" KILL; }
# As an operator does; its exit status must be 0. Also called where `fail` would leave too early.
stop_poise() {
	local status=0 pid=${NODE_PID[$1]}
	kill -TERM "$pid"
	(wait_for 10 "poised of lb$1 ends after SIGTERM" -- has_ended "$pid") || return 1
	wait "$pid" || status=$?
	[ "$status" = 0 ] || (fail "poised of lb$1 ends with exit status $status")
}

# ---- keepalived ---------------------------------------------------------------------------------

keepalived_instance() { # NODE NAME
	local name=$2 family=${ROUTER[$2.family]} vrid=${ROUTER[$2.vrid]} advert
	advert=$(awk -v ms="${ROUTER[$name.advert]}" 'BEGIN { print ms / 1000 }')
	cat <<-END
		vrrp_instance $name {
		  state BACKUP
		  interface eth0
		  version ${ROUTER[$name.version]}
		  virtual_router_id $vrid
		  priority $(priority_of "$name" "$1")
		  advert_int $advert
		  garp_master_delay 1
	END
	[ "${ROUTER[$name.preempt]}" = yes ] || echo "  nopreempt"
	[ -z "${ROUTER[$name.password]}" ] ||
		echo "  authentication { auth_type PASS
		    auth_pass ${ROUTER[$name.password]} }"
	if [ "${ROUTER[$name.unicast]}" = yes ]; then
		echo "  unicast_src_ip $(own_of "$1" "$family")"
		printf '  unicast_peer {\n%s\n  }\n' "$(peers_of "$1" "$family")"
	fi
	[ -z "${ROUTER[$name.check]}" ] || printf '  track_script {\n check_%s\n }\n' "$name"
	echo "  virtual_ipaddress {"
	[ "$family" = 4 ] || echo "    fe80::$vrid/64"
	echo "    $(router_address "$name")"
	printf '  }\n}\n'
}

write_keepalived() { # NODE
	local name group
	{
		cat <<-END
			global_defs {
			  router_id lb$1
			  script_user nobody
			  enable_script_security
			}
		END
		for name in "${ROUTERS[@]}"; do
			[ -z "${ROUTER[$name.check]}" ] || cat <<-END
				vrrp_script check_$name {
				  script "/usr/bin/test ! -e ${ROUTER[$name.check]}-lb$1"
				  interval 1
				  weight -101
				}
			END
			keepalived_instance "$1" "$name"
		done
		for group in $(groups_of "$1"); do
			[ "$(members "$group" | wc -l)" -gt 1 ] || continue
			printf 'vrrp_sync_group %s {\n group {\n%s\n }\n}\n' \
				"$group" "$(members "$group")"
		done
	} >"$WORK/lb$1.keepalived"
}

launch_keepalived() { # NODE
	background LAUNCHED on "lb$1" keepalived -n -l -P -f "$WORK/lb$1.keepalived" \
		-p "$WORK/lb$1.pid" -r "$WORK/lb$1.vrrp.pid" >>"$ART/keepalived-lb$1.log" 2>&1
}
keepalived_answers() { [ -s "$WORK/lb$1.vrrp.pid" ]; }
# The one that speaks first: it says goodbye when the one that watches it dies.
crash_keepalived() {
	kill -KILL "$(cat "$WORK/lb$1.vrrp.pid")"
	end "${NODE_PID[$1]}" KILL
	rm -f "$WORK/lb$1.pid" "$WORK/lb$1.vrrp.pid"
}
stop_keepalived() { end "${NODE_PID[$1]}" TERM; }

# ---- nodes --------------------------------------------------------------------------------------

event() { echo "$(now_us_as_ms) $1 lb$2" >>"$EVENTS"; } # WHAT NODE
now_us_as_ms() { date +%s%N | sed 's/......$/.&/'; }

# node_runs NODE poise|keepalived [KEY=VALUE...]: and writes its configuration.
node_runs() {
	NODE_KIND[$1]=$2
	"write_$2" "$1" "${@:3}"
}

start_node() {
	local n
	for n in "$@"; do
		"launch_${NODE_KIND[$n]}" "$n"
		NODE_PID[$n]=$LAUNCHED
	done
	for n in "$@"; do
		wait_for 20 "lb$n runs" -- "${NODE_KIND[$n]}_answers" "$n"
		event started "$n"
	done
}
crash_node() {
	event killed "$1"
	"crash_${NODE_KIND[$1]}" "$1"
	unset "NODE_PID[$1]"
	# a dead kernel answers for nothing, and poised's does not either: that is tested elsewhere
	[ "${NODE_KIND[$1]}" = poise ] || remove_addresses "$1"
}
stop_node() {
	event killed "$1"
	"stop_${NODE_KIND[$1]}" "$1"
	unset "NODE_PID[$1]"
}
remove_addresses() {
	local name
	for name in "${ROUTERS[@]}"; do
		ip -n "$NS-lb$1" addr del "$(router_address "$name")" dev eth0 2>/dev/null || true
		ip -n "$NS-lb$1" addr del "fe80::${ROUTER[$name.vrid]}" dev eth0 2>/dev/null || true
	done
}

has_address() { [ -n "$(ip -n "$NS-lb$1" -o addr show to "$2")" ]; } # NODE ADDRESS
runs() { [ -n "${NODE_PID[$1]:-}" ]; }

# holds NODE NAME...: it has these routers' addresses, and no other living node has one of them.
holds() {
	local node=$1 name i
	shift
	for name in "$@"; do
		for ((i = 1; i <= NODES; i++)); do
			runs "$i" || continue
			if [ "$i" = "$node" ]; then
				has_address "$i" "$(router_address "$name")" || return 1
			else
				! has_address "$i" "$(router_address "$name")" || return 1
			fi
		done
	done
}
both_hold() { # NAME...
	local name
	for name in "$@"; do
		has_address 1 "$(router_address "$name")" || return 1
		has_address 2 "$(router_address "$name")" || return 1
	done
}

# ---- faults -------------------------------------------------------------------------------------

# What is cut off hears nobody and is heard by nobody, on both LANs.
nft_on_bridges() {
	local where
	for where in wan lan; do on "$where" nft "$@"; done
}
# make_cuts: nothing is cut yet.
make_cuts() {
	nft_on_bridges "add table bridge cut
		add set bridge cut ports { type ifname; }
		add chain bridge cut forward { type filter hook forward priority 0; }
		add rule bridge cut forward iifname @ports drop
		add rule bridge cut forward oifname @ports drop
		add chain bridge cut adverts6 { type filter hook forward priority 0; }"
}
cut_off() {
	event apart "$1"
	nft_on_bridges add element bridge cut ports "{ lb$1 }"
}
join_again() {
	nft_on_bridges delete element bridge cut ports "{ lb$1 }"
	event together "$1"
}
cut_adverts6() {
	nft_on_bridges add rule bridge cut adverts6 ether type ip6 ip6 nexthdr 112 drop
}
join_adverts6() { nft_on_bridges flush chain bridge cut adverts6; }

# ---- the observer -------------------------------------------------------------------------------

observe() { # FILE [WHERE]
	CAPTURE_FILE=$1
	capture OBSERVED "${2:-wan}" br0 "$1" "proto 112 or ip6 proto 112 or arp or icmp6"
}
observed() { # COMMAND FILE ARGUMENTS...
	/usr/bin/python3 "$OBSERVER" "$1" "$ART/$2" "${@:3}"
}

# What the machine took, on each CPU, is written down for the observer; and how long a balancer that
# ended kept the others of this kernel from their addresses.
watch_machine() {
	local cpu pid
	: >"$WORK/stalls"
	background pid on wan /usr/bin/python3 "$ROOT/tests/e2e/stalls.py" \
		"$WORK/stalls" --lock
	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		background pid exec taskset -c "$cpu" /usr/bin/python3 "$ROOT/tests/e2e/stalls.py" \
			"$WORK/stalls" 2 5
	done
}
# leads NODE NAME...: it holds them, and its adverts are the last ones that were seen.
leads() { holds "$@" && is_heard "$@"; }
is_heard() {
	local node=$1 name
	shift
	observed masters "$CAPTURE_FILE" >"$WORK/masters"
	for name in "$@"; do
		grep -qx "${ROUTER[$name.family]} ${ROUTER[$name.vrid]} lb$node" "$WORK/masters" ||
			return 1
	done
}

# failover AT_MS NAME: sets TOOK (ms, of what the observer heard from then on; TOOK_EXACT with what
# is behind the point), STOOD (for how many ms of it the machine stood still), OLD and NEW.
failover() {
	read -r TOOK OLD NEW STOOD < <(observed failover "$CAPTURE_FILE" "$1" \
		"${ROUTER[$2.family]}" "${ROUTER[$2.vrid]}" --stalls "$WORK/stalls") ||
		fail "the observer heard no other master of $2"
	TOOK_EXACT=$TOOK
	TOOK=${TOOK%.*}
}

# A test ends with every node in order.
check_end() {
	local n
	for n in "${!NODE_PID[@]}"; do
		(check "lb$n still runs" -- is_running "${NODE_PID[$n]}") || return 1
		stop_node "$n" || return 1
	done
	(check_sanitizers)
}

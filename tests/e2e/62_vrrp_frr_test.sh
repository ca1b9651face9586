#!/bin/bash
# Claim: beside the vrrpd of FRR (Debian), as its master and as its backup, Poise does version 3 for
#        IPv4 and IPv6: the higher priority is master, takes over after a crash and after a clean
#        stop (priority 0) in the time that the timers say, and takes back.
#
#   wan: lb1 (200), lb2 (100), one of them FRR; observed
#
# FRR keeps a virtual router's addresses on a macvlan with the virtual MAC, whether it is master or
# not, so who is master there is seen from packets only.
#
# Needs: root, frr, macvlan. Time: about 15 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vrrp.sh"

[ "$SCALE" -ge 100 ] || skip "measures, in a slow build"
FRR=/usr/lib/frr
VRID=71
VIRTUAL_MACS=([4]=00:00:5e:00:01:47 [6]=00:00:5e:00:02:47)
SLACK=15
declare -A ZEBRA_PID

# ---- FRR as a kind of node ----------------------------------------------------------------------

add_macvlan() { # NODE FAMILY
	local name=vrrp$2-$VRID
	ip -n "$NS-lb$1" link add "$name" link eth0 address "${VIRTUAL_MACS[$2]}" \
		type macvlan mode bridge 2>"$WORK/macvlan" ||
		skip "no macvlan in this kernel: $(tail -n 1 "$WORK/macvlan")"
	ip -n "$NS-lb$1" link set "$name" addrgenmode none
	if [ "$2" = 4 ]; then
		ip -n "$NS-lb$1" addr add "203.0.113.$VRID/24" dev "$name"
	else # adverts come from the link-local one, which tells the observer whose they are
		on "lb$1" sysctl -qw "net.ipv6.conf.$name.keep_addr_on_down=1" # as a backup it is
		ip -n "$NS-lb$1" addr add "fe80::5e:$1/64" dev "$name" nodad
		ip -n "$NS-lb$1" addr add "2001:db8:0:1::$VRID/64" dev "$name" nodad
	fi
	ip -n "$NS-lb$1" link set "$name" up
}
del_macvlans() { # NODE
	local family
	for family in 4 6; do
		ip -n "$NS-lb$1" link del "vrrp$family-$VRID" 2>/dev/null || true
	done
}

frr_folder() { echo "$WORK/frr$1"; }

write_frr() { # NODE
	local dir
	dir=$(frr_folder "$1")
	mkdir -p "$dir"
	chmod 777 "$dir" # it is the user frr's
	cat >"$dir/conf" <<-END
		interface eth0
		 vrrp $VRID version 3
		 vrrp $VRID priority $(priority_of frr4 "$1")
		 vrrp $VRID advertisement-interval ${ROUTER[frr4.advert]}
		 vrrp $VRID ip 203.0.113.$VRID
		 vrrp $VRID ipv6 fe80::$VRID
		 vrrp $VRID ipv6 2001:db8:0:1::$VRID
	END
	add_macvlan "$1" 4
	add_macvlan "$1" 6
}

frr_daemon() { # VARIABLE NODE NAME
	local dir
	dir=$(frr_folder "$2")
	background "$1" on "lb$2" "$FRR/$3" -f "$dir/conf" -i "$dir/$3.pid" -z "$dir/zserv" \
		--vty_socket "$dir" --log stdout >>"$ART/$3-lb$2.log" 2>&1
}

launch_frr() { # NODE
	local dir
	dir=$(frr_folder "$1")
	rm -f "$dir/zserv"
	frr_daemon ZEBRA "$1" zebra
	ZEBRA_PID[$1]=$ZEBRA
	wait_for 5 "zebra listens" -- test -S "$dir/zserv"
	frr_daemon LAUNCHED "$1" vrrpd
}
frr_answers() { vtysh --vty_socket "$(frr_folder "$1")" -c "show vrrp" | grep -q "VRID\|Virtual"; }
crash_frr() {
	end "${NODE_PID[$1]}" KILL
	end "${ZEBRA_PID[$1]}"
}
stop_frr() {
	end "${NODE_PID[$1]}"
	end "${ZEBRA_PID[$1]}"
}

# Whose adverts are the last; and poised has the addresses if they are its own.
is_master() { # NODE
	local other=$((3 - $1)) name
	observed masters "$CAPTURE_FILE" >"$WORK/masters"
	[ "$(grep -c "lb$1$" "$WORK/masters")" = 2 ] || return 1
	for name in frr4 frr6; do
		[ "${KINDS[$1]}" != poise ] || has_address "$1" "$(router_address $name)" ||
			return 1
		if [ "${KINDS[$other]}" = poise ] && runs "$other"; then
			! has_address "$other" "$(router_address $name)" || return 1
		fi
	done
}

# ---- what happens -------------------------------------------------------------------------------

# FRR is an ordinary process, and its first advert may be lost: its interface is not up yet when it
# sends it.
take_over() { # WHAT MS
	local at name more=0
	[ "${KINDS[2]}" != frr ] || more=$((${ROUTER[frr4.advert]} + 100))
	at=$(now_us_as_ms)
	"$1_node" 1
	wait_for 5 "$PAIR, $1: lb2 has taken over" -- is_master 2
	for name in frr4 frr6; do
		failover "$at" "$name"
		check_between "$PAIR, $1, $name: ms" "$TOOK" \
			$(($2 - 12)) $(($2 + more + SLACK + STOOD))
		printf '%-12s %-11s %-5s %s\n' "$PAIR" "$1" "$name" "$TOOK ms" >>"$WORK/results"
	done
	start_node 1
	wait_for 5 "$PAIR, $1: lb1 takes back what is its own" -- is_master 1
	printf '%-12s %-11s %-5s %s\n' "$PAIR" "give-back" both ok >>"$WORK/results"
}

vrrp_topology 2 0
watch_machine
router frr4 4 $VRID 200,100 group=frr
router frr6 6 $VRID 200,100 group=frr
for KINDS in "- poise frr" "- frr poise"; do
	read -ra KINDS <<<"$KINDS"
	PAIR="${KINDS[1]}-${KINDS[2]}"
	for n in 1 2; do node_runs "$n" "${KINDS[$n]}"; done
	: >"$EVENTS"
	observe "$PAIR.pcap"
	start_node 1 2
	wait_for 5 "$PAIR: lb1 is master" -- is_master 1
	take_over crash 361 # 3 adverts and 156/256; FRR counts whole hundredths of a second
	take_over stop 61
	for n in 1 2; do
		stop_node "$n"
		del_macvlans "$n"
	done
	end "$OBSERVED" INT
	check "$PAIR: never two masters" -- observed judge "$CAPTURE_FILE" --slack $SLACK \
		--events "$EVENTS" --stalls "$WORK/stalls"
done
echo "   lb1-lb2      case        router result"
sed 's/^/   /' "$WORK/results"

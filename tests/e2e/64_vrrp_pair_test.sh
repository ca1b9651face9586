#!/bin/bash
# Claim: whatever happens to the master of two balancers, a client that asks 200 times a second over
#        IPv4 and as often over IPv6 waits no longer than the take-over takes, and 200 ms; the
#        addresses of both LANs and families are always on one node together, and never do two
#        answer for one address for longer than one advert.
#
#   client ---- wan ---- lb1 (200), lb2 (100) ---- lan ---- s0, s1, s2 (nginx)
#                observed                      observed
#
# The master is killed, stopped, frozen for 5 s, loses a link on one side; IPv6 adverts are lost;
# its control thread gets no CPU (held by ptrace: to the thread it is the same); its worker stands.
# Each time lb1 takes back what is its own.
#
# Needs: root, ptrace. Time: about 60 s. Not for sanitizer builds: it measures.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/vrrp.sh"

[ "$SCALE" -ge 100 ] || skip "measures, in a slow build"
CRASH_MS=361 STOP_MS=61 # of adverts every 100 ms (63_vrrp_times)
MAY_MS=200              # that a client waits longer
SLACK=20

four_routers() { # ADVERT_MS
	no_routers
	router wan4 4 51 200,100 advert="$1" group=all vip=v address="$VIP4"
	router wan6 6 52 200,100 advert="$1" group=all vip=v address="$VIP6"
	router lan4 4 61 200,100 advert="$1" group=all interface=lan vip=gw address="$LB_LAN4"
	router lan6 6 62 200,100 advert="$1" group=all interface=lan vip=gw address="$LB_LAN6"
}

web_config() {
	cat <<-END
		vips = { v = { addresses = ["$VIP4", "$VIP6"]; interface = "wan"; };
		  gw = { addresses = ["$LB_LAN4", "$LB_LAN6"]; interface = "lan"; }; };
		$(pool_of 3)
		$(quick_checks)
		services = { web = { vip = "v"; pool = "p"; port = 80; check = "quick"; }; };
	END
}

asker() { # FAMILY ADDRESS
	background "ASKER$1" on client /usr/bin/python3 "$ROOT/tests/e2e/asker.py" "$2" 80 \
		--rate 200 --kept 0 --log "$ART/requests$1" >"$WORK/asker$1"
	wait_for 5 "requests are asked" -- grep -q ready "$WORK/asker$1"
}

begin() { # ADVERT_MS
	local n
	: >"$EVENTS"
	four_routers "$1"
	for n in 1 2; do node_runs $n poise workers=1 more="$WORK/web"; done
	observe "lan-$1.pcap" lan
	LAN_OBSERVED=$OBSERVED
	observe "wan-$1.pcap"
	start_node 1 2
	wait_for 20 "lb1 is master" -- is_on 1
	background ASKING packets client ask-vips 600 "$VIP4" "$VIP6"
	asker 4 "$VIP4"
	asker 6 "$VIP6"
	answers_come
}

finish() { # ADVERT_MS
	local n
	for n in "$ASKER4" "$ASKER6" "$ASKING"; do end "$n"; done
	for n in "$OBSERVED" "$LAN_OBSERVED"; do end "$n" INT; done
	check "never two that hold one address, nothing is split" -- observed judge "wan-$1.pcap" \
		"$ART/lan-$1.pcap" --together --slack $SLACK --events "$EVENTS" \
		--stalls "$WORK/stalls"
	for n in 1 2; do stop_node $n; done
}

# By packets alone: who is frozen still has the addresses.
is_on() { # NODE
	is_heard "$1" wan4 wan6 &&
		CAPTURE_FILE=${CAPTURE_FILE/wan/lan} is_heard "$1" lan4 lan6
}
answered() { awk '$4 !~ /^failed/' "$ART/requests$1" 2>/dev/null | wc -l; }
has_answers() { [ "$(answered 4)" -ge "$1" ] && [ "$(answered 6)" -ge "$2" ]; }
answers_come() {
	wait_for 10 "the client gets answers" -- has_answers $(($(answered 4) + 50)) \
		$(($(answered 6) + 50))
}

# waited CASE SINCE_MS MOST_MS: the client's longest wait. A request needs four processes, one
# after the other, so what keeps one of them from its CPU counts four times; and a machine that
# stood still for 100 ms made a worker stand still, which is a fault and one more take-over.
waited() {
	local family ms failed stood
	answers_come
	for family in 4 6; do
		read -r ms failed stood < <(/usr/bin/python3 "$OBSERVER" gap \
			"$ART/requests$family" "$2" --stalls "$WORK/stalls")
		stood=$((stood * 4 + (stood < 100 ? 0 : CRASH_MS)))
		check_between "$1, IPv$family: the client waits, ms ($failed failed)" \
			"$ms" 0 $(($3 + MAY_MS + stood))
		printf '%-22s IPv%d %6d ms of %5d\n' "$1" "$family" "$ms" $(($3 + MAY_MS)) \
			>>"$WORK/table"
	done
}

# on_lb1 CASE MOST_MS NODE COMMAND...: what happens to lb1; then all is on NODE.
on_lb1() {
	local since
	since=$(now_ms)
	"${@:4}"
	wait_for 15 "$1: all is on lb$3" -- is_on "$3"
	waited "$1" "$since" "$2"
}
mended() { # CASE COMMAND...
	local since
	since=$(now_ms)
	"${@:2}"
	wait_for 20 "$1: lb1 takes back what is its own" -- is_on 1
	waited "$1, back" "$since" 0
}

freeze() { kill -STOP "${NODE_PID[1]}"; }
# The time that it is frozen for.
frozen_long() {
	sleep 4.5
	check "frozen: all is on lb2" -- is_on 2
	kill -CONT "${NODE_PID[1]}"
}
unplug_wan() { ip -n "$NS-wan" link set lb1 down; }
plug_wan() { ip -n "$NS-wan" link set lb1 up; }
lose_adverts6() {
	cut_adverts6
	sleep 2 # more than five times what a backup waits
}
# held CASE THREAD: of lb1, for 2 s. It is over before everybody has seen it: the packets tell.
held() {
	local since at name
	since=$(now_ms) at=$(now_us_as_ms)
	/usr/bin/python3 "$ROOT/tests/e2e/hold-thread.py" "${NODE_PID[1]}" "$2" 2000 >/dev/null
	wait_for 20 "$1: lb1 takes back what is its own" -- is_on 1
	for name in wan4 wan6; do
		failover "$at" "$name"
		check_equal "$1, $name: master in between" "$NEW" lb2
	done
	waited "$1" "$since" $CRASH_MS
}

vrrp_topology 2 3
make_cuts
watch_machine
for i in 0 1 2; do use_certificate $i good; done
start nginx 0 1 2
web_config >"$WORK/web"

begin 100
on_lb1 killed $CRASH_MS 2 crash_node 1
mended killed start_node 1
on_lb1 stopped $STOP_MS 2 stop_node 1
mended stopped start_node 1
on_lb1 frozen $CRASH_MS 2 freeze
mended frozen frozen_long
on_lb1 "link down on wan" $CRASH_MS 2 unplug_wan
mended "link down on wan" plug_wan
on_lb1 "IPv6 adverts lost" 0 1 lose_adverts6
mended "IPv6 adverts lost" join_adverts6
held "control starved" poised
held "worker stuck" rte-worker-1
finish 100

begin 1000
on_lb1 "killed, adverts of 1 s" 3610 2 crash_node 1
start_node 1
finish 1000
echo "   the client's longest wait:"
sed 's/^/   /' "$WORK/table"

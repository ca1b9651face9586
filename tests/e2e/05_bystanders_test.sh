#!/bin/bash
# Claim: while traffic flows through the balancer at full speed, nothing to or from its own
#        addresses on the same interfaces is lost: ping, ssh-like TCP, ARP and ND from both sides,
#        and probes from the balancer to the very port of a server that it balances.
#
#   client ==== load ==== lb ==== load ==== s0, s1
#          ---- ping, ND, port 22 ---  lb's kernel  --- ping, ND, port 22 ----
#                                      lb's kernel  --- probe of port 80 ---->
#
# Needs: root. Time: about 15 s.
. "$(dirname "$0")/lib.sh"

topology 2
for i in 0 1; do serve "$i" --tcp 80; done
write_web_config 2
start_lb
wait_servers_up 4
background SSHD on lb "$PEER" serve --name lb --tcp 22 >"$WORK/sshd.json"
wait_for 5 "the ssh-like server listens" -- grep -q ready "$WORK/sshd.json"

load() { # VIP: until the flag goes away
	while [ -e "$WORK/load" ]; do
		on client "$PEER" stream --to "$1" --port 80 --bytes 50000000 --seed 3 \
			2>>"$ART/load-$1.json" >/dev/null || true
	done
}
touch "$WORK/load"
background LOAD4 load "$VIP4"
background LOAD6 load "$VIP6"

CHATS=()
chat_to_lb() { # WHO ADDRESS
	local pid
	background pid on "$1" "$PEER" chat --to "$2" --port 22 --interval 10 --duration 6000 \
		>"$WORK/chat-$1-$2.json"
	CHATS+=("$pid")
}
pings() { # WHO ADDRESS
	local pid
	background pid on "$1" ping -q -c 200 -i 0.02 -W 2 "$2" >"$WORK/ping-$1-$2.txt"
	CHATS+=("$pid")
}
ALL=("client $LB_WAN4" "client $LB_WAN6" "s0 $LB_LAN4" "s0 $LB_LAN6")
for pair in "${ALL[@]}"; do
	# shellcheck disable=SC2086  # two words
	chat_to_lb $pair
	# shellcheck disable=SC2086
	pings $pair
done

for to in "$(server4 0)" "$(server6 0)"; do
	on lb "$PEER" connect --to "$to" --port 80 --count 200 --rate 200 >"$WORK/probe.json"
	check_json "200 probes from lb to port 80 of $to" "$WORK/probe.json" \
		'.ok == 200 and .servers.s0 == 200'
done
for i in $(seq 10); do
	for pair in "client $LB_WAN6" "s0 $LB_LAN6"; do
		# -r 1: one solicitation only, so that a lost one is not asked again
		on "${pair% *}" ndisc6 -q -1 -r 1 -w 1000 "${pair#* }" eth0 >/dev/null ||
			fail "solicitation $i for ${pair#* } unanswered"
	done
	for pair in "client $LB_WAN4" "s0 $LB_LAN4"; do
		on "${pair% *}" arping -q -c 1 -w 1 -I eth0 "${pair#* }" >/dev/null ||
			fail "ARP request $i for ${pair#* } unanswered"
	done
done
say "ok: 40 ARP requests and neighbour solicitations answered"

for pid in "${CHATS[@]}"; do wait "$pid"; done
for pair in "${ALL[@]}"; do
	file=${pair/ /-}
	check_json "ssh-like TCP from ${pair/ / to } loses nothing" "$WORK/chat-$file.json" \
		'.ended == "ok" and .sent > 100 and .lost == 0'
	check "ping from ${pair/ / to } loses nothing" -- \
		grep -q ' 200 received, 0% packet loss' "$WORK/ping-$file.txt"
done
rm "$WORK/load"
wait "$LOAD4" "$LOAD6"
for vip in "${VIPS[@]}"; do
	check_json "the load through $vip ran without error" "$ART/load-$vip.json" '.error == ""'
	megabytes=$(jq -s 'map(.received) | add / 1000000 | floor' "$ART/load-$vip.json")
	say "$megabytes MB through $vip"
done

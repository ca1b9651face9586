#!/bin/bash
# Claim: a UDP service spreads client endpoints over the servers by weight, each endpoint stays with
#        its server while that is up, and TCP and UDP of one service are apart. Endpoints of a
#        server that is found down are answered by another one from their next datagram on.
#
#   client === datagrams === lb ---- s0, s1 (dies), s2
#
# Needs: root. Time: about 8 s.
. "$(dirname "$0")/lib.sh"

topology 3
for i in 0 1 2; do serve "$i" --tcp 53 --udp-ports 53; done
write_config <<END
$(pool_of 3)
$(quick_checks)
services = { dns = { vip = "v"; pool = "p"; port = 53; protocol = ["tcp", "udp"];
  check = "quick"; }; };
END
start_lb
wait_servers_up 12

for vip in "${VIPS[@]}"; do
	connects "UDP" "$vip" 53 300 --udp
	for i in 0 1 2; do check_between "s$i got" "$(answered "s$i")" 99 101; done
	connects "TCP" "$vip" 53 30
	for i in 0 1 2; do check_between "s$i got" "$(answered "s$i")" 9 11; done
	hold HELD "$WORK/held.json" --udp --to "$vip" --port 53 --count 60
	for _ in 1 2 3; do use_held "$HELD" "$WORK/held.json"; done
	check_json "60 endpoints of $vip stay with their server" "$WORK/held.json" '.ok == 60'
	end "$HELD"
done
# Each endpoint was seen by one server only: no client appears in two logs.
twice=$(for i in 0 1 2; do grep '^udp' "$ART/s$i.log" | sort -u; done | sort | uniq -d | wc -l)
check_equal "endpoints seen by two servers" "$twice" 0

HELD_BY=()
for vip in "${VIPS[@]}"; do
	hold HELD "$WORK/moved-$vip.json" --udp --to "$vip" --port 53 --count 60
	HELD_BY+=("$HELD")
done
stop_server 1 KILL
is_down() { [ "$(count_servers down)" = 4 ]; }
wait_for 5 "s1 is down, both protocols and families" -- is_down
for i in 0 1; do
	use_held "${HELD_BY[i]}" "$WORK/moved-${VIPS[i]}.json"
	check_json "60 endpoints of ${VIPS[i]} are answered without s1" \
		"$WORK/moved-${VIPS[i]}.json" '.ok == 60'
	end "${HELD_BY[i]}"
done

#!/bin/bash
# Claim: without a server, clients are told at once: TCP by a RST, UDP by port unreachable; a pool
#        with on_no_server = "drop" stays silent.
#
#   client ---- lb ---- s0 (dead)
#
# Needs: root. Time: about 5 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 53,80,81 --udp-ports 53
write_config <<END
pools = {
  p = { servers = { s0 = { address = ["$(server4 0)", "$(server6 0)"]; }; }; };
  mute = { on_no_server = "drop";
           servers = { s0 = { address = ["$(server4 0)", "$(server6 0)"]; }; }; };
};
$(quick_checks)
service_defaults = { vip = "v"; pool = "p"; check = "quick"; };
services = {
  web  = { port = 80; };
  dns  = { port = 53; protocol = ["udp"]; };
  mute = { port = 81; pool = "mute"; };
};
END
start_lb
wait_servers_up 6
for vip in "${VIPS[@]}"; do connects "s0 is up" "$vip" 80 3; done

stop_server 0 KILL
is_down() { [ "$(count_servers down)" = 6 ]; }
wait_for 5 "s0 is down in all services" -- is_down
before=$(drops no_server)
for vip in "${VIPS[@]}"; do
	on client "$PEER" connect --to "$vip" --port 80 --count 10 >"$WORK/tcp.json"
	check_json "TCP to $vip is refused at once" "$WORK/tcp.json" \
		'.refused == 10 and .seconds < 0.9'
	on client "$PEER" connect --udp --to "$vip" --port 53 --count 10 >"$WORK/udp.json"
	check_json "UDP to $vip is refused at once" "$WORK/udp.json" \
		'.refused == 10 and .seconds < 0.9'
	on client "$PEER" connect --to "$vip" --port 81 --count 5 --timeout 700 >"$WORK/mute.json"
	check_json "TCP to $vip, on_no_server = drop, hears nothing" "$WORK/mute.json" \
		'.timed_out == 5'
done
check_between "packets counted as no_server" $(($(drops no_server) - before)) 50 1000

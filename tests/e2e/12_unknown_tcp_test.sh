#!/bin/bash
# Claim: a TCP segment that belongs to no connection is answered by a RST that its sender accepts
#        (unknown_tcp = "reset", the default) or by nothing ("drop"); a server never sees it.
#
#   client -- ACK, FIN, RST without a connection --> lb     s0
#
# Needs: root. Time: about 8 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80,81
write_config <<END
pools = {
  p = { servers = { s0 = { address = ["$(server4 0)", "$(server6 0)"]; }; }; };
  mute = { unknown_tcp = "drop";
           servers = { s0 = { address = ["$(server4 0)", "$(server6 0)"]; }; }; };
};
service_defaults = { vip = "v"; pool = "p"; };
services = { web = { port = 80; }; mute = { port = 81; pool = "mute"; }; };
END
start_lb
capture CAPTURE s0 eth0 server.pcap "tcp and not src host $LB_LAN4 and not src host $LB_LAN6"

probe() { packets client probe "$@" >"$WORK/probe.json"; }

before=$(drops no_connection)
for vip in "${VIPS[@]}"; do
	probe "$vip" 80 A
	check_json "ACK to $vip is reset" "$WORK/probe.json" \
		'.answer == "tcp" and (.flags | contains("R")) and .seq_is_our_ack'
	probe "$vip" 80 FA
	check_json "FIN to $vip is reset" "$WORK/probe.json" \
		'.answer == "tcp" and (.flags | contains("R")) and .seq_is_our_ack'
	probe "$vip" 80 R
	check_json "RST to $vip is never answered" "$WORK/probe.json" '.answer == null'
	probe "$vip" 81 A
	check_json "ACK to $vip, unknown_tcp = drop, hears nothing" "$WORK/probe.json" \
		'.answer == null'
done
check_between "segments counted as no_connection" $(($(drops no_connection) - before)) 8 20
check_equal "segments that reached the server" \
	"$(tcpdump -nr "$ART/server.pcap" 2>/dev/null | wc -l)" 0

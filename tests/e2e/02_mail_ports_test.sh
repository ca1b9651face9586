#!/bin/bash
# Claim: with mail-basic.conf adapted to the test's addresses, all 11 services answer in both
#        families, and the servers see the client's own address in the SYN itself.
#
#   client ---- lb ---- s0 (weight 1), s1, s2, s3 (640 each)
#        VIP 203.0.113.10, 2001:db8:0:1::10, ports 25 ... 5223
#
# Needs: root. Time: about 8 s.
. "$(dirname "$0")/lib.sh"

PORTS=25,80,110,143,443,465,587,993,995,5222,5223
# A SYN without ACK, in either family.
SYN='(ip6[6] = 6 and ip6[53] & 0x12 = 2) or (ip and tcp[13] & 0x12 = 2)'

topology 4
for i in 0 1 2 3; do serve "$i" --tcp "$PORTS"; done
sed -e 's/10\.0\.0\./198.51.100./' -e "s|/run/poise/poise.sock|$SOCKET|" \
	-e "s/workers = \[1\]/workers = [$(($(nproc) - 1))]/" \
	-e '/^interfaces/,/^};/d' "$ROOT/docs/examples/mail-basic.conf" >"$CONF"
port_config >>"$CONF"
start_lb
wait_servers_up 88 # 11 services, 2 families, 4 servers

for i in 0 1 2 3; do
	capture CAPTURE "s$i" eth0 "syn-s$i.pcap" \
		"($SYN) and not src host $LB_LAN4 and not src host $LB_LAN6"
done
for vip in "${VIPS[@]}"; do
	for port in ${PORTS//,/ }; do connects "service" "$vip" "$port" 8; done
done

syns() { # FAMILY FIELD: of all captured SYNs, sorted; field 3 is the source, 5 the destination
	for i in 0 1 2 3; do
		tcpdump -nqtr "$ART/syn-s$i.pcap" "$1" 2>/dev/null
	done | awk -v f="$2" '{ sub(":$", "", $f); print $f }' | sort
}
seen() { [ "$(syns ip 2 | wc -l)" -ge 88 ] && [ "$(syns ip6 2 | wc -l)" -ge 88 ]; }
wait_for 5 "captures hold all SYNs" -- seen
check_equal "sources of SYNs on the servers, IPv4" \
	"$(syns ip 2 | sed 's/\.[0-9]*$//' | uniq)" "$CLIENT4"
check_equal "sources of SYNs on the servers, IPv6" \
	"$(syns ip6 2 | sed 's/\.[0-9]*$//' | uniq)" "$CLIENT6"
check_equal "ports reached over IPv4" "$(syns ip 4 | sed 's/.*\.//' | sort -nu | wc -l)" 11
check_equal "ports reached over IPv6" "$(syns ip6 4 | sed 's/.*\.//' | sort -nu | wc -l)" 11

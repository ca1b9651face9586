#!/bin/bash
# Claim: what Poise writes as VRRP messages, tcpdump and scapy read as it was meant, field by field,
#        for both versions and families, any priority, interval, list and password; and both find
#        the checksum right, or wrong where they do not know RFC 9568's form or a bit was changed.
#
#   vrrp_packets (360 messages) -> tcpdump -vvv, scapy's VRRP and VRRPv3
#
# Needs: nothing. Time: about 5 s.
. "$(dirname "$0")/lib.sh"

"$BUILD/tests/unit/vrrp/vrrp_packets" >"$WORK/messages" 2>"$ART/seed"
check_equal "messages written" "$(wc -l <"$WORK/messages")" 360
if ! /usr/bin/python3 "$ROOT/tests/e2e/vrrp-packets.py" "$WORK/messages" "$WORK/packets.pcap" \
	>"$ART/compared"; then
	cat "$ART/seed" "$ART/compared"
	fail "tcpdump and scapy read what was written"
fi
sed 's/^/   /' "$ART/compared"
say "ok: tcpdump and scapy read what was written"

#!/bin/bash
# Claim: 1 GiB goes each way over one TCP connection and comes back unchanged, in both families;
#        UDP datagrams all come back; the account of packets balances.
#
#   client --- 1 GiB ---> lb ---> s0 (echoes)
#          <-------------    <---
#
# Needs: root. Time: about 40 s.
. "$(dirname "$0")/lib.sh"

BYTES=$(scaled $((1 << 30)))

topology 1
serve 0 --tcp 80 --udp-ports 53
write_config <<END
$(pool_of 1)
$(quick_checks)
services = {
  web = { vip = "v"; pool = "p"; port = 80; check = "quick"; };
  dns = { vip = "v"; pool = "p"; port = 53; protocol = ["udp"]; };
};
END
start_lb
LOSS=0
[ "$SCALE" -ge 100 ] || LOSS=100
wait_servers_up 4

expected=$("$PEER" generate --bytes "$BYTES" --seed 7 | sha256sum)
for vip in "${VIPS[@]}"; do
	sum=$(on client "$PEER" stream --to "$vip" --port 80 --bytes "$BYTES" --seed 7 \
		2>"$WORK/stream.json" | sha256sum) || fail "transfer: $(cat "$WORK/stream.json")"
	say "$(jq -r '"\(.received) bytes each way in \(.seconds) s"' "$WORK/stream.json")"
	check_equal "SHA-256 of what came back from $vip" "$sum" "$expected"
	on client "$PEER" chat --udp --to "$vip" --port 53 --interval 2 --duration 2000 \
		>"$WORK/udp.json"
	# a sanitizer's build is slower than the sender at times, and UDP does not wait for it
	check_json "UDP echo by $vip loses nothing" "$WORK/udp.json" \
		".sent > 500 and .lost <= $LOSS"
done

#!/bin/bash
# What the tests of two workers ask of Poise, however the packets reach their queues; source it
# after lib.sh. Each test sets up how the veths spread packets, then calls `two_workers`.
#
#   client ==== eth0 (queues) lb: w0, w1 eth1 (queues) ==== s0, s1, s2

SERVER_WEIGHTS=(100 200 300)
STREAM_BYTES=$((1 << 30)) DATAGRAMS=3000 # that a test moves, each way and in each flow
# where packets are spread otherwise, nothing is new but the handover
less_traffic() { STREAM_BYTES=$((1 << 28)) DATAGRAMS=1000; }

three_servers() {
	local i
	echo "pools = { p = { servers = {"
	for i in 0 1 2; do
		echo "  s$i = { address = [\"$(server4 $i)\", \"$(server6 $i)\"];"
		echo "    weight = ${SERVER_WEIGHTS[$i]}; };"
	done
	echo "}; }; };"
}

# start_two_workers: topology, servers and poised, as set by QUEUES.
start_two_workers() {
	local i
	# the kernel moves a flow to the queue of a TAP that was last written to for it
	[ "$PORT_KIND" != tap ] || skip "the queues of a TAP do not keep the order of a flow"
	[ "$(nproc)" -ge 2 ] || skip "needs two CPUs for two workers"
	topology 3
	for i in 0 1 2; do serve "$i" --tcp 80,81 --udp-ports 53; done
	write_config workers="0, 1" <<-END
		$(three_servers)
		$(quick_checks)
		services = {
		  web = { vip = "v"; pool = "p"; port = 80; check = "quick"; };
		  split = { vip = "v"; pool = "p"; port = 81; check = "quick"; };
		  dns = { vip = "v"; pool = "p"; port = 53; protocol = ["udp"]; };
		};
	END
	start_lb
	wait_servers_up 18
}

# worker N FIELD: of `show workers`, a counter of its account or a field of its own.
worker() {
	poise -j show workers | jq --argjson n "$1" --arg f "$2" '
		.workers[$n] | (.packets[$f] // .[$f] // error("no field " + $f)) | tonumber'
}

handed_over() { echo $(($(worker 0 handoff_out_total) + $(worker 1 handoff_out_total))); }

both_own_flows() {
	local i
	hold HELD "$WORK/held.json" --to "$VIP4" --port 80 --count 400
	check_json "400 connections are open" "$WORK/held.json" '.ok == 400'
	for i in 0 1; do
		check_between "connections of worker $i" "$(worker "$i" connections)" 120 400
	done
	use_held "$HELD" "$WORK/held.json"
	check_json "each is answered by its server" "$WORK/held.json" '.ok == 400'
	end "$HELD"
}

# Numbered datagrams of many flows, as fast as they come back: none may overtake another, and none
# may be lost, however long the machine lets somebody wait: under way at once are 192, which every
# queue from end to end has room for (the smallest, a veth's, has 256), and every next hop is known
# (lb has routes via the client, and checks the servers).
keeps_order() {
	local vip each
	each=$(scaled $DATAGRAMS)
	for vip in "${VIPS[@]}"; do
		on client "$PEER" order --to "$vip" --port 53 --count 64 --window 3 \
			--datagrams "$each" >"$ART/order-$vip.json"
		say "$(jq -r '"\(.answered) datagrams in \(.seconds) s, \(.lost) lost"' \
			"$ART/order-$vip.json")"
		check_json "64 flows to $vip, 0 reordered, 0 lost" "$ART/order-$vip.json" \
			".reordered == 0 and .refused == 0 and .lost == 0
				and .answered == 64 * $each"
	done
}

# Both ways over one connection each, in both families.
moves_streams() {
	local bytes expected sum vip
	bytes=$(scaled $STREAM_BYTES)
	expected=$("$PEER" generate --bytes "$bytes" --seed 11 | sha256sum)
	for vip in "${VIPS[@]}"; do
		sum=$(on client "$PEER" stream --to "$vip" --port 80 --bytes "$bytes" --seed 11 \
			2>"$WORK/stream.json" | sha256sum) ||
			fail "transfer: $(cat "$WORK/stream.json")"
		say "$(jq -r '"\(.received) bytes each way in \(.seconds) s"' "$WORK/stream.json")"
		check_equal "SHA-256 of what came back from $vip" "$sum" "$expected"
	done
}

# Shares of `count` connections, by weight, ± one for each worker. A worker's race stands where
# it stands: over its own whole cycles it is exact, and at most one off in between.
splits_by_weight() { # WHAT WEIGHT0 WEIGHT1 WEIGHT2
	local weights=("${@:2}") total=$(($2 + $3 + $4)) i count=600 share
	connects "$1" "$VIP4" 81 "$count"
	for i in 0 1 2; do
		share=$((count * weights[i] / total))
		check_between "s$i got, of $count by weight ${weights[$i]} of $total" \
			"$(answered "s$i")" $((share - 2)) $((share + 2))
	done
}

# The account of each worker by itself.
each_account_balances() {
	jq -e 'all(.workers[]; .packets.balance == 0)' >/dev/null < <(poise -j show workers)
}

two_workers() {
	local i
	both_own_flows
	keeps_order
	splits_by_weight "weights as configured" "${SERVER_WEIGHTS[@]}"
	poise set server "split/s0" weight 300 >/dev/null
	poise set server "split/s2" weight 100 >/dev/null
	splits_by_weight "weights changed while it runs" 300 200 100
	moves_streams
	# a worker that the machine let wait for long may find its ring full
	check_between "packets lost between workers" "$(drops handoff_full)" 0 \
		$(($(handed_over) / 1000))
	wait_for 3 "each worker's account balances" -- each_account_balances
	for i in 0 1; do
		say "$(poise -j show workers | jq -r --argjson n "$i" '.workers[$n] |
			"worker \($n): rx \(.packets.rx_total), tx \(.packets.tx_total), "
			+ "handed over \(.packets.handoff_out_total) "
			+ "(\(.handoff_ratio * 1000 | round / 10) %), "
			+ "balance \(.packets.balance)"')"
	done
	check "show workers tells the handover" -- \
		grep -q 'handed over to other workers' <(poise show workers)
	check "show ports tells who spreads the packets" -- \
		grep -q 'hand over what is not theirs' <(poise show ports)
}

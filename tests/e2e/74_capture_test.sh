#!/bin/bash
# Claim: `poise capture` shows a client's packets on both sides of the translation, in both
#        families, and those that are dropped with the reason, as a file that tcpdump reads; a bad
#        filter is refused; and a reader that stops costs copies, which are counted, and no packet.
#
#   client -- TCP through the VIP --> lb --> s0      poise capture 'host CLIENT' -w FILE
#
# Needs: root. Time: about 20 s.
. "$(dirname "$0")/lib.sh"

topology 1
serve 0 --tcp 80
write_config <<END
pools = {
  p = { unknown_tcp = "drop";
        servers = { s0 = { address = ["$(server4 0)", "$(server6 0)"]; }; }; };
};
service_defaults = { vip = "v"; pool = "p"; };
services = { web = { port = 80; }; };
END
start_lb
wait_servers_up 2

# Begins to write $ART/FILE, which has a head with the first answer: then workers copy.
begin_capture() { # FILE ARGUMENTS...
	local file=$1
	shift
	background CAPTURE on lb "$POISE" -s "$SOCKET" capture -w "$ART/$file" "$@" \
		2>"$ART/$file.txt"
	wait_for 20 "$file has a head" -- test -s "$ART/$file"
}
has_packet() { [ -n "$(tcpdump -nr "$ART/$1" "$2" 2>/dev/null)" ]; }
said() { grep -aq "$2" "$ART/$1"; }

for vip in "${VIPS[@]}"; do
	client=$CLIENT4 server=$(server4 0) file=v4.pcapng
	[ "$vip" = "$VIP4" ] || client=$CLIENT6 server=$(server6 0) file=v6.pcapng
	begin_capture "$file" "host $client and tcp"
	connects "while captured" "$vip" 80 1
	packets client probe "$vip" 80 A >/dev/null
	wait_for 10 "the drop is in $file" -- said "$file" "dropped: no_connection, service web"
	end "$CAPTURE"
	for side in "src host $client and dst host $vip" "src host $client and dst host $server" \
		"src host $server and dst host $client" "src host $vip and dst host $client"; do
		check "$file has: $side" -- has_packet "$file" "$side and tcp port 80"
	done
	check "$file names a server where it was sent to" -- \
		said "$file" "worker 0, sent, service web, server s0"
	check "$file names it where it came from" -- \
		said "$file" "worker 0, received, service web, server s0"
	check "nothing of $file was lost" -- said "$file.txt" "(0 lost)"
done

# --count ends it, --dir and --port choose; standard output is for tcpdump
on lb "$POISE" -s "$SOCKET" capture --count 3 --dir out --port lan "dst host $(server4 0)" \
	2>"$ART/count.txt" | tcpdump -nr - >"$ART/count.out" 2>/dev/null &
counted=$!
enough() { connects "to be counted" "$VIP4" 80 1 && has_ended "$counted"; }
wait_for 20 "three packets were sent to the server" -- enough
check_equal "packets counted" "$(wc -l <"$ART/count.out")" 3
check "and the summary" -- said count.txt "^3 packets in .* (0 lost)"

status=0
poise capture -w "$ART/bad.pcapng" 'host host' 2>"$ART/bad.txt" || status=$?
check_equal "exit status of a bad filter" "$status" 2
check "and it is said why" -- said bad.txt "filter: "

# nobody reads for a while: the daemon's socket, then the workers' memory for copies run full
total_drops() {
	poise -j show errors |
		jq '[.errors[] | select(.where == "worker") | .drops_total | tonumber] | add'
}
begin_capture slow.pcapng tcp
before=$(total_drops)
kill -STOP "$CAPTURE"
for i in 1 2 3 4; do
	connects "with a reader that stopped ($i)" "$VIP4" 80 500
done
check_equal "packets dropped meanwhile" "$(($(total_drops) - before))" 0
kill -CONT "$CAPTURE"
end "$CAPTURE"
check "what was copied can be read" -- has_packet slow.pcapng "host $CLIENT4"

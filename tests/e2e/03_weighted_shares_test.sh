#!/bin/bash
# Claim: with one worker, connections to one service split exactly by weight over whole cycles:
#        19,210 connections over the weights 1, 640, 640, 640 give 10, 6400, 6400, 6400 (± 1).
#
#   client ---- lb ---- s0 (weight 1), s1, s2, s3 (640 each)
#
# Needs: root. Time: about 15 s.
. "$(dirname "$0")/lib.sh"

topology 4
for i in 0 1 2 3; do serve "$i" --tcp 993; done
write_config <<END
pools = { mail = { servers = {
  s0 = { address = ["$(server4 0)", "$(server6 0)"]; weight = 1; };
  s1 = { address = ["$(server4 1)", "$(server6 1)"]; weight = 640; };
  s2 = { address = ["$(server4 2)", "$(server6 2)"]; weight = 640; };
  s3 = { address = ["$(server4 3)", "$(server6 3)"]; weight = 640; };
}; }; };
$(quick_checks)
services = { imaps = { vip = "v"; pool = "mail"; port = 993; check = "quick"; }; };
END
start_lb
wait_servers_up 8

CYCLES=$(scaled 10)
for vip in "${VIPS[@]}"; do
	connects "imaps" "$vip" 993 $((1921 * CYCLES)) --concurrency 64
	check_equal "s0 of $vip got" "$(answered s0)" "$CYCLES"
	for i in 1 2 3; do
		check_between "s$i of $vip got" "$(answered "s$i")" \
			$((640 * CYCLES - 1)) $((640 * CYCLES + 1))
	done
done

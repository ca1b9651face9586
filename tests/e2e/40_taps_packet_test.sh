#!/bin/bash
# Claim: on ports of net_af_packet the VIPs are served, and the kernel lives behind a TAP
#        with the port's MAC and MTU: ping, TCP and probes through it work in both families, its
#        addresses and routes come from the file. Neither SIGTERM nor SIGKILL leaves anything.
#
# Needs: root. Time: about 15 s.
POISE_PORTS=packet
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/taps.sh"

start_with_taps
kernel_side_is_whole
for vip in "${VIPS[@]}"; do connects "through the VIP" "$vip" 80 500; done
own_addresses_work
counts_what_passes_the_taps
nothing_is_left

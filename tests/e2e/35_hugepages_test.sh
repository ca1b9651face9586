#!/bin/bash
# Claim: memory.hugepages = "off" uses none though there are some, "auto" uses them if there are
#        enough and starts without, "required" uses them or says how many are missing and with
#        which command to get them; that command is enough. `show status` says what is in use.
#
#   client ---- lb ---- s0
#
# Changes vm.nr_hugepages and puts it back. Needs: root, 1.3 GiB free. Time: about 10 s.
. "$(dirname "$0")/lib.sh"

PAGES=/proc/sys/vm/nr_hugepages
BEFORE=$(cat "$PAGES")
ENOUGH=400
[ "$SCALE" -ge 100 ] || skip "a sanitizer's build has other memory than it says"
[ -w "$PAGES" ] || skip "cannot write $PAGES"
[ "$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)" -gt 1300 ] ||
	skip "less than 1.3 GiB of memory are available"
undo() { echo "$BEFORE" >"$PAGES"; }

free_pages() { # and promised to nobody
	awk '/^HugePages_/ { v[$1] = $2 }
		END { print v["HugePages_Free:"] - v["HugePages_Rsvd:"] }' /proc/meminfo
}
are_free() { [ "$(free_pages)" = "$1" ]; }
# An AF_XDP socket's memory is unpinned by the kernel after its process has ended.
check_pages_come_back() { # N
	wait_for 5 "$1 huge pages free after the end" -- are_free "$1"
	say "ok: free huge pages after the end: $1"
}
set_free() { # N: so many free ones, beside those that others use
	local total
	total=$(cat "$PAGES")
	echo $((total - $(free_pages) + $1)) >"$PAGES"
	[ "$(free_pages)" = "$1" ]
}
set_free "$ENOUGH" || skip "the machine cannot have $ENOUGH huge pages"

topology 1
serve 0 --tcp 80
config() { # SETTING
	write_web_config 1 hugepages="$1"
}
# serves_with SETTING PAGES TABLES: what `show status` says, and traffic.
serves_with() {
	config "$1"
	start_lb
	wait_servers_up 2
	poise -j show status >"$WORK/status.json"
	check_json "$1: packets on $2, tables on $3 pages" "$WORK/status.json" \
		".memory == {hugepages: \"$1\", packets: \"$2\", tables: \"$3\"}"
	poise show status | grep '^memory' | sed 's/^/   /'
	connects "$1" "$VIP4" 80 100
	connects "$1" "$VIP6" 80 100
}
refuses() { # what a start says that fails
	local status=0
	config required
	on lb "$POISED" -c "$CONF" >"$WORK/refusal" 2>&1 || status=$?
	check_equal "required, too few pages: exit status" "$status" 1
	sed 's/^/   /' "$WORK/refusal"
}

serves_with off small transparent
check_equal "free huge pages while it runs" "$(free_pages)" "$ENOUGH"
stop_lb

serves_with auto huge huge
check_between "free huge pages while it runs" "$(free_pages)" 0 $((ENOUGH - 150))
stop_lb
check_pages_come_back "$ENOUGH"

set_free 5
serves_with auto small transparent
stop_lb

refuses
needed=$(grep -oE '[0-9]+ are needed' "$WORK/refusal" | grep -oE '[0-9]+')
read -ra command < <(grep -oE 'sysctl -w vm.nr_hugepages=[0-9]+' "$WORK/refusal")
total=$(($(cat "$PAGES") - 5 + needed))
check_equal "the message" "$(cat "$WORK/refusal")" \
	"error: memory.hugepages: $((needed - 5)) pages of 2 MB are missing: $needed are needed, \
5 are free: run \"sysctl -w vm.nr_hugepages=$total\" or set hugepages = \"auto\""
check "the command of the message" -- "${command[@]}"
serves_with required huge huge
# Killed and started again at once: the dead one's pages come back in time.
end "$LB_PID" KILL
LB_PID=
serves_with required huge huge
stop_lb
check_pages_come_back "$needed"

#!/bin/bash
# The matrix of the tests of real servers: each check, in both families, in each case: verdict,
# words and the time to the verdict. Source it after lib.sh and servers.sh.
#
# All servers run in the namespace of s0 and meet a case at the same time. `check_row` adds checks,
# `run_matrix` does the rest. Each check is a service of its own; what is expected of a row in a
# case are words (a pattern, as in [[ == ]]) with which it must be down, or "up": it must not have
# moved.
#
#   wrong     the servers answer, but not what they should (wrong_NAME of servers.sh)
#   stopped   ended by SIGKILL
#   hung      SIGSTOP: ports are open, nothing answers
#   silent    everything that is sent to s0 is swallowed
#   expired   the servers' certificate has expired
INTERVAL=1000 TIMEOUT=800 RETRY=200 FALL=2 RISE=2 # milliseconds, times
TIMEOUT_TEXT=${TIMEOUT}ms
# handshakes of TLS take their time in a slow build, which is not held to bounds
[ "$SCALE" -ge 100 ] || INTERVAL=2500 TIMEOUT=2000 TIMEOUT_TEXT=2s RISE=1
ROWS=()
declare -A ROW_SERVER ROW_PORT ROW_BODY
declare -A EXPECTED # [CASE ROW]
declare -A WANTED   # by row: the state that it must come to
declare -A FAULT_MS # by server: since when the case stands
declare -A SLOW_MS  # [ROW FAMILY]: when a server that is whole last answered too late, in this case
N_WRONG=0           # cells of the matrix

# check_row NAME SERVER PORT BODY [CASE=WORDS...]: SERVER is "-" for what needs none. POISE_ROWS, a
# pattern of names, leaves the others out.
check_row() {
	local name=$1 word
	[[ $name =~ ${POISE_ROWS:-.} ]] || return 0
	ROWS+=("$name")
	ROW_SERVER[$name]=$2 ROW_PORT[$name]=$3 ROW_BODY[$name]=$4
	EXPECTED[up $name]=up
	EXPECTED[stopped $name]="connect: refused"
	EXPECTED[hung $name]="*: timed out after $TIMEOUT_TEXT"
	EXPECTED[silent $name]="connect: timed out after $TIMEOUT_TEXT"
	EXPECTED[wrong $name]=up
	EXPECTED[expired $name]=up
	for word in "${@:5}"; do EXPECTED[${word%%=*} $name]=${word#*=}; done
}

matrix_config() {
	local row i=0
	echo "checks = {"
	for row in "${ROWS[@]}"; do
		echo "  $row = { ${ROW_BODY[$row]} interval = \"${INTERVAL}ms\";"
		echo "    timeout = \"${TIMEOUT}ms\"; retry = \"${RETRY}ms\";"
		echo "    fall = $FALL; rise = $RISE; };"
	done
	echo "}; services = {"
	for row in "${ROWS[@]}"; do
		echo "  $row = { vip = \"v\"; pool = \"p\"; check = \"$row\";"
		echo "    port = $((1000 + i)); to_port = ${ROW_PORT[$row]}; };"
		i=$((i + 1))
	done
	echo "};"
}

# A line for each half of each service: row, family, state, its time in ms, how long the last probe
# took in ms, when it ended in ms, words.
verdicts() {
	poise -j show servers | jq -r '
		def ms: (.[:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
		.servers[] | [.service, .family, .state,
			(.check.since // "1970-01-01T00:00:00.000Z" | ms),
			(.check.duration_seconds // 0 | . * 1000 | ceil),
			(.check.last // "1970-01-01T00:00:00.000Z" | ms), .check.detail] | @tsv'
}

# servers_of_rows: each once.
servers_of_rows() {
	printf '%s\n' "${ROW_SERVER[@]}" | grep -vx -e - | sort -u
}

stands() { FAULT_MS[$1]=$(now_ms); } # SERVER

# The state that the row must come to in a case.
expected_state() { # CASE ROW
	[ "$1" = nothing ] && echo unknown && return
	[ "${EXPECTED[$1 $2]}" = up ] && echo up || echo down
}

# shellcheck disable=SC2053  # the words are a pattern
has_words() { [ "$1" = up ] || [[ $2 == $3 ]]; } # STATE WORDS PATTERN

# A probe that began when the server was whole, and yet timed out.
is_slow() { # SERVER WORDS ENDED
	[[ $2 == *"timed out"* ]] && [ "$3" -ge $((${FAULT_MS[$1]} + TIMEOUT)) ]
}

# All rows have come to what is in WANTED, in the right words.
all_have_come() { # CASE
	local row family state since took ended words have_come=0
	verdicts >"$ART/$1.tsv"
	while IFS=$'\t' read -r row family state since took ended words; do
		if [ "$state" != "${WANTED[$row]}" ]; then
			have_come=1
			[ "${WANTED[$row]}" != up ] ||
				! is_slow "${ROW_SERVER[$row]}" "$words" "$ended" ||
				SLOW_MS[$row $family]=$ended
		elif ! has_words "$state" "$words" "${EXPECTED[$1 $row]}"; then
			have_come=1
		fi
	done <"$ART/$1.tsv"
	return "$have_come"
}

# bound CASE WORDS: milliseconds until the verdict, by the rule of poise.conf(5).
bound() {
	case $1/$2 in
	up/*) echo $((INTERVAL + (RISE - 1) * INTERVAL)) ;;
	*/*refused*) echo $((INTERVAL + (FALL - 1) * RETRY)) ;;
	*) echo $((INTERVAL + FALL * TIMEOUT + (FALL - 1) * RETRY)) ;;
	esac
}

table_line() { printf '   %-14s %-3s %-8s %-5s %6s %6s  %s\n' "$@"; }

# judge CASE LAST: waits for what the rows must come to, and writes a line for each.
# LAST is the case before, if it left something else behind than "up".
judge() {
	local case=$1 last=${2:-up} row family state since took ended words ms most mark stood end
	local began
	SLOW_MS=()
	for row in "${ROWS[@]}"; do WANTED[$row]=$(expected_state "$case" "$row"); done
	end=$(($(now_ms) + 60000)) # a server that is too slow for its time-out may need several
	until all_have_come "$case" || [ "$(now_ms)" -ge "$end" ]; do sleep 0.05; done
	while IFS=$'\t' read -r row family state since took ended words; do
		# the time of a server that was too slow begins again
		began=${SLOW_MS[$row $family]:-${FAULT_MS[${ROW_SERVER[$row]}]}}
		ms=$((since - began))
		most=$(bound "$case" "$words")
		mark=
		if [ "$state" != "${WANTED[$row]}" ]; then
			mark="WRONG VERDICT"
		elif ! has_words "$state" "$words" "${EXPECTED[$case $row]}"; then
			mark="WRONG WORDS, not \"${EXPECTED[$case $row]}\""
		elif [ "$state" != "$(expected_state "$last" "$row")" ]; then
			stood=$(stalled_since "$began")
			# a probe that succeeds takes the time that the server takes
			[ "$state" != up ] || stood=$((stood + took))
			[ "$SCALE" -lt 100 ] || [ "$ms" -le $((most * 110 / 100 + stood)) ] ||
				mark="TOO LATE ($stood ms are the machine's or the server's)"
		else
			ms=- # nothing was to change
		fi
		[ -z "$mark" ] || N_WRONG=$((N_WRONG + 1))
		table_line "$row" "$family" "$case" "$state" "$ms" "$most" "$words $mark"
	done <"$ART/$case.tsv"
}

all_servers() { # COMMAND: for each, then notes the time
	local server
	for server in $(servers_of_rows) -; do
		"$1" "$server"
		stands "$server"
	done
}

has_function() { declare -F "$1" >/dev/null; }
make_wrong() { ! has_function "wrong_$1" || "wrong_$1" 0; }
make_right() { ! has_function "right_$1" || "right_$1" 0; }
reread_certificate() { ! has_function "reread_$1" || "reread_$1" 0; }
stop_one() { [ "$1" = - ] || stop "$1" 0; }
listens_again() { [ "$1" = - ] || ready "$1" 0; }

start_all() {
	local server
	for server in $(servers_of_rows); do launch "$server" 0; done
	all_servers listens_again
}
note_all() { all_servers true; }

# Checks begin when poised's thread for them does, however long the rest of its start takes.
note_start() {
	local server ms
	ms=$(awk -v now="$(now_ms)" -v hz="$(getconf CLK_TCK)" 'NR == FNR { up = $1; next }
		$2 == "(poise-health)" { printf "%d\n", now - (up - $22 / hz) * 1000 }' \
		/proc/uptime "/proc/$LB_PID/task"/*/stat)
	for server in $(servers_of_rows) -; do FAULT_MS[$server]=$ms; done
}

run_matrix() {
	topology 1
	watch_stalls
	# Of ICMP errors to one host the kernel sends one a second: too few for the UDP checks.
	on s0 sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	use_certificate 0 good
	start_all
	write_config < <(
		pool_of 1
		matrix_config
	)
	table_line check fam case state ms bound words
	start_lb
	note_start
	judge up nothing

	all_servers make_wrong
	judge wrong
	all_servers make_right
	judge up wrong

	all_servers stop_one
	judge stopped
	start_all
	judge up stopped

	pause 0
	note_all
	judge hung
	resume 0
	note_all
	judge up hung

	silence 0
	note_all
	judge silent
	hear 0
	note_all
	judge up silent

	use_certificate 0 expired
	all_servers reread_certificate
	judge expired
	check_equal "cells of the matrix that are wrong" "$N_WRONG" 0
}

#!/bin/bash
# Claim: whatever a server does (a body or lines without end, one byte a second, 100 MB of header
#        lines, redirects in a circle, garbage in place of TLS, resets, half-closed connections),
#        the verdict is right and in words, the check's timeout holds for the whole check, and
#        poised's memory is bounded.
#
#   lb (checks) ---- s0: bad-server.py, a mode a port
#
# Needs: root. Time: about 20 s.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

INTERVAL=1000 TIMEOUT=800 ROUNDS=10 # ms, ms, at least
# hundreds of checks a second are more than a slow build can do, and its memory is not measured
[ "$SCALE" -ge 100 ] || INTERVAL=3000 TIMEOUT=2000 ROUNDS=2
MOST_MS=$((TIMEOUT * 110 / 100)) # of a probe, without what it waited for the CPU
MOST_ROUNDS=40                   # of a busy machine
MEMORY_KIB=$((32 * 1024))        # that all of it may take, of 260 checks at a time
MODES=(endless drip header redirect garbage reset half lines)
# Families of ports, as in bad-server.py, and the checks that meet them. Those of TLS meet it twice:
# in place of TLS, and inside of it, where "+" stands for port + INSIDE.
declare -A CHECKS=([1]="http https https+ body body+" [2]="smtp smtps smtps+"
	[3]="imap imaps imaps+" [4]="pop3 pop3s pop3s+"
	[5]="text texts texts+ ldap ldaps+ mysql dns")
INSIDE=100
TIMEOUT_TEXT=${TIMEOUT}ms # below a second
[ "$TIMEOUT" -lt 1000 ] || TIMEOUT_TEXT=$((TIMEOUT / 1000))s
declare -A BODY=(
	[http]='type = "http";' [https]='type = "http"; tls = "implicit";'
	[body]='type = "http"; body = "never said";'
	[body+]='type = "http"; body = "never said"; tls = "implicit";'
	[smtp]='type = "smtp"; helo = "lb.example.com";'
	[smtps]='type = "smtp"; helo = "lb.example.com"; tls = "implicit";'
	[imap]='type = "imap";' [imaps]='type = "imap"; tls = "implicit";'
	[pop3]='type = "pop3";' [pop3s]='type = "pop3"; tls = "implicit";'
	[text]='type = "text"; steps = ({ expect = "never said"; });'
	[texts]='type = "text"; tls = "implicit"; steps = ({ expect = "never said"; });'
	[ldap]='type = "ldap";' [ldaps]='type = "ldap"; tls = "implicit";'
	[mysql]='type = "mysql"; user = "probe";'
	[dns]="type = \"dns\"; transport = \"tcp\"; name = \"$MAIL_NAME\";"
)
# What is up nevertheless, MODE CHECK: the status is right, and nothing was asked of the body.
# One line is all that POP3's QUIT has for an answer.
declare -A UP=(["endless http"]=1 ["endless https+"]=1 ["lines http"]=1 ["lines https+"]=1
	["lines pop3"]=1 ["lines pop3s+"]=1)
# In which words the others are down: a pattern for all checks, or for MODE CHECK.
declare -A WORDS=(
	[lines]="*?: ?*"
	[endless]="*?: ?*" [drip]="*: timed out after $TIMEOUT_TEXT" [header]="*?: ?*"
	[redirect]="*?: ?*" [garbage]="*?: ?*" [reset]="*@(reset|closed|send failure)*"
	[half]="*closed*"
	["reset ldaps+"]="*?: ?*"
	["redirect http"]="http: status 302, expected 200-299"
	["redirect https+"]="http: status 302, expected 200-299"
	["redirect body"]="http: status 302, expected 200-299"
	["header http"]="http: the header is too long"
	["lines smtp"]="answer to QUIT: the answer is too long"
	["lines smtps+"]="answer to QUIT: the answer is too long"
	["lines imap"]="answer to LOGOUT: the answer is too long"
	["lines imaps+"]="answer to LOGOUT: the answer is too long"
	["endless body"]="http: body does not match /never said/ in its first 64 KiB"
	["endless body+"]="http: body does not match /never said/ in its first 64 KiB"
	["endless https"]="tls: handshake failed: wrong version number"
	["garbage https"]="tls: handshake failed: *"
)

port_of() { echo $(($1 * 10000 + $2)); } # FAMILY OF PORTS, NUMBER OF MODE

# for_all COMMAND: COMMAND MODE CHECK PORT, for each. Names of checks have no "+".
for_all() {
	local family check port i
	for family in "${!CHECKS[@]}"; do
		for check in ${CHECKS[$family]}; do
			for i in "${!MODES[@]}"; do
				port=$(port_of "$family" "$i")
				[[ $check != *+ ]] || port=$((port + INSIDE))
				"$1" "${MODES[$i]}" "$check" "$port"
			done
		done
	done
}

write_check() { # MODE CHECK PORT
	echo "$1-${2/+/-inside} = { ${BODY[$2]-${BODY[${2%+}]}} port = $3; };"
}
N=0
write_service() {
	N=$((N + 1))
	echo "$1-${2/+/-inside} = { port = $((1000 + N)); check = \"$1-${2/+/-inside}\"; };"
}

topology 1
watch_stalls
use_certificate 0 good

# start_bad NAME OFFSET OPTIONS...: with all modes, on ports this much higher.
start_bad() {
	local name=$1 offset=$2 family ports pid i
	shift 2
	local args=("$@")
	for i in "${!MODES[@]}"; do
		ports=
		for family in "${!CHECKS[@]}"; do
			ports+=,$(($(port_of "$family" "$i") + offset))
		done
		args+=("${MODES[$i]}=${ports#,}")
	done
	background pid on s0 /usr/bin/python3 "$ROOT/tests/e2e/bad-server.py" "${args[@]}" \
		>"$WORK/$name.ready" 2>"$ART/$name.err"
	wait_for 5 "the $name server listens" -- grep -q ready "$WORK/$name.ready"
}
start_bad plain 0
start_bad tls $INSIDE --tls "$WORK/s0/cert.pem" "$WORK/s0/key.pem"

write_config <<END
$(pool_of 1)
check_defaults = { interval = "${INTERVAL}ms"; timeout = "${TIMEOUT}ms"; retry = "200ms"; fall = 2;
  rise = 2; };
checks = { $(for_all write_check) };
service_defaults = { vip = "v"; pool = "p"; };
services = { $(for_all write_service) };
END
start_lb
memory_kib() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$LB_PID/status"; }

# A line for each half: service, family, state, milliseconds of the last probe and when it ended,
# words.
rows() {
	poise -j show servers | jq -r '
		def ms: (.[:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
		.servers[] | [.service, .family, .state,
			(.check.duration_seconds // 0 | . * 1000 | floor),
			(.check.last // "1970-01-01T00:00:00.000Z" | ms), .check.detail] | @tsv'
}
results() { # how many targets have had a result, and after when
	poise -j show servers | jq --arg t "$1" '[.servers[] | select(.check.last > $t)] | length'
}
all_have_results() { [ "$(results "$1")" = "$TARGETS" ]; }
now_text() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }

TARGETS=$(poise -j show servers | jq '.servers | length')
another_round() {
	local at
	at=$(now_text)
	wait_for 20 "all $TARGETS have another result" -- all_have_results "$at"
	rows >"$ART/rows.tsv"
}

# shellcheck disable=SC2053  # the words are a pattern
has_words() { [[ $1 == $2 ]]; }

# fault_of MODE CHECK STATE WORDS MS: what is wrong with a result, or nothing.
fault_of() {
	local wanted=${WORDS[$1 $2]:-${WORDS[$1]}}
	if [ -n "${UP[$1 $2]:-}" ]; then
		[ "$3" = up ] || echo "WRONG VERDICT"
	elif [ "$3" != down ]; then
		echo "WRONG VERDICT"
	elif ! has_words "$4" "$wanted"; then
		echo "WRONG WORDS, not \"$wanted\""
	elif [ "$SCALE" -ge 100 ] && [ "$5" -gt "$MOST_MS" ]; then
		echo "TOO LONG"
	fi
}

# judge [FINALLY]: writes a line for each row that is right for the first time; finally for those
# that never were, too. What must be down may be up in no round at all.
declare -A IS_RIGHT
N_WRONG=0 N_FALSELY_UP=0
judge() {
	local service family state ms ended words mode check fault
	N_WRONG=0
	while IFS=$'\t' read -r service family state ms ended words; do
		mode=${service%%-*} check=${service#*-}
		check=${check/-inside/+}
		[ "$state" != up ] || [ -n "${UP[$mode $check]:-}" ] ||
			N_FALSELY_UP=$((N_FALSELY_UP + 1))
		[ -z "${IS_RIGHT[$service $family]:-}" ] || continue
		[ "$ms" -le "$MOST_MS" ] || ms=$((ms - $(stalled_since $((ended - ms)))))
		fault=$(fault_of "$mode" "$check" "$state" "$words" "$ms")
		if [ -z "$fault" ]; then
			IS_RIGHT[$service $family]=1
		else
			N_WRONG=$((N_WRONG + 1))
			[ -n "${1:-}" ] || continue
		fi
		printf '   %-9s %-7s %s %-5s %4s ms  %s\n' "$mode" "$check" "$family" "$state" \
			"$ms" "$words $fault"
	done <"$ART/rows.tsv"
}

wait_for 20 "all $TARGETS have a verdict" -- all_have_results 1970
first_kib=$(memory_kib VmRSS)
# A server or a probe that waited for the CPU until the time-out has said nothing of how it
# misbehaves: then the next round shows.
round=0
while [ "$round" -lt "$ROUNDS" ] || { [ "$N_WRONG" != 0 ] && [ "$round" -lt "$MOST_ROUNDS" ]; }; do
	round=$((round + 1))
	another_round
	# verdicts of the first round may still be to come
	[ "$round" = 1 ] || judge
done
judge finally
say "$TARGETS targets: memory $first_kib KiB after the first round," \
	"$(memory_kib VmRSS) after $round, at most $(memory_kib VmHWM)"
[ "$SCALE" -lt 100 ] || check_between "memory that $round rounds took, KiB" \
	$(($(memory_kib VmHWM) - first_kib)) 0 "$MEMORY_KIB"
check_equal "rows that are up and must not be, in any round" "$N_FALSELY_UP" 0
check_equal "rows that were right in none" "$N_WRONG" 0

#!/bin/bash
# What the tests of the web server share: asking it, from lb's own namespace. After lib.sh.
# shellcheck disable=SC2034  # variables are for the tests

HTTP=http://127.0.0.1:9477
HTTP_CONFIG='http = { listen = ["127.0.0.1:9477"]; };'

ask() { on lb curl -sS --max-time 10 "$@"; }

# ask_status PATH [CURL OPTIONS]: the status code.
ask_status() { ask -o /dev/null -w '%{http_code}' "${@:2}" "$HTTP$1"; }

# scrape: into $WORK/scrape.txt
scrape() { ask --fail "$HTTP/metrics" >"$WORK/scrape.txt"; }

# metric 'NAME{LABELS}' [FILE]: a sample's value, the labels as they stand.
metric() {
	awk -v name="$1" 'substr($0, 1, length(name) + 1) == name " " {
		printf "%.0f\n", substr($0, length(name) + 2); found = 1 }
		END { exit !found }' "${2:-$WORK/scrape.txt}"
}

metric_is() { # NAME VALUE
	scrape && [ "$(metric "$1")" = "$2" ]
}

# The turns of the control loop that took longer than a bound: turns_over SECONDS
turns_over() {
	poise -j show status | jq --argjson s "$1" '[.control_loop.buckets[]
		| select(.le == null or .le > $s) | .count | tonumber] | add'
}

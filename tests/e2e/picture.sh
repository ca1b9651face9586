#!/bin/bash
# The picture of the status page in README.md, from a real run: four minutes of clients of the mail
# services, with one server of one service that is down. Part of 73_status_page, if asked for.

PICTURE_SECONDS=240

# One second of clients: some that come and go, some that stay a while, some that load much.
play_second() { # SECOND
	local busy=$((20 + 15 * ($1 / 20 % 3) + ($1 % 37 < 4 ? 60 : 0))) vip=${VIPS[$(($1 % 2))]}
	local port
	for port in 25 143 443; do
		on client timeout 20 "$PEER" connect --to "$vip" --port "$port" \
			--count $((busy / 2)) >/dev/null &
	done
	for port in 143 443 993 993; do
		on client timeout $((15 + $1 * 7 % 40)) "$PEER" connect --hold --to "$vip" \
			--port "$port" --count $((busy / 8 + 1)) >/dev/null &
	done
	on client timeout 20 "$PEER" stream --to "$vip" --port 143 \
		--bytes $((busy * 40000)) --seed "$1" >/dev/null &
}

play() {
	local second began
	began=$(date +%s)
	for ((second = 0; ; second++)); do
		play_second "$second"
		while [ $(($(date +%s) - began)) -le "$second" ]; do sleep 0.1; done
	done
}

make_picture() { # FILE
	local player
	serve 2 --tcp 25,143,443
	background player play 2>/dev/null
	go "$HTTP/"
	wait_for $((PICTURE_SECONDS * 2)) "four minutes are shown" -- \
		is_true "page.charts.samples.length > $PICTURE_SECONDS"
	browser shot "$SESSION" "$1"
	end "$player"
	say "picture: $1, $(stat -c %s "$1") bytes"
}

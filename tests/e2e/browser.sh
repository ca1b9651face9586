#!/bin/bash
# A browser in the namespace of lb, by remote control (browser.py). After lib.sh.

DRIVER_PORT=9515
SESSION=

browser() { on lb /usr/bin/python3 "$ROOT/tests/e2e/browser.py" "$DRIVER_PORT" "$@"; }

# All that it writes is in the test's folder; it ends with the namespace, if not before.
start_browser() {
	command -v chromedriver >/dev/null || skip "needs chromedriver (package chromium-driver)"
	mkdir -p "$WORK/tmp"
	HOME=$WORK TMPDIR=$WORK/tmp background DRIVER on lb chromedriver --port="$DRIVER_PORT" \
		>"$ART/chromedriver.log" 2>&1
	wait_for 30 "chromedriver answers" -- driver_answers
	SESSION=$(browser open "$WORK/profile")
}
driver_answers() { on lb curl -sf --noproxy '*' "http://127.0.0.1:$DRIVER_PORT/status"; }

stop_browser() {
	browser close "$SESSION"
	end "$DRIVER"
}

# go URL: and away from where it is, so that another # is a new page, too.
go() {
	browser go "$SESSION" about:blank
	browser go "$SESSION" "$1"
}
screen() { browser screen "$SESSION" "$@"; }
shot() { browser shot "$SESSION" "$ART/$1.png" whole; }

# js EXPRESSION: as JSON
js() { browser run "$SESSION" "return $1"; }
is_true() { [ "$(js "$1")" = true ]; } # EXPRESSION
has_updates() { is_true "Number(document.body.dataset.ticks) >= $1"; }

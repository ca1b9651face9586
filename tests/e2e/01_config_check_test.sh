#!/bin/bash
# Claim: `poised -t` accepts the shipped example as it is, refuses a broken file with every error
#        and its line in one run, and touches nothing; exit status 0 and 1.
#
#   poise.conf ---> poised -t ---> "ok" / errors
#
# Needs: no root, no network. Time: about 1 s.
. "$(dirname "$0")/lib.sh"

run() { # COMMAND...: output in $WORK/out, exit status in STATUS
	STATUS=0
	"$@" >"$WORK/out" 2>&1 || STATUS=$?
}

run "$POISED" -t -c "$ROOT/docs/examples/mail-basic.conf"
check_equal "mail-basic.conf: exit status" "$STATUS" 0

sed -e 's/weight = 640;/wieght = 640;/' -e 's/pool = "mail"/pool = "mial"/' \
	"$ROOT/docs/examples/mail-basic.conf" >"$WORK/broken.conf"
run "$POISED" -t -c "$WORK/broken.conf"
cp "$WORK/out" "$ART/broken.txt"
check_equal "broken file: exit status" "$STATUS" 1
check "every misspelt key is reported" -- \
	test "$(grep -c 'unknown setting (did you mean "weight"?)' "$WORK/out")" = 3
check "with file and line" -- grep -qE 'broken\.conf:[0-9]+: error: pools\.mail\.servers\.slave-1' \
	"$WORK/out"
check "and the unknown pool too" -- grep -q 'no pool "mial"' "$WORK/out"
check "then the count" -- grep -qE '^[0-9]+ errors: configuration NOT usable$' "$WORK/out"

run "$POISED" -t -c "$WORK/missing.conf"
check_equal "missing file: exit status" "$STATUS" 1
check "the missing file is named" -- grep -q missing.conf "$WORK/out"

run "$POISED" --print-defaults
check_equal "--print-defaults: exit status" "$STATUS" 0
check "defaults name the connection table" -- grep -q connections "$WORK/out"

run "$POISED" --no-such-option
check_equal "unknown option: exit status" "$STATUS" 2

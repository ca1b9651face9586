#!/bin/bash
# Claim: every command in README.md works as it stands there, in the order of reading.
#
# Runs each line of its ```sh blocks from the top of the repository. `tools/test` itself, which this
# is a part of, is only asked for its list.
set -euo pipefail

cd "$(dirname "$0")/.."
commands=$(awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' README.md)
[ -n "$commands" ] || { echo "README.md shows no command" && exit 1; }
while IFS= read -r line; do
	case $line in
	"" | "#"*) continue ;;
	*tools/test*) line="./tools/test --list" ;;
	esac
	printf '$ %s\n' "$line"
	bash -euo pipefail -c "$line" </dev/null || {
		echo "README.md: this command failed: $line"
		exit 1
	}
done <<<"$commands"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Proves that the simulator sees: each deliberate defect of the host is caught
# within two thousand seeds, and a seed is one exact run.
set -eu
sim=${1:-out/fvp-sim}
seeds=${SEEDS:-2000}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
failed=0

for defect in $("$sim" --help | sed -n 's/^defects://p'); do
	if "$sim" --seeds "1..$seeds" --jobs "$(nproc)" --defect "$defect" >"$out" 2>&1; then
		echo "not caught: $defect, in $seeds seeds"
		failed=1
	else
		echo "caught: $defect: $(sed -n 's/^VIOLATION //p' "$out" | head -1)"
	fi
done

# Whatever ran before in the same process, a seed's trace is the same.
"$sim" --seeds 1..12 --hash | grep '^seed' | sort >"$out"
if "$sim" --seeds 1..12 --jobs 3 --hash | grep '^seed' | sort | cmp -s - "$out"; then
	echo "same seed, same trace"
else
	echo "a seed's trace depends on what ran before it"
	failed=1
fi
exit $failed

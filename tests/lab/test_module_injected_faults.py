# SPDX-License-Identifier: GPL-2.0
"""Proves on the debug kernel that want of memory costs no data, no leak and no wedge: each allocation of a table load, a
message, a suspend and a resume fails once; then, under load, allocations of the module fail at random, and I/O that it sends
to flash or to an origin. The kernel's own checks watch (KASAN, lockdep), and kmemleak scans at the end."""
import os

import pytest

from module_helpers import HELPERS

pytestmark = pytest.mark.skipif(os.environ.get('FVP_LAB_KERNEL') != 'debug',
                                reason='needs FVP_LAB_KERNEL=debug: other kernels inject no faults')

SETUP = HELPERS + r'''
v=/dev/mapper/v origin=/dev/lab/origin debugfs=/sys/kernel/debug
memory='failslab fail_page_alloc'
for kind in $memory; do
	echo N >$debugfs/$kind/ignore-gfp-wait
	echo 0 >$debugfs/$kind/verbose
done
echo 0 >$debugfs/fail_page_alloc/min-order
echo 0 >$debugfs/fail_make_request/verbose
fail_nth() { tests/tools/fail-nth "$@" || fail "fail-nth $1 ${2%% *}: $(dmesg | tail -30)"; }
# inject PROBABILITY DEPTH KIND...: so many per cent fail of what has the module among the DEPTH nearest callers.
inject() {
	local kind module bytes base
	read -r module bytes _ _ _ base _ < <(grep '^dm_fvp ' /proc/modules)
	for kind in "${@:3}"; do
		echo "$base" >$debugfs/$kind/require-start
		printf '0x%x' $((base + bytes)) >$debugfs/$kind/require-end || fail 'no end of the module'
		echo "$2" >$debugfs/$kind/stacktrace-depth
		echo 1000000000 >$debugfs/$kind/times
		echo "$1" >$debugfs/$kind/probability
	done
}
# heal KIND...: prints how many have failed.
heal() {
	local kind failed=0
	for kind in "$@"; do
		echo 0 >$debugfs/$kind/probability
		failed=$((failed + 1000000000 - $(cat $debugfs/$kind/times)))
	done
	echo $failed
}
clean() { [ "$(word v dirty_sectors)" = 0 ]; }
# grown COUNT DEVICE NAME: for pump
grown() { [ "$(word "$2" "$3")" -gt "$1" ]; }
drained() {
	ok dmsetup message v 0 flush >/dev/null
	pump clean
}
'''

# Each allocation in turn.
STEPS = SETUP + r'''
ok $fvp pool create p /dev/lab/flash --segment-size 1M >/dev/null
pool=$(dmsetup table p)
ok dmsetup remove p
ok dmsetup create p --notable
fail_nth p "load $pool" clear
ok dmsetup load p --table "$pool"
fail_nth p clear "load $pool"
ok dmsetup load p --table "$pool"
ok dmsetup resume p
ok dmsetup create v --notable
volume=$(line p $origin $uuid_a write-back)
fail_nth v "load $volume" clear
ok dmsetup load v --table "$volume"
fail_nth v clear "load $volume"
ok dmsetup load v --table "$volume"
fail_nth v resume suspend
ok dmsetup resume v
put $v a 0 64
load busy $v --offset=8M --size=8M --rate=1m
for mode in write-through read-only-cache pass-through; do fail_nth v "message mode $mode" 'message mode write-back'; done
fail_nth v 'message flush' none
fail_nth v 'message lost' none
fail_nth v 'message keep' 'message forget'
fail_nth v 'message order relaxed' 'message order strict'
fail_nth v 'message replicas 0' none
fail_nth v suspend resume
fail_nth v 'message drop' none
loading
stop_load
ok dmsetup message v 0 mode write-back
put $v b 32 64
holds $v a 0 32
holds $v b 32 64
drained
is_origin $v $origin
same "$(word p health) $(word p bad_blocks) $(word p bad_data) $(word v lost_sectors)" 'ok 0 0 0'
ok dmsetup remove v
ok dmsetup remove p
'''

# At random. The guest must see no error: what caching lacks memory for goes to the origin, and what must be done waits.
LOAD = SETUP + r'''
ok $fvp pool create p /dev/lab/flash --segment-size 1M >/dev/null
# round MODE PROBABILITY DEPTH
round() {
	local failed
	attach v p $origin $uuid_a "$1"
	# shellcheck disable=SC2086  # several words
	inject "$2" "$3" $memory
	verify "$1-$2-$3" $v --size=16M --io_size=6M --verify_backlog=128
	pages $v 0 2048
	ok blkdiscard -o 1048576 -l 1048576 $v
	# shellcheck disable=SC2086
	failed=$(heal $memory)
	echo "$1: $failed allocations failed at $2 %, depth $3"
	more "$failed" 5 "failed allocations in $1"
	# What there was no memory for is made up for.
	verify after $v --size=16M --io_size=2M
	[ "$1" != write-back ] || drained
	same "$(word v effective) $(word v lost_sectors) $(word p health)" "$1 0 ok"
	is_origin $v $origin
	ok dmsetup remove v
}
'''
LOAD_THROUGH = LOAD + r'''
for mode in write-through read-only-cache; do
	round $mode 10 8
	round $mode 60 8
done
# Also what lower layers allocate while they have our I/O.
round write-through 10 20
ok dmsetup remove p
'''
LOAD_BACK = LOAD + r'''
round write-back 60 8
round write-back 10 20

# Nothing at all is to be had for a while: writes wait, and then go on.
attach v p $origin $uuid_a write-back
load busy $v --size=16M
pump grown 0 v write_ios
# shellcheck disable=SC2086
inject 100 8 $memory
sleep 10
loading
# shellcheck disable=SC2086
echo "write-back: $(heal $memory) allocations failed at 100 %"
pump grown $(($(word v write_ios) + 50)) v write_ios
stop_load
drained
same "$(word v effective) $(word v lost_sectors) $(word p health)" 'write-back 0 ok'
is_origin $v $origin
ok dmsetup remove v
ok dmsetup remove p
'''

# The origin fails what the module sends it: write-back goes on, and destaging comes through. Then flash does: the volume goes
# on without it.
IO = SETUP + r'''
fail=/sys/block/$(basename "$(readlink -f $origin)")/make-it-fail
ok $fvp pool create p /dev/lab/flash --segment-size 1M >/dev/null
attach v p $origin $uuid_a write-back
for probability in 10 30 100; do
	echo 1 >"$fail"
	inject $probability 20 fail_make_request
	# Not so much that the flash fills up: then writes wait for the origin.  In pieces, as neighbours would go as one.
	for at in $(seq 0 8 248); do put $v "$probability" "$at" 1; done
	holds $v "${probability::1}" 0 1
	sleep 2
	[ $probability != 100 ] || same "$(word v origin)" failing
	failed=$(heal fail_make_request)
	echo "origin: $failed I/Os failed at $probability %"
	more "$failed" 0 'I/Os that the origin failed'
	echo 0 >"$fail"
	drained
	same "$(word v effective) $(word v lost_sectors) $(word p health)" 'write-back 0 ok'
	holds $origin "${probability::1}" 248 1
	is_origin $v $origin
done
ok dmsetup remove v
ok dmsetup remove p

fail=/sys/block/$(basename "$(readlink -f /dev/lab/flash)")/make-it-fail
for probability in 1 10 100; do
	ok $fvp pool create p /dev/lab/flash --segment-size 1M --force >/dev/null
	attach v p $origin $uuid_a write-through
	verify before $v --size=16M --io_size=4M
	echo 1 >"$fail"
	inject $probability 20 fail_make_request
	verify flash $v --size=16M --io_size=8M --verify_backlog=128
	failed=$(heal fail_make_request)
	echo "flash: $failed I/Os failed at $probability %, the pool is $(word p health)"
	more "$failed" 0 'I/Os that flash failed'
	echo 0 >"$fail"
	is_origin $v $origin
	same "$(word v lost_sectors)" 0
	ok dmsetup remove v
	ok dmsetup remove p
done
'''

DISKS = ('--disk', 'flash:24M', '--disk', 'origin:16M')


@pytest.mark.parametrize('script', [STEPS, LOAD_THROUGH, LOAD_BACK, IO], ids=['steps', 'through', 'back', 'io'])
def test_module_injected_faults(guest, script):
    done = guest(*DISKS, script=script, timeout=300)
    print(done.stdout)

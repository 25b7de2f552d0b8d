# SPDX-License-Identifier: GPL-2.0
"""Proves that four volumes on one pool of two flash devices, with modes that change, never mix anything up."""
from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
ok $fvp pool create p /dev/lab/flash0 /dev/lab/flash1 >/dev/null
jobs=()
for i in 0 1 2 3; do
	attach v$i p /dev/lab/origin$i "${uuid_a%1}$i" write-through
	jobs+=(--name="v$i" --filename="/dev/mapper/v$i")
done
# The options that come before the first name are all jobs' own.
fio "${fio_words[@]}" --output=/tmp/all --size=24M --io_size=20M --verify_backlog=64 "${jobs[@]}" &
job=$!
changes=0
while kill -0 $job 2>/dev/null; do
	for mode in read-only-cache pass-through write-through; do
		ok dmsetup message v$((changes % 4)) 0 mode $mode
		changes=$((changes + 1))
	done
done
wait $job || fail "$(tail -50 /tmp/all)"
more $changes 8 'changes of mode'
same "$(word p health) $(word p bad_blocks) $(word p bad_data) $(word p attached)" 'ok 0 0 4'
more "$(word p segments_reclaimed)" 0 'segments reclaimed'
for i in 0 1 2 3; do
	ok dmsetup message v$i 0 mode write-through
	drop_caches
	ok cmp /dev/mapper/v$i /dev/lab/origin$i
done
# Each knows its own.
for i in 0 1 2 3; do put /dev/mapper/v$i $i 0 32; done
for round in 1 2; do
	for i in 0 1 2 3; do holds /dev/mapper/v$i $i 0 32; done
done
for i in 0 1 2 3; do
	more "$(word v$i hit_sectors)" 0 "hits of v$i"
	ok dmsetup remove v$i
done
ok dmsetup remove p
'''


def test_module_concurrent(guest):
    disks = [f'origin{i}:24M' for i in range(4)] + ['flash0:20M', 'flash1:20M:nvme']
    guest('--cpus', '2', *[word for disk in disks for word in ('--disk', disk)], script=SCRIPT)

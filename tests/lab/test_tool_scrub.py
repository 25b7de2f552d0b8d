# SPDX-License-Identifier: GPL-2.0
"""Proves that a scrub finds what has rotted on flash: cached data is dropped, so that the guest gets the origin's; writes that no
origin has are written anew from a replica, and reported where there is none; what is well is left alone."""
from module_helpers import HELPERS

SETUP = HELPERS + r'''
flash=/dev/lab/flash v=/dev/mapper/v
# Blocks of 4 KiB with their number in them, beginning with a text.
numbered() { awk -v text="$1" -v count="$2" 'BEGIN { for (i = 0; i < count; i++) printf "%s %06d%*s", text, i, 4095 - length(text) - 7 + 1, "\n" }'; }
# spoil TEXT: one byte of the block that begins so, wherever flash has it.
spoil() {
	local at
	at=$(grep -abo -m 1 "$1" $flash | head -1)
	at=${at%%:*}
	[ -n "$at" ] || fail "no '$1' on flash"
	printf '#' | ok dd of=$flash bs=1 seek=$((at + 20)) conv=notrunc,fsync status=none
	drop_caches
}
# block TEXT FILE: that block, as the file or device has it.
block() {
	drop_caches
	dd if="$2" bs=4k skip="$1" count=1 status=none
}
scrub() { $fvp pool scrub p --json; }
'''

CLEAN = SETUP + r'''
numbered clean 2048 | ok dd of=/dev/lab/origin bs=64k iflag=fullblock oflag=direct status=none
ok $fvp pool create p $flash --segment-size 1M >/dev/null
ok $fvp volume attach /dev/lab/origin --name v --mode read-only-cache >/dev/null
pages $v 0 2048
sleep 1
scrub >/tmp/well || fail "of a pool that is well: $?"
same "$(jq -r '[.scrub, .scrub_dropped_sectors, .scrub_damaged_sectors, .scrub_unreadable] | @text' /tmp/well)" '["complete",0,0,0]'
more "$(jq .scrub_checked_sectors /tmp/well)" 8000 'sectors verified'
spoil 'clean 000010 '
same "$(block 10 $v | cut -c 1-12)" 'clean 000010'
[ "$(block 10 $v | md5sum)" != "$(block 10 /dev/lab/origin | md5sum)" ] || fail 'the block was not spoilt'
ok $fvp pool scrub p >/tmp/said
grep -q 'damaged, and dropped' /tmp/said || fail "$(cat /tmp/said)"
ok cmp <(block 10 $v) <(block 10 /dev/lab/origin)
more "$(word p bad_data)" 0 'bad_data'
# One at a time; it can be stopped, and a pool stopped under it.
ok $fvp pool scrub p --rate 1 --no-wait >/dev/null
same "$(word p scrub)" running
ok $fvp pool scrub p --no-wait >/dev/null
same "$(word p scrub_rate_mib)" 1
ok $fvp pool scrub p --stop >/tmp/said
grep -q stopped /tmp/said || fail "$(cat /tmp/said)"
ok $fvp pool scrub p --rate 1 --no-wait >/dev/null
refused 1 'takes 1 to' $fvp pool scrub p --rate 0
ok $fvp volume detach v >/dev/null
ok $fvp pool stop p
'''

DIRTY = SETUP + r'''
ok dmsetup create o --table "0 $(size /dev/lab/origin) linear /dev/lab/origin 0"
stuck() { turn o "0 $(size /dev/lab/origin) $1"; }
ok $fvp pool create p $flash --segment-size 1M >/dev/null
ok $fvp replica create p /dev/lab/replica >/dev/null
pump eval '$fvp replica list | grep -q "in sync"'
attach v p /dev/mapper/o $uuid_a write-back
ok $fvp volume replicas v all >/dev/null
stuck error
numbered dirty 1024 | ok dd of=$v bs=64k iflag=fullblock oflag=direct status=none
sleep 1
spoil 'dirty 000010 '
scrub >/tmp/mended || fail "mending: $?"
same "$(jq -r '[.scrub, .scrub_mended_sectors, .scrub_damaged_sectors] | @text' /tmp/mended | sed 's/,[0-9]*,/,n,/')" '["complete",n,0]'
more "$(jq .scrub_mended_sectors /tmp/mended)" 0 'sectors mended'
numbered dirty 1024 >/tmp/all
ok cmp <(block 10 $v) <(block 10 /tmp/all)
# Without a replica: said, and nothing made of it.
stuck "linear /dev/lab/origin 0"
ok $fvp volume replicas v none >/dev/null
stuck error
numbered alone 1024 | ok dd of=$v bs=64k iflag=fullblock oflag=direct status=none
sleep 1
spoil 'alone 000010 '
refused 5 'no replica has them' $fvp pool scrub p
more "$(word p scrub_damaged_sectors)" 0 'sectors damaged'
# Destaging stops there, and goes on once the loss is accepted: of that write alone.
stuck "linear /dev/lab/origin 0"
refused 3 'does not give back' $fvp volume flush v --wait
ok $fvp volume forget v --accept-data-loss >/dev/null
ok $fvp volume flush v --wait >/dev/null
numbered alone 1024 >/tmp/all
drop_caches
same "$(cmp -l -n $((1024 * 4096)) /tmp/all /dev/lab/origin | awk '{ print int(($1 - 1) / 65536) }' | sort -u)" 0
ok dmsetup remove v
ok $fvp pool stop p
'''


def test_scrub_cached(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:16M', script=CLEAN)


def test_scrub_dirty(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:16M', '--disk', 'replica:64M', script=DIRTY)

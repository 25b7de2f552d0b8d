# SPDX-License-Identifier: GPL-2.0
"""Proves that after power cuts under load the cache is warm and has nothing but what the origin has."""
from module_helpers import HELPERS

POWER_CUT = 75
DISKS = ('--disk', 'flash:128M', '--disk', 'origin:16M')
SCRIPT = HELPERS + r'''
v=/dev/mapper/v origin=/dev/lab/origin
start() {
	ok $fvp pool start p /dev/lab/flash >/dev/null
	attach v p $origin $uuid_a write-through
}
# The first 4 MiB are cached before; the rest is written, over and over, when the power goes.
load_until_cut() {
	load cut $v --offset=4M --size=12M --randseed="$1"
	pump writes_more "$2"
	loading
	echo POWER-CUT
	sleep 60
}
writes_more() { [ "$(word v write_ios)" -gt "$1" ]; }
# Each sector is read once: what hits comes from before.
warm() {
	ok dmsetup message p 0 wait-loaded
	more "$(word p loaded_entries)" 0 'entries loaded'
	holds $v a 0 64
	same "$(word v hit_sectors) $(word v miss_sectors)" '8192 0'
	drop_caches
	ok cmp $v $origin
	more "$(word v hit_sectors)" 10000 'sectors hit'
	drop_caches
	ok cmp $v $origin
	same "$(word v flash_read_errors) $(word p bad_blocks) $(word p health)" '0 0 ok'
}
'''
FIRST = SCRIPT + r'''
ok $fvp pool create p /dev/lab/flash >/dev/null
attach v p $origin $uuid_a write-through
put $v a 0 64
load_until_cut 1 150
'''
# Cut again while the index may still be loading.
SECOND = SCRIPT + r'''
start
load_until_cut 2 30
'''
THIRD = SCRIPT + r'''
start
warm
load_until_cut 3 100
'''
LAST = SCRIPT + r'''
start
warm
ok dmsetup remove v
ok dmsetup remove p
'''


def test_module_power_cut(guest, tmp_path):
    for script in (FIRST, SECOND, THIRD):
        guest('--keep', str(tmp_path), '--kill-on', 'POWER-CUT', *DISKS, script=script, status=POWER_CUT)
    guest('--keep', str(tmp_path), *DISKS, script=LAST)

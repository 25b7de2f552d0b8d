# SPDX-License-Identifier: GPL-2.0
"""Proves that a disk's volume finds its content again after an orderly stop with --keep, and only then."""

SCRIPT = r'''
origin=/dev/lab/origin v=/dev/mapper/v
read_all() { ok dd if=$v of=/dev/null bs=64k count=64 iflag=direct status=none; }
ok $fvp pool create p /dev/lab/flash
ok $fvp volume attach $origin --name v
uuid=$(counter v uuid)
refused 2 'attached already, as volume v' $fvp volume attach $origin --name w
refused 2 'flash device of pool p' $fvp volume attach /dev/lab/flash
ok dd if=/dev/urandom of=$v bs=64k count=64 oflag=direct status=none
content=$(md5sum <$v)

ok $fvp volume detach v --keep
ok $fvp pool stop p
ok $fvp pool start p /dev/lab/flash
ok $fvp volume attach $origin --name v
same "$(counter v uuid)" "$uuid"
ok dmsetup message p 0 wait-loaded
read_all
same "$(counter v hit_sectors)" "$(counter v read_sectors)"
same "$(md5sum <$v)" "$content"

ok $fvp volume detach v --keep
ok $fvp volume attach $origin --name v --cold
read_all
same "$(counter v hit_sectors)" 0
ok $fvp volume detach v
ok $fvp volume attach $origin --name v
same "$(counter v live_sectors)" 0
same "$(md5sum <$v)" "$content"
ok $fvp volume mode v read-only-cache
same "$(counter v effective)" read-only-cache
[[ $(dmsetup table v) == *read-only-cache* ]] || fail 'the table has the old mode'
'''


def test_volume_on_top(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:32M', script=SCRIPT)

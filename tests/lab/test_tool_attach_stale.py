# SPDX-License-Identifier: GPL-2.0
"""Proves that a live attach never serves content from before the device was written without the pool."""

SCRIPT = r'''
lv=/dev/mapper/lv
ok dmsetup create lv --table "0 32768 linear /dev/lab/origin 0"
write() { tr '\0' "$1" </dev/zero | ok dd of=$lv bs=64k count=32 iflag=fullblock oflag=direct status=none; }
all_are() { same "$(dd if=$lv bs=64k count=32 iflag=direct status=none | tr -d "$1" | wc -c)" 0; }
ok $fvp pool create p /dev/lab/flash
ok $fvp volume attach lv
write a
ok $fvp volume detach lv --keep # nobody has it open: allowed
ok $fvp volume attach lv --warm # and true to the promise
all_are a
same "$(counter lv hit_sectors)" 4096
ok $fvp volume detach lv --keep
write b # the promise is broken
ok $fvp volume attach lv
same "$(counter lv live_sectors)" 0
all_are b
all_are b
'''


def test_attach_stale(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:16M', script=SCRIPT)

# SPDX-License-Identifier: GPL-2.0
"""Proves that `fvp pool create` touches no device that is in use or holds something, unless --force is given."""

SCRIPT = r'''
a=/dev/lab/a b=/dev/lab/b tiny=/dev/lab/tiny
sum() { md5sum <$1; }
ok mkfs.ext4 -q -L treasure $a
before_a=$(sum $a) before_b=$(sum $b)

refused 2 'ext4 file system (label treasure)' $fvp pool create p $a
refused 2 'ext4' $fvp pool create p $b $a # the second is bad: the first stays as it is too
ok mkdir -p /mnt/a
ok mount -o ro,noload $a /mnt/a
refused 2 'mounted at /mnt/a' $fvp pool create p $a --force
ok umount /mnt/a
ok dmsetup create holder --table "0 8 linear $b 0"
refused 2 'held by device-mapper device holder' $fvp pool create p $b
ok dmsetup remove holder
refused 2 'too small' $fvp pool create p $tiny
refused 1 'are one device' $fvp pool create p $b $b
refused 1 'power of two' $fvp pool create p $b --segment-size 3M
refused 4 'No such file' $fvp pool create p /dev/lab/none
refused 2 'not a block device' $fvp pool create p /dev/null
ok $fvp pool create p $a $b --force --dry-run
drop_caches
same "$(sum $a) $(sum $b)" "$before_a $before_b"

ok $fvp pool create p $a --force
same "$(blkid -p $a)" ''
refused 2 'there is a pool named p already' $fvp pool create p $b
refused 2 'held by device-mapper device p' $fvp pool create q $a --force
ok $fvp pool stop p
refused 2 'a flash device of fvp pool p' $fvp pool create q $a
'''


def test_pool_create_refuses(guest):
    guest('--disk', 'a:64M', '--disk', 'b:64M', '--disk', 'tiny:4M', script=SCRIPT)

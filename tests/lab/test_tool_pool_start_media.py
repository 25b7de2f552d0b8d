# SPDX-License-Identifier: GPL-2.0
"""Proves that `fvp pool start` says what is wrong with a flash device, by name, and that one good copy is enough."""

SCRIPT = r'''
a=/dev/lab/a b=/dev/lab/b small=/dev/lab/small
copy_b() { echo $(($(blockdev --getsz $1) / 8 * 8 - 1024)); } # sector of the second superblock
wipe() { ok dd if=/dev/zero of=$1 seek=$2 count=8 oflag=direct conv=notrunc status=none; }
# Byte 8 is the version's first, byte 40 the pool uuid's first.
poke() { printf "$3" | ok dd of=$1 bs=1 seek=$2 conv=notrunc,fsync status=none; }

refused 5 'is no flash device of a pool' $fvp pool start p $a
ok mkfs.ext4 -q $a
refused 5 'it holds ext4 file system' $fvp pool start p $a

ok $fvp pool create p $a $b --force
b_uuid=$(dd if=$b bs=1 skip=56 count=16 status=none | od -An -tx1 | tr -d ' \n')
ok $fvp pool stop p
refused 5 "${b_uuid:0:8}-${b_uuid:8:4}" $fvp pool start p $a
ok $fvp pool start p $b $a # any order
ok $fvp pool stop p

wipe $a 0 # its other copy serves
ok $fvp pool start p $a $b
ok $fvp pool stop p
poke $a 50 x
poke $a $((512 * $(copy_b $a) + 50)) x
refused 5 'checksum' $fvp pool start p $a $b

ok $fvp pool create p $a --force
ok $fvp pool stop p
refused 5 'belongs to pool' $fvp pool start p $a $b # not of one pool
ok dd if=$a of=$small bs=1M count=48 oflag=direct status=none
refused 5 'smaller than its superblock says' $fvp pool start p $small
ok dd if=$a of=$b bs=1M oflag=direct status=none
refused 5 'are copies of one flash device' $fvp pool start p $a $b
ok $fvp pool start p $a
refused 2 'is active already, as p' $fvp pool start q $b
'''


def test_pool_start_media(guest):
    guest('--disk', 'a:64M', '--disk', 'b:64M', '--disk', 'small:48M', script=SCRIPT)

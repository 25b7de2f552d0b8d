# SPDX-License-Identifier: GPL-2.0
"""Proves that no acknowledged write is lost at a power cut in write-back: ext4, XFS and a raw device under a load that syncs each
write. After each cut all that was acknowledged is there and the file systems are clean; and, with the flash thrown
away, each origin by itself is what it was at some moment before: its file system is clean, and if a write is there, so are all
before it (order=strict). FVP_CUTS says how many cuts; make check does with 3."""
import os

from module_helpers import HELPERS, cut_power

CUTS = int(os.environ.get('FVP_CUTS', '3'))
DISKS = ('--disk', 'flash:192M', '--disk', 'ext4:64M', '--disk', 'xfs:320M', '--disk', 'raw:64M', '--disk', 'copy:320M')
SCRIPT = HELPERS + r'''
uuid_c=33333333-aaaa-4000-8000-000000000003
stamps=tests/lab/stamps.py
mkdir -p /mnt/ext4 /mnt/xfs /mnt/copy
start() {
	attach ext4 p /dev/lab/ext4 $uuid_a write-back
	attach xfs p /dev/lab/xfs $uuid_b write-back
	attach raw p /dev/lab/raw $uuid_c write-back
}
# alone KIND: without the flash the origin is in order, and has some of the writes, without a gap.
alone() {
	ok dd if=/dev/lab/$1 of=/dev/lab/copy bs=1M conv=notrunc status=none
	if [ $1 = raw ]; then
		$stamps check device /dev/lab/copy $(blockdev --getsize64 /dev/lab/raw) >/tmp/count || fail "$1 alone: $(cat /tmp/count)"
	else
		ok mount -t $1 $([ $1 = xfs ] && echo -o nouuid) /dev/lab/copy /mnt/copy
		$stamps check files /mnt/copy >/tmp/count || fail "$1 alone: $(cat /tmp/count)"
		ok umount /mnt/copy
		fs_clean $1 /dev/lab/copy
	fi
	echo "$1: $(cat /tmp/count) on the origin"
	more 1000000000 "$(cat /tmp/count)" 'writes on the origin'
	[ "$(cat /tmp/count)" -le "$(($2 + 1))" ] || fail "$1: more than was ever written"
}
# all KIND ACKNOWLEDGED: the volume has every write that was acknowledged.  Leaves the next number in next_KIND.
all() {
	local count
	if [ $1 = raw ]; then
		count=$($stamps check device /dev/mapper/raw) || fail "raw: $count"
	else
		ok mount -t $1 /dev/mapper/$1 /mnt/$1
		count=$($stamps check files /mnt/$1) || fail "$1: $count"
	fi
	[ "$count" -ge "$2" ] || fail "$1: $2 writes were acknowledged, $count are there"
	eval "next_$1=$count"
}
write_until_cut() {
	$stamps write files /mnt/ext4 $next_ext4 &
	$stamps write files /mnt/xfs $next_xfs &
	$stamps write device /dev/mapper/raw $next_raw &
	sleep "$1"
	echo POWER-CUT
	sleep 60
}
'''
FIRST = SCRIPT + r'''
ok $fvp pool create p /dev/lab/flash >/dev/null
start
ok mkfs.ext4 -q -F /dev/mapper/ext4
ok mkfs.xfs -q -f /dev/mapper/xfs
ok mount /dev/mapper/ext4 /mnt/ext4
ok mount /dev/mapper/xfs /mnt/xfs
sync
next_ext4=0 next_xfs=0 next_raw=0
# What the origins hold must be file systems already: all of it once.
for v in ext4 xfs; do
	dmsetup message $v 0 flush >/dev/null
	pump eval '[ "$(word '$v' dirty_sectors)" -lt 200 ]'
done
write_until_cut SECONDS
'''
NEXT = SCRIPT + r'''
alone ext4 ACK_ext4
alone xfs ACK_xfs
alone raw ACK_raw
ok $fvp pool start p /dev/lab/flash >/dev/null
start
all ext4 ACK_ext4
all xfs ACK_xfs
all raw ACK_raw
'''
LAST = NEXT + r'''
for v in ext4 xfs; do
	ok umount /mnt/$v
	fs_clean $v /dev/mapper/$v
done
destaged ext4 xfs raw
ok dmsetup remove p
'''


def test_module_write_back_cut(guest, tmp_path):
    scripts = FIRST, NEXT + '\nwrite_until_cut SECONDS\n', LAST
    cut_power(guest, ('--keep', str(tmp_path), *DISKS), scripts, ('ext4', 'xfs', 'raw'), CUTS, (1, 12))

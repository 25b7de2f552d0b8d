# SPDX-License-Identifier: GPL-2.0
"""Proves that a volume over a pool too small for it reads what was written, byte by byte as its origin has it."""
import pytest

from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
v=/dev/mapper/v origin=/dev/lab/origin
# torture FLASH MODE FIO_BYTES
torture() {
	ok $fvp pool create p "$1" >/dev/null
	attach v p $origin $uuid_a "$2"
	# Sizes and alignments of all kinds, over one another; checked during and after.
	verify mixed $v --io_size="$3" --verify_backlog=128
	is_origin $v $origin

	# Discard and zeroes over what is cached, and over half of a block of it.
	put $v a 0 64
	pages $v 0 1024
	ok blkdiscard -o 524288 -l 1048576 $v
	ok blkdiscard -z -o 1836544 -l 524800 $v
	same "$(dd if=$v bs=512 skip=3587 count=1025 iflag=direct status=none | tr -d '\0' | wc -c)" 0
	holds $v a 0 8
	holds $v a 24 4
	is_origin $v $origin
	# Sectors that fall on no block of flash: into the cache, and out of it.
	for round in 1 2; do
		same "$(dd if=$v bs=11776 count=128 iflag=direct status=none | md5sum)" \
			"$(head -c $((128 * 11776)) $origin | md5sum)"
	done
}
# A file system, which flushes and discards, on the same.
files() {
	ok mkfs.ext4 -q -F $v
	ok mkdir -p /mnt/v
	ok mount -o discard $v /mnt/v
	fio --thread --name=files --directory=/mnt/v --size=2M --nrfiles=8 --bs=5k --rw=randwrite --fsync=16 --verify=crc32c \
		--do_verify=1 --verify_fatal=1 --output=/tmp/files || fail "$(tail -50 /tmp/files)"
	ok cp -r /mnt/v /tmp/copy-$$
	ok rm /mnt/v/files.0.[0-3]
	ok fstrim /mnt/v
	ok umount /mnt/v
	drop_caches
	ok mount $v /mnt/v
	ok rm -r /tmp/copy-$$/files.0.[0-3]
	ok diff -r /mnt/v /tmp/copy-$$
	ok umount /mnt/v
	rm -r /tmp/copy-$$
	e2fsck -fn $v >/tmp/fsck 2>&1 || fail "$(cat /tmp/fsck)"
	is_origin $v $origin
	more "$(word v flush_ios)" 0 'flushes'
}
finish() {
	more "$(word v hit_sectors)" 10000 'sectors hit'
	more "$(word v tombstones)" 20 'tombstones'
	more "$(word v discard_ios)" 1 'discards'
	more "$(word p segments_reclaimed)" 10 'segments reclaimed'
	same "$(word v flash_read_errors) $(word p bad_blocks) $(word p bad_data) $(word p health)" '0 0 0 ok'
	ok dmsetup remove v
	ok dmsetup remove p
}
'''
FULL = SCRIPT + r'''
torture /dev/lab/flash write-through 32M
files
finish
torture /dev/lab/flash4k write-through 24M
finish
'''
SHORT = SCRIPT + r'''
torture /dev/lab/flash4k read-only-cache 16M
files
finish
'''


@pytest.mark.parametrize('kernel, script', [('6.1', FULL), ('6.12', SHORT)], ids=['6.1', '6.12'])
def test_module_data(guest, kernel, script):
    guest('--kernel', kernel, '--disk', 'flash:16M', '--disk', 'flash4k:16M:4k:nvme', '--disk', 'origin:32M',
          script=script)

# SPDX-License-Identifier: GPL-2.0
"""Proves that a read from flash of 4096-byte blocks is right whatever pieces its memory comes in: a guest's device has the blocks
of its origin, of 512 bytes, so four pieces of 1 KiB in four pages are a read that it may send."""
from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
# As an NVMe drive: pieces must be whole blocks, but for the first and the last.
modprobe null_blk nr_devices=0 || fail 'this kernel has no null_blk'
ok mkdir /sys/kernel/config/nullb/flash
for setting in size=64 blocksize=4096 memory_backed=1 virt_boundary=1 power=1; do
	file=/sys/kernel/config/nullb/flash/${setting%=*}
	[ ! -e "$file" ] || echo "${setting#*=}" >"$file" || fail "null_blk: $setting"
done
flash=/dev/nullb0 origin=/dev/lab/origin
[ -e $flash ] || flash=/dev/flash
same "$(blockdev --getss $flash) $(blockdev --getss $origin)" '4096 512'
cat >/tmp/vectors.py <<'END'
import mmap, os, sys
device, origin = (os.open(path, os.O_RDONLY | os.O_DIRECT) for path in sys.argv[1:3])
page = mmap.PAGESIZE
def pieces(lengths, offset):
    memory = mmap.mmap(-1, page * len(lengths))
    for i in range(len(lengths)):
        memory[i * page:(i + 1) * page] = b'#' * page
    return memory, [memoryview(memory)[i * page + offset:i * page + offset + n] for i, n in enumerate(lengths)]
for lengths, offset in (([4096], 0), ([1024] * 4, 0), ([1024] * 4, 512), ([2048] * 4, 2048), ([512, 3584], 0), ([4096, 512, 3584], 0),
                        ([512] * 64, 1024), ([3584, 512], 512)):
    for at in range(0, 1 << 20, 64 << 10):
        read = []
        for fd in (device, origin):
            memory, parts = pieces(lengths, offset)
            assert os.preadv(fd, parts, at) == sum(lengths), (lengths, at)
            read.append(b''.join(bytes(part) for part in parts))
            around = b''.join(memory[i * page:i * page + offset] + memory[i * page + offset + n:(i + 1) * page]
                              for i, n in enumerate(lengths))
            assert not around.strip(b'#'), (lengths, at, 'memory around the pieces was written')
        assert read[0] == read[1], (lengths, offset, at)
END
ok $fvp pool create p $flash >/dev/null
for mode in write-back write-through; do
	attach v p $origin $uuid_a $mode
	ok dd if=/dev/urandom of=/dev/mapper/v bs=64k count=64 oflag=direct status=none
	# Sealed, so that flash serves it and not the buffer of the open segment.
	put /dev/mapper/v z 64 64
	dmsetup message v 0 flush >/dev/null
	pump eval '[ "$(word v dirty_sectors)" = 0 ]'
	hits=$(word v hit_sectors)
	ok python3 /tmp/vectors.py /dev/mapper/v $origin
	more "$(word v hit_sectors)" $((hits + 1000)) 'sectors that flash served'
	same "$(word v flash_read_errors) $(word p health)" '0 ok'
	is_origin /dev/mapper/v $origin
	ok dmsetup remove v
done
ok dmsetup remove p
'''


def test_module_vectors(guest):
    guest('--disk', 'origin:16M', script=SCRIPT)

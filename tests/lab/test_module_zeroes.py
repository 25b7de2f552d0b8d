# SPDX-License-Identifier: GPL-2.0
"""Proves that flushes, zeroes and discards reach a volume whatever its origin can, and an origin whatever it can."""
import pytest

from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
v=/dev/mapper/v ori=/dev/mapper/ori
ok modprobe brd rd_nr=1 rd_size=16384
ok $fvp pool create p /dev/lab/flash >/dev/null
queue() { cat "/sys/dev/block/$(stat -L -c '%Hr:%Lr' "$1")/queue/$2"; }
destage() {
	local until
	until=$(dmsetup message v 0 flush)
	until=${until#until=}
	until=${until%% *}
	pump eval "[ \$(word v dirty_out) -ge $until ]"
}
zero() { same "$(dd if="$1" bs=64k skip="$2" count="$3" iflag=direct status=none | tr -d '\0' | wc -c)" 0; }

# Memory has no volatile cache, and yet a flush is heard of: it ends an epoch.
attach v p /dev/ram0 $uuid_a write-back
same "$(queue /dev/ram0 write_cache)" 'write through'
same "$(queue $v write_cache) $(queue $v fua)" 'write back 1'
flushes=$(word v flush_ios)
ok dd if=/dev/urandom of=$v bs=4k count=1 conv=fsync status=none
more "$(word v flush_ios)" "$flushes" 'flushes'
ok dd if=/dev/urandom of=$v bs=4k count=8 oflag=direct,dsync status=none
destage
ok cmp -n 32K $v /dev/ram0
ok dmsetup remove v

# A 3 GiB device, which discards and writes zeroes.
n=$(size /dev/lab/origin)
ok dmsetup create ori --table "0 $n linear /dev/lab/origin 0"
attach v p $ori $uuid_b write-back
more "$(queue $ori discard_max_bytes)" 1073741824 'discards of the origin'
same "$(queue $v discard_max_bytes) $(queue $v write_zeroes_max_bytes)" '1073741824 1073741824'
put $v a 0 64
destage
holds $ori a 0 64
discards=$(word v discard_ios)
ok blkdiscard -z -o 1M -l 1M $v
more "$(word v discard_ios)" "$discards" 'requests to zero'
zero $v 16 16
destage
zero $ori 16 16
holds $ori a 0 16
holds $ori a 32 32
zero $v 16 16
discards=$(word v discard_ios)
ok blkdiscard $v
same "$(($(word v discard_ios) - discards))" 3
put $v b 0 16
destage
holds $ori b 0 16

# The origin loses both abilities: zeroes are written, discards do nothing, and neither fails.
put $v c 0 64
destage
ok dmsetup load ori --table "0 $n delay /dev/lab/origin 0 0"
ok dmsetup suspend --noflush --nolockfs ori
ok dmsetup resume ori
same "$(queue $ori write_zeroes_max_bytes)" 0
ok blkdiscard -z -o 1M -l 2M $v
put $v d 24 1
ok blkdiscard -o 3M -l 1M $v
destage
zero $ori 16 8
holds $ori d 24 1
zero $ori 25 23
holds $ori c 0 16
same "$(word v origin)" ok
ok cmp -n 3M $v $ori
ok dmsetup remove v
'''


@pytest.mark.parametrize('kernel', ['6.1', '6.12'])
def test_module_zeroes(guest, kernel):
    guest('--kernel', kernel, '--disk', 'flash:64M', '--disk', 'origin:3G', script=SCRIPT)

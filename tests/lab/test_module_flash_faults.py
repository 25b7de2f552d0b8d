# SPDX-License-Identifier: GPL-2.0
"""Proves that flash may fail or vanish without an error or a wrong byte for the guest; an origin's errors go to it."""
from module_helpers import HELPERS

SETUP = HELPERS + r'''
v=/dev/mapper/v origin=/dev/lab/origin
# up FLASH ORIGIN: a pool on that flash, and a volume of which the first 4 MiB are cached.
up() {
	ok $fvp pool create p "$1" --force >/dev/null
	attach v p "$2" $uuid_a write-through
	put $v a 0 64
	holds $v a 0 64
	more "$(word v hit_sectors)" 4096 'sectors hit before the fault'
}
# The load that must not notice.
guest_load() {
	load unaware $v --offset=4M --size=8M
	pump eval '[ "$(word v write_ios)" -gt 150 ]'
	loading
}
# What is to be seen once flash has failed, and that all goes on.
failed() {
	pump eval '[ "$(word p health)" = failed ]'
	same "$(word v requested) $(word v effective)" 'write-through pass-through'
	writes=$(word v write_ios)
	pump eval '[ "$(word v write_ios)" -gt $((writes + 50)) ]'
	stop_load
	holds $v a 0 64
	is_origin $v $origin
	put $v b 8 8
	holds $v b 8 8
	ok dmsetup message v 0 mode read-only-cache
	same "$(word v requested) $(word v effective)" 'read-only-cache pass-through'
	ok dmsetup message v 0 keep
	ok dmsetup suspend v
	ok dmsetup resume v
	holds $v b 8 8
}
down() {
	ok dmsetup remove v
	ok dmsetup remove p
	drop_caches
	holds $origin b 8 8
}
'''

STACKED = SETUP + r'''
n=$(size /dev/lab/flash) linear="0 $(size /dev/lab/flash) linear /dev/lab/flash 0"
ok modprobe dm-delay
ok dmsetup create fl --table "$linear"

# Reads fail: the origin serves them, and the pool stays.
up /dev/mapper/fl $origin
guest_load
turn fl "0 $n $(no_reads /dev/lab/flash)"
holds $v a 0 64
loading
turn fl "$linear"
same "$(word p health)" ok
more "$(word v flash_read_errors)" 0 'read errors'
holds $v a 0 64
stop_load
is_origin $v $origin
ok dmsetup remove v
ok dmsetup remove p

# Writes fail.
up /dev/mapper/fl $origin
guest_load
turn fl "0 $n $(no_writes /dev/lab/flash)"
failed
# It takes writes again: it is never believed again, and what it held is void.
turn fl "$linear"
uuid=$(dmsetup table p | cut -d' ' -f4) pool=$(dmsetup table p)
sleep 6
down
ok dmsetup create p --table "$pool"
attach v p $origin $uuid_a write-through
ok dmsetup message p 0 wait-loaded
same "$(word v live_sectors) $(word p health)" '0 ok'
is_origin $v $origin
ok dmsetup remove v
ok dmsetup remove p

# All of it fails.
up /dev/mapper/fl $origin
guest_load
turn fl "0 $n error"
failed
down

# The origin fails: the guest is told, and the cache goes on and stays right.
turn fl "$linear"
m=$(size $origin)
ok dmsetup create ori --table "0 $m linear $origin 0"
up /dev/mapper/fl /dev/mapper/ori
pump eval '[ "$(word v live_sectors)" = 8192 ]'
turn ori "0 $m $(no_reads $origin)"
holds $v a 0 64
pages $v 2000 1 2>/dev/null && fail 'a read error was hidden'
turn ori "0 $m $(no_writes $origin)"
put $v z 4 4 2>/dev/null && fail 'a write error was hidden'
dd if=/dev/zero of=$v bs=4k seek=2000 count=1 oflag=direct status=none 2>/dev/null && fail 'a write error was hidden'
turn ori "0 $m error"
put $v z 12 1 2>/dev/null && fail 'a write error was hidden'
turn ori "0 $m linear $origin 0"
same "$(word p health) $(word v effective)" 'ok write-through'
holds $v a 0 64
is_origin $v $origin
put $v b 8 8
holds $v b 8 8
is_origin $v $origin
down
'''

REMOVED = SETUP + r'''
# pulled FLASH REMOVE: the device is torn out of the machine.
pulled() {
	up "$1" $origin
	guest_load
	echo 1 >"$2" || fail "cannot remove $1"
	failed
	down
}
pulled /dev/lab/flash "/sys/block/$(basename "$(readlink -f /dev/lab/flash)")/device/../remove"
pulled /dev/lab/nvme "/sys/block/$(basename "$(readlink -f /dev/lab/nvme)")/device/device/remove"
'''


def test_module_flash_faults(guest):
    guest('--kernel', '6.12', '--disk', 'flash:32M', '--disk', 'origin:16M', script=STACKED)


def test_module_flash_removed(guest):
    guest('--kernel', '6.1', '--disk', 'flash:32M', '--disk', 'nvme:32M:nvme', '--disk', 'origin:16M', script=REMOVED)

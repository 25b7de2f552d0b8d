# SPDX-License-Identifier: GPL-2.0
"""Proves that tables recreate their devices, and may be reloaded and swapped under I/O; and that the module unloads."""
from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
v=/dev/mapper/v origin=/dev/lab/origin
ok $fvp pool create p /dev/lab/flash /dev/lab/more >/dev/null
attach v p $origin $uuid_a read-only-cache 1 name=a_b.c-d@e:f+g
put $v a 0 64

# Round trip.
pool_table=$(dmsetup table p) table=$(dmsetup table v)
[[ $table == *" $uuid_a read-only-cache 1 name=a_b.c-d@e:f+g" ]] || fail "table: $table"
[[ $pool_table == "0 $(($(size /dev/lab/flash) + $(size /dev/lab/more))) fvp-pool "* ]] || fail "table: $pool_table"
ok dmsetup message v 0 keep
same "$(word v keep)" 1
ok dmsetup remove v
ok dmsetup remove p
ok dmsetup create p --table "$pool_table"
ok dmsetup create v --table "$table"
same "$(dmsetup table p)" "$pool_table"
same "$(dmsetup table v)" "$table"
same "$(word v keep)" 0

# Kept: warm.  Not kept: cold.  Kept and forgotten: cold.
put $v b 0 64
holds $v b 0 64
holds $v b 0 64
pump eval '[ "$(word v live_sectors)" = 8192 ]'
ok dmsetup message v 0 keep
ok dmsetup remove v
ok dmsetup create v --table "$table"
ok dmsetup message p 0 wait-loaded
hits=$(word v hit_sectors) # of before, too: the pool has known the volume all along
holds $v b 0 64
same "$(($(word v hit_sectors) - hits))" 8192
ok dmsetup remove v
ok dmsetup create v --table "$table"
same "$(word v live_sectors)" 0
holds $v b 0 64
same "$(word v hit_sectors)" 0
pump eval '[ "$(word v live_sectors)" = 8192 ]'
ok dmsetup message v 0 keep
ok dmsetup message v 0 forget
ok dmsetup remove v
ok dmsetup create v --table "$table"
same "$(word v live_sectors)" 0

# Dropped at once.
holds $v b 0 64
pump eval '[ "$(word v live_sectors)" = 8192 ]'
ok dmsetup message v 0 drop
same "$(word v live_sectors)" 0
holds $v b 0 64

# Suspend and resume keep the content, and what was written is never lost.
pump eval '[ "$(word v live_sectors)" = 8192 ]'
ok dmsetup suspend v
ok dmsetup resume v
hits=$(word v hit_sectors)
holds $v b 0 64
same "$(($(word v hit_sectors) - hits))" 8192

# Under I/O: the same table again, other modes by message and by table, suspends.
load busy $v --offset=8M --size=8M
for round in 1 2; do
	swap v "$(dmsetup table v)"
	swap p "$(dmsetup table p)"
	for mode in write-through pass-through read-only-cache; do
		ok dmsetup message v 0 mode $mode
		[[ $(dmsetup table v) == *" $uuid_a $mode 1 name="* ]] || fail "table after mode $mode: $(dmsetup table v)"
		same "$(word v requested) $(word v effective)" "$mode $mode"
		loading
	done
	swap v "${table/read-only-cache/write-through}"
	same "$(word v effective)" write-through
done
stop_load
is_origin $v $origin
holds $v b 0 64
ok dmsetup remove v

# linear -> fvp -> linear under I/O.
linear="0 $(size $origin) linear $origin 0"
ok dmsetup create lv --table "$linear"
load swapped /dev/mapper/lv --offset=8M --size=8M
for round in 1 2; do
	swap lv "$(line p $origin $uuid_b write-through)"
	pump eval '[ "$(word lv write_ios)" -gt 50 ]'
	loading
	swap lv "$linear"
	loading
done
stop_load
# In between anybody may write: nothing of before is ever seen.
for letter in c d; do
	swap lv "$(line p $origin $uuid_b write-through)"
	put /dev/mapper/lv x 0 64
	holds /dev/mapper/lv x 0 64
	swap lv "$linear"
	put $origin $letter 0 64
	swap lv "$(line p $origin $uuid_b write-through)"
	holds /dev/mapper/lv $letter 0 64
	ok cmp /dev/mapper/lv $origin
	swap lv "$linear"
done
ok dmsetup remove lv

# The module goes when nothing uses it, and comes back.
rmmod dm_fvp 2>/dev/null && fail 'unloaded under a pool'
ok dmsetup remove p
ok rmmod dm_fvp
! grep -q '^dm_fvp' /proc/modules || fail 'the module is still there'
! grep -q fvp /proc/slabinfo || fail 'slabs are left'
! pgrep -x 'fvp_.*' || fail 'workers are left'
ok insmod "out/module/$(uname -r)/dm-fvp.ko"
ok dmsetup create p --table "$pool_table"
same "$(word p volumes)" 0
ok dmsetup remove p
'''


def test_module_table(guest):
    guest('--disk', 'flash:48M', '--disk', 'more:32M', '--disk', 'origin:32M', script=SCRIPT)

# SPDX-License-Identifier: GPL-2.0
"""Proves each row of docs/failure.md for write-back: what guests see, what is lost and what is not, and that all goes on
when the fault is gone. Faults are tables of device-mapper that change under flash or origin, or a device that is torn out."""
from module_helpers import HELPERS

SETUP = HELPERS + r'''
v=/dev/mapper/v ori=/dev/mapper/ori
n=$(size /dev/lab/origin)
# An origin that takes nothing, and gives no error.
hold() { ok dmsetup suspend --noflush --nolockfs ori; }
let_go() { ok dmsetup resume ori; }
# is VALUE DEVICE NAME: for pump
is() { [ "$(word "$2" "$3")" = "$1" ]; }
# grown COUNT DEVICE NAME: for pump
grown() { [ "$(word "$2" "$3")" -gt "$1" ]; }
logged() { dmesg | grep -q -- "$1"; }
said() { logged "$1" || fail "the log does not say '$1': $(dmesg | tail -30)"; }
drained() {
	ok dmsetup message "$1" 0 flush >/dev/null
	pump is 0 "$1" dirty_sectors
}
# no DEVICE SECTOR: neither read nor write.
no() {
	dd if="$1" of=/dev/null skip="$2" count=1 iflag=direct status=none 2>/dev/null && fail "sector $2 was read"
	dd if=/dev/zero of="$1" seek="$2" count=1 oflag=direct conv=notrunc status=none 2>/dev/null &&
		fail "sector $2 was written"
}
# Sets first_lost and after_lost, in blocks of 64 KiB, from the ranges that the volume lists: one piece, of whole blocks.
lost_blocks() {
	local range answer sum
	answer=$(dmsetup message "$1" 0 lost)
	sum=${answer%% *}
	first_lost=-1
	for range in ${answer#* }; do
		[ "$first_lost" = -1 ] && first_lost=$((${range%+*} / 128)) after_lost=$first_lost
		same "$range" "$((after_lost * 128))+$((${range#*+} / 128 * 128))"
		after_lost=$((after_lost + ${range#*+} / 128))
	done
	same "$sum $(word "$1" lost_sectors)" "sectors=$(((after_lost - first_lost) * 128)) ${sum#*=}"
	more "${sum#*=}" 0 'sectors lost'
}
# lost_is_error DEVICE: at both ends and in the middle, in either direction.
lost_is_error() {
	no "$1" $((first_lost * 128))
	no "$1" $(((first_lost + after_lost) * 64))
	no "$1" $((after_lost * 128 - 1))
}
'''

FLASH = SETUP + r'''
modprobe dm-delay || fail 'this kernel has no dm-delay'
m=$(size /dev/lab/flash)
good='linear /dev/lab/flash @'
no_reads=$(no_reads /dev/lab/flash @) no_writes=$(no_writes /dev/lab/flash @)
ok dmsetup create fl --table "0 $m ${good/@/0}"
ok dmsetup create ori --table "0 $n linear /dev/lab/origin 0"
# flawed SEGMENT PART REST: flash of which this segment and the next, 2 MiB, are PART, and all else is REST.
flawed() {
	local at=$((($1 + 1) * 2048))
	local end=$((at + 4096))
	printf '%s\n' "0 $at ${3//@/0}" "$at 4096 ${2//@/$at}" "$end $((m - end)) ${3//@/$end}"
}
# up LETTER COUNT: a new pool; so many blocks of the volume are cached, in the log from segment 0 on, and on the origin.
up() {
	ok $fvp pool create p /dev/mapper/fl --segment-size 1M --force >/dev/null
	attach v p $ori $uuid_a write-back
	put $v "$1" 0 "$2"
	drained v
	holds $ori "$1" 0 "$2"
	dmesg -C
}
down() {
	ok dmsetup remove v
	ok dmsetup remove p
	turn fl "0 $m ${good/@/0}"
}
# At a rate at which the log does not come round.
slow_load() {
	writes=$(word v write_back_ios)
	load busy $v --offset=8M --size=8M --rate=2m
	pump grown $((writes + 20)) v write_back_ios
	loading
}

# 1: Flash cannot read what is clean. The origin serves it; write-back goes on.
up a 64
slow_load
turn fl "$(flawed 0 "$no_reads" "$good")"
holds $v a 0 64
more "$(word v flash_read_errors)" 0 'reads that flash failed'
put $v b 16 8
holds $v b 16 8
loading
stop_load
drained v
same "$(word p health) $(word v effective) $(word v lost_sectors)" 'ok write-back 0'
# Found out with nothing dirty, an extent is not tried again.
holds $v a 0 16
errors=$(word v flash_read_errors)
holds $v a 0 16
holds $v a 0 16
same "$(word v flash_read_errors)" "$errors"
turn fl "0 $m ${good/@/0}"
is_origin $v $ori
down

# 2: What is dirty is damaged on flash. It never gets to the origin; nor does what came after, before somebody agrees.
up o 128
hold
put $v z 0 128
pump grown 14 p segments_sealed
segment=$(($(word p segments_sealed) - 3)) # the buffer of the last may be there still
put /dev/lab/flash q $(((segment + 1) * 16 + 8)) 1
let_go
pump grown 0 v lost_sectors
said 'are lost unless flash gives them again; destaging waits for'
same "$(word p health) $(word v effective) $(word v draining)" 'ok write-back 0'
lost_blocks v
lost_is_error $v
holds $v z 0 $first_lost
holds $v z $after_lost $((128 - after_lost))
put $v y 128 8
holds $v y 128 8
# In order up to there, and as it was from there on.
same "$(dd if=$ori bs=64k count=128 iflag=direct status=none | tr -s oz)" zo
same "$(dd if=$ori bs=64k skip=$first_lost count=$((128 - first_lost)) iflag=direct status=none | tr -s o)" o
more "$(word v dirty_sectors)" $((8 * 128)) 'sectors that wait'
whole=$first_lost
# A batch of destaging at a time.
forgotten() {
	is 0 v dirty_sectors && return
	is 0 v lost_sectors || ok dmsetup message v 0 forget-lost
	false
}
pump forgotten
same "$(word v lost_sectors) $(word p health) $(word v effective)" '0 ok write-back'
holds $ori z 0 "$whole"
holds $ori y 128 8
same "$(dd if=$ori bs=64k count=128 iflag=direct status=none | tr -s oz)" zoz
is_origin $v $ori
down

# 3: Flash takes no writes any more. What is dirty is saved from it, while all wait; then they go on without it.
up a 64
pool=$(dmsetup table p)
hold
put $v d 0 16
slow_load
turn fl "0 $m $(no_writes /dev/lab/flash)"
pump is failed p health
loading
pump is 1 v draining
same "$(word v effective)" pass-through
let_go
pump is 0 v draining
writes=$(word v write_ios)
pump grown $((writes + 20)) v write_ios
stop_load
same "$(word v requested) $(word v effective)" 'write-back pass-through'
same "$(word v lost_sectors) $(word v dirty_sectors)" '0 0'
holds $v d 0 16
holds $v a 16 48
is_origin $v $ori
# It takes them again: what it held is never destaged again.
put $v n 0 16
turn fl "0 $m ${good/@/0}"
pump logged 'content of the failed pool has been declared void'
ok dmsetup remove v
ok dmsetup remove p
ok dmsetup create p --table "$pool"
same "$(word p waiting) $(word p dirty_sectors) $(word p health)" '0 0 ok'
attach v p $ori $uuid_a write-back
same "$(word v live_sectors)" 0
holds $v n 0 16
is_origin $v $ori
down

# 4: Flash takes no writes, and what is in two of its segments cannot be read either: just that is lost.
up o 64
hold
put $v z 0 64
pump grown 7 p segments_sealed
turn fl "$(flawed 5 error "$no_writes")"
put $v y 100 1 & # which flash fails: waits, and goes to the origin
writer=$!
pump is failed p health
let_go
wait $writer || fail 'a write failed while flash was rescued'
pump is 0 v draining
same "$(word v dirty_sectors) $(word v effective)" '0 pass-through'
lost_blocks v
more $((after_lost - first_lost)) 14 'blocks of two segments'
more 31 $((after_lost - first_lost)) 'blocks of two segments, at most'
lost_is_error $v
ok dmsetup message v 0 mode write-through
no $v $((first_lost * 128))
holds $v z $after_lost $((64 - after_lost))
holds $v y 100 1
holds $ori y 100 1
holds $ori o "$first_lost" $((after_lost - first_lost))
holds $ori z "$after_lost" $((64 - after_lost))
# Batches that were on their way to the origin have got there.
[ "$first_lost" = 0 ] || holds $ori z 0 "$first_lost"
ok dmsetup message v 0 forget-lost
same "$(word v lost_sectors) $(dmsetup message v 0 lost)" '0 sectors=0'
holds $v o "$first_lost" $((after_lost - first_lost))
put $v x "$first_lost" 4
holds $ori x "$first_lost" 4
is_origin $v $ori
down
'''

ORIGIN = SETUP + r'''
linear="0 $n linear /dev/lab/origin 0"
modprobe dm-delay || fail 'this kernel has no dm-delay'
ok dmsetup create ori --table "$linear"
w=/dev/mapper/w
ok $fvp pool create p /dev/lab/flash --segment-size 1M >/dev/null
attach v p $ori $uuid_a write-back
attach w p /dev/lab/other $uuid_b write-back
put $v a 0 32
put $w o 0 32
drained v
# Nobody's write has been acknowledged for half a second.
stopped() {
	local before
	before=$(word v write_back_ios)
	sleep 0.5
	is "$before" v write_back_ios
}
# fills_up LETTER: dirty data fills what the volume may have of the log; then its writes wait, and nothing else.
fills_up() {
	held=$(word v held_ios)
	load busy $v --offset=8M --size=8M --rate=3m
	pump grown "$held" v held_ios
	pump stopped
	loading
	more "$(word p dirty_span_sectors)" $(($(word p dirty_limit_sectors) * 7 / 10)) 'sectors of the log with dirty data'
	same "$(word v effective) $(word p health)" 'write-back ok'
	# Hits, of what was written last before: of what is on flash alone.
	hits=$(word v hit_sectors)
	holds $v "$1" 32 16
	same "$(($(word v hit_sectors) - hits))" 2048
	# The other volume, whose origin is well, writes more than there is room in the log.
	put $w "$1" 0 160
	drained w
	holds /dev/lab/other "$1" 0 160
	same "$(word w effective) $(word w origin)" 'write-back ok'
	loading
	stopped || fail 'the volume whose origin is away has gone on'
}
# ... and when the origin takes them, all goes on.
goes_on() {
	writes=$(word v write_back_ios)
	pump grown $((writes + 20)) v write_back_ios
	stop_load
	drained v
	same "$(word v origin) $(word v effective) $(word v lost_sectors) $(word p health)" 'ok write-back 0 ok'
	holds /dev/lab/origin a 0 32
	holds /dev/lab/origin "$1" 32 16
	drop_caches
	ok cmp $v /dev/lab/origin
}

# 1: The origin fails all I/O.
turn ori "0 $n error"
hits=$(word v hit_sectors)
holds $v a 0 32
same "$(($(word v hit_sectors) - hits))" 4096
put $v b 32 16
pump is failing v origin
said 'takes no destaged writes; they stay on flash and are tried again'
fills_up b
turn ori "$linear"
goes_on b
said 'takes destaged writes again'

# 2: It fails writes alone, for a moment, again and again.
modprobe dm-flakey || fail 'this kernel has no dm-flakey'
turn ori "0 $n flakey /dev/lab/origin 0 1 1 1 error_writes"
load busy $v --offset=8M --size=8M --rate=4m
for ((round = 0; round < 2; round++)); do
	pump is failing v origin
	pump is ok v origin
done
turn ori "$linear"
goes_on b

# 3: It gives no answer.
put $v c 32 16
drained v
hold
put $v d 32 16
fills_up d
more "$(word v dirty_age_ms)" 500 'milliseconds that the oldest write has waited'
same "$(word v origin)" ok
let_go
goes_on d

# 4: It is slow: 100 ms for each write. Acknowledgements come at its pace.
turn ori "0 $n delay /dev/lab/origin 0 0 /dev/lab/origin 0 100"
paced=$(word v paced_ios)
load busy $v --offset=8M --size=8M
pump eval '[ "$(word p dirty_span_sectors)" -gt $(($(word p dirty_limit_sectors) / 2)) ]'
pump grown "$paced" v paced_ios
for ((round = 0; round < 3; round++)); do
	out=$(word v dirty_out) in=$(word v dirty_in)
	pump grown "$out" v dirty_out
	pump grown "$in" v dirty_in
	more "$(($(word p dirty_limit_sectors) + 1))" "$(word p dirty_span_sectors)" 'sectors of the limit'
done
loading
turn ori "$linear"
goes_on d

# 5: It is not there when the pool is started. What is dirty waits, and stands in nobody's way.
turn ori "0 $n error"
put $v e 0 16
ok dmsetup remove v
ok dmsetup remove w
pool=$(dmsetup table p)
ok dmsetup remove p
ok dmsetup remove ori
ok dmsetup create p --table "$pool"
same "$(word p waiting) $(word p waiting_sectors)" '1 2048'
dmesg -C
table="0 $n fvp /dev/mapper/p $ori $uuid_a write-through"
dmsetup create v --table "$table" 2>/dev/null && fail 'a volume without its origin'
said "volume: cannot open origin $ori"
# Another in its place: if it is of another size that is seen.
dmsetup create v --table "0 $(size /dev/lab/other) fvp /dev/mapper/p /dev/lab/other $uuid_a write-back" 2>/dev/null &&
	fail 'another origin was taken for it'
said "flash holds writes of this volume for an origin of $n: attach that one"
attach w p /dev/lab/other $uuid_b write-back
load busy $w
pump grown 30 p segments_reclaimed
stop_load
drained w
is_origin $w /dev/lab/other
ok dmsetup remove w
ok dmsetup remove p
ok dmsetup create p --table "$pool"
same "$(word p waiting) $(word p waiting_sectors)" '1 2048'
ok dmsetup create ori --table "$linear"
holds $ori d 32 16
ok dmsetup create v --table "$table"
holds $v e 0 16
holds $v a 16 16
pump is write-through v effective
same "$(word v dirty_sectors) $(word p waiting)" '0 0'
holds /dev/lab/origin e 0 16
is_origin $v $ori
ok dmsetup remove v
ok dmsetup remove p

# 6: Flash is torn out of the machine with dirty data on it.
ok $fvp pool create p /dev/lab/nvme --segment-size 1M >/dev/null
attach v p $ori $uuid_a write-back
put $v o 0 64
drained v
hold
sealed=$(word p segments_sealed)
put $v z 0 64
pump grown $((sealed + 3)) p segments_sealed
echo 1 >"/sys/block/$(basename "$(readlink -f /dev/lab/nvme)")/device/device/remove" || fail 'cannot remove the device'
put $v y 100 1 &
writer=$!
pump is failed p health
let_go
wait $writer || fail 'a write failed that flash did not take'
pump is 0 v draining
same "$(word v dirty_sectors) $(word v requested) $(word v effective)" '0 write-back pass-through'
lost_blocks v
lost_is_error $v
# What was in memory still has been saved.
more 64 "$after_lost" 'blocks written'
holds $v z "$after_lost" $((64 - after_lost))
holds $ori z "$after_lost" $((64 - after_lost))
holds $ori o "$first_lost" $((after_lost - first_lost))
holds $ori y 100 1
# A batch was on its way to the origin, and has got there.
[ "$first_lost" = 0 ] || holds $v z 0 "$first_lost"
ok dmsetup message v 0 forget-lost
same "$(word v lost_sectors)" 0
holds $v o "$first_lost" $((after_lost - first_lost))
put $v x "$first_lost" 4
is_origin $v $ori
ok dmsetup remove v
ok dmsetup remove p
'''


def test_write_back_flash_faults(guest):
    guest('--kernel', '6.12', '--disk', 'flash:128M', '--disk', 'origin:16M', script=FLASH)


def test_write_back_origin_faults(guest):
    guest('--kernel', '6.1', '--disk', 'flash:24M', '--disk', 'nvme:24M:nvme', '--disk', 'origin:16M',
          '--disk', 'other:20M', script=ORIGIN, timeout=600)

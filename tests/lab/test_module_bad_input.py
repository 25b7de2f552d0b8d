# SPDX-License-Identifier: GPL-2.0
"""Proves that the module refuses wrong tables, devices and messages, says why in the log, and writes nothing then."""
from module_helpers import HELPERS, craft

SETUP = HELPERS + r'''
flash=/dev/lab/flash origin=/dev/lab/origin
no_such=/dev/lab/none
sum() { md5sum <$1; }
# said TEXT...: since the last call, one line of the kernel's log that is ours has each text.
said() {
	local log found=0 entry text
	log=$(dmesg)
	dmesg -C
	while read -r entry; do
		[[ $entry == *fvp:* || $entry == *fvp-pool:* ]] || continue
		for text; do [[ $entry == *"$text"* ]] || continue 2; done
		found=1
	done <<<"$log"
	[ $found = 1 ] || fail "the kernel did not say '$*' but: $log"
}
# bad TEXT TABLE: no device comes of this table, and the kernel says why, in words that include TEXT.
bad() {
	local text=$1
	dmesg -C
	dmsetup create bad --table "$2" 2>/dev/null && fail "accepted: $2"
	[ ! -e /dev/mapper/bad ] || fail "a device is left: $2"
	said "$text" "${@:3}"
}
# no_message DEVICE TEXT WORD...
no_message() {
	dmesg -C
	dmsetup message "$1" 0 "${@:3}" 2>/dev/null && fail "accepted: message ${*:3}"
	said "$2"
}
pool_of() { dmsetup table p | cut -d' ' -f4; }
ok dd if=/dev/urandom of=$origin bs=1M count=16 oflag=direct status=none
before=$(sum $origin)
'''

TABLES = SETUP + r'''
n=$(size $origin)
ok $fvp pool create p $flash >/dev/null
P=/dev/mapper/p
pool=$(dmsetup table p)
uuid=$(pool_of)
ok dd if=$flash of=/dev/lab/copy bs=1M oflag=direct status=none
bad 'Wants:' "0 $n fvp"
bad 'Wants:' "0 $n fvp $P $origin $uuid_a"
bad 'Not a uuid' "0 $n fvp $P $origin 1111 write-through"
bad 'Not a uuid' "0 $n fvp $P $origin ${uuid_a}0 write-through"
bad 'Not a uuid' "0 $n fvp $P $origin ${uuid_a/1/g} write-through"
bad 'Unknown mode' "0 $n fvp $P $origin $uuid_a fast"
bad 'order= takes strict or relaxed' "0 $n fvp $P $origin $uuid_a write-back 1 order=fast"
bad 'order= takes' "0 $n fvp $P $origin $uuid_a write-back 1 order="
bad 'Number of options' "0 $n fvp $P $origin $uuid_a write-through 2 name=a"
bad 'Number of options' "0 $n fvp $P $origin $uuid_a write-through name=a"
bad "unknown option 'size=1'" "0 $n fvp $P $origin $uuid_a write-through 1 size=1"
bad 'name= takes' "0 $n fvp $P $origin $uuid_a write-through 1 name=a/b"
bad 'name= is empty' "0 $n fvp $P $origin $uuid_a write-through 1 name="
bad 'name= is empty or longer' "0 $n fvp $P $origin $uuid_a write-through 1 name=$(printf '%064d' 0)"
bad "origin /dev/vd" "0 $((n - 8)) fvp $P $origin $uuid_a write-through" "has $n:"
bad "origin /dev/vd" "0 $((n + 8)) fvp $P $origin $uuid_a write-through" "has $n:"
bad 'is not an active fvp-pool device' "0 $n fvp /dev/lab/copy $origin $uuid_a write-through"
bad "cannot open pool $no_such: no such" "0 $n fvp $no_such $origin $uuid_a write-through"
bad "cannot open origin $no_such: no such" "0 $n fvp $P $no_such $uuid_a write-through"
bad 'is a pool or a flash device of one' "0 $(size $flash) fvp $P $flash $uuid_a write-through"
bad 'is a pool or a flash device of one' "0 $(size $P) fvp $P $P $uuid_a write-through"

bad 'Wants:' "0 8 fvp-pool"
bad 'Wants:' "0 8 fvp-pool $uuid 2 $flash"
bad 'Wants:' "0 8 fvp-pool $uuid x $flash"
bad 'Too many flash devices' "0 8 fvp-pool $uuid 17$(printf " $flash%.0s" {1..17})"
bad 'Not a uuid' "0 8 fvp-pool none 1 $flash"
bad "cannot open flash device $no_such: no such" "0 8 fvp-pool $uuid 1 $no_such"
bad 'named twice' "0 8 fvp-pool $uuid_b 2 /dev/lab/copy /dev/lab/copy"
bad "pool $uuid is active already, as device" "0 8 fvp-pool $uuid 1 /dev/lab/copy"
bad 'in use by another pool' "0 8 fvp-pool $uuid_b 1 $flash"
ok mkfs.ext4 -q /dev/lab/other
mkdir -p /mnt/o
ok mount /dev/lab/other /mnt/o
bad 'cannot open flash device /dev/lab/other: it is in use' "0 8 fvp-pool $uuid_b 1 /dev/lab/other"
bad 'cannot open origin /dev/lab/other: it is in use' \
	"0 $(size /dev/lab/other) fvp $P /dev/lab/other $uuid_a write-through"
ok umount /mnt/o

# A volume in service: its origin, its uuid and its pool are its own.
attach v p $origin $uuid_a write-through
bad "origin /dev/vd" "0 $n fvp $P $origin $uuid_b write-through" 'is attached to volume'
bad "volume $uuid_a is active already, as device" "0 $n fvp $P $origin $uuid_a write-through"
bad "volume $uuid_a is active already, as device" "0 $(size /dev/lab/other) fvp $P /dev/lab/other $uuid_a write-through"
bad 'is an accelerated volume itself' "0 $n fvp $P /dev/mapper/v $uuid_b write-through"
bad 'in use by another pool, as an origin' "0 8 fvp-pool $uuid_b 1 $origin"
dmsetup remove p 2>/dev/null && fail 'a pool in use is gone'
dmsetup load p --table '0 8 zero' 2>/dev/null && fail 'a pool in use was replaced'
dmesg -C
dmsetup load p --table "${pool/ 1 /} 2 $flash /dev/lab/copy" 2>/dev/null && fail 'a pool in use has other devices'
dmsetup load p --table "0 8 fvp-pool $uuid 1 /dev/lab/copy" 2>/dev/null && fail 'a pool in use has other devices'
said "pool $uuid is active without flash device" /dev/vd
no_message p "unknown message 'hello'" hello
no_message p "unknown message 'wait-loaded'" wait-loaded now
no_message v "unknown message 'hello'" hello
no_message v "unknown message 'keep'" keep 1
no_message v "unknown message 'mode'" mode
no_message v "unknown mode 'fast'" mode fast
no_message v "unknown order 'fast'" order fast
no_message v "unknown message 'order'" order
no_message v "unknown message 'flush'" flush now
no_message v "unknown message 'lost'" lost all

# All of that has harmed nothing.
same "$(dmsetup table v)" "0 $n fvp $(dmsetup table v | cut -d' ' -f4,5) $uuid_a write-through"
same "$(dmsetup table p)" "$pool"
same "$(sum /dev/mapper/v)" "$before"
ok pages /dev/mapper/v 0 16
ok dmsetup remove v
ok dmsetup remove p
drop_caches
same "$(sum $origin)" "$before"
'''

MEDIA = SETUP + r'''
small=/dev/lab/small other=/dev/lab/other
end=$(($(size $flash) - 1024)) # sector of the second superblock
# With the superblocks as they were first.
good() { ok dd if=/tmp/$1 of=$flash bs=4k seek=$2 count=1 oflag=direct conv=notrunc status=none; }
restore() { good a 0; good b $((end / 8)); }
spoil() { printf x | ok dd of=$flash bs=1 seek=$(($1 * 512 + 1000)) conv=notrunc,fsync status=none; }
wipe() { ok dd if=/dev/zero of=$flash bs=4k seek=$(($1 / 8)) count=1 oflag=direct conv=notrunc status=none; }
poke() { ok out/fvp-craft poke $flash "$@"; drop_caches; }
supers() { # of a device, both
	{ dd if="$1" bs=4k count=1; dd if="$1" bs=4k skip=$(($(size "$1") / 8 - 128)) count=1; } 2>/dev/null | md5sum
}
# refuse TEXT [DEVICE]: no pool comes of the flash, and it is as before.
refuse() {
	local sums device=${2:-$flash}
	drop_caches
	sums=$(supers "$device")
	bad "$1" "0 8 fvp-pool $uuid 1 $device" "$(readlink "$device")"
	drop_caches
	same "$(supers "$device")" "$sums"
}
works() {
	drop_caches
	ok dmsetup create p --table "$pool"
	attach v p $origin $uuid_a write-through
	ok cmp -n 1M /dev/mapper/v $origin
	same "$(word p health)" ok
	ok dmsetup remove v
	ok dmsetup remove p
}
ok $fvp pool create p $flash >/dev/null
pool=$(dmsetup table p) uuid=$(pool_of)
ok dmsetup remove p
ok dd if=$flash of=/tmp/a bs=4k count=1 iflag=direct status=none
ok dd if=$flash of=/tmp/b bs=4k skip=$((end / 8)) count=1 iflag=direct status=none

bad "belongs to pool $uuid, not to $uuid_b" "0 8 fvp-pool $uuid_b 1 $flash" "$(readlink -f $flash)"
# Cut short; nothing at all; a file system; too small for any pool.
ok dd if=$flash of=$small bs=1M count=24 oflag=direct status=none
refuse 'smaller than its superblock says' $small
refuse 'no pool superblock' $other
ok mkfs.ext4 -q $other
refuse 'no pool superblock' $other
refuse 'too small' /dev/lab/tiny

# One copy damaged or gone: the other serves, and mends it.
spoil 0; works
restore
spoil $end; works
restore
wipe 0; works
restore
wipe $end; works
restore
# Both.
spoil 0; spoil $end; refuse 'checksum is wrong'
restore
wipe 0; spoil $end; refuse 'checksum is wrong'
wipe $end; refuse 'no pool superblock'
restore
# Right checksums, but of a newer version: even if the other copy is of ours.
poke a 8 99; refuse 'another format version'
restore
poke b 8 99; refuse 'another format version'
restore
poke ab 8 99; refuse 'another format version'
restore
poke ab 16 2; refuse 'features that this version does not know'
restore
poke ab 24 128; refuse 'features that this version does not know'
restore
poke ab 32 1; works # a compatible feature
# Impossible values.
for poke in '112 12345' '116 0x7fffffff' '104 100' '124 3' '128 5000'; do
	restore
	poke ab $poke
	refuse 'impossible'
done
restore
poke ab 96 0x7fffffff; refuse 'smaller than its superblock says'
restore
poke ab 122 0x80002; refuse 'flash devices, 1 given'
restore
poke ab 132 7; poke ab 128 1; refuse 'volume table'
restore
poke ab 208 7; refuse 'contradicts itself'
restore
works
drop_caches
same "$(sum $origin)" "$before"
'''


def test_module_bad_tables(guest):
    guest('--disk', 'flash:32M', '--disk', 'copy:32M', '--disk', 'origin:16M', '--disk', 'other:24M', script=TABLES)


def test_module_bad_media(guest):
    craft()
    guest('--disk', 'flash:32M', '--disk', 'small:24M', '--disk', 'origin:16M', '--disk', 'other:24M', '--disk',
          'tiny:1M', script=MEDIA)

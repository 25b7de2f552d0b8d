# SPDX-License-Identifier: GPL-2.0
"""Proves that the tool makes, shows, gives back and removes replicas, and says which volume lacks which."""
import json

from module_helpers import HELPERS

SETUP = HELPERS + r'''
flash=/dev/lab/flash ra=$(realpath /dev/lab/ra) rb=/dev/mapper/rb other=/dev/lab/other v=/dev/mapper/v
ok dmsetup create rb --table "0 $(size /dev/lab/rb) linear /dev/lab/rb 0"
# becomes NAME TARGET ARGUMENT...: all of the device.
becomes() { turn "$1" "0 $(size /dev/lab/$1) ${*:2}"; }
# says TEXT COMMAND...: the command succeeds, and says TEXT, on stdout or stderr.
says() {
	local text=$1 said
	shift
	said=$("$@" 2>&1) || fail "$*: status $?: $said"
	[[ $said == *"$text"* ]] || fail "$*: said '$said', not '$text'"
}
# has DEVICE WORD...: words of its status line.
has() {
	local words
	words=" $(dmsetup status "$1") "
	for word in "${@:2}"; do [[ $words == *" $word "* ]] || return; done
}
# is DEVICE|UUID STATE: so the list has it.
is() {
	local line
	line=$($fvp replica list)
	line=${line#*"$1 "}
	[[ ${line%%$'\n'*} == *"  $2"* ]]
}
in_sync() { is "$1" 'in sync'; }
copy_b() { echo $(($(size $1) / 8 * 8 - 1024)); }
# Bytes of both superblock copies, behind the magic.
damage() { for at in 0 "$(copy_b $1)"; do
	printf xxxx | ok dd of=$1 bs=1 seek=$((512 * at + 60)) conv=notrunc,fsync status=none
done; }
'''

REPLICAS = SETUP + r'''
sums() { for disk in "$@"; do md5sum <$disk; done; }
ok $fvp pool create p $flash >/dev/null

# What is refused, and what is only tried, writes nothing.
ok mkfs.ext4 -q $ra
before=$(sums $ra $flash /dev/lab/tiny)
refused 2 'ext4 file system' $fvp replica create p $ra
refused 2 'held by device-mapper device p' $fvp replica create p $flash --force
refused 2 'a replica of pool p needs at least' $fvp replica create p /dev/lab/tiny
refused 4 'no pool named q' $fvp replica create q $ra
says 'would make' $fvp replica create p $ra --force --dry-run
drop_caches
same "$(sums $ra $flash /dev/lab/tiny)" "$before"
says 'no replicas' $fvp replica list

ok $fvp replica create p $ra --force >/dev/null
same "$(blkid -p $ra)" ''
pump in_sync $ra
says 'made /dev/mapper/rb a replica of pool p' $fvp replica create p $rb
pump in_sync $rb
IFS=' ' read -r a b <<<"$($fvp replica list --json | jq -r 'map(.uuid)|join(" ")')"
refused 2 'in use by pool p already' $fvp replica add p $ra
refused 2 'is a replica of pool p' $fvp volume attach $ra
[[ $(dmsetup table p) == *' 2 replica='*' replica='* ]] || fail "table: $(dmsetup table p)"

# A volume with both: from its first write on.
refused 2 'has 2 replicas, and 3 were asked for' $fvp volume attach /dev/lab/origin --name v --replicas 3
ok $fvp volume attach /dev/lab/origin --name v --mode write-back --replicas all >/dev/null
ok has v effective=write-back replicas=2 replicas_in=2 replicas_min=2
put $v a 0 32
holds $v a 0 32
same "$($fvp replica list --json | jq 'map(.acks > 0)|all')" true
says '2 of 2 in' $fvp status
says "$a /dev/" $fvp pool show p
says 'in sync' $fvp replica list
refused 2 'is wanted by v (' $fvp replica remove p $ra

# One is lost: said by name, and what that means.
becomes rb error
put $v b 0 32
pump has v effective=write-through
says 'needs 2 replicas in sync, of which 1 is: it is in write-through until then; not in: /dev/mapper/rb' $fvp status
ok $fvp volume replicas v --min 1 all >/dev/null
pump has v effective=write-back
says 'goes on in write-back with 1 of its 2 replicas; not in: /dev/mapper/rb' $fvp status
becomes rb linear /dev/lab/rb 0
pump in_sync $rb
ok $fvp status --json

# Stopped, and started in any order, without one, and with the device of another pool.
put $v c 0 32
ok $fvp volume detach v --keep >/dev/null
ok $fvp pool stop p
says '1 flash device, 2 replicas' $fvp pool start p $rb $flash $ra
ok in_sync $ra
ok in_sync $rb
ok $fvp pool stop p
# Two added at the same time: neither drops the other one from the pool's table.
$fvp pool start p $flash >/dev/null 2>&1 || fail "no start without replicas: $?"
$fvp replica add p $ra >/dev/null &
ok $fvp replica add p $rb >/dev/null
ok wait $!
pump in_sync $ra
pump in_sync $rb
ok $fvp pool stop p
says "has a replica $b" $fvp pool start p $ra $flash
ok is $b 'out: its device is not there'
refused 2 'is of pool p, which is active' $fvp recover $rb
ok $fvp replica add p $rb >/dev/null
pump in_sync $rb
ok $fvp volume attach /dev/lab/origin --name v >/dev/null
ok has v replicas=2 replicas_min=1
holds $v c 0 32
says "$a  /dev/" $fvp volume replicas v
refused 1 'is named twice' $fvp volume replicas v $ra $a
refused 4 'is no replica of pool p: it has' $fvp volume replicas v $other
refused 1 'not a number from 0 to 1' $fvp volume replicas v --min 2 $ra
ok $fvp volume replicas v $ra >/dev/null

# Removed: by uuid, and then it is nothing any more.
ok $fvp replica remove p $b >/dev/null
says "$a" $fvp replica list
refused 5 'nor a replica' $fvp replica add p $rb
refused 5 'and no replica' eval "$fvp pool create o $other >/dev/null; $fvp pool stop o; $fvp replica add p $other"
ok $fvp pool start o $other >/dev/null
ok $fvp replica create o $rb >/dev/null
ok $fvp pool stop o
refused 5 'is a replica of pool o (' $fvp replica add p $rb
ok $fvp volume detach v --keep >/dev/null
ok $fvp pool stop p
refused 5 'is a replica of pool o (' $fvp pool start p $flash $ra $rb
for i in 1 2 3 4 5; do ok dmsetup create copy$i --table "0 $(size $ra) linear $ra 0"; done
refused 2 '/dev/mapper/copy5 is one replica more than a pool can have' $fvp recover --dry-run $flash /dev/mapper/copy{1..5}
for i in 1 2 3 4 5; do ok dmsetup remove copy$i; done
refused 5 'Name the flash devices of that pool too' $fvp pool start p $ra
refused 5 'belongs to pool' $fvp pool start p $flash $other

# Damaged in both copies: the pool starts without it, and it can be made anew.
damage $ra
says "cannot be used as a replica: superblock checksum is wrong" $fvp pool start p $flash $ra
ok is $a 'out: its device is not there'
refused 5 'checksum is wrong, in both copies' $fvp replica add p $ra
ok $fvp volume attach /dev/lab/origin --name v >/dev/null
ok $fvp volume replicas v none >/dev/null
says 'no replicas' $fvp volume replicas v
says 'is not there and keeps' $fvp replica remove p $a
ok $fvp replica create p $ra --force >/dev/null
pump in_sync $ra
ok $fvp volume detach v >/dev/null
ok $fvp pool destroy p --yes >/dev/null
refused 5 'nor a replica' $fvp pool start p $ra

# A recovery from a replica that has rotted, and takes no more writes: what is saved is saved, but that is not all.
n=$(size /dev/lab/origin)
ok dmsetup create store --table "0 $n linear /dev/lab/origin 0"
ok dmsetup create lv --table "0 $n linear /dev/mapper/store 0"
ok $fvp pool create p $flash >/dev/null
ok $fvp replica create p $ra >/dev/null
pump in_sync $ra
ok $fvp volume attach lv --mode write-back --replicas all >/dev/null
uuid=$(counter lv uuid)
turn store "0 $n error"
put /dev/mapper/lv a 0 112
put /dev/mapper/lv z 112 16
pump eval '[ "$(counter lv origin_state)" = failing ]'
ok $fvp volume detach lv --leave-dirty >/dev/null
turn store "0 $n linear /dev/lab/origin 0"
ok $fvp pool stop p >/dev/null
drop_caches
at=$(LC_ALL=C grep -obUaP 'z{4096}' $ra | head -1 | cut -d: -f1)
[ -n "$at" ] || fail 'the replica does not have it'
printf x | ok dd of=$ra bs=1 seek=$((at + 100)) conv=notrunc,fsync status=none
ok modprobe dm-delay
r=$(size $ra)
ok dmsetup create rr --table "0 $r linear $ra 0"
ok dmsetup suspend --noflush --nolockfs store
$fvp recover /dev/mapper/rr --origin $uuid=/dev/mapper/lv >/tmp/out 2>&1 &
job=$!
sleep $((3 * slowdown)) # it waits for the origin with its first batch
turn rr "0 $r $(no_writes $ra)"
ok dmsetup resume store
wait $job
same $? 5
grep -q 'cannot be read any more' /tmp/out || fail "recover said: $(cat /tmp/out)"
turn rr "0 $r linear $ra 0"
says "recovered: volume lv ($uuid)" $fvp recover /dev/mapper/rr --origin $uuid=/dev/mapper/lv --accept-data-loss
drop_caches
holds /dev/lab/origin a 0 112
'''

# The device of a replica is torn out, and comes back under another name.
UNPLUGGED = SETUP + r'''
node() { # of the disk ra, now
	local serial
	for serial in /sys/block/nvme*/device/serial; do
		[[ $(cat "$serial") == ra* ]] && basename "${serial%/device/serial}"
	done
}
ok $fvp pool create p $flash >/dev/null
ok $fvp replica create p $ra >/dev/null
pump in_sync $ra
a=$($fvp replica list --json | jq -r '.[0].uuid')
ok $fvp volume attach /dev/lab/origin --name v --mode write-back --replicas 1 >/dev/null
pci=$(readlink -f "/sys/block/${ra#/dev/}") && pci=${pci%%/virtio*} && pci=${pci%%/nvme/*}
put $v a 0 16
echo 1 >"$pci/remove"
put $v b 0 8
pump has v effective=write-through
pump is $a 'out: its device is not there'
says "not in: $a (out: its device is not there)" $fvp status
refused 4 'No such file' $fvp replica add p $ra
echo 1 >/sys/bus/pci/rescan
pump eval '[ -n "$(node)" ]'
new=/dev/$(node)
[ $new != $ra ] || fail "it came back as $ra"
ok $fvp replica add p $new >/dev/null
pump in_sync $new
pump has v effective=write-back replicas_in=1
put $v c 8 16
holds $v b 0 8
holds $v c 8 16
[[ $(dmsetup table p) == *' 1 replica='"$(stat -L -c '%Hr:%Lr' $new)" ]] || fail "table: $(dmsetup table p)"
ok $fvp volume detach v >/dev/null
ok $fvp replica remove p $new >/dev/null
ok $fvp pool destroy p --yes >/dev/null
'''

DISKS = ['--disk', 'flash:64M', '--disk', 'origin:16M', '--disk', 'ra:32M', '--disk', 'rb:48M', '--disk', 'other:64M',
         '--disk', 'tiny:4M']


def test_replicas(guest):
    done = guest(*DISKS, script=REPLICAS)
    status = json.loads(done.stdout[done.stdout.index('{\n'):done.stdout.rindex('}\n') + 2])
    pool, volume = status['pools'][0], status['volumes'][0]
    assert (pool['replicas'], volume['replicas'], volume['replicas_min']) == (2, 2, 1)
    assert [leg['state'] for leg in pool['replica_list']] == ['in', 'in']
    assert [leg['uuid'] for leg in pool['replica_list']] == volume['replica_uuids']
    assert all(leg['slots'] >= 12 and leg['size_bytes'] >= 12 << 20 and leg['ack_us_mean'] > 0
               for leg in pool['replica_list'])
    assert pool['replica_list'][1]['failures'] > 0
    assert 'replica0' not in pool and volume['replica_mask'] == 3


def test_replica_unplugged(guest):
    guest('--kernel', '6.12', '--disk', 'flash:64M', '--disk', 'origin:16M', '--disk', 'rb:16M', '--disk', 'ra:32M:nvme',
          script=UNPLUGGED)

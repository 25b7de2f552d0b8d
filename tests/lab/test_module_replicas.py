# SPDX-License-Identifier: GPL-2.0
"""Proves replica legs in a real kernel: one write to each for an acknowledged write; a leg that fails or hangs holds nobody up
for long and comes back; flash that dies loses nothing; and after a power cut with the flash thrown away `fvp recover` brings
every acknowledged write to its origin, in order, interrupted and repeated."""
import random
import re

from conftest import SLOWDOWN
from module_helpers import HELPERS

POWER_CUT = 75
SETUP = HELPERS + r'''
n=$(size /dev/lab/origin)
# over NAME DISK: a device that can be made to fail or to hang.
over() { ok dmsetup create "$1" --table "0 $(size /dev/lab/$2) linear /dev/lab/$2 0"; }
fails() { turn "$1" "0 $(size /dev/lab/$2) error"; }
works() { turn "$1" "0 $(size /dev/lab/$2) linear /dev/lab/$2 0"; }
hangs() { ok dmsetup suspend --noflush --nolockfs "$1"; }
goes_on() { ok dmsetup resume "$1"; }
# replica I: its uuid and state, as the pool says.
replica() { word p "replica$1" | cut -d, -f1,2; }
state() { [ "$(replica "$1" | cut -d, -f2)" = "$2" ]; }
mode() { [ "$(word v effective)" = "$1" ]; }
uuids() { for i in "$@"; do replica "$i" | cut -d, -f1; done; }
written() { awk '{ print $5 }' "/sys/block/$(basename "$(readlink -f "$1")")/stat"; }
'''

FAULTS = SETUP + r'''
# Without a volatile cache one I/O is one write in the device's statistics: none is followed by a flush.
for disk in flash r0 r1; do
	echo 'write through' >"/sys/block/$(basename "$(readlink -f /dev/lab/$disk)")/queue/write_cache"
done
over fl flash
over r0 r0
over r1 r1
over store origin
ok $fvp pool create p /dev/mapper/fl --segment-size 1M >/dev/null
ok $fvp replica create p /dev/mapper/r0 >/dev/null
ok $fvp replica create p /dev/mapper/r1 >/dev/null
attach v p /dev/mapper/store $uuid_a write-back
pump state 0 in
pump state 1 in
ok dmsetup message v 0 replicas 2 $(uuids 0 1)
mode write-back || fail 'not in write-back with both replicas'

# What an acknowledged write costs: nothing else is written meanwhile but a segment's header and summary now and then.
pages /dev/mapper/v 0 1
hangs store
for disk in flash r0 r1; do eval "before_$disk=$(written /dev/lab/$disk)"; done
dd if=/dev/zero of=/dev/mapper/v bs=4k count=100 oflag=direct,dsync status=none || fail 'a write with replicas'
for disk in flash r0 r1; do
	eval "count=\$(($(written /dev/lab/$disk) - before_$disk))"
	[ "$count" -ge 100 ] && [ "$count" -le 104 ] || fail "$disk: $count writes for 100 that were acknowledged"
done
goes_on store

# A replica fails: no error; out of write-back; and in again when it answers.
fails r0 r0
put /dev/mapper/v b 0 4
pump state 0 out
pump mode write-through
holds /dev/mapper/store b 0 4
works r0 r0
pump state 0 in
pump mode write-back

# It hangs: its own timeout, and no more.
hangs r1
begun=$SECONDS
put /dev/mapper/v c 0 4
[ $((SECONDS - begun)) -lt 6 ] || fail "a replica that hangs held a write up for $((SECONDS - begun)) s"
pump state 1 out
put /dev/mapper/v d 4 4
goes_on r1
pump state 1 in
pump mode write-back

# With fewer required the volume stays in write-back.
ok dmsetup message v 0 replicas 1 $(uuids 0 1)
fails r0 r0
put /dev/mapper/v e 8 4
pump state 0 out
mode write-back || fail 'one replica is left, and that is enough'
works r0 r0
pump state 0 in

# The flash dies while the origin is away with dirty data that memory does not hold any more: nothing is lost.
hangs store
put /dev/mapper/v f 0 64
fails fl flash
goes_on store
holds /dev/mapper/v f 0 64
same "$(word p health) $(word v lost_sectors)" 'failed 0'
more "$(word v leg_read_sectors)" 0 'sectors from a replica'
drop_caches
holds /dev/mapper/store f 0 64
ok dmsetup remove v
ok dmsetup remove p

# What flash knows is older now than what the replicas know: it is not believed.
works fl flash
! $fvp pool start p /dev/mapper/fl /dev/mapper/r0 /dev/mapper/r1 >/tmp/out 2>&1 || fail 'a pool whose replicas know more has started'
grep -q 'leg set' /tmp/out || fail "no reason: $(cat /tmp/out)"
ok $fvp recover /dev/mapper/r0 >/tmp/out
grep -q 'nothing to recover' /tmp/out || fail "there is something left: $(cat /tmp/out)"
'''

LOAD = SETUP + r'''
stamps=tests/lab/stamps.py
start() { attach v p /dev/mapper/slow $uuid_a write-back; }
# An origin so slow to write that there is always something that it lacks.
ok dmsetup create slow --table "0 $n delay /dev/lab/origin 0 0 /dev/lab/origin 0 300"
'''
FIRST = LOAD + r'''
ok $fvp pool create p /dev/lab/flash >/dev/null
ok $fvp replica create p /dev/lab/r0 >/dev/null
ok $fvp replica create p /dev/lab/r1 >/dev/null
start
pump state 0 in
pump state 1 in
ok dmsetup message v 0 replicas 2 $(uuids 0 1)
pump mode write-back
$stamps write device /dev/mapper/v 0 &
sleep SECONDS
echo POWER-CUT
sleep 60
'''
RECOVER = LOAD + r'''
stamps=tests/lab/stamps.py
ok dmsetup remove slow
before=$($stamps check device /dev/lab/origin)
sum=$(md5sum </dev/lab/r0)
ok $fvp recover --dry-run /dev/lab/r0 --origin $uuid_a=/dev/lab/origin >/tmp/out
grep -q "^waiting: volume .*$uuid_a" /tmp/out || fail "nothing waits: $(cat /tmp/out)"
drop_caches
same "$(md5sum </dev/lab/r0)" "$sum"
# Without its origin nothing happens, and it says what is missing.
$fvp recover /dev/lab/r0 >/tmp/out 2>&1
same $? 4
grep -q "give --origin $uuid_a=DEVICE" /tmp/out || fail "no remedy: $(cat /tmp/out)"
# Interrupted anywhere, and begun again.
for try in 1 2 3 4 5 6; do
	timeout -s KILL 0.0$((try * 2)) $fvp recover /dev/lab/r0 --origin $uuid_a=/dev/lab/origin >/dev/null 2>&1
	drop_caches
	$stamps check device /dev/lab/origin >/tmp/count || fail "interrupted: $(cat /tmp/count)"
done
ok $fvp recover /dev/lab/r0 --origin $uuid_a=/dev/lab/origin --json >/tmp/out 2>/tmp/err
drop_caches
$stamps check device /dev/lab/origin >/tmp/count || fail "$(cat /tmp/count)"
echo "on the origin: $before before, $(cat /tmp/count) after recovery, ACK were acknowledged"
[ "$(cat /tmp/count)" -ge ACK ] || fail "ACK writes were acknowledged, $(cat /tmp/count) are on the origin"
[ "$before" -lt ACK ] || fail 'the origin had it all before: nothing was shown'
ok $fvp recover /dev/lab/r0 >/tmp/out
grep -q 'nothing to recover' /tmp/out || fail "there is something left: $(cat /tmp/out)"
# The other replica is told as well, and does not bring back what is old by now.
put /dev/lab/origin z 0 4
drop_caches
sum=$(md5sum </dev/lab/origin)
ok $fvp recover /dev/lab/r1 /dev/lab/r0 --origin $uuid_a=/dev/lab/origin >/tmp/out
grep -q 'nothing to recover' /tmp/out || fail "an old replica was used: $(cat /tmp/out)"
ok $fvp recover /dev/lab/r1 >/tmp/out
grep -q 'nothing to recover' /tmp/out || fail "there is something left: $(cat /tmp/out)"
drop_caches
same "$(md5sum </dev/lab/origin)" "$sum"
# Flash that turns up beside the replica is not believed.
! $fvp pool start p /dev/lab/flash /dev/lab/r0 >/tmp/out 2>&1 || fail 'flash that is out of date has started'
grep -q 'leg set' /tmp/out || fail "no reason: $(cat /tmp/out)"
'''
CUT_DISKS = ('--disk', 'flash:64M', '--disk', 'r0:96M', '--disk', 'r1:96M', '--disk', 'origin:64M')


def test_module_replica_faults(guest):
    guest('--disk', 'flash:64M', '--disk', 'r0:96M', '--disk', 'r1:96M', '--disk', 'origin:32M', script=FAULTS, timeout=120)


def test_module_replica_recovery(guest, tmp_path):
    seconds = random.Random(1).uniform(4, 8) * SLOWDOWN
    done = guest('--keep', str(tmp_path), '--kill-on', 'POWER-CUT', *CUT_DISKS, status=POWER_CUT,
                 script=FIRST.replace('SECONDS', f'{seconds:.2f}'))
    acknowledged = max(int(n) + 1 for n in re.findall(r'^v (\d+)$', done.stdout, re.M))
    assert acknowledged > 20, f'hardly anything was written: {done.stdout}'
    done = guest('--keep', str(tmp_path), *CUT_DISKS, script=RECOVER.replace('ACK', str(acknowledged)))
    print(re.search('on the origin: .*', done.stdout).group(0))

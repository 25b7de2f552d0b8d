# SPDX-License-Identifier: GPL-2.0
"""Proves that the tool tells the truth about write-back: what is dirty, when the origin has it, what would be lost."""
import json

from module_helpers import HELPERS

# A logical volume lv on a store that can be made to hold its I/O or to fail; flash that can fail.
SETUP = HELPERS + r'''
lv=/dev/mapper/lv store=/dev/mapper/store
n=$(size /dev/lab/origin)
ok dmsetup create store --table "0 $n linear /dev/lab/origin 0"
ok dmsetup create lv --table "0 $n linear $store 0"
ok dmsetup create fl --table "0 $(size /dev/lab/flash) linear /dev/lab/flash 0"
hold() { ok dmsetup suspend --noflush --nolockfs store; }
let_go() { ok dmsetup resume store; }
# says TEXT COMMAND...: the command succeeds, and says TEXT on stdout.
says() {
	local text=$1 said
	shift
	said=$("$@") || fail "$*: status $?"
	[[ $said == *"$text"* ]] || fail "$*: said '$said', not '$text'"
}
json() { $fvp status --json | jq -r "$1"; }
ok $fvp pool create p /dev/mapper/fl >/dev/null
'''

FLUSH = SETUP + r'''
ok $fvp volume attach lv --mode write-back --order relaxed >/dev/null
[[ $(dmsetup table lv) == *' write-back 2 name=lv order=relaxed' ]] || fail "table: $(dmsetup table lv)"
same "$(counter lv requested) $(counter lv effective) $(counter lv order)" 'write-back write-back relaxed'
ok $fvp volume order lv strict
[[ $(dmsetup table lv) == *' write-back 1 name=lv' ]] || fail "table: $(dmsetup table lv)"
same "$(counter lv order)" strict
says 'Yes: nothing is dirty' $fvp status
says 'its origin has every acknowledged write' $fvp volume flush lv --wait

hold
put $lv a 0 64
holds $lv a 0 64
same "$(counter lv dirty_bytes)" 4194304
says '4 MiB dirty (on flash and not yet on the origin)' $fvp status
says 'With care' $fvp status
says 'lv 4 MiB' $fvp status
says '4 MiB to go' $fvp volume flush lv
ok $fvp status --json

# Interrupted: the wait ends, and nothing else.
timeout --preserve-status -s INT $((2 * slowdown)) $fvp volume flush lv --wait >/tmp/out 2>/tmp/err
same $? 130
grep -q '^lv: 4 MiB left' /tmp/out || fail "no progress: $(cat /tmp/out)"
grep -q 'interrupted with 4 MiB left. It goes on in the kernel' /tmp/err || fail "no word: $(cat /tmp/err)"

# What is written after the flush has begun is not waited for.
$fvp volume flush lv --wait >/tmp/out &
job=$!
sleep 1
load later $lv --offset=8M --size=8M
pump eval '[ "$(word lv write_ios)" -gt 100 ]'
let_go
wait $job || fail "flush: status $?"
grep -q '^flushed lv in ' /tmp/out || fail "no word: $(cat /tmp/out)"
loading
stop_load
drop_caches
holds /dev/lab/origin a 0 64
ok $fvp volume flush lv --wait
is_origin $lv /dev/lab/origin
ok $fvp volume detach lv >/dev/null
'''

MODE = SETUP + r'''
ok $fvp volume attach lv --mode write-back >/dev/null
exec 7<>$lv
hold
put $lv a 0 16
says 'takes effect when its origin has the 1 MiB' $fvp volume mode lv write-through
same "$(counter lv requested) $(counter lv effective) $(counter lv draining)" 'write-through write-back 1'
says 'leaving write-back for write-through' $fvp status
$fvp status | grep -q '^lv .*draining' || fail 'no column says so'
timeout --preserve-status -s INT $((2 * slowdown)) $fvp volume mode lv write-through --wait >/tmp/out 2>/tmp/err
same $? 130
let_go
ok $fvp volume mode lv write-through --wait >/dev/null
same "$(counter lv requested) $(counter lv effective) $(counter lv draining)" 'write-through write-through 0'
same "$(counter lv dirty_bytes)" 0
drop_caches
holds /dev/lab/origin a 0 16

# Under a running device: the detach waits first, can be given up, and then loses nothing.
ok $fvp volume mode lv write-back
hold
put $lv b 0 16
timeout --preserve-status -s INT $((2 * slowdown)) $fvp volume detach lv >/tmp/out 2>/tmp/err
same $? 130
grep -q 'lv is not detached' /tmp/err || fail "no word: $(cat /tmp/err)"
same "$(counter lv requested)" write-back
let_go
# As one leaves it that was killed while it detached with --keep: that is over with the next.
ok dmsetup message lv 0 keep
ok $fvp volume detach lv >/dev/null
same "$(dmsetup table lv)" "0 $n linear $(stat -L -c '%Hr:%Lr' $store) 0"
holds $lv b 0 16
ok $fvp volume attach lv >/dev/null
same "$(word lv live_sectors)" 0
ok $fvp volume detach lv >/dev/null
'''

WAITING = SETUP + r'''
ok $fvp volume attach lv --mode write-back >/dev/null
uuid=$(counter lv uuid)
put $lv a 0 16
ok $fvp volume flush lv --wait >/dev/null
turn store "0 $n error"
put $lv b 0 16
holds $lv b 0 16
pump eval '[ "$(counter lv origin_state)" = failing ]'
says 'its origin fails writes' $fvp status
refused 2 'fails writes, and 1 MiB of acknowledged writes are on flash only' $fvp volume detach lv
same "$(counter lv requested) $(counter lv effective)" 'write-back write-back'
exec 7<$lv
refused 2 'would read its origin without the last writes' $fvp volume detach lv --leave-dirty
exec 7<&-
ok $fvp volume detach lv --leave-dirty >/dev/null

# The pool keeps it, says so, and lets nobody throw it away by mistake.
turn store "0 $n linear /dev/lab/origin 0"
same "$(json '.pools[0].waiting') $(json '.pools[0].waiting_bytes')" '1 1048576'
same "$(json '.pools[0].waiting_volumes[0].uuid')" "$uuid"
same "$(json '.reboot.origins_complete')" false
says "lv ($uuid)" $fvp pool show p
refused 2 '1 MiB of acknowledged writes that are nowhere else' $fvp pool destroy p --yes
says 'has 1 MiB of acknowledged writes' $fvp pool stop p

# A recovery from its flash goes to an origin that nobody uses, and through no volume.
before=$(md5sum </dev/lab/origin)
exec 7<$lv
refused 2 'the origin /dev/mapper/lv is in use' $fvp recover /dev/mapper/fl
exec 7<&-
ok $fvp pool create q /dev/lab/other >/dev/null
ok $fvp volume attach lv --pool q >/dev/null
refused 2 'as volume lv. Detach it first' $fvp recover /dev/mapper/fl
refused 2 'as volume lv. Detach it first' $fvp recover /dev/mapper/fl --origin "$uuid=/dev/mapper/lv-fvp-origin"
ok $fvp volume detach lv >/dev/null
ok $fvp pool destroy q --yes >/dev/null
says "waiting: volume lv ($uuid) on /dev/mapper/lv: 1048576 bytes" $fvp recover --dry-run /dev/mapper/fl
drop_caches
same "$(md5sum </dev/lab/origin)" "$before"
says "lv ($uuid)" $fvp pool start p /dev/mapper/fl
ok $fvp pool create q /dev/lab/other >/dev/null
refused 2 'attach it there (--pool p --warm)' $fvp volume attach lv --pool q
ok $fvp pool destroy q --yes >/dev/null
refused 2 'attach it with --warm' $fvp volume attach lv
refused 2 '--accept-data-loss' $fvp volume forget lv
says "1 MiB of acknowledged writes of lv ($uuid)" eval "$fvp volume forget lv 2>/dev/null || true"
same "$(json '.pools[0].waiting_bytes')" 1048576
ok $fvp volume attach lv --warm >/dev/null
holds $lv b 0 16
ok $fvp volume flush lv --wait >/dev/null
drop_caches
holds /dev/lab/origin b 0 16
same "$(json '.pools[0].waiting')" 0

# Given up: the origin counts, and the pool may go.
ok $fvp volume mode lv write-back
turn store "0 $n error"
put $lv c 0 64
pump eval '[ "$(counter lv origin_state)" = failing ]'
ok $fvp volume detach lv --leave-dirty >/dev/null
turn store "0 $n linear /dev/lab/origin 0"
# In two pools under one name: none is given up for the other.
ok $fvp pool stop p >/dev/null
ok $fvp pool create q /dev/lab/other >/dev/null
turn store "0 $n error"
ok $fvp volume attach lv --pool q --mode write-back >/dev/null
put $lv d 0 16
pump eval '[ "$(counter lv origin_state)" = failing ]'
ok $fvp volume detach lv --leave-dirty >/dev/null
turn store "0 $n linear /dev/lab/origin 0"
ok $fvp pool start p /dev/mapper/fl >/dev/null
refused 2 "$uuid in pool q" $fvp volume forget lv --accept-data-loss
refused 2 'say which by its uuid' $fvp volume forget lv
ok $fvp pool destroy q --yes --accept-data-loss >/dev/null 2>&1
# Also what has rotted meanwhile: at once, and without a word on lost data of a device that nobody knows.
ok dd if=/dev/zero of=/dev/lab/flash bs=1M seek=1 count=8 oflag=direct status=none
begun=$SECONDS
ok $fvp volume forget "$uuid" --accept-data-loss >/dev/null 2>/tmp/err
[ $((SECONDS - begun)) -lt $((20 * slowdown)) ] || fail "it took $((SECONDS - begun)) s"
same "$(cat /tmp/err)" ''
same "$(json '.pools[0].waiting') $(json '.pools[0].volumes')" '0 0'
refused 4 'no volume lv is attached' $fvp volume forget lv
same "$(dmsetup ls | grep -c fvp)" 0
holds $lv b 0 16
ok $fvp volume attach lv >/dev/null
holds $lv b 0 16
ok $fvp volume detach lv >/dev/null

# An origin that nothing tells from others does not come up without what waits for it.
ok modprobe brd rd_nr=1 rd_size=$((n / 2))
ok $fvp volume attach lv --mode write-back --uuid $uuid_a >/dev/null
turn store "0 $n error"
put $lv d 0 16
pump eval '[ "$(counter lv origin_state)" = failing ]'
ok $fvp volume detach lv --leave-dirty >/dev/null
turn store "0 $n linear /dev/lab/origin 0"
says "--uuid $uuid_a for lv" $fvp status
refused 2 "If it is: --uuid $uuid_a" $fvp volume attach /dev/ram0
refused 2 "If it is: --uuid $uuid_a" $fvp volume attach /dev/ram0 --name lv
refused 2 "If it is: --uuid $uuid_a" $fvp volume attach lv --warm
ok $fvp volume attach lv --warm --uuid $uuid_a >/dev/null
holds $lv d 0 16
ok $fvp volume detach lv >/dev/null
ok $fvp volume attach /dev/ram0 --name r >/dev/null
ok $fvp volume detach r >/dev/null
ok $fvp pool destroy p --yes >/dev/null
'''

LOST = SETUP + r'''
ok $fvp volume attach lv --mode write-back >/dev/null
says 'lv has lost nothing' $fvp volume forget lv
refused 4 'no volume other is attached' $fvp volume forget other

# Flash rots: what is behind that waits until somebody says what is to be done.
hold
put $lv z 0 128
ok dd if=/dev/zero of=/dev/lab/flash bs=1M seek=1 count=8 oflag=direct status=none
let_go
pump eval '[ "$(counter lv lost_bytes)" -gt 0 ]'
same "$(json '.pools[0].health')" ok
refused 3 'see fvp volume forget lv' $fvp volume flush lv --wait
ok $fvp volume forget lv --accept-data-loss >/tmp/out
for ((round = 0; round < 20; round++)); do # a batch at a time
	grep -q 'look again' /tmp/out || break
	ok $fvp volume forget lv --accept-data-loss >/tmp/out
done
ok $fvp volume flush lv --wait >/dev/null
same "$(counter lv lost_bytes) $(counter lv dirty_bytes)" '0 0'
ok dmsetup message lv 0 drop # a hit on what rotted is not checked
is_origin $lv /dev/lab/origin

# All of it fails.
hold
put $lv a 0 192
turn fl "0 $(size /dev/lab/flash) error"
for verb in 'detach lv' 'flush lv --wait' 'mode lv write-through --wait'; do # they wait, and then it is lost
	$fvp volume $verb >"/tmp/out.${verb%% *}" 2>&1 &
	eval "job_${verb%% *}=\$!"
done
pump eval '[ "$(counter lv requested)" = write-through ]'
sleep 1
let_go
pump eval '[ "$(counter lv lost_bytes)" -gt 0 ] && [ "$(counter lv dirty_bytes)" = 0 ]'
for verb in detach flush mode; do
	job=job_$verb
	wait ${!job}
	status=$?
	[ $verb = detach ] && want='2 has lost' || want='3 are LOST'
	[ $status = ${want%% *} ] || fail "$verb: status $status: $(cat /tmp/out.$verb)"
	grep -q "${want#* }" /tmp/out.$verb || fail "$verb said: $(cat /tmp/out.$verb)"
done
[[ $(dmsetup table lv) == *' fvp '* ]] || fail "not attached: $(dmsetup table lv)"
refused 3 'are LOST' $fvp volume flush lv
refused 3 'are LOST' $fvp volume mode lv write-through --wait
lost=$(counter lv lost_bytes)
says 'of acknowledged writes are LOST' $fvp status
says 'their origins lack them' $fvp status
same "$(json '.reboot.origins_complete') $(json '.reboot.lost_bytes')" "false $lost"
refused 2 '--accept-data-loss' $fvp volume forget lv
$fvp volume forget lv >/tmp/out 2>/dev/null
first=$(sed -n 's/^  sectors \([0-9]*\) to .*/\1/p' /tmp/out | head -1)
[ -n "$first" ] || fail "no ranges: $(cat /tmp/out)"
dd if=$lv of=/dev/null skip="$first" count=1 iflag=direct status=none 2>/dev/null && fail 'lost data was read'
refused 2 'has lost' $fvp volume detach lv
ok $fvp volume forget lv --accept-data-loss >/dev/null
same "$(counter lv lost_bytes)" 0
ok dd if=$lv of=/dev/null skip="$first" count=1 iflag=direct status=none
ok $fvp volume detach lv >/dev/null
is_origin $lv /dev/lab/origin
'''

DISKS = ['--disk', 'flash:64M', '--disk', 'origin:16M']


def test_flush(guest):
    done = guest(*DISKS, script=FLUSH)
    status = json.loads(done.stdout[done.stdout.index('{'):done.stdout.rindex('}') + 1])
    assert status['reboot'] == {'origins_complete': False, 'dirty_bytes': 4 << 20, 'dirty_volumes': ['lv'],
                                'waiting_bytes': 0, 'lost_bytes': 0}
    volume, pool = status['volumes'][0], status['pools'][0]
    assert (volume['dirty_bytes'], volume['dirty_sectors'], volume['lost_bytes']) == (4 << 20, 8192, 0)
    assert volume['origin_state'] == 'ok' and volume['origin'].startswith('/dev/')
    assert volume['dirty_in'] - volume['dirty_out'] == 8192
    assert pool['dirty_bytes'] == 4 << 20 and pool['dirty_span_sectors'] <= pool['dirty_limit_sectors']
    assert (pool['waiting'], pool['waiting_volumes']) == (0, [])


def test_mode_and_detach(guest):
    guest('--kernel', '6.12', *DISKS, script=MODE)


def test_waiting(guest):
    guest(*DISKS, '--disk', 'other:64M', script=WAITING)


def test_lost(guest):
    guest('--kernel', '6.12', *DISKS, script=LOST)

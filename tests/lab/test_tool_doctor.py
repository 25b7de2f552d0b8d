# SPDX-License-Identifier: GPL-2.0
"""Proves that `fvp doctor` finds what is wrong, names the remedy, changes nothing, and is content with a healthy host."""
import json

from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
flash=/dev/lab/flash origin=/dev/lab/origin ra=/dev/lab/ra other=/dev/lab/other
disk() { basename "$(readlink -f /dev/lab/$1)"; }
# doctor STATUS [OPTION...]: its findings, into /tmp/doctor.
doctor() {
	local want=$1 status
	shift
	$fvp doctor --json "$@" >/tmp/doctor
	status=$?
	[ $status = "$want" ] || fail "doctor: status $status, not $want: $(cat /tmp/doctor)"
}
# finds ID SUBJECT TEXT [OPTION...]: among what doctor finds; TEXT is in what it says of it, or in the remedy.
finds() {
	doctor 6 "${@:4}"
	jq -e --arg id "$1" --arg subject "$2" --arg text "$3" \
		'any(.findings[]; .id == $id and .subject == $subject and (.what + "\n" + .remedy | contains($text)))' \
		/tmp/doctor >/dev/null || fail "no $1 of $2 with '$3': $(cat /tmp/doctor)"
	echo "FOUND $1 $SECONDS"
}
# lacks ID: not any more.
lacks() {
	$fvp doctor --json >/tmp/doctor
	jq -e --arg id "$1" 'all(.findings[]; .id != $id)' /tmp/doctor >/dev/null || fail "still $1: $(cat /tmp/doctor)"
}

# A host as it should be: the module is in the kernel's list (here it was loaded by hand), LVM leaves origins alone, flash
# has no volatile cache.
finds kernel-without-module "$(uname -r)" 'depmod'
list=/lib/modules/$(uname -r)/modules.dep
{ cat $list && echo 'updates/dm-fvp.ko:'; } >/tmp/modules.dep
ok mount --bind /tmp/modules.dep $list
for name in flash other ra; do
	echo 'write through' >/sys/block/$(disk $name)/queue/write_cache
	echo 0 >/sys/block/$(disk $name)/queue/rotational
done
doctor 0
same "$(jq -c '[.healthy, .findings]' /tmp/doctor)" '[true,[]]'
same "$($fvp doctor | cut -d: -f1)" healthy

ok $fvp pool create p $flash >/dev/null
ok $fvp volume attach $origin --name v --mode write-back >/dev/null
finds lvm-filter lvm global_filter
mkdir -p /etc/lvm
echo 'devices { global_filter = [ "r|^/dev/mapper/.*-fvp-origin$|", "r|^/dev/lab/|" ] }' >>/etc/lvm/lvmlocal.conf
doctor 0
echo 'write back' >/sys/block/$(disk flash)/queue/write_cache
finds flash-volatile-cache p "/dev/$(disk flash) has a volatile write cache"
echo 'write through' >/sys/block/$(disk flash)/queue/write_cache
echo 1 >/sys/block/$(disk flash)/queue/rotational
finds flash-rotational p "$(disk flash)"
echo 0 >/sys/block/$(disk flash)/queue/rotational

# The origin is used beside its volume.
ok dmsetup create beside --table "0 8 linear $origin 0"
finds origin-shared v '/dev/mapper/beside lies on the origin'
ok dmsetup remove beside
# Held I/O, and a table that somebody forgot.
ok dmsetup load v --table "$(dmsetup table v)"
finds table-left v 'dmsetup clear v'
ok dmsetup clear v
ok dmsetup suspend v
finds suspended v 'dmsetup resume v'
ok dmsetup resume v
doctor 0
ok $fvp volume detach v >/dev/null

# A store that fails, flash and replica that share a disk, and a uuid that only a person knows.
n=$(size $origin) f=$(size $other)
ok dmsetup create store --table "0 $n linear $origin 0"
ok dmsetup create lv --table "0 $n linear /dev/mapper/store 0"
uuid=33333333-aaaa-4000-8000-000000000003
ok $fvp volume attach /dev/mapper/lv --mode write-back --uuid $uuid >/dev/null
finds origin-unnamed lv "--uuid $uuid"
ok $fvp volume detach lv >/dev/null
ok $fvp volume attach /dev/mapper/lv --mode write-back >/dev/null
doctor 0
turn store "0 $n error"
put /dev/mapper/lv a 0 16
pump eval '[ "$(counter lv origin_state)" = failing ]'
finds origin-failing lv '1 MiB wait for it'
finds dirty-old lv 'fvp volume flush lv --wait' --dirty-age 0
lacks dirty-old
ok $fvp volume mode lv write-through >/dev/null
finds mode-differs lv 'write-through was asked for, write-back is in effect: it leaves write-back'
ok $fvp volume mode lv write-back
ok $fvp volume detach lv --leave-dirty >/dev/null
turn store "0 $n linear $origin 0"
ok dmsetup remove lv
finds origin-missing lv "fvp volume forget"
ok dmsetup create lv --table "0 $n linear /dev/mapper/store 0"
finds origin-not-attached lv 'fvp volume attach /dev/mapper/lv --pool p --warm'
ok dmsetup create user --table "0 8 linear /dev/mapper/lv 0"
finds origin-in-use lv 'is used directly: held by device-mapper device user'
ok dmsetup remove user
ok $fvp pool stop p >/dev/null
finds pool-not-started p "fvp pool start p $(readlink -f $flash)"
jq -e '.findings[] | select(.id == "pool-not-started") | .severity == "error"' /tmp/doctor >/dev/null || fail 'it is dirty'
before=$(md5sum <$flash)
doctor 6
same "$(md5sum <$flash)" "$before"
ok eval "$(jq -r '.findings[] | select(.id == "pool-not-started").remedy' /tmp/doctor | sed "s|^fvp|$fvp|") >/dev/null"
remedy=$(doctor 6; jq -r '.findings[] | select(.id == "origin-not-attached").remedy' /tmp/doctor)
ok eval "${remedy/#fvp/$fvp} >/dev/null"
ok $fvp volume flush lv --wait >/dev/null
doctor 0
# Another tool's table under the volume.
swap lv "0 $n linear /dev/mapper/store 0"
finds acceleration-lost lv 'fvp volume attach /dev/mapper/lv'
ok $fvp volume attach /dev/mapper/lv --mode write-back >/dev/null
lacks acceleration-lost

# Replicas: on the flash's own disk; out; in too small a number.
ok dmsetup create half --table "0 65536 linear $other 0"
ok dmsetup create rest --table "0 65536 linear $other 65536"
ok $fvp pool create q /dev/mapper/half >/dev/null
ok $fvp replica create q /dev/mapper/rest >/dev/null
finds replica-same-disk q "both on /dev/$(disk other)"
ok $fvp pool destroy q --yes >/dev/null
ok dmsetup remove half
ok dmsetup remove rest
r=$(size $ra)
ok dmsetup create rr --table "0 $r linear $ra 0"
ok $fvp replica create p /dev/mapper/rr >/dev/null
pump lacks replica-out
ok $fvp volume replicas lv all >/dev/null
turn rr "0 $r error"
put /dev/mapper/lv b 0 16
finds replica-out p 'is not in sync'
finds mode-differs lv 'too few of its replicas are in sync'
turn rr "0 $r linear $ra 0"
ok $fvp volume replicas lv none >/dev/null
ok $fvp replica remove p /dev/mapper/rr >/dev/null
ok dmsetup remove rr
ok $fvp volume detach lv >/dev/null
ok $fvp pool destroy p --yes >/dev/null
ok dmsetup remove lv
ok dmsetup remove store

# Origin and flash on one disk; a pool of two devices of which one is gone; no module.
ok wipefs -qa $other
ok dmsetup create a --table "0 65536 linear $other 0"
ok dmsetup create b --table "0 $((f - 65536)) linear $other 65536"
ok $fvp pool create q /dev/mapper/a >/dev/null
ok $fvp volume attach /dev/mapper/b >/dev/null
finds same-disk b "are both on /dev/$(disk other)"
ok $fvp volume detach b >/dev/null
ok $fvp pool destroy q --yes >/dev/null
ok $fvp pool create two /dev/mapper/a $flash --force >/dev/null
ok $fvp pool stop two
ok dmsetup remove a
ok dmsetup remove b
dd if=/dev/zero of=$other bs=1M count=1 conv=notrunc,fsync status=none
drop_caches
finds pool-incomplete two '1 of 2 flash devices are here'
ok rmmod dm_fvp
finds module-not-loaded dm-fvp 'modprobe dm-fvp'
ok umount $list
finds module-missing dm-fvp "for the running kernel $(uname -r)"
cat /tmp/doctor
'''


def test_doctor(guest):
    done = guest('--disk', 'flash:64M', '--disk', 'origin:16M', '--disk', 'ra:32M', '--disk', 'other:64M', script=SCRIPT)
    found = {line.split()[1] for line in done.stdout.splitlines() if line.startswith('FOUND ')}
    assert len(found) >= 20, found
    report = json.loads(done.stdout[done.stdout.index('{\n'):])
    assert not report['healthy']
    assert set(report['findings'][0]) == {'id', 'severity', 'subject', 'what', 'why', 'remedy'}

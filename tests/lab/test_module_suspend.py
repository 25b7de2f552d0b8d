# SPDX-License-Identifier: GPL-2.0
"""Proves that after any suspend, swap or removal the origin has what write-back acknowledged, or that the log says not."""
import pytest

from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
v=/dev/mapper/v ori=/dev/mapper/ori
n=$(size /dev/lab/origin) linear="0 $(size /dev/lab/origin) linear /dev/lab/origin 0"
ok dmsetup create ori --table "$linear"
ok $fvp pool create p /dev/lab/flash >/dev/null
attach v p $ori $uuid_a write-back
table=$(dmsetup table v)
hold() { ok dmsetup suspend --noflush --nolockfs ori; }
# dirty LETTER: the origin does not have it yet, and takes nothing.
dirty() {
	hold
	put $v "$1" 0 16
	same "$(word v effective) $(word v dirty_sectors)" 'write-back 2048'
}
# drains COMMAND...: which must wait until the origin takes something again.
drains() {
	local begin=${EPOCHREALTIME/./}
	(
		sleep 1
		dmsetup resume ori
	) &
	ok "$@"
	more $((${EPOCHREALTIME/./} - begin)) 800000 'microseconds of a drain'
	wait $!
}

for options in '' --noflush '--noflush --nolockfs'; do
	dirty a
	drains dmsetup suspend $options v
	same "$(word v dirty_sectors) $(word v effective)" '0 write-through'
	holds $ori a 0 16
	ok dmsetup resume v
	same "$(word v requested) $(word v effective)" 'write-back write-back'
done

# Another table, with the suspend left to dm, and then a removal.
dirty c
ok dmsetup load v --table "$linear"
drains dmsetup resume v
holds /dev/lab/origin c 0 16
same "$(word p waiting)" 0
swap v "$table"
dirty d
drains dmsetup remove v
holds $ori d 0 16
same "$(word p waiting) $(word p volumes)" '0 0'

# Under I/O, which goes on in between.
ok dmsetup create v --table "$table"
load busy $v --offset=8M --size=8M
for round in 1 2 3; do
	pump eval '[ "$(word v dirty_in)" -gt 2000 ]'
	ok dmsetup suspend --noflush v
	same "$(word v dirty_sectors)" 0
	cmp -s $v $ori & # held until the resume: reads what then is
	ok dmsetup resume v
	loading
	wait $!
	swap v "$linear"
	loading
	swap v "$table"
done
stop_load
ok dmsetup suspend v
ok dmsetup resume v
ok cmp $v $ori

# A suspend that is given up: write-back goes on.
put $v e 0 16
ok dmsetup message v 0 drop
hold
dd if=$v of=/dev/null bs=4k skip=3000 count=1 iflag=direct status=none &
reader=$!
sleep 1
dmsetup suspend v &
suspender=$!
pump eval '[ "$(word v effective)" = write-through ]'
sleep 1
kill -KILL $suspender
wait $suspender
ok dmsetup resume ori
wait $reader || fail 'the read failed'
same "$(dmsetup info -c --noheadings -o suspended v)" Active
same "$(word v requested) $(word v effective)" 'write-back write-back'
put $v f 0 16

# The origin fails: the suspend ends all the same, says so, and nothing is lost.
ok dmsetup message v 0 flush >/dev/null
pump eval '[ "$(word v dirty_sectors)" = 0 ]'
turn ori "0 $n error"
put $v g 0 16
dmesg -C
ok dmsetup suspend v
dmesg | grep -q "volume $uuid_a is suspended with 1048576 bytes" || fail "the log does not say so: $(dmesg)"
ok dmsetup resume v
turn ori "$linear"
holds $v g 0 16
pump eval '[ "$(word v dirty_sectors)" = 0 ]'
turn ori "0 $n error"
put $v h 0 16
dmesg -C
ok dmsetup remove v
dmesg | grep -q "volume $uuid_a: 1048576 bytes of acknowledged writes are not on its origin" || fail "log: $(dmesg)"
same "$(word p waiting) $(word p waiting_sectors)" '1 2048'
turn ori "$linear"
ok dmsetup create v --table "$table"
holds $v h 0 16
ok dmsetup suspend v
holds $ori h 0 16
ok dmsetup remove v
same "$(word p waiting)" 0
'''


@pytest.mark.parametrize('kernel', ['6.1', '6.12'])
def test_module_suspend(guest, kernel):
    guest('--kernel', kernel, '--disk', 'flash:64M', '--disk', 'origin:16M', script=SCRIPT)

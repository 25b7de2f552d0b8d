# SPDX-License-Identifier: GPL-2.0
"""Proves that attaching and detaching under a running device costs its users no I/O error and no byte."""

SCRIPT = r'''
ok dmsetup create lv --uuid LVM-test --table "0 65536 linear /dev/lab/origin 0
65536 32768 linear /dev/lab/origin 65536"
table=$(dmsetup table lv)
ok mkfs.ext4 -q /dev/mapper/lv
ok mkdir -p /mnt/a
ok mount /dev/mapper/lv /mnt/a
ok $fvp pool create p /dev/lab/flash
fio --thread --name=w --directory=/mnt/a --size=8M --bs=4k --rw=randwrite --direct=1 --numjobs=2 --verify=crc32c \
	--do_verify=1 --verify_backlog=64 --verify_fatal=1 --time_based --runtime=600 --randrepeat=0 >/tmp/fio 2>&1 &
job=$!
sleep 2
for round in 1 2 3; do
	ok $fvp volume attach lv
	same "$(counter lv live)" true
	refused 2 'attached already, as volume lv' $fvp volume attach /dev/mapper/lv
	refused 2 'flash device of pool p' $fvp volume attach /dev/lab/flash
	for ((i = 0; i < 50; i++)); do
		[ "$(counter lv write_sectors)" -gt 100 ] && [ "$(counter lv read_sectors)" -gt 100 ] && break
		kill -0 $job || fail "fio ended: $(cat /tmp/fio)"
		sleep 0.2
	done
	[ $i -lt 50 ] || fail 'no I/O came through the volume'
	refused 2 'cannot be kept' $fvp volume detach lv --keep
	ok $fvp volume detach lv
	same "$(dmsetup table lv)" "$table"
	[ ! -e /dev/mapper/lv-fvp-origin ] || fail 'the hidden device is still there'
done
kill $job
wait $job
grep -q 'err= 0' /tmp/fio || { cat /tmp/fio; fail 'fio saw errors'; }
ok umount /mnt/a
ok e2fsck -fn /dev/mapper/lv
ok $fvp pool stop p
'''


def test_attach_live(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:48M', script=SCRIPT)

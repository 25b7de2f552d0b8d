# SPDX-License-Identifier: GPL-2.0
"""Proves that a virtual machine boots from a volume in write-back, by its BIOS and boot loader, and finds all that it has
synced after the power went under its hypervisor; and that it boots from the origin alone, to an earlier moment."""
import os
import random
import subprocess

import pytest

from module_helpers import HELPERS, POWER_CUT, ROOT, acknowledged

DISKS = ('--memory', '3G', '--disk', 'flash:192M', '--disk', 'vm:128M', '--disk', 'copy:128M')
SCRIPT = HELPERS + r'''
mkdir -p /mnt/vm
# machine DISK: a virtual machine with this disk, its console on stdout, until it ends or the reader goes.
machine() {
	qemu-system-x86_64 -nodefaults -no-user-config -machine pc,usb=off -accel tcg -cpu qemu64 -m 256 -display none -no-reboot \
		-drive "file=$1,format=raw,if=virtio,cache=none,aio=native" -serial stdio </dev/null 2>&1
}
# found DISK: boots from it until it has said what it finds.
found() {
	local word number
	while read -r word number; do
		number=${number%$'\r'}
		case $word in
		wrong | gap) fail "$1: $word $number" ;;
		found) break ;;
		esac
	done < <(machine "$1")
	[ "$word" = found ] || fail "$1 has not booted"
	pkill -9 qemu-system
	pump eval '! pgrep qemu-system >/dev/null'
	echo "$number"
}
'''
FIRST = SCRIPT + r'''
ok $fvp pool create p /dev/lab/flash >/dev/null
attach vm p /dev/lab/vm $uuid_a write-back
# What the boot loader knows.
ok mkfs.ext4 -q -F -O ^64bit,^metadata_csum /dev/mapper/vm
ok mount /dev/mapper/vm /mnt/vm
mkdir -p /mnt/vm/{boot,bin,sbin,proc,dev,said}
cp out/vm/vmlinuz out/vm/initrd /mnt/vm/boot/
cp out/vm/busybox /mnt/vm/bin/
cp tests/lab/vm/init /mnt/vm/sbin/init
cat >/mnt/vm/boot/extlinux.conf <<'END'
DEFAULT linux
LABEL linux
	KERNEL /boot/vmlinuz
	INITRD /boot/initrd
	APPEND root=/dev/vda console=ttyS0 quiet panic=-1 nokaslr no_timer_check tsc=reliable random.trust_cpu=on mitigations=off
END
ok extlinux --install /mnt/vm/boot 2>/dev/null
ok umount /mnt/vm
# What the origin holds must be a system already: all of it once.
dmsetup message vm 0 flush >/dev/null
pump eval '[ "$(word vm dirty_sectors)" = 0 ]'
drop_caches
machine /dev/mapper/vm
'''
LAST = SCRIPT + r'''
ok dd if=/dev/lab/vm of=/dev/lab/copy bs=1M conv=notrunc status=none
count=$(found /dev/lab/copy) || exit 1
echo "alone: $count"
[ "$count" -le $((ACK + 1)) ] || fail 'more than was ever written'
ok $fvp pool start p /dev/lab/flash >/dev/null
attach vm p /dev/lab/vm $uuid_a write-back
count=$(found /dev/mapper/vm) || exit 1
echo "there: $count"
[ "$count" -ge ACK ] || fail "ACK were acknowledged, $count are there"
same "$(word vm flash_read_errors) $(word vm lost_sectors) $(word p health)" '0 0 ok'
# It has been killed under load once more.
ok mount /dev/mapper/vm /mnt/vm
ok umount /mnt/vm
fs_clean ext4 /dev/mapper/vm
ok dmsetup remove vm
ok dmsetup remove p
'''


@pytest.mark.long
def test_software_vm(guest, tmp_path):
    cache = os.environ.get('FVP_LAB_CACHE', '/var/cache/fvp-lab')
    make = os.path.join(ROOT, 'tests', 'lab', 'vm', 'make-boot')
    subprocess.run([make, os.path.join(cache, 'kernel', '6.1'), os.path.join(ROOT, 'out', 'vm')], check=True)
    until = random.Random(1).randrange(30, 90)
    # A machine emulated within an emulated one takes minutes to boot.
    done = guest('--keep', str(tmp_path), '--kill-on', rf'vm {until}\b', *DISKS, status=POWER_CUT, timeout=1800, script=FIRST)
    known = acknowledged(done.stdout, {'vm': 0})['vm']
    assert known > until, done.stdout
    done = guest('--keep', str(tmp_path), *DISKS, timeout=1800, script=LAST.replace('ACK', str(known)))
    print(f'acknowledged {known}\n{done.stdout}')

# SPDX-License-Identifier: GPL-2.0
"""Proves that under udev and LVM nobody sees what only fvp may use: flash, hidden origins, raw origins; that after a power cut
nothing on an origin with dirty data is activated or mounted before its volume is there, and all of it afterwards; and that what
is in use, or detached, is not hidden.
"""
import os
import shutil

from conftest import ROOT
from module_helpers import install_tools

DISKS = ('--disk', 'flash:256M', '--disk', 'raw:64M', '--disk', 'san:128M', '--disk', 'spare:64M')

HELPERS = r'''
fvp=/usr/sbin/fvp
kernel_name() { basename "$(readlink -f "$1")"; }
hidden() { udevadm settle; ok test -e "/dev/fvp/hidden/$(kernel_name "$1")"; }
seen() { udevadm settle; ok test ! -e "/dev/fvp/hidden/$(kernel_name "$1")"; }
role() { $fvp host role "$1" | sed -n 's/^FVP_ROLE=//p'; }
ready() { udevadm info -q property -n "$1" | grep -qx SYSTEMD_READY=0 && echo 0 || echo 1; }
raw=$(readlink -f /dev/lab/raw)
'''

FIRST = HELPERS + r'''
grep -v '^#' /usr/share/fvp/lvm.conf >>/etc/lvm/lvmlocal.conf
# A volume group on a whole disk, one on a device of device-mapper, and a file system on a logical volume.
ok pvcreate -q -y $raw >/dev/null
ok vgcreate -q inner $raw >/dev/null
ok lvcreate -q -y -n lv -L 16M inner >/dev/null
ok vgchange -q -an inner >/dev/null
san=$(readlink -f /dev/lab/san)
ok pvcreate -q -y $san >/dev/null
ok vgcreate -q vg $san >/dev/null
ok lvcreate -q -y -n data -L 48M vg >/dev/null
ok mkfs.ext4 -q /dev/vg/data
uuid=$(blkid -s UUID -o value /dev/vg/data)
ok dmsetup create box --table "0 65536 linear $(readlink -f /dev/lab/spare) 2048"
ok pvcreate -q -y /dev/mapper/box >/dev/null
ok vgcreate -q boxed /dev/mapper/box >/dev/null
ok lvcreate -q -y -n lv -L 16M boxed >/dev/null

same "$(role /dev/lab/flash)" none
seen /dev/lab/flash
ok $fvp pool create p /dev/lab/flash
same "$(role /dev/lab/flash) $(role /dev/mapper/p)" 'flash pool'
hidden /dev/lab/flash
hidden /dev/mapper/p

seen $raw
ok $fvp volume attach $raw --mode write-back --name top
hidden $raw
seen /dev/mapper/top
same "$(role $raw) $(role /dev/mapper/top) $(ready $raw)" 'origin volume 0'
same "$(udevadm info -q property -n $raw | grep -c ^ID_FS_)" 0
ok $fvp volume attach vg-data --mode write-back
hidden /dev/mapper/vg-data-fvp-origin
seen /dev/vg/data
# An active volume group's own device, twice: LVM knows only the one.
ok $fvp volume attach box
hidden /dev/mapper/box-fvp-origin
said=$(pvs --noheadings -o pv_name 2>&1 | sort | tr -d ' \n')
same "$said" "/dev/mapper/box/dev/mapper/top$san"
# Whoever resumes the hidden device, without the flags that it was made with, shows it to nobody.
ok dmsetup suspend vg-data-fvp-origin
ok dmsetup resume vg-data-fvp-origin
hidden /dev/mapper/vg-data-fvp-origin
same "$(readlink -f "/dev/disk/by-uuid/$uuid")" "$(readlink -f /dev/vg/data)"
same "$(ready /dev/mapper/vg-data-fvp-origin) $(ready /dev/vg/data)" '0 1'

# A table that LVM swaps in under a mounted file system hides nothing: systemd would unmount it.
ok mkdir -p /mnt/a
ok mount /dev/vg/data /mnt/a
ok lvextend -q -L +4M vg/data >/dev/null
seen /dev/vg/data
sleep 1
ok mountpoint -q /mnt/a
ok $fvp volume attach vg-data --mode write-back

# What is detached is everybody's again.
same "$(ls /etc/fvp/origins | wc -l)" 3
ok $fvp volume detach box
seen /dev/mapper/box
ok vgchange -q -an inner >/dev/null # which LVM has activated by itself, on the volume
ok $fvp volume detach top
seen $raw
same "$(udevadm info -q property -n $raw | grep -c ID_FS_TYPE=LVM2_member)" 1
same "$(ls /etc/fvp/origins | wc -l)" 1
ok $fvp volume attach $raw --mode write-back --name top
udevadm settle
ok lvchange -ay inner/lv
# Dirty, when the power goes: the origins get it slowly.
ok systemd-run -q --unit=load-raw bash -c 'while :; do dd if=/dev/urandom of=/dev/inner/lv bs=64k count=16 oflag=direct conv=fsync; done'
ok systemd-run -q --unit=load-fs bash -c 'while :; do dd if=/dev/urandom of=/mnt/a/load bs=64k count=16 conv=fsync; done'
echo known >/mnt/a/known
sync -f /mnt/a
ok cp -r /etc/fvp FILES/etc/
ok cp /etc/lvm/lvmlocal.conf FILES/etc/lvm/
echo "uuid=$uuid" >FILES/uuid
sync -f FILES
sleep 2
echo ALL-IS-WELL
sleep 100
'''

SECOND = HELPERS + r'''
. FILES/uuid
udevadm settle
# The module is not there: origins with dirty data, and nobody may see what is on them.
same "$(role $raw) $(role /dev/vg/data)" 'origin origin'
hidden /dev/lab/flash
hidden $raw
hidden /dev/vg/data
same "$(ready $raw) $(ready /dev/vg/data)" '0 0'
ok test ! -e "/dev/disk/by-uuid/$uuid"
ok test ! -e /dev/inner/lv
[[ "$(vgs --noheadings -o vg_name | tr -d ' ')" != *inner* ]] || fail 'LVM sees the volume group on the raw origin'
! mountpoint -q /mnt/a || fail 'the raw origin is mounted'
refused 2 'nobody may use the origin' $fvp host guard
# With it fstab's mount, which has waited, is made.
ok modprobe -a dm-mod libcrc32c
ok insmod out/module/$(uname -r)/dm-fvp.ko
ok $fvp host start
seen /dev/vg/data
hidden $raw
same "$(readlink -f "/dev/disk/by-uuid/$uuid")" "$(readlink -f /dev/vg/data)"
ok mkdir -p /mnt/a
ok mount -a
same "$(cat /mnt/a/known)" known
for i in $(seq 50); do [ -e /dev/inner/lv ] && break; sleep 0.2; done
ok test -e /dev/inner/lv # activated by LVM itself, on the volume
same "$(pvs --noheadings -o pv_name -S vg_name=inner | tr -d ' ')" /dev/mapper/top
ok umount /mnt/a
# Left dirty, it is still nobody's.
ok $fvp volume detach vg-data --leave-dirty
hidden /dev/vg/data
ok $fvp volume attach vg-data --warm
ok $fvp volume detach vg-data
seen /dev/vg/data
refused 1 'name one device' $fvp host role
refused 4 'No such file' $fvp host role /dev/none
'''

THIRD = HELPERS + r'''
# Nothing was dirty, so the guard lets the machines have the origin, and says so to udev.
udevadm settle
hidden $raw
ok $fvp host guard
seen $raw
same "$(ls /var/lib/fvp/stale | wc -l)" 1
'''

CLEAN = HELPERS + r'''
ok $fvp pool create p /dev/lab/flash
ok $fvp volume attach $raw --name top
ok dd if=/dev/mapper/top of=/dev/null bs=64k count=16 iflag=direct status=none
ok cp -r /etc/fvp FILES/etc/
sync -f FILES
echo ALL-IS-WELL
sleep 100
'''


def files_folder():
    folder = os.path.join(ROOT, 'out', f'host-udev-{os.getpid()}')
    install_tools(folder)
    os.makedirs(os.path.join(folder, 'etc', 'lvm'))
    return folder


def test_host_udev(guest, tmp_path):
    files = files_folder()
    options = ('--systemd', '--files', files, '--keep', str(tmp_path / 'disks'), *DISKS)
    try:
        guest(*options, '--kill-on', 'ALL-IS-WELL', script=FIRST.replace('FILES', files), status=75)
        with open(os.path.join(files, 'uuid'), encoding='ascii') as file:
            uuid = file.read().strip().split('=')[1]
        with open(os.path.join(files, 'etc/fstab'), 'w', encoding='ascii') as file:
            file.write(f'UUID={uuid} /mnt/a ext4 nofail,x-systemd.device-timeout=3s 0 0\n')
        guest(*options, '--no-module', script=SECOND.replace('FILES', files))
    finally:
        shutil.rmtree(files, ignore_errors=True)


def test_host_udev_clean(guest, tmp_path):
    files = files_folder()
    options = ('--systemd', '--files', files, '--keep', str(tmp_path / 'disks'), *DISKS)
    try:
        guest(*options, '--kill-on', 'ALL-IS-WELL', script=CLEAN.replace('FILES', files), status=75)
        guest(*options, '--no-module', script=THIRD.replace('FILES', files))
    finally:
        shutil.rmtree(files, ignore_errors=True)

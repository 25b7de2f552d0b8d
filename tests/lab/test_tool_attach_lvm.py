# SPDX-License-Identifier: GPL-2.0
"""Proves that a mounted logical volume is attached and detached where udev and LVM are at work, and LVM still knows it."""

SCRIPT = r'''
ok pvcreate -q -y /dev/lab/san >/dev/null
ok vgcreate -q vg /dev/lab/san >/dev/null
ok lvcreate -q -y -n data -L 32M vg >/dev/null
ok mkfs.ext4 -q /dev/vg/data
ok mkdir -p /mnt/a
ok mount /dev/vg/data /mnt/a
uuid=$(blkid -s UUID -o value /dev/vg/data)
ok $fvp pool create p /dev/lab/flash
ok $fvp volume attach /dev/vg/data
ok dd if=/dev/urandom of=/mnt/a/file bs=1M count=4 conv=fsync status=none
sum=$(md5sum </mnt/a/file)
udevadm settle
same "$(readlink -f /dev/disk/by-uuid/$uuid)" "$(readlink -f /dev/vg/data)" # not the hidden device
same "$(lvs --noheadings -o lv_name vg | tr -d ' ')" data
same "$(pvs --noheadings -o vg_name | tr -d ' \n')" vg # nothing is seen twice
drop_caches
same "$(md5sum </mnt/a/file)" "$sum"
[ "$(counter /dev/vg/data read_sectors)" -gt 0 ] || fail 'nothing was read through the volume'
ok $fvp volume detach /dev/vg/data
drop_caches
same "$(md5sum </mnt/a/file)" "$sum"
ok lvextend -q -L +8M vg/data >/dev/null
# A table that LVM swaps in ends the acceleration, and loses nothing; attaching again clears what is left.
ok $fvp volume attach vg-data
ok lvextend -q -L +8M vg/data >/dev/null
drop_caches
same "$(md5sum </mnt/a/file)" "$sum"
[ -z "$(dmsetup ls --target fvp | grep -v '^No devices')" ] || fail 'the volume is still there'
ok $fvp volume attach vg-data
ok $fvp volume detach vg-data
ok umount /mnt/a
ok e2fsck -fn /dev/vg/data >/dev/null 2>&1
ok lvchange -an vg/data
ok $fvp pool destroy p --yes
'''


def test_attach_lvm(guest):
    guest('--systemd', '--disk', 'flash:64M', '--disk', 'san:64M', script=SCRIPT)

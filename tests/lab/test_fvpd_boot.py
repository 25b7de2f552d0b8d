# SPDX-License-Identifier: GPL-2.0
"""Proves that after a power cut fvpd leaves to fvp host start, which attaches warm, what a pool still knows, and calls none of it stale."""
from fvpd_helpers import FVPD
from module_helpers import POWER_CUT

DISKS = ('--disk', 'flash:64M', '--disk', 'origin:16M')

FIRST = FVPD + r'''
ok dmsetup create lv --uuid LAB-lv --table "0 $(size /dev/lab/origin) linear /dev/lab/origin 0"
ok $fvp pool create p /dev/lab/flash >/dev/null
ok $fvp volume attach lv --mode write-back >/dev/null
put /dev/mapper/lv a 0 64
ok dmsetup suspend --noflush lv-fvp-origin # the origin stands still: the next ones stay dirty
put /dev/mapper/lv b 0 16
echo "RECORD $(basename /var/lib/fvp/volumes/*) $(base64 -w0 /var/lib/fvp/volumes/*)"
echo POWER-CUT
sleep 60
'''

# The record outlives a boot; the guest's files do not.
SECOND = FVPD + r'''
mkdir -p /var/lib/fvp/volumes
base64 -d <<<RECORD >/var/lib/fvp/volumes/UUID
ok dmsetup create lv --uuid LAB-lv --table "0 $(size /dev/lab/origin) linear /dev/lab/origin 0"
ok $fvp pool start p /dev/lab/flash >/dev/null
fvpd_start
says 'volume UUID was attached before the host booted, and is not now'
says 'it was attached when the host went down'
attached lv && fail 'it was attached without what flash has'
same "$(ls /var/lib/fvp/stale 2>/dev/null)" ''
ok $fvp host start >/dev/null
ok attached lv
same "$(word lv requested)" write-back
holds /dev/mapper/lv b 0 16
holds /dev/mapper/lv a 16 48
more "$(word lv hit_sectors)" 0 'sectors from the cache'
# From now on it is this boot's.
grep -q "^boot $(cat /proc/sys/kernel/random/boot_id)$" /var/lib/fvp/volumes/UUID || fail "$(cat /var/lib/fvp/volumes/UUID)"
fvpd_stop
'''


def test_boot(guest, tmp_path):
    options = ('--keep', str(tmp_path / 'disks'), *DISKS)
    done = guest(*options, '--kill-on', 'POWER-CUT', script=FIRST, status=POWER_CUT)
    uuid, record = done.stdout.split('RECORD ')[1].split()[:2]
    guest(*options, script=SECOND.replace('RECORD', record).replace('UUID', uuid))

# SPDX-License-Identifier: GPL-2.0
"""Proves that volumes are back, warm, before virtual machines start: after a reboot by systemd and after a power cut; and that
no machine starts on an origin whose last writes are on flash if the module is not there; a volume that was clean then is cold later.

The units are those of `make install`. The machines' service is a stand-in of its real name, as the guard knows it.
"""
import os
import shutil
import subprocess

import pytest

from conftest import ROOT
from module_helpers import install_tools

DISKS = ('--disk', 'flash:256M', '--disk', 'origin:64M', '--disk', 'other:64M')

MACHINES = '''[Unit]
Description=Stand-in for what starts virtual machines
[Service]
Type=oneshot
RemainAfterExit=yes
# Reads what was cached, before anyone else could have had it cached.
ExecStart=/bin/bash -c 'dd if=/dev/mapper/machine bs=1M count=8 iflag=direct status=none | sha256sum >/run/machines'
[Install]
WantedBy=multi-user.target
'''

FIRST = r'''
origin=$(readlink -f /dev/lab/origin)
ok $fvp pool create p /dev/lab/flash
ok $fvp volume attach $origin --mode write-back --name machine
head -c 8M /dev/urandom >/run/data
ok dd if=/run/data of=/dev/mapper/machine bs=64k oflag=direct conv=fsync status=none
ok $fvp volume attach "$(readlink -f /dev/lab/other)" --name other
tr '\0' a </dev/zero | ok dd of=/dev/mapper/other bs=64k count=32 iflag=fullblock oflag=direct status=none
ok systemctl start --no-block fvp.service # it is active from now on, and so stopped at shutdown
for i in $(seq 100); do systemctl -q is-active fvp.service && break; sleep 0.2; done
echo "sum $(sha256sum </run/data)"
sync
systemctl reboot
sleep 100
'''

AGAIN = r'''
ok systemctl -q is-active virtqemud.service
same "$(counter machine requested)" write-back
same "$(cut -d' ' -f1 /run/machines)" "SUM"
ok test -e /dev/mapper/other
[ "$(counter machine hit_sectors)" -ge 16384 ] || fail "not warm: $($fvp volume show machine)"
ok dd if=/dev/mapper/machine of=/run/data bs=1M count=8 iflag=direct status=none
sha256sum </run/data | grep -q "^SUM" || fail "other data"
# The same again and again: something of it is dirty at any time.
for i in $(seq 1000); do dd if=/run/data of=/dev/mapper/machine bs=64k oflag=direct conv=fsync status=none; done &
sleep 2
echo ALL-IS-WELL
sleep 100
'''

GUARDED = r'''
! systemctl -q is-active virtqemud.service || fail "the machines have started"
! [ -e /run/machines ] || fail "they read the origin"
same "$(systemctl show -P Result fvp-guard.service)" exit-code
said=$(journalctl -b -u fvp-guard.service -o cat)
[[ $said == *"volume machine ("*"B of acknowledged writes"*"nobody may use the origin"* ]] || fail "$said"
[[ $said == *"fvp recover"* ]] || fail "$said"
# As it says: then they may.
ok $fvp recover /dev/lab/flash --origin "$($fvp recover --dry-run --json /dev/lab/flash | jq -r '.volumes[0].uuid')=/dev/lab/origin"
dd if=/dev/lab/origin bs=1M count=8 iflag=direct status=none | sha256sum | grep -q "^SUM" || fail "recovered other data"
ok $fvp host guard
ok systemctl start virtqemud.service
# The other volume was clean, so its origin may be written now: its cache must not be believed afterwards.
same "$(ls /var/lib/fvp/stale | wc -l)" 1
tr '\0' b </dev/zero | ok dd of=/dev/lab/other bs=64k count=32 iflag=fullblock oflag=direct status=none
ok modprobe -a dm-mod libcrc32c
ok insmod out/module/$(uname -r)/dm-fvp.ko
ok $fvp host start
same "$(ls /var/lib/fvp/stale | wc -l)" 0
same "$(dd if=/dev/mapper/other bs=64k count=32 iflag=direct status=none | tr -d b | wc -c)" 0
'''


def install(folder):
    """What make install puts on a host, with the units enabled."""
    install_tools(folder)
    units = os.path.join(folder, 'usr/lib/systemd/system')
    with open(os.path.join(units, 'virtqemud.service'), 'w', encoding='ascii') as file:
        file.write(MACHINES)
    subprocess.run(['systemctl', f'--root={folder}', 'enable', 'fvp.service', 'fvp-guard.service', 'virtqemud.service'],
                   check=True, capture_output=True)


@pytest.mark.long
def test_host_reboot(guest, tmp_path):
    files = os.path.join(ROOT, 'out', f'host-reboot-{os.getpid()}')
    options = ('--systemd', '--files', files, '--keep', str(tmp_path / 'disks'), *DISKS)
    try:
        install(files)
        # An orderly reboot ends the guest before its command: 71.
        done = guest(*options, script=FIRST, status=71)
        digest = done.stdout.split('sum ')[1].split()[0]
        log = (tmp_path / 'kernel.log').read_text(errors='replace')
        assert 'fvp: ' in log and ('stay on flash' in log or 'nothing is dirty' in log), log[-3000:]
        for _ in ('after the reboot', 'after the power cut'):
            guest(*options, '--kill-on', 'ALL-IS-WELL', script=AGAIN.replace('SUM', digest), status=75)
        guest(*options, '--no-module', script=GUARDED.replace('SUM', digest))
    finally:
        shutil.rmtree(files, ignore_errors=True)

# SPDX-License-Identifier: GPL-2.0
"""Proves that fvpd as a unit of systemd tells when it is ready, reloads, logs with priorities, and that killing it under I/O, also while
it attaches, costs no I/O error and no byte: systemd starts it again, and it does what was left to do."""
import os
import shutil
import subprocess

from conftest import ROOT
from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
pid() { systemctl show -P MainPID fvpd.service; }
running() { systemctl -q is-active fvpd.service && [ "$(pid)" != "$1" ]; }
# Kills it, and waits until systemd has another one.
murder() {
	local was
	was=$(pid)
	ok kill -9 "$was"
	pump running "$was"
}
journal() { journalctl -q -b -u fvpd.service -o cat "$@"; }
attached() { dmsetup table lv | grep -q ' fvp '; }
ok systemctl -q is-active fvpd.service
journal -p info | grep -q 'watches$' || fail "$(journal)"

ok dmsetup create lv --uuid LAB-lv --table "0 65536 linear /dev/lab/origin 0"
table=$(dmsetup table lv)
ok fvp pool create p /dev/lab/flash >/dev/null
ok fvp volume attach lv --mode write-back >/dev/null
load lv /dev/mapper/lv --size=8M
murder
attached || fail 'killing it ended the volume'
for moment in 0.2 1.1 1.3 2.2; do
	swap lv "$table"
	sleep $moment
	murder
	pump attached
	loading
done
stop_load
same "$(word lv requested)" write-back
ok fvp volume flush lv --wait >/dev/null
is_origin /dev/mapper/lv /dev/mapper/lv-fvp-origin
journal -p warning | grep -q 'lv: another program has replaced its table' || fail "$(journal)"

# A reload that is right, and one that is wrong: it runs on.
was=$(pid)
printf '[report]\ndirty_age = 60\n' >/etc/fvp/conf.d/a.conf
ok systemctl reload fvpd.service
says() { journal "$@" | grep -q "$text"; }
text='read again' pump says
printf '[report]\ndirty_age = soon\n' >/etc/fvp/conf.d/a.conf
ok systemctl reload fvpd.service
text='/etc/fvp/conf.d/a.conf:2: dirty_age takes a number' pump says -p err
same "$(pid)" "$was"
# But it does not start with it, and its status says so.
ok systemctl stop fvpd.service
refused 1 '' systemctl start fvpd.service
same "$(systemctl show -P ExecMainStatus fvpd.service)" 6
attached || fail 'stopping it ended the volume'
'''


def install(folder):
    """What make install puts on a host, with the unit enabled."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(['make', '-s', 'tools-install', 'daemon-install', f'DESTDIR={folder}'], cwd=ROOT, check=True, capture_output=True)
    # Its lib is a folder, a host's is a link.
    os.makedirs(os.path.join(folder, 'usr/lib'), exist_ok=True)
    for name in os.listdir(os.path.join(folder, 'lib')):
        shutil.move(os.path.join(folder, 'lib', name), os.path.join(folder, 'usr/lib', name))
    os.rmdir(os.path.join(folder, 'lib'))
    subprocess.run(['systemctl', f'--root={folder}', 'enable', 'fvpd.service'], check=True, capture_output=True)


def test_unit(guest):
    files = os.path.join(ROOT, 'out', f'fvpd-unit-{os.getpid()}')
    try:
        install(files)
        guest('--systemd', '--files', files, '--disk', 'flash:128M', '--disk', 'origin:32M:slow', script=SCRIPT)
    finally:
        shutil.rmtree(files, ignore_errors=True)

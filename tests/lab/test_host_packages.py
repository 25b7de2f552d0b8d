# SPDX-License-Identifier: GPL-2.0
"""Proves that the Debian packages are built without a word from lintian; that an upgrade under load costs no I/O; that removal is
refused while a volume is attached or dirty, and says what to do; and that a purge leaves nothing, or says what it leaves.

The sources of the module (fvp-dkms) need compilers and headers, which guests lack: there only its script is run.
"""
import glob
import os
import re
import shutil
import subprocess

from conftest import ROOT
from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
fvp=/usr/sbin/fvp
version() { dpkg-query -W -f '${db:Status-Status} ${Version}' fvp-utils; }
ok dpkg -i DEBS/1/fvp-utils_*.deb >/dev/null
same "$(version)" 'installed 0.1.0'
for unit in fvp.service fvp-guard.service; do ok systemctl -q is-enabled $unit; done
! systemctl -q is-active fvp.service || fail 'installing it has started it'

ok $fvp pool create p /dev/lab/flash
n=$(size /dev/lab/origin)
ok dmsetup create store --table "0 $n linear /dev/lab/origin 0"
ok dmsetup create v --table "0 $n linear /dev/mapper/store 0"
ok $fvp volume attach v --mode write-back
load through /dev/mapper/v --size=32M
sleep 2
before=$(dmsetup table)
ok dpkg -i DEBS/2/fvp-utils_*.deb >/dev/null
same "$(version)" 'installed 0.1.0+upgrade1'
same "$(dmsetup table)" "$before"
loading
# Removal is refused; nothing stops.
refused 1 'volumes are attached' dpkg -r fvp-utils
refused 1 'volumes are attached' dpkg -P fvp-utils
refused 1 'the module is in use by 2 device(s)' bash DEBS/fvp-dkms.prerm remove
ok bash DEBS/fvp-dkms.prerm upgrade 0.1.0
same "$(version)" 'installed 0.1.0+upgrade1'
same "$(dmsetup table)" "$before"
ok $fvp status >/dev/null
sleep 2
stop_load

# Nothing is attached, but dirty.
turn store "0 $n error"
put /dev/mapper/v a 0 16
ok $fvp volume detach v --leave-dirty
more "$($fvp status --json | jq '.pools[0].dirty_sectors')" 0 dirty_sectors
refused 1 'may have acknowledged writes that an origin lacks' dpkg -r fvp-utils
refused 1 'the module is in use by 1 device(s)' bash DEBS/fvp-dkms.prerm remove
ok $fvp pool stop p
refused 1 'nobody may use the origin' dpkg -r fvp-utils
refused 1 'nobody may use the origin' bash DEBS/fvp-dkms.prerm remove
ok $fvp pool start p /dev/lab/flash
turn store "0 $n linear /dev/lab/origin 0"
ok $fvp volume attach v --warm
# By force, and told when the last trace goes.
ok env FVP_FORCE_REMOVE=1 dpkg -r fvp-utils >/dev/null
ok test ! -e $fvp
same "$(dmsetup ls --target fvp | cut -f1)" v
said=$(dpkg -P fvp-utils 2>&1) || fail "$said"
[[ $said == *'was attached when the package was removed'*'may lack acknowledged writes'* ]] || fail "$said"
ok dpkg -i DEBS/2/fvp-utils_*.deb >/dev/null

# As the manual says.
ok $fvp volume detach v
ok $fvp pool destroy p --yes
said=$(dpkg -r fvp-utils 2>&1) || fail "$said"
ok bash DEBS/fvp-dkms.prerm remove
said=$(dpkg -P fvp-utils 2>&1) || fail "$said"
[[ $said != *attached* ]] || fail "$said"
for path in /usr/sbin/fvp /etc/fvp /var/lib/fvp /usr/share/fvp /lib/udev/rules.d/59-fvp.rules /lib/systemd/system/fvp.service; do
	ok test ! -e $path
done
left=$(find /etc/systemd -name 'fvp*' ! -name 'fvp-lab.*') # which are the guest's own
[ -z "$left" ] || fail "$left"
'''


def build(source, debs):
    done = subprocess.run(['dpkg-buildpackage', '-b', '-us', '-uc', '-nc'], cwd=source, capture_output=True, text=True, check=False,
                          env={**os.environ, 'DEB_BUILD_OPTIONS': 'parallel=2'})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    os.makedirs(debs)
    changes = glob.glob(os.path.join(source, '..', '*.changes'))
    lintian = subprocess.run(['lintian', '--allow-root', '--fail-on', 'error,warning', *changes], capture_output=True, text=True,
                             check=False)
    assert (lintian.returncode, lintian.stdout) == (0, ''), lintian.stdout + lintian.stderr
    for path in glob.glob(os.path.join(source, '..', 'fvp*_*.*')):
        shutil.move(path, debs)


def bump(source):
    """A version more, as a maintainer would write it."""
    path = os.path.join(source, 'debian', 'changelog')
    with open(path, encoding='utf-8') as file:
        old = file.read()
    first = old.split('\n -- ')[0] + '\n -- ' + old.split('\n -- ')[1].split('\n')[0] + '\n'
    new = re.sub(r'\((.*?)\)', r'(\1+upgrade1)', first, count=1).replace(' 00:00:00 ', ' 00:00:01 ')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(new + '\n' + old)


def test_host_packages(guest):
    debs = os.path.join(ROOT, 'out', f'packages-{os.getpid()}')
    source = os.path.join(debs, 'build', 'fvp')
    try:
        os.makedirs(source)
        listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, capture_output=True, text=True, check=True)
        files = [name for name in listed.stdout.splitlines() if os.path.isfile(os.path.join(ROOT, name))]
        subprocess.run(['rsync', '-a', '--files-from=-', ROOT + '/', source], input='\n'.join(files), text=True, check=True)
        build(source, os.path.join(debs, '1'))
        bump(source)
        # What the first build has left would be taken for packaging of this one.
        subprocess.run(['dh_clean', '-Xout'], cwd=source, check=True, capture_output=True)
        build(source, os.path.join(debs, '2'))
        with open(os.path.join(source, 'debian', 'fvp-dkms.prerm'), encoding='ascii') as file:
            script = file.read()
        with open(os.path.join(debs, 'fvp-dkms.prerm'), 'w', encoding='ascii') as file:
            file.write(script)
        guest('--systemd', '--disk', 'flash:256M', '--disk', 'origin:64M', script=SCRIPT.replace('DEBS', debs))
    finally:
        shutil.rmtree(debs, ignore_errors=True)

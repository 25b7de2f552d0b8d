# SPDX-License-Identifier: GPL-2.0
"""Proves that the runbooks of docs/operating.md work as they stand, each from the state that it is for, and lose nothing."""
import re

from module_helpers import HELPERS
from test_documents_commands import FENCED, read

# The names of the document are those of the lab; the volume is a device whose store can fail.
SETUP = HELPERS + r'''
flash=/dev/lab/flash vm=/dev/mapper/vg-vm1
n=$(size /dev/lab/origin)
ok dmsetup create store --table "0 $n linear /dev/lab/origin 0"
ok dmsetup create vg-vm1 --table "0 $n linear /dev/mapper/store 0"
# step LINE: of a runbook. doctor may find something, and forget shows what it would need to be told to give up.
step() {
	local status
	eval "$1" </dev/null
	status=$?
	case "$status $1" in
	'0 '* | '6 out/fvp doctor' | '2 $fvp volume forget vg-vm1') ;;
	*) fail "$1: status $status" ;;
	esac
}
unloaded() { ! grep -q '^dm_fvp ' /proc/modules; }
begin() {
	grep -q '^dm_fvp ' /proc/modules || ok insmod "out/module/$(uname -r)/dm-fvp.ko"
	wipefs -qa /dev/lab/flash /dev/lab/replica /dev/lab/new
	ok $fvp pool create flash $flash --force >/dev/null
}
attached() { begin && ok $fvp volume attach $vm --mode write-back "$@" >/dev/null; }
# Dirty data of a host that is gone: its origin failed before that, so that it lacks all of it.
gone() {
	turn store "0 $n error"
	put $vm "$1" 0 32
	pump eval '[ "$(counter vg-vm1 origin_state)" = failing ]'
	ok $fvp volume detach vg-vm1 --leave-dirty >/dev/null
	ok $fvp pool stop flash >/dev/null
	turn store "0 $n linear /dev/lab/origin 0"
	drop_caches
}
origin_has() { drop_caches && holds /dev/lab/origin "$1" 0 32; }
clean() {
	[ ! -e $vm ] || [[ $(dmsetup table vg-vm1) != *' fvp '* ]] || ok $fvp volume detach vg-vm1 >/dev/null
	[ ! -e /dev/mapper/flash ] || ok $fvp pool destroy flash --yes --accept-data-loss >/dev/null
}
'''

# Section: what is so before it, and after it.
RUNBOOKS = {
    'Replace a flash device': ('attached; put $vm a 0 32', 'origin_has a; same "$(counter vg-vm1 effective)" write-back'),
    'The host died, and comes back': ('attached; gone b', 'origin_has b; same "$(counter vg-vm1 dirty_bytes)" 0'),
    'The host died, and does not come back': (
        'begin; ok $fvp replica create flash /dev/lab/replica --force >/dev/null; '
        'pump eval \'[ "$($fvp replica list --json | jq -r ".[0].state")" = in ]\'; '
        'ok $fvp volume attach $vm --mode write-back --replicas all >/dev/null; gone c; '
        'dd if=/dev/zero of=$flash bs=1M conv=fsync status=none 2>/dev/null',
        'origin_has c'),
    'Flash is full of dirty data': ('attached; put $vm d 0 32', 'origin_has d; same "$(counter vg-vm1 requested)" write-back'),
    'The origin is lost': (
        'attached; turn store "0 $n error"; put $vm e 0 32; pump eval \'[ "$(counter vg-vm1 origin_state)" = failing ]\'',
        'same "$($fvp status --json | jq .reboot.dirty_bytes)" 0; turn store "0 $n linear /dev/lab/origin 0"'),
    'Take it out without loss': ('attached; put $vm f 0 32', 'origin_has f; ok unloaded; same "$(dmsetup table vg-vm1 | cut -d" " -f3)" linear'),
    'Upgrade': ('attached; put $vm g 0 32', 'origin_has g; same "$(counter vg-vm1 effective)" write-back'),
}
NAMES = [('/dev/nvme0n1', '/dev/lab/flash'), ('/dev/nvme1n1', '/dev/lab/replica'), ('/dev/nvme2n1', '/dev/lab/new'),
         ('/dev/vg/vm1', '/dev/mapper/vg-vm1'), ('modprobe dm-fvp', 'insmod "out/module/$(uname -r)/dm-fvp.ko"')]


def sections():
    """Title and commands of each."""
    for part in re.split(r'^## ', read('docs/operating.md'), flags=re.M)[1:]:
        lines = [line for block in FENCED.findall(part) for line in block.splitlines()]
        yield part.splitlines()[0], lines


def test_runbooks(guest):
    script = SETUP
    for title, lines in sections():
        before, after = RUNBOOKS[title]
        script += f'\necho "RUNBOOK {title}"\n{before}\n'
        for line in lines:
            for name, lab in NAMES:
                line = line.replace(name, lab)
            line = re.sub(r'^fvp ', '$fvp ', line).replace('$fvp doctor', 'out/fvp doctor')
            script += f"step '{line}'\n"
        script += f'{after}\nclean\n'
    done = guest('--disk', 'flash:64M', '--disk', 'origin:16M', '--disk', 'replica:64M', '--disk', 'new:64M', script=script)
    assert done.stdout.count('RUNBOOK ') == len(RUNBOOKS)

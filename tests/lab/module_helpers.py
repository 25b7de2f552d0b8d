# SPDX-License-Identifier: GPL-2.0
"""What the tests of the module share: shell functions beside those of conftest.py, and programs they need."""
import os
import random
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CRAFT = os.path.join('out', 'fvp-craft')
POWER_CUT = 75

# Device-mapper is driven by hand here: the module is under test, and not the tool.
HELPERS = r'''
uuid_a=11111111-aaaa-4000-8000-000000000001
uuid_b=22222222-bbbb-4000-8000-000000000002
size() { blockdev --getsz "$1"; }
# line POOL ORIGIN UUID MODE [OPTION...]: a volume's table line.
line() { echo "0 $(size "$2") fvp /dev/mapper/$1 $2 ${*:3}"; }
# attach NAME POOL ORIGIN UUID MODE [OPTION...]
attach() { ok dmsetup create "$1" --table "$(line "${@:2}")"; }
# word DEVICE NAME: a word of the status line.
word() {
	local words
	words=$(dmsetup status "$1")
	[[ $words == *" $2="* ]] || fail "$1 has no status $2: $words"
	words=${words#* "$2"=}
	echo "${words%% *}"
}
# more A B WHAT: A is greater than B.
more() { [ "$1" -gt "$2" ] || fail "$3: $1 is not more than $2"; }
# pump COMMAND...: waits up to 20 s (longer on a debug kernel) until the command succeeds.
pump() {
	local i
	for ((i = 0; i < 100 * slowdown; i++)); do
		"$@" && return
		sleep 0.2
	done
	fail "never: $*"
}
# swap NAME LINE: another table, as any tool does it under a running device.
swap() {
	ok dmsetup load "$1" --table "$2"
	ok dmsetup suspend "$1"
	ok dmsetup resume "$1"
}
# turn NAME TABLE: another table, of one line or more, without waiting for I/O that it is to fail.
turn() {
	ok dmsetup load "$1" <<<"$2"
	ok dmsetup suspend --noflush --nolockfs "$1"
	ok dmsetup resume "$1"
}
# no_reads DEVICE [PLACE]: a target, for a table, that fails reads of the device alone; no_writes: writes alone. dm-flakey does
# the first from 6.6 on.
no_io() { [ -e /dev/mapper/no-io ] || ok dmsetup create no-io --table "0 $(size "$1") error"; }
no_reads() { no_io "$1" && echo "delay /dev/mapper/no-io ${2-0} 0 $1 ${2-0} 0"; }
no_writes() { no_io "$1" && echo "delay $1 ${2-0} 0 /dev/mapper/no-io ${2-0} 0"; }
# is_origin VOLUME ORIGIN: the volume reads what the origin has; first what was cached, then what this has filled.
is_origin() {
	local round
	for round in 1 2; do
		drop_caches
		ok cmp "$1" "$2"
	done
}
# pages DEVICE FIRST COUNT: reads 4 KiB blocks, past the page cache.
pages() { dd if="$1" of=/dev/null bs=4k skip="$2" count="$3" iflag=direct status=none; }
# put DEVICE LETTER FIRST COUNT: writes 64 KiB blocks full of a letter.
put() {
	tr '\0' "$2" </dev/zero |
		dd of="$1" bs=64k seek="$3" count="$4" iflag=fullblock oflag=direct conv=notrunc status=none
}
# holds DEVICE LETTER FIRST COUNT: and finds them again.
holds() {
	same "$(dd if="$1" bs=64k skip="$3" count="$4" iflag=direct status=none | tr -d "$2" | wc -c)" 0
}
# fs_clean KIND DEVICE: the file system is, now that it has been mounted and so has replayed its journal.
fs_clean() {
	case $1 in
	ext4) e2fsck -fn "$2" >/tmp/fsck 2>&1 ;;
	xfs) xfs_repair -n "$2" >/tmp/fsck 2>&1 ;;
	esac || fail "$2: $(cat /tmp/fsck)"
}
# destaged VOLUME...: each of pool p, removed: a suspend destages everything, and the origin of its name then has what it had.
destaged() {
	local v sum
	for v in "$@"; do
		same "$(word "$v" flash_read_errors) $(word "$v" lost_sectors) $(word p health)" '0 0 ok'
		sum=$(md5sum <"/dev/mapper/$v")
		ok dmsetup remove "$v"
		drop_caches
		same "$(md5sum <"/dev/lab/$v")" "$sum"
	done
}
# Mixed sizes, 16 at a time, over one another, all read back and checked.
fio_words=(--thread --ioengine=libaio --direct=1 --rw=randwrite --bsrange=512-256k --blockalign=512 --iodepth=16
	--norandommap --serialize_overlap=1 --verify=crc32c --do_verify=1 --verify_fatal=1 --randrepeat=1)
# verify NAME DEVICE [OPTION...]
verify() {
	fio --name="$1" --filename="$2" "${fio_words[@]}" --output="/tmp/$1.fio" "${@:3}" ||
		fail "fio $1: $(tail -50 "/tmp/$1.fio")"
}
# The same in the background until stop_load.  load NAME DEVICE [OPTION...]
load() {
	fio --name="$1" --filename="$2" "${fio_words[@]}" --output="/tmp/$1.fio" --verify_backlog=64 --time_based \
		--runtime=600 "${@:3}" &
	load_job=$! load_name=$1
}
loading() { kill -0 $load_job 2>/dev/null || fail "fio $load_name ended early: $(tail -50 "/tmp/$load_name.fio")"; }
# Ends it; it must have seen no error.
stop_load() {
	loading
	kill $load_job
	wait $load_job
	grep -q 'err= 0' "/tmp/$load_name.fio" || fail "fio $load_name: $(tail -50 "/tmp/$load_name.fio")"
}
'''


def craft():
    """Builds the program that makes and damages flash contents; returns its path."""
    subprocess.run(['make', '-s', '-f', 'tests.mk', CRAFT], cwd=ROOT, check=True)
    return os.path.join(ROOT, CRAFT)


def install_tools(folder):
    """What make tools-install puts on a host, as a tree for fvp-lab --files."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(['make', '-s', 'tools-install', f'DESTDIR={folder}'], cwd=ROOT, check=True, capture_output=True)
    # Its lib is a folder, a host's is a link.
    os.makedirs(os.path.join(folder, 'usr/lib'), exist_ok=True)
    for name in os.listdir(os.path.join(folder, 'lib')):
        shutil.move(os.path.join(folder, 'lib', name), os.path.join(folder, 'usr/lib', name))
    os.rmdir(os.path.join(folder, 'lib'))


def acknowledged(text, known):
    """How many of each kind a load has said to be durable: "KIND NUMBER" as each was, from 0 on; those before are known."""
    return {kind: max([int(n) + 1 for n in re.findall(rf'^{kind} (\d+)$', text, re.M)] + [count])
            for kind, count in known.items()}


def with_numbers(script, known, seconds):
    for kind, count in known.items():
        script = script.replace(f'ACK_{kind}', str(count))
    return script.replace('SECONDS', f'{seconds:.2f}')


def cut_power(guest, options, scripts, kinds, cuts, seconds, timeout=240):
    """Runs the first script, then the second again and again, so many times in all, each in a guest that loses power when the
    script says POWER-CUT; and the last one in a guest that does not: its output. In them SECONDS is a time out of (least, most)
    and ACK_KIND how many of that kind had been acknowledged before."""
    first, again, last = scripts
    chance = random.Random(cuts)
    known = dict.fromkeys(kinds, 0)
    script = first
    for cut in range(cuts):
        done = guest('--kill-on', 'POWER-CUT', *options, status=POWER_CUT, timeout=timeout,
                     script=with_numbers(script, known, chance.uniform(*seconds)))
        before, known = known, acknowledged(done.stdout, known)
        print(f'cut {cut}: {known}')
        assert all(known[kind] > before[kind] for kind in kinds), f'cut {cut}: nothing was written: {known}\n{done.stdout}'
        script = again
    return guest(*options, timeout=timeout, script=with_numbers(last, known, 0)).stdout
